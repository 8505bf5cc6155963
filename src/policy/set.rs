//! The policy log: which document is in force when.

use super::{Policy, Problem, ProblemCode, Source};
use crate::domain::EventTime;

/// The policy log: every version with its effective time.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    /// Sorted by `effective_from`, no two alike.
    versions: Vec<Policy>,
}

impl PolicySet {
    /// Puts checked documents in order. The same version twice, or two that begin at the same moment, are problems.
    pub fn new(mut versions: Vec<Policy>) -> Result<Self, Vec<Problem>> {
        versions.sort_by_key(|policy| policy.effective_from);
        let mut problems = Vec::new();
        for (index, policy) in versions.iter().enumerate() {
            let earlier = versions.get(..index).unwrap_or_default();
            if let Some(other) = earlier.iter().find(|other| other.version == policy.version) {
                let found = format!("version `{}` again", policy.version);
                let next = "give the newer document a version of its own";
                problems.push(clash(&policy.origin.version, found, &other.origin.version, next));
            }
            if let Some(other) = earlier.iter().find(|other| other.effective_from == policy.effective_from) {
                let found = format!("another policy from {} on", policy.effective_from);
                let next = "let one of them begin at another moment";
                problems.push(clash(&policy.origin.effective_from, found, &other.origin.effective_from, next));
            }
        }
        if problems.is_empty() { Ok(Self { versions }) } else { Err(problems) }
    }

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

fn clash(at: &Source, found: String, other: &Source, next: &str) -> Problem {
    let expected = format!("it once (also in {}:{}:{})", other.file, other.place.line, other.place.column);
    Problem { code: ProblemCode::Twice, file: at.file.clone(), place: at.place, found, expected, next: next.to_owned() }
}
