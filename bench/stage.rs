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
//!
//! `--where 97` notes the stack of every 97th allocation of the last of `--rounds` and tells the sites; the figures of that
//! round are worth nothing.

#[path = "parts/counting.rs"]
#[expect(dead_code, reason = "the ladder counts bytes too")]
mod counting;
#[path = "parts/drive.rs"]
#[expect(dead_code, reason = "the benchmark of policies reads in one go")]
mod drive;
#[path = "parts/load.rs"]
#[expect(dead_code, reason = "the ladder makes populations too")]
mod load;
#[path = "parts/policies.rs"]
mod policies;
#[path = "parts/sites.rs"]
mod sites;

use reflow::config::{ClockKind, Config, Shards as Counts};
use reflow::domain::decision::StageName;
use reflow::worker::Shared;

use counting::{allocations, count_from_now};
use drive::{Both, Records};
use load::{Load, Shape};

const SHARDS: Counts = Counts { customer: 8, partner: 2 };
/// Records of a transaction, over all shards.
const BATCH_RECORDS: usize = 12_000;
/// Parts of the run whose costs are compared, after one more that warms up: the best one was disturbed least.
const ROUNDS: u64 = 6;

/// What one stage cost since it was asked last.
#[derive(Clone, Copy, Default)]
struct Cost {
    nanos: u64,
    allocations: u64,
    written: usize,
}

impl Cost {
    /// Counts what is done here.
    fn of(&mut self, work: impl FnOnce() -> usize) {
        let (began, before) = (cpu_nanos(), allocations());
        count_from_now(true);
        let written = work();
        count_from_now(false);
        self.nanos += cpu_nanos() - began;
        self.allocations += allocations() - before;
        self.written += written;
    }

    /// Nanoseconds, allocations and bytes out, per event.
    fn per(self, events: usize) -> (u64, f64, f64) {
        let per = |count: u64| count as f64 / events as f64;
        (self.nanos / events as u64, per(self.allocations), per(self.written as u64))
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
    let (both, every) = (argument("--partners", 0) != 0, argument("--where", 0));
    let rounds = argument("--rounds", ROUNDS).max(1);
    let mut config = Config { shards: SHARDS, ..Config::default() };
    config.clock.kind = ClockKind::Event;
    let shared = Shared::new(config, policies::policies());
    let mut stages = Both::new(&shared);
    let mut load = Load::new(Shape::even(customers, SHARDS.customer));
    let mut sent = Records::default();
    println!("  events   CPU-ns/event   allocations/event   bytes out/event   (customer stage, partner stage)");
    let mut best = [u64::MAX; 2];
    for round in 0..=rounds {
        sent.clear();
        if round == rounds && every > 0 {
            sites::note_every(every);
        }
        load.send(events / rounds, |record| sent.push(record));
        let mut costs = [Cost::default(); 2];
        for batch in sent.batches(BATCH_RECORDS) {
            if both {
                stages.batch(&sent, batch, |stage, shards, records, batch| {
                    costs[usize::from(stage == StageName::Partner)].of(|| {
                        shards.batch(records, batch);
                        shards.written().bytes()
                    });
                });
            } else {
                costs[0].of(|| {
                    stages.customers.batch(&sent, batch);
                    stages.customers.written().bytes()
                });
            }
        }
        print!("{:>8}", sent.len());
        for (cost, best) in costs.iter().zip(&mut best).take(1 + usize::from(both)) {
            let (nanos, calls, out) = cost.per(sent.len());
            print!(" {nanos:>14} {calls:>19.4} {out:>17.1}");
            *best = if round > 0 { nanos.min(*best) } else { *best };
        }
        println!();
    }
    sites::tell(events / rounds);
    println!("best {:?} CPU-ns/event", &best[..1 + usize::from(both)]);
}
