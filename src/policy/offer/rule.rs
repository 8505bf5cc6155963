//! One rule of the ladder: for whom it is and how its terms come about.

use super::Misfit;
use crate::domain::candidate::{CandidateKind, Coupon, LimitMode};
use crate::domain::events::RepaymentMethod;
use crate::domain::{Subject, Text};
use crate::policy::facts::PartnerLimit;
use crate::policy::segments::{Activity, Segment};

/// One offer the policy makes, before it knows to whom.
#[derive(Clone, Debug)]
pub struct OfferRule {
    pub offer: Text,
    pub code: Text,
    pub product: Text,
    pub kinds: Vec<CandidateKind>,
    /// Empty: every segment.
    pub segments: Vec<Segment>,
    /// Empty: however active.
    pub activity: Vec<Activity>,
    /// Empty: every grade.
    pub grades: Vec<Text>,
    /// For holders of a frozen or expired own limit, and for nobody else.
    pub renews: bool,
    pub currency: Text,
    pub limit: LimitRule,
    pub limit_mode: LimitMode,
    /// Compared with the best the customer has at any door, not only with the partner's terms.
    pub best: bool,
    /// No cost rule: no condition on the price.
    pub cost: Option<CostRule>,
    /// The offer's own interest in place of the product's, parts per million a year.
    pub interest_ppm: Option<i64>,
    pub term: Option<TermRule>,
    pub repayment_method: Option<MethodRule>,
    pub coupons: Vec<Coupon>,
    pub channels: Vec<Text>,
    pub touchpoint: Option<Text>,
    pub template: Option<Text>,
    pub deep_link: Option<Text>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitRule {
    /// What the customer has.
    Same,
    /// More than the customer has, parts per million.
    Plus(i64),
    /// Minor units.
    Fixed(i64),
    /// Minor units by the number of disbursements before; the last goes on.
    ByRepeat(Vec<i64>),
    /// The own limit the customer holds already; the candidate states none.
    Own,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CostRule {
    /// Annualised all-in cost, parts per million.
    Fixed(i64),
    /// Parts per million below what the customer pays.
    BelowPartner(i64),
}

#[derive(Clone, Copy, Debug)]
pub enum TermRule {
    Same,
    Months(i32),
}

#[derive(Clone, Copy, Debug)]
pub enum MethodRule {
    Same,
    Fixed(RepaymentMethod),
}

impl LimitRule {
    pub(super) fn minor(&self, has: &PartnerLimit<'_>, repeat: usize) -> Result<Option<i64>, Misfit> {
        let known = has.limit_minor.ok_or(Misfit::Unknown(Subject::PartnerLimit));
        match self {
            LimitRule::Same => known.map(Some),
            LimitRule::Plus(ppm) => known.map(|minor| Some(raised(minor, *ppm))),
            LimitRule::Fixed(minor) => Ok(Some(*minor)),
            LimitRule::ByRepeat(path) => Ok(path.get(repeat).or(path.last()).copied()),
            LimitRule::Own => Ok(None),
        }
    }
}

/// An amount raised by parts per million, rounded down to a minor unit, saturating.
fn raised(minor: i64, ppm: i64) -> i64 {
    let raised = (i128::from(minor) * (1_000_000 + i128::from(ppm))).div_euclid(1_000_000);
    i64::try_from(raised).unwrap_or(i64::MAX)
}

impl CostRule {
    pub(super) fn ppm(self, has: &PartnerLimit<'_>) -> Result<i64, Misfit> {
        match self {
            CostRule::Fixed(ppm) => Ok(ppm),
            CostRule::BelowPartner(points) => {
                let ppm = has.all_in_cost_ppm.ok_or(Misfit::Unknown(Subject::PartnerAllInCost))?;
                Some(ppm.saturating_sub(points)).filter(|ppm| *ppm >= 0).ok_or(Misfit::NotBetter)
            }
        }
    }
}

impl TermRule {
    pub(super) fn months(self, has: &PartnerLimit<'_>) -> Result<i32, Misfit> {
        match self {
            TermRule::Months(months) => Ok(months),
            TermRule::Same => has.term_months.ok_or(Misfit::Unknown(Subject::PartnerTerm)),
        }
    }
}

impl MethodRule {
    pub(super) fn of(self, has: &PartnerLimit<'_>) -> Result<RepaymentMethod, Misfit> {
        match self {
            MethodRule::Fixed(method) => Ok(method),
            MethodRule::Same => has.repayment_method.ok_or(Misfit::Unknown(Subject::PartnerRepaymentMethod)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::raised;

    #[test]
    fn raises_by_exact_parts_and_rounds_down() {
        assert_eq!(raised(1_000_001, 200_000), 1_200_001);
        assert_eq!(raised(3, 500_000), 4);
        assert_eq!(raised(i64::MAX, 1), i64::MAX);
    }
}
