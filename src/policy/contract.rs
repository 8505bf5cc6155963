//! What one partner's contract permits and promises, as parsed and checked.

use super::findings::Words;
use crate::domain::{EventTime, Text};

/// A half-open span of event time; an absent end is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dates {
    pub from: Option<EventTime>,
    pub to: Option<EventTime>,
}

impl Dates {
    pub fn hold(self, at: EventTime) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }
}

/// The guard's promise about our own effect on the partner's `drawdown_pass`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardTerms {
    /// Most points by which reflow may lower `drawdown_pass` per horizon, parts per million.
    pub reflow_effect_max_ppm: i64,
    /// Agreed floor of the projected `drawdown_pass`, parts per million.
    pub drawdown_pass_floor_ppm: Option<i64>,
    /// Concluded drawdowns in the horizon below which the effect is not judged.
    pub min_n: i64,
    /// Below `min_n`: most reservations and diversions together.
    pub below_min_n_max: i64,
    /// Most live reservations.
    pub reserved_max: i64,
    /// Horizons in milliseconds, by name: `1h`, `24h`, `7d`, `28d`.
    pub horizons: Vec<(Text, i64)>,
}

/// One partner's contract. Everything that is not permitted is forbidden.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    pub partner: Text,
    pub listed: Dates,
    pub contract: Dates,
    pub real_time: bool,
    pub offline: bool,
    pub referral: bool,
    /// The core emits `drawdown_risk_passed`, so that is the trigger; else `drawdown_requested`.
    pub triggers_on_risk_passed: bool,
    /// Milliseconds between trigger and the moment the answer must be there.
    pub answer_within_ms: i64,
    /// How long an admitted candidate may be acted upon, milliseconds.
    pub valid_for_ms: i64,
    pub touchpoint: Option<Text>,
    pub zone: jiff::tz::TimeZone,
    pub currency: Text,
    pub guard: GuardTerms,
    /// Admissions per calendar day of `zone`.
    pub quota_per_day: i64,
    /// Region tokens in which the lender may act; empty: everywhere.
    pub regions: Words,
}
