//! What two hops cost without the worker: raw transactional copies at the latency's own rate and partitions.
//!
//! A lane cannot answer sooner than its client and its broker let it. Each hop takes what waits and commits it at once, as a lane
//! does whose proposals wait: the records, sizes and partitions of a worker's transactions, with nothing decided in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::Timeout;
use reflow::bus::{Outgoing, Topic};
use reflow::config::Config;
use reflow::domain::decision::StageName;
use reflow::domain::events::{ApplicationKind, Event};
use reflow::domain::partition::partition_of;
use reflow::wire::{SchemaIds, decode_event};

use crate::client::{Batches, Got, Sink, Source};

/// A changelog entry's bytes, about those of a record and of a cell in the ladder's own load.
const ENTRY_BYTES: usize = 170;
/// A decision's bytes, after the id of the drawdown that it answers.
const DECISION_BYTES: usize = 1_024;
const WAIT: Duration = Duration::from_secs(30);

/// The hops, until [`Relay::stop`].
pub struct Relay {
    over: Arc<AtomicBool>,
    hops: Vec<JoinHandle<u64>>,
}

impl Relay {
    pub fn start(config: &Config) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let hops = [StageName::Customer, StageName::Partner].map(|stage| {
            let (config, over) = (config.clone(), over.clone());
            std::thread::spawn(move || hop(&config, stage, &over))
        });
        Self { over, hops: hops.into() }
    }

    /// Ends the hops; returns how many transactions they made.
    pub fn stop(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.hops.into_iter().map(|hop| hop.join().expect("a hop ends well")).sum()
    }
}

/// A record that a hop is about to write.
struct Kept {
    topic: Topic,
    partition: i32,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// What one hop writes in one transaction.
struct Writing<'c> {
    config: &'c Config,
    ids: SchemaIds,
    kept: Vec<Kept>,
}

impl Writing<'_> {
    fn keep(&mut self, topic: Topic, partition: i32, key: &[u8], mut value: Vec<u8>, bytes: usize) {
        value.resize(bytes.max(value.len()), 0);
        self.kept.push(Kept { topic, partition, key: key.to_vec(), value });
    }

    /// The customer stage: an entry for every event, and a fact for every drawdown.
    fn event(&mut self, got: &Got<'_>) {
        self.keep(Topic::CustomerChangelog, got.partition, got.key, Vec::new(), ENTRY_BYTES);
        if got.topic != Topic::Applications {
            return;
        }
        let schema = got.topic.layout().schema.expect("an input topic");
        let event = decode_event(schema, got.value.expect("a value"), &self.ids).expect("our own event");
        let Event::Application(application) = event else { return };
        if application.kind == ApplicationKind::DrawdownRequested {
            let fact = application.event_id.as_bytes().to_vec();
            self.keep(Topic::PartnerFacts, 0, got.key, fact, ENTRY_BYTES);
        }
    }

    /// The partner stage: an entry, a decision and a reply to every fact.
    fn fact(&mut self, got: &Got<'_>) {
        let fact = got.value.expect("a value").to_vec();
        let reply = partition_of(got.key, self.config.topics().partitions(Topic::Replies));
        self.keep(Topic::PartnerChangelog, 0, got.key, Vec::new(), ENTRY_BYTES);
        self.keep(Topic::Decisions, 0, got.key, fact, DECISION_BYTES);
        self.keep(Topic::Replies, reply, got.key, Vec::new(), ENTRY_BYTES);
    }

    fn write(&mut self, sink: &mut Sink) {
        self.keep(Topic::Journal, 0, b"0", Vec::new(), ENTRY_BYTES);
        self.kept.sort_by_key(|kept| (kept.topic, kept.partition));
        for run in self.kept.chunk_by(|a, b| (a.topic, a.partition) == (b.topic, b.partition)) {
            let records = run.iter().map(|kept| Outgoing {
                topic: kept.topic,
                partition: kept.partition,
                key: &kept.key,
                value: Some(&kept.value),
            });
            sink.send(run[0].topic, run[0].partition, records);
        }
        self.kept.clear();
    }
}

fn hop(config: &Config, stage: StageName, over: &AtomicBool) -> u64 {
    let topics = config.topics();
    let inputs: &[Topic] = match stage {
        StageName::Customer => &[Topic::Applications, Topic::Customers],
        StageName::Partner => &[Topic::PartnerFacts],
    };
    let mut settings = config.lane_consumer(stage, 0);
    settings.set("group.id", format!("{}relay-{stage:?}", config.kafka.prefix));
    let mut source = Batches::open(&settings, &topics, inputs);
    let mut settings = config.lane_producer();
    settings.set("transactional.id", format!("{}relay-{stage:?}", config.kafka.prefix));
    let mut sink = Sink::open(&settings, &topics);
    sink.producer.init_transactions(WAIT).expect("init");
    let mut writing = Writing { config, ids: SchemaIds::default(), kept: Vec::new() };
    let (mut next, mut transactions) = (TopicPartitionList::new(), 0);
    while !over.load(Ordering::Relaxed) {
        let taken = source.take(&mut |got| {
            match stage {
                StageName::Customer => writing.event(&got),
                StageName::Partner => writing.fact(&got),
            }
            let (name, offset) = (topics.name(got.topic), Offset::Offset(got.offset + 1));
            if next.set_partition_offset(&name, got.partition, offset).is_err() {
                next.add_partition_offset(&name, got.partition, offset).expect("offset");
            }
        });
        if taken == 0 {
            continue;
        }
        sink.producer.begin_transaction().expect("begin");
        writing.write(&mut sink);
        let group = source.consumer().group_metadata().expect("a group");
        sink.producer.send_offsets_to_transaction(&next, &group, WAIT).expect("offsets");
        sink.drain();
        sink.producer.commit_transaction(Timeout::After(WAIT)).expect("commit");
        next = TopicPartitionList::new();
        transactions += 1;
    }
    transactions
}
