//! The in-memory twin of the log: partitions with offsets, for runs over files.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::{Outgoing, Topic};

/// A record waiting in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub offset: i64,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

/// Partitions of the topics that a stage reads.
#[derive(Debug, Default)]
pub struct Memory {
    next: FxHashMap<(Topic, i32), i64>,
    waiting: FxHashMap<(Topic, i32), VecDeque<Waiting>>,
}

impl Memory {
    /// The offset of the next record of a partition; the record counts as appended.
    pub fn append(&mut self, topic: Topic, partition: i32) -> i64 {
        let next = self.next.entry((topic, partition)).or_default();
        *next += 1;
        *next - 1
    }

    /// Keeps a produced record for the stage that reads its topic.
    pub fn produce(&mut self, record: &Outgoing<'_>) {
        let offset = self.append(record.topic, record.partition);
        let waiting = Waiting { offset, key: record.key.to_vec(), value: record.value.map(<[u8]>::to_vec) };
        self.waiting.entry((record.topic, record.partition)).or_default().push_back(waiting);
    }

    pub fn take(&mut self, topic: Topic, partition: i32) -> Option<Waiting> {
        self.waiting.get_mut(&(topic, partition))?.pop_front()
    }

    pub fn is_idle(&self) -> bool {
        self.waiting.values().all(VecDeque::is_empty)
    }
}
