//! Reading a topic as it stands now, for tables and audits: read-committed, all of it or what was appended in a span of time.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::exit::Failure;
use super::schemas;
use crate::bus::sampled::Voice;
use crate::config::Config;
use crate::domain::EventTime;
use crate::domain::codec::Avro;
use crate::domain::events::Event;
use crate::wire::{Schema, SchemaIds, WireError, decode_body, decode_event_body};
use crate::worker::reading::Reading;

/// Longest silence of the broker while reading, seconds.
const SILENCE_SECS_MAX: u64 = 30;

/// How often it is said how far reading has come, seconds.
const PROGRESS_SECS: u64 = 2;

/// How often it is looked whether a writer's schema is known by now, milliseconds.
const LOOK_MS: u64 = 20;

/// Reads records of our own topics, also those that another version wrote.
pub struct Decoder {
    ids: SchemaIds,
    reading: Reading,
    /// The record that was written in another layout last.
    buffer: Vec<u8>,
}

impl Decoder {
    pub fn open(config: &Config) -> Result<Self, Failure> {
        let (ids, registry) = schemas::known(config)?;
        Ok(Self { ids, reading: Reading::new(registry), buffer: Vec::new() })
    }

    pub fn decode<T: for<'a> Avro<'a>>(&mut self, schema: Schema, value: &[u8]) -> Result<T, WireError> {
        self.wait(schema, value);
        decode_body(schema, self.reading.body(schema, value, &self.ids, &mut self.buffer)?)
    }

    /// Shows an event of an input topic; one that cannot be read is none.
    pub fn event(&mut self, schema: Schema, value: &[u8], show: impl FnOnce(&Event<'_>)) {
        self.wait(schema, value);
        let body = self.reading.body(schema, value, &self.ids, &mut self.buffer);
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

/// The part of a topic that was appended in a span of time. Two parts that meet leave nothing out and share nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The first record appended at that moment or later; none: the topic's first.
    pub from: Option<EventTime>,
    /// Up to the first record appended at that moment or later; none: the topic's end as of now.
    pub to: Option<EventTime>,
}

impl Part {
    pub const ALL: Self = Self { from: None, to: None };

    pub fn since(at: EventTime) -> Self {
        Self { from: Some(at), to: None }
    }
}

/// One committed record.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'r> {
    pub partition: i32,
    pub offset: i64,
    /// When it was appended.
    pub at: Option<EventTime>,
    pub key: &'r [u8],
    pub value: Option<&'r [u8]>,
}

/// Feeds every committed record of the partitions (all when `None`) to `record`, and says how many there were. What takes
/// long says on stderr how far it has come.
pub fn read(
    config: &Config,
    topic: &str,
    only: Option<i32>,
    part: Part,
    mut record: impl FnMut(&Seen<'_>),
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
    let consumer: BaseConsumer<Voice> = settings.create_with_context(Voice::new("reader")).map_err(failed)?;
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
    let ends = match part.to {
        Some(to) => ends(&consumer, topic, &partitions, to).map_err(failed)?,
        None => HashMap::new(),
    };
    consumer.assign(&starts(&consumer, topic, &partitions, part.from).map_err(failed)?).map_err(failed)?;
    let mut open: HashSet<i32> = partitions.iter().copied().collect();
    let (mut records, mut heard, mut told) = (0, Instant::now(), Instant::now());
    while !open.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                let (partition, offset) = (message.partition(), message.offset());
                if ends.get(&partition).is_some_and(|end| offset >= *end) {
                    if open.remove(&partition) {
                        let through = at_each(topic, &[partition], Offset::Invalid).map_err(failed)?;
                        consumer.pause(&through).map_err(failed)?;
                    }
                    continue;
                }
                records += 1;
                let at = message.timestamp().to_millis().map(EventTime);
                let (key, value) = (message.key().unwrap_or_default(), message.payload());
                record(&Seen { partition, offset, at, key, value });
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => _ = open.remove(&partition),
            Some(Err(error)) => eprintln!("{topic}: {error}"),
            None if heard.elapsed() > wait => {
                return Err(Failure::reach(format!("{topic}: no answer for {SILENCE_SECS_MAX} s")));
            }
            None => {}
        }
        if told.elapsed().as_secs() >= PROGRESS_SECS {
            told = Instant::now();
            eprintln!("{topic}: {records} records read, {} of {} partitions left", open.len(), partitions.len());
        }
    }
    Ok(records)
}

fn at_each(topic: &str, partitions: &[i32], offset: Offset) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition_offset(topic, *partition, offset)?;
    }
    Ok(list)
}

/// Where the records appended at that moment or later begin, in each partition.
fn at_time(
    consumer: &BaseConsumer<Voice>,
    topic: &str,
    partitions: &[i32],
    at: EventTime,
) -> Result<TopicPartitionList, KafkaError> {
    let asked = at_each(topic, partitions, Offset::Offset(at.0.max(0)))?;
    consumer.offsets_for_times(asked, Duration::from_secs(SILENCE_SECS_MAX))
}

fn starts(
    consumer: &BaseConsumer<Voice>,
    topic: &str,
    partitions: &[i32],
    from: Option<EventTime>,
) -> Result<TopicPartitionList, KafkaError> {
    match from {
        None => at_each(topic, partitions, Offset::Beginning),
        Some(at) => at_time(consumer, topic, partitions, at),
    }
}

/// Where a part ends, of the partitions where something lies behind it.
fn ends(
    consumer: &BaseConsumer<Voice>,
    topic: &str,
    partitions: &[i32],
    to: EventTime,
) -> Result<HashMap<i32, i64>, KafkaError> {
    let found = at_time(consumer, topic, partitions, to)?;
    let end = |element: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match element.offset() {
        Offset::Offset(offset) => Some((element.partition(), offset)),
        _ => None,
    };
    Ok(found.elements().into_iter().filter_map(end).collect())
}
