//! A lane's turn: which records are taken, when the batch they make is due, and how long to rest.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::lane::{IDLE_MS_MAX, Lane, LaneError};
use super::reading::HELD_RECORDS_MAX;
use super::refusal::Refusal;
use super::shard::ShardRunner;
use super::shared::Shared;
use super::stage::Raw;
use crate::bus::Topic;
use crate::bus::consumer::{Next, RUN_RECORDS_MAX, Run, lost_offset};
use crate::config::Transaction;
use crate::domain::decision::StageName;
use crate::telemetry::events;

/// A turn that brings fewer records than that is a trickle, and a pause that short follows it, milliseconds.
pub(super) const TRICKLE_RECORDS_MAX: usize = 128;
const TRICKLE_PAUSE_MS: u64 = 2;

/// The batch being gathered.
pub(super) struct Batch {
    began: Instant,
    records: usize,
    /// Of keys and values read.
    bytes: usize,
}

impl Batch {
    fn begin() -> Self {
        Self { began: Instant::now(), records: 0, bytes: 0 }
    }

    /// Records there still is room for.
    fn room(&self, limits: &Transaction) -> usize {
        if self.bytes < limits.bytes_max { limits.records_max.saturating_sub(self.records) } else { 0 }
    }
}

impl Lane {
    /// Takes records of all inputs, urgent topics first, unless a policy may be in force that is not known; returns how many.
    /// None when a position has fallen out of the log, or a record came that is nobody's or was taken before: the state has to
    /// be taken anew, which tells a gap.
    pub(super) fn turn(&mut self) -> Option<usize> {
        if self.shared.policies.is_silent() {
            return Some(0);
        }
        let limits = self.shared.config.transaction;
        let mut taken = 0;
        for (urgent, most) in [(true, limits.urgent_records_per_turn_max), (false, limits.other_records_per_turn_max)] {
            let room = self.batch.as_ref().map_or(limits.records_max, |batch| batch.room(&limits));
            taken += self.drain(urgent, most.min(room))?;
        }
        Some(taken)
    }

    fn drain(&mut self, urgent: bool, most: usize) -> Option<usize> {
        let (mut taken, mut held) = (0, 0);
        let full = self.shards.values().any(ShardRunner::is_full);
        while taken + held < most && !full {
            if !self.inbox.fetch(urgent) {
                break;
            }
            let (topic, run) = match self.inbox.next(urgent, most - taken - held) {
                None => break,
                Some(Next::Records(topic, run)) => (topic, run),
                Some(Next::Error(error)) => {
                    tracing::warn!(%error, "consume");
                    if lost_offset(&error) {
                        return None;
                    }
                    continue;
                }
            };
            let Some(first) = run.first() else { continue };
            let (shard, offset) = (first.partition(), first.offset());
            let Some(runner) = self.shards.get_mut(&shard).filter(|runner| !runner.has_taken(topic, offset)) else {
                events::out_of_place(self.stage, shard, topic, offset);
                return None;
            };
            let limits = &self.shared.config.transaction;
            let took = take(runner, &self.shared, topic, &run, self.batch.as_ref().map_or(0, |batch| batch.bytes));
            let rest = run.len() - took.records - took.held;
            drop(run);
            self.inbox.put_back(urgent, rest);
            held += took.held;
            if runner.held() >= HELD_RECORDS_MAX {
                return None;
            }
            if took.records > 0 {
                taken += took.records;
                let batch = self.batch.get_or_insert_with(Batch::begin);
                batch.records += took.records;
                batch.bytes += took.bytes;
                if batch.room(limits) == 0 || runner.is_full() {
                    break;
                }
            }
        }
        Some(taken)
    }

    /// Lets shards that wait for a writer's schema or for policies go on when they are known, and pauses the inputs of those that still wait: no
    /// other shard waits for them.
    pub(super) fn release(&mut self) -> Result<usize, LaneError> {
        let (mut taken, silent) = (0, self.shared.policies.is_silent());
        for (shard, runner) in &mut self.shards {
            // Nothing is judged while a policy may be in force that is not known.
            taken += if silent { 0 } else { runner.release() };
            let (waits, key) = (runner.held() > 0, (self.stage, *shard));
            self.inbox.pause(*shard, waits)?;
            if waits {
                self.models.waiting.insert(key);
            } else if self.models.waiting.contains(&key) {
                self.models.waiting.remove(&key);
            }
        }
        if taken > 0 {
            self.batch.get_or_insert_with(Batch::begin).records += taken;
        }
        Ok(taken)
    }

