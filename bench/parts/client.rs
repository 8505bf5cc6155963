//! The client as fast as it goes, through the worker's own calls: batches out of one queue, runs of records into it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, DefaultConsumerContext};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use reflow::bus::native::{Delivery, LaneQueue, TopicHandles};
use reflow::bus::{Outgoing, Topic, Topics};
use reflow::domain::decision::StageName;
use reflow::domain::words::Word;

/// How long to wait when there is nothing, microseconds.
const EMPTY_MICROS: u64 = 500;
/// Most records between two looks at the clock.
const TURN_RECORDS_MAX: usize = 1_024;
/// Longest wait until everything is acknowledged, seconds.
const DRAIN_SECS_MAX: u64 = 120;

/// A record as it came.
pub struct Got<'a> {
    pub topic: Topic,
    pub partition: i32,
    pub offset: i64,
    pub key: &'a [u8],
    pub value: Option<&'a [u8]>,
}

/// Where records come from: in batches, or one by one.
pub trait Source {
    /// Shows what waits, at most [`TURN_RECORDS_MAX`]; returns how many. Waits a little when there is nothing.
    fn take(&mut self, each: &mut impl FnMut(Got<'_>)) -> usize;
    fn consumer(&self) -> &BaseConsumer;
}

/// Every partition of these topics, from the beginning.
pub fn beginnings(topics: &Topics, which: &[Topic]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for topic in which {
        for partition in 0..topics.partitions(*topic) {
            list.add_partition_offset(&topics.name(*topic), partition, Offset::Beginning).expect("offset");
        }
    }
    list
}

/// Batch calls.
pub struct Batches {
    queue: LaneQueue<DefaultConsumerContext>,
    consumer: Arc<BaseConsumer>,
    topics: Topics,
    /// Topics by their address inside the client.
    marks: Vec<(usize, Topic)>,
}

impl Batches {
    pub fn open(config: &ClientConfig, topics: &Topics, which: &[Topic]) -> Self {
        let consumer: Arc<BaseConsumer> = Arc::new(config.create().expect("consumer"));
        let mut queue = LaneQueue::open(&consumer, std::thread::current()).expect("queue");
        for topic in which {
            for partition in 0..topics.partitions(*topic) {
                queue.attach(&topics.name(*topic), partition).expect("queue");
            }
        }
        consumer.assign(&beginnings(topics, which)).expect("assign");
        Self { queue, consumer, topics: topics.clone(), marks: Vec::new() }
    }
}

impl Source for Batches {
    fn take(&mut self, each: &mut impl FnMut(Got<'_>)) -> usize {
        let mut taken = 0;
        while taken < TURN_RECORDS_MAX
            && let Some(delivery) = self.queue.pull()
        {
            let record = match delivery {
                Delivery::Record(record) => record,
                Delivery::End { .. } => continue,
                Delivery::Error { error, .. } => panic!("consume: {error}"),
            };
            let mark = record.topic_mark();
            let known = self.marks.iter().find(|(other, _)| *other == mark).map(|(_, topic)| *topic);
            let topic = known.unwrap_or_else(|| {
                let topic = self.topics.topic(record.topic()).expect("a topic of ours");
                self.marks.push((mark, topic));
                topic
            });
            let (key, value) = (record.key().unwrap_or_default(), record.value());
            each(Got { topic, partition: record.partition(), offset: record.offset(), key, value });
            taken += 1;
        }
        if taken == 0 {
            let _ = self.consumer.poll(Duration::ZERO);
            std::thread::park_timeout(Duration::from_micros(EMPTY_MICROS));
        }
        taken
    }

    fn consumer(&self) -> &BaseConsumer {
        &self.consumer
    }
}

/// One by one through `BaseConsumer::poll`.
pub struct Polled {
    consumer: BaseConsumer,
    names: Vec<(String, Topic)>,
}

impl Polled {
    pub fn open(config: &ClientConfig, topics: &Topics, which: &[Topic]) -> Self {
        let consumer: BaseConsumer = config.create().expect("consumer");
        consumer.assign(&beginnings(topics, which)).expect("assign");
        Self { consumer, names: which.iter().map(|topic| (topics.name(*topic), *topic)).collect() }
    }
}

impl Source for Polled {
    fn take(&mut self, each: &mut impl FnMut(Got<'_>)) -> usize {
        let mut taken = 0;
        while taken < TURN_RECORDS_MAX
            && let Some(message) = self.consumer.poll(Duration::from_millis(u64::from(taken == 0)))
        {
            let m = message.expect("message");
            let topic = self.names.iter().find(|(name, _)| name == m.topic()).expect("a topic of ours").1;
            let key = m.key().unwrap_or_default();
            each(Got { topic, partition: m.partition(), offset: m.offset(), key, value: m.payload() });
            taken += 1;
        }
        taken
    }

    fn consumer(&self) -> &BaseConsumer {
        &self.consumer
    }
}

/// A producer that copies runs of records of one partition.
pub struct Sink {
    handles: TopicHandles<rdkafka::producer::DefaultProducerContext>,
    names: Vec<String>,
    pub producer: Arc<BaseProducer>,
}

impl Sink {
    pub fn open(config: &ClientConfig, topics: &Topics) -> Self {
        let producer: Arc<BaseProducer> = Arc::new(config.create().expect("producer"));
        let names: Vec<String> = Topic::ALL.iter().map(|topic| topics.name(*topic)).collect();
        let mut handles = TopicHandles::new(&producer);
        // As a lane of the customer stage does.
        for topic in Topic::outputs(StageName::Customer) {
            handles.open(topic.ordinal(), &names[topic.ordinal()]).expect("a handle");
        }
        Self { handles, names, producer }
    }

    /// Writes records of one partition.
    pub fn send<'a>(&mut self, topic: Topic, partition: i32, mut records: impl Iterator<Item = Outgoing<'a>> + Clone) {
        let topic = (topic.ordinal(), self.names[topic.ordinal()].as_str());
        loop {
            // The client takes a run at a time, and of a run as many as its queue has room for.
            let taken = self.handles.produce(topic, partition, records.clone()).expect("produce");
            if taken > 0 {
                records.nth(taken - 1);
            }
            if records.clone().next().is_none() {
                return;
            }
            if taken == 0 {
                self.look();
            }
        }
    }

    /// Waits until everything is acknowledged.
    pub fn drain(&self) {
        let began = Instant::now();
        while self.producer.in_flight_count() > 0 {
            assert!(began.elapsed().as_secs() < DRAIN_SECS_MAX, "records are not acknowledged");
            self.look();
        }
    }

    /// Serves what the client has to say and waits a moment, like the worker: a poll that is told to wait would spin.
    fn look(&self) {
        self.producer.poll(Duration::ZERO);
        std::thread::park_timeout(Duration::from_micros(EMPTY_MICROS));
    }
}
