//! Reading a topic as it stands now, for tables and audits: read-committed, from the start (or a time) to the end as of now.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::exit::Failure;
use super::schemas;
use crate::config::Config;
use crate::domain::EventTime;
use crate::domain::codec::Avro;
use crate::domain::events::Event;
use crate::wire::{Schema, SchemaIds, WireError, decode_body, decode_event_body};
use crate::worker::reading::Reading;

/// Longest silence of the broker while reading, seconds.
const SILENCE_SECS_MAX: u64 = 30;

/// How often it is looked whether a writer's schema is known by now, milliseconds.
const LOOK_MS: u64 = 20;

/// Reads records of our own topics, also those that another version wrote.
pub struct Decoder {
    ids: SchemaIds,
    reading: Reading,
}

impl Decoder {
    pub fn open(config: &Config) -> Result<Self, Failure> {
        let (ids, registry) = schemas::known(config)?;
        Ok(Self { ids, reading: Reading::new(registry) })
    }

    pub fn decode<T: for<'a> Avro<'a>>(&mut self, schema: Schema, value: &[u8]) -> Result<T, WireError> {
        self.wait(schema, value);
        decode_body(schema, self.reading.body(schema, value, &self.ids)?)
    }

    /// Shows an event of an input topic; one that cannot be read is none.
    pub fn event(&mut self, schema: Schema, value: &[u8], show: impl FnOnce(&Event<'_>)) {
        self.wait(schema, value);
        let body = self.reading.body(schema, value, &self.ids);
        if let Ok(event) = body.and_then(|body| decode_event_body(schema, body)) {
            show(&event);
        }
    }

    /// Waits until the schema of a record is known, or has to be by now.
    fn wait(&mut self, schema: Schema, value: &[u8]) {
        let began = Instant::now();
        while self.reading.must_wait(schema, value, &self.ids)
            && began.elapsed() < Duration::from_secs(SILENCE_SECS_MAX)
        {
            std::thread::park_timeout(Duration::from_millis(LOOK_MS));
        }
    }
}

/// Where reading begins.
#[derive(Clone, Copy, Debug)]
pub enum From {
    Beginning,
    /// The first record appended at or after that moment.
    Time(EventTime),
}

/// Feeds every committed record of the partitions (all when `None`) to `record`: partition, offset, key, value.
pub fn read(
    config: &Config,
    topic: &str,
    only: Option<i32>,
    from: From,
    mut record: impl FnMut(i32, i64, &[u8], Option<&[u8]>),
) -> Result<u64, Failure> {
    let failed = |error: KafkaError| {
        Failure::reach(format!(
            "{topic}: {error}; is the broker at {} up, and do the topics exist?",
            config.kafka.bootstrap
        ))
    };
    let mut settings = config.reader();
    settings.set("group.id", format!("{}reading", config.kafka.prefix));
    settings.set("isolation.level", "read_committed").set("enable.partition.eof", "true");
    let consumer: BaseConsumer = settings.create().map_err(failed)?;
    let wait = Duration::from_secs(SILENCE_SECS_MAX);
    let metadata = consumer.fetch_metadata(Some(topic), wait).map_err(failed)?;
    let partitions: Vec<i32> = metadata
        .topics()
        .iter()
        .flat_map(|topic| topic.partitions().iter().map(|partition| partition.id()))
        .filter(|partition| only.is_none_or(|only| only == *partition))
        .collect();
    if partitions.is_empty() {
        return Err(Failure::reach(format!("{topic} does not exist; create it with `reflow topics apply`")));
    }
    consumer.assign(&starts(&consumer, topic, &partitions, from).map_err(failed)?).map_err(failed)?;
    let (mut open, mut records, mut heard) = (partitions.len(), 0, Instant::now());
    while open > 0 {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                records += 1;
                record(message.partition(), message.offset(), message.key().unwrap_or_default(), message.payload());
            }
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => eprintln!("{topic}: {error}"),
            None if heard.elapsed() > wait => {
                return Err(Failure::reach(format!("{topic}: no answer for {SILENCE_SECS_MAX} s")));
            }
            None => {}
        }
    }
    Ok(records)
}

fn starts(
    consumer: &BaseConsumer,
    topic: &str,
    partitions: &[i32],
    from: From,
) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        let offset = match from {
            From::Beginning => Offset::Beginning,
            From::Time(at) => Offset::Offset(at.0),
        };
        list.add_partition_offset(topic, *partition, offset)?;
    }
    match from {
        From::Beginning => Ok(list),
        From::Time(_) => consumer.offsets_for_times(list, Duration::from_secs(SILENCE_SECS_MAX)),
    }
}