    /// True when nothing was taken although something may be there: nobody may conclude that all is read.
    pub(super) fn is_held_up(&self) -> bool {
        let waits = |runner: &ShardRunner| runner.held() > 0 || runner.is_full();
        self.shared.policies.is_silent() || self.shards.values().any(waits)
    }

    /// Lets every shard do what time alone brings about. Not a customer shard while a policy may be in force that is not known: its
    /// heartbeat would say that the data are current, and they are not read. The partner stage goes on, or nobody would become stale.
    ///
    /// Errs when this machine's clock was set back: what is taken over by such a clock is refused, and so is what it works on.
    pub(super) fn tick(&mut self) -> Result<(), LaneError> {
        let behind =
            |(shard, runner): (&i32, &ShardRunner)| Refusal::of_time(&self.shared, self.stage, *shard, runner.time());
        if let Some(refusal) = self.shards.iter().find_map(behind) {
            return Err(refusal.into());
        }
        if self.stage == StageName::Customer && self.shared.policies.is_silent() {
            return Ok(());
        }
        self.shards.values_mut().for_each(ShardRunner::tick);
        if self.shards.values().any(ShardRunner::is_open) {
            self.batch.get_or_insert_with(Batch::begin);
        }
        Ok(())
    }

    /// True when the batch is to be written now: nothing is in flight, and the interval is over (a short one while somebody
    /// waits for what it says), it is full, or a shard of it is.
    pub(super) fn is_due(&self) -> bool {
        let limits = self.shared.config.transaction;
        let Some(batch) = self.batch.as_ref().filter(|_| self.flight.is_none()) else { return false };
        let busy = || self.shards.values().any(ShardRunner::somebody_waits);
        let gathered = batch.began.elapsed();
        batch.room(&limits) == 0
            || gathered >= Duration::from_millis(limits.interval_ms)
            || gathered >= Duration::from_millis(limits.interval_busy_ms) && busy()
            || self.shards.values().any(ShardRunner::is_full)
    }

    /// Sleeps until a record comes, the transaction in flight ends, or the batch is due.
    pub(super) fn rest(&self, taken: usize) {
        let walks = self.images.is_walking();
        let mut most = if taken == 0 && !walks { IDLE_MS_MAX } else { TRICKLE_PAUSE_MS };
        if let Some(batch) = &self.batch
            && self.flight.is_none()
        {
            let gathered = batch.began.elapsed().as_millis() as u64;
            most = most.min(self.shared.config.transaction.interval_busy_ms.saturating_sub(gathered).max(1));
        }
        std::thread::park_timeout(Duration::from_millis(most));
    }
}

/// What became of a run of records; the rest of it comes again.
#[derive(Default)]
struct Took {
    records: usize,
    /// Of their keys and values.
    bytes: usize,
    held: usize,
}

/// Applies records of one shard, until they and the `bytes` before them are as many as a batch has, or the shard's batch is
/// full, or one has to wait; those that have to wait are put aside when no other is before them.
fn take(runner: &mut ShardRunner, shared: &Shared, topic: Topic, run: &Run<'_>, bytes: usize) -> Took {
    let headers: SmallVec<[_; RUN_RECORDS_MAX]> = run.iter().map(|record| move || record.headers()).collect();
    let (mut took, mut raws) = (Took::default(), SmallVec::<[Raw<'_>; RUN_RECORDS_MAX]>::new());
    for (record, headers) in run.iter().zip(&headers) {
        let raw = Raw {
            topic,
            topic_name: shared.topic_name(topic),
            partition: record.partition(),
            offset: record.offset(),
            timestamp: record.timestamp(),
            key: record.key(),
            value: record.value(),
            headers,
        };
        match runner.has_to_wait(&raw) {
            // The first one in any case: a batch has room for it, or the lane would not have asked.
            false if raws.is_empty() || bytes + took.bytes < shared.config.transaction.bytes_max => {
                took.bytes += raw.bytes();
                raws.push(raw);
            }
            true if raws.is_empty() => {
                runner.hold(raw);
                took.held += 1;
            }
            _ => break,
        }
    }
    if !raws.is_empty() {
        runner.open();
        took.records = runner.take(&raws);
        took.bytes = raws[..took.records].iter().map(Raw::bytes).sum();
    }
    took
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_full_by_records_or_by_bytes() {
        let limits = Transaction { records_max: 10, bytes_max: 1_000, ..Transaction::default() };
        let batch = |records, bytes| Batch { records, bytes, ..Batch::begin() };
        assert_eq!(batch(0, 0).room(&limits), 10);
        assert_eq!(batch(9, 999).room(&limits), 1);
        assert_eq!(batch(10, 10).room(&limits), 0);
        assert_eq!(batch(1, 1_000).room(&limits), 0, "few large records");
    }
}
