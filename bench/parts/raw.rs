//! Raw client work: filling the input topics, consuming them, and consuming them while producing as much as the worker does.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::Timeout;
use reflow::bus::Topic;
use reflow::bus::producer::drain;
use reflow::config::Config;
use reflow::domain::decision::StageName;

use crate::Load;
use crate::measure::{Figure, Stopwatch};
use crate::whole::Whole;

const COMMIT_EVERY: Duration = Duration::from_millis(100);

pub fn fill(config: &Config, load: &[Load]) {
    let producer: BaseProducer = config.loader().create().expect("producer");
    let topics = config.topics();
    for event in load {
        let name = topics.name(event.topic);
        send(&producer, &name, event.partition, &event.key, &event.value);
    }
    assert!(drain(&producer, Duration::from_secs(120)), "the load was not acknowledged");
}

fn send(producer: &BaseProducer, name: &str, partition: i32, key: &[u8], value: &[u8]) {
    let mut record = BaseRecord::to(name).partition(partition).key(key).payload(value);
    while let Err((error, back)) = producer.send(record) {
        assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{error}");
        producer.poll(Duration::from_micros(200));
        record = back;
    }
}

fn consumer(config: &Config) -> BaseConsumer {
    let mut settings = config.lane_consumer(StageName::Customer, 99);
    settings.set("group.id", format!("{}raw", config.kafka.prefix));
    let consumer: BaseConsumer = settings.create().expect("consumer");
    let (topics, mut list) = (config.topics(), TopicPartitionList::new());
    for topic in Topic::inputs(StageName::Customer).filter(|topic| *topic != Topic::Replies) {
        for partition in 0..topics.partitions(topic) {
            list.add_partition_offset(&topics.name(topic), partition, Offset::Beginning).expect("offset");
        }
    }
    consumer.assign(&list).expect("assign");
    consumer
}

/// `BaseConsumer::poll` over everything, nothing else.
pub fn consume(config: &Config, events: usize) -> Figure {
    let consumer = consumer(config);
    let watch = Stopwatch::start();
    let (mut seen, mut bytes) = (0, 0);
    while seen < events {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            bytes += message.expect("message").payload().map_or(0, <[u8]>::len);
            seen += 1;
        }
    }
    assert!(bytes > 0);
    watch.stop("raw: consume", events)
}

/// Consumes everything and produces as many records and bytes as the worker wrote.
pub fn consume_and_produce(from: &Config, to: &Config, events: usize, whole: &Whole, transactions: bool) -> Figure {
    let consumer = consumer(from);
    let mut settings = to.lane_producer();
    if transactions {
        settings.set("transactional.id", "raw");
    } else {
        settings.remove("transaction.timeout.ms");
    }
    let producer: BaseProducer = settings.create().expect("producer");
    if transactions {
        producer.init_transactions(Duration::from_secs(30)).expect("init");
    }
    let name = to.topics().name(Topic::CustomerChangelog);
    let value = vec![7u8; (whole.produced_bytes as usize / whole.produced.max(1) as usize).max(1)];
    let (mut seen, mut sent, mut owed) = (0usize, 0u64, 0f64);
    let per_event = whole.produced as f64 / events as f64;
    let watch = Stopwatch::start();
    while seen < events {
        let until = Instant::now() + COMMIT_EVERY;
        if transactions {
            producer.begin_transaction().expect("begin");
        }
        while seen < events && Instant::now() < until {
            if let Some(message) = consumer.poll(Duration::from_millis(10)) {
                let message = message.expect("message");
                seen += 1;
                owed += per_event;
                while owed >= 1.0 {
                    owed -= 1.0;
                    sent += 1;
                    send(&producer, &name, message.partition(), &[], &value);
                }
            }
        }
        assert!(drain(&producer, Duration::from_secs(60)), "not acknowledged");
        if transactions {
            producer.commit_transaction(Timeout::Never).expect("commit");
        }
    }
    assert!(sent > 0);
    watch.stop(
        if transactions { "raw: consume, produce as much, transactions" } else { "raw: consume, produce as much" },
        events,
    )
}
