//! Restoring a shard's state from its changelog, up to the high watermark.
//!
//! The watermark is taken through a read-uncommitted handle after the committed offsets were read; reading itself is
//! read-committed. Up to the last *stable* offset would silently miss records above an open transaction.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::errors::ask;
use crate::planted::{self, Bug};

/// Longest wait without progress (an open transaction, a broker that is away), seconds.
const SILENCE_SECS_MAX: u64 = 120;
const QUERY_SECS_MAX: u64 = 30;

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("changelog {topic} partition {partition}: {error}")]
    Kafka { topic: String, partition: i32, error: KafkaError },
    #[error(
        "changelog {topic} partition {partition}: no progress for {secs} s below the high watermark {high}: \
         a transaction stays open (find its producer, or wait until it times out) or the broker is away"
    )]
    Stuck { topic: String, partition: i32, high: i64, secs: u64 },
    #[error("changelog {topic} partition {partition} offset {offset}: {detail}")]
    Entry { topic: String, partition: i32, offset: i64, detail: String },
}

/// Two handles that serve all shards of a lane: connecting costs more than an empty restore.
pub struct Restorer {
    committed: BaseConsumer,
    uncommitted: BaseConsumer,
}

impl Restorer {
    pub fn open(config: &ClientConfig) -> Result<Self, KafkaError> {
        Ok(Self { committed: handle(config, "read_committed")?, uncommitted: handle(config, "read_uncommitted")? })
    }

    /// Feeds every changelog entry of one partition to `entry`, in order; returns how many.
    pub fn restore(
        &self,
        topic: &str,
        partition: i32,
        mut entry: impl FnMut(&[u8], Option<&[u8]>) -> Result<(), String>,
    ) -> Result<u64, RestoreError> {
        let kafka = |error| RestoreError::Kafka { topic: topic.to_owned(), partition, error };
        let high = end(&self.uncommitted, topic, partition).map_err(kafka)?;
        if high == 0 {
            return Ok(0);
        }
        self.wait_until_stable(topic, partition, high)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Beginning).map_err(kafka)?;
        self.committed.assign(&list).map_err(kafka)?;
        let (mut entries, mut heard) = (0, Instant::now());
        loop {
            match self.committed.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    (entries, heard) = (entries + 1, Instant::now());
                    entry(message.key().unwrap_or_default(), message.payload()).map_err(|detail| {
                        RestoreError::Entry { topic: topic.to_owned(), partition, offset: message.offset(), detail }
                    })?;
                }
                // The end fires at the last stable offset, which was seen at or above the watermark before reading began.
                Some(Err(KafkaError::PartitionEOF(at))) if at == partition => break,
                Some(Err(error)) => tracing::warn!(%error, topic, partition, "restore"),
                None if heard.elapsed().as_secs() > SILENCE_SECS_MAX => {
                    let (topic, secs) = (topic.to_owned(), SILENCE_SECS_MAX);
                    return Err(RestoreError::Stuck { topic, partition, high, secs });
                }
                None => {}
            }
        }
        self.committed.unassign().map_err(kafka)?;
        Ok(entries)
    }

    /// Waits until no open transaction hides a record below `high`.
    fn wait_until_stable(&self, topic: &str, partition: i32, high: i64) -> Result<(), RestoreError> {
        let began = Instant::now();
        loop {
            let stable = end(&self.committed, topic, partition).map_err(|error| RestoreError::Kafka {
                topic: topic.to_owned(),
                partition,
                error,
            })?;
            if stable >= high || planted::is(Bug::RestoreToTheLso) {
                return Ok(());
            }
            if began.elapsed().as_secs() > SILENCE_SECS_MAX {
                let (topic, secs) = (topic.to_owned(), SILENCE_SECS_MAX);
                return Err(RestoreError::Stuck { topic, partition, high, secs });
            }
            let _ = self.committed.poll(Duration::from_millis(20)); // nothing is assigned: it only waits
        }
    }
}

/// The end of a partition as the handle's isolation sees it: the last stable offset, or the high watermark.
fn end(handle: &BaseConsumer, topic: &str, partition: i32) -> Result<i64, KafkaError> {
    let wait = Duration::from_secs(QUERY_SECS_MAX);
    ask(wait, || handle.fetch_watermarks(topic, partition, wait)).map(|(_, end)| end)
}

fn handle(config: &ClientConfig, isolation: &str) -> Result<BaseConsumer, KafkaError> {
    let mut config = config.clone();
    // A group id is only asked for by the client; nothing is committed under it.
    config.set("group.id", "reflow-restore").set("enable.partition.eof", "true").set("isolation.level", isolation);
    config.create()
}
