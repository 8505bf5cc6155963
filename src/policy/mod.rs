//! Policy documents: parse, check, compare, evaluate.
pub mod contract;
pub mod facts;
pub use contract::{Contract, Dates, GuardTerms};
pub use facts::Facts;

use crate::domain::candidate::{Arm, CandidateKind, Delivery, Friction, Offer};
use crate::domain::decision::Check;
use crate::domain::{EventTime, Text};

/// What the policy says of one trigger.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// All failing codes in the order of `docs/semantics.md`; empty: propose.
    pub reasons: Vec<Text>,
    pub checks: Vec<Check>,
    pub arm: Arm,
    /// Set when nothing failed.
    pub proposal: Option<Terms>,
}

/// What the policy fills into a candidate.
#[derive(Clone, Debug)]
pub struct Terms {
    pub kind: CandidateKind,
    pub offer: Offer,
    pub delivery: Delivery,
    pub friction: Friction,
    pub grade: Option<Text>,
    pub source_disclosure: Option<Text>,
    pub opt_out_link: Option<Text>,
    pub non_personalised_alternative: Option<Text>,
    pub decide_by: EventTime,
    pub valid_for_ms: i64,
}

/// One checked policy document.
#[derive(Clone, Debug)]
pub struct Policy {
    pub version: Text,
    /// Content hash of the document, 32 hexadecimal characters.
    pub hash: Text,
    pub effective_from: EventTime,
}

impl Policy {
    pub fn contract(&self, _partner: &str) -> Option<&Contract> {
        None
    }

    pub fn judge(&self, _facts: &Facts<'_>) -> Judgement {
        Judgement { reasons: Vec::new(), checks: Vec::new(), arm: Arm::Treatment, proposal: None }
    }
}

/// The policy log: every version with its effective time.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    versions: Vec<Policy>,
}

impl PolicySet {
    /// The policy in force at an event time: the version with the latest `effective_from` not after it.
    pub fn in_force(&self, at: EventTime) -> Option<&Policy> {
        self.versions.iter().rev().find(|policy| policy.effective_from <= at)
    }

    /// The policy of that version and hash.
    pub fn version(&self, version: &str, hash: &str) -> Option<&Policy> {
        self.versions.iter().find(|policy| policy.version == version && policy.hash == hash)
    }

    pub fn newest(&self) -> Option<&Policy> {
        self.versions.last()
    }

    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }
}
