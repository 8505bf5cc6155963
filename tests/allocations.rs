//! A steady state allocates nothing per event: what our code asks of the allocator is counted, over both stages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop where it stands")]

#[path = "../bench/parts/counting.rs"]
#[expect(dead_code, reason = "the ladder counts bytes too")]
mod counting;
#[path = "../bench/parts/drive.rs"]
#[expect(dead_code, reason = "the benchmarks look at what was written")]
mod drive;
#[path = "../bench/parts/load.rs"]
#[expect(dead_code, reason = "the ladder makes populations too")]
mod load;
#[path = "../bench/parts/policies.rs"]
mod policies;

use counting::{allocations, count_from_now};
use drive::{Both, Records};
use load::{Load, Shape};
use reflow::config::{ClockKind, Config, Shards};
use reflow::domain::decision::StageName;
use reflow::worker::Shared;

/// Events that make the buffers, and most of the state: customers, live reservations, answers that are remembered.
const WARM_UP_EVENTS: u64 = 400_000;
const COUNTED_EVENTS: u64 = 100_000;
const CUSTOMERS: u64 = 20_000;
const BATCH_RECORDS: usize = 12_000;
/// Most allocations per event, by stage. What still grows is in them; one allocation for every drawdown that asks is eight
/// in a hundred events, one for every proposal about one in a hundred.
const MOST: [f64; 2] = [0.005, 0.005];

#[test]
fn a_steady_state_allocates_next_to_nothing() {
    let mut config = Config { shards: Shards { customer: 2, partner: 1 }, ..Config::default() };
    config.clock.kind = ClockKind::Event;
    let mut stages = Both::new(&Shared::new(config, policies::policies()));
    let mut load = Load::new(Shape::even(CUSTOMERS, 2));
    let (mut calls, mut counted) = ([0; 2], 0);
    for events in [WARM_UP_EVENTS, COUNTED_EVENTS] {
        let mut sent = Records::default();
        load.send(events, |record| sent.push(record));
        (calls, counted) = ([0; 2], sent.len());
        for batch in sent.batches(BATCH_RECORDS) {
            stages.batch(&sent, batch, |stage, shards, records, batch| {
                let before = allocations();
                count_from_now(true);
                shards.batch(records, batch);
                count_from_now(false);
                calls[usize::from(stage == StageName::Partner)] += allocations() - before;
            });
        }
    }
    let [customers, partners] = calls.map(|calls| calls as f64 / counted as f64);
    println!("allocations per event: {customers:.4} in the customer stage, {partners:.4} in the partner stage");
    assert!(customers <= MOST[0] && partners <= MOST[1], "{customers:.4} and {partners:.4}, at most {MOST:?}");
}
