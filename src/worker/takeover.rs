//! Taking shards over: their state from the changelog, their positions from progress and group, and when they have caught up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::lane::{Lane, LaneError};
use super::models::ShardState;
use super::shard::ShardRunner;
use crate::bus::Topic;
use crate::bus::restore::Restorer;
use crate::planted::{self, Bug};
use crate::telemetry::events;

/// Inputs that bring nothing for that long are read to their end, milliseconds.
const CAUGHT_UP_IDLE_MS: u64 = 500;

/// What was waiting in the inputs when the shards were taken over.
#[derive(Default)]
pub(super) struct CatchUp {
    /// Ends of inputs that were not read to their end, by topic and shard.
    targets: Vec<(Topic, i32, i64)>,
    /// Since when nothing came. Ends are not always reached: transaction markers have offsets too.
    idle_since: Option<Instant>,
}

impl CatchUp {
    /// True once, when everything that was waiting has been read.
    pub(super) fn ends(&mut self, taken: usize, shards: &BTreeMap<i32, ShardRunner>) -> bool {
        if self.targets.is_empty() {
            return false;
        }
        let idle = if taken > 0 { None } else { Some(*self.idle_since.get_or_insert_with(Instant::now)) };
        self.idle_since = idle;
        let read = |shard: &i32, topic: Topic| shards.get(shard).and_then(|runner| runner.committed().next(topic));
        self.targets.retain(|(topic, shard, end)| read(shard, *topic).is_some_and(|next| next < *end));
        if idle.is_some_and(|since| since.elapsed() > Duration::from_millis(CAUGHT_UP_IDLE_MS)) {
            self.targets.clear();
        }
        self.targets.is_empty()
    }
}

impl Lane {
    /// Restores the shards and begins to read where their last transaction ended.
    pub(super) fn take_over(&mut self, shards: &[i32]) -> Result<(), LaneError> {
        self.shards.clear();
        self.catch_up = CatchUp::default();
        if self.group.is_none() || !planted::is(Bug::StaleGroupMetadata) {
            self.group = self.inbox.group().map(Arc::new);
        }
        let committed = self.inbox.committed(shards)?;
        let restorer = Restorer::open(&self.shared.config.reader())?;
        for shard in shards {
            self.models.shards.insert((self.stage, *shard), ShardState::Restoring);
            let mut runner = ShardRunner::new(self.stage, *shard, &self.shared);
            let changelog = self.shared.topic_name(Topic::changelog(self.stage));
            let began = Instant::now();
            let entries = restorer.restore(changelog, *shard, |key, value| runner.load(key, value))?;
            self.check(&runner)?;
            for (topic, _, offset) in committed.iter().filter(|(_, other, _)| other == shard) {
                self.place(&mut runner, *topic, *offset)?;
            }
            events::shard_restored(self.stage, *shard, entries, began.elapsed());
            self.models.shards.insert((self.stage, *shard), ShardState::CatchingUp);
            self.shards.insert(*shard, runner);
        }
        if self.catch_up.targets.is_empty() {
            self.caught_up();
        }
        self.put_back()?;
        self.models.lanes_joined.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn caught_up(&self) {
        for shard in self.shards.keys() {
            self.models.shards.insert((self.stage, *shard), ShardState::Running);
        }
        events::caught_up(self.stage, self.number, self.shards.len());
    }

    pub(super) fn check(&self, runner: &ShardRunner) -> Result<(), LaneError> {
        let (progress, topics) = (runner.committed(), &self.shared.topics);
        let (is, is_partner) = (topics.customer_shards, topics.partner_shards);
        let (was, was_partner) = (progress.customer_shards, progress.partner_shards);
        if (was, was_partner) == (is, is_partner) {
            return Ok(());
        }
        Err(LaneError::Shards { stage: self.stage, shard: runner.shard(), was, was_partner, is, is_partner })
    }

    /// Settles where an input of a shard is read from: changelog and group must agree; a topic never read begins at its first record.
    pub(super) fn place(
        &mut self,
        runner: &mut ShardRunner,
        topic: Topic,
        committed: Option<i64>,
    ) -> Result<(), LaneError> {
        let (low, high) = self.inbox.watermarks(topic, runner.shard())?;
        match (runner.committed().next(topic), committed) {
            (Some(changelog), Some(committed)) if changelog != committed => {
                let (stage, shard) = (self.stage, runner.shard());
                return Err(LaneError::Torn { stage, shard, topic, changelog, committed });
            }
            (Some(next), _) | (None, Some(next)) if next >= low => runner.start_at(topic, next),
            (Some(next), _) | (None, Some(next)) => {
                events::log_gap(self.stage, runner.shard(), topic, next, low);
                runner.note_gap(topic, next, low);
                runner.start_at(topic, low);
            }
            (None, None) => runner.start_at(topic, low),
        }
        if runner.committed().next(topic).is_some_and(|next| next < high) {
            self.catch_up.targets.push((topic, runner.shard(), high));
        }
        Ok(())
    }

    /// (Re)assigns all inputs at the committed positions.
    pub(super) fn put_back(&mut self) -> Result<(), LaneError> {
        let from: Vec<(Topic, i32, i64)> = self
            .shards
            .values()
            .flat_map(|runner| {
                runner.committed().positions.iter().map(|position| (position.topic, runner.shard(), position.next))
            })
            .collect();
        Ok(self.inbox.assign(&from)?)
    }
}
