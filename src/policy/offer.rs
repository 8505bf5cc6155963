//! The offer: the first rule of the policy that fits the kind of customer and the currency, with everything it needs known.

use super::findings::{Case, Findings};
use crate::domain::ReasonCode::ExcNoOffer;
use crate::domain::Text;
use crate::domain::candidate::{CandidateKind, Coupon, Delivery, LimitMode, Offer};
use crate::domain::check::{Relation, Unit};
use crate::domain::events::RepaymentMethod;
use crate::domain::words::Word;
use crate::policy::facts::PartnerLimit;

/// One offer the policy makes, before it knows to whom.
#[derive(Clone, Debug)]
pub(super) struct OfferRule {
    pub offer: Text,
    pub code: Text,
    pub product: Text,
    pub kinds: Vec<CandidateKind>,
    pub currency: Text,
    pub limit: LimitRule,
    pub limit_mode: LimitMode,
    /// No cost rule: no price claim.
    pub cost: Option<CostRule>,
    pub term: Option<TermRule>,
    pub repayment_method: Option<MethodRule>,
    pub coupons: Vec<Coupon>,
    pub channels: Vec<Text>,
    pub touchpoint: Option<Text>,
    pub template: Option<Text>,
    pub deep_link: Option<Text>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum LimitRule {
    /// What the partner flow gave.
    Same,
    /// More than the partner flow gave, parts per million.
    Plus(i64),
    /// Minor units.
    Fixed(i64),
    /// The own limit the customer holds already; the candidate states none.
    Own,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum CostRule {
    /// Annualised all-in cost, parts per million.
    Fixed(i64),
    /// Parts per million below what the partner flow costs.
    BelowPartner(i64),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum TermRule {
    Same,
    Months(i32),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum MethodRule {
    Same,
    Fixed(RepaymentMethod),
}

/// Why a rule does not fit.
enum Misfit {
    OtherCustomers,
    /// The rule builds on something that is not known.
    Unknown(&'static str),
    /// There is no price left that is so much lower.
    NoPriceBelow,
}

/// What is shown and how.
pub(super) struct Chosen {
    pub offer: Offer,
    pub delivery: Delivery,
}

pub(super) fn judge(case: &Case<'_>, found: &mut Findings) -> Option<Chosen> {
    let kind = case.facts.kind;
    let currency = case.facts.limit.currency.unwrap_or(&case.contract.currency);
    let mut unknown = None;
    let mut chosen = None;
    let admits = |rule: &&OfferRule| case.policy.experiments.admits(&rule.offer, case.challenger);
    for rule in case.policy.offers.iter().filter(admits) {
        match rule.offer_for(kind, currency, &case.facts.limit) {
            Ok(offer) => {
                chosen = Some(Chosen { offer, delivery: rule.delivery(case) });
                break;
            }
            Err(Misfit::Unknown(what)) => unknown = unknown.or(Some(what)),
            Err(Misfit::OtherCustomers | Misfit::NoPriceBelow) => {}
        }
    }
    found.number(ExcNoOffer, "offers_that_fit", Unit::Count, i64::from(chosen.is_some()), Relation::AtLeast, 1);
    if let (None, Some(what)) = (&chosen, unknown) {
        found.missing(what);
    }
    chosen
}

impl OfferRule {
    fn offer_for(&self, kind: CandidateKind, currency: &str, limit: &PartnerLimit<'_>) -> Result<Offer, Misfit> {
        if !self.kinds.contains(&kind) || self.currency != currency {
            return Err(Misfit::OtherCustomers);
        }
        Ok(Offer {
            offer: self.offer.clone(),
            code: self.code.clone(),
            product: self.product.clone(),
            currency: self.currency.clone(),
            limit_minor: self.limit.minor(limit)?,
            limit_mode: Some(self.limit_mode),
            term_months: self.term.map(|term| term.months(limit)).transpose()?,
            all_in_cost_ppm: self.cost.map(|cost| cost.ppm(limit)).transpose()?,
            repayment_method: self.repayment_method.map(|method| method.name(limit)).transpose()?,
            cost: None,
            coupons: self.coupons.clone(),
        })
    }

    fn delivery(&self, case: &Case<'_>) -> Delivery {
        Delivery {
            channels: self.channels.clone(),
            touchpoint: self.touchpoint.clone().or_else(|| case.contract.touchpoint.clone()),
            template: self.template.clone(),
            deep_link: self.deep_link.clone(),
            ..Delivery::default()
        }
    }
}

impl LimitRule {
    fn minor(self, partner: &PartnerLimit<'_>) -> Result<Option<i64>, Misfit> {
        let known = partner.limit_minor.ok_or(Misfit::Unknown("partner_limit"));
        match self {
            LimitRule::Same => known.map(Some),
            LimitRule::Plus(ppm) => known.map(|minor| Some(raised(minor, ppm))),
            LimitRule::Fixed(minor) => Ok(Some(minor)),
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
    fn ppm(self, partner: &PartnerLimit<'_>) -> Result<i64, Misfit> {
        match self {
            CostRule::Fixed(ppm) => Ok(ppm),
            CostRule::BelowPartner(points) => {
                let partner = partner.all_in_cost_ppm.ok_or(Misfit::Unknown("partner_all_in_cost"))?;
                Some(partner.saturating_sub(points)).filter(|ppm| *ppm >= 0).ok_or(Misfit::NoPriceBelow)
            }
        }
    }
}

impl TermRule {
    fn months(self, partner: &PartnerLimit<'_>) -> Result<i32, Misfit> {
        match self {
            TermRule::Months(months) => Ok(months),
            TermRule::Same => partner.term_months.ok_or(Misfit::Unknown("partner_term")),
        }
    }
}

impl MethodRule {
    fn name(self, partner: &PartnerLimit<'_>) -> Result<Text, Misfit> {
        let method = match self {
            MethodRule::Fixed(method) => method,
            MethodRule::Same => partner.repayment_method.ok_or(Misfit::Unknown("partner_repayment_method"))?,
        };
        Ok(Text::const_new(method.name()))
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
