//! Following the policy log: read whole before the first lane starts, then on and on beside them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;

use super::policies::Policies;
use super::reading::Reading;
use crate::bus::Topic;
use crate::bus::policy_log::PolicyLog;
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
/// Longest without a record until the end of the log is reached at the start, seconds.
const START_SECS_MAX: u64 = 60;
/// Longest wait for the schema that a record was written with, seconds; then it counts as unreadable.
const SCHEMA_SECS_MAX: u64 = 30;
/// Least time that the log may be silent, milliseconds: a look takes its time too. `policy.lead_secs` is not below it.
const SILENCE_MS_MIN: u64 = 5_000;

#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error("the policy log {topic}: {error}; is the broker up, and does the topic exist (`reflow topics apply`)?")]
    Kafka { topic: String, error: KafkaError },
    #[error(
        "the policy log {topic} was not read to its end, and nothing came for {START_SECS_MAX} s; is the broker up?"
    )]
    Slow { topic: String },
    #[error("a thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
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

    /// The record, or why it is none.
    pub fn read(&mut self, value: Option<&[u8]>) -> Result<PolicyRecord, String> {
        let value = value.ok_or("a tombstone; a published policy stays for the audit, publish another one")?;
        let began = Instant::now();
        while self.reading.must_wait(Schema::Policy, value, &self.ids)
            && began.elapsed() < Duration::from_secs(SCHEMA_SECS_MAX)
        {
            std::thread::park_timeout(Duration::from_millis(POLL_MS));
        }
        let mut buffer = Vec::new();
        let body = self.reading.body(Schema::Policy, value, &self.ids, &mut buffer);
        body.and_then(|body| decode_body(Schema::Policy, body)).map_err(|error| error.to_string())
    }
}

/// A thread that follows the log; dropping it ends the thread.
pub struct Follower {
    policies: Arc<Policies>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Following {
    log: PolicyLog,
    reader: PolicyReader,
    policies: Arc<Policies>,
    silent: bool,
}

impl Follower {
    /// Reads the log to its end, and goes on from there on a thread of its own.
    pub fn start(config: &Config, ids: Arc<SchemaIds>, registry: Option<Arc<Registry>>) -> Result<Self, FollowError> {
        let topic = config.topics().name(Topic::Policies);
        let kafka = |error| FollowError::Kafka { topic: topic.clone(), error };
        let log = PolicyLog::open(&config.reader(), &topic).map_err(kafka)?;
        let policies = Arc::new(Policies::of_log(PolicySet::of_log(), silence_max(config)));
        let mut following =
            Following { log, reader: PolicyReader::new(ids, registry), policies: policies.clone(), silent: false };
        let mut heard = Instant::now();
        while !following.look().map_err(kafka)? {
            if following.drain().map_err(kafka)? > 0 {
                heard = Instant::now();
            }
            if heard.elapsed() > Duration::from_secs(START_SECS_MAX) {
                return Err(FollowError::Slow { topic });
            }
        }
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
    /// Reads what is there; how many records.
    fn drain(&mut self) -> Result<u64, KafkaError> {
        let mut records = 0;
        while let Some((offset, value)) = self.log.next(Duration::from_millis(POLL_MS))? {
            let record = self.reader.read(value.as_deref());
            let set = self.policies.current().with(offset, record);
            match set.rejected_since(offset).next() {
                Some(rejected) => events::policy_rejected(offset, &rejected.version, &rejected.detail),
                None => events::policy_read(offset, set.digest(), set.versions().count()),
            }
            self.policies.replace(set);
            records += 1;
        }
        Ok(records)
    }

    /// True when everything is read; then that is noted.
    fn look(&mut self) -> Result<bool, KafkaError> {
        let asked = Instant::now();
        let at_end = self.log.is_at_end()?;
        if at_end {
            self.policies.seen(asked);
        }
        Ok(at_end)
    }

    fn run(mut self, stop: &AtomicBool) {
        let mut looked = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            let mut went = self.drain().map(drop);
            if looked.elapsed() >= Duration::from_millis(END_EVERY_MS) {
                went = went.and_then(|()| self.look()).map(drop);
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
    }
}

/// How long the log may be silent: as long as a policy is published ahead of its time, by the clock of the machine.
fn silence_max(config: &Config) -> Duration {
    let speed = if config.clock.kind == ClockKind::Scaled { u64::from(config.clock.scale).max(1) } else { 1 };
    let lead_ms = u64::try_from(config.policy.lead_secs).unwrap_or(0).saturating_mul(1_000);
    Duration::from_millis((lead_ms / speed).max(SILENCE_MS_MIN))
}
