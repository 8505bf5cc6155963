//! `reflow policy publish` and `rollback`: a checked document goes into the log, early enough for every worker to have it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use super::Rollback;
use super::log::{PolicyLog, newest_seen};
use crate::bus::Topic;
use crate::bus::topics::POLICY_RECORD_BYTES_MAX;
use crate::config::Config;
use crate::domain::policy_record::PolicyFile;
use crate::domain::time::SECOND_MS;
use crate::domain::{EventTime, PolicyRecord, Text};
use crate::ops::exit::{Ended, Failure};
use crate::ops::policies::{document, lines};
use crate::ops::schemas;
use crate::policy::set::document as document_of;
use crate::policy::{Document, Part, Policy, PolicySet};
use crate::wire::Schema;
use crate::worker::clock::wall;

/// Longest wait for the broker to have the record, seconds.
const WRITTEN_SECS_MAX: u64 = 30;
/// One wait for the client's news, milliseconds.
const POLL_MS: u64 = 50;
/// With a rollback as soon as possible: what comes on top of the lead time, for the person and the broker, seconds.
const ROLLBACK_SLACK_SECS: i64 = 15;

pub fn publish(config: &Config, files: &[PathBuf]) -> Ended {
    log_is_on(config)?;
    let document = document(files)?;
    let policy = Policy::read(&document).map_err(|found| Failure::input(lines(&found)))?;
    let log = PolicyLog::read(config)?;
    put(config, &log, &policy, &document, None)
}

