//! Exposure: how much one customer may owe this funder through all doors together, by licence, date and product.

use super::Dates;
use super::facts::{Exposure, Facts};
use super::findings::{Case, Findings};
use crate::domain::ReasonCode::{ExcDebtBurden, ExcExposureCap};
use crate::domain::candidate::LimitMode;
use crate::domain::check::{Relation, Unit};
use crate::domain::{EventTime, Text};

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
    /// Most of the monthly income that may go into debt service, parts per million.
    pub income_share_max_ppm: Option<i64>,
}

/// The cap table, as far as it is about the lender's licence.
#[derive(Clone, Debug)]
pub(super) struct ExposureRule {
    pub caps: Vec<Cap>,
}

/// How an offered limit stands to what the customer may owe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Owed in all with the offer, and the most that may be.
    Within {
        after_minor: i64,
        max_minor: i64,
    },
    Above {
        after_minor: i64,
        max_minor: i64,
    },
    /// What would have to be known.
    Unknown(&'static str),
}

impl ExposureRule {
    fn in_force<'r>(&'r self, currency: &'r str, at: EventTime) -> impl Iterator<Item = &'r Cap> {
        self.caps.iter().filter(move |cap| cap.currency == currency && cap.dates.hold(at))
    }

    /// The room for an offered limit of a product. A customer for whom no cap is in force cannot be cleared.
    pub fn room(&self, facts: &Facts<'_>, product: &str, currency: &str, limit_minor: i64, mode: LimitMode) -> Room {
        let exposure = &facts.holdings.exposure;
        if let Some(what) = exposure.unknown {
            return Room::Unknown(what);
        }
        let (customer, own) = after(exposure, limit_minor, mode);
        let mut tightest: Option<(i64, i64)> = None;
        let mut over_all = false;
        for cap in self.in_force(currency, facts.event_time) {
            let after_minor = match &cap.product {
                None => customer,
                Some(capped) if capped == product => own,
                Some(_) => continue,
            };
            over_all |= cap.product.is_none();
            let room = |(after, max): (i64, i64)| max.saturating_sub(after);
            let this = (after_minor, cap.max_minor);
            tightest = Some(tightest.filter(|known| room(*known) <= room(this)).unwrap_or(this));
        }
        match tightest {
            Some((after_minor, max_minor)) if over_all && after_minor <= max_minor => {
                Room::Within { after_minor, max_minor }
            }
            Some((after_minor, max_minor)) if over_all => Room::Above { after_minor, max_minor },
            _ => Room::Unknown("exposure_cap"),
        }
    }
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

/// What a fitting offer leaves, or what an offer that would otherwise fit goes beyond.
pub(super) fn tell(room: Room, found: &mut Findings) {
    if let Room::Within { after_minor, max_minor } | Room::Above { after_minor, max_minor } = room {
        found.number(ExcExposureCap, "exposure_after", Unit::MoneyMinor, after_minor, Relation::AtMost, max_minor);
    }
}

/// The share of income, as far as the table states one.
pub(super) fn judge(case: &Case<'_>, found: &mut Findings) {
    let Some(rule) = &case.policy.exposure else { return };
    let currency = case.facts.limit.currency.unwrap_or(&case.contract.currency);
    let shares = rule.in_force(currency, case.facts.event_time).filter_map(|cap| cap.income_share_max_ppm);
    let Some(max_ppm) = shares.min() else { return };
    match case.facts.debt_burden_ppm {
        Some(ppm) => {
            found.number(ExcDebtBurden, "income_share", Unit::Ppm, ppm, Relation::AtMost, max_ppm);
        }
        None => found.missing("debt_burden"),
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
}
