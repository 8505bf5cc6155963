//! What the stages say to each other: fact bundles from the customer stage, replies from the partner stage.

use serde::{Deserialize, Serialize};

use super::deltas::Deltas;
use super::fate::FateCounts;
use super::{CalendarDay, Candidate, EventTime, ID_CHARS, List, Text};
use crate::{record, words};

words! {
    /// How a candidate ended, as the customer stage sees it.
    #[derive(Default)]
    pub enum SettlementKind {
        /// The own offer was accepted and the partner drawdown cancelled by the customer.
        Diverted = "diverted",
        /// The partner drawdown went through.
        Kept = "kept",
        /// The drawdown ended otherwise (declined, cancelled, timed out, rerouted), or the right to act ended.
        #[default]
        Revoked = "revoked",
    }
}

/// The end of a candidate; the pane change it implies is in the same bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    pub candidate: Text,
    pub customer: Text,
    pub partner: Text,
    pub kind: SettlementKind,
    /// The `END_…` code of what ended it.
    pub reason: Text,
    pub at: EventTime,
}
impl Settlement {
    /// Of nothing, with room for what it says.
    pub fn with_room() -> Self {
        Self { candidate: Text::with_capacity(ID_CHARS), ..Self::default() }
    }
}

record!(Settlement { candidate, customer, partner, kind, reason, at });

/// What passed the customer stage and asks for room at the partner's guard, quota and ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    pub partner: Text,
    pub drawdown: Text,
    /// The minute cell the drawdown stands in, and what the guard's horizons are measured by.
    pub requested_at: EventTime,
    pub amount_minor: i64,
    /// The trigger's event time: the policy version is the one in force then.
    pub triggered_at: EventTime,
    /// Draft, complete but for status and `decided_at`.
    pub candidate: Candidate,
}
record!(Proposal { partner, drawdown, requested_at, amount_minor, triggered_at, candidate });

/// The newest accepted event time of a partner on one customer shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerClock {
    pub partner: Text,
    pub event_time: EventTime,
}
record!(PartnerClock { partner, event_time });

/// Who speaks and as of when; a bundle with nothing else is a heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleHeader {
    pub source_shard: i32,
    /// How many customer shards there are: a partner is idle only when all of them are current.
    pub source_shards: i32,
    /// Transactions of that shard with a bundle for this partition, from 1 without gaps.
    pub sequence: i64,
    pub now: EventTime,
    /// Highest accepted event time of the shard.
    pub high_event_time: EventTime,
    /// Records not yet read, as far as known.
    pub backlog: i64,
    pub policy_version: Text,
    pub fates: FateCounts,
    /// Next offset of the policy log as far as the shard knew it; who judges a proposal has to know as much. None where
    /// policies come from files. Set by the worker.
    pub policy_offset: Option<i64>,
}
record!(BundleHeader {
    source_shard,
    source_shards,
    sequence,
    now,
    high_event_time,
    backlog,
    policy_version,
    fates,
    policy_offset
});

/// Everything one customer shard has to say to one partner-stage partition in one transaction (`reflow.partner-facts`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactBundle {
    pub header: BundleHeader,
    pub clocks: Vec<PartnerClock>,
    pub deltas: Deltas,
    pub settlements: List<Settlement>,
    pub proposals: List<Proposal>,
    /// Counts, not differences: nothing is ever taken back.
    pub scored: Vec<Scored>,
}
record!(FactBundle { header, clocks, deltas, settlements, proposals, scored });

/// How many drawdowns decided about on one day found a standing score of a model in one tenth of its reference population.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scored {
    pub partner: Text,
    pub model: Text,
    pub version: Text,
    /// The UTC day of the event that triggered the decision.
    pub day: CalendarDay,
    /// From 0, the lowest scores.
    pub tenth: i32,
    pub count: i64,
}
record!(Scored { partner, model, version, day, tenth, count });

words! {
    #[derive(Default)]
    pub enum Verdict {
        Admitted = "admitted",
        #[default]
        Refused = "refused",
        TooLate = "too_late",
        /// The candidate has ended and its tombstone is written: the customer is free for another one.
        Released = "released",
    }
}

/// The partner stage's answer to a proposal, or the release of a candidate (`reflow.replies`, to the proposing shard's partition).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    pub candidate: Text,
    pub customer: Text,
    pub verdict: Verdict,
    pub reasons: Vec<Text>,
    pub at: EventTime,
    pub expires_at: Option<EventTime>,
}
record!(Reply { candidate, customer, verdict, reasons, at, expires_at });
