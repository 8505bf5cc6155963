//! The consumer of one lane: group membership, and two queues of its own, so that urgent inputs are taken first.
//!
//! Rebalances are only noted while polling; the lane acts on them between transactions. Offsets are the lane's own.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use smallvec::SmallVec;

use super::asking::{ask, watermarks};
use super::native::{Delivery, LaneQueue, Record, group_events, is_member, known_end};
use super::sampled::Sampled;
use super::topics::{Topic, Topics};
use crate::domain::decision::StageName;
use crate::planted::{self, Bug};

/// Longest wait for metadata and committed offsets, seconds.
const QUERY_SECS_MAX: u64 = 30;

/// Longest that leaving the group may take, seconds; a broker that is away finds out by itself.
const LEAVE_SECS_MAX: u64 = 5;
/// One step of it, milliseconds.
const LEAVE_STEP_MS: u64 = 20;

/// How often the partitions are forwarded to the lane's queues again, milliseconds: see [`LaneQueue::forward`].
const FORWARD_EVERY_MS: u64 = 25;

/// Most records of a run.
pub const RUN_RECORDS_MAX: usize = 32;

/// Of how many records a planted fault drops one.
const DROPPED_EVERY: i64 = 16;

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
#[derive(Default)]
pub struct Served {
    pub note: Option<Rebalanced>,
    /// A record came out of order or a position fell out of the log: positions have to be taken anew.
    pub astray: bool,
    /// Another process has joined under this member's name.
    pub replaced: bool,
}

/// Notes rebalances; assignment itself is left to the lane.
pub struct Notes {
    said: Sampled,
    topics: Topics,
    rebalanced: Mutex<VecDeque<Rebalanced>>,
}

impl ClientContext for Notes {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.said.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.said.error(&error, reason);
    }
}

impl ConsumerContext for Notes {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: Code, partitions: &mut TopicPartitionList) {
        let (note, told) = if code == Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let mut shards: Vec<i32> = partitions
                .elements()
                .iter()
                .filter(|element| self.topics.topic(element.topic()).is_some())
                .map(|element| element.partition())
                .collect();
            shards.sort_unstable();
            shards.dedup();
            // Nothing is read before the state is there. A client that was not told so waits for it, and neither gives the shards
            // back nor leaves meanwhile: the whole group would wait for this member's restore.
            (Rebalanced::Assigned(shards), consumer.assign(&TopicPartitionList::new()))
        } else {
            (Rebalanced::Revoked, consumer.unassign())
        };
        if let Err(error) = told {
            tracing::warn!(%error, ?note, "the client was not told");
        }
        self.rebalanced().push_back(note);
    }
}

impl Notes {
    fn rebalanced(&self) -> MutexGuard<'_, VecDeque<Rebalanced>> {
        self.rebalanced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next thing an input has to say.
pub enum Next<'a> {
    /// Records of one topic and shard, in their order.
    Records(Topic, Run<'a>),
    Error(KafkaError),
}

pub type Run<'a> = SmallVec<[Record<'a>; RUN_RECORDS_MAX]>;

/// The consumer of one lane.
pub struct Inbox {
    consumer: Arc<BaseConsumer<Notes>>,
    topics: Topics,
    stage: StageName,
    urgent: LaneQueue<Notes>,
    others: LaneQueue<Notes>,
    forwarded: Instant,
    /// What was heard and not yet handed over.
    heard: Served,
    /// Which topic is meant by a record's mark, while the assignment lasts.
    marks: Vec<(usize, Topic)>,
    /// Shards whose inputs are not fetched. The client remembers a pause longer than an assignment.
    paused: BTreeSet<i32>,
    /// Shards of which something else than a record came under this assignment: see [`Inbox::pause`].
    interrupted: BTreeSet<i32>,
}

