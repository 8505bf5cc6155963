//! The journal: what a transaction did with each shard, in the order taken, so that replay gives byte-identical outputs.

use serde::{Deserialize, Serialize};

use super::decision::StageName;
use super::fate::FateCounts;
use super::{EventTime, Text};
use crate::{record, words};

words! {
    pub enum StepKind {
        /// Records of one topic, consecutive in the order taken, from `from` to `to` (both included).
        Records = "records",
        Tick = "tick",
        /// A scan step from slot `from` to slot `to`.
        Scan = "scan",
    }
}

/// A run of equal inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub kind: StepKind,
    /// The topic without prefix for records, the job for scans, empty for ticks.
    pub topic: Text,
    pub from: i64,
    pub to: i64,
    pub records: i64,
}
record!(Run { kind, topic, from, to, records });

/// What a transaction wrote to one topic: how many records, and a hash over keys and values in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputDigest {
    pub topic: Text,
    pub records: i64,
    pub digest: Text,
}
record!(OutputDigest { topic, records, digest });

/// One shard's part of one transaction (`reflow.journal`, keyed by stage and shard).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    pub stage: StageName,
    pub shard: i32,
    /// From 1 without gaps.
    pub sequence: i64,
    pub writer: Text,
    pub build: Text,
    pub now: EventTime,
    pub policy_version: Text,
    pub policy_hash: Text,
    pub runs: Vec<Run>,
    pub fates: FateCounts,
    pub outputs: Vec<OutputDigest>,
    /// Next offset of the policy log: what lies before it was known. None where policies come from files.
    pub policy_offset: Option<i64>,
    /// Digest of all policies that were known.
    pub policy_digest: Option<Text>,
}
record!(JournalEntry {
    stage,
    shard,
    sequence,
    writer,
    build,
    now,
    policy_version,
    policy_hash,
    runs,
    fates,
    outputs,
    policy_offset,
    policy_digest
});
