//! Records through the shards of both stages, without a client.

use std::ops::Range;

use reflow::bus::{Outbox, Topic};
use reflow::customer::GROUP_MAX;
use reflow::domain::decision::StageName;
use reflow::domain::words::Word;
use reflow::worker::stage::Raw;
use reflow::worker::{ShardRunner, Shared};

use smallvec::SmallVec;

use crate::load::Record;

/// Records that a lane gets from the client in one call.
const FETCHED_RECORDS: usize = 256;

struct Kept {
    topic: Topic,
    partition: i32,
    key: Range<usize>,
    value: Range<usize>,
}

/// Records that were made before they are read, one after the other in one buffer, so that making them costs nothing then.
#[derive(Default)]
pub struct Records {
    kept: Vec<Kept>,
    bytes: Vec<u8>,
}

impl Records {
    pub fn push(&mut self, record: Record<'_>) {
        let Record { topic, partition, key, value } = record;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.kept.push(Kept { topic, partition, key: start..end, value: end..self.bytes.len() });
    }

    pub fn len(&self) -> usize {
        self.kept.len()
    }

    pub fn clear(&mut self) {
        self.kept.clear();
        self.bytes.clear();
    }

    /// Positions of so many records each.
    pub fn batches(&self, most: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let len = self.len();
        (0..len).step_by(most.max(1)).map(move |start| start..len.min(start + most))
    }
}

/// All shards of one stage in one process.
pub struct Shards {
    runners: Vec<ShardRunner>,
    outbox: Outbox,
    offset: i64,
}

impl Shards {
    pub fn new(stage: StageName, shards: i32, shared: &Shared) -> Self {
        let runners = (0..shards).map(|shard| ShardRunner::new(stage, shard, shared)).collect();
        Self { runners, outbox: Outbox::default(), offset: 0 }
    }

    /// One transaction over all shards.
    pub fn batch(&mut self, records: &Records, batch: Range<usize>) {
        let bytes = &records.bytes;
        self.outbox.clear();
        for fetched in records.kept[batch].chunks(FETCHED_RECORDS) {
            // As a lane does with what it fetched: by partition, a group at a time.
            let mut order: SmallVec<[&Kept; FETCHED_RECORDS]> = fetched.iter().collect();
            order.sort_by_key(|it| it.partition);
            for run in order.chunk_by(|one, next| one.partition == next.partition) {
                let runner = &mut self.runners[run[0].partition as usize];
                runner.open();
                for group in run.chunks(GROUP_MAX) {
                    let raw = |(it, offset): (&&Kept, i64)| Raw {
                        topic: it.topic,
                        topic_name: it.topic.name(),
                        partition: it.partition,
                        offset,
                        timestamp: None,
                        key: Some(&bytes[it.key.clone()]),
                        value: Some(&bytes[it.value.clone()]),
                        headers: &Vec::new,
                    };
                    let raws: SmallVec<[Raw<'_>; GROUP_MAX]> = group.iter().zip(self.offset..).map(raw).collect();
                    assert_eq!(runner.take(&raws), raws.len(), "the batch has room");
                    self.offset += raws.len() as i64;
                }
            }
        }
        for runner in self.runners.iter_mut().filter(|runner| runner.is_open()) {
            runner.close(&mut self.outbox, Some);
            runner.hand_over();
            runner.commit();
        }
    }

    /// Reads everything in batches of so many records, and shows what each wrote.
    pub fn read(&mut self, records: &Records, batch: usize, mut written: impl FnMut(&Outbox)) {
        for batch in records.batches(batch) {
            self.batch(records, batch);
            written(&self.outbox);
        }
    }

    /// What the last transaction wrote.
    pub fn written(&self) -> &Outbox {
        &self.outbox
    }

    /// What it said to the other stage.
    pub fn said(&self, topic: Topic, to: &mut Records) {
        to.clear();
        for record in self.outbox.iter().filter(|record| record.topic == topic) {
            let (partition, key, value) = (record.partition, record.key, record.value.unwrap_or_default());
            to.push(Record { topic, partition, key, value });
        }
    }
}

/// Both stages, which hear each other.
pub struct Both {
    pub customers: Shards,
    pub partners: Shards,
    facts: Records,
    replies: Records,
}

impl Both {
    pub fn new(shared: &Shared) -> Self {
        let shards = shared.config.shards;
        Self {
            customers: Shards::new(StageName::Customer, shards.customer, shared),
            partners: Shards::new(StageName::Partner, shards.partner, shared),
            facts: Records::default(),
            replies: Records::default(),
        }
    }

    /// One transaction of the customer stage, one of the partner stage with what it said, and one with the replies. Each is
    /// taken by `take`, which runs [`Shards::batch`].
    pub fn batch(
        &mut self,
        records: &Records,
        batch: Range<usize>,
        mut take: impl FnMut(StageName, &mut Shards, &Records, Range<usize>),
    ) {
        take(StageName::Customer, &mut self.customers, records, batch);
        self.customers.said(Topic::PartnerFacts, &mut self.facts);
        take(StageName::Partner, &mut self.partners, &self.facts, 0..self.facts.len());
        self.partners.said(Topic::Replies, &mut self.replies);
        take(StageName::Customer, &mut self.customers, &self.replies, 0..self.replies.len());
    }
}
