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

/// Feeds every changelog entry of one partition to `entry`, in order; returns how many.
pub fn restore(
    config: &ClientConfig,
    topic: &str,
    partition: i32,
    mut entry: impl FnMut(&[u8], Option<&[u8]>) -> Result<(), String>,
) -> Result<u64, RestoreError> {
    let kafka = |error| RestoreError::Kafka { topic: topic.to_owned(), partition, error };
    let high = high_watermark(config, topic, partition).map_err(kafka)?;
    if high == 0 {
        return Ok(0);
    }
    let reader = handle(config, "read_committed").map_err(kafka)?;
    wait_until_stable(&reader, topic, partition, high)?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Beginning).map_err(kafka)?;
    reader.assign(&list).map_err(kafka)?;
    let (mut entries, mut heard) = (0, Instant::now());
    loop {
        match reader.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                (entries, heard) = (entries + 1, Instant::now());
                entry(message.key().unwrap_or_default(), message.payload()).map_err(|detail| RestoreError::Entry {
                    topic: topic.to_owned(),
                    partition,
                    offset: message.offset(),
                    detail,
                })?;
            }
            // The end fires at the last stable offset, which was seen at or above the watermark before reading began.
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(entries),
            Some(Err(error)) => tracing::warn!(%error, topic, partition, "restore"),
            None if heard.elapsed().as_secs() > SILENCE_SECS_MAX => {
                let (topic, secs) = (topic.to_owned(), SILENCE_SECS_MAX);
                return Err(RestoreError::Stuck { topic, partition, high, secs });
            }
            None => {}
        }
    }
}

/// Waits until no open transaction hides a record below `high`.
fn wait_until_stable(reader: &BaseConsumer, topic: &str, partition: i32, high: i64) -> Result<(), RestoreError> {
    let began = Instant::now();
    loop {
        let stable = stable_end(reader, topic, partition).map_err(|error| RestoreError::Kafka {
            topic: topic.to_owned(),
            partition,
            error,
        })?;
        if stable >= high {
            return Ok(());
        }
        if began.elapsed().as_secs() > SILENCE_SECS_MAX {
            let (topic, secs) = (topic.to_owned(), SILENCE_SECS_MAX);
            return Err(RestoreError::Stuck { topic, partition, high, secs });
        }
        let _ = reader.poll(Duration::from_millis(20)); // nothing is assigned: it only waits
    }
}

/// The last stable offset, as a read-committed reader is told it.
fn stable_end(reader: &BaseConsumer, topic: &str, partition: i32) -> Result<i64, KafkaError> {
    reader.fetch_watermarks(topic, partition, Duration::from_secs(QUERY_SECS_MAX)).map(|(_, end)| end)
}

fn high_watermark(config: &ClientConfig, topic: &str, partition: i32) -> Result<i64, KafkaError> {
    let handle = handle(config, "read_uncommitted")?;
    handle.fetch_watermarks(topic, partition, Duration::from_secs(QUERY_SECS_MAX)).map(|(_, high)| high)
}

fn handle(config: &ClientConfig, isolation: &str) -> Result<BaseConsumer, KafkaError> {
    let mut config = config.clone();
    // A group id is only asked for by the client; nothing is committed under it.
    config.set("group.id", "reflow-restore").set("enable.partition.eof", "true").set("isolation.level", isolation);
    config.create()
}
