//! A shard runner: one pure stage shard with its progress, journal and decision chain.
//!
//! A batch is `open`, any number of `take` and `tick`, `close` (which encodes everything into the outbox), and then `commit`
//! or `undo`. Nothing here knows Kafka: the lane and the file runner drive it alike.

use std::collections::VecDeque;
use std::sync::Arc;

use compact_str::format_compact;
use smallvec::SmallVec;

use super::encode;
use super::knowing::{Behind, stamp};
use super::open_batch::{Closed, OpenBatch};
use super::placed::Placed;
use super::progress::{PROGRESS_KEY, Position, Progress};
use super::reading::{Held, Reading};
use super::shared::Shared;
use super::stage::{Heard, Raw, Stage, Taken, Told};
use crate::bus::{Outbox, Topic};
use crate::customer::{Entry, GROUP_MAX};
use crate::domain::codec::CodecError;
use crate::domain::decision::StageName;
use crate::domain::fate::DeadLetterClass;
use crate::domain::journal::JournalEntry;
use crate::domain::time::DAY_MS;
use crate::domain::words::Word;
use crate::domain::{EventTime, Fate, Output, set_text};
use crate::planted::{self, Bug};
use crate::policy::PolicySet;
use crate::store::Cursor;
use crate::wire::Schema;

/// Furthest that a batch's data run ahead of its `now` under an event clock, milliseconds.
const AHEAD_MS_MAX: i64 = 30 * DAY_MS;

/// The lane does not ask how much waits unread, so heartbeats do not say.
const BACKLOG_UNKNOWN: i64 = 0;

