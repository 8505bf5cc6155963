#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark stops where something is wrong"
)]
//! What the stages cost without a client: CPU nanoseconds and allocations per event of the ladder's load.
//!
//! Kafka and threads are missing, so two builds can be compared in seconds. The partner stage and its replies are missing
//! too unless they are asked for: `cargo bench --bench stage -- --events 2000000 --customers 500000 --partners 1`

#[path = "parts/counting.rs"]
#[expect(dead_code, reason = "the ladder counts bytes too")]
mod counting;
#[path = "parts/load.rs"]
#[expect(dead_code, reason = "the ladder makes populations too")]
mod load;
#[path = "parts/policies.rs"]
mod policies;

use reflow::bus::{Outbox, Topic};
use reflow::config::{ClockKind, Config, Shards};
use reflow::domain::decision::StageName;
use reflow::domain::words::Word;
use reflow::worker::stage::Raw;
use reflow::worker::{ShardRunner, Shared};

use counting::{allocations, count_from_now};
use load::{Load, Shape};

const SHARDS: Shards = Shards { customer: 8, partner: 2 };
/// Records of a transaction, over all shards.
const BATCH_RECORDS: usize = 12_000;
/// Records that are looked up together.
const GROUP_RECORDS: usize = 256;
/// Parts of the run whose costs are compared: the best one was disturbed least.
const ROUNDS: usize = 6;

struct Kept {
    topic: Topic,
    partition: i32,
    key: std::ops::Range<usize>,
    value: std::ops::Range<usize>,
}

/// Records for one stage, one after the other in one buffer.
#[derive(Default)]
struct Records {
    bytes: Vec<u8>,
    kept: Vec<Kept>,
}

impl Records {
    fn push(&mut self, topic: Topic, partition: i32, key: &[u8], value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.kept.push(Kept { topic, partition, key: start..end, value: end..self.bytes.len() });
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.kept.clear();
    }
}

/// One stage's shards, and what they cost.
struct Stage {
    runners: Vec<ShardRunner>,
    outbox: Outbox,
    offset: i64,
    nanos: u64,
    allocations: u64,
    written: usize,
}

impl Stage {
    fn new(stage: StageName, shards: i32, shared: &Shared) -> Self {
        let runners = (0..shards).map(|shard| ShardRunner::new(stage, shard, shared)).collect();
        Self { runners, outbox: Outbox::default(), offset: 0, nanos: 0, allocations: 0, written: 0 }
    }

    /// One transaction.
    fn batch(&mut self, bytes: &[u8], batch: &[Kept]) {
        let (began, before) = (cpu_nanos(), allocations());
        count_from_now(true);
        self.outbox.clear();
        for group in batch.chunks(GROUP_RECORDS) {
            for (shard, runner) in (0..).zip(&self.runners) {
                runner.bring(group.iter().filter(|it| it.partition == shard).map(|it| &bytes[it.key.clone()]));
            }
            for it in group {
                let runner = &mut self.runners[it.partition as usize];
                runner.open();
                runner.take(Raw {
                    topic: it.topic,
                    topic_name: it.topic.name(),
                    partition: it.partition,
                    offset: self.offset,
                    timestamp: None,
                    key: Some(&bytes[it.key.clone()]),
                    value: Some(&bytes[it.value.clone()]),
                    headers: &Vec::new,
                });
                self.offset += 1;
            }
        }
        for runner in self.runners.iter_mut().filter(|runner| runner.is_open()) {
            runner.close(&mut self.outbox, Some);
            runner.hand_over();
            runner.commit();
        }
        count_from_now(false);
        self.nanos += cpu_nanos() - began;
        self.allocations += allocations() - before;
        self.written += self.outbox.bytes();
    }

    /// What it has said to the other stage.
    fn said(&self, topic: Topic, to: &mut Records) {
        to.clear();
        for record in self.outbox.iter().filter(|record| record.topic == topic) {
            to.push(topic, record.partition, record.key, record.value.unwrap_or_default());
        }
    }

    /// Nanoseconds, allocations and bytes out since the last call, per event.
    fn costs(&mut self, events: usize) -> (u64, f64, f64) {
        let per = |count: u64| count as f64 / events as f64;
        let costs = (self.nanos / events as u64, per(self.allocations), per(self.written as u64));
        (self.nanos, self.allocations, self.written) = (0, 0, 0);
        costs
    }
}

/// Nanoseconds that this thread has been on a processor.
fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("schedstat");
    text.split(' ').next().expect("a number").parse().expect("a number")
}

fn argument(name: &str, default: u64) -> u64 {
    let mut words = std::env::args().skip_while(|word| word != name).skip(1);
    words.next().map_or(default, |value| value.parse().expect("a number"))
}

fn main() {
    let (events, customers) = (argument("--events", 2_000_000), argument("--customers", 500_000));
    let both = argument("--partners", 0) != 0;
    let mut config = Config { shards: SHARDS, ..Config::default() };
    config.clock.kind = ClockKind::Event;
    let shared = Shared::new(config, policies::policies());
    let mut stages = [
        Stage::new(StageName::Customer, SHARDS.customer, &shared),
        Stage::new(StageName::Partner, SHARDS.partner, &shared),
    ];
    let mut load = Load::new(Shape::even(customers, SHARDS.customer));
    let (mut sent, mut facts, mut replies) = (Records::default(), Records::default(), Records::default());
    println!("  events   CPU-ns/event   allocations/event   bytes out/event   (customer stage, partner stage)");
    let mut best = [u64::MAX; 2];
    for round in 0..=ROUNDS {
        sent.clear();
        load.send(events / ROUNDS as u64, |record| sent.push(record.topic, record.partition, record.key, record.value));
        for batch in sent.kept.chunks(BATCH_RECORDS) {
            let [customers, partners] = &mut stages;
            customers.batch(&sent.bytes, batch);
            if both {
                customers.said(Topic::PartnerFacts, &mut facts);
                partners.batch(&facts.bytes, &facts.kept);
                partners.said(Topic::Replies, &mut replies);
                customers.batch(&replies.bytes, &replies.kept);
            }
        }
        print!("{:>8}", sent.kept.len());
        for (stage, best) in stages.iter_mut().zip(&mut best).take(1 + usize::from(both)) {
            let (nanos, calls, out) = stage.costs(sent.kept.len());
            print!(" {nanos:>14} {calls:>19.4} {out:>17.1}");
            *best = if round > 0 { nanos.min(*best) } else { *best };
        }
        println!();
    }
    println!("best {:?} CPU-ns/event", &best[..1 + usize::from(both)]);
}
