//! Taking shards over: their state from wherever it comes fastest, their positions from progress and group, and when they
//! have caught up.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::catch_up::CatchUp;
use super::lane::{Lane, LaneError};
use super::models::ShardState;
use super::recovery::{Recovered, Recovery, Wanted};
use super::refusal::Refusal;
use super::shard::ShardRunner;
use crate::bus::Topic;
use crate::bus::errors::Call;
use crate::bus::restore::Course;
use crate::planted::{self, Bug};
use crate::telemetry::events;

/// Between two looks at the group while shards are restored, milliseconds.
const ATTEND_EVERY_MS: u64 = 20;
/// Tries to take the same shards over while a broker does not answer; each of them waits for its own answers as long as it may.
const TRIES_MAX: u32 = 6;
/// So many failures make the longest pause: a leader that is new learns where its log ends within a few of them.
const LONGEST: u32 = 8;

impl Lane {
    /// Restores the shards and begins to read where their last transaction ended. The writer has nothing to do meanwhile, so the
    /// signs of life that the watchdog reads are this thread's.
    ///
    /// What may pass, as a cluster that is away longer than an answer is waited for, is tried again a few times.
    pub(super) fn take_over(&mut self, shards: &[i32]) -> Result<(), LaneError> {
        let mut tries = 1;
        loop {
            self.vitals.enter(Call::Restore);
            let taken = self.take(shards);
            self.vitals.left();
            match taken {
                Err(error) if tries < TRIES_MAX && error.may_pass() => {
                    events::not_taken_over(self.stage, self.number, tries, &error);
                    self.back_off(if error.is_of_an_end() { LONGEST } else { tries });
                    if self.inbox.attend() || self.stop.load(Ordering::Relaxed) {
                        self.let_go(shards);
                        return Ok(());
                    }
                    tries += 1;
                }
                taken => return taken,
            }
        }
    }

    fn take(&mut self, shards: &[i32]) -> Result<(), LaneError> {
        self.park();
        self.catch_up = CatchUp::new(self.shared.config.restore.behind_records_max);
        if self.group.is_none() || !planted::is(Bug::StaleGroupMetadata) {
            self.group = self.inbox.group().map(Arc::new);
        }
        shards.iter().for_each(|shard| {
            self.models.shards.insert((self.stage, *shard), ShardState::Restoring);
        });
        events::shards_assigned(self.stage, self.number, shards.len());
        let began = Instant::now();
        let committed = self.inbox.committed(shards).map_err(Refusal::from)?;
        let recovered = match self.recover(shards) {
            Err(refusal) if refusal.is_cancelled() => {
                self.let_go(shards);
                return Ok(());
            }
            recovered => recovered?,
        };
        let mut recovered = recovered.into_iter();
        while let Some(one) = recovered.next() {
            if let Err(error) = self.settle_in(one, &committed, began.elapsed()) {
                recovered.for_each(|one| self.parking.park(self.stage, one.runner, one.known));
                return Err(error);
            }
        }
        // Positions of shards that are not this lane's any more are not set; their state stays in the process.
        if self.inbox.attend() || self.stop.load(Ordering::Relaxed) {
            self.let_go(shards);
            return Ok(());
        }
        if self.catch_up.is_done() {
            self.caught_up();
        }
        self.put_back()?;
        self.models.joined.insert((self.stage, self.number));
        self.models.forget_partners();
        Ok(())
    }

    /// The group has something else in mind, or the process ends: both are acted on by the lane's loop.
    fn let_go(&mut self, shards: &[i32]) {
        self.models.joined.remove(&(self.stage, self.number));
        self.park();
        for shard in shards {
            self.models.forget(self.stage, *shard);
        }
    }

    /// Keeps the state of all shards in the process: they may come back. Nothing may be open or in flight.
    pub(super) fn park(&mut self) {
        let known = self.images.end();
        for (shard, runner) in std::mem::take(&mut self.shards) {
            if let Some(known) = known.get(&shard) {
                self.parking.park(self.stage, runner, *known);
            }
        }
    }

    /// Gets the states on threads of their own, and serves the group meanwhile: a rebalance ends it.
    fn recover(&mut self, shards: &[i32]) -> Result<Vec<Recovered>, Refusal> {
        let (course, mut steps) = (Course::default(), 0);
        let (shared, parking) = (&self.shared, &*self.parking);
        let recovery = &Recovery { shared, stage: self.stage, course: &course, parking };
        let wanted = |shard: &i32| Wanted { shard: *shard, kept: self.parking.take(self.stage, *shard) };
        let wanted: Vec<Wanted> = shards.iter().map(wanted).collect();
        std::thread::scope(|scope| {
            let lane = std::thread::current();
            let running = scope.spawn(move || {
                let recovered = recovery.run(wanted);
                lane.unpark();
                recovered
            });
            while !running.is_finished() {
                if self.inbox.attend() || self.stop.load(Ordering::Relaxed) {
                    course.give_up();
                }
                if std::mem::replace(&mut steps, course.steps()) != steps {
                    self.vitals.moved();
                }
                std::thread::park_timeout(Duration::from_millis(ATTEND_EVERY_MS));
            }
            running.join().unwrap_or(Err(Refusal::Thread))
        })
    }

