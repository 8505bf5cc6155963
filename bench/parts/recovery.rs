//! A worker with many customers: how soon it is ready from its changelog and from its images, and what an event costs it then.

use std::time::{Duration, Instant};

use reflow::config::Config;
use reflow::domain::decision::StageName;
use reflow::policy::PolicySet;
use reflow::worker::lane::Assignment;
use reflow::worker::models::ShardState;
use reflow::worker::supervisor::Worker;
use reflow::worker::{Shared, start};

use crate::machine::resident_bytes;

/// Longest wait for a restored worker, seconds.
const SECS_MAX: u64 = 600;
const LOOK_EVERY_MS: u64 = 2;

/// Seconds from the start of the worker until the state of all its shards is there and its inputs are read to their end, and
/// how much memory the process took on. Where images are on, it ends when it has written one of every shard.
pub fn ready(config: &Config) -> (f64, i64) {
    let (began, before) = (Instant::now(), resident_bytes());
    let worker = started(config);
    let secs = began.elapsed().as_secs_f64();
    let grown = resident_bytes() - before;
    while config.images.is_on() && images(config) < config.shards.customer as usize {
        assert!(began.elapsed() < Duration::from_secs(SECS_MAX), "the images are not written");
        std::thread::park_timeout(Duration::from_millis(LOOK_EVERY_MS));
    }
    worker.join().expect("worker ends well");
    (secs, grown)
}

/// Whole images that lie in the directory.
fn images(config: &Config) -> usize {
    let Ok(files) = std::fs::read_dir(&config.images.dir) else { return 0 };
    files.flatten().filter(|file| file.path().extension().is_some_and(|ending| ending == "image")).count()
}

fn started(config: &Config) -> Worker {
    let config = Config { stages: vec![StageName::Customer], ..config.clone() };
    let shards = config.shards.customer as usize;
    let worker = start(&Shared::new(config, PolicySet::default()), |_| Assignment::Group).expect("worker");
    let began = Instant::now();
    let running = || worker.models.shards.iter().filter(|shard| *shard.value() == ShardState::Running).count();
    while running() < shards && !worker.stopping() {
        assert!(began.elapsed() < Duration::from_secs(SECS_MAX), "the worker does not become ready");
        std::thread::park_timeout(Duration::from_millis(LOOK_EVERY_MS));
    }
    worker
}
