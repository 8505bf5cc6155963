//! Both stages' shard runners over an in-memory log: batches of any size at a given `now`, undone and done again, or taken
//! up by a fresh runner from the changelog.

use std::collections::{BTreeMap, BTreeSet};

use reflow::bus::{Outbox, Topic};
use reflow::config::Config;
use reflow::domain::EventTime;
use reflow::domain::decision::StageName;
use reflow::policy::PolicySet;
use reflow::store::Cursor;
use reflow::worker::progress::PROGRESS_KEY;
use reflow::worker::stage::Raw;
use reflow::worker::{ShardRunner, Shared};
use reflow_oracle::dice::Dice;

use crate::reloads::Reloads;

/// A record as it lies in a topic that a stage reads.
#[derive(Clone, Debug)]
pub struct Lying {
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

/// A record that a stage wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Produced {
    pub topic: Topic,
    pub partition: i32,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

/// What goes wrong between batches, in percent of them. The outputs must not show it.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The batch is closed, undone and fed again.
    pub undo_percent: i64,
    /// A fresh runner takes over from the changelog; ten times as often when a batch is aborted, with an image that was drawn while
    /// that batch was in flight.
    pub restore_percent: i64,
}

/// One batch: which shard, when, and how much of what waits.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    pub stage: StageName,
    pub shard: i32,
    pub now: EventTime,
    pub records_max: usize,
    pub tick_first: bool,
}

/// All shards of both stages, and the log between them.
pub struct Bench {
    pub shared: Shared,
    customers: Vec<ShardRunner>,
    partners: Vec<ShardRunner>,
    pub lying: BTreeMap<(Topic, i32), Vec<Lying>>,
    taken: BTreeMap<(Topic, i32), usize>,
    next: BTreeMap<(Topic, i32), i64>,
    pub produced: Vec<Produced>,
    outbox: Outbox,
    faults: Faults,
    /// Apart from the dice of the schedule, so that faults do not change it.
    fault_dice: Dice,
    /// The newest image of each shard, whole or in the making.
    images: BTreeMap<(StageName, i32), Image>,
    /// How many batches were undone, how many runners restored, and how many of them from an image.
    pub undone: u64,
    pub restored: u64,
    pub imaged: u64,
    /// Policies that are published before a record is taken.
    pub reloads: Option<Reloads>,
}

/// A fuzzy image: a few entries at a time, each as it is committed at that moment.
#[derive(Default)]
struct Image {
    /// Entries of the changelog that lay there before the first one was written.
    from: usize,
    cursor: Cursor,
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    whole: bool,
}

impl Bench {
    pub fn new(config: Config, policies: PolicySet, faults: Faults, seed: u64) -> Bench {
        Self::on(Shared::new(config, policies), faults, seed)
    }

    pub fn on(shared: Shared, faults: Faults, seed: u64) -> Bench {
        let runners = |stage, shards| (0..shards).map(|shard| ShardRunner::new(stage, shard, &shared)).collect();
        Bench {
            customers: runners(StageName::Customer, shared.topics.customer_shards),
            partners: runners(StageName::Partner, shared.topics.partner_shards),
            shared,
            lying: BTreeMap::new(),
            taken: BTreeMap::new(),
            next: BTreeMap::new(),
            produced: Vec::new(),
            outbox: Outbox::default(),
            faults,
            fault_dice: Dice::new(seed ^ 0xfa17),
            images: BTreeMap::new(),
            undone: 0,
            restored: 0,
            imaged: 0,
            reloads: None,
        }
    }

    pub fn shards(&self, stage: StageName) -> i32 {
        self.shared.topics.shards(stage)
    }

    /// Puts a record into a topic; gives its offset. Every fifth record has a hole before it.
    pub fn send(&mut self, topic: Topic, partition: i32, key: Option<Vec<u8>>, value: Option<Vec<u8>>) -> i64 {
        let records = self.lying.entry((topic, partition)).or_default();
        let next = self.next.entry((topic, partition)).or_default();
        *next += i64::from(records.len() % 5 == 4);
        let offset = *next;
        *next += 1;
        records.push(Lying { offset, key, value });
        offset
    }

