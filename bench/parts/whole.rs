//! The whole worker, both stages in this process, over everything in the input topics.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use reflow::config::Config;
use reflow::policy::PolicySet;
use reflow::worker::lane::Assignment;
use reflow::worker::{Shared, start};

use crate::measure::{Figure, Stopwatch};

/// Longest run, seconds.
const SECS_MAX: u64 = 600;

/// What the worker did and what it cost.
#[derive(serde::Serialize)]
pub struct Whole {
    pub events: usize,
    pub produced: u64,
    pub produced_bytes: u64,
    pub transactions: u64,
    pub aborted: u64,
    figure: Figure,
}

impl Whole {
    pub fn figure(&self) -> Figure {
        self.figure.clone()
    }
}

pub fn run(config: &Config, events: usize) -> Whole {
    let shared = Shared::new(config.clone(), PolicySet::default());
    let worker = start(&shared, |_| Assignment::Group).expect("worker");
    let models = worker.models.clone();
    let began = Instant::now();
    let bounded =
        |began: Instant| assert!(began.elapsed() < Duration::from_secs(SECS_MAX), "the worker does not keep up");
    while models.fates().consumed() == 0 {
        bounded(began);
        std::thread::park_timeout(Duration::from_millis(1));
    }
    // Joining the group and restoring nothing are over; the first batches are part of the figure.
    let watch = Stopwatch::start();
    let first = models.fates().consumed() as usize;
    while (models.fates().consumed() as usize) < events {
        bounded(began);
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let figure = watch.stop("the worker: both stages, exactly once", events - first);
    let load = |value: &std::sync::atomic::AtomicU64| value.load(Ordering::Relaxed);
    let whole = Whole {
        events,
        produced: load(&models.produced),
        produced_bytes: load(&models.produced_bytes),
        transactions: load(&models.transactions),
        aborted: load(&models.aborted),
        figure,
    };
    worker.join().expect("worker ends well");
    whole
}
