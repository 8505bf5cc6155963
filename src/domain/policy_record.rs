//! A published policy as it lies in the policy log.

use serde::{Deserialize, Serialize};

use super::{EventTime, Text};
use crate::record;

/// One file of a policy, word for word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFile {
    pub file: String,
    pub text: String,
}
record!(PolicyFile { file, text });

/// One version (`reflow.policies`, keyed by version). What it says of itself in front is there for readers of the topic; what
/// counts is the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRecord {
    pub version: Text,
    /// Content hash over all files and the head.
    pub hash: Text,
    pub effective_from: EventTime,
    pub files: Vec<PolicyFile>,
    /// Takes the place of the files' own head after a rollback.
    pub head: Option<PolicyFile>,
    /// The version that is put in force again.
    pub again: Option<Text>,
    pub published_at: EventTime,
}
record!(PolicyRecord { version, hash, effective_from, files, head, again, published_at });