    /// True when no record of any topic waits to be read.
    pub fn is_idle(&self) -> bool {
        self.lying.iter().all(|(place, records)| self.taken.get(place).copied().unwrap_or(0) == records.len())
    }

    /// Works off a batch with whatever goes wrong on the way; gives what it wrote.
    pub fn run(&mut self, batch: Batch) -> Vec<Produced> {
        if self.fault_dice.chance(self.faults.restore_percent) {
            self.restore(batch.stage, batch.shard);
        }
        let records = self.waiting(&batch);
        let Some(written) = self.attempt(&batch, &records) else { return Vec::new() };
        // What is closed and not committed must not show in it.
        let most = self.fault_dice.between(1, 8) as usize;
        self.draw(batch.stage, batch.shard, most);
        if self.fault_dice.chance(self.faults.undo_percent) {
            self.runner(batch.stage, batch.shard).undo();
            self.undone += 1;
            let again = self.attempt(&batch, &records);
            assert_eq!(again.as_ref(), Some(&written), "the same batch after undo, {batch:?}");
        }
        let runner = self.runner(batch.stage, batch.shard);
        runner.hand_over();
        runner.commit();
        for (topic, _) in &records {
            *self.taken.entry((*topic, batch.shard)).or_default() += 1;
        }
        let places: BTreeSet<(Topic, i32)> = written.iter().map(|record| (record.topic, record.partition)).collect();
        for record in &written {
            if matches!(record.topic, Topic::PartnerFacts | Topic::Replies) {
                self.send(record.topic, record.partition, Some(record.key.clone()), record.value.clone());
            }
        }
        // The transaction's marker takes an offset.
        places.into_iter().for_each(|place| *self.next.entry(place).or_default() += 1);
        self.produced.extend(written.iter().cloned());
        written
    }

    /// Does a part of what waits, closes it, and puts everything back: an aborted transaction. An image may be drawn meanwhile; what
    /// it saw of this batch would never be told by the changelog.
    pub fn abort(&mut self, batch: Batch) {
        let records = self.waiting(&batch);
        if self.attempt(&batch, &records).is_some() {
            let dies = self.fault_dice.chance(10 * self.faults.restore_percent);
            if self.fault_dice.chance(50) {
                self.runner(batch.stage, batch.shard).hand_over();
            }
            if dies {
                self.images.remove(&(batch.stage, batch.shard));
                self.draw(batch.stage, batch.shard, usize::MAX);
                self.restore(batch.stage, batch.shard);
            } else {
                self.runner(batch.stage, batch.shard).undo();
            }
            self.undone += 1;
        }
    }

    /// What waits for a shard, urgent topics first.
    fn waiting(&self, batch: &Batch) -> Vec<(Topic, Lying)> {
        let mut records = Vec::new();
        for topic in Topic::inputs(batch.stage) {
            let place = (topic, batch.shard);
            let lying = self.lying.get(&place).map_or(&[][..], Vec::as_slice);
            let from = self.taken.get(&place).copied().unwrap_or(0);
            records.extend(lying[from..].iter().map(|record| (topic, record.clone())));
        }
        records.truncate(batch.records_max);
        records
    }

