//! One deployment under test: its configuration file, its topics, the worker's process, and what it has worked off.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use reflow::bus::Topic;
use reflow::bus::asking::{ask, watermarks};
use reflow::domain::decision::StageName;
use reflow::domain::words::Word;
use reflow::domain::{EventTime, FactBundle};
use reflow::wire::{Schema, SchemaIds};
use reflow_oracle::inputs::{Body, OwnedEvent};

use crate::support::{
    CALL_SECS_MAX, Isolation, Producer, Record, Worker, client, kafka, read_all, reflow, run, unique, wait_until,
};

pub const CUSTOMER_SHARDS: i32 = 4;
pub const PARTNER_SHARDS: i32 = 2;
/// Longest that a worker may need to join, restore and be ready; a dead predecessor's session has to end first.
pub const READY_SECS_MAX: u64 = 60;

/// The machine's clock, as the worker reads it.
pub fn now() -> EventTime {
    EventTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64)
}

pub struct Deployment {
    pub prefix: String,
    pub bootstrap: String,
    pub config: PathBuf,
    pub producer: Producer,
    name: String,
    /// One consumer per stage that is never subscribed: it asks what the group has committed.
    groups: [(StageName, BaseConsumer); 2],
    _dir: tempfile::TempDir,
}

impl Deployment {
    /// On the shared broker, with its topics. `more` is appended to the configuration as further YAML sections.
    pub fn new(name: &str, more: &str, policy: Option<&str>) -> Self {
        let deployment = Self::at(&kafka().bootstrap(), name, more, policy);
        deployment.apply();
        deployment
    }

    /// On any broker, which need not be up, and without topics.
    pub fn at(bootstrap: &str, name: &str, more: &str, policy: Option<&str>) -> Self {
        let prefix = format!("{}.", unique(name));
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("reflow.yaml");
        let mut text = format!(
            "kafka:\n  bootstrap: {bootstrap}\n  prefix: {prefix}\n  properties:\n    session.timeout.ms: \"6000\"\n    \
             heartbeat.interval.ms: \"1000\"\nshards: {{customer: {CUSTOMER_SHARDS}, partner: {PARTNER_SHARDS}}}\n\
             http: {{listen: \"127.0.0.1:0\"}}\n{more}\n"
        );
        if let Some(policy) = policy {
            std::fs::write(dir.path().join("policy.yaml"), policy).unwrap();
            text.push_str("policies: [policy.yaml]\n");
        }
        std::fs::write(&config, text).unwrap();
        let group = |stage: StageName| {
            let mut settings = client(bootstrap);
            settings.set("group.id", format!("{prefix}{stage}")).set("enable.auto.commit", "false");
            (stage, settings.create::<BaseConsumer>().unwrap())
        };
        Self {
            groups: [group(StageName::Customer), group(StageName::Partner)],
            producer: Producer::new(bootstrap),
            bootstrap: bootstrap.to_owned(),
            name: name.to_owned(),
            prefix,
            config,
            _dir: dir,
        }
    }

    pub fn path(&self) -> &str {
        self.config.to_str().unwrap()
    }

    pub fn dir(&self) -> &Path {
        self.config.parent().unwrap()
    }

