//! Read models: the partner view and the partner pane.

use serde::{Deserialize, Serialize};

use super::counter::Tally;
use super::{Counter, EventTime, Text};
use crate::{record, words};

words! {
    pub enum Tile {
        Hour = "hour",
        Day = "day",
    }
}

words! {
    /// What a rate can be trusted for.
    #[derive(Default)]
    pub enum DataState {
        Live = "live",
        /// All shards are current and the partner is silent.
        Idle = "idle",
        /// A shard's heartbeat is missing or behind.
        #[default]
        Stale = "stale",
        /// Fewer than the minimum number of cases.
        TooFew = "too_few",
    }
}

words! {
    pub enum GuardState {
        Open = "open",
        Closed = "closed",
    }
}

words! {
    /// Whose pass says what our diversions would have come to.
    pub enum Counterfactual {
        /// The control group's: drawdowns that only the holdout kept from a proposal.
        Holdout = "holdout",
        /// All drawdowns that were not diverted, where the control group is too small.
        Undiverted = "undiverted",
    }
}

/// A rate with its n and its Wilson interval (Wilson 1927, z = 1.96), parts per million; null when n is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// The exact name (`limit_approval`, `drawdown_pass`, `overdue_instalments_31_60`, …).
    pub name: Text,
    pub window: Text,
    pub hits: i64,
    pub n: i64,
    pub rate_ppm: Option<i64>,
    pub low_ppm: Option<i64>,
    pub high_ppm: Option<i64>,
    pub state: DataState,
}
record!(Rate { name, window, hits, n, rate_ppm, low_ppm, high_ppm, state });

/// The guard's reading of one horizon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardReading {
    pub horizon: Text,
    pub state: GuardState,
    pub n: i64,
    pub reserved: i64,
    pub observed_ppm: Option<i64>,
    pub projected_ppm: Option<i64>,
    pub without_reflow_ppm: Option<i64>,
    pub effect_ppm: Option<i64>,
    pub effect_max_ppm: Option<i64>,
    /// Wilson intervals of observed, projected and without reflow; the effect's ends are at those of the counterfactual.
    pub observed_low_ppm: Option<i64>,
    pub observed_high_ppm: Option<i64>,
    pub projected_low_ppm: Option<i64>,
    pub projected_high_ppm: Option<i64>,
    pub without_reflow_low_ppm: Option<i64>,
    pub without_reflow_high_ppm: Option<i64>,
    pub effect_low_ppm: Option<i64>,
    pub effect_high_ppm: Option<i64>,
    pub diverted_share_ppm: Option<i64>,
    pub diverted_share_max_ppm: Option<i64>,
    /// q: whose pass it is, the pass itself and of how many drawdowns; the same for every horizon.
    pub counterfactual: Option<Counterfactual>,
    pub counterfactual_ppm: Option<i64>,
    pub counterfactual_n: Option<i64>,
}
record!(GuardReading {
    horizon,
    state,
    n,
    reserved,
    observed_ppm,
    projected_ppm,
    without_reflow_ppm,
    effect_ppm,
    effect_max_ppm,
    observed_low_ppm,
    observed_high_ppm,
    projected_low_ppm,
    projected_high_ppm,
    without_reflow_low_ppm,
    without_reflow_high_ppm,
    effect_low_ppm,
    effect_high_ppm,
    diverted_share_ppm,
    diverted_share_max_ppm,
    counterfactual,
    counterfactual_ppm,
    counterfactual_n
});

/// What one budget of a partner's contract has been used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetUse {
    /// `offers` and `coupon` of the contract's day, `exposure` of now.
    pub budget: Text,
    /// For candidates that are live.
    pub reserved: i64,
    /// For candidates that ended in use.
    pub committed: i64,
    pub max: i64,
}
record!(BudgetUse { budget, reserved, committed, max });

words! {
    /// How far a model's scores have moved away from those it was made on.
    pub enum ShiftState {
        Stable = "stable",
        /// Beyond the customary line of 0.1, and not as far as somebody is told.
        Moved = "moved",
        Shifted = "shifted",
        TooFew = "too_few",
    }
}

/// The scores of a model at one partner over the last 28 days against its reference population.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreShift {
    pub model: Text,
    pub version: Text,
    pub n: i64,
    /// Population stability index, parts per million; null when n is 0.
    pub psi_ppm: Option<i64>,
    pub psi_alert_ppm: i64,
    pub state: ShiftState,
    /// Scores by tenth of the reference population, the lowest first.
    pub tenths: Vec<i64>,
}
record!(ScoreShift { model, version, n, psi_ppm, psi_alert_ppm, state, tenths });

/// The state of a partner (`reflow.partners`, compacted, keyed by partner).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerView {
    pub partner: Text,
    pub at: EventTime,
    pub last_event_at: Option<EventTime>,
    pub state: DataState,
    pub rates: Vec<Rate>,
    pub guard: Vec<GuardReading>,
    pub quota_day_used: i64,
    pub quota_day_max: Option<i64>,
    pub live_candidates: i64,
    pub outstanding: Tally,
    pub currency: Option<Text>,
    pub policy_version: Text,
    /// Null where the contract has no quota per hour.
    pub quota_hour_used: Option<i64>,
    pub quota_hour_max: Option<i64>,
    /// The budgets that the contract states.
    pub budgets: Vec<BudgetUse>,
    /// What this month's candidates, live or taken, cost on average, weighed by exposure, parts per million. Null where no
    /// average is limited, or none of them states a cost.
    pub average_cost_ppm: Option<i64>,
    pub average_cost_max_ppm: Option<i64>,
    /// Models whose reference population the policy states and of which scores were seen.
    pub scores: Vec<ScoreShift>,
}
record!(PartnerView {
    partner,
    at,
    last_event_at,
    state,
    rates,
    guard,
    quota_day_used,
    quota_day_max,
    live_candidates,
    outstanding,
    currency,
    policy_version,
    quota_hour_used,
    quota_hour_max,
    budgets,
    average_cost_ppm,
    average_cost_max_ppm,
    scores
});

/// One counter of a pane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaneCell {
    pub counter: Counter,
    pub tally: Tally,
}
record!(PaneCell { counter, tally });

/// An hourly or daily tile of a partner, absolute values (`reflow.partner-panes`, compacted, keyed by partner, tile and start).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerPane {
    pub partner: Text,
    pub tile: Tile,
    /// Cut in UTC. For the due book: midnight UTC of the due date.
    pub start: EventTime,
    pub cells: Vec<PaneCell>,
}
record!(PartnerPane { partner, tile, start, cells });
