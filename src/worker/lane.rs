//! A lane: one thread with one consumer and one transactional producer that carries several shards.
//!
//! The loop: serve the group → see what became of the batch in flight → take a turn of records, urgent topics first → when the
//! batch is due, close every shard's part into one outbox and hand it to the [writer](super::writer). The next batch is stepped
//! while that one is written; rebalances are acted on when nothing is in flight.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::catch_up::CatchUp;
use super::imaging::Imaging;
use super::models::Models;
use super::open_batch::Closed;
use super::parking::Parking;
use super::refusal::Refusal;
use super::shard::ShardRunner;
use super::shared::Shared;
use super::turn::{Batch, TRICKLE_RECORDS_MAX};
use super::writer::{Gone, Job, Writer, WriterError, Written};
use crate::bus::Outbox;
use crate::bus::asking::passes;
use crate::bus::consumer::{Inbox, Rebalanced};
use crate::bus::errors::{Fences, Refused};
use crate::bus::producer::Ended;
use crate::bus::restore::RestoreError;
use crate::bus::vitals::Vitals;
use crate::domain::Output;
use crate::domain::decision::StageName;
use crate::planted::{self, Bug};
use crate::telemetry::events;

/// Longest sleep while nothing is to be done, milliseconds: group and ticks are served at least that often.
pub(super) const IDLE_MS_MAX: u64 = 20;
/// Transactions in a row that may fail before the lane gives up.
const FAILURES_MAX: u32 = 10;

/// First pause after a failed transaction, milliseconds, doubled with each further one.
const BACK_OFF_MS: u64 = 25;
const BACK_OFF_MS_MAX: u64 = 3_000;
/// A position that the log does not hold pauses the lane as so many failures do.
const ANEW_FAILURES: u32 = 3;

#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    #[error("kafka: {0}")]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    NotTaken(#[from] Refusal),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(
        "another process goes by the name `{id}`, in the group or as a producer. Two processes run with the same `instance` \
         ({instance}); give each its own (`instance`, or REFLOW_INSTANCE)"
    )]
    Fenced { id: String, instance: u32 },
    #[error("{0} transactions failed in a row, the last one: {1}")]
    Failing(u32, KafkaError),
    #[error(transparent)]
    Writer(#[from] WriterError),
    #[error(transparent)]
    Gone(#[from] Gone),
}

impl LaneError {
    /// True when shards that were not taken over may be taken over a little later: the cluster did not answer as it will, or
    /// somebody who took them wrote between two answers, and the group has not said so yet.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::NotTaken(Refusal::Torn { .. } | Refusal::Shortened { .. } | Refusal::Unplaced { .. }) => true,
            Self::Kafka(error)
            | Self::NotTaken(Refusal::Kafka(error) | Refusal::Restore(RestoreError::Kafka { error, .. })) => {
                passes(error)
            }
            _ => false,
        }
    }

    /// True when a log ends before what was read of it: a new leader may not know its end yet.
    pub(super) fn is_of_an_end(&self) -> bool {
        matches!(self, Self::NotTaken(Refusal::Shortened { .. }))
    }
}

/// How shards come to a lane.
#[derive(Clone, Debug)]
pub enum Assignment {
    /// By the consumer group.
    Group,
    /// By hand (the in-process mock has no transactional offsets): these shards from their first offsets.
    Fixed(Vec<i32>),
}

/// The batch being written.
pub(super) struct Flight {
    closed: Vec<Closed>,
    shards: Vec<i32>,
    /// Outputs for the read models, once they are true, each with the shard that said it.
    seen: Vec<(i32, Output)>,
}