    /// Feeds and closes; nothing when there was nothing to do.
    fn attempt(&mut self, batch: &Batch, records: &[(Topic, Lying)]) -> Option<Vec<Produced>> {
        let shared = self.shared.clone();
        self.outbox.clear();
        let mut outbox = std::mem::take(&mut self.outbox);
        let mut reloads = self.reloads.take();
        let runner = self.runner(batch.stage, batch.shard);
        if batch.tick_first {
            runner.tick_at(batch.now);
        }
        let raws: Vec<Raw<'_>> = records
            .iter()
            .map(|(topic, record)| Raw {
                topic: *topic,
                topic_name: shared.topic_name(*topic),
                partition: batch.shard,
                offset: record.offset,
                timestamp: None,
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                headers: &Vec::new,
            })
            .collect();
        // Runs of any length, as a lane gets them.
        let mut rest = raws.as_slice();
        while !rest.is_empty() {
            if let Some(reloads) = &mut reloads {
                reloads.maybe(batch.now);
            }
            runner.open_at(batch.now);
            let run = rest.len().min(1 + (rest[0].offset % 41).unsigned_abs() as usize);
            let taken = runner.take(&rest[..run]);
            rest = &rest[taken..];
        }
        if !batch.tick_first {
            runner.tick_at(batch.now);
        }
        if !runner.is_open() {
            (self.outbox, self.reloads) = (outbox, reloads);
            return None;
        }
        runner.close(&mut outbox, Some);
        let own = |value: &[u8]| value.to_vec();
        let written = outbox.iter().map(|record| Produced {
            topic: record.topic,
            partition: record.partition,
            key: own(record.key),
            value: record.value.map(own),
        });
        let written = written.collect();
        (self.outbox, self.reloads) = (outbox, reloads);
        Some(written)
    }

    /// A fresh runner from the changelog: as it was written, or compacted, with or without its tombstones.
    fn restore(&mut self, stage: StageName, shard: i32) {
        let topic = Topic::changelog(stage);
        let own: Vec<&Produced> =
            self.produced.iter().filter(|record| record.topic == topic && record.partition == shard).collect();
        let (compact, tombstones) = (self.fault_dice.chance(60), self.fault_dice.chance(50));
        let newest: BTreeMap<&[u8], usize> =
            own.iter().enumerate().map(|(position, record)| (record.key.as_slice(), position)).collect();
        let kept = own.iter().enumerate().filter(|(position, record)| {
            !compact || newest.get(record.key.as_slice()) == Some(position) && (tombstones || record.value.is_some())
        });
        let mut fresh = ShardRunner::new(stage, shard, &self.shared);
        // One older than what is left of the tombstones would bring back what was deleted.
        let image = self.images.get(&(stage, shard)).filter(|image| image.whole && (tombstones || !compact));
        for (key, value) in image.iter().flat_map(|image| &image.entries) {
            fresh.load(key, Some(value)).unwrap();
        }
        let from = image.map_or(0, |image| image.from);
        for (_, record) in kept.filter(|(position, _)| *position >= from) {
            fresh.load(&record.key, record.value.as_deref()).unwrap();
        }
        self.imaged += u64::from(image.is_some());
        *self.runner(stage, shard) = fresh;
        self.restored += 1;
    }

    /// Writes up to `most` entries of the shard's image; may begin a new one when the last is whole.
    fn draw(&mut self, stage: StageName, shard: i32, most: usize) {
        let topic = Topic::changelog(stage);
        let from = self.produced.iter().filter(|record| record.topic == topic && record.partition == shard).count();
        let again = self.fault_dice.chance(10);
        let mut image = self.images.remove(&(stage, shard)).unwrap_or(Image { from, ..Image::default() });
        if image.whole && again {
            image = Image { from, ..Image::default() };
        }
        let (runner, entries) = (self.runner(stage, shard), &mut image.entries);
        let mut push = |key: &[u8], value: Option<&[u8]>| entries.push((key.to_vec(), value.unwrap().to_vec()));
        if !image.whole && runner.committed_entries(&mut image.cursor, most, &mut push).unwrap() {
            let mut progress = Vec::new();
            runner.committed().encode(&mut progress);
            push(PROGRESS_KEY, Some(&progress));
            image.whole = true;
        }
        self.images.insert((stage, shard), image);
    }

    fn runner(&mut self, stage: StageName, shard: i32) -> &mut ShardRunner {
        match stage {
            StageName::Customer => &mut self.customers[shard as usize],
            StageName::Partner => &mut self.partners[shard as usize],
        }
    }
}
