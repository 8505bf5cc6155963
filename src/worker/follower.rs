//! Following the policy log: read whole before the first lane starts, then on and on beside them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;

use super::policies::Policies;
use super::reading::Reading;
use crate::bus::Topic;
use crate::bus::policy_log::{Place, PolicyLog};
use crate::bus::registry::Registry;
use crate::config::{ClockKind, Config};
use crate::domain::PolicyRecord;
use crate::policy::PolicySet;
use crate::telemetry::events;
use crate::wire::{Schema, SchemaIds, decode_body};

/// One wait for a record, milliseconds: what is published is known after that at the latest.
const POLL_MS: u64 = 100;
/// Between two looks for the log's end, milliseconds.
const END_EVERY_MS: u64 = 1_000;
/// Longest without a record until the end of the log is reached at the start, seconds, on top of the wait for an unknown schema id.
const START_SECS_MAX: u64 = 60;
/// Longest wait of a command for the schema that a record was written with, seconds; then it counts as unreadable.
const SCHEMA_SECS_MAX: u64 = 30;
/// How long the log may end before what was read of it, seconds: a new leader learns its end within.
const SHORT_SECS_MAX: u64 = 30;
/// Least time that the log may be silent, milliseconds: a look takes its time too. `policy.lead_secs` is not below it.
const SILENCE_MS_MIN: u64 = 5_000;

#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error("the policy log {topic}: {error}; is the broker up, and does the topic exist (`reflow topics apply`)?")]
    Kafka { topic: String, error: KafkaError },
    #[error(
        "the policy log {topic} was not read to its end: at offset {next} nothing went on for {secs} s; is the broker up, and the \
         schema registry?"
    )]
    Slow { topic: String, next: i64, secs: u64 },
    #[error(
        "the policy log {topic} begins at offset {low}, and offset {next} was to be read: records of it were deleted, so nobody \
         can say which policies are in force. Put the topic back, or make state and log anew (docs/operations.md); it is kept \
         for ever (`reflow topics check`)"
    )]
    Beheaded { topic: String, next: i64, low: i64 },
    #[error(
        "the policy log {topic} ends at offset {end}, and was read up to {next}: it was made anew or has lost its end. Put it \
         back, or make state and log anew (docs/operations.md)"
    )]
    Shortened { topic: String, next: i64, end: i64 },
    #[error("a thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
    #[error("the thread that follows the policy log panicked")]
    Panicked,
}

impl FollowError {
    /// True when starting again changes nothing.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Beheaded { .. } | Self::Shortened { .. })
    }
}

/// Turns records of the log into policies.
pub struct PolicyReader {
    ids: Arc<SchemaIds>,
    reading: Reading,
}

impl PolicyReader {
    pub fn new(ids: Arc<SchemaIds>, registry: Option<Arc<Registry>>) -> Self {
        Self { ids, reading: Reading::new(registry) }
    }

    /// True while the registry is being asked for the schema that the record was written with.
    fn must_wait(&mut self, value: Option<&[u8]>) -> bool {
        value.is_some_and(|value| self.reading.must_wait(Schema::Policy, value, &self.ids))
    }

    /// What is known with this record too. One that cannot be read is rejected, were it that somebody else's parser panics at
    /// it: every worker would end by it, and again when it is started.
    pub fn with(&mut self, set: &PolicySet, offset: i64, value: Option<&[u8]>) -> (PolicySet, Option<PolicyRecord>) {
        let record = self.read(value);
        let readable = record.as_ref().ok().cloned();
        let known = catch_unwind(AssertUnwindSafe(|| set.with(offset, record)));
        let known = known.unwrap_or_else(|_| set.with(offset, Err("reading it panicked".to_owned())));
        (known, readable)
    }

    /// The same for a command: it waits for the schema.
    pub fn waits_with(
        &mut self,
        set: &PolicySet,
        offset: i64,
        value: Option<&[u8]>,
    ) -> (PolicySet, Option<PolicyRecord>) {
        let began = Instant::now();
        while self.must_wait(value) && began.elapsed() < Duration::from_secs(SCHEMA_SECS_MAX) {
            std::thread::park_timeout(Duration::from_millis(POLL_MS));
        }
        self.with(set, offset, value)
    }

    /// The record, or why it is none.
    fn read(&mut self, value: Option<&[u8]>) -> Result<PolicyRecord, String> {
        let value = value.ok_or("a tombstone; a published policy stays for the audit, publish another one")?;
        let mut buffer = Vec::new();
        let body = self.reading.body(Schema::Policy, value, &self.ids, &mut buffer);
        body.and_then(|body| decode_body(Schema::Policy, body)).map_err(|error| error.to_string())
    }
}

/// A thread that follows the log; dropping it ends the thread.
pub struct Follower {
    policies: Arc<Policies>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), FollowError>>>,
}

struct Following {
    topic: String,
    log: PolicyLog,
    reader: PolicyReader,
    policies: Arc<Policies>,
    /// A record whose schema the registry is being asked for.
    held: Option<(i64, Option<Vec<u8>>)>,
    /// Since when the log ends before what was read of it.
    short_since: Option<Instant>,
    silent: bool,
}

