//! Exposure: how much one customer may owe this funder through all doors together, by licence, date and product.

use super::Dates;
use super::facts::{Exposure, Facts};
use super::findings::{Case, Findings};
use crate::domain::ReasonCode::{ExcDebtBurden, ExcExposureCap};
use crate::domain::candidate::LimitMode;
use crate::domain::check::{Relation, Unit};
use crate::domain::{EventTime, Subject, Text};
use crate::words;

/// Months of income against which a share of income is measured: what would be owed is paid back within a year.
const INCOME_MONTHS: i64 = 12;
/// All of an income, parts per million.
const ALL_PPM: i128 = 1_000_000;

words! {
    /// What is judged where the income is not known.
    pub enum StandsIn {
        /// The share of the monthly income that debts take by the word of the credit report.
        DebtBurden = "debt_burden",
    }
}

/// One row of the cap table.
#[derive(Clone, Debug)]
pub(super) struct Cap {
    pub licence: Text,
    pub dates: Dates,
    pub currency: Text,
    /// Only this product of ours; without it the customer over everything.
    pub product: Option<Text>,
    /// Minor units.
    pub max_minor: i64,
    /// Most of [`INCOME_MONTHS`] monthly incomes that may be owed, parts per million.
    pub income_share_max_ppm: Option<i64>,
    /// `None`: without an income nobody can be cleared.
    pub without_income: Option<StandsIn>,
}

/// The cap table, as far as it is about the lender's licence.
#[derive(Clone, Debug)]
pub(super) struct ExposureRule {
    pub caps: Vec<Cap>,
}

/// What is owed in all with the offer, and the most that may be, minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    after_minor: i64,
    max_minor: i64,
    /// Where the most is a share of income.
    of_income: Option<Share>,
}

/// A share of [`INCOME_MONTHS`] monthly incomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    monthly_minor: i64,
    max_ppm: i64,
}

/// How an offered limit stands to what the customer may owe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Within(Bound),
    Above(Bound),
    /// What would have to be known.
    Unknown(Subject),
}

impl Bound {
    fn left_minor(&self) -> i64 {
        self.max_minor.saturating_sub(self.after_minor)
    }
}

impl Cap {
    /// Its amount, and its share of an income that is known.
    fn bounds(&self, after_minor: i64, monthly_minor: Option<i64>) -> impl Iterator<Item = Bound> + use<> {
        let amount = Bound { after_minor, max_minor: self.max_minor, of_income: None };
        let share = monthly_minor.zip(self.income_share_max_ppm).map(|(monthly_minor, max_ppm)| {
            let year = i128::from(monthly_minor) * i128::from(INCOME_MONTHS);
            let max_minor = i64::try_from(year * i128::from(max_ppm) / ALL_PPM).unwrap_or(i64::MAX);
            Bound { after_minor, max_minor, of_income: Some(Share { monthly_minor, max_ppm }) }
        });
        [Some(amount), share].into_iter().flatten()
    }
}

impl ExposureRule {
    fn in_force<'r>(&'r self, currency: &'r str, at: EventTime) -> impl Iterator<Item = &'r Cap> {
        self.caps.iter().filter(move |cap| cap.currency == currency && cap.dates.hold(at))
    }

    /// The room for an offered limit of a product: that of the tightest row. A customer for whom no cap is in force cannot be
    /// cleared.
    pub fn room(&self, facts: &Facts<'_>, product: &str, currency: &str, limit_minor: i64, mode: LimitMode) -> Room {
        let exposure = &facts.holdings.exposure;
        if let Some(what) = exposure.unknown {
            return Room::Unknown(what);
        }
        let (customer, own) = after(exposure, limit_minor, mode);
        let income = monthly_income(facts, currency);
        let mut tightest: Option<Bound> = None;
        let mut over_all = false;
        for cap in self.in_force(currency, facts.event_time) {
            let after_minor = match &cap.product {
                None => customer,
                Some(capped) if capped == product => own,
                Some(_) => continue,
            };
            over_all |= cap.product.is_none();
            let bounds = tightest.into_iter().chain(cap.bounds(after_minor, income));
            tightest = bounds.min_by_key(Bound::left_minor);
        }
        match tightest.filter(|_| over_all) {
            Some(bound) if bound.left_minor() >= 0 => Room::Within(bound),
            Some(bound) => Room::Above(bound),
            None => Room::Unknown(Subject::ExposureCap),
        }
    }
}

/// The customer's monthly income, minor units, where it is known in this currency.
fn monthly_income(facts: &Facts<'_>, currency: &str) -> Option<i64> {
    facts.person.income.filter(|income| income.currency == currency).map(|income| income.monthly_minor)
}

/// What the customer can owe with the offer: over everything, and at the own product alone. Minor units.
fn after(exposure: &Exposure, limit_minor: i64, mode: LimitMode) -> (i64, i64) {
    let elsewhere = exposure.total_minor.saturating_sub(exposure.here_minor);
    let own = exposure.own_minor.saturating_add(limit_minor);
    let total = match mode {
        // One limit, two doors.
        LimitMode::Shared => elsewhere.saturating_add(exposure.here_minor.max(limit_minor)),
        // The undrawn part at the partner goes before ours can be drawn; until then it is still there.
        LimitMode::Replace => {
            let closed = elsewhere.saturating_add(exposure.here_used_minor).saturating_add(limit_minor);
            closed.max(exposure.total_minor)
        }
        LimitMode::Additive => exposure.total_minor.saturating_add(limit_minor),
    };
    (total, own)
}

