//! Which document is in force when: the policies known, and the log they come from.

use std::sync::Arc;

use super::deciles::Deciles;
use super::document::{Document, Part};
use super::models::Model;
use super::{Policy, Problem, ProblemCode, Source};
use crate::domain::{EventTime, PolicyRecord, Text};

/// Most versions in a log: one an hour for 170 days. A further one is refused; shards do not take another log for this one, so the way
/// on is another `kafka.prefix`, with state made anew from the inputs.
pub const VERSIONS_MAX: usize = 4_096;
/// From so many on, whoever looks at the log or publishes into it is told that it ends: six weeks of one an hour are left.
const VERSIONS_MANY: usize = 3_072;
/// Most records that are no policy and are still told of; the newest stay.
const REJECTED_MAX: usize = 256;
/// Longest text that is kept of what is wrong with one, characters.
const DETAIL_CHARS_MAX: usize = 2_000;
/// Most of the version that a rejected record names, characters.
const VERSION_CHARS_MAX: usize = 128;

/// A record of the log that is not in force and never will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub offset: i64,
    /// As far as it could be read.
    pub version: Text,
    pub detail: String,
}

/// The policies known, every version with its effective time.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    /// Sorted by `effective_from`, no two alike.
    versions: Vec<Arc<Policy>>,
    /// Next offset of the log; none where policies come from files.
    next: Option<i64>,
    /// In the order of the log.
    rejected: Vec<Arc<Rejected>>,
    digest: Text,
}

impl PolicySet {
    /// Puts checked documents in order. The same version twice, or two that begin at the same moment, are problems.
    pub fn new(mut versions: Vec<Policy>) -> Result<Self, Vec<Problem>> {
        versions.sort_by_key(|policy| policy.effective_from);
        let mut problems = Vec::new();
        for (index, policy) in versions.iter().enumerate() {
            problems.extend(clashes(policy, versions.get(..index).unwrap_or_default().iter()));
        }
        let versions = versions.into_iter().map(Arc::new).collect();
        if problems.is_empty() { Ok(Self { versions, ..Self::default() }.digested()) } else { Err(problems) }
    }

    /// A log of which nothing was read yet.
    pub fn of_log() -> Self {
        Self { next: Some(0), ..Self::default() }.digested()
    }

    /// The policies once one more record of the log is known. What is no policy, or clashes with an earlier one, is told and
    /// changes nothing else: the last good one stays.
    pub fn with(&self, offset: i64, record: Result<PolicyRecord, String>) -> Self {
        let mut set = Self { next: Some(offset.saturating_add(1)), ..self.clone() };
        let version = record.as_ref().map(|record| record.version.clone()).unwrap_or_default();
        match record.and_then(|record| self.accepted(&record)) {
            Ok(policy) => {
                let place = set.versions.partition_point(|other| other.effective_from < policy.effective_from);
                set.versions.insert(place, Arc::new(policy));
            }
            Err(detail) => {
                // An alert repeats both, and is one message.
                let detail = detail.chars().take(DETAIL_CHARS_MAX).collect();
                let version = version.chars().take(VERSION_CHARS_MAX).collect();
                set.rejected.push(Arc::new(Rejected { offset, version, detail }));
                let gone = set.rejected.len().saturating_sub(REJECTED_MAX);
                set.rejected.drain(..gone);
            }
        }
        set.digested()
    }

    /// How many more versions the log takes, and a warning while they are few; none where policies come from files.
    pub fn versions_left(&self) -> Option<(usize, Option<String>)> {
        self.next.map(|_| left_of(self.versions.len()))
    }

    /// The policy of a record, if it may stand beside those that are known.
    pub fn accepted(&self, record: &PolicyRecord) -> Result<Policy, String> {
        let lines = |found: Vec<Problem>| found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        if self.versions.len() >= VERSIONS_MAX {
            return Err(format!("the log holds {VERSIONS_MAX} versions; at most so many are kept"));
        }
        let policy = Policy::read(&document(record)).map_err(lines)?;
        let said = (&record.version, &record.hash, record.effective_from);
        if said != (&policy.version, &policy.hash, policy.effective_from) {
            let (version, hash, from) = said;
            return Err(format!(
                "the record says version {version}, hash {hash}, from {from}; its text is version {}, hash {}, from {}; \
                 publish with `reflow policy publish`",
                policy.version, policy.hash, policy.effective_from
            ));
        }
        let problems = clashes(&policy, self.versions.iter().map(Arc::as_ref));
        if problems.is_empty() { Ok(policy) } else { Err(lines(problems)) }
    }

    /// The policy in force at an event time: the version with the latest `effective_from` not after it.
    pub fn in_force(&self, at: EventTime) -> Option<&Policy> {
        let begun = self.versions.partition_point(|policy| policy.effective_from <= at);
        self.versions.get(begun.checked_sub(1)?).map(Arc::as_ref)
    }

