//! The consumer of one lane: group membership, and one queue per input partition so that the urgent ones are taken first.
//!
//! Rebalances are only noted while polling; the lane acts on them between transactions. Offsets are the lane's own.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::client::ClientContext;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::errors::ask;
use super::topics::{Topic, Topics};
use crate::domain::decision::StageName;

/// Longest wait for metadata and committed offsets, seconds.
const QUERY_SECS_MAX: u64 = 30;

/// Events of the client that are served in one go.
const EVENTS_PER_SERVE_MAX: u32 = 128;

/// What the group said, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebalanced {
    /// Shards assigned to this lane from now on.
    Assigned(Vec<i32>),
    /// Everything is revoked (eager protocol).
    Revoked,
}

/// What came of serving the group.
pub struct Served {
    pub note: Option<Rebalanced>,
    /// A record came out of order or a position fell out of the log: positions have to be taken anew.
    pub astray: bool,
}

/// Notes rebalances; assignment itself is left to the lane.
pub struct Notes {
    topics: Topics,
    rebalanced: Mutex<VecDeque<Rebalanced>>,
}

impl ClientContext for Notes {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka consumer");
    }
}

impl ConsumerContext for Notes {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: Code, partitions: &mut TopicPartitionList) {
        let note = if code == Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let mut shards: Vec<i32> = partitions
                .elements()
                .iter()
                .filter(|element| self.topics.topic(element.topic()).is_some())
                .map(|element| element.partition())
                .collect();
            shards.sort_unstable();
            shards.dedup();
            Rebalanced::Assigned(shards)
        } else {
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "unassign");
            }
            Rebalanced::Revoked
        };
        self.rebalanced.lock().unwrap_or_else(PoisonError::into_inner).push_back(note);
    }
}

/// Calls that are answered "nothing" without a look; then the queue is looked into all the same, should a wake-up be lost.
const LOOKS_SKIPPED_MAX: u32 = 64;

/// One input partition of an assigned shard.
pub struct Input {
    pub topic: Topic,
    pub shard: i32,
    queue: PartitionQueue<Notes>,
    /// Set by the client when the queue gets its first record. A look into an empty queue costs several readings of the
    /// clock, and most queues are empty most of the time.
    waiting: Arc<AtomicBool>,
    skipped: Cell<u32>,
}

impl Input {
    /// The next record, if one is waiting.
    pub fn next(&self) -> Option<Result<BorrowedMessage<'_>, KafkaError>> {
        // Cleared before the look: what arrives after it sets the flag again.
        if !self.waiting.swap(false, Ordering::AcqRel) {
            let skipped = self.skipped.get() + 1;
            self.skipped.set(skipped % LOOKS_SKIPPED_MAX);
            if skipped < LOOKS_SKIPPED_MAX {
                return None;
            }
        }
        let next = self.queue.poll(Duration::ZERO);
        if next.is_some() {
            self.waiting.store(true, Ordering::Release);
        }
        next
    }
}

/// The consumer of one lane.
pub struct Inbox {
    consumer: Arc<BaseConsumer<Notes>>,
    topics: Topics,
    stage: StageName,
    /// Queues in the order in which a turn takes them.
    inputs: Vec<Input>,
}

impl Inbox {
    pub fn open(config: &ClientConfig, topics: &Topics, stage: StageName) -> Result<Self, KafkaError> {
        let context = Notes { topics: topics.clone(), rebalanced: Mutex::default() };
        let consumer: BaseConsumer<Notes> = config.create_with_context(context)?;
        Ok(Self { consumer: Arc::new(consumer), topics: topics.clone(), stage, inputs: Vec::new() })
    }

