//! What is shown at one moment: plain values, made from the chronicle and what the runner measures.

use crate::domain::alert::Alert;
use crate::domain::fate::FateCounts;
use crate::domain::view::{DataState, GuardState, PartnerView, Rate};
use crate::domain::{EventTime, Text};
use crate::ops::demo::chronicle::{Chronicle, RecentCandidate, tightest};
use crate::ops::demo::latency::Quantiles;

/// Where the demo stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Four weeks are loaded before anything is played.
    History { done: i64, all: i64 },
    /// The played day and how much of it has passed, parts per million.
    Day { number: i64, passed_ppm: i64 },
    /// Nothing new comes; what is in flight is finished.
    Closing,
}

/// What the runner measures itself.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub phase: Phase,
    /// The clock of the worker.
    pub now: EventTime,
    pub events_per_s: i64,
    pub fates: FateCounts,
    pub latency: Quantiles,
}

/// A rate with its number of cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownRate {
    pub ppm: i64,
    pub n: i64,
}

/// One line of the table of partners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerRow {
    pub partner: Text,
    pub state: DataState,
    /// Nothing without a contract that permits real time.
    pub guard: Option<GuardState>,
    /// Of the last 24 hours, like the next.
    pub limit_approval: Option<ShownRate>,
    pub drawdown_pass: Option<ShownRate>,
    /// `drawdown_pass` of the last 28 days, for comparison.
    pub usual_pass_ppm: Option<i64>,
    /// Of the horizon that is closest to closing.
    pub effect_ppm: Option<i64>,
    pub effect_max_ppm: Option<i64>,
    pub live: i64,
    pub quota_used: i64,
    pub quota_max: Option<i64>,
}

/// Everything that is shown.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub progress: Progress,
    pub decisions: i64,
    pub admitted: i64,
    pub revoked: i64,
    pub expired: i64,
    pub partners: Vec<PartnerRow>,
    /// Codes of the noes, the most frequent first.
    pub reasons: Vec<(Text, i64)>,
    /// Newest first.
    pub alerts: Vec<Alert>,
    /// Newest first.
    pub candidates: Vec<RecentCandidate>,
}

impl Snapshot {
    pub fn new(chronicle: &Chronicle, progress: Progress) -> Self {
        let reasons = crate::ops::demo::summary::most_frequent(&chronicle.noes);
        Self {
            progress,
            decisions: chronicle.decisions,
            admitted: chronicle.admitted,
            revoked: chronicle.revoked,
            expired: chronicle.expired,
            partners: chronicle.partners.values().map(PartnerRow::from).collect(),
            reasons: reasons.into_iter().map(|(code, times)| (code.clone(), times)).collect(),
            alerts: chronicle.alerts.iter().cloned().collect(),
            candidates: chronicle.candidates.iter().cloned().collect(),
        }
    }
}

impl From<&PartnerView> for PartnerRow {
    fn from(view: &PartnerView) -> Self {
        let rate = |name: &str, window: &str| -> Option<&Rate> {
            view.rates.iter().find(|rate| rate.name == name && rate.window == window)
        };
        let shown = |name| rate(name, "24h").and_then(|rate| Some(ShownRate { ppm: rate.rate_ppm?, n: rate.n }));
        // A quota of nothing is a contract that does not permit real time: no guard is at work there.
        let guard = tightest(view).filter(|_| view.quota_day_max != Some(0));
        Self {
            partner: view.partner.clone(),
            state: view.state,
            guard: guard.map(|reading| reading.state),
            limit_approval: shown("limit_approval"),
            drawdown_pass: shown("drawdown_pass"),
            usual_pass_ppm: rate("drawdown_pass", "28d").and_then(|rate| rate.rate_ppm),
            effect_ppm: guard.and_then(|reading| reading.effect_ppm),
            effect_max_ppm: guard.and_then(|reading| reading.effect_max_ppm),
            live: view.live_candidates,
            quota_used: view.quota_day_used,
            quota_max: view.quota_day_max,
        }
    }
}
