//! Client settings. What exactly-once and memory bounds depend on is fixed here; the rest is the user's.

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::Config;
use crate::bus::topics::{CUSTOMER_RECORD_BYTES_MAX, POLICY_RECORD_BYTES_MAX};
use crate::domain::decision::StageName;

/// Settings a user may not change: changing one breaks a promise.
pub(super) const FIXED: [&str; 18] = [
    "bootstrap.servers",
    "metadata.broker.list",
    "group.id",
    "transactional.id",
    "enable.idempotence",
    "isolation.level",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "allow.auto.create.topics",
    "partition.assignment.strategy",
    "enable.partition.eof",
    "delivery.report.only.error",
    "partitioner",
    "acks",
    "request.required.acks",
    "group.instance.id",
    "transaction.timeout.ms",
];

/// A broker answers a lane that asks for records when there are that many bytes, or after that many milliseconds. Events that
/// come one by one would be answered one by one otherwise, and at some thousand a second that fills a broker's processor: the
/// wait costs less than what everybody gains by it.
const FETCH_BYTES: &str = "16384";
const FETCH_WAIT_MS: &str = "10";
/// Bytes of fetched records that wait in each of a lane's two queues before more is asked for, KiB. The client counts them by
/// the queue that partitions are forwarded to; what was asked for already comes on top, 1 MiB a partition at most.
const LANE_FETCHED_KIB_MAX: &str = "4096";
/// What one answer holds of a partition and altogether while changelogs are read, bytes, and what waits of each, KiB.
const RESTORE_PARTITION_BYTES: &str = "4194304";
const RESTORE_FETCH_BYTES: &str = "67108864";
const RESTORE_QUEUED_KIB: &str = "16384";
/// Bytes of produced records that wait for the broker in one lane, KiB.
const LANE_PRODUCED_KIB_MAX: &str = "65536";
/// After that silence a worker's shards go to another one, milliseconds; its own restart has them at once. Users may set
/// their own, not below the broker's `group.min.session.timeout.ms` (6 s as brokers come).
const SESSION_MS: &str = "10000";

impl Config {
    /// Settings of any client.
    pub fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.kafka.bootstrap)
            .set("allow.auto.create.topics", "false")
            .set("enable.metrics.push", "false");
        // Of its level the client is told here; the setting of that name changes nothing.
        let debug = self.kafka.properties.contains_key("debug");
        client.set_log_level(if debug { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Warning });
        self.with_properties(client)
    }

    /// The user's settings have the last word: what may not be changed was refused when they were read.
    fn with_properties(&self, mut client: ClientConfig) -> ClientConfig {
        for (name, value) in &self.kafka.properties {
            client.set(name, value);
        }
        client
    }

    /// Settings of a handle that only reads: restore, tables, audits.
    pub fn reader(&self) -> ClientConfig {
        let mut client = self.client();
        client
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true")
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.wait.max.ms", "100")
            .set("queued.max.messages.kbytes", "16384");
        self.with_properties(client)
    }

    /// Settings of a handle that reads whole changelogs: large answers, many of them waiting.
    pub fn restorer(&self) -> ClientConfig {
        let mut client = self.reader();
        client
            .set("fetch.message.max.bytes", RESTORE_PARTITION_BYTES)
            .set("fetch.max.bytes", RESTORE_FETCH_BYTES)
            .set("queued.max.messages.kbytes", RESTORE_QUEUED_KIB)
            .set("queued.min.messages", "1000000");
        self.with_properties(client)
    }

    /// Settings of a lane's consumer.
    pub fn lane_consumer(&self, stage: StageName, lane: u32) -> ClientConfig {
        let mut client = self.reader();
        client
            .set("group.id", self.group(stage))
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "false")
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", SESSION_MS)
            .set("heartbeat.interval.ms", "3000")
            .set("fetch.wait.max.ms", FETCH_WAIT_MS)
            .set("fetch.min.bytes", FETCH_BYTES)
            .set("queued.max.messages.kbytes", LANE_FETCHED_KIB_MAX);
        let mut client = self.with_properties(client);
        // A static member: who comes back after a kill -9 takes its own place in the group and its shards, and nobody waits
        // for the dead session. The assignor sorts by this name. Who is stopped in good order leaves (`Inbox::leave`).
        let member = self.transactional_id(stage, lane);
        client.set("client.id", &member).set("group.instance.id", &member);
        client
    }

    /// Settings of a lane's transactional producer.
    pub fn lane_producer(&self) -> ClientConfig {
        let mut client = self.client();
        client
            .set("enable.idempotence", "true")
            .set("transaction.timeout.ms", self.transaction.timeout_ms.to_string())
            .set("delivery.report.only.error", "true")
            .set("partitioner", "murmur2_random")
            .set("queue.buffering.max.kbytes", LANE_PRODUCED_KIB_MAX)
            .set("queue.buffering.max.messages", "1000000")
            .set("message.max.bytes", CUSTOMER_RECORD_BYTES_MAX.to_string())
            .set("linger.ms", "1")
            .set("retry.backoff.ms", "5")
            .set("compression.type", "lz4");
        self.with_properties(client)
    }

    /// Settings of a producer that loads files: idempotent, no transactions.
    pub fn loader(&self) -> ClientConfig {
        let mut client = self.client();
        client
            .set("enable.idempotence", "true")
            .set("delivery.report.only.error", "true")
            .set("partitioner", "murmur2_random")
            .set("queue.buffering.max.kbytes", LANE_PRODUCED_KIB_MAX)
            .set("linger.ms", "20")
            .set("compression.type", "lz4");
        self.with_properties(client)
    }

    /// Settings of the producer of policies: few records, and large ones.
    pub fn publisher(&self) -> ClientConfig {
        let mut client = self.loader();
        client.set("message.max.bytes", POLICY_RECORD_BYTES_MAX.to_string()).set("delivery.report.only.error", "false");
        self.with_properties(client)
    }

    pub fn group(&self, stage: StageName) -> String {
        format!("{}{stage}", self.kafka.prefix)
    }

    /// Stable per instance and lane: a restart fences its own past, nobody else's.
    pub fn transactional_id(&self, stage: StageName, lane: u32) -> String {
        format!("{}{stage}-{:03}-{lane:02}", self.kafka.prefix, self.instance)
    }
}
