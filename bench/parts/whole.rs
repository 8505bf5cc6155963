//! The whole worker over everything in the input topics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reflow::config::Config;
use reflow::domain::decision::StageName;
use reflow::domain::fate::FateCounts;
use reflow::policy::PolicySet;
use reflow::worker::lane::Assignment;
use reflow::worker::models::Models;
use reflow::worker::{Shared, start};

use crate::machine::{Cost, Stopwatch};

/// Longest run, seconds.
const SECS_MAX: u64 = 600;
/// How often the counts are read, and how long they must stand still until the work is over, milliseconds.
const LOOK_EVERY_MS: u64 = 5;
const STILL_MS: u64 = 500;

/// What the worker did and what it cost.
#[derive(Clone, Copy, serde::Serialize)]
pub struct Whole {
    pub cost: Cost,
    pub produced: u64,
    pub produced_bytes: u64,
    pub transactions: u64,
    pub aborted: u64,
    pub fates: FateCounts,
}

fn load(value: &AtomicU64) -> u64 {
    value.load(Ordering::Relaxed)
}

fn consumed(models: &Models) -> u64 {
    models.fates().consumed() as u64
}

/// Runs these stages until they have read the events and all that follows from them.
pub fn run(config: &Config, stages: &[StageName], events: u64, policies: PolicySet) -> Whole {
    let config = Config { stages: stages.to_vec(), ..config.clone() };
    let shared = Shared::new(config, policies);
    let worker = start(&shared, |_| Assignment::Group).expect("worker");
    let models = worker.models.clone();
    let began = Instant::now();
    let look = || {
        assert!(
            began.elapsed() < Duration::from_secs(SECS_MAX),
            "the worker does not keep up: {} of {events} events, {} transactions",
            consumed(&models),
            load(&models.transactions)
        );
        std::thread::park_timeout(Duration::from_millis(LOOK_EVERY_MS));
    };
    while consumed(&models) == 0 && !worker.stopping() {
        look();
    }
    // Joining the group and restoring nothing are over; the first batches are part of the figure.
    let (watch, first) = (Stopwatch::start(), consumed(&models));
    let (mut last, mut changed, mut end) = (0, Instant::now(), watch);
    while !worker.stopping() && (consumed(&models) < events || changed.elapsed() < Duration::from_millis(STILL_MS)) {
        look();
        let now = load(&models.transactions);
        if now != last {
            (last, changed, end) = (now, Instant::now(), Stopwatch::start());
        }
    }
    let whole = Whole {
        cost: watch.until(&end, events.saturating_sub(first)),
        produced: load(&models.produced),
        produced_bytes: load(&models.produced_bytes),
        transactions: load(&models.transactions),
        aborted: load(&models.aborted),
        fates: models.fates(),
    };
    worker.join().expect("worker ends well");
    let fates = whole.fates;
    assert!(fates.late + fates.dead_lettered == 0 && fates.consumed() as u64 == events, "not our load: {fates:?}");
    whole
}