    /// Joins the group.
    pub fn subscribe(&self) -> Result<(), KafkaError> {
        let names: Vec<String> = Topic::inputs(self.stage).map(|topic| self.topics.name(topic)).collect();
        self.consumer.subscribe(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Serves the group; says what it noted since the last call.
    pub fn serve(&self) -> Served {
        let mut astray = false;
        // A poll hands over one event and says nothing of the logs and rebalances it served: what it returns is no sign that
        // the queue is empty, and a rebalance behind a hundred log lines must not wait for a hundred transactions.
        for _ in 0..EVENTS_PER_SERVE_MAX {
            match self.consumer.poll(Duration::ZERO) {
                None => {}
                // Every partition has a queue of its own; out of this one its order would be lost.
                Some(Ok(message)) => {
                    tracing::warn!(topic = message.topic(), shard = message.partition(), "a record came astray");
                    astray = true;
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "consume");
                    astray |= lost_offset(&error);
                }
            }
        }
        let note = self.consumer.context().rebalanced.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        Served { note, astray }
    }

    /// The group membership that a transaction commits under.
    pub fn group(&self) -> Option<ConsumerGroupMetadata> {
        self.consumer.group_metadata()
    }

    /// Next offsets committed for all inputs of a shard (stable ones: a pending transaction is waited for).
    pub fn committed(&self, shards: &[i32]) -> Result<Vec<(Topic, i32, Option<i64>)>, KafkaError> {
        let mut asked = TopicPartitionList::new();
        for shard in shards {
            for topic in Topic::inputs(self.stage) {
                asked.add_partition(&self.topics.name(topic), *shard);
            }
        }
        let wait = Duration::from_secs(QUERY_SECS_MAX);
        let answered = ask(wait, || self.consumer.committed_offsets(asked.clone(), wait))?;
        let mut committed = Vec::with_capacity(answered.count());
        for element in answered.elements() {
            element.error()?;
            let Some(topic) = self.topics.topic(element.topic()) else { continue };
            let offset = match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            committed.push((topic, element.partition(), offset));
        }
        Ok(committed)
    }

    /// First and next offset of an input partition.
    pub fn watermarks(&self, topic: Topic, shard: i32) -> Result<(i64, i64), KafkaError> {
        let (name, wait) = (self.topics.name(topic), Duration::from_secs(QUERY_SECS_MAX));
        ask(wait, || self.consumer.fetch_watermarks(&name, shard, wait))
    }

    /// Begins to read the shards from these offsets; every partition gets a queue that wakes `waker`.
    ///
    /// The queues come first: an assignment leaves a queue alone that the application has taken, and would else send the
    /// first records to the common queue, to be met after later ones.
    pub fn assign(&mut self, from: &[(Topic, i32, i64)], waker: &Thread) -> Result<(), KafkaError> {
        self.inputs.clear();
        for topic in Topic::inputs(self.stage) {
            for (_, shard, _) in from.iter().filter(|(other, _, _)| *other == topic) {
                let Some(mut queue) = self.consumer.split_partition_queue(&self.topics.name(topic), *shard) else {
                    return Err(KafkaError::Subscription(format!("no queue for {topic} {shard}")));
                };
                let (waker, waiting) = (waker.clone(), Arc::new(AtomicBool::new(true)));
                let flag = waiting.clone();
                queue.set_nonempty_callback(move || {
                    flag.store(true, Ordering::Release);
                    waker.unpark();
                });
                self.inputs.push(Input { topic, shard: *shard, queue, waiting, skipped: Cell::new(0) });
            }
        }
        let mut list = TopicPartitionList::new();
        for (topic, shard, offset) in from {
            list.add_partition_offset(&self.topics.name(*topic), *shard, Offset::Offset(*offset))?;
        }
        self.consumer.assign(&list)
    }

    /// Gives everything back.
    pub fn unassign(&mut self) -> Result<(), KafkaError> {
        self.inputs.clear();
        self.consumer.unassign()
    }

    /// The input queues, urgent topics first.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }
}

/// True when a position fell out of the log: a gap that must be said, never skipped.
pub fn lost_offset(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange))
}