impl Follower {
    /// Reads the log to its end, and goes on from there on a thread of its own.
    pub fn start(config: &Config, ids: Arc<SchemaIds>, registry: Option<Arc<Registry>>) -> Result<Self, FollowError> {
        let topic = config.topics().name(Topic::Policies);
        let log = PolicyLog::open(&config.reader(), &topic)
            .map_err(|error| FollowError::Kafka { topic: topic.clone(), error })?;
        let policies = Arc::new(Policies::of_log(PolicySet::of_log(), silence_max(config)));
        let reader = PolicyReader::new(ids, registry);
        let mut following =
            Following { topic, log, reader, policies: policies.clone(), held: None, short_since: None, silent: false };
        following.read_to_the_end(Duration::from_secs(START_SECS_MAX) + config.registry.unknown_id_wait())?;
        let set = policies.current();
        let newest = set.newest().map_or("", |policy| policy.version.as_str());
        events::policies_known(set.digest(), set.versions().count(), newest, set.next().unwrap_or(0));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("policies".to_owned()).spawn(move || following.run(&stopped))?;
        Ok(Self { policies, stop, thread: Some(thread) })
    }

    pub fn policies(&self) -> Arc<Policies> {
        self.policies.clone()
    }

    /// True when the log is not followed any more: the process has to end.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends the thread; why it ended by itself, if it did.
    pub fn end(mut self) -> Result<(), FollowError> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap_or(Err(FollowError::Panicked)))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic there was said by the panic hook; the lanes have met the silence
        }
    }
}

impl Following {
    fn read_to_the_end(&mut self, most: Duration) -> Result<(), FollowError> {
        let mut heard = Instant::now();
        while !self.look()? {
            if self.drain().map_err(|error| self.kafka(error))? > 0 {
                heard = Instant::now();
            }
            if heard.elapsed() > most {
                let next = self.policies.current().next().unwrap_or(0);
                return Err(FollowError::Slow { topic: self.topic.clone(), next, secs: most.as_secs() });
            }
        }
        Ok(())
    }

    fn kafka(&self, error: KafkaError) -> FollowError {
        FollowError::Kafka { topic: self.topic.clone(), error }
    }

    /// Reads what is there, as far as its schemas are known; how many records.
    fn drain(&mut self) -> Result<u64, KafkaError> {
        let mut records = 0;
        while let Some((offset, value)) = self.next()? {
            if self.reader.must_wait(value.as_deref()) {
                self.held = Some((offset, value));
                std::thread::park_timeout(Duration::from_millis(POLL_MS));
                break;
            }
            let (set, _) = self.reader.with(&self.policies.current(), offset, value.as_deref());
            match set.rejected_since(offset).next() {
                Some(rejected) => events::policy_rejected(offset, &rejected.version, &rejected.detail),
                None => events::policy_read(offset, set.digest(), set.versions().count()),
            }
            self.policies.replace(set);
            records += 1;
        }
        Ok(records)
    }

    fn next(&mut self) -> Result<Option<(i64, Option<Vec<u8>>)>, KafkaError> {
        match self.held.take() {
            None => self.log.next(Duration::from_millis(POLL_MS)),
            held => Ok(held),
        }
    }

    /// True when everything is read; then that is noted.
    fn look(&mut self) -> Result<bool, FollowError> {
        let asked = Instant::now();
        let place = self.log.place().map_err(|error| self.kafka(error))?;
        let short_since = self.short_since.take();
        match place {
            Place::AtEnd if self.held.is_none() => {
                self.policies.seen(asked);
                Ok(true)
            }
            Place::AtEnd | Place::Reading => Ok(false),
            Place::Beheaded { next, low } => Err(FollowError::Beheaded { topic: self.topic.clone(), next, low }),
            Place::Shortened { next, end } => {
                let since = *self.short_since.insert(short_since.unwrap_or(asked));
                match since.elapsed() > Duration::from_secs(SHORT_SECS_MAX) {
                    true => Err(FollowError::Shortened { topic: self.topic.clone(), next, end }),
                    false => Ok(false),
                }
            }
        }
    }

    /// Until it is told to stop, or what it follows is no log any more that one could follow.
    fn run(mut self, stop: &AtomicBool) -> Result<(), FollowError> {
        let mut looked = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            let mut went = self.drain().map(drop).map_err(|error| self.kafka(error));
            if looked.elapsed() >= Duration::from_millis(END_EVERY_MS) {
                let seen = self.look().map(drop);
                if seen.as_ref().is_err_and(FollowError::is_final) {
                    return seen;
                }
                went = went.and(seen);
                looked = Instant::now();
            }
            let silent = self.policies.is_silent();
            if silent != self.silent {
                self.silent = silent;
                let reason = went.as_ref().err().map(ToString::to_string).unwrap_or_default();
                events::policy_log_silent(silent, &reason);
            }
            if let Err(error) = went {
                tracing::debug!(%error, "policy log");
                std::thread::park_timeout(Duration::from_millis(END_EVERY_MS));
            }
        }
        Ok(())
    }
}

/// How long the log may be silent: as long as a policy is published ahead of its time, by the clock of the machine.
fn silence_max(config: &Config) -> Duration {
    let speed = if config.clock.kind == ClockKind::Scaled { u64::from(config.clock.scale).max(1) } else { 1 };
    let lead_ms = u64::try_from(config.policy.lead_secs).unwrap_or(0).saturating_mul(1_000);
    Duration::from_millis((lead_ms / speed).max(SILENCE_MS_MIN))
}
