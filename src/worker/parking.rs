//! Shards that were given back and may return: their state stays in the process until another owner has moved on.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::shard::ShardRunner;
use crate::domain::decision::StageName;

/// A shard as it was at its last commit.
pub struct Parked {
    pub runner: ShardRunner,
    /// Everything of the changelog below this offset is in it.
    pub known: i64,
    since: Instant,
}

/// The parked shards of a process, over all lanes: a shard may come back to another one.
pub struct Parking {
    shards: Mutex<BTreeMap<(StageName, i32), Parked>>,
    /// Most shards that are kept.
    shards_max: usize,
    /// Longest that one is kept.
    stay_max: Duration,
}

impl Parking {
    pub fn new(shards_max: usize, stay_max: Duration) -> Self {
        Self { shards: Mutex::default(), shards_max, stay_max }
    }

    /// Keeps a shard that has nothing uncommitted; without room for it, it is dropped and restored when it comes back.
    pub fn park(&self, stage: StageName, runner: ShardRunner, known: i64) {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        shards.retain(|_, parked| parked.since.elapsed() < self.stay_max);
        if shards.len() < self.shards_max {
            shards.insert((stage, runner.shard()), Parked { runner, known, since: Instant::now() });
        }
    }

    pub fn take(&self, stage: StageName, shard: i32) -> Option<Parked> {
        let parked = self.shards.lock().unwrap_or_else(PoisonError::into_inner).remove(&(stage, shard));
        parked.filter(|parked| parked.since.elapsed() < self.stay_max)
    }

    /// Drops what has stayed too long: nobody asks for it any more.
    pub fn sweep(&self) {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        shards.retain(|_, parked| parked.since.elapsed() < self.stay_max);
    }

    pub fn len(&self) -> usize {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
