//! A shard runner: one pure stage shard with its progress, journal and decision chain.
//!
//! A batch is `open`, any number of `take` and `tick`, `close` (which encodes everything into the outbox), and then `commit`
//! or `undo`. Nothing here knows Kafka: the lane and the file runner drive it alike.

use std::collections::VecDeque;
use std::sync::Arc;

use super::clock::Clock;
use super::encode;
use super::progress::{PROGRESS_KEY, Position, Progress};
use super::reading::{Held, Reading};
use super::stage::{Raw, Stage};
use crate::bus::registry::Registry;
use crate::bus::{Outbox, Topic, Topics};
use crate::config::Config;
use crate::customer::Entry;
use crate::domain::alert::{Alert, AlertKind, Severity};
use crate::domain::codec::{Bytes, CodecError};
use crate::domain::decision::StageName;
use crate::domain::fate::{DeadLetterClass, FateCounts};
use crate::domain::journal::{JournalEntry, OutputDigest, Run, StepKind};
use crate::domain::time::DAY_MS;
use crate::domain::words::Word;
use crate::domain::{DeadLetter, EventTime, Fate, Output, Text, content_id};
use crate::planted::{self, Bug};
use crate::policy::PolicySet;
use crate::store::Cursor;
use crate::wire::{Schema, SchemaIds, frame};

/// Furthest that a batch's data run ahead of its `now` under an event clock, milliseconds.
const AHEAD_MS_MAX: i64 = 30 * DAY_MS;
/// Most of a rejected record's value that is kept, bytes: a dead letter that no topic takes would stop the shard.
const BURIED_BYTES_MAX: usize = 512 * 1024;

/// The lane does not ask how much waits unread, so heartbeats do not say.
const BACKLOG_UNKNOWN: i64 = 0;

/// What every shard of a process shares.
#[derive(Clone)]
pub struct Shared {
    pub config: Arc<Config>,
    pub topics: Arc<Topics>,
    pub names: Arc<Vec<String>>,
    pub ids: Arc<SchemaIds>,
    /// Knows the schemas of other writers, where there is a registry.
    pub registry: Option<Arc<Registry>>,
    pub policies: Arc<PolicySet>,
    pub clock: Arc<Clock>,
}

impl Shared {
    pub fn new(config: Config, policies: PolicySet) -> Self {
        let shared = Self::holding_the_clock(config, policies);
        shared.clock.release();
        shared
    }

    /// A scaled clock stands still until it is released.
    pub fn holding_the_clock(config: Config, policies: PolicySet) -> Self {
        let topics = config.topics();
        let names = Topic::ALL.iter().map(|topic| topics.name(*topic)).collect();
        let clock = Clock::held(config.clock);
        Self {
            topics: Arc::new(topics),
            names: Arc::new(names),
            ids: Arc::new(SchemaIds::default()),
            registry: None,
            policies: Arc::new(policies),
            clock: Arc::new(clock),
            config: Arc::new(config),
        }
    }

    pub fn topic_name(&self, topic: Topic) -> &str {
        &self.names[topic.ordinal()]
    }
}

/// What a closed batch did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Closed {
    pub fates: FateCounts,
    pub records: i64,
    /// Records of internal topics (bundles, replies), counted apart.
    pub internal: FateCounts,
}

/// One shard of one stage with everything that belongs to it.
pub struct ShardRunner {
    shared: Shared,
    stage: Stage,
    shard: i32,
    committed: Progress,
    /// As of the batch in flight.
    in_flight: Option<Progress>,
    progress: Progress,
    open: bool,
    now: EventTime,
    runs: Vec<Run>,
    closed: Closed,
    outputs: Vec<Output>,
    dead: Vec<(DeadLetter, Vec<u8>)>,
    /// The open batch answers somebody.
    replies: bool,
    reading: Reading,
    /// Records that wait for a writer's schema, and all that came after the first of them.
    held: VecDeque<Held>,
}

impl ShardRunner {
    pub fn new(stage: StageName, shard: i32, shared: &Shared) -> Self {
        let progress = Progress {
            customer_shards: shared.topics.customer_shards,
            partner_shards: shared.topics.partner_shards,
            state_format: Stage::format(stage),
            ..Progress::default()
        };
        Self {
            stage: Stage::new(stage, shard, &shared.config),
            shared: shared.clone(),
            shard,
            committed: progress.clone(),
            in_flight: None,
            progress,
            open: false,
            now: EventTime::default(),
            runs: Vec::new(),
            closed: Closed::default(),
            outputs: Vec::new(),
            dead: Vec::new(),
            replies: false,
            reading: Reading::new(shared.registry.clone()),
            held: VecDeque::new(),
        }
    }

