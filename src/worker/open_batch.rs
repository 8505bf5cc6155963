//! What the open batch of a shard has taken so far, and what it has to say when it is closed.

use super::burial::bury;
use super::digests::Digests;
use super::shared::Shared;
use super::stage::Raw;
use crate::bus::{Outbox, Topic};
use crate::domain::decision::StageName;
use crate::domain::fate::{DeadLetterClass, FateCounts};
use crate::domain::journal::{JournalEntry, Run, StepKind};
use crate::domain::words::Word;
use crate::domain::{DeadLetter, EventTime, Fate, Output, Text, set_text};
use crate::policy::PolicySet;
use crate::wire::Schema;

/// What a closed batch did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Closed {
    pub fates: FateCounts,
    pub records: i64,
    /// Records of internal topics (bundles, replies), counted apart.
    pub internal: FateCounts,
    /// Offsets of inputs between the records that were read.
    pub passed_over: u64,
}

/// Emptied and used again with every batch.
pub(super) struct OpenBatch {
    pub closed: Closed,
    pub outputs: Vec<Output>,
    dead: Vec<(DeadLetter, Vec<u8>)>,
    /// What the journal will say of it, as far as it is known.
    journal: JournalEntry,
    /// Topic of the last run of records; none before the first, or after a tick.
    topic: Option<Topic>,
    digests: Digests,
}

impl OpenBatch {
    /// Of a shard, none of whose batches was closed yet.
    pub fn new(stage: StageName, shard: i32, shared: &Shared) -> Self {
        let journal = JournalEntry {
            stage,
            shard,
            sequence: 0,
            writer: Text::from(shared.config.transactional_id(stage, 0)),
            build: Text::const_new(env!("CARGO_PKG_VERSION")),
            now: EventTime::default(),
            policy_version: Text::default(),
            policy_hash: Text::default(),
            runs: Vec::new(),
            fates: FateCounts::default(),
            outputs: Vec::new(),
            policy_offset: None,
            policy_digest: None,
        };
        Self {
            closed: Closed::default(),
            outputs: Vec::new(),
            dead: Vec::new(),
            journal,
            topic: None,
            digests: Digests::default(),
        }
    }

    pub fn clear(&mut self) {
        self.closed = Closed::default();
        self.journal.runs.clear();
        self.topic = None;
        self.outputs.clear();
        self.dead.clear();
    }

    /// Notes what became of a record, and how many offsets lay between it and the one before.
    pub fn note(&mut self, raw: Raw<'_>, passed_over: u64, fate: Fate, stage: StageName, now: EventTime) {
        self.closed.records += 1;
        if raw.topic.layout().schema.is_some_and(Schema::is_between_stages) {
            self.closed.internal.count(&fate);
        } else {
            self.closed.fates.count(&fate);
            self.closed.passed_over += passed_over;
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
        if self.topic == Some(topic)
            && let Some(run) = self.journal.runs.last_mut()
        {
            run.to = offset;
            run.records += 1;
            return;
        }
        self.topic = Some(topic);
        let topic = Text::const_new(topic.name());
        self.journal.runs.push(Run { kind: StepKind::Records, topic, from: offset, to: offset, records: 1 });
    }

    pub fn note_tick(&mut self) {
        self.topic = None;
        self.journal.runs.push(Run { kind: StepKind::Tick, topic: Text::default(), from: 0, to: 0, records: 1 });
    }

    /// Puts the dead letters into the outbox.
    pub fn bury(&self, shared: &Shared, outbox: &mut Outbox) {
        for (letter, key) in &self.dead {
            let partition = letter.partition.rem_euclid(shared.topics.partitions(Topic::DeadLetters).max(1));
            outbox.push(Topic::DeadLetters, partition, key, |out| shared.ids.encode(Schema::DeadLetter, letter, out));
        }
    }

    /// The batch as the journal tells it: what it did, and what the outbox holds of it from `first` on.
    pub fn journal_entry(
        &mut self,
        sequence: i64,
        now: EventTime,
        policies: &PolicySet,
        outbox: &Outbox,
        first: usize,
    ) -> &JournalEntry {
        let (entry, policy) = (&mut self.journal, policies.in_force(now));
        (entry.sequence, entry.now, entry.fates) = (sequence, now, self.closed.fates);
        set_text(&mut entry.policy_version, policy.map_or("", |policy| &policy.version));
        set_text(&mut entry.policy_hash, policy.map_or("", |policy| &policy.hash));
        entry.policy_offset = policies.next();
        set_text(entry.policy_digest.get_or_insert_default(), policies.digest());
        self.digests.take(outbox, first, &mut entry.outputs);
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::worker::shard::ShardRunner;

    /// A record that nobody can read: it becomes a dead letter.
    fn garbage(topic: Topic, offset: i64) -> Raw<'static> {
        let (value, headers) = (Some(b"?".as_slice()), &Vec::new);
        Raw { topic, topic_name: "", partition: 0, offset, timestamp: None, key: None, value, headers }
    }

    #[test]
    fn offsets_between_two_records_of_an_input_are_counted() {
        let shared = Shared::new(Config::default(), PolicySet::default());
        let mut runner = ShardRunner::new(StageName::Customer, 0, &shared);
        runner.start_at(Topic::Applications, 7, true);
        runner.start_at(Topic::Replies, 7, true);
        runner.open();
        // From 7 on two are passed over, then one; between the stages every transaction leaves markers.
        runner.take(&[garbage(Topic::Applications, 9), garbage(Topic::Applications, 10)]);
        runner.take(&[garbage(Topic::Applications, 12), garbage(Topic::Replies, 30)]);
        assert!(runner.has_taken(Topic::Applications, 12) && !runner.has_taken(Topic::Applications, 13));
        let closed = runner.close(&mut Outbox::default(), Some);
        assert_eq!((closed.records, closed.passed_over), (4, 3));
    }
}
