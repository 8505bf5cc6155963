//! `reflow load`: files into the input topics, each event once, acknowledged.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, ProducerContext};

use super::exit::{Ended, Failure};
use super::source::RowEvent;
use super::{schemas, sources, topics};
use crate::bus::Topic;
use crate::bus::producer::drain;
use crate::config::Config;
use crate::domain::partition::partition_of;
use crate::wire::SchemaIds;

/// Longest wait for the last acknowledgements, seconds.
const FLUSH_SECS_MAX: u64 = 60;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Mapping of columns to events (YAML); may be given several times
    #[arg(long, value_name = "MAPPING", required = true)]
    pub mapping: Vec<PathBuf>,
    /// Read and check everything, send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Keep the order of the files instead of sorting by event time
    #[arg(long)]
    pub as_is: bool,
    /// Write every rejected row to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub rejected: Option<PathBuf>,
    /// Counts as JSON on standard output
    #[arg(long)]
    pub json: bool,
    /// CSV or JSON lines, plain or gzip
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Reads the files and sends their events; exit 1 when rows were rejected.
pub fn load(config: &Config, options: &Options) -> Ended {
    let ids = if options.dry_run { SchemaIds::default() } else { schemas::known(config)?.0 };
    let mut source = sources::open(&options.mapping, &options.files, !options.as_is, options.rejected.as_deref(), ids)?;
    let sender = if options.dry_run { None } else { Some(Sender::open(config)?) };
    let mut sent = 0u64;
    for event in source.by_ref() {
        let event = event.map_err(sources::failure)?;
        if let Some(sender) = &sender {
            sender.send(config, &event)?;
        }
        sent += 1;
    }
    if let Some(sender) = &sender {
        sender.finish()?;
    }
    let report = source.report();
    sources::tell(report);
    eprintln!("{sent} events {}", if options.dry_run { "would be sent" } else { "sent and acknowledged" });
    if options.json {
        println!("{}", serde_json::to_string_pretty(report).map_err(Failure::reach)?);
    }
    match report.rejected_total() {
        0 => Ok(()),
        rows => Err(Failure::finding(format!("{rows} rows could not be read"))),
    }
}

/// Counts what could not be delivered.
#[derive(Clone, Default)]
struct Deliveries {
    failed: Arc<AtomicU64>,
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka producer");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        if let Err((error, _)) = result {
            self.failed.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "not delivered");
        }
    }
}

struct Sender {
    producer: BaseProducer<Deliveries>,
    deliveries: Deliveries,
    names: Vec<(Topic, String)>,
}

impl Sender {
    fn open(config: &Config) -> Result<Self, Failure> {
        topics::require(config)?;
        let deliveries = Deliveries::default();
        let producer = config.loader().create_with_context(deliveries.clone()).map_err(Failure::reach)?;
        let inputs = Topic::inputs(crate::domain::decision::StageName::Customer);
        Ok(Self { producer, deliveries, names: inputs.map(|topic| (topic, config.topics().name(topic))).collect() })
    }

    fn send(&self, config: &Config, event: &RowEvent) -> Ended {
        let Some(topic) = Topic::of_event(event.schema) else { return Ok(()) };
        let name = self.names.iter().find(|(other, _)| *other == topic).map_or("", |(_, name)| name.as_str());
        let partition = partition_of(event.key.as_bytes(), config.shards.customer);
        let mut record =
            BaseRecord::to(name).partition(partition).key(event.key.as_bytes()).payload(event.value.as_slice());
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((error, back)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    self.producer.poll(Duration::from_millis(5));
                    record = back;
                }
                Err((error, _)) => return Err(Failure::reach(error)),
            }
        }
        self.producer.poll(Duration::ZERO);
        Ok(())
    }

    fn finish(&self) -> Ended {
        if !drain(&self.producer, Duration::from_secs(FLUSH_SECS_MAX)) {
            return Err(Failure::reach(format!("not everything was acknowledged within {FLUSH_SECS_MAX} s")));
        }
        match self.deliveries.failed.load(Ordering::Relaxed) {
            0 => Ok(()),
            failed => Err(Failure::reach(format!("{failed} events were not delivered"))),
        }
    }
}
