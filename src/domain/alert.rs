//! What an operator should look at.

use serde::{Deserialize, Serialize};

use super::{EventTime, Text};
use crate::{record, words};

words! {
    pub enum AlertKind {
        /// A delta found no pane (older than all retention).
        Unplaced = "unplaced",
        /// The log began after the committed offset: records are gone.
        Gap = "gap",
        /// A bundle sequence of a customer shard is missing or repeated.
        Sequence = "sequence",
        /// The guard closed or opened.
        Guard = "guard",
        /// The drawdown pass fell for reasons that are not ours.
        ForeignDecline = "foreign_decline",
        PartnerStale = "partner_stale",
        NegativeCount = "negative_count",
        /// A record of the policy log is no policy; what was in force stays.
        PolicyRejected = "policy_rejected",
        /// A model's scores at a partner are no longer distributed as those it was made on.
        ScoreShift = "score_shift",
    }
}

words! {
    pub enum Severity {
        Info = "info",
        Warning = "warning",
        Critical = "critical",
    }
}

/// `reflow.alerts`, keyed by partner or shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    pub alert: Text,
    pub kind: AlertKind,
    pub severity: Severity,
    pub partner: Option<Text>,
    pub stage: Text,
    pub shard: i32,
    pub at: EventTime,
    pub detail: String,
}
record!(Alert { alert, kind, severity, partner, stage, shard, at, detail });