impl Inbox {
    /// A consumer whose records wake `waker`.
    pub fn open(config: &ClientConfig, topics: &Topics, stage: StageName, waker: &Thread) -> Result<Self, KafkaError> {
        let context = Notes { said: Sampled::new("consumer"), topics: topics.clone(), rebalanced: Mutex::default() };
        let consumer: Arc<BaseConsumer<Notes>> = Arc::new(config.create_with_context(context)?);
        let queue = || LaneQueue::open(&consumer, waker.clone());
        let (urgent, others) = (queue()?, queue()?);
        Ok(Self {
            consumer,
            topics: topics.clone(),
            stage,
            urgent,
            others,
            forwarded: Instant::now(),
            heard: Served::default(),
            marks: Vec::new(),
            paused: BTreeSet::new(),
            interrupted: BTreeSet::new(),
        })
    }

    /// Joins the group.
    pub fn subscribe(&self) -> Result<(), KafkaError> {
        let names: Vec<String> = Topic::inputs(self.stage).map(|topic| self.topics.name(topic)).collect();
        self.consumer.subscribe(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Leaves the group, so that others have the shards at once.
    ///
    /// A static member that is closed stays a member until its session is over: it is expected back. The client says that it
    /// leaves when the subscription is given up, and forgets its member id with that.
    pub fn leave(&mut self) {
        self.forget();
        self.consumer.unsubscribe();
        let began = Instant::now();
        while is_member(&self.consumer) && began.elapsed().as_secs() < LEAVE_SECS_MAX {
            // Serves the revocation, which comes first.
            let _ = self.consumer.poll(Duration::from_millis(LEAVE_STEP_MS));
        }
    }

    /// Serves the group; says what it noted since the last call.
    pub fn serve(&mut self) -> Served {
        if self.forwarded.elapsed() >= Duration::from_millis(FORWARD_EVERY_MS) {
            self.forward();
        }
        self.attend();
        self.heard.note = self.consumer.context().rebalanced().pop_front();
        std::mem::take(&mut self.heard)
    }

    /// Serves the group while something else is done; true when [`Inbox::serve`] has something to say that cannot wait.
    pub fn attend(&mut self) -> bool {
        // A poll hands over one event and says nothing of the logs and rebalances it served: what it returns is no sign that
        // the queue is empty, and a rebalance behind a hundred log lines must not wait for a hundred transactions.
        for served in 0..EVENTS_PER_SERVE_MAX {
            if served > 0 && group_events(&self.consumer) == 0 {
                break;
            }
            match self.consumer.poll(Duration::ZERO) {
                None => {}
                // Every partition is forwarded to a queue of the lane; out of this one its order would be lost.
                Some(Ok(message)) => {
                    tracing::warn!(topic = message.topic(), shard = message.partition(), "a record came astray");
                    self.heard.astray = true;
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "consume");
                    self.heard.astray |= lost_offset(&error);
                    self.heard.replaced |=
                        error == KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::FencedInstanceId);
                }
            }
        }
        self.heard.replaced || !self.consumer.context().rebalanced().is_empty()
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
        let wait = Duration::from_secs(QUERY_SECS_MAX);
        watermarks(&self.consumer, &self.topics.name(topic), shard, wait)
    }

    /// The end of an assigned input as the last answer of its broker told it; asks nobody.
    pub fn known_end(&self, topic: Topic, shard: i32) -> Option<i64> {
        known_end(&self.consumer, &self.topics.name(topic), shard)
    }

    /// Begins to read the shards from these offsets.
    pub fn assign(&mut self, from: &[(Topic, i32, i64)]) -> Result<(), KafkaError> {
        self.forget();
        let mut list = TopicPartitionList::new();
        for (topic, shard, offset) in from {
            let name = self.topics.name(*topic);
            let queue = if topic.layout().first { &mut self.urgent } else { &mut self.others };
            queue.attach(&name, *shard)?;
            list.add_partition_offset(&name, *shard, Offset::Offset(*offset))?;
        }
        self.forwarded = Instant::now();
        self.consumer.assign(&list)
    }

