//! A mock cluster that answers one kind of request with an error, and our own transactions against it.

use std::sync::{Arc, OnceLock};

use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaApiKey as Request;
use rdkafka::{Offset, TopicPartitionList};
use reflow::bus::errors::Refused;
use reflow::bus::producer::{Ended, Offsets, Transactions};
use reflow::bus::vitals::Vitals;
use reflow::bus::{Outbox, Topic, Topics};
use reflow::config::Config;
use reflow::domain::decision::StageName;
use reflow::domain::words::Word;

pub struct Mock {
    pub cluster: MockCluster<'static, DefaultProducerContext>,
    pub config: Config,
    topics: Topics,
}

impl Mock {
    /// How long a transaction may be open in these tests, milliseconds: what never gets an answer takes that long.
    pub const OPEN_MS: u64 = 3_000;

    pub fn start() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        let mut config = Config::default();
        config.kafka.bootstrap = cluster.bootstrap_servers();
        config.kafka.prefix = "faults.".to_owned();
        config.shards.customer = 1;
        config.shards.partner = 1;
        config.transaction.timeout_ms = Self::OPEN_MS;
        let topics = config.topics();
        for topic in Topic::ALL {
            cluster.create_topic(&topics.name(*topic), 1, 1).unwrap();
        }
        Self { cluster, config, topics }
    }

    pub fn open(&self) -> Result<Transactions, Refused> {
        self.open_watched(Vitals::default())
    }

    pub fn open_watched(&self, vitals: Vitals) -> Result<Transactions, Refused> {
        let mut config = self.config.lane_producer();
        config.set("transactional.id", "faults");
        Transactions::open(config, StageName::Customer, &self.topics, vitals, Arc::default())
    }

    /// The next requests of that kind fail.
    pub fn fail(&self, request: Request, code: Code, times: usize) {
        self.cluster.request_errors(request, &vec![code; times]);
    }

    pub fn heal(&self, request: Request) {
        self.cluster.clear_request_errors(request);
    }

    pub fn write(&self, transactions: &mut Transactions) -> Ended {
        write(&self.topics, transactions)
    }
}

/// Writes three records, one of them to a topic that a stage does not write to usually, and an offset in one transaction.
pub fn write(topics: &Topics, transactions: &mut Transactions) -> Ended {
    let mut outbox = Outbox::default();
    outbox.push(Topic::Decisions, 0, b"key", |out| out.extend_from_slice(b"value"));
    outbox.push(Topic::CustomerChangelog, 0, b"key", |out| out.extend_from_slice(b"value"));
    outbox.push(Topic::DeadLetters, 0, b"key", |out| out.extend_from_slice(b"value"));
    let mut next = TopicPartitionList::new();
    next.add_partition_offset(&topics.name(Topic::Applications), 0, Offset::Offset(7)).unwrap();
    transactions.write(&outbox, &Offsets { next: &next, group: &group() }).0
}

/// Membership of nobody, which the mock takes; its consumer is never closed, because that takes seconds.
fn group() -> ConsumerGroupMetadata {
    static CONSUMER: OnceLock<BaseConsumer> = OnceLock::new();
    let consumer = CONSUMER.get_or_init(|| Config::default().lane_consumer(StageName::Customer, 0).create().unwrap());
    consumer.group_metadata().expect("a consumer with a group")
}