    pub fn topic(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.name())
    }

    /// Creates the topics by the binary.
    #[track_caller]
    pub fn apply(&self) {
        let applied = run(&["topics", "apply", "--config", self.path()], 60);
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(applied.status.code(), Some(0), "{}{}", said(&applied.stdout), said(&applied.stderr));
    }

    /// Starts the worker without waiting for it.
    pub fn spawn(&self) -> Worker {
        self.spawn_as(0)
    }

    /// Starts one of several workers without waiting for it.
    pub fn spawn_as(&self, instance: u32) -> Worker {
        let name = format!("{}-{instance}", self.name);
        let mut command = reflow();
        command.args(["run", "--config", self.path()]).env("REFLOW_INSTANCE", instance.to_string());
        Worker::spawn_with(&name, &command)
    }

    /// Starts the worker and waits until it is ready.
    #[track_caller]
    pub fn start(&self) -> Worker {
        let mut worker = self.spawn();
        worker.wait_for_log("ready lanes=", READY_SECS_MAX);
        worker
    }

    /// Ends the worker in good order.
    #[track_caller]
    pub fn stop(&self, mut worker: Worker) {
        worker.terminate();
        assert_eq!(worker.wait(60), 0, "{}", worker.log());
    }

    pub fn send(&self, event: &OwnedEvent) {
        send(&self.producer, &self.prefix, event);
    }

    /// Sends all and waits for the acknowledgements.
    #[track_caller]
    pub fn send_all<'e>(&self, events: impl IntoIterator<Item = &'e OwnedEvent>) {
        events.into_iter().for_each(|event| self.send(event));
        self.producer.drain();
    }

    /// Waits until every input record is consumed and the stages have nothing left to tell each other.
    #[track_caller]
    pub fn wait_until_drained(&self, worker: &mut Worker, secs: u64) {
        wait_until(&format!("{} to work off everything", self.name), secs, || {
            assert!(worker.is_running(), "the worker ended; its log:\n{}", worker.log());
            self.inputs_are_consumed() && self.stages_are_quiet()
        });
    }

    /// True when the committed offsets of all input topics are at their ends.
    pub fn inputs_are_consumed(&self) -> bool {
        let inputs = Topic::inputs(StageName::Customer).filter(|topic| *topic != Topic::Replies);
        inputs.into_iter().all(|topic| {
            let ends = self.ends(topic);
            self.committed(topic).iter().zip(ends).all(|(committed, end)| committed.unwrap_or(0) >= end)
        })
    }

    /// No bundle with content and no reply is unread; heartbeats go on for ever and do not count.
    pub fn stages_are_quiet(&self) -> bool {
        let replies = self.last_content(Topic::Replies);
        self.has_read(Topic::Replies, &replies)
            && self.has_read(Topic::PartnerFacts, &self.last_content(Topic::PartnerFacts))
            && self.last_content(Topic::Replies) == replies
            && self.inputs_are_consumed()
    }

    fn has_read(&self, topic: Topic, last: &[Option<i64>]) -> bool {
        let committed = self.committed(topic);
        last.iter().zip(committed).all(|(last, next)| last.is_none_or(|last| next.unwrap_or(0) > last))
    }

    /// The offset of the last record that says something, by partition.
    fn last_content(&self, topic: Topic) -> Vec<Option<i64>> {
        let partitions = if topic == Topic::Replies { CUSTOMER_SHARDS } else { PARTNER_SHARDS };
        let mut last = vec![None; partitions as usize];
        for record in self.read(topic).iter().filter(|record| topic == Topic::Replies || !is_heartbeat(record)) {
            last[record.partition as usize] = Some(record.offset);
        }
        last
    }

    /// Everything committed in a topic.
    #[track_caller]
    pub fn read(&self, topic: Topic) -> Vec<Record> {
        read_all(&self.bootstrap, &self.topic(topic), Isolation::Committed, 60)
    }

    /// The next offset that the reading stage has committed, by partition.
    pub fn committed(&self, topic: Topic) -> Vec<Option<i64>> {
        let stage = topic.layout().read_by.unwrap();
        let (_, group) = self.groups.iter().find(|(of, _)| *of == stage).unwrap();
        let partitions = if stage == StageName::Customer { CUSTOMER_SHARDS } else { PARTNER_SHARDS };
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(&self.topic(topic), 0, partitions - 1);
        let wait = Duration::from_secs(CALL_SECS_MAX);
        // In short steps: a broker that has just come back may leave one question unanswered.
        let answered = ask(wait, || group.committed_offsets(asked.clone(), wait / 8)).unwrap();
        let offset = |partition| match answered.find_partition(&self.topic(topic), partition).unwrap().offset() {
            Offset::Offset(next) => Some(next),
            _ => None,
        };
        (0..partitions).map(offset).collect()
    }

    /// The end of every partition of an input topic.
    pub fn ends(&self, topic: Topic) -> Vec<i64> {
        let (_, group) = &self.groups[0];
        let (name, wait) = (self.topic(topic), Duration::from_secs(CALL_SECS_MAX));
        let end = |partition| watermarks(group, &name, partition, wait).unwrap().1;
        (0..CUSTOMER_SHARDS).map(end).collect()
    }
}

/// Sends an event to the topic of its kind.
pub fn send(producer: &Producer, prefix: &str, event: &OwnedEvent) {
    let topic = format!("{prefix}{}", event.topic.name());
    match &event.body {
        Body::Confluent(value) => producer.send(&topic, event.key.as_deref().unwrap_or_default(), value),
        Body::Tombstone | Body::Json(_) => panic!("the worker reads Confluent framing"),
    }
}

/// A bundle that says only that its shard is there.
pub fn is_heartbeat(record: &Record) -> bool {
    let value = record.value.as_deref().unwrap();
    let bundle: FactBundle = SchemaIds::default().decode(Schema::FactBundle, value).unwrap();
    bundle.deltas.is_empty() && bundle.settlements.is_empty() && bundle.proposals.is_empty()
}

/// The samples of a metric by the value of its one label `kind`.
pub fn by_kind(metrics: &str, name: &str) -> std::collections::BTreeMap<String, i64> {
    let head = format!("{name}{{kind=\"");
    let sample = |line: &str| {
        let (kind, value) = line.strip_prefix(&head)?.split_once("\"} ")?;
        Some((kind.to_owned(), value.trim().parse().ok()?))
    };
    metrics.lines().filter_map(sample).collect()
}
