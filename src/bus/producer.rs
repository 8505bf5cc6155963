//! The transactional producer of one lane.
//!
//! The transaction is open for the write burst only: everything is encoded before `begin`. What happened after an unknown
//! outcome is never guessed: the caller re-creates the producer and reads the committed offsets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::errors::{Action, Call, Fault, Refused, verdict};
use super::native::TopicHandles;
use super::sampled::Sampled;
use super::vitals::Vitals;
use super::{Outbox, Topics};
use crate::bus::topics::Topic;
use crate::domain::decision::StageName;
use crate::domain::words::Word;
use crate::planted::{self, Bug};

/// Longest wait for the transaction coordinator altogether, and in one call, seconds.
const INIT_SECS_MAX: u64 = 600;
const INIT_STEP_SECS: u64 = 5;
/// Longest that a transaction may be open when the settings do not say, milliseconds.
const TRANSACTION_MS: u64 = 60_000;
/// Longest for an abort altogether, seconds; then the producer is made anew, which aborts too.
const ABORT_SECS_MAX: u64 = 60;
/// One step of it, milliseconds.
const ABORT_STEP_MS: u64 = 20;
/// Events of the client that are served after a transaction, so that a lost connection is known.
const EVENTS_PER_END_MAX: u32 = 16;
/// How long to wait between two looks for acknowledgements, microseconds. `flush` waits in steps of 100 ms, and a poll that is
/// told to wait spins through its last millisecond.
const DRAIN_PAUSE_MICROS: u64 = 300;

/// Only errors are reported: a transaction fails as a whole.
#[derive(Debug)]
pub struct Quiet {
    said: Sampled,
    /// Times that a broker went away.
    lost: AtomicU64,
}

impl Default for Quiet {
    fn default() -> Self {
        Self { said: Sampled::new("producer"), lost: AtomicU64::new(0) }
    }
}

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.said.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        self.said.error(&error, reason);
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
    Aborted {
        call: Call,
        error: KafkaError,
    },
    /// The outcome is unknown and this producer is not usable any more.
    Unknown {
        error: KafkaError,
        /// Somebody, or the coordinator, has taken the transactional id from it.
        fenced: bool,
    },
    /// Nothing was committed, and trying again changes nothing.
    Hopeless(Refused),
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
    /// With the transactional id in it.
    config: ClientConfig,
    stage: StageName,
    names: Vec<String>,
    producer: Arc<BaseProducer<Quiet>>,
    topics: TopicHandles<Quiet>,
    vitals: Vitals,
    /// The process ends: nobody waits for a coordinator that is away.
    stop: Arc<AtomicBool>,
    /// See [`Transactions::spend`]: made anew before the next transaction.
    spent: bool,
    /// How long a transaction may be open, and so how long its end is waited for: given no bound, the client asks for the
    /// end again for ever, and what it asks for may hit the next transaction.
    open_within: Duration,
}

impl Transactions {
    /// Creates the producer of a lane of that stage and fences every older one with the same id, which the settings name.
    pub fn open(
        config: ClientConfig,
        stage: StageName,
        topics: &Topics,
        vitals: Vitals,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, Refused> {
        let timeout_ms = config.get("transaction.timeout.ms").and_then(|ms| ms.parse().ok()).unwrap_or(TRANSACTION_MS);
        let names: Vec<String> = Topic::ALL.iter().map(|topic| topics.name(*topic)).collect();
        let refused = |error: KafkaError| {
            let fault = Fault::of(&error, None);
            Refused::new(Call::Init, error, fault)
        };
        let (producer, topics) = create(&config, stage, &names).map_err(refused)?;
        let open_within = Duration::from_millis(timeout_ms);
        let this = Self { config, stage, names, producer, topics, vitals, stop, spent: false, open_within };
        this.init().map_err(refused)?;
        this.vitals.left();
        Ok(this)
    }

    fn init(&self) -> Result<(), KafkaError> {
        self.retry(Call::Init, Duration::from_secs(INIT_SECS_MAX), || {
            let ended = self.producer.init_transactions(Duration::from_secs(INIT_STEP_SECS));
            ended.inspect_err(|error| tracing::warn!(%error, "initialising transactions"))
        })
    }

    /// A new producer of the same id; the old one is fenced by it.
    fn renew(&mut self) -> Result<(), KafkaError> {
        (self.producer, self.topics) = create(&self.config, self.stage, &self.names)?;
        self.init()?;
        self.spent = false;
        Ok(())
    }

    /// Writes the outbox and the offsets in one transaction.
    pub fn write(&mut self, outbox: &Outbox, offsets: &Offsets<'_>) -> (Ended, Phases) {
        let mut phases = Phases::default();
        if self.spent
            && let Err(error) = self.renew()
        {
            return (self.failed(Call::Init, error), phases);
        }
        let lost = self.lost();
        let ended = match self.attempt(outbox, offsets, &mut phases) {
            Ok(()) => Ended::Committed,
            Err((call, error)) => self.failed(call, error),
        };
        self.spend(&ended, lost);
        self.vitals.left();
        (ended, phases)
    }

    /// Decides whether this producer may begin another transaction.
    ///
    /// Not after a lost connection: the client has asked for the end a second time by itself, and the first request may still
    /// be under way and end the *next* transaction; a new epoch fences it. And not after a failed delivery: its sequence
    /// numbers are used up here and missing at the broker, which refuses what comes after them.
    fn spend(&mut self, ended: &Ended, lost: u64) {
        for _ in 0..EVENTS_PER_END_MAX {
            self.producer.poll(Duration::ZERO);
        }
        let undelivered = match ended {
            Ended::Aborted { call: Call::Produce | Call::Commit, .. } => true,
            // The group refuses offsets without a word about deliveries; everything else that ends this call may be one.
            Ended::Aborted { call: Call::SendOffsets, error } => !Fault::of(error, None).is_group_fence(),
            _ => false,
        };
        self.spent |= undelivered || self.lost() != lost;
    }

    fn lost(&self) -> u64 {
        self.producer.context().lost.load(Ordering::Relaxed)
    }

    fn attempt(
        &mut self,
        outbox: &Outbox,
        offsets: &Offsets<'_>,
        phases: &mut Phases,
    ) -> Result<(), (Call, KafkaError)> {
        let began = Instant::now();
        self.vitals.enter(Call::Begin);
        self.producer.begin_transaction().map_err(|error| (Call::Begin, error))?;
        self.vitals.enter(Call::Produce);
        self.produce(outbox).map_err(|error| (Call::Produce, error))?;
        phases.produce = began.elapsed();
        let send = || match planted::is(Bug::CommitWithoutOffsets) {
            true => Ok(()),
            false => self.producer.send_offsets_to_transaction(offsets.next, offsets.group, self.open_within),
        };
        // Of a transaction that has failed in the background it says only "wrong state"; asked again, it gives the reason.
        let sent = match self.retry(Call::SendOffsets, self.open_within, send) {
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::State) => send(),
            sent => sent,
        };
        sent.map_err(|error| (Call::SendOffsets, error))?;
        phases.offsets = began.elapsed() - phases.produce;
        self.vitals.enter(Call::Commit);
        // What is left unacknowledged after that, `commit_transaction` waits for itself.
        drain(&*self.producer, self.open_within);
        phases.acknowledge = began.elapsed() - phases.produce - phases.offsets;
        self.producer.commit_transaction(self.open_within).map_err(|error| (Call::Commit, error))?;
        phases.commit = began.elapsed() - phases.produce - phases.offsets - phases.acknowledge;
        Ok(())
    }