    /// Stops or goes on to fetch the inputs of a shard, until positions are set anew; what was fetched before a stop may still
    /// come.
    ///
    /// The client counts an error that it hands over as a record taken: what goes on after a pause would begin behind the record
    /// whose fetch failed. A shard of which an error came goes on being fetched until then.
    pub fn pause(&mut self, shard: i32, stop: bool) -> Result<(), KafkaError> {
        if stop && self.is_interrupted(shard) {
            return Ok(());
        }
        let changed = if stop { self.paused.insert(shard) } else { self.paused.remove(&shard) };
        if !changed {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        for topic in Topic::inputs(self.stage) {
            list.add_partition(&self.topics.name(topic), shard);
        }
        if stop { self.consumer.pause(&list) } else { self.consumer.resume(&list) }
    }

    fn is_interrupted(&self, shard: i32) -> bool {
        let ahead = |queue: &LaneQueue<Notes>| queue.holds_an_error_of(shard);
        self.interrupted.contains(&shard) || ahead(&self.urgent) || ahead(&self.others)
    }

    fn forward(&mut self) {
        self.urgent.forward();
        self.others.forward();
        self.forwarded = Instant::now();
    }

    /// Gives everything back.
    pub fn unassign(&mut self) -> Result<(), KafkaError> {
        self.forget();
        self.consumer.unassign()
    }

    /// What was handed over under the last assignment is read again, or by somebody else; so is what came astray.
    ///
    /// What is paused goes on *before* positions are set: right after, the client might take the one for outdated by the other,
    /// and a partition would not start, or not go on.
    fn forget(&mut self) {
        while let Some(shard) = self.paused.first().copied() {
            self.pause(shard, false).unwrap_or_else(|error| tracing::warn!(%error, "resume"));
        }
        self.heard.astray = false;
        self.interrupted.clear();
        self.urgent.clear();
        self.others.clear();
        self.marks.clear();
    }

    /// Asks for a batch of records, when all of the last one are taken, which the next calls of [`Inbox::next`] give; true when
    /// something waits.
    pub fn fetch(&mut self, urgent: bool) -> bool {
        if urgent { &mut self.urgent } else { &mut self.others }.fetch()
    }

    /// The next records of the urgent inputs, or of the others, if some are waiting; at most so many.
    pub fn next(&mut self, urgent: bool, most: usize) -> Option<Next<'_>> {
        let queue = if urgent { &mut self.urgent } else { &mut self.others };
        if planted::is(Bug::RecordDropped)
            && matches!(queue.peek(), Some(Delivery::Record(record)) if record.offset() % DROPPED_EVERY == 1)
        {
            queue.skip();
        }
        let (partition, error) = match queue.peek()? {
            Delivery::Record(record) => match topic_of(&mut self.marks, &self.topics, &record) {
                Some(topic) => return Some(Next::Records(topic, queue.run(most.min(RUN_RECORDS_MAX)).collect())),
                None => (record.partition(), KafkaError::Subscription(format!("a record of {} came", record.topic()))),
            },
            Delivery::Error { partition, error } => (partition, error),
            Delivery::End { partition, .. } => (partition, KafkaError::PartitionEOF(partition)),
        };
        queue.skip();
        self.interrupted.insert(partition);
        Some(Next::Error(error))
    }

    /// The last so many records of what came last come again.
    pub fn put_back(&mut self, urgent: bool, records: usize) {
        if urgent { &mut self.urgent } else { &mut self.others }.put_back(records);
    }
}

fn topic_of(marks: &mut Vec<(usize, Topic)>, topics: &Topics, record: &Record<'_>) -> Option<Topic> {
    let mark = record.topic_mark();
    if let Some((_, topic)) = marks.iter().find(|(known, _)| *known == mark) {
        return Some(*topic);
    }
    let topic = topics.topic(record.topic())?;
    marks.push((mark, topic));
    Some(topic)
}

/// True when a position fell out of the log, or when the client goes on behind records that it cannot read: a gap that must be
/// said, never skipped.
pub fn lost_offset(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AutoOffsetReset, BadMessage, NotImplemented, OffsetOutOfRange};
    matches!(error.rdkafka_error_code(), Some(AutoOffsetReset | OffsetOutOfRange | BadMessage | NotImplemented))
}
