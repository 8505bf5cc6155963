//! A lane: one thread with one consumer and one transactional producer that carries several shards.
//!
//! The loop: serve the group → gather a batch, urgent topics first → close every shard's part into one outbox → one
//! transaction → commit or undo. Rebalances are acted on between transactions only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::models::Models;
use super::shard::{Closed, ShardRunner, Shared};
use super::stage::Raw;
use super::takeover::CatchUp;
use crate::bus::consumer::{Inbox, Input, Rebalanced, lost_offset};
use crate::bus::producer::{Ended, Offsets, Transactions};
use crate::bus::restore::RestoreError;
use crate::bus::{Outbox, Topic};
use crate::domain::codec::Bytes;
use crate::domain::decision::StageName;
use crate::domain::fate::Header;
use crate::domain::{EventTime, Output, Text};
use crate::telemetry::events;

/// A turn that brings fewer records than that is a trickle, and a pause that short follows it, milliseconds.
const TRICKLE_RECORDS_MAX: usize = 128;
const TRICKLE_PAUSE_MS: u64 = 2;
/// Longest sleep while nothing is to be done, milliseconds: group and ticks are served at least that often.
const IDLE_MS_MAX: u64 = 20;
/// Transactions in a row that may fail before the lane gives up.
const FAILURES_MAX: u32 = 10;

/// First pause after a failed transaction, milliseconds, doubled with each further one.
const BACK_OFF_MS: u64 = 25;
const BACK_OFF_MS_MAX: u64 = 3_000;

#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    #[error("kafka: {0}")]
    Kafka(#[from] KafkaError),
    #[error("restore: {0}")]
    Restore(#[from] RestoreError),
    #[error(
        "shard {stage} {shard}: the changelog says the next offset of {topic} is {changelog}, the group has committed \
         {committed}; somebody moved one of them. Put the group back, or rebuild the state from the inputs"
    )]
    Torn { stage: StageName, shard: i32, topic: Topic, changelog: i64, committed: i64 },
    #[error(
        "shard {stage} {shard}: its state was made with {was} customer and {was_partner} partner shards; configured are \
         {is} and {is_partner}. Counts are fixed once there is state"
    )]
    Shards { stage: StageName, shard: i32, was: i32, was_partner: i32, is: i32, is_partner: i32 },
    #[error("{0} transactions failed in a row, the last one: {1}")]
    Failing(u32, KafkaError),
}

/// How shards come to a lane.
#[derive(Clone, Debug)]
pub enum Assignment {
    /// By the consumer group.
    Group,
    /// By hand (the in-process mock has no transactional offsets): these shards from their first offsets.
    Fixed(Vec<i32>),
}

/// One lane of one stage.
pub struct Lane {
    pub(super) shared: Shared,
    pub(super) stage: StageName,
    pub(super) number: u32,
    pub(super) inbox: Inbox,
    transactions: Transactions,
    pub(super) models: Arc<Models>,
    stop: Arc<AtomicBool>,
    pub(super) shards: BTreeMap<i32, ShardRunner>,
    outbox: Outbox,
    /// Outputs of the batch for the read models.
    seen: Vec<Output>,
    pub(super) thread: Thread,
    failures: u32,
    pub(super) catch_up: CatchUp,
}

