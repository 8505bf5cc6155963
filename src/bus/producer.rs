//! The transactional producer of one lane.
//!
//! The transaction is open for the write burst only: everything is encoded before `begin`. What happened after an unknown
//! outcome is never guessed: the caller re-creates the producer and reads the committed offsets.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::util::Timeout;

use super::errors::{Action, Call, action};
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
/// How long one poll waits for acknowledgements, microseconds. `flush` alone waits in steps of 100 ms.
const DRAIN_POLL_MICROS: u64 = 200;

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
        producer.poll(Duration::from_micros(DRAIN_POLL_MICROS));
    }
    true
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

/// A transactional producer with its topic names at hand.
pub struct Transactions {
    producer: BaseProducer<Quiet>,
    names: Vec<String>,
}

impl Transactions {
    /// Creates the producer and fences every older one with the same id.
    pub fn open(config: &ClientConfig, transactional_id: &str, topics: &Topics) -> Result<Self, KafkaError> {
        let mut config = config.clone();
        config.set("transactional.id", transactional_id);
        let producer: BaseProducer<Quiet> = config.create_with_context(Quiet)?;
        let mut tries = 0;
        while let Err(error) = producer.init_transactions(Duration::from_secs(INIT_SECS_MAX)) {
            tries += 1;
            if action(Call::Init, &error) != Action::Retry || tries > RETRIES_MAX {
                return Err(error);
            }
            tracing::warn!(%error, transactional_id, "waiting for the transaction coordinator");
        }
        let names = Topic::ALL.iter().map(|topic| topics.name(*topic)).collect();
        Ok(Self { producer, names })
    }

    /// Writes the outbox and the offsets in one transaction.
    pub fn write(&self, outbox: &Outbox, offsets: &Offsets<'_>) -> Ended {
        if let Err(error) = self.producer.begin_transaction() {
            return self.failed(Call::Begin, error);
        }
        if let Err(error) = self.produce(outbox) {
            return self.failed(Call::Produce, error);
        }
        if let Err(error) = self.retry(Call::SendOffsets, || {
            self.producer.send_offsets_to_transaction(offsets.next, offsets.group, Duration::from_secs(INIT_SECS_MAX))
        }) {
            return self.failed(Call::SendOffsets, error);
        }
        // What is left unacknowledged after that, `commit_transaction` waits for itself.
        drain(&self.producer, Duration::from_secs(INIT_SECS_MAX));
        match self.retry(Call::Commit, || self.producer.commit_transaction(Timeout::Never)) {
            Ok(()) => Ended::Committed,
            Err(error) => self.failed(Call::Commit, error),
        }
    }

    fn produce(&self, outbox: &Outbox) -> Result<(), KafkaError> {
        for record in outbox.iter() {
            let mut pending =
                BaseRecord::to(&self.names[record.topic.ordinal()]).partition(record.partition).key(record.key);
            pending.payload = record.value;
            loop {
                match self.producer.send(pending) {
                    Ok(()) => break,
                    Err((error, back)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                        self.producer.poll(Duration::from_micros(DRAIN_POLL_MICROS));
                        pending = back;
                    }
                    Err((error, _)) => return Err(error),
                }
            }
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
                    self.producer.poll(Duration::from_micros(DRAIN_POLL_MICROS));
                }
                ended => return ended,
            }
        }
    }
}
