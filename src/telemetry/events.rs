//! Things that happen to a worker, each a structured log line with stable field names.

use std::fmt::Display;
use std::time::Duration;

use tracing::{error, info, warn};

use crate::domain::decision::StageName;

pub fn shard_restored(stage: StageName, shard: i32, entries: u64, took: Duration) {
    info!(%stage, shard, entries, took_ms = took.as_millis() as u64, "shard restored");
}

/// What had gathered in the inputs before the shards were taken over has been read.
pub fn caught_up(stage: StageName, lane: u32, shards: usize) {
    info!(%stage, lane, shards, "caught up");
}

pub fn shards_revoked(stage: StageName, lane: u32, shards: usize) {
    info!(%stage, lane, shards, "shards revoked");
}

/// Records are gone that this worker never read.
pub fn log_gap(stage: StageName, shard: i32, topic: impl Display, next: i64, low: i64) {
    error!(%stage, shard, %topic, next, low, lost = low - next, "the log begins after the committed offset: records are lost");
}

pub fn transaction_failed(stage: StageName, lane: u32, error: &dyn Display, unknown: bool) {
    warn!(%stage, lane, %error, unknown, "transaction failed; the batch is undone");
}

pub fn lane_ended(stage: StageName, lane: u32, error: &dyn Display) {
    error!(%stage, lane, %error, "lane ended");
}

pub fn worker_ready(lanes: u64, took: Duration) {
    info!(lanes, took_ms = took.as_millis() as u64, "ready");
}