/// One lane of one stage.
pub struct Lane {
    pub(super) shared: Shared,
    pub(super) stage: StageName,
    pub(super) number: u32,
    pub(super) inbox: Inbox,
    writer: Writer,
    /// Of the writer's thread; of the lane's own while it restores and the writer rests.
    pub(super) vitals: Vitals,
    pub(super) models: Arc<Models>,
    pub(super) parking: Arc<Parking>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) shards: BTreeMap<i32, ShardRunner>,
    pub(super) batch: Option<Batch>,
    pub(super) flight: Option<Flight>,
    /// Membership as it was when the shards were taken over: a commit under a later one could claim what somebody else has
    /// read.
    pub(super) group: Option<Arc<ConsumerGroupMetadata>>,
    /// The outbox that is not in flight.
    outbox: Outbox,
    failures: u32,
    fences: Fences,
    pub(super) catch_up: CatchUp,
    pub(super) images: Imaging,
}

impl Lane {
    /// Opens consumer and producer; belongs to the thread that runs it.
    pub fn open(
        shared: &Shared,
        stage: StageName,
        number: u32,
        models: Arc<Models>,
        parking: Arc<Parking>,
        stop: Arc<AtomicBool>,
        vitals: Vitals,
    ) -> Result<Self, LaneError> {
        let config = &shared.config;
        let waker = std::thread::current();
        Ok(Self {
            inbox: Inbox::open(&config.lane_consumer(stage, number), &shared.topics, stage, &waker)?,
            writer: Self::new_writer(shared, stage, number, vitals.clone(), &stop)?,
            vitals,
            shared: shared.clone(),
            stage,
            number,
            models,
            parking,
            stop,
            shards: BTreeMap::new(),
            batch: None,
            flight: None,
            group: None,
            outbox: Outbox::default(),
            failures: 0,
            fences: Fences::new(Duration::from_millis(config.transaction.timeout_ms)),
            catch_up: CatchUp::default(),
            images: Imaging::new(shared, stage, number),
        })
    }

    /// A producer of the same id, which fences the one before.
    fn another_writer(&self) -> Result<Writer, WriterError> {
        Self::new_writer(&self.shared, self.stage, self.number, self.vitals.clone(), &self.stop)
    }

    fn new_writer(
        shared: &Shared,
        stage: StageName,
        number: u32,
        vitals: Vitals,
        stop: &Arc<AtomicBool>,
    ) -> Result<Writer, WriterError> {
        let mut config = shared.config.lane_producer();
        config.set("transactional.id", shared.config.transactional_id(stage, number));
        let name = format!("{stage}-{number}-writer");
        Writer::open(name, config, stage, &shared.topics, vitals, std::thread::current(), stop.clone())
    }

    /// Runs until `stop`, or until something is beyond repair.
    pub fn run(&mut self, assignment: &Assignment) -> Result<(), LaneError> {
        match assignment {
            Assignment::Group => self.inbox.subscribe()?,
            Assignment::Fixed(shards) => self.take_over(shards)?,
        }
        while !self.stop.load(Ordering::Relaxed) {
            self.serve()?;
            if let Some(written) = self.writer.ended()? {
                self.settle(written)?;
            }
            self.images.turn(&self.shards);
            self.round()?;
        }
        // What is in flight may still land: leaving while it does would leave an open transaction to its time-out.
        self.finish().map(|()| self.inbox.leave())
    }

    /// One turn, and what follows from it.
    fn round(&mut self) -> Result<(), LaneError> {
        if self.shards.is_empty() {
            std::thread::park_timeout(Duration::from_millis(IDLE_MS_MAX));
            return Ok(());
        }
        let Some(mut taken) = self.turn() else { return self.begin_anew_later() };
        if self.shared.registry.is_some() || self.shared.policies.is_followed() {
            taken += self.release()?;
        }
        self.look_up(taken == 0);
        if self.is_due() {
            return self.hand_over();
        }
        if taken == 0 && self.batch.is_none() {
            self.tick()?;
        }
        if taken < TRICKLE_RECORDS_MAX {
            self.rest(taken);
        }
        Ok(())
    }

