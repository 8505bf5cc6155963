//! What becomes of an input record: exactly one of a closed list of fates.

use serde::{Deserialize, Serialize};

use super::codec::Bytes;
use super::{EventTime, Text};
use crate::{record, words};

words! {
    /// Why a record was rejected and written to the dead-letter topic. `late` records are counted as late, the others as dead-lettered.
    pub enum DeadLetterClass {
        /// No Confluent header, or an unknown schema id.
        Framing = "framing",
        /// The bytes are not what the schema says.
        Decode = "decode",
        /// A required part is missing or contradicts another.
        Invalid = "invalid",
        /// The event time is further ahead of the clock than allowed, or not plausible at all.
        FutureTs = "future_ts",
        /// Older than what the panes can still take.
        Late = "late",
        /// Key and content name different customers, or the key is missing.
        Key = "key",
        /// Larger than the named maximum.
        TooLarge = "too_large",
    }
}

words! {
    /// Why a record was read and rightly changed nothing.
    pub enum IgnoreReason {
        /// An older fact than the one already known.
        Outdated = "outdated",
        /// Nothing in it concerns this product.
        NotRelevant = "not_relevant",
        /// The customer was erased.
        Erased = "erased",
        /// It answers something that no longer exists.
        Unmatched = "unmatched",
        /// A value without content (tombstone).
        Tombstone = "tombstone",
    }
}

/// The one fate of an input record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Applied,
    /// The state already says what the record says.
    Duplicate,
    /// Written to the dead-letter topic with class `late`, counted only here.
    Late(String),
    Ignored(IgnoreReason),
    DeadLettered(DeadLetterClass, String),
}

/// How many input records met which fate; the sum is what was consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FateCounts {
    pub applied: i64,
    pub duplicate: i64,
    pub late: i64,
    pub ignored: i64,
    pub dead_lettered: i64,
}
record!(FateCounts { applied, duplicate, late, ignored, dead_lettered });

impl FateCounts {
    pub fn count(&mut self, fate: &Fate) {
        match fate {
            Fate::Applied => self.applied += 1,
            Fate::Duplicate => self.duplicate += 1,
            Fate::Late(_) => self.late += 1,
            Fate::Ignored(_) => self.ignored += 1,
            Fate::DeadLettered(..) => self.dead_lettered += 1,
        }
    }

    pub fn add(&mut self, other: &FateCounts) {
        self.applied += other.applied;
        self.duplicate += other.duplicate;
        self.late += other.late;
        self.ignored += other.ignored;
        self.dead_lettered += other.dead_lettered;
    }

    /// Everything that was consumed.
    pub fn consumed(&self) -> i64 {
        self.applied + self.duplicate + self.late + self.ignored + self.dead_lettered
    }
}

/// One header of a Kafka record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub key: Text,
    pub value: Option<Bytes>,
}
record!(Header { key, value });

/// A record that could not be used, with its true coordinates and raw bytes (`reflow.dead-letters`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    pub topic: Text,
    pub partition: i32,
    pub offset: i64,
    /// The record's own Kafka timestamp; null when it has none.
    pub timestamp: Option<EventTime>,
    pub key: Option<Bytes>,
    pub value: Option<Bytes>,
    pub headers: Vec<Header>,
    pub class: DeadLetterClass,
    /// The stage that rejected it: `customer` or `partner`.
    pub stage: Text,
    /// What was expected and what was found.
    pub detail: String,
    pub rejected_at: EventTime,
}
record!(DeadLetter { topic, partition, offset, timestamp, key, value, headers, class, stage, detail, rejected_at });
