//! The rungs below the worker: a raw copy of its bytes, the same with decoding, the same with the customer stage's state.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::Timeout;
use reflow::bus::{Topic, Topics};
use reflow::config::Config;
use reflow::customer::{Input, Shard};
use reflow::domain::candidate::Source as Origin;
use reflow::domain::decision::StageName;
use reflow::domain::words::Word;
use reflow::domain::{EventTime, Output, Text};
use reflow::policy::PolicySet;
use reflow::wire::{SchemaIds, decode_event};

use crate::client::{Batches, Got, Polled, Sink, Source};
use crate::machine::{Cost, Stopwatch};
use crate::recorded::Recorded;

/// The topics that the load fills.
pub const INPUTS: [Topic; 3] = [Topic::Applications, Topic::Repayments, Topic::Customers];

/// What is done with every record before the copy is written.
pub trait Work {
    fn record(&mut self, got: &Got<'_>);
    /// The batch is over.
    fn close(&mut self) {}
}

/// L0, L1: nothing.
pub struct Nothing;

impl Work for Nothing {
    fn record(&mut self, got: &Got<'_>) {
        std::hint::black_box(got.value);
    }
}

/// L2: decoding.
#[derive(Default)]
pub struct Decoding(SchemaIds);

impl Work for Decoding {
    fn record(&mut self, got: &Got<'_>) {
        let schema = got.topic.layout().schema.expect("an input topic");
        let event = decode_event(schema, got.value.expect("a value"), &self.0).expect("our own event");
        std::hint::black_box(&event);
    }
}

/// L3: the customer stage, its changelog entries made and thrown away; nothing is encoded, hashed or decided downstream.
pub struct Stepping {
    ids: SchemaIds,
    shards: Vec<Shard>,
    nows: Vec<EventTime>,
    names: Vec<Text>,
    policies: PolicySet,
    out: Vec<Output>,
    pub changed_bytes: u64,
}

impl Stepping {
    pub fn new(config: &Config, policies: PolicySet) -> Self {
        let (topics, count) = (config.topics(), config.shards.customer);
        Self {
            ids: SchemaIds::default(),
            shards: (0..count).map(|shard| Shard::new(config.customer_settings(shard))).collect(),
            nows: vec![EventTime::default(); count as usize],
            names: Topic::ALL.iter().map(|topic| Text::from(topics.name(*topic))).collect(),
            policies,
            out: Vec::new(),
            changed_bytes: 0,
        }
    }
}

impl Work for Stepping {
    fn record(&mut self, got: &Got<'_>) {
        let schema = got.topic.layout().schema.expect("an input topic");
        let event = decode_event(schema, got.value.expect("a value"), &self.ids).expect("our own event");
        let source = Origin {
            topic: self.names[got.topic.ordinal()].clone(),
            partition: got.partition,
            offset: got.offset,
            event_id: Text::from(event.event_id()),
        };
        let now = &mut self.nows[got.partition as usize];
        if *now == EventTime::default() {
            *now = event.event_time();
        }
        let shard = &mut self.shards[got.partition as usize];
        shard.step(Input::Event { event: &event, source: &source }, *now, &self.policies, &mut self.out);
    }

    fn close(&mut self) {
        for (shard, now) in self.shards.iter_mut().zip(&mut self.nows) {
            shard.seal(*now, 0, "1", &mut self.out);
            let bytes = &mut self.changed_bytes;
            shard.changes(&mut |key, value| *bytes += (key.len() + value.map_or(0, <[u8]>::len)) as u64);
            shard.hand_over();
            shard.commit();
            *now = shard.high_event_time();
        }
        self.out.clear();
    }
}

fn settings(config: &Config) -> rdkafka::ClientConfig {
    let mut settings = config.lane_consumer(StageName::Customer, 99);
    settings.set("group.id", format!("{}raw", config.kafka.prefix));
    settings
}

/// Batches out of the input topics.
pub fn batches(config: &Config) -> Batches {
    Batches::open(&settings(config), &config.topics(), &INPUTS)
}

/// One record a call.
pub fn polled(config: &Config) -> Polled {
    Polled::open(&settings(config), &config.topics(), &INPUTS)
}

/// Consumes everything and does nothing else.
pub fn consume(mut source: impl Source, events: u64) -> Cost {
    let (watch, mut seen) = (Stopwatch::start(), 0);
    while seen < events {
        seen += source.take(&mut |got| Nothing.record(&got)) as u64;
    }
    watch.stop(seen)
}

/// Consumes everything and writes to `to` what the worker wrote, batch by batch; with transactions, offsets in them.
pub fn copy(
    mut source: impl Source,
    to: &Config,
    events: u64,
    recorded: &mut Recorded,
    work: &mut impl Work,
    transactions: bool,
) -> Cost {
    let topics = to.topics();
    let mut settings = to.lane_producer();
    if transactions {
        settings.set("transactional.id", format!("{}raw", to.kafka.prefix));
    } else {
        settings.remove("transaction.timeout.ms");
    }
    let mut sink = Sink::open(&settings, &topics);
    if transactions {
        sink.producer.init_transactions(Duration::from_secs(30)).expect("init");
    }
    recorded.rewind();
    let interval = Duration::from_millis(to.transaction.interval_ms);
    let mut next = vec![0; INPUTS.len() * to.shards.customer as usize];
    let (watch, mut seen) = (Stopwatch::start(), 0);
    while seen < events {
        let until = Instant::now() + interval;
        while seen < events && Instant::now() < until {
            seen += source.take(&mut |got| {
                work.record(&got);
                let input = INPUTS.iter().position(|topic| *topic == got.topic).expect("an input");
                next[input * to.shards.customer as usize + got.partition as usize] = got.offset + 1;
            }) as u64;
        }
        work.close();
        if transactions {
            sink.producer.begin_transaction().expect("begin");
        }
        recorded.write(seen as f64 / events as f64, &mut sink);
        if transactions {
            let group = source.consumer().group_metadata().expect("a group");
            let wait = Duration::from_secs(30);
            sink.producer.send_offsets_to_transaction(&offsets(&topics, &next), &group, wait).expect("offsets");
        }
        sink.drain();
        if transactions {
            sink.producer.commit_transaction(Timeout::Never).expect("commit");
        }
    }
    watch.stop(seen)
}

fn offsets(topics: &Topics, next: &[i64]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (at, next) in next.iter().enumerate().filter(|(_, next)| **next > 0) {
        let shards = topics.customer_shards as usize;
        let (name, partition) = (topics.name(INPUTS[at / shards]), (at % shards) as i32);
        list.add_partition_offset(&name, partition, Offset::Offset(*next)).expect("offset");
    }
    list
}
