//! What a worker wrote, read back: the raw rungs write exactly the same.

use std::time::{Duration, Instant};

use reflow::bus::{Outgoing, Topic};
use reflow::config::Config;
use reflow::domain::decision::StageName;
use reflow::domain::words::Word;

use crate::client::{Batches, Sink, Source};

/// Longest silence while reading back, seconds.
const SILENCE_SECS_MAX: u64 = 30;

/// The records of one partition of a topic, in order.
struct List {
    topic: Topic,
    partition: i32,
    bytes: Vec<u8>,
    /// Where key and value end; no value is a tombstone.
    ends: Vec<(usize, Option<usize>)>,
    /// How many are written again.
    written: usize,
}

impl List {
    fn new(topic: Topic, partition: i32) -> Self {
        Self { topic, partition, bytes: Vec::new(), ends: Vec::new(), written: 0 }
    }

    fn record(&self, at: usize) -> Outgoing<'_> {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before].1.unwrap_or(self.ends[before].0));
        let (key, value) = self.ends[at];
        Outgoing {
            topic: self.topic,
            partition: self.partition,
            key: &self.bytes[begin..key],
            value: value.map(|end| &self.bytes[key..end]),
        }
    }
}

pub struct Recorded {
    lists: Vec<List>,
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
        let (mut seen, mut heard) = (0, Instant::now());
        while seen < records {
            let took = source.take(&mut |got| {
                let at = lists.iter().position(|list| list.topic == got.topic && list.partition == got.partition);
                let at = at.unwrap_or_else(|| {
                    lists.push(List::new(got.topic, got.partition));
                    lists.len() - 1
                });
                let list = &mut lists[at];
                list.bytes.extend_from_slice(got.key);
                let key = list.bytes.len();
                list.bytes.extend_from_slice(got.value.unwrap_or_default());
                list.ends.push((key, got.value.map(|_| list.bytes.len())));
                seen += 1;
            });
            if took > 0 {
                heard = Instant::now();
            }
            assert!(heard.elapsed() < Duration::from_secs(SILENCE_SECS_MAX), "{seen} of {records} outputs were found");
        }
        assert_eq!(seen, records, "the topics hold what the worker counted");
        Self { lists }
    }

    /// Forgets what was written again.
    pub fn rewind(&mut self) {
        self.lists.iter_mut().for_each(|list| list.written = 0);
    }

    /// Writes, of every partition, what belongs to that part of the input and is not written yet.
    pub fn write(&mut self, part: f64, sink: &mut Sink) {
        for list in &mut self.lists {
            let until = ((list.ends.len() as f64 * part).round() as usize).max(list.written);
            if until > list.written {
                sink.send(list.topic, list.partition, (list.written..until).map(|at| list.record(at)));
                list.written = until;
            }
        }
    }

    /// Partitions written to.
    pub fn partitions(&self) -> usize {
        self.lists.len()
    }
}
