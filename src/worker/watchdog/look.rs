//! What the watchdog asks of the cluster, with clients of its own: no lane waits for it.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::judge::Position;
use crate::bus::sampled::Voice;
use crate::bus::{Topic, Topics};
use crate::config::Config;
use crate::domain::decision::StageName;
use crate::domain::words::Word;

/// Longest wait for one answer, seconds: a broker that is away is a lane's matter, and said there.
const ANSWER_SECS_MAX: u64 = 5;

/// The watchdog's clients: one consumer per stage that never joins its group.
pub struct Look {
    topics: Topics,
    groups: Vec<(StageName, BaseConsumer<Voice>)>,
}

impl Look {
    pub fn open(config: &Config) -> Result<Self, KafkaError> {
        let mut groups = Vec::new();
        for stage in &config.stages {
            let mut settings = config.reader();
            settings.set("group.id", config.group(*stage)).set("isolation.level", "read_committed");
            groups.push((*stage, settings.create_with_context(Voice::new("watchdog"))?));
        }
        Ok(Self { topics: config.topics(), groups })
    }

    /// Where the inputs of these shards stand: two requests per stage and broker.
    pub fn positions(&self, shards: &[(StageName, i32)]) -> Result<Vec<Position>, KafkaError> {
        let (wait, mut found) = (Duration::from_secs(ANSWER_SECS_MAX), Vec::new());
        for (stage, consumer) in &self.groups {
            let (mut asked, mut ends) = (TopicPartitionList::new(), TopicPartitionList::new());
            for (_, shard) in shards.iter().filter(|(of, _)| of == stage) {
                for topic in Topic::inputs(*stage) {
                    let name = self.topics.name(topic);
                    asked.add_partition(&name, *shard);
                    // As a time, "the end" asks for the end of the log.
                    ends.add_partition_offset(&name, *shard, Offset::End)?;
                }
            }
            if asked.count() == 0 {
                continue;
            }
            let committed = consumer.committed_offsets(asked, wait)?;
            let ends = consumer.offsets_for_times(ends, wait)?;
            for element in ends.elements() {
                let (Some(topic), Offset::Offset(end)) = (self.topics.topic(element.topic()), element.offset()) else {
                    continue;
                };
                let shard = element.partition();
                let next = committed.find_partition(element.topic(), shard).and_then(|place| match place.offset() {
                    Offset::Offset(next) => Some(next),
                    _ => None,
                });
                found.push(Position { stage: *stage, shard, topic, next, end });
            }
        }
        Ok(found)
    }

    /// True when a record lies at or after that position: between positions and ends there may be markers of transactions.
    pub fn has_record(&self, position: &Position) -> Result<bool, KafkaError> {
        let Some((_, consumer)) = self.groups.iter().find(|(stage, _)| *stage == position.stage) else {
            return Ok(false);
        };
        let mut from = TopicPartitionList::new();
        let start = position.next.map_or(Offset::Beginning, Offset::Offset);
        from.add_partition_offset(&self.topics.name(position.topic), position.shard, start)?;
        consumer.assign(&from)?;
        let began = Instant::now();
        let mut found = false;
        while !found && began.elapsed().as_secs() < ANSWER_SECS_MAX {
            found = matches!(consumer.poll(Duration::from_millis(100)), Some(Ok(_)));
        }
        consumer.unassign()?;
        Ok(found)
    }

    /// Topics that are not as configured, each with what is wrong.
    pub fn differing_topics(&self) -> Result<Vec<String>, KafkaError> {
        let Some((_, consumer)) = self.groups.first() else { return Ok(Vec::new()) };
        let mut differing = Vec::new();
        for topic in Topic::ALL.iter().copied() {
            let (name, expected) = (self.topics.name(topic), self.topics.partitions(topic));
            let metadata = consumer.fetch_metadata(Some(&name), Duration::from_secs(ANSWER_SECS_MAX))?;
            let Some(found) = metadata.topics().iter().find(|found| found.name() == name) else { continue };
            match found.error().map(Code::from) {
                None => {
                    let partitions = found.partitions().len();
                    if usize::try_from(expected) != Ok(partitions) {
                        differing.push(format!("{name} has {partitions} partitions, expected {expected}"));
                    }
                }
                Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => differing.push(format!("{name} is gone")),
                Some(_) => {}
            }
        }
        Ok(differing)
    }
}
