//! Reading the changelog of shards, up to the high watermark.
//!
//! The watermark is taken through a read-uncommitted handle after the committed offsets were read; reading itself is
//! read-committed. Up to the last *stable* offset would silently miss records above an open transaction. All shards are
//! assigned together: while one waits for the broker, others are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::asking::watermarks;
use super::consumer::lost_offset;
use super::native::{Delivery, LaneQueue};
use crate::planted::{self, Bug};

/// Longest wait for one answer, seconds; who asked may try again with a client of its own making.
const QUERY_SECS_MAX: u64 = 10;
/// One wait for records, milliseconds; between two of them it is looked whether to go on at all.
const POLL_MS: u64 = 100;
/// Entries after which it is looked whether to go on.
const LOOK_EVERY_ENTRIES: u64 = 1024;
/// Longest pause between two looks for the end of an open transaction, milliseconds.
const STABLE_EVERY_MS: u64 = 20;

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("changelog {topic} partition {partition}: {error}")]
    Kafka { topic: String, partition: i32, error: KafkaError },
    #[error(
        "changelog {topic} partition {partition}: offset {stable} is not passed for {secs} s, the end is {high}: a \
         transaction stays open, or the broker is away. `kafka-transactions.sh find-hanging` names the transaction; the \
         broker ends it by itself after the producer's transaction.timeout.ms. Then start again"
    )]
    Stuck { topic: String, partition: i32, stable: i64, high: i64, secs: u64 },
    #[error("changelog {topic} partition {partition} offset {offset}: {detail}")]
    Entry { topic: String, partition: i32, offset: i64, detail: String },
    #[error("given up: the shards go elsewhere")]
    Cancelled,
}

/// The extent of a shard's changelog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first offset that is still there.
    pub low: i64,
    /// The high watermark: the end, transactions in the making included.
    pub high: i64,
}

/// What to read of one shard's changelog: from an offset to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub shard: i32,
    pub from: i64,
    pub high: i64,
}

/// One entry of a changelog.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub shard: i32,
    pub offset: i64,
    pub key: &'a [u8],
    pub value: Option<&'a [u8]>,
}

/// A restore as it is seen from outside: it can be given up, and it is seen to go on.
#[derive(Debug, Default)]
pub struct Course {
    given_up: AtomicBool,
    steps: AtomicU64,
}

impl Course {
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// Notes that the work is alive; false when it was given up.
    pub fn step(&self) -> bool {
        self.steps.fetch_add(1, Ordering::Relaxed);
        !self.given_up.load(Ordering::Relaxed)
    }

    /// Steps so far, of all threads.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }
}

/// Reads the changelog partitions of any number of shards.
pub struct Restorer<'a> {
    config: ClientConfig,
    topic: &'a str,
    committed: BaseConsumer,
    uncommitted: BaseConsumer,
    silence: Duration,
    course: &'a Course,
}

impl<'a> Restorer<'a> {
    /// `silence` is the longest wait without progress; any call ends early when `course` is given up.
    pub fn open(
        config: &ClientConfig,
        topic: &'a str,
        silence: Duration,
        course: &'a Course,
    ) -> Result<Self, KafkaError> {
        let (committed, uncommitted) = (handle(config, "read_committed")?, handle(config, "read_uncommitted")?);
        Ok(Self { config: config.clone(), topic, committed, uncommitted, silence, course })
    }

    /// Where a shard's changelog begins and ends; waits until no open transaction hides a record below that end.
    pub fn extent(&self, shard: i32) -> Result<Extent, RestoreError> {
        let (low, high) = ends(&self.uncommitted, self.topic, shard).map_err(|error| self.kafka(shard, error))?;
        let (began, mut said) = (Instant::now(), false);
        loop {
            let (_, stable) = ends(&self.committed, self.topic, shard).map_err(|error| self.kafka(shard, error))?;
            if stable >= high || planted::is(Bug::RestoreToTheLso) {
                return Ok(Extent { low, high: high.min(stable) });
            }
            if !std::mem::replace(&mut said, true) {
                tracing::info!(topic = self.topic, shard, stable, high, "restore waits for an open transaction");
            }
            if began.elapsed() > self.silence {
                return Err(self.stuck(shard, stable, high));
            }
            self.go_on()?;
            std::thread::park_timeout(Duration::from_millis(STABLE_EVERY_MS));
        }
    }

