//! Producing to and reading from a real broker, each with a bound.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};
use reflow::bus::asking::{ask, watermarks};

use super::{CALL_SECS_MAX, client, wait_for, wait_until};

/// One record as it lies in a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

/// A producer, transactional when it was given an id. Keys go to partitions as Java's clients do it.
pub struct Producer(BaseProducer<Failures>);

/// Counts what was given up, so that no record is lost in silence.
#[derive(Default)]
pub struct Failures(AtomicU32);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.0.fetch_add(u32::from(result.is_err()), Ordering::Relaxed);
    }
}

impl Producer {
    pub fn new(bootstrap: &str) -> Self {
        let mut config = client(bootstrap);
        config.set("partitioner", "murmur2_random").set("acks", "all");
        Self(config.create_with_context(Failures::default()).unwrap())
    }

    pub fn transactional(bootstrap: &str, id: &str) -> Self {
        Self::transactional_for(bootstrap, id, 60_000)
    }

    /// With the time after which the broker aborts a transaction that nobody ends.
    pub fn transactional_for(bootstrap: &str, id: &str, timeout_ms: u32) -> Self {
        let mut config = client(bootstrap);
        config.set("partitioner", "murmur2_random").set("transactional.id", id);
        config.set("transaction.timeout.ms", timeout_ms.to_string());
        let producer = config.create_with_context::<_, BaseProducer<_>>(Failures::default()).unwrap();
        producer.init_transactions(Duration::from_secs(CALL_SECS_MAX)).unwrap();
        Self(producer)
    }

    pub fn begin(&self) {
        self.0.begin_transaction().unwrap();
    }

    /// Sends to the key's partition; what is sent is acknowledged only after [`Producer::drain`] or a commit.
    pub fn send(&self, topic: &str, key: &[u8], value: &[u8]) {
        self.send_record(BaseRecord::to(topic).key(key).payload(value));
    }

    pub fn send_to(&self, topic: &str, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) {
        self.send_record(BaseRecord { key, payload: value, ..BaseRecord::to(topic).partition(partition) });
    }

    pub fn send_record(&self, mut record: BaseRecord<'_, [u8], [u8], ()>) {
        while let Err((error, back)) = self.0.send(record) {
            assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{error}");
            self.0.poll(Duration::from_millis(10));
            record = back;
        }
    }

    /// Waits until everything sent is acknowledged.
    #[track_caller]
    pub fn drain(&self) {
        assert!(self.drained_within(CALL_SECS_MAX * 1_000), "records were not acknowledged in {CALL_SECS_MAX} s");
        let failures = self.0.context().0.load(Ordering::Relaxed);
        assert_eq!(failures, 0, "records that were not written");
    }

    /// True when everything sent was acknowledged in that time.
    pub fn drained_within(&self, ms: u64) -> bool {
        let start = Instant::now();
        while self.0.in_flight_count() > 0 && start.elapsed() < Duration::from_millis(ms) {
            self.0.poll(Duration::from_millis(1));
        }
        self.0.in_flight_count() == 0
    }

    pub fn commit(&self) {
        self.drain();
        self.0.commit_transaction(Duration::from_secs(CALL_SECS_MAX)).unwrap();
    }

    /// Sends first and then gives up, so that aborted records really lie in the log.
    pub fn abort(&self) {
        self.drain();
        self.0.abort_transaction(Duration::from_secs(CALL_SECS_MAX)).unwrap();
    }
}

/// Headers from name and value.
pub fn headers(pairs: &[(&str, &[u8])]) -> OwnedHeaders {
    pairs.iter().fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(*value) }))
}

/// What a reader is shown of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    Committed,
    Uncommitted,
}

/// Reads all partitions of a topic from the beginning, outside of any group, record after record.
pub struct Reader {
    consumer: BaseConsumer,
    topic: String,
}

/// A reader of a topic that exists.
pub fn reader(bootstrap: &str, topic: &str, isolation: Isolation) -> Reader {
    let consumer = consumer(bootstrap, isolation);
    assign_all(&consumer, topic);
    Reader { consumer, topic: topic.to_owned() }
}