/// What a fitting offer leaves, or what an offer that would otherwise fit goes beyond. A share of income is told with the
/// arithmetic of its amount: the share itself, and the income at which the offer just holds.
pub(super) fn tell(room: Room, found: &mut Findings) {
    let (Room::Within(bound) | Room::Above(bound)) = room else { return };
    let Bound { after_minor, max_minor, of_income } = bound;
    let mut tell = |subject, unit, seen, relation, asked| {
        found.number(ExcExposureCap, subject, unit, seen, relation, asked);
    };
    tell(Subject::ExposureAfter, Unit::MoneyMinor, after_minor, Relation::AtMost, max_minor);
    if let Some(Share { monthly_minor, max_ppm }) = of_income {
        let (taken_ppm, least_minor) = (share_of(after_minor, monthly_minor), share_of(after_minor, max_ppm));
        tell(Subject::ExposureShareOfIncome, Unit::Ppm, taken_ppm, Relation::AtMost, max_ppm);
        tell(Subject::MonthlyIncome, Unit::MoneyMinor, monthly_minor, Relation::AtLeast, least_minor);
    }
}

/// An amount as a share of a year of a monthly income, parts per million; or the monthly income of which it is such a share.
/// Rounded up: what holds by it holds by the amounts.
fn share_of(amount_minor: i64, of: i64) -> i64 {
    let year = i128::from(of) * i128::from(INCOME_MONTHS);
    let parts = i128::from(amount_minor) * ALL_PPM;
    match year {
        _ if parts <= 0 => 0,
        0 => i64::MAX,
        _ => i64::try_from((parts + year - 1) / year).unwrap_or(i64::MAX),
    }
}

/// What stands in for an income that is not known, as far as the table states a share of it.
pub(super) fn judge(case: &Case<'_>, found: &mut Findings) {
    let Some(rule) = &case.policy.exposure else { return };
    let currency = case.facts.limit.currency.unwrap_or(&case.contract.currency);
    if monthly_income(case.facts, currency).is_some() {
        return;
    }
    let shares = || {
        let caps = rule.in_force(currency, case.facts.event_time);
        caps.filter_map(|cap| Some((cap.income_share_max_ppm?, cap.without_income)))
    };
    if shares().any(|(_, stands_in)| stands_in.is_none()) {
        found.missing(Subject::Income);
    }
    let burden = shares().filter(|(_, stands_in)| *stands_in == Some(StandsIn::DebtBurden)).map(|(ppm, _)| ppm);
    match (burden.min(), case.facts.debt_burden_ppm) {
        (None, _) => {}
        (Some(max_ppm), Some(ppm)) => {
            found.number(ExcDebtBurden, Subject::IncomeShare, Unit::Ppm, ppm, Relation::AtMost, max_ppm);
        }
        (Some(_), None) => found.missing(Subject::DebtBurden),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_counts_what_can_be_owed() {
        let exposure =
            Exposure { total_minor: 900, here_minor: 400, here_used_minor: 150, own_minor: 200, unknown: None };
        let total = |limit, mode| after(&exposure, limit, mode).0;
        assert_eq!((total(300, LimitMode::Shared), total(600, LimitMode::Shared)), (900, 1_100));
        // Until the partner's undrawn 250 are closed nothing of ours can be drawn.
        assert_eq!((total(100, LimitMode::Replace), total(600, LimitMode::Replace)), (900, 1_250));
        assert_eq!(total(300, LimitMode::Additive), 1_200);
        assert_eq!(after(&exposure, 300, LimitMode::Additive).1, 500);
        assert_eq!(after(&Exposure { total_minor: i64::MAX, ..exposure }, i64::MAX, LimitMode::Additive).0, i64::MAX);
    }
    #[test]
    fn a_share_of_income_is_the_same_by_amount_by_share_and_by_income() {
        let cap = |share| Cap {
            licence: Text::default(),
            dates: Dates::default(),
            currency: Text::default(),
            product: None,
            max_minor: i64::MAX,
            income_share_max_ppm: Some(share),
            without_income: None,
        };
        let numbers =
            [0, 1, 2, 7, 99, 1_000, 333_333, 550_000, 1_000_000, 6_600_000, 10_000_000, i64::MAX / 2, i64::MAX];
        for (after, income) in numbers.iter().flat_map(|after| numbers.iter().map(move |income| (*after, *income))) {
            for share in [0, 1, 550_000, 999_999, 10_000_000] {
                let bound = cap(share).bounds(after, Some(income)).last().unwrap();
                let holds = i128::from(after) * ALL_PPM <= i128::from(income) * 12 * i128::from(share);
                assert_eq!(bound.left_minor() >= 0, holds, "{bound:?}");
                // What is told saturates where nothing could hold it.
                assert_eq!(share_of(after, income) <= share, holds, "{bound:?}");
                assert_eq!(income >= share_of(after, share), holds || income == i64::MAX, "{bound:?}");
            }
        }
        assert_eq!(cap(550_000).bounds(0, Some(1_000_000)).last().unwrap().max_minor, 6_600_000);
    }
}