    pub fn shard(&self) -> i32 {
        self.shard
    }

    /// Progress as of the last committed batch.
    pub fn committed(&self) -> &Progress {
        &self.committed
    }

    /// The sequence of the last batch that was closed: it is committed, or in flight.
    pub fn closed_sequence(&self) -> i64 {
        self.progress.sequence
    }

    /// Shows up to `most` committed entries from the cursor on, as the changelog holds them; true when all were shown.
    pub fn committed_entries(
        &self,
        cursor: &mut Cursor,
        most: usize,
        entry: &mut Entry<'_>,
    ) -> Result<bool, CodecError> {
        self.stage.committed_entries(cursor, most, entry)
    }

    pub fn is_open(&self) -> bool {
        self.open
    }

    /// True when somebody waits for what this batch says: a candidate, a reply or a proposal is among its outputs.
    pub fn somebody_waits(&self) -> bool {
        match &self.stage {
            Stage::Customer(shard) => shard.proposes(),
            Stage::Partner(_) => self.replies,
        }
    }

    /// Takes one changelog entry during restore.
    pub fn load(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), String> {
        if key == PROGRESS_KEY {
            let Some(value) = value else { return Ok(()) };
            let progress = Progress::decode(value).map_err(|error| error.to_string())?;
            self.committed = progress.clone();
            self.progress = progress;
            return Ok(());
        }
        self.stage.load(key, value).map_err(|error| error.to_string())
    }

    /// Notes where the inputs begin, for topics that were never read.
    pub fn start_at(&mut self, topic: Topic, next: i64) {
        self.committed.advance(topic, next);
        self.progress.advance(topic, next);
    }

    /// Records between `next` and `low` are gone: the next batch says so, once and loudly.
    pub fn note_gap(&mut self, topic: Topic, next: i64, low: i64) {
        self.open();
        let detail = format!("{topic}: offsets {next} to {} were deleted before they were read", low - 1);
        let stage = Text::from(self.stage.name().name());
        let name = topic.name();
        let alert = Alert {
            alert: content_id(&[
                b"gap",
                stage.as_bytes(),
                name.as_bytes(),
                &low.to_be_bytes(),
                &self.shard.to_be_bytes(),
            ]),
            kind: AlertKind::Gap,
            severity: Severity::Critical,
            partner: None,
            stage,
            shard: self.shard,
            at: self.now,
            detail,
        };
        self.outputs.push(Output::Alert(Box::new(alert)));
    }

    /// Opens a batch unless one is open; `now` is read here, once.
    pub fn open(&mut self) {
        if !self.open {
            self.open = true;
            self.now = self.shared.clock.now(self.progress.high, self.progress.now);
        }
    }

    /// Opens a batch as of `now` (the file runner has one clock for all shards).
    pub fn open_at(&mut self, now: EventTime) {
        if !self.open {
            self.open = true;
            self.now = now.max(self.progress.now);
        }
    }

    /// True when, under an event clock, the data have run so far ahead of the batch's `now` that it has to be read anew: what
    /// a batch of years holds would else be judged, and found in the future, by the time of its first record.
    pub fn has_run_ahead(&self) -> bool {
        self.open && !self.shared.clock.runs_by_itself() && self.progress.high.ms_since(self.now) > AHEAD_MS_MAX
    }

