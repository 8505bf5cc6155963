//! Things that happen to a worker, each a structured log line with stable field names.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use tracing::{error, info, warn};

use crate::domain::decision::StageName;

pub fn shard_restored(
    stage: StageName,
    shard: i32,
    origin: impl Display,
    image_entries: u64,
    changelog_entries: u64,
    took: Duration,
) {
    let took_ms = took.as_millis() as u64;
    info!(%stage, shard, %origin, image_entries, changelog_entries, took_ms, "shard restored");
}

pub fn image_written(stage: StageName, shard: i32, entries: u64, bytes: u64, took: Duration) {
    info!(%stage, shard, entries, bytes, took_ms = took.as_millis() as u64, "image written");
}

/// The last whole image stays; the shard goes on.
pub fn image_failed(stage: StageName, shard: i32, error: &dyn Display) {
    warn!(%stage, shard, %error, "no image written; it is tried again later");
}

/// The state comes from the older image, or from the changelog alone.
pub fn image_discarded(stage: StageName, shard: i32, file: &Path, reason: &dyn Display) {
    warn!(%stage, shard, file = %file.display(), %reason, "image not used");
}

/// The group's offsets are gone and the state says where it stands: the state is right, both were written together.
pub fn offsets_gone(stage: StageName, shard: i32, sequence: i64) {
    warn!(
        %stage, shard, sequence,
        "the group has no committed offsets for this shard (they expire after offsets.retention.minutes without members); \
         it goes on where its state stands"
    );
}

/// What had gathered in the inputs before the shards were taken over has been read.
pub fn caught_up(stage: StageName, lane: u32, shards: usize) {
    info!(%stage, lane, shards, "caught up");
}

/// Their state is taken from wherever it comes fastest; `shard restored` follows for each.
pub fn shards_assigned(stage: StageName, lane: u32, shards: usize) {
    info!(%stage, lane, shards, "shards assigned");
}

pub fn shards_revoked(stage: StageName, lane: u32, shards: usize) {
    info!(%stage, lane, shards, "shards revoked");
}

/// Records are gone that this worker never read.
pub fn log_gap(stage: StageName, shard: i32, topic: impl Display, next: i64, low: i64) {
    error!(%stage, shard, %topic, next, low, lost = low - next, "the log begins after the committed offset: records are lost");
}

/// A record came that was taken before, or that is of a shard somebody else has.
pub fn out_of_place(stage: StageName, shard: i32, topic: impl Display, offset: i64) {
    error!(%stage, shard, %topic, offset, "a record came out of place; state and positions are taken anew");
}

pub fn transaction_failed(stage: StageName, lane: u32, error: &dyn Display, unknown: bool) {
    warn!(%stage, lane, %error, unknown, "transaction failed; the batch is undone");
}

/// Shards were not taken over, for a reason that may pass; it is tried again.
pub fn not_taken_over(stage: StageName, lane: u32, tries: u32, error: &dyn Display) {
    warn!(%stage, lane, tries, %error, "shards not taken over yet");
}

pub fn lane_ended(stage: StageName, lane: u32, error: &dyn Display) {
    error!(%stage, lane, %error, "lane ended");
}

pub fn worker_ready(lanes: u64, took: Duration) {
    info!(lanes, took_ms = took.as_millis() as u64, "ready");
}

/// The policy log was read to its end.
pub fn policies_known(digest: &str, versions: usize, newest: &str, next: i64) {
    info!(digest, versions, newest, policy_offset = next, "policies known");
}

/// A published policy was read; it judges from its effective time on. The digest is that of all policies known then.
pub fn policy_read(offset: i64, digest: &str, versions: usize) {
    info!(offset, digest, versions, "policy read");
}

/// A record of the log is no policy: what was in force stays.
pub fn policy_rejected(offset: i64, version: &str, detail: &str) {
    error!(offset, version, detail, "policy rejected; what was in force stays");
}

/// For so long that a policy may be in force that is not known here; nothing is decided until the log is heard again.
pub fn policy_log_silent(silent: bool, reason: &str) {
    if silent {
        error!(reason, "the policy log is silent: nothing is decided until it is heard again");
    } else {
        info!("the policy log is heard again");
    }
}

/// The policy log ends before what a proposal was judged by: it is another log.
pub fn policy_log_behind(shard: i32, told: i64, known: i64) {
    error!(shard, told, known, "the policy log ends before what a proposal was judged by; was it made anew?");
}