/// One shard of one stage with everything that belongs to it.
pub struct ShardRunner {
    pub(super) shared: Shared,
    pub(super) stage: Stage,
    pub(super) shard: i32,
    committed: Progress,
    /// As of the batch in flight, when one is.
    in_flight: Progress,
    is_in_flight: bool,
    pub(super) progress: Progress,
    /// Where it begins to read, as far as nothing committed says so.
    pub(super) placed: Placed,
    open: bool,
    pub(super) now: EventTime,
    pub(super) batch: OpenBatch,
    pub(super) reading: Reading,
    /// What was read last.
    heard: Heard,
    /// For the bodies of a group that were written in another layout.
    buffers: Box<[Vec<u8>]>,
    /// Records that wait for a writer's schema or for policies, and all that came after the first of them.
    pub(super) held: VecDeque<Held>,
    /// What the open batch is judged by, from its first record to its last.
    pub(super) policies: Arc<PolicySet>,
    pub(super) behind: Behind,
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
            in_flight: Progress::default(),
            is_in_flight: false,
            progress,
            placed: Placed::default(),
            open: false,
            now: EventTime::default(),
            batch: OpenBatch::new(stage, shard, shared),
            reading: Reading::new(shared.registry.clone()),
            heard: Heard::default(),
            buffers: vec![Vec::new(); GROUP_MAX].into(),
            held: VecDeque::new(),
            policies: shared.policies.current(),
            behind: Behind::default(),
        }
    }

    pub fn shard(&self) -> i32 {
        self.shard
    }

    /// The `now` of the last batch that was closed.
    pub fn time(&self) -> EventTime {
        self.progress.now
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
            Stage::Partner(_) => self.batch.outputs.iter().any(|output| matches!(output, Output::Reply { .. })),
        }
    }

    /// Makes room for that many entries before they are loaded.
    pub fn expect(&mut self, entries: u64) {
        if let Stage::Customer(shard) = &mut self.stage {
            shard.expect(entries);
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

    /// Opens a batch unless one is open; `now` is read here, once.
    pub fn open(&mut self) {
        if !self.open {
            self.begin(self.shared.clock.now(self.progress.high, self.progress.now));
        }
    }

    /// Opens a batch as of `now` (the file runner has one clock for all shards).
    pub fn open_at(&mut self, now: EventTime) {
        if !self.open {
            self.begin(now.max(self.progress.now));
        }
    }

    fn begin(&mut self, now: EventTime) {
        self.open = true;
        self.now = now;
        self.know();
    }

    /// True when the open batch ends with what it has: it says as much as goes into a message; or, under an event clock, the
    /// data have run so far ahead of its `now` that it has to be read anew. What a batch of years holds would else be judged,
    /// and found in the future, by the time of its first record.
    pub fn is_full(&self) -> bool {
        self.open && (self.stage.is_full() || self.has_run_ahead())
    }

    fn has_run_ahead(&self) -> bool {
        !self.shared.clock.runs_by_itself() && self.progress.high.ms_since(self.now) > AHEAD_MS_MAX
    }

    /// Applies records in their order, the first one in any case and the others until the batch is full; returns how many.
    pub fn take(&mut self, records: &[Raw<'_>]) -> usize {
        let mut buffers = std::mem::take(&mut self.buffers);
        let mut taken = 0;
        for group in records.chunks(GROUP_MAX) {
            taken += self.take_group(group, &mut buffers);
            if self.is_full() {
                break;
            }
        }
        self.buffers = buffers;
        taken
    }

    /// All of a group are read, then met, and only then applied one by one: see [`crate::customer::Shard::meet`].
    fn take_group(&mut self, group: &[Raw<'_>], buffers: &mut [Vec<u8>]) -> usize {
        let mut told: SmallVec<[Told<'_>; GROUP_MAX]> = SmallVec::new();
        for (raw, buffer) in group.iter().zip(buffers) {
            told.push(self.read(raw, buffer));
        }
        self.stage.meet(group, &mut told);
        for (before, (raw, told)) in group.iter().zip(&mut told).enumerate() {
            let (now, out) = (self.now, &mut self.batch.outputs);
            let taken = self.stage.take(raw, told, now, &self.policies, &mut self.heard, out);
            self.note(raw, taken);
            if self.is_full() {
                return before + 1;
            }
        }
        group.len()
    }

    /// True when a record was taken before: whoever gives it again has lost its place.
    pub fn has_taken(&self, topic: Topic, offset: i64) -> bool {
        self.progress.next(topic).is_some_and(|next| offset < next)
    }

    fn read<'b>(&mut self, raw: &Raw<'b>, buffer: &'b mut Vec<u8>) -> Told<'b> {
        if self.is_too_large(raw) {
            return Told::Refused(self.too_large(raw));
        }
        let written = raw.value.zip(raw.topic.layout().schema);
        let body = written.map(|(value, schema)| self.reading.body(schema, value, &self.shared.ids, buffer));
        self.stage.read(raw, body, &mut self.heard)
    }

    #[cold]
    fn too_large(&self, raw: &Raw<'_>) -> Taken {
        let (size, limit) = (raw.value.map_or(0, <[u8]>::len), self.shared.config.transaction.record_bytes_max);
        let detail = format!("{size} bytes; at most {limit} are read");
        Taken { fate: Fate::DeadLettered(DeadLetterClass::TooLarge, detail), event_time: None }
    }

    fn note(&mut self, raw: &Raw<'_>, taken: Taken) {
        if let Some(time) = taken.event_time {
            self.progress.high = self.progress.high.max(time);
            // With an event clock nothing is known before the first record.
            if self.now == EventTime::default() && !self.shared.clock.runs_by_itself() {
                self.now = time;
            }
        }
        let expected = self.progress.advance(raw.topic, raw.offset + 1).unwrap_or(raw.offset);
        let passed_over = u64::try_from(raw.offset - expected).unwrap_or(0);
        self.batch.note(*raw, passed_over, taken.fate, self.stage.name(), self.now);
    }

    /// A tick, when something is due; a gap is told although nothing is.
    pub fn tick(&mut self) {
        if !self.placed.gaps.is_empty() && !self.is_in_flight {
            self.open();
        }
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
        self.stage.tick(self.now, &self.policies, &mut self.batch.outputs);
        self.batch.note_tick();
    }

    /// Ends the batch: bundles, changelog, journal and progress go to the outbox; every output is shown to `seen`, which gives
    /// back what it does not keep.
    pub fn close(&mut self, outbox: &mut Outbox, mut seen: impl FnMut(Output) -> Option<Output>) -> Closed {
        let first = outbox.len();
        let shared = self.shared.clone();
        self.tell_gaps();
        self.stage.seal(self.now, BACKLOG_UNKNOWN, &self.policies, &mut self.batch.outputs);
        for mut output in self.batch.outputs.drain(..) {
            chain(&mut output, self.shard, &mut self.progress);
            stamp(&mut output, &self.policies);
            encode::output(&output, self.shard, &shared.topics, &shared.ids, outbox);
            if let Some(output) = seen(output) {
                self.stage.take_back(output);
            }
        }
        self.batch.bury(&shared, outbox);
        self.progress.sequence += if planted::is(Bug::JournalGap) { 2 } else { 1 };
        self.progress.now = self.now;
        let entry = self.batch.journal_entry(self.progress.sequence, self.now, &self.policies, outbox, first);
        lengthen_chain(&mut self.progress, entry);
        let key = format_compact!("{}\0{}", entry.stage, entry.shard);
        let partition = shared.topics.journal_partition(self.shard);
        outbox.push(Topic::Journal, partition, key.as_bytes(), |out| shared.ids.encode(Schema::Journal, entry, out));
        self.stage.changes(self.shard, outbox);
        let changelog = Topic::changelog(self.stage.name());
        outbox.push(changelog, self.shard, PROGRESS_KEY, |out| self.progress.encode(out));
        self.batch.closed
    }

    /// Takes back an output that nobody keeps any more; its buffers are used again.
    pub fn take_back(&mut self, output: Output) {
        self.stage.take_back(output);
    }

    /// The closed batch is on its way; what comes now belongs to the next one.
    pub fn hand_over(&mut self) {
        self.stage.hand_over();
        self.in_flight.clone_from(&self.progress);
        self.is_in_flight = true;
        self.clear();
    }

    /// The batch in flight is in the log.
    pub fn commit(&mut self) {
        self.stage.commit();
        if std::mem::take(&mut self.is_in_flight) {
            std::mem::swap(&mut self.committed, &mut self.in_flight);
            self.placed = Placed::default();
        }
    }

    /// Neither the batch in flight nor the open one did happen.
    pub fn undo(&mut self) {
        self.stage.undo();
        self.is_in_flight = false;
        // They are read again.
        self.held.clear();
        self.progress = self.committed.clone();
        for Position { topic, next } in &self.placed.positions {
            self.progress.advance(*topic, *next);
        }
        self.clear();
    }

    /// Next offsets that the closed batch has moved, and those that the group does not know; when there are none, one that says
    /// where the shard stands: without any the group would fence nothing.
    pub fn moved(&self) -> impl Iterator<Item = (Topic, i64)> {
        let (before, now) = (&self.committed, &self.progress);
        let moved = |position: &&Position| {
            before.next(position.topic) != Some(position.next) || self.is_to_be_told(position.topic)
        };
        let still = if now.inputs().any(|position| moved(&position)) { 0 } else { 1 };
        let standing = now.inputs().take(still);
        now.inputs().filter(moved).chain(standing).map(|position| (position.topic, position.next))
    }

    fn clear(&mut self) {
        self.open = false;
        self.batch.clear();
    }
}

/// Gives a decision its place in the shard's chain.
fn chain(output: &mut Output, shard: i32, progress: &mut Progress) {
    if let Output::Decision(decision) = output {
        progress.decisions += 1;
        decision.shard = shard;
        decision.sequence = progress.decisions;
        set_text(&mut decision.prev_hash, &progress.decision_hash);
    }
}

/// The decisions of the next batch name what the journal says of this one's: a link of the chain is a batch, because many
/// decisions are hashed in one go at a fraction of what one by one would cost, and the journal needs that hash anyway.
fn lengthen_chain(progress: &mut Progress, entry: &JournalEntry) {
    if let Some(said) = entry.outputs.iter().find(|output| output.topic == Topic::Decisions.name()) {
        set_text(&mut progress.decision_hash, &said.digest);
    }
}