    /// Looks up whom a group of records is about, before they are taken one by one.
    pub fn bring<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) {
        if let Stage::Customer(shard) = &self.stage {
            shard.bring(keys);
        }
    }

    /// Applies one record.
    pub fn take(&mut self, raw: Raw<'_>) {
        let limit = self.shared.config.transaction.record_bytes_max;
        let size = raw.value.map_or(0, <[u8]>::len);
        let (said, schema) = (self.outputs.len(), raw.topic.layout().schema);
        let taken = if size > limit {
            let detail = format!("{size} bytes; at most {limit} are read");
            super::stage::Taken { fate: Fate::DeadLettered(DeadLetterClass::TooLarge, detail), event_time: None }
        } else {
            let body = raw.value.zip(schema).map(|(value, schema)| self.reading.body(schema, value, &self.shared.ids));
            self.stage.take(raw, body, self.now, &self.shared.policies, &mut self.outputs)
        };
        self.replies |= self.outputs[said..].iter().any(|output| matches!(output, Output::Reply { .. }));
        if let Some(time) = taken.event_time {
            self.progress.high = self.progress.high.max(time);
            // With an event clock nothing is known before the first record.
            if self.now == EventTime::default() && !self.shared.clock.runs_by_itself() {
                self.now = time;
            }
        }
        match schema {
            Some(Schema::Reply | Schema::FactBundle) => self.closed.internal.count(&taken.fate),
            _ => self.closed.fates.count(&taken.fate),
        }
        match taken.fate {
            Fate::Late(detail) => self.bury(raw, DeadLetterClass::Late, detail),
            Fate::DeadLettered(class, detail) => self.bury(raw, class, detail),
            Fate::Applied | Fate::Duplicate | Fate::Ignored(_) => {}
        }
        self.closed.records += 1;
        self.progress.advance(raw.topic, raw.offset + 1);
        self.journal_record(raw.topic, raw.offset);
    }

    /// Puts a record aside when nothing is known yet of the schema it was written with, or when another of this shard waits for
    /// that already; true when it was.
    pub fn hold(&mut self, raw: Raw<'_>) -> bool {
        if self.held.is_empty() && !self.must_wait(&raw) {
            return false;
        }
        self.held.push_back(Held::of(raw));
        true
    }

    fn must_wait(&mut self, raw: &Raw<'_>) -> bool {
        if self.shared.registry.is_none() {
            return false;
        }
        let (Some(value), Some(schema)) = (raw.value, raw.topic.layout().schema) else { return false };
        value.len() <= self.shared.config.transaction.record_bytes_max
            && self.reading.must_wait(schema, value, &self.shared.ids)
    }

    /// Records that were put aside.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Applies what was put aside as far as it can be read by now; returns how many records.
    pub fn release(&mut self) -> usize {
        let (mut taken, shared) = (0, self.shared.clone());
        while let Some(held) = self.held.pop_front() {
            let headers = || held.headers.clone();
            let raw = held.raw(&shared, self.shard, &headers);
            if self.has_run_ahead() || self.must_wait(&raw) {
                self.held.push_front(held);
                break;
            }
            self.open();
            self.take(raw);
            taken += 1;
        }
        taken
    }

    /// A tick, when something is due.
    pub fn tick(&mut self) {
        let now = self.shared.clock.now(self.progress.high, self.progress.now).max(self.now);
        if self.shared.clock.runs_by_itself() && self.stage.due(now) {
            self.open();
            self.tick_open();
        }
    }

    /// A tick as of `now`, when something is due (the file runner).
    pub fn tick_at(&mut self, now: EventTime) {
        if self.stage.due(now.max(self.progress.now)) {
            self.open_at(now);
            self.tick_open();
        }
    }

    fn tick_open(&mut self) {
        self.stage.tick(self.now, &self.shared.policies, &mut self.outputs);
        self.runs.push(Run { kind: StepKind::Tick, topic: Text::default(), from: 0, to: 0, records: 1 });
    }

    /// Ends the batch: bundles, changelog, journal and progress go to the outbox; what people may see goes to `seen`.
    pub fn close(&mut self, outbox: &mut Outbox, mut seen: impl FnMut(Output)) -> Closed {
        let first = outbox.len();
        let shared = self.shared.clone();
        self.stage.seal(self.now, BACKLOG_UNKNOWN, &shared.policies, &mut self.outputs);
        for mut output in self.outputs.drain(..) {
            chain(&mut output, self.shard, &mut self.progress);
            encode::output(&output, self.shard, &shared.topics, &shared.ids, outbox);
            if matches!(output, Output::Decision(_)) {
                self.progress.decision_hash = decision_hash(outbox);
            }
            seen(output);
        }
        for (letter, key) in &self.dead {
            let partition = letter.partition.rem_euclid(shared.topics.partitions(Topic::DeadLetters).max(1));
            outbox.push(Topic::DeadLetters, partition, key, |out| shared.ids.encode(Schema::DeadLetter, letter, out));
        }
        self.progress.sequence += if planted::is(Bug::JournalGap) { 2 } else { 1 };
        self.progress.now = self.now;
        let entry = self.journal_entry(encode::digests(outbox, first));
        let key = format!("{}\0{}", entry.stage, entry.shard);
        let partition = shared.topics.journal_partition(self.shard);
        outbox.push(Topic::Journal, partition, key.as_bytes(), |out| shared.ids.encode(Schema::Journal, &entry, out));
        self.stage.changes(self.shard, outbox);
        let changelog = Topic::changelog(self.stage.name());
        outbox.push(changelog, self.shard, PROGRESS_KEY, |out| self.progress.encode(out));
        self.closed
    }

    /// The closed batch is on its way; what comes now belongs to the next one.
    pub fn hand_over(&mut self) {
        self.stage.hand_over();
        self.in_flight = Some(self.progress.clone());
        self.clear();
    }

    /// The batch in flight is in the log.
    pub fn commit(&mut self) {
        self.stage.commit();
        if let Some(progress) = self.in_flight.take() {
            self.committed = progress;
        }
    }

    /// Neither the batch in flight nor the open one did happen.
    pub fn undo(&mut self) {
        self.stage.undo();
        self.in_flight = None;
        // They are read again.
        self.held.clear();
        self.progress = self.committed.clone();
        self.clear();
    }

    /// Next offsets that the closed batch has moved; when it has moved none, one that says where the shard stands: without any
    /// the group would fence nothing.
    pub fn moved(&self) -> impl Iterator<Item = (Topic, i64)> {
        let (before, now) = (&self.committed, &self.progress);
        let moved = |position: &&Position| before.next(position.topic) != Some(position.next);
        let still = if now.positions.iter().any(|position| moved(&position)) { 0 } else { 1 };
        let standing = now.positions.iter().take(still);
        now.positions.iter().filter(moved).chain(standing).map(|position| (position.topic, position.next))
    }

    fn clear(&mut self) {
        self.open = false;
        self.replies = false;
        self.closed = Closed::default();
        self.runs.clear();
        self.outputs.clear();
        self.dead.clear();
    }

    fn bury(&mut self, raw: Raw<'_>, class: DeadLetterClass, mut detail: String) {
        let size = raw.value.map_or(0, <[u8]>::len);
        if size > BURIED_BYTES_MAX {
            detail.push_str(&format!("; of its {size} bytes the first {BURIED_BYTES_MAX} are kept"));
        }
        let letter = DeadLetter {
            topic: Text::from(raw.topic_name),
            partition: raw.partition,
            offset: raw.offset,
            timestamp: raw.timestamp,
            key: raw.key.map(|key| Bytes(key.to_vec())),
            value: raw.value.map(|value| Bytes(value[..size.min(BURIED_BYTES_MAX)].to_vec())),
            headers: (raw.headers)(),
            class,
            stage: Text::from(self.stage.name().name()),
            detail,
            rejected_at: self.now,
        };
        self.dead.push((letter, raw.key.unwrap_or_default().to_vec()));
    }

    fn journal_record(&mut self, topic: Topic, offset: i64) {
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

    fn journal_entry(&mut self, outputs: Vec<OutputDigest>) -> JournalEntry {
        let policy = self.shared.policies.in_force(self.now);
        JournalEntry {
            stage: self.stage.name(),
            shard: self.shard,
            sequence: self.progress.sequence,
            writer: Text::from(self.shared.config.transactional_id(self.stage.name(), 0)),
            build: Text::from(env!("CARGO_PKG_VERSION")),
            now: self.now,
            policy_version: policy.map(|policy| policy.version.clone()).unwrap_or_default(),
            policy_hash: policy.map(|policy| policy.hash.clone()).unwrap_or_default(),
            runs: std::mem::take(&mut self.runs),
            fates: self.closed.fates,
            outputs,
        }
    }
}

/// Gives a decision its place in the shard's chain.
fn chain(output: &mut Output, shard: i32, progress: &mut Progress) {
    if let Output::Decision(decision) = output {
        progress.decisions += 1;
        decision.shard = shard;
        decision.sequence = progress.decisions;
        decision.prev_hash = std::mem::take(&mut progress.decision_hash);
    }
}

/// The hash of the decision that was encoded last: of its body, which is encoded once.
fn decision_hash(outbox: &Outbox) -> Text {
    let value = outbox.len().checked_sub(1).and_then(|last| outbox.get(last)?.value).unwrap_or_default();
    let body = frame::split(value).map_or(value, |(_, body)| body);
    Text::from(&blake3::hash(body).to_hex().as_str()[..32])
}
