//! Records of a load through shards of the customer stage, without a client.

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

/// Records that were made before they are read, so that making them costs nothing then.
#[derive(Default)]
pub struct Records {
    kept: Vec<Kept>,
    bytes: Vec<u8>,
}

impl Records {
    pub fn push(&mut self, record: Record<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(record.key);
        let end = self.bytes.len();
        self.bytes.extend_from_slice(record.value);
        let (topic, partition) = (record.topic, record.partition);
        self.kept.push(Kept { topic, partition, key: start..end, value: end..self.bytes.len() });
    }

    pub fn len(&self) -> usize {
        self.kept.len()
    }
}

/// All shards of the customer stage in one process.
pub struct Shards {
    runners: Vec<ShardRunner>,
    outbox: Outbox,
    offset: i64,
}

impl Shards {
    pub fn new(shards: i32, shared: &Shared) -> Self {
        let runners = (0..shards).map(|shard| ShardRunner::new(StageName::Customer, shard, shared)).collect();
        Self { runners, outbox: Outbox::default(), offset: 0 }
    }

    /// Reads everything in batches of so many records over all shards, and shows what each batch wrote.
    pub fn read(&mut self, records: &Records, batch: usize, mut written: impl FnMut(&Outbox)) {
        let bytes = &records.bytes;
        for batch in records.kept.chunks(batch) {
            self.outbox.clear();
            for group in batch.chunks(GROUP_RECORDS) {
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
            written(&self.outbox);
        }
    }
}