    /// Feeds the entries of the stretches to `take`, those of one shard in order; returns how many.
    ///
    /// Each call has a handle of its own, which is assigned once: the end of an earlier assignment takes the forwarding of its
    /// partitions off in the background, as late as it likes.
    pub fn read(
        &self,
        stretches: &[Stretch],
        mut take: impl FnMut(Entry<'_>) -> Result<(), String>,
    ) -> Result<u64, RestoreError> {
        let mut open: Vec<Stretch> = stretches.iter().copied().filter(|stretch| stretch.from < stretch.high).collect();
        let Some(first) = open.first().map(|stretch| stretch.shard) else { return Ok(0) };
        let handle = handle(&self.config, "read_committed").map_err(|error| self.kafka(first, error))?;
        let handle = Arc::new(handle);
        let queue = LaneQueue::open(&handle, std::thread::current());
        let mut queue = queue.map_err(|error| self.kafka(first, error))?;
        let mut list = TopicPartitionList::new();
        for stretch in &open {
            let offset = Offset::Offset(stretch.from);
            let added = list.add_partition_offset(self.topic, stretch.shard, offset);
            added
                .and_then(|()| queue.attach(self.topic, stretch.shard))
                .map_err(|error| self.kafka(stretch.shard, error))?;
        }
        handle.assign(&list).map_err(|error| self.kafka(first, error))?;
        let (mut entries, mut heard) = (0, Instant::now());
        while let Some(waiting) = open.first().copied() {
            match queue.pull() {
                Some(Delivery::Record(record)) => {
                    entries += 1;
                    let (shard, offset) = (record.partition(), record.offset());
                    let (key, value) = (record.key().unwrap_or_default(), record.value());
                    let taken = take(Entry { shard, offset, key, value });
                    taken.map_err(|detail| self.entry(shard, offset, detail))?;
                    if entries % LOOK_EVERY_ENTRIES != 0 {
                        continue;
                    }
                }
                // The last stable offset was seen at or above the watermark before reading began; a leader that has come since
                // may know less of it for a while, and its end is none.
                Some(Delivery::End { partition, offset }) => {
                    open.retain(|stretch| stretch.shard != partition || offset < stretch.high);
                }
                Some(Delivery::Error { error, .. }) if lost_offset(&error) => {
                    return Err(self.kafka(waiting.shard, error));
                }
                Some(Delivery::Error { error, .. }) => {
                    tracing::warn!(%error, topic = self.topic, "restore");
                    continue;
                }
                None if heard.elapsed() > self.silence => {
                    return Err(self.stuck(waiting.shard, waiting.from, waiting.high));
                }
                None => {
                    self.go_on()?;
                    // Serves the client's own events; records come through the queue.
                    if let Some(Ok(message)) = handle.poll(Duration::ZERO) {
                        // It must not be lost, and here its place in the order is.
                        return Err(self.entry(
                            message.partition(),
                            message.offset(),
                            "a record came astray".to_owned(),
                        ));
                    }
                    std::thread::park_timeout(Duration::from_millis(POLL_MS));
                    continue;
                }
            }
            self.go_on()?;
            heard = Instant::now();
        }
        Ok(entries)
    }

    fn go_on(&self) -> Result<(), RestoreError> {
        if self.course.step() { Ok(()) } else { Err(RestoreError::Cancelled) }
    }

    fn kafka(&self, partition: i32, error: KafkaError) -> RestoreError {
        RestoreError::Kafka { topic: self.topic.to_owned(), partition, error }
    }

    fn entry(&self, partition: i32, offset: i64, detail: String) -> RestoreError {
        RestoreError::Entry { topic: self.topic.to_owned(), partition, offset, detail }
    }

    fn stuck(&self, partition: i32, stable: i64, high: i64) -> RestoreError {
        let (topic, secs) = (self.topic.to_owned(), self.silence.as_secs());
        RestoreError::Stuck { topic, partition, stable, high, secs }
    }
}

/// A handle that only asks where the stable part of a changelog ends.
pub struct StableEnd(BaseConsumer);

impl StableEnd {
    pub fn open(config: &ClientConfig) -> Result<Self, KafkaError> {
        handle(config, "read_committed").map(Self)
    }

    /// The last stable offset: below it every transaction has ended.
    pub fn of(&self, topic: &str, shard: i32) -> Result<i64, KafkaError> {
        ends(&self.0, topic, shard).map(|(_, end)| end)
    }
}

/// The ends of a partition as the handle's isolation sees them: the upper one is the last stable offset, or the high watermark.
fn ends(handle: &BaseConsumer, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
    watermarks(handle, topic, partition, Duration::from_secs(QUERY_SECS_MAX))
}

fn handle(config: &ClientConfig, isolation: &str) -> Result<BaseConsumer, KafkaError> {
    let mut config = config.clone();
    // A group id is only asked for by the client; nothing is committed under it.
    config.set("group.id", "reflow-restore").set("enable.partition.eof", "true").set("isolation.level", isolation);
    config.create()
}