    /// The policy of that version and hash.
    pub fn version(&self, version: &str, hash: &str) -> Option<&Policy> {
        self.versions.iter().rev().find(|policy| policy.version == version && policy.hash == hash).map(Arc::as_ref)
    }

    /// All versions by their effective time.
    pub fn versions(&self) -> impl Iterator<Item = &Policy> {
        self.versions.iter().map(Arc::as_ref)
    }

    pub fn newest(&self) -> Option<&Policy> {
        self.versions.last().map(Arc::as_ref)
    }

    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// Next offset of the policy log; none where policies come from files.
    pub fn next(&self) -> Option<i64> {
        self.next
    }

    /// Records of the log from an offset on that are never in force.
    pub fn rejected_since(&self, offset: i64) -> impl Iterator<Item = &Rejected> {
        self.rejected.iter().map(Arc::as_ref).filter(move |rejected| rejected.offset >= offset)
    }

    /// 16 hexadecimal characters over version, hash and effective time of every policy: alike exactly where the same is known.
    pub fn digest(&self) -> &Text {
        &self.digest
    }

    fn digested(mut self) -> Self {
        let mut hasher = blake3::Hasher::new();
        for policy in self.versions() {
            for part in [policy.version.as_bytes(), policy.hash.as_bytes(), &policy.effective_from.0.to_be_bytes()] {
                hasher.update(part).update(&[0]);
            }
        }
        self.digest = Text::from(&hasher.finalize().to_hex().as_str()[..16]);
        self
    }
}

fn left_of(versions: usize) -> (usize, Option<String>) {
    let left = VERSIONS_MAX.saturating_sub(versions);
    let warning = (versions >= VERSIONS_MANY).then(|| {
        format!(
            "the policy log holds {versions} of at most {VERSIONS_MAX} versions; before it is full, plan a rebuild under another \
             `kafka.prefix`, into whose log only the versions go that are still needed"
        )
    });
    (left, warning)
}

/// The document of a published record.
pub fn document(record: &PolicyRecord) -> Document {
    let part = |file: &crate::domain::policy_record::PolicyFile| Part::new(file.file.as_str(), file.text.as_str());
    Document { parts: record.files.iter().map(part).collect(), head: record.head.as_ref().map(part) }
}

/// What forbids a policy to stand beside others.
fn clashes<'p>(policy: &Policy, others: impl Iterator<Item = &'p Policy> + Clone) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(other) = others.clone().find(|other| other.version == policy.version) {
        let found = format!("version `{}` again", policy.version);
        let next = "give the newer document a version of its own";
        problems.push(twice(&policy.origin.version, found, &other.origin.version, next));
    }
    if let Some(other) = others.clone().find(|other| other.effective_from == policy.effective_from) {
        let found = format!("another policy from {} on", policy.effective_from);
        let next = "let one of them begin at another moment";
        problems.push(twice(&policy.origin.effective_from, found, &other.origin.effective_from, next));
    }
    problems.extend(policy.watched().filter_map(|(model, deciles)| other_edges(model, deciles, others.clone())));
    problems
}

/// Scores are counted by model, version and tenth: what was counted by other edges must not be added to it. All that stand
/// beside each other agree already, so the first that states them speaks for all.
fn other_edges<'p>(model: &Model, deciles: &Deciles, mut others: impl Iterator<Item = &'p Policy>) -> Option<Problem> {
    let (known, stated) = others.find_map(|other| other.watched_as(&model.model, &model.version))?;
    (stated.edges != deciles.edges).then(|| {
        let Source { file, place } = &known.deciles_at;
        let expected = format!("the edges by which its scores are counted ({file}:{}:{})", place.line, place.column);
        let found = format!("other `deciles` of `{} {}`", model.model, model.version);
        let next = "give the model another version, or state the same edges";
        problem(ProblemCode::Contradiction, &model.deciles_at, found, expected, next)
    })
}

fn twice(at: &Source, found: String, other: &Source, next: &str) -> Problem {
    let expected = format!("it once (also in {}:{}:{})", other.file, other.place.line, other.place.column);
    problem(ProblemCode::Twice, at, found, expected, next)
}

fn problem(code: ProblemCode, at: &Source, found: String, expected: String, next: &str) -> Problem {
    Problem { code, file: at.file.clone(), place: at.place, found, expected, next: next.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_says_that_it_ends_long_before() {
        assert_eq!(left_of(0), (VERSIONS_MAX, None));
        assert_eq!(left_of(VERSIONS_MANY - 1), (1_025, None));
        let (left, warning) = left_of(VERSIONS_MANY);
        assert!(left == 1_024 && warning.unwrap().contains("3072 of at most 4096"));
        let (left, warning) = left_of(VERSIONS_MAX);
        assert!(left == 0 && warning.is_some());
    }
}
