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

/// Between two images of a shard while images are waited for, and while they must not disturb, seconds.
const IMAGES_EVERY_SECS: u64 = 1;
const NO_IMAGES_SECS: u64 = 86_400;

/// Seconds from the start of the worker until the state of all its shards is there and its inputs are read to their end, and
/// how much memory the process took on. The worker stays until there is an image of every shard.
pub fn from_changelog(config: &Config) -> (f64, i64) {
    let (began, before) = (Instant::now(), resident_bytes());
    let mut imaging = config.clone();
    imaging.images.every_secs = IMAGES_EVERY_SECS;
    let worker = started(&imaging);
    let secs = began.elapsed().as_secs_f64();
    let grown = resident_bytes() - before;
    while images(config) < config.shards.customer as usize && !worker.stopping() {
        assert!(began.elapsed() < Duration::from_secs(SECS_MAX), "there are no images");
        std::thread::park_timeout(Duration::from_millis(LOOK_EVERY_MS));
    }
    worker.join().expect("worker ends well");
    (secs, grown)
}

/// The same from the images that lie there.
pub fn from_images(config: &Config) -> f64 {
    let began = Instant::now();
    let worker = started(&without_new_images(config));
    let secs = began.elapsed().as_secs_f64();
    worker.join().expect("worker ends well");
    secs
}

/// The configuration of a worker that reads images and writes none.
pub fn without_new_images(config: &Config) -> Config {
    let mut config = config.clone();
    config.images.every_secs = NO_IMAGES_SECS;
    config
}

/// Finished images.
fn images(config: &Config) -> usize {
    let entries = std::fs::read_dir(&config.images.dir).expect("the directory of images");
    entries.filter(|entry| entry.as_ref().is_ok_and(|e| e.path().extension().is_some_and(|e| e == "image"))).count()
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