impl Lane {
    pub fn open(
        shared: &Shared,
        stage: StageName,
        number: u32,
        models: Arc<Models>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, LaneError> {
        let config = &shared.config;
        Ok(Self {
            inbox: Inbox::open(&config.lane_consumer(stage, number), &shared.topics, stage)?,
            transactions: Self::producer(shared, stage, number)?,
            shared: shared.clone(),
            stage,
            number,
            models,
            stop,
            shards: BTreeMap::new(),
            outbox: Outbox::default(),
            seen: Vec::new(),
            thread: std::thread::current(),
            failures: 0,
            catch_up: CatchUp::default(),
        })
    }

    fn producer(shared: &Shared, stage: StageName, number: u32) -> Result<Transactions, KafkaError> {
        let id = shared.config.transactional_id(stage, number);
        Transactions::open(&shared.config.lane_producer(), &id, &shared.topics)
    }

    /// Runs until `stop`, or until something is beyond repair.
    pub fn run(&mut self, assignment: &Assignment) -> Result<(), LaneError> {
        match assignment {
            Assignment::Group => self.inbox.subscribe()?,
            Assignment::Fixed(shards) => self.take_over(shards)?,
        }
        while !self.stop.load(Ordering::Relaxed) {
            self.serve()?;
            if self.shards.is_empty() {
                std::thread::park_timeout(Duration::from_millis(IDLE_MS_MAX));
                continue;
            }
            let group = self.inbox.group();
            let Some(taken) = self.gather() else {
                self.begin_anew()?;
                continue;
            };
            if self.catch_up.ends(taken, &self.shards) {
                self.caught_up();
            }
            if self.shards.values().any(ShardRunner::is_open) {
                self.transact(group)?;
            } else {
                std::thread::park_timeout(Duration::from_millis(IDLE_MS_MAX));
            }
        }
        Ok(())
    }

    /// Serves the group and acts on what it said.
    fn serve(&mut self) -> Result<(), LaneError> {
        let served = self.inbox.serve();
        match served.note {
            Some(Rebalanced::Assigned(shards)) => self.take_over(&shards),
            Some(Rebalanced::Revoked) => {
                self.give_back();
                Ok(())
            }
            None if served.astray && !self.shards.is_empty() => self.begin_anew(),
            None => Ok(()),
        }
    }

    fn give_back(&mut self) {
        for shard in self.shards.keys() {
            self.models.shards.remove(&(self.stage, *shard));
        }
        events::shards_revoked(self.stage, self.number, self.shards.len());
        self.shards.clear();
        self.inbox.unassign().unwrap_or_else(|error| tracing::warn!(%error, "unassign"));
    }

    /// Fills a batch: turn by turn until it is full, the interval is over, or nothing waits while somebody does. Returns how
    /// many records it holds; none when a position has fallen out of the log: the state has to be taken anew, which tells
    /// the gap.
    fn gather(&mut self) -> Option<usize> {
        let limits = self.shared.config.transaction;
        let began = Instant::now();
        let mut records = 0;
        loop {
            let taken = self.turn()?;
            records += taken;
            let open = self.shards.values().any(ShardRunner::is_open);
            if !open && taken == 0 {
                self.shards.values_mut().for_each(ShardRunner::tick);
                return Some(records);
            }
            let busy = self.shards.values().any(ShardRunner::somebody_waits);
            let interval = Duration::from_millis(if busy { limits.interval_busy_ms } else { limits.interval_ms });
            let left = interval.saturating_sub(began.elapsed());
            let ahead = self.shards.values().any(ShardRunner::has_run_ahead);
            if ahead || left.is_zero() || records >= limits.records_max {
                self.shards.values_mut().for_each(ShardRunner::tick);
                return Some(records);
            }
            if taken == 0 {
                std::thread::park_timeout(left.min(Duration::from_millis(IDLE_MS_MAX)));
            } else if taken < TRICKLE_RECORDS_MAX {
                // Asking every queue for a handful of records costs more than the records: let some gather.
                std::thread::park_timeout(left.min(Duration::from_millis(TRICKLE_PAUSE_MS)));
            }
        }
    }

    /// One turn over all inputs, urgent topics first; returns how many records were taken, none when a position is lost.
    fn turn(&mut self) -> Option<usize> {
        let limits = &self.shared.config.transaction;
        let mut taken = 0;
        for input in self.inbox.inputs() {
            let Some(runner) = self.shards.get_mut(&input.shard) else { continue };
            let most = if input.topic.layout().first {
                limits.urgent_records_per_turn_max
            } else {
                limits.other_records_per_turn_max
            };
            taken += drain(input, runner, &self.shared, most)?;
        }
        Some(taken)
    }

    /// Closes the batch and writes it in one transaction.
    fn transact(&mut self, group: Option<ConsumerGroupMetadata>) -> Result<(), LaneError> {
        self.outbox.clear();
        self.seen.clear();
        let mut next = TopicPartitionList::new();
        let mut closed: Vec<Closed> = Vec::new();
        for runner in self.shards.values_mut().filter(|runner| runner.is_open()) {
            let seen = &mut self.seen;
            closed.push(runner.close(&mut self.outbox, |output| {
                if !matches!(output, Output::Bundle { .. } | Output::Pane(_)) {
                    seen.push(output.clone());
                }
            }));
            for (topic, offset) in runner.positions() {
                next.add_partition_offset(self.shared.topic_name(topic), runner.shard(), Offset::Offset(offset))?;
            }
        }
        let Some(group) = group else {
            return Err(KafkaError::Subscription("the consumer has no group".to_owned()).into());
        };
        match self.transactions.write(&self.outbox, &Offsets { next: &next, group: &group }) {
            Ended::Committed => self.committed(&closed),
            Ended::Aborted(error) => self.failed(error, false)?,
            Ended::Unknown(error) => self.failed(error, true)?,
        }
        Ok(())
    }

    fn committed(&mut self, closed: &[Closed]) {
        self.failures = 0;
        self.shards.values_mut().filter(|runner| runner.is_open()).for_each(ShardRunner::commit);
        closed.iter().for_each(|closed| self.models.count(closed));
        self.models.absorb(&mut self.seen);
        self.models.transactions.fetch_add(1, Ordering::Relaxed);
        self.models.produced.fetch_add(self.outbox.len() as u64, Ordering::Relaxed);
        self.models.produced_bytes.fetch_add(self.outbox.bytes() as u64, Ordering::Relaxed);
    }

    /// Undoes the batch; after an unknown outcome the state is taken anew from the log, which knows what landed.
    fn failed(&mut self, error: KafkaError, unknown: bool) -> Result<(), LaneError> {
        self.failures += 1;
        self.models.aborted.fetch_add(1, Ordering::Relaxed);
        events::transaction_failed(self.stage, self.number, &error, unknown);
        if self.failures >= FAILURES_MAX {
            return Err(LaneError::Failing(self.failures, error));
        }
        self.shards.values_mut().filter(|runner| runner.is_open()).for_each(ShardRunner::undo);
        self.back_off();
        if !unknown {
            return self.put_back();
        }
        self.transactions = Self::producer(&self.shared, self.stage, self.number)?;
        self.begin_anew()
    }

    /// Waits a little longer after each failure: a group that no longer knows this member needs a heartbeat to say so.
    fn back_off(&self) {
        let pause = BACK_OFF_MS.saturating_mul(1 << self.failures.min(FAILURES_MAX)).min(BACK_OFF_MS_MAX);
        let until = Instant::now() + Duration::from_millis(pause);
        while let Some(left) = until.checked_duration_since(Instant::now())
            && !self.stop.load(Ordering::Relaxed)
        {
            std::thread::park_timeout(left);
        }
    }

    /// Takes state and positions from the log again; what was open is forgotten.
    fn begin_anew(&mut self) -> Result<(), LaneError> {
        let shards: Vec<i32> = self.shards.keys().copied().collect();
        self.inbox.unassign()?;
        self.take_over(&shards)
    }
}

/// Takes up to `most` records of one input; none when its position is no longer in the log.
fn drain(input: &Input, runner: &mut ShardRunner, shared: &Shared, most: usize) -> Option<usize> {
    let mut taken = 0;
    while taken < most && !runner.has_run_ahead() {
        match input.next() {
            Some(Ok(message)) => {
                runner.open();
                take(runner, shared, input.topic, &message);
                taken += 1;
            }
            Some(Err(error)) => {
                tracing::warn!(%error, topic = %input.topic, shard = input.shard, "consume");
                if lost_offset(&error) {
                    return None;
                }
                break;
            }
            None => break,
        }
    }
    Some(taken)
}

fn take(runner: &mut ShardRunner, shared: &Shared, topic: Topic, message: &BorrowedMessage<'_>) {
    let headers = || headers_of(message);
    runner.take(Raw {
        topic,
        topic_name: shared.topic_name(topic),
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis().map(EventTime),
        key: message.key(),
        value: message.payload(),
        headers: &headers,
    });
}

fn headers_of(message: &BorrowedMessage<'_>) -> Vec<Header> {
    let Some(headers) = message.headers() else { return Vec::new() };
    headers
        .iter()
        .map(|header| Header { key: Text::from(header.key), value: header.value.map(|value| Bytes(value.to_vec())) })
        .collect()
}