    /// Hands the records over, run by run: records of one partition that follow each other.
    fn produce(&mut self, outbox: &Outbox) -> Result<(), KafkaError> {
        let mut next = 0;
        while let Some(first) = outbox.since(next).next() {
            let (topic, partition) = (first.topic, first.partition);
            let run = outbox.since(next).take_while(|record| record.topic == topic && record.partition == partition);
            let taken = self.topics.produce((topic.ordinal(), &self.names[topic.ordinal()]), partition, run)?;
            if taken == 0 {
                look(&self.producer);
            }
            self.vitals.moved();
            next += taken;
        }
        Ok(())
    }

    /// Makes a call again while the table says so, at most that long altogether; at the beginning of a producer, nothing being open, also
    /// no longer than the process is meant to run.
    fn retry(
        &self,
        call: Call,
        most: Duration,
        mut run: impl FnMut() -> Result<(), KafkaError>,
    ) -> Result<(), KafkaError> {
        let began = Instant::now();
        loop {
            self.vitals.enter(call);
            match run() {
                Err(error) if call == Call::Init && self.stop.load(Ordering::Relaxed) => return Err(error),
                Err(error) if self.verdict(call, &error) == Action::Retry && began.elapsed() < most => {
                    look(&self.producer);
                }
                ended => return ended,
            }
        }
    }

    /// An error that says only "fatal" has its reason in the client's state.
    fn fault(&self, error: &KafkaError) -> Fault {
        Fault::of(error, self.producer.client().fatal_error().map(|(code, _)| code))
    }

    fn verdict(&self, call: Call, error: &KafkaError) -> Action {
        verdict(call, self.fault(error)).action
    }

    fn failed(&self, call: Call, error: KafkaError) -> Ended {
        let fault = self.fault(&error);
        let action = verdict(call, fault).action;
        let unknown = |error: KafkaError| {
            let fenced = self.fault(&error).is_fence();
            Ended::Unknown { error, fenced }
        };
        tracing::warn!(%error, %call, code = ?fault.code, kind = %fault.kind, %action, "transaction failed");
        match action {
            // What could be called again and still failed has an outcome that nobody knows.
            Action::Recreate | Action::Retry => unknown(error),
            Action::Abort => match self.abort() {
                Ok(()) => Ended::Aborted { call, error },
                Err(second) => unknown(second),
            },
            Action::Exit => {
                // An open transaction would hold up every reader until it times out.
                let _ = self.abort().inspect_err(|second| tracing::debug!(error = %second, "abort before leaving"));
                Ended::Hopeless(Refused::new(call, error, fault))
            }
        }
    }

    /// Aborts in short steps. An abort waits until no delivery is outstanding, and the failed ones are only taken off its
    /// hands by polling, which is this thread's work: in one long call it would wait for itself.
    fn abort(&self) -> Result<(), KafkaError> {
        self.retry(Call::Abort, Duration::from_secs(ABORT_SECS_MAX), || {
            self.producer.abort_transaction(Duration::from_millis(ABORT_STEP_MS))
        })
    }
}

type Handles = (Arc<BaseProducer<Quiet>>, TopicHandles<Quiet>);

fn create(config: &ClientConfig, stage: StageName, names: &[String]) -> Result<Handles, KafkaError> {
    let producer: Arc<BaseProducer<Quiet>> = Arc::new(config.create_with_context(Quiet::default())?);
    let mut topics = TopicHandles::new(&producer);
    // A topic that is first heard of within a transaction makes it wait for metadata; one that is hardly ever written to costs
    // with each turn of the client's thread, which looks at every partition of every topic that it knows.
    for topic in Topic::outputs(stage) {
        topics.open(topic.ordinal(), &names[topic.ordinal()])?;
    }
    Ok((producer, topics))
}