    /// Serves the group and acts on what it said.
    fn serve(&mut self) -> Result<(), LaneError> {
        let served = self.inbox.serve();
        match served.note {
            _ if served.replaced => self.rejoin(),
            Some(Rebalanced::Assigned(shards)) => {
                self.finish()?;
                self.take_over(&shards)
            }
            Some(Rebalanced::Revoked) => {
                if self.end_flight()? && self.fences.note(Instant::now()) {
                    return Err(self.fenced());
                }
                self.give_back();
                Ok(())
            }
            None if served.astray && !self.shards.is_empty() => self.begin_anew_later(),
            None => Ok(()),
        }
    }

    fn give_back(&mut self) {
        self.models.joined.remove(&(self.stage, self.number));
        for shard in self.shards.keys() {
            self.models.forget(self.stage, *shard);
        }
        events::shards_revoked(self.stage, self.number, self.shards.len());
        self.forget_batch();
        self.park();
        self.inbox.unassign().unwrap_or_else(|error| tracing::warn!(%error, "unassign"));
    }

    /// Closes the batch and hands it to the writer.
    fn hand_over(&mut self) -> Result<(), LaneError> {
        self.tick()?;
        self.batch = None;
        let group = self.group.clone();
        let group = group.ok_or_else(|| KafkaError::Subscription("the consumer has no group".to_owned()))?;
        let mut outbox = std::mem::take(&mut self.outbox);
        outbox.clear();
        let mut next = TopicPartitionList::new();
        let mut flight = Flight { closed: Vec::new(), shards: Vec::new(), seen: Vec::new() };
        for runner in self.shards.values_mut().filter(|runner| runner.is_open()) {
            let (shard, seen) = (runner.shard(), &mut flight.seen);
            flight.closed.push(runner.close(&mut outbox, |output| match output {
                // Nobody looks at these.
                Output::Bundle { .. } | Output::Reply { .. } | Output::Pane(_) => Some(output),
                output => {
                    seen.push((shard, output));
                    None
                }
            }));
            flight.shards.push(runner.shard());
            for (topic, offset) in runner.moved() {
                next.add_partition_offset(self.shared.topic_name(topic), runner.shard(), Offset::Offset(offset))?;
            }
            runner.hand_over();
        }
        self.flight = Some(flight);
        self.writer.write(Job { outbox, next, group }).map_err(|_| Gone)?;
        Ok(())
    }

    /// What was in flight, and how it ended; the outbox is there again.
    fn landed(&mut self, written: Written) -> (Option<Flight>, Ended) {
        self.models.phases.add(&written.phases);
        self.outbox = written.outbox;
        (self.flight.take(), written.ended)
    }

    /// Acts on the end of the transaction in flight.
    fn settle(&mut self, written: Written) -> Result<(), LaneError> {
        let (Some(flight), ended) = self.landed(written) else { return Ok(()) };
        match ended {
            Ended::Committed => {
                self.committed(flight);
                Ok(())
            }
            Ended::Aborted { error, .. } => self.failed(error, false),
            Ended::Unknown { fenced: true, .. } if self.fences.note(Instant::now()) => Err(self.fenced()),
            Ended::Unknown { error, .. } => self.failed(error, !planted::is(Bug::ProducerReused)),
            Ended::Hopeless(refused) => Err(refused.into()),
        }
    }

    /// Takes this lane's place in the group again with a consumer of its own. Who was put in it may be this very process: a
    /// broker that stood still answers a request to join that was given up and sent again. A namesake takes it every time.
    fn rejoin(&mut self) -> Result<(), LaneError> {
        if self.fences.note(Instant::now()) {
            return Err(self.fenced());
        }
        self.end_flight()?;
        self.give_back();
        let waker = std::thread::current();
        let config = self.shared.config.lane_consumer(self.stage, self.number);
        self.inbox = Inbox::open(&config, &self.shared.topics, self.stage, &waker)?;
        Ok(self.inbox.subscribe()?)
    }