pub fn rollback(config: &Config, options: &Rollback) -> Ended {
    log_is_on(config)?;
    let log = PolicyLog::read(config)?;
    let earlier = log.version(&options.earlier).ok_or_else(|| {
        let known: Vec<String> = log.set().versions().map(|policy| policy.version.to_string()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Failure::input(format!("version `{}` is not in the policy log; known are: {known}", options.earlier))
    })?;
    let effective_from = match &options.effective_from {
        Some(moment) => moment.clone(),
        None => soonest(config)?,
    };
    let Document { parts, .. } = document_of(earlier);
    let document = Document { parts, head: Some(head(options, &effective_from)) };
    let policy = Policy::read(&document).map_err(|found| Failure::input(lines(&found)))?;
    put(config, &log, &policy, &document, Some(options.earlier.clone()))
}

/// The first moment that the lead time allows, on a whole second.
fn soonest(config: &Config) -> Result<String, Failure> {
    let base = newest_seen(config)?.unwrap_or_else(wall);
    let lead_ms = (config.policy.lead_secs + ROLLBACK_SLACK_SECS).saturating_mul(SECOND_MS);
    Ok(base.plus_ms(lead_ms + SECOND_MS).floor(SECOND_MS).to_string())
}

/// What the document says of itself now. Every value is quoted: JSON texts are YAML texts.
fn head(options: &Rollback, effective_from: &str) -> Part {
    let rows = [
        ("version", options.version.as_str()),
        ("effective_from", effective_from),
        ("author", &options.author),
        ("approver", &options.approver),
        ("reason", &options.reason),
    ];
    let text = rows.map(|(key, value)| format!("{key}: {}\n", serde_json::Value::from(value)));
    Part::new("rollback", text.concat())
}

fn log_is_on(config: &Config) -> Ended {
    if config.policies.is_empty() {
        return Ok(());
    }
    Err(Failure::input(
        "the configuration names policy files (`policies`), so its workers do not read the policy log; remove that setting \
         and publish the same files",
    ))
}

/// Writes a document that may stand in the log, and sees that it does.
fn put(config: &Config, log: &PolicyLog, policy: &Policy, document: &Document, again: Option<Text>) -> Ended {
    // Where it lay on the machine of who publishes it is nobody's business.
    let name = |file: &str| Path::new(file).file_name().map_or(file.to_owned(), |name| name.display().to_string());
    let file = |part: &Part| PolicyFile { file: name(&part.file), text: part.text.clone() };
    let record = PolicyRecord {
        version: policy.version.clone(),
        hash: policy.hash.clone(),
        effective_from: policy.effective_from,
        files: document.parts.iter().map(file).collect(),
        head: document.head.as_ref().map(file),
        again,
        published_at: wall(),
    };
    let known = log.set();
    known.accepted(&record).map_err(Failure::input)?;
    early_enough(config, &known, policy.effective_from)?;
    write(config, &record)?;
    let after = PolicyLog::read(config)?;
    let stands = after.set().version(&record.version, &record.hash).is_some();
    let offset =
        after.entries.iter().rev().find(|entry| entry.record.as_ref() == Some(&record)).map(|entry| entry.offset);
    let Some(offset) = offset.filter(|_| stands) else {
        return Err(Failure::finding(format!(
            "version `{}` was written and is not in force: another one with its version or effective time came first; \
             `reflow policy status` shows the log",
            record.version
        )));
    };
    println!(
        "published {} ({}) at offset {offset}, in force from {} on; digest {}",
        record.version,
        record.hash,
        record.effective_from,
        after.set().digest()
    );
    if let Some((_, Some(warning))) = after.set().versions_left() {
        eprintln!("warning: {warning}");
    }
    Ok(())
}

/// Refuses what some worker could read too late. Before any worker has seen anything, a first policy may begin at any time.
fn early_enough(config: &Config, known: &PolicySet, effective_from: EventTime) -> Ended {
    let Some(seen) = newest_seen(config)? else { return Ok(()) };
    let lead_secs = config.policy.lead_secs;
    if effective_from.ms_since(seen) >= lead_secs.saturating_mul(SECOND_MS) {
        return Ok(());
    }
    let first = if known.is_empty() { " (also the first policy, once events were seen)" } else { "" };
    Err(Failure::input(format!(
        "effective_from {effective_from} is too early: the workers have seen {seen}, and policy.lead_secs asks for {lead_secs} s \
         between{first}; let it begin at {} or later",
        seen.plus_ms(lead_secs.saturating_mul(SECOND_MS))
    )))
}

fn write(config: &Config, record: &PolicyRecord) -> Ended {
    let (ids, _registry) = schemas::known(config)?;
    let topic = config.topics().name(Topic::Policies);
    let mut value = Vec::new();
    ids.encode(Schema::Policy, record, &mut value);
    if value.len() > POLICY_RECORD_BYTES_MAX {
        return Err(Failure::input(format!(
            "the policy has {} bytes; the log takes {POLICY_RECORD_BYTES_MAX}",
            value.len()
        )));
    }
    let failed = |error| Failure::reach(format!("{topic}: {error}; is the broker at {} up?", config.kafka.bootstrap));
    let producer: BaseProducer<Delivery> =
        config.publisher().create_with_context(Delivery::default()).map_err(failed)?;
    let sent = BaseRecord::to(&topic).partition(0).key(record.version.as_bytes()).payload(&value);
    producer.send(sent).map_err(|(error, _)| failed(error))?;
    let began = Instant::now();
    while producer.context().ended.get().is_none() && began.elapsed() < Duration::from_secs(WRITTEN_SECS_MAX) {
        producer.poll(Duration::from_millis(POLL_MS));
    }
    match producer.context().ended.get() {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(failed(error.clone())),
        None => Err(Failure::reach(format!(
            "{topic}: the broker did not take the policy within {WRITTEN_SECS_MAX} s; look with `reflow policy status` before \
             publishing it again"
        ))),
    }
}

/// What became of the one record.
#[derive(Default)]
struct Delivery {
    ended: OnceLock<Result<(), KafkaError>>,
}

impl ClientContext for Delivery {}

impl ProducerContext for Delivery {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let _ = self.ended.set(result.as_ref().map(drop).map_err(|(error, _)| error.clone())); // there is one record
    }
}
