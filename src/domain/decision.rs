//! The audit of every yes and every no.

use compact_str::ToCompactString;
use serde::{Deserialize, Serialize};

use super::candidate::{Arm, Source};
use super::words::Word;
use super::{CandidateKind, Checks, EventTime, ID_CHARS, Text};
use crate::{record, words};

words! {
    #[derive(Default)]
    pub enum StageName {
        #[default]
        Customer = "customer",
        Partner = "partner",
    }
}

words! {
    #[derive(Default)]
    pub enum DecisionKind {
        Yes = "yes",
        #[default]
        No = "no",
        TooLate = "too_late",
        Revoked = "revoked",
        Expired = "expired",
        /// Passed the customer stage; the partner stage says the yes or the no.
        Proposed = "proposed",
    }
}

/// Writes the id of a decision over another one: what it is about, in words. No other decision is about the same.
pub fn set_decision_id(id: &mut Text, candidate: &str, stage: StageName, kind: DecisionKind, version: i32) {
    id.clear();
    for part in [candidate, ".", stage.name(), ".", kind.name(), ".", &version.to_compact_string()] {
        id.push_str(part);
    }
}

/// Reasons that there is room for at first: few decisions and replies have more.
pub const REASONS_ROOM: usize = 8;
/// Characters of a decision's id that there is room for at first: its candidate's, stage, kind and version.
const DECISION_ID_CHARS: usize = ID_CHARS + 32;
/// Characters of an event's id that there is room for at first: a UUID's.
const EVENT_ID_CHARS: usize = 36;

/// One decision (`reflow.decisions`, keyed by customer).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub decision: Text,
    pub candidate: Text,
    pub customer: Text,
    pub partner: Text,
    pub drawdown: Option<Text>,
    pub candidate_kind: CandidateKind,
    pub kind: DecisionKind,
    pub stage: StageName,
    /// All failing codes of the stage that decided; empty for a yes and for what was proposed.
    pub reasons: Vec<Text>,
    pub checks: Checks,
    pub arm: Arm,
    pub policy_version: Text,
    pub policy_hash: Text,
    pub event_time: EventTime,
    pub decided_at: EventTime,
    pub source: Source,
    /// The writing shard of `stage`, the position in its chain from 1, and the digest of the decisions of the batch before, as
    /// the journal states it (empty in the first batch). Decisions of one batch name the same one.
    pub shard: i32,
    pub sequence: i64,
    pub prev_hash: Text,
}
impl Decision {
    /// Of nothing, with room for what a decision usually says, so that it is asked for once and not as it is said.
    pub fn with_room() -> Box<Self> {
        let id = || Text::with_capacity(ID_CHARS);
        Box::new(Self {
            decision: Text::with_capacity(DECISION_ID_CHARS),
            candidate: id(),
            reasons: Vec::with_capacity(REASONS_ROOM),
            checks: Checks::with_room(),
            policy_hash: id(),
            prev_hash: id(),
            source: Source { event_id: Text::with_capacity(EVENT_ID_CHARS), ..Source::default() },
            ..Self::default()
        })
    }
}

record!(Decision {
    decision,
    candidate,
    customer,
    partner,
    drawdown,
    candidate_kind,
    kind,
    stage,
    reasons,
    checks,
    arm,
    policy_version,
    policy_hash,
    event_time,
    decided_at,
    source,
    shard,
    sequence,
    prev_hash
});
