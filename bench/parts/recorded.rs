//! What a worker wrote, read back: the raw rungs write exactly the same.

use std::time::{Duration, Instant};

use reflow::bus::Topic;
use reflow::config::Config;
use reflow::domain::decision::StageName;
use reflow::domain::words::Word;

use crate::native::{Batches, Sink, Source};

/// Longest silence while reading back, seconds.
const SILENCE_SECS_MAX: u64 = 30;

/// The records of one partition of a topic, in order.
struct List {
    topic: Topic,
    partition: i32,
    bytes: Vec<u8>,
    /// Length of key and value; no value is a tombstone.
    sizes: Vec<(u32, Option<u32>)>,
    /// How many are written again, and where their bytes end.
    written: usize,
    at: usize,
}

pub struct Recorded {
    lists: Vec<List>,
    pub records: u64,
    pub bytes: u64,
}

impl Recorded {
    /// Reads the outputs of a customer stage that wrote so many records.
    pub fn read(config: &Config, records: u64) -> Self {
        let topics = config.topics();
        let inputs: Vec<Topic> = Topic::inputs(StageName::Customer).collect();
        let outputs: Vec<Topic> = Topic::ALL.iter().copied().filter(|topic| !inputs.contains(topic)).collect();
        let mut settings = config.reader();
        settings.set("group.id", "ladder-outputs").set("isolation.level", "read_committed");
        let mut source = Batches::open(&settings, &topics, &outputs);
        let mut lists: Vec<List> = Vec::new();
        let (mut seen, mut bytes, mut heard) = (0, 0, Instant::now());
        while seen < records {
            let took = source.take(&mut |got| {
                let at = lists.iter().position(|list| list.topic == got.topic && list.partition == got.partition);
                let at = at.unwrap_or_else(|| {
                    let (topic, partition) = (got.topic, got.partition);
                    lists.push(List { topic, partition, bytes: Vec::new(), sizes: Vec::new(), written: 0, at: 0 });
                    lists.len() - 1
                });
                let list = &mut lists[at];
                list.bytes.extend_from_slice(got.key);
                list.bytes.extend_from_slice(got.value.unwrap_or_default());
                list.sizes.push((got.key.len() as u32, got.value.map(|value| value.len() as u32)));
                bytes += (got.key.len() + got.value.map_or(0, <[u8]>::len)) as u64;
                seen += 1;
            });
            if took > 0 {
                heard = Instant::now();
            }
            assert!(heard.elapsed() < Duration::from_secs(SILENCE_SECS_MAX), "{seen} of {records} outputs were found");
        }
        assert_eq!(seen, records, "the topics hold what the worker counted");
        Self { lists, records, bytes }
    }

    /// Forgets what was written again.
    pub fn rewind(&mut self) {
        for list in &mut self.lists {
            (list.written, list.at) = (0, 0);
        }
    }

    /// Writes, of every partition, what belongs to that part of the input.
    pub fn write(&mut self, part: f64, sink: &Sink) {
        for list in &mut self.lists {
            let until = (list.sizes.len() as f64 * part).round() as usize;
            for (key, value) in &list.sizes[list.written.min(until)..until] {
                let (key_end, end) =
                    (list.at + *key as usize, list.at + *key as usize + value.unwrap_or_default() as usize);
                let value = value.map(|_| &list.bytes[key_end..end]);
                sink.send(list.topic, list.partition, &list.bytes[list.at..key_end], value);
                list.at = end;
            }
            list.written = list.written.max(until);
        }
    }

    /// Partitions written to.
    pub fn partitions(&self) -> usize {
        self.lists.len()
    }
}
