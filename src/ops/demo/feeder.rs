//! Sends the market's records and remembers when, so that latency can be told when the answer comes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord};
use rustc_hash::FxHashMap;

use super::market::MarketRecord;
use crate::bus::producer::drain;
use crate::bus::{Topic, Topics};
use crate::config::Config;
use crate::domain::candidate::Source;
use crate::domain::partition::partition_of;
use crate::ops::exit::{Ended, Failure};

/// Most sending times remembered per partition.
const SENDINGS_MAX: usize = 65_536;
/// Longest wait for the last acknowledgements, seconds.
const FLUSH_SECS_MAX: u64 = 30;

/// When the records of one partition were sent.
#[derive(Default)]
struct Sendings {
    first: i64,
    at: VecDeque<Instant>,
}

/// The only producer of the demo's input topics, so it knows every offset.
pub struct Feeder {
    producer: BaseProducer,
    topics: Topics,
    sendings: FxHashMap<(Topic, i32), Sendings>,
    sent: i64,
}

impl Feeder {
    pub fn open(config: &Config) -> Result<Self, Failure> {
        let mut client = config.loader();
        client.set("linger.ms", "2");
        let producer = client.create().map_err(Failure::reach)?;
        Ok(Self { producer, topics: config.topics(), sendings: FxHashMap::default(), sent: 0 })
    }

    /// Records sent so far.
    pub fn sent(&self) -> i64 {
        self.sent
    }

    pub fn send(&mut self, market: &MarketRecord) -> Ended {
        let Some(topic) = Topic::of_event(market.schema) else { return Ok(()) };
        let partition = partition_of(market.key.as_bytes(), self.topics.partitions(topic));
        let name = self.topics.name(topic);
        let mut record =
            BaseRecord::to(&name).partition(partition).key(market.key.as_bytes()).payload(market.value.as_slice());
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((error, back)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    self.producer.poll(Duration::from_millis(2));
                    record = back;
                }
                Err((error, _)) => return Err(Failure::reach(error)),
            }
        }
        let sendings = self.sendings.entry((topic, partition)).or_default();
        sendings.at.push_back(Instant::now());
        if sendings.at.len() > SENDINGS_MAX {
            sendings.at.pop_front();
            sendings.first += 1;
        }
        self.sent += 1;
        Ok(())
    }

    /// Serves acknowledgements without waiting.
    pub fn serve(&self) {
        self.producer.poll(Duration::ZERO);
    }

    pub fn flush(&self) -> Ended {
        if drain(&self.producer, Duration::from_secs(FLUSH_SECS_MAX)) {
            Ok(())
        } else {
            Err(Failure::reach(format!("the cluster did not acknowledge everything within {FLUSH_SECS_MAX} s")))
        }
    }

    /// How long ago the record that triggered something was sent.
    pub fn since(&self, source: &Source) -> Option<Duration> {
        let topic = self.topics.topic(&source.topic)?;
        let sendings = self.sendings.get(&(topic, source.partition))?;
        let place = usize::try_from(source.offset - sendings.first).ok()?;
        sendings.at.get(place).map(Instant::elapsed)
    }
}
