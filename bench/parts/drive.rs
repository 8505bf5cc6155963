//! Records through the shards of both stages, without a client.

use std::ops::Range;

use reflow::bus::{Outbox, Topic};
use reflow::domain::decision::StageName;
use reflow::domain::words::Word;
use reflow::worker::stage::Raw;
use reflow::worker::{ShardRunner, Shared};

use crate::load::Record;

/// Records that are looked up together.
const GROUP_RECORDS: usize = 256;

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
        for group in records.kept[batch].chunks(GROUP_RECORDS) {
            for (shard, runner) in (0..).zip(&self.runners) {
                runner.bring(group.iter().filter(|it| it.partition == shard).map(|it| &bytes[it.key.clone()]));
            }
            for it in group {
                let runner = &mut self.runners[it.partition as usize];
                runner.open();
                runner.take(Raw {
                    topic: it.topic,
                    topic_name: it.topic.name(),
                    partition: it.partition,
                    offset: self.offset,
                    timestamp: None,
                    key: Some(&bytes[it.key.clone()]),
                    value: Some(&bytes[it.value.clone()]),
                    headers: &Vec::new,
                });
                self.offset += 1;
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
