//! Filling topics: the load into the inputs, and a population into the changelog as a worker would have written it.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use reflow::bus::{Outbox, Topic};
use reflow::config::Config;
use reflow::domain::decision::StageName;
use reflow::domain::partition::partition_of;
use reflow::domain::words::Word;
use reflow::policy::PolicySet;
use reflow::worker::stage::Raw;
use reflow::worker::{ShardRunner, Shared};

use crate::client::Sink;
use crate::load::{Load, Record, Shape};
use crate::raw::INPUTS;

/// Records that gather per partition until they are handed to the client.
const RUN_RECORDS: usize = 2_000;
/// Customers of a population between two commits.
const COMMIT_CUSTOMERS: u64 = 50_000;
/// Threads that make a population.
const THREADS: i32 = 2;

/// Fills the input topics with some events of the load; returns how many and their bytes.
pub fn load(config: &Config, shape: Shape, events: u64) -> (u64, u64) {
    let mut sink = Sink::open(&config.loader(), &config.topics());
    let shards = config.shards.customer as usize;
    let mut runs: Vec<Outbox> = (0..INPUTS.len() * shards).map(|_| Outbox::default()).collect();
    let mut bytes = 0;
    let sent = Load::new(shape).send(events, |record| {
        let input = INPUTS.iter().position(|topic| *topic == record.topic).expect("an input");
        let run = &mut runs[input * shards + record.partition as usize];
        run.push(record.topic, record.partition, record.key, |out| out.extend_from_slice(record.value));
        bytes += (record.key.len() + record.value.len()) as u64;
        if run.len() == RUN_RECORDS {
            flush(run, &mut sink);
        }
    });
    runs.iter_mut().for_each(|run| flush(run, &mut sink));
    sink.drain();
    (sent, bytes)
}

fn flush(run: &mut Outbox, sink: &mut Sink) {
    if let Some(first) = run.iter().next() {
        sink.send(first.topic, first.partition, run.iter());
    }
    run.clear();
}

/// Who lives in a population.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Kind {
    /// An approved application with its limit.
    Dormant,
    /// The same and an open loan of that many instalments.
    Borrowers(i32),
}

impl Kind {
    pub fn events(self, load: &mut Load, customer: u64, mut to: impl FnMut(Record<'_>)) {
        match self {
            Self::Dormant => load.dormant(customer, &mut to),
            Self::Borrowers(instalments) => load.borrower(customer, instalments, &mut to),
        }
    }
}

/// A load without customers of its own, to ask for the events of a population.
pub fn scribe(shards: i32) -> Load {
    Load::new(Shape::even(0, shards))
}

/// Writes the changelog of that many customers, each shard's by the shard's own code, and commits the group at the beginning
/// of all inputs. The threads share the shards, so each shard's customers come in order.
pub fn population(config: &Config, customers: u64, kind: Kind) -> u64 {
    let records = std::thread::scope(|scope| {
        let part = |thread: i32| scope.spawn(move || shards_of(config, customers, kind, thread));
        let threads: Vec<_> = (0..THREADS).map(part).collect();
        threads.into_iter().map(|thread| thread.join().expect("population")).sum()
    });
    commit_beginnings(config);
    records
}

fn shards_of(config: &Config, customers: u64, kind: Kind, thread: i32) -> u64 {
    let shared = Shared::new(config.clone(), PolicySet::default());
    let mut runners: Vec<ShardRunner> =
        (0..config.shards.customer).map(|shard| ShardRunner::new(StageName::Customer, shard, &shared)).collect();
    let mut sink = Sink::open(&config.loader(), &config.topics());
    let (mut load, mut outbox, mut written) = (scribe(config.shards.customer), Outbox::default(), 0);
    for customer in 0..customers {
        if partition_of(load.token(customer), config.shards.customer) % THREADS == thread {
            kind.events(&mut load, customer, |record| {
                let runner = &mut runners[record.partition as usize];
                runner.open();
                runner.take(&[before_the_beginning(&record)]);
            });
        }
        if (customer + 1) % COMMIT_CUSTOMERS == 0 || customer + 1 == customers {
            for runner in runners.iter_mut().filter(|runner| runner.is_open()) {
                outbox.clear();
                runner.close(&mut outbox, Some);
                runner.hand_over();
                runner.commit();
                let entries = outbox.iter().filter(|record| record.topic == Topic::CustomerChangelog);
                written += entries.clone().count() as u64;
                sink.send(Topic::CustomerChangelog, runner.shard(), entries);
            }
        }
    }
    sink.drain();
    written
}

/// A record whose next offset is the first one of its topic: the population was made before the inputs begin.
pub fn before_the_beginning<'a>(record: &Record<'a>) -> Raw<'a> {
    Raw {
        topic: record.topic,
        topic_name: record.topic.name(),
        partition: record.partition,
        offset: -1,
        timestamp: None,
        key: Some(record.key),
        value: Some(record.value),
        headers: &Vec::new,
    }
}

fn commit_beginnings(config: &Config) {
    let mut settings = config.reader();
    settings.set("group.id", config.group(StageName::Customer));
    let consumer: BaseConsumer = settings.create().expect("consumer");
    let (topics, mut list) = (config.topics(), TopicPartitionList::new());
    for topic in Topic::inputs(StageName::Customer) {
        for shard in 0..config.shards.customer {
            list.add_partition_offset(&topics.name(topic), shard, Offset::Offset(0)).expect("offset");
        }
    }
    let commit = || consumer.commit(&list, CommitMode::Sync);
    reflow::bus::asking::ask(Duration::from_secs(30), commit).expect("offsets are committed");
}