    /// Settles where a restored shard reads on.
    fn settle_in(
        &mut self,
        recovered: Recovered,
        committed: &[(Topic, i32, Option<i64>)],
        took: Duration,
    ) -> Result<(), LaneError> {
        let Recovered { mut runner, origin, image_entries, changelog_entries, known } = recovered;
        let shard = runner.shard();
        let own = || committed.iter().filter(|(_, other, _)| *other == shard);
        let (sequence, stage) = (runner.committed().sequence, self.stage);
        let is_known = own().any(|(_, _, offset)| offset.is_some());
        if sequence > 0 && !is_known {
            events::offsets_gone(stage, shard, sequence);
        }
        if sequence == 0
            && let Some((topic, committed)) = own().find_map(|(topic, _, offset)| Some((*topic, (*offset)?)))
        {
            let changelog = self.shared.topic_name(Topic::changelog(stage)).to_owned();
            return Err(Refusal::Empty { stage, shard, topic, committed, changelog }.into());
        }
        runner.place_anew();
        for (topic, _, offset) in own() {
            self.place(&mut runner, *topic, *offset, is_known)?;
        }
        events::shard_restored(stage, shard, origin, image_entries, changelog_entries, took);
        self.models.shards.insert((stage, shard), ShardState::CatchingUp);
        self.images.begin(shard, known);
        self.shards.insert(shard, runner);
        Ok(())
    }

    /// Looks whether the shards have caught up, and says so once.
    pub(super) fn look_up(&mut self, nothing_came: bool) {
        let idle = nothing_came && !self.is_held_up();
        let (shards, inbox) = (&self.shards, &self.inbox);
        let next = |topic, shard: i32| shards.get(&shard).and_then(|runner| runner.reached(topic));
        if self.catch_up.ends(idle, next, |topic, shard| inbox.known_end(topic, shard)) {
            self.caught_up();
        }
    }

    fn caught_up(&self) {
        for shard in self.shards.keys() {
            self.models.shards.insert((self.stage, *shard), ShardState::Running);
        }
        events::caught_up(self.stage, self.number, self.shards.len());
    }

    /// Settles where an input of a shard is read from: changelog and group must agree; a topic never read begins at its first record.
    /// `is_known`: the group has committed something of the shard, and so an offset of every input that was read.
    fn place(
        &mut self,
        runner: &mut ShardRunner,
        topic: Topic,
        committed: Option<i64>,
        is_known: bool,
    ) -> Result<(), LaneError> {
        let is_told = committed.is_some();
        let (low, high) = self.inbox.watermarks(topic, runner.shard())?;
        match (runner.committed().next(topic), committed) {
            (Some(changelog), Some(committed)) if changelog != committed => {
                let (stage, shard) = (self.stage, runner.shard());
                return Err(Refusal::Torn { stage, shard, topic, changelog, committed }.into());
            }
            (Some(next), _) | (None, Some(next)) if next > high => {
                let (stage, shard) = (self.stage, runner.shard());
                return Err(Refusal::Shortened { stage, shard, topic, next, high }.into());
            }
            // Of one that stands at the beginning nothing can be passed over.
            (Some(next), None) if is_known && next > 0 => {
                let (stage, shard) = (self.stage, runner.shard());
                return Err(Refusal::Unplaced { stage, shard, topic, next }.into());
            }
            (Some(next), _) | (None, Some(next)) if next >= low => runner.start_at(topic, next, is_told),
            (Some(next), _) | (None, Some(next)) => {
                events::log_gap(self.stage, runner.shard(), topic, next, low);
                runner.note_gap(topic, next, low);
                runner.start_at(topic, low, is_told);
            }
            (None, None) => runner.start_at(topic, low, is_told),
        }
        if let Some(next) = runner.reached(topic) {
            self.catch_up.add(topic, runner.shard(), next, high);
        }
        Ok(())
    }

    /// (Re)assigns all inputs where nothing read after them is committed; no batch may be open.
    pub(super) fn put_back(&mut self) -> Result<(), LaneError> {
        let from: Vec<(Topic, i32, i64)> = self
            .shards
            .values()
            .flat_map(|runner| runner.progress.inputs().map(|position| (position.topic, runner.shard(), position.next)))
            .collect();
        Ok(self.inbox.assign(&from)?)
    }
}
