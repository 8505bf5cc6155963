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
#[path = "parts/cpu.rs"]
mod cpu;
#[path = "parts/drive.rs"]
mod drive;
#[path = "parts/load.rs"]
#[expect(dead_code, reason = "the ladder makes populations too")]
mod load;
#[path = "parts/policies.rs"]
mod policies;

use reflow::config::{ClockKind, Config, Shards as Counts};
use reflow::worker::Shared;

use counting::{allocations, count_from_now};
use cpu::thread_nanos;
use drive::{Records, Shards};
use load::{Load, Shape};

const SHARDS: Counts = Counts { customer: 8, partner: 2 };
/// Records of a transaction, over all shards.
const BATCH_RECORDS: usize = 12_000;
/// Parts of the run whose costs are compared: the best one was disturbed least.
const ROUNDS: usize = 6;

fn argument(name: &str, default: u64) -> u64 {
    let mut words = std::env::args().skip_while(|word| word != name).skip(1);
    words.next().map_or(default, |value| value.parse().expect("a number"))
}

fn main() {
    let (events, customers) = (argument("--events", 2_000_000), argument("--customers", 500_000));
    let mut config = Config { shards: SHARDS, ..Config::default() };
    config.clock.kind = ClockKind::Event;
    let shared = Shared::new(config, policies::policies());
    let mut shards = Shards::new(SHARDS.customer, &shared);
    let mut load = Load::new(Shape::even(customers, SHARDS.customer));
    println!("  events   CPU-ns/event   allocations/event   bytes out/event");
    let mut best = u64::MAX;
    for round in 0..=ROUNDS {
        let mut records = Records::default();
        load.send(events / ROUNDS as u64, |record| records.push(record));
        let (began, before, mut written) = (thread_nanos(), allocations(), 0);
        count_from_now(true);
        shards.read(&records, BATCH_RECORDS, |outbox| written += outbox.bytes());
        count_from_now(false);
        let nanos = (thread_nanos() - began) / records.len() as u64;
        let per = |count: u64| count as f64 / records.len() as f64;
        let (calls, out) = (per(allocations() - before), per(written as u64));
        println!("{:>8} {nanos:>14} {calls:>19.4} {out:>17.1}", records.len());
        if round > 0 {
            best = best.min(nanos);
        }
    }
    println!("best {best} CPU-ns/event");
}
