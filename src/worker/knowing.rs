//! What a shard has to know before it takes a record: the schema it was written with, and the policies it was judged by.
//! Records that know more are put aside, and taken in their order once the shard knows as much.
//!
//! A batch takes what is known when it begins and keeps it, so that no decision and no journal entry mixes two states of the
//! log. A proposal is judged by who knows at least what its proposer knew: a partner shard that is behind waits, it does not
//! refuse.

use std::time::{Duration, Instant};

use super::policies::BEHIND_SECS_MAX;
use super::reading::Held;
use super::shard::ShardRunner;
use super::stage::Raw;
use crate::bus::Topic;
use crate::domain::alert::{Alert, AlertKind, Severity};
use crate::domain::codec::{Avro, Reader};
use crate::domain::decision::StageName;
use crate::domain::fact::BundleHeader;
use crate::domain::words::Word;
use crate::domain::{Output, Text, content_id};
use crate::policy::PolicySet;
use crate::telemetry::events;
use crate::wire::Schema;

/// How long a shard has waited for the log to come as far as a bundle says it goes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Behind {
    since: Option<Instant>,
    /// It was waited long enough for the log to come so far: it is another log.
    given_up: i64,
}

/// A bundle says how far its shard knew the log.
pub(super) fn stamp(output: &mut Output, policies: &PolicySet) {
    if let Output::Bundle { bundle, .. } = output {
        bundle.header.policy_offset = policies.next();
    }
}

impl ShardRunner {
    /// Takes over what is known of the policies, for the whole of the batch that begins. How far that is stands in the
    /// progress, so that no later owner of the shard judges by less.
    pub(super) fn know(&mut self) {
        self.policies = self.shared.policies.current();
        let Some(next) = self.policies.next() else { return };
        let known = self.progress.next(Topic::Policies).unwrap_or(0);
        if next <= known {
            return;
        }
        self.progress.advance(Topic::Policies, next);
        // One shard tells what every worker sees.
        if self.stage.name() == StageName::Customer && self.shard == 0 {
            let policies = self.policies.clone();
            for rejected in policies.rejected_since(known) {
                let detail = format!("offset {}, version `{}`: {}", rejected.offset, rejected.version, rejected.detail);
                self.batch.outputs.push(Output::Alert(Box::new(self.no_policy(rejected.offset, detail))));
            }
        }
    }

    fn no_policy(&self, offset: i64, detail: String) -> Alert {
        Alert {
            alert: content_id(&[b"policy_rejected", &offset.to_be_bytes()]),
            kind: AlertKind::PolicyRejected,
            severity: Severity::Critical,
            partner: None,
            stage: Text::from(self.stage.name().name()),
            shard: self.shard,
            at: self.now,
            detail,
        }
    }

    /// True while a bundle's shard knew more of the log than this one does: then it may have proposed under a version that is
    /// not known here. When the log does not come that far within [`BEHIND_SECS_MAX`], it is another log, and what is not
    /// known is refused as unknown.
    pub(super) fn knows_less_than(&mut self, value: &[u8]) -> bool {
        let mut buffer = Vec::new();
        let body = self.reading.body(Schema::FactBundle, value, &self.shared.ids, &mut buffer);
        let header = body.ok().and_then(|body| BundleHeader::get(&mut Reader::new(body)).ok());
        let told = header.and_then(|header| header.policy_offset).unwrap_or(0);
        let policies = if self.is_open() { self.policies.clone() } else { self.shared.policies.current() };
        let known = policies.next().unwrap_or(i64::MAX);
        if told <= known || told <= self.behind.given_up {
            self.behind.since = None;
            return false;
        }
        let since = *self.behind.since.get_or_insert_with(Instant::now);
        if since.elapsed() > Duration::from_secs(BEHIND_SECS_MAX) {
            events::policy_log_behind(self.shard, told, known);
            self.behind = Behind { since: None, given_up: told };
            return false;
        }
        true
    }

    /// True when nothing is known yet of the schema that the record was written with or of the policies it was judged by, or
    /// when another of this shard waits already.
    pub fn has_to_wait(&mut self, raw: &Raw<'_>) -> bool {
        !self.held.is_empty() || self.must_wait(raw)
    }

    /// Puts a record aside that has to wait. Its schema is asked for at once: records that wait for different ones wait together.
    pub fn hold(&mut self, raw: Raw<'_>) {
        if let (Some(value), Some(schema)) = (raw.value, raw.topic.layout().schema)
            && !self.is_too_large(&raw)
        {
            self.reading.must_wait(schema, value, &self.shared.ids);
        }
        self.held.push_back(Held::of(raw));
    }

    fn must_wait(&mut self, raw: &Raw<'_>) -> bool {
        let (registry, log) = (self.shared.registry.is_some(), self.shared.policies.is_followed());
        if !registry && !log {
            return false;
        }
        let (Some(value), Some(schema)) = (raw.value, raw.topic.layout().schema) else { return false };
        if self.is_too_large(raw) {
            return false;
        }
        if registry && self.reading.must_wait(schema, value, &self.shared.ids) {
            return true;
        }
        log && schema == Schema::FactBundle && self.knows_less_than(value)
    }

    /// Records that were put aside.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Applies what was put aside as far as it can be read by now; returns how many records.
    pub fn release(&mut self) -> usize {
        if self.held.is_empty() {
            return 0;
        }
        let (mut taken, shared) = (0, self.shared.clone());
        while let Some(held) = self.held.pop_front() {
            let headers = || held.headers.clone();
            let raw = held.raw(&shared, self.shard, &headers);
            if self.is_full() || self.must_wait(&raw) {
                self.held.push_front(held);
                break;
            }
            self.open();
            self.take(&[raw]);
            taken += 1;
        }
        taken
    }
}
