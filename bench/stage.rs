#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark stops where something is wrong"
)]
//! What the customer stage costs without a client: CPU nanoseconds and allocations per event of the ladder's load.
//!
//! Everything around it is missing (Kafka, threads, the partner stage and its replies), so two builds can be compared in
//! seconds. `cargo bench --bench stage -- --events 2000000 --customers 500000`

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
    let mut config = Config { shards: SHARDS, ..Config::default() };
    config.clock.kind = ClockKind::Event;
    let shared = Shared::new(config, policies::policies());
    let mut runners: Vec<ShardRunner> =
        (0..SHARDS.customer).map(|shard| ShardRunner::new(StageName::Customer, shard, &shared)).collect();
    let mut load = Load::new(Shape::even(customers, SHARDS.customer));
    let (mut outbox, mut offset) = (Outbox::default(), 0);
    println!("  events   CPU-ns/event   allocations/event   bytes out/event");
    let mut best = u64::MAX;
    for round in 0..=ROUNDS {
        let (mut kept, mut bytes) = (Vec::new(), Vec::new());
        load.send(events / ROUNDS as u64, |record| {
            let start = bytes.len();
            bytes.extend_from_slice(record.key);
            let end = bytes.len();
            bytes.extend_from_slice(record.value);
            kept.push(Kept {
                topic: record.topic,
                partition: record.partition,
                key: start..end,
                value: end..bytes.len(),
            });
        });
        let (began, before, mut written) = (cpu_nanos(), allocations(), 0);
        count_from_now(true);
        for batch in kept.chunks(BATCH_RECORDS) {
            outbox.clear();
            for group in batch.chunks(GROUP_RECORDS) {
                for (shard, runner) in (0..).zip(&runners) {
                    runner.bring(group.iter().filter(|it| it.partition == shard).map(|it| &bytes[it.key.clone()]));
                }
                for it in group {
                    let runner = &mut runners[it.partition as usize];
                    runner.open();
                    runner.take(Raw {
                        topic: it.topic,
                        topic_name: it.topic.name(),
                        partition: it.partition,
                        offset,
                        timestamp: None,
                        key: Some(&bytes[it.key.clone()]),
                        value: Some(&bytes[it.value.clone()]),
                        headers: &Vec::new,
                    });
                    offset += 1;
                }
            }
            for runner in runners.iter_mut().filter(|runner| runner.is_open()) {
                runner.close(&mut outbox, drop);
                runner.hand_over();
                runner.commit();
            }
            written += outbox.bytes();
        }
        count_from_now(false);
        let nanos = (cpu_nanos() - began) / kept.len() as u64;
        let per = |count: u64| count as f64 / kept.len() as f64;
        let (calls, out) = (per(allocations() - before), per(written as u64));
        println!("{:>8} {nanos:>14} {calls:>19.4} {out:>17.1}", kept.len());
        if round > 0 {
            best = best.min(nanos);
        }
    }
    println!("best {best} CPU-ns/event");
}
