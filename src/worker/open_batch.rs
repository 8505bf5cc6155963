//! What the open batch of a shard has taken so far, and what it has to say when it is closed.

use super::burial::bury;
use super::shared::Shared;
use super::stage::Raw;
use crate::bus::{Outbox, Topic};
use crate::domain::decision::StageName;
use crate::domain::fate::{DeadLetterClass, FateCounts};
use crate::domain::journal::{JournalEntry, OutputDigest, Run, StepKind};
use crate::domain::words::Word;
use crate::domain::{DeadLetter, EventTime, Fate, Output, Text};
use crate::policy::PolicySet;
use crate::wire::Schema;

/// What a closed batch did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Closed {
    pub fates: FateCounts,
    pub records: i64,
    /// Records of internal topics (bundles, replies), counted apart.
    pub internal: FateCounts,
}

/// Emptied and used again with every batch.
#[derive(Default)]
pub(super) struct OpenBatch {
    runs: Vec<Run>,
    pub closed: Closed,
    pub outputs: Vec<Output>,
    dead: Vec<(DeadLetter, Vec<u8>)>,
}

impl OpenBatch {
    pub fn clear(&mut self) {
        self.closed = Closed::default();
        self.runs.clear();
        self.outputs.clear();
        self.dead.clear();
    }

    /// Notes what became of a record.
    pub fn note(&mut self, raw: Raw<'_>, fate: Fate, stage: StageName, now: EventTime) {
        self.closed.records += 1;
        match raw.topic.layout().schema {
            Some(Schema::Reply | Schema::FactBundle) => self.closed.internal.count(&fate),
            _ => self.closed.fates.count(&fate),
        }
        self.note_offset(raw.topic, raw.offset);
        let (class, detail) = match fate {
            Fate::Late(detail) => (DeadLetterClass::Late, detail),
            Fate::DeadLettered(class, detail) => (class, detail),
            Fate::Applied | Fate::Duplicate | Fate::Ignored(_) => return,
        };
        self.dead.push(bury(raw, class, detail, stage, now));
    }

    fn note_offset(&mut self, topic: Topic, offset: i64) {
        if let Some(run) = self.runs.last_mut()
            && run.kind == StepKind::Records
            && run.topic == topic.name()
        {
            run.to = offset;
            run.records += 1;
            return;
        }
        let topic = Text::from(topic.name());
        self.runs.push(Run { kind: StepKind::Records, topic, from: offset, to: offset, records: 1 });
    }

    pub fn note_tick(&mut self) {
        self.runs.push(Run { kind: StepKind::Tick, topic: Text::default(), from: 0, to: 0, records: 1 });
    }

    /// Puts the dead letters into the outbox.
    pub fn bury(&self, shared: &Shared, outbox: &mut Outbox) {
        for (letter, key) in &self.dead {
            let partition = letter.partition.rem_euclid(shared.topics.partitions(Topic::DeadLetters).max(1));
            outbox.push(Topic::DeadLetters, partition, key, |out| shared.ids.encode(Schema::DeadLetter, letter, out));
        }
    }

    /// The batch as the journal tells it; its runs are given away.
    pub fn journal_entry(
        &mut self,
        shared: &Shared,
        policies: &PolicySet,
        (stage, shard, sequence): (StageName, i32, i64),
        now: EventTime,
        outputs: Vec<OutputDigest>,
    ) -> JournalEntry {
        let policy = policies.in_force(now);
        JournalEntry {
            stage,
            shard,
            sequence,
            writer: Text::from(shared.config.transactional_id(stage, 0)),
            build: Text::from(env!("CARGO_PKG_VERSION")),
            now,
            policy_version: policy.map(|policy| policy.version.clone()).unwrap_or_default(),
            policy_hash: policy.map(|policy| policy.hash.clone()).unwrap_or_default(),
            runs: std::mem::take(&mut self.runs),
            fates: self.closed.fates,
            outputs,
            policy_offset: policies.next(),
            policy_digest: Some(policies.digest().clone()),
        }
    }
}