impl Reader {
    /// Reads on until `enough` of what was read in this call; fails the test after `secs`, saying what did not come.
    #[track_caller]
    pub fn read_until(&self, what: &str, secs: u64, mut enough: impl FnMut(&[Record]) -> bool) -> Vec<Record> {
        let start = Instant::now();
        let mut records = Vec::new();
        while !enough(&records) {
            let found = records.len();
            assert!(start.elapsed() < Duration::from_secs(secs), "{}: {found} records in {secs} s: {what}", self.topic);
            match self.consumer.poll(Duration::from_millis(50)) {
                Some(Ok(message)) => records.push(record(&message)),
                Some(Err(KafkaError::PartitionEOF(_))) | None => {}
                // A broker that is away for a while is part of some tests; the bound above still holds.
                Some(Err(KafkaError::MessageConsumption(code))) if is_passing(code) => {}
                Some(Err(error)) => panic!("{}: {error}", self.topic),
            }
        }
        records
    }
}

/// All that lies in a topic now, partition by partition in offset order.
///
/// Under [`Isolation::Committed`] an open transaction hides what lies above its start: this waits for its end, at most
/// `secs`. The end of a partition is where the consumer says so once the last stable offset has reached the high
/// watermark; a position would stop before trailing transaction markers.
#[track_caller]
pub fn read_all(bootstrap: &str, topic: &str, isolation: Isolation, secs: u64) -> Vec<Record> {
    let call = Duration::from_secs(CALL_SECS_MAX);
    let (reads, looks) = (consumer(bootstrap, isolation), consumer(bootstrap, Isolation::Uncommitted));
    let partitions = partitions(&reads, topic);
    for partition in 0..partitions {
        let (_, end) = watermarks(&looks, topic, partition, call).unwrap();
        wait_until(&format!("the open transaction in {topic}/{partition} below {end} to end"), secs, || {
            watermarks(&reads, topic, partition, call).unwrap().1 >= end
        });
    }
    assign_all(&reads, topic);
    let start = Instant::now();
    let (mut records, mut open) = (Vec::new(), (0..partitions).collect::<BTreeSet<_>>());
    while !open.is_empty() {
        assert!(start.elapsed() < Duration::from_secs(secs), "{topic}: no end after {secs} s in partitions {open:?}");
        match reads.poll(Duration::from_millis(50)) {
            Some(Ok(message)) => records.push(record(&message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(open.remove(&partition)),
            Some(Err(KafkaError::MessageConsumption(code))) if is_passing(code) => {}
            Some(Err(error)) => panic!("{topic}: {error}"),
            None => {}
        }
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}

/// The next offset to read that a group has committed, by partition; `None` where it has none.
pub fn committed(bootstrap: &str, group: &str, topic: &str) -> Vec<Option<i64>> {
    let mut config = client(bootstrap);
    let consumer: BaseConsumer = config.set("group.id", group).set("enable.auto.commit", "false").create().unwrap();
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(topic, 0, partitions(&consumer, topic) - 1);
    let call = Duration::from_secs(CALL_SECS_MAX);
    let offsets = ask(call, || consumer.committed_offsets(asked.clone(), call)).unwrap();
    let offset = |partition| match offsets.find_partition(topic, partition).unwrap().offset() {
        Offset::Offset(next) => Some(next),
        _ => None,
    };
    (0..offsets.count() as i32).map(offset).collect()
}

fn consumer(bootstrap: &str, isolation: Isolation) -> BaseConsumer {
    let level = match isolation {
        Isolation::Committed => "read_committed",
        Isolation::Uncommitted => "read_uncommitted",
    };
    let mut config = client(bootstrap);
    // The client asks for a group even where none is joined.
    config.set("group.id", "reads-alone").set("enable.auto.commit", "false").set("isolation.level", level);
    config.set("enable.partition.eof", "true").set("auto.offset.reset", "error");
    config.set("fetch.wait.max.ms", "50").set("fetch.queue.backoff.ms", "10");
    config.create().unwrap()
}

fn assign_all(consumer: &BaseConsumer, topic: &str) {
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions(consumer, topic) {
        all.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&all).unwrap();
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> i32 {
    let count = || {
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(CALL_SECS_MAX)).ok()?;
        let count = metadata.topics().first()?.partitions().len() as i32;
        (count > 0).then_some(count)
    };
    wait_for(&format!("topic {topic} to be known"), CALL_SECS_MAX, count)
}

fn is_passing(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, LeaderNotAvailable, NotLeaderForPartition};
    matches!(code, AllBrokersDown | BrokerTransportFailure | LeaderNotAvailable | NotLeaderForPartition)
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map(|all| all.iter()).into_iter().flatten();
    Record {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec())).collect(),
    }
}
