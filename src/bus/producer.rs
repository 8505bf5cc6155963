//! The transactional producer of one lane.
//!
//! The transaction is open for the write burst only: everything is encoded before `begin`. What happened after an unknown
//! outcome is never guessed: the caller re-creates the producer and reads the committed offsets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::util::Timeout;

use super::errors::{Action, Call, action};
use super::native::TopicHandles;
use super::{Outbox, Topics};
use crate::bus::topics::Topic;
use crate::domain::words::Word;

/// Longest wait for the transaction coordinator, seconds.
const INIT_SECS_MAX: u64 = 30;
/// Longest for an abort altogether, seconds; then the producer is made anew, which aborts too.
const ABORT_SECS_MAX: u64 = 60;
/// One step of it, milliseconds.
const ABORT_STEP_MS: u64 = 20;
/// Calls that are tried again before they count as failed.
const RETRIES_MAX: u32 = 20;
/// How long to wait between two looks for acknowledgements, microseconds. `flush` waits in steps of 100 ms, and a poll that is
/// told to wait spins through its last millisecond.
const DRAIN_PAUSE_MICROS: u64 = 300;

/// Only errors are reported: a transaction fails as a whole.
#[derive(Clone, Debug, Default)]
pub struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka producer");
    }
}

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();
    fn delivery(&self, _: &rdkafka::message::DeliveryResult<'_>, _: ()) {}
}

/// Waits in short steps until everything was acknowledged; false when the time was over first.
pub fn drain<C: ProducerContext>(producer: &BaseProducer<C>, most: Duration) -> bool {
    let began = Instant::now();
    while producer.in_flight_count() > 0 {
        if began.elapsed() > most {
            return false;
        }
        look(producer);
    }
    true
}

/// Serves what the client has to say, and waits a moment.
fn look<C: ProducerContext>(producer: &BaseProducer<C>) {
    producer.poll(Duration::ZERO);
    std::thread::park_timeout(Duration::from_micros(DRAIN_PAUSE_MICROS));
}

/// How a transaction ended.
#[derive(Debug)]
pub enum Ended {
    Committed,
    /// Aborted for certain: undo the batch, put the consumer back.
    Aborted(KafkaError),
    /// The outcome is unknown and this producer is not usable any more.
    Unknown(KafkaError),
}

/// What is asked for in a transaction beside the records.
pub struct Offsets<'a> {
    /// Next offsets of what was read; at least one entry, or the group would fence nothing.
    pub next: &'a TopicPartitionList,
    /// Captured when the batch began.
    pub group: &'a ConsumerGroupMetadata,
}

/// How long the parts of a transaction took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Phases {
    /// Begin, and handing all records to the client.
    pub produce: Duration,
    /// Until the last record was acknowledged.
    pub acknowledge: Duration,
    pub offsets: Duration,
    pub commit: Duration,
}

/// A transactional producer with its topics at hand.
pub struct Transactions {
    producer: Arc<BaseProducer<Quiet>>,
    topics: TopicHandles<Quiet>,
}

impl Transactions {
    /// Creates the producer and fences every older one with the same id.
    pub fn open(config: &ClientConfig, transactional_id: &str, topics: &Topics) -> Result<Self, KafkaError> {
        let mut config = config.clone();
        config.set("transactional.id", transactional_id);
        let producer: Arc<BaseProducer<Quiet>> = Arc::new(config.create_with_context(Quiet)?);
        let mut tries = 0;
        while let Err(error) = producer.init_transactions(Duration::from_secs(INIT_SECS_MAX)) {
            tries += 1;
            if action(Call::Init, &error) != Action::Retry || tries > RETRIES_MAX {
                return Err(error);
            }
            tracing::warn!(%error, transactional_id, "waiting for the transaction coordinator");
        }
        let names: Vec<String> = Topic::ALL.iter().map(|topic| topics.name(*topic)).collect();
        Ok(Self { topics: TopicHandles::open(&producer, &names)?, producer })
    }

    /// Writes the outbox and the offsets in one transaction.
    pub fn write(&mut self, outbox: &Outbox, offsets: &Offsets<'_>) -> (Ended, Phases) {
        let (began, mut phases) = (Instant::now(), Phases::default());
        if let Err(error) = self.producer.begin_transaction() {
            return (self.failed(Call::Begin, error), phases);
        }
        if let Err(error) = self.produce(outbox) {
            return (self.failed(Call::Produce, error), phases);
        }
        phases.produce = began.elapsed();
        if let Err(error) = self.retry(Call::SendOffsets, || {
            self.producer.send_offsets_to_transaction(offsets.next, offsets.group, Duration::from_secs(INIT_SECS_MAX))
        }) {
            return (self.failed(Call::SendOffsets, error), phases);
        }
        phases.offsets = began.elapsed() - phases.produce;
        // What is left unacknowledged after that, `commit_transaction` waits for itself.
        drain(&*self.producer, Duration::from_secs(INIT_SECS_MAX));
        phases.acknowledge = began.elapsed() - phases.produce - phases.offsets;
        let ended = match self.retry(Call::Commit, || self.producer.commit_transaction(Timeout::Never)) {
            Ok(()) => Ended::Committed,
            Err(error) => self.failed(Call::Commit, error),
        };
        phases.commit = began.elapsed() - phases.produce - phases.offsets - phases.acknowledge;
        (ended, phases)
    }

    /// Hands the records over, run by run: records of one partition that follow each other.
    fn produce(&mut self, outbox: &Outbox) -> Result<(), KafkaError> {
        let mut next = 0;
        while let Some(first) = outbox.get(next) {
            let (topic, partition) = (first.topic, first.partition);
            let run = outbox.since(next).take_while(|record| record.topic == topic && record.partition == partition);
            let taken = self.topics.produce(topic.ordinal(), partition, run)?;
            if taken == 0 {
                look(&self.producer);
            }
            next += taken;
        }
        Ok(())
    }

    fn retry(&self, call: Call, mut run: impl FnMut() -> Result<(), KafkaError>) -> Result<(), KafkaError> {
        let mut tries = 0;
        loop {
            match run() {
                Err(error) if action(call, &error) == Action::Retry && tries < RETRIES_MAX => tries += 1,
                ended => return ended,
            }
        }
    }

    fn failed(&self, call: Call, error: KafkaError) -> Ended {
        tracing::warn!(%error, ?call, "transaction failed");
        if action(call, &error) != Action::Abort {
            return Ended::Unknown(error);
        }
        match self.abort() {
            Ok(()) => Ended::Aborted(error),
            Err(second) => Ended::Unknown(second),
        }
    }

    /// Aborts in short steps. An abort waits until no delivery is outstanding, and the failed ones are only taken off its
    /// hands by polling, which is this thread's work: in one long call it would wait for itself.
    fn abort(&self) -> Result<(), KafkaError> {
        let began = Instant::now();
        loop {
            match self.producer.abort_transaction(Duration::from_millis(ABORT_STEP_MS)) {
                Err(error)
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut)
                        && began.elapsed().as_secs() < ABORT_SECS_MAX =>
                {
                    look(&self.producer);
                }
                ended => return ended,
            }
        }
    }
}