    /// Waits for the transaction in flight when the shards are about to be given back; true when its producer was fenced.
    ///
    /// What is undone is not taken anew, whether it landed or not: the shards may be somebody else's, who writes to their logs.
    /// Who takes them over next compares with what the group has committed.
    fn end_flight(&mut self) -> Result<bool, LaneError> {
        if self.flight.is_none() {
            return Ok(false);
        }
        let written = self.writer.wait()?;
        let (Some(flight), ended) = self.landed(written) else { return Ok(false) };
        match ended {
            Ended::Committed => self.committed(flight),
            Ended::Aborted { error, .. } => self.note_failure(error, false)?,
            Ended::Unknown { error, fenced } => {
                self.note_failure(error, true)?;
                self.writer = self.another_writer()?;
                return Ok(fenced);
            }
            Ended::Hopeless(refused) => return Err(refused.into()),
        }
        Ok(false)
    }

    /// Another process has this one's place in the group, or its transactional id.
    fn fenced(&self) -> LaneError {
        let id = self.shared.config.transactional_id(self.stage, self.number);
        LaneError::Fenced { id, instance: self.shared.config.instance }
    }

    fn committed(&mut self, mut flight: Flight) {
        self.failures = 0;
        for shard in &flight.shards {
            if let Some(runner) = self.shards.get_mut(shard) {
                runner.commit();
            }
        }
        flight.closed.iter().for_each(|closed| self.models.count(closed));
        let shards = &mut self.shards;
        self.models.absorb(&mut flight.seen, |shard, output| {
            if let Some(runner) = shards.get_mut(&shard) {
                runner.take_back(output);
            }
        });
        self.models.transactions.fetch_add(1, Ordering::Relaxed);
        self.models.produced.fetch_add(self.outbox.len() as u64, Ordering::Relaxed);
        self.models.produced_bytes.fetch_add(self.outbox.bytes() as u64, Ordering::Relaxed);
    }

    /// Undoes the batch and what was stepped on top of it; after an unknown outcome the state is taken anew from the log, which
    /// knows what landed.
    fn failed(&mut self, error: KafkaError, unknown: bool) -> Result<(), LaneError> {
        self.note_failure(error, unknown)?;
        self.forget_batch();
        self.back_off(self.failures);
        if !unknown {
            return self.put_back();
        }
        self.writer = self.another_writer()?;
        self.begin_anew()
    }

    /// Says that a transaction failed; errs when too many have in a row.
    fn note_failure(&mut self, error: KafkaError, unknown: bool) -> Result<(), LaneError> {
        self.failures += 1;
        self.models.aborted.fetch_add(1, Ordering::Relaxed);
        events::transaction_failed(self.stage, self.number, &error, unknown);
        if self.failures >= FAILURES_MAX {
            return Err(LaneError::Failing(self.failures, error));
        }
        Ok(())
    }

    /// Undoes what is not committed.
    fn forget_batch(&mut self) {
        self.batch = None;
        self.flight = None;
        self.shards.values_mut().for_each(ShardRunner::undo);
    }

    /// Waits for the transaction in flight and acts on it.
    fn finish(&mut self) -> Result<(), LaneError> {
        if self.flight.is_some() {
            let written = self.writer.wait()?;
            self.settle(written)?;
        }
        Ok(())
    }

    /// Waits a little longer after each failure: a group that no longer knows this member needs a heartbeat to say so.
    pub(super) fn back_off(&self, failures: u32) {
        let pause = BACK_OFF_MS.saturating_mul(1 << failures.min(FAILURES_MAX)).min(BACK_OFF_MS_MAX);
        let until = Instant::now() + Duration::from_millis(pause);
        while let Some(left) = until.checked_duration_since(Instant::now())
            && !self.stop.load(Ordering::Relaxed)
        {
            std::thread::park_timeout(left);
        }
    }

    /// The same after a pause: what was wrong with the log may still be.
    fn begin_anew_later(&mut self) -> Result<(), LaneError> {
        self.back_off(ANEW_FAILURES);
        self.begin_anew()
    }

    /// Takes state and positions from the log again; what was open is forgotten.
    fn begin_anew(&mut self) -> Result<(), LaneError> {
        self.finish()?;
        self.forget_batch();
        let shards: Vec<i32> = self.shards.keys().copied().collect();
        self.inbox.unassign()?;
        self.take_over(&shards)
    }
}
