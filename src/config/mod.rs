//! The one configuration of every command: a YAML file, then `REFLOW_…` from the environment on top.
//!
//! Every setting has a default; unknown keys are errors with file, line and column. Numbers carry their unit last.

pub mod environment;
mod kafka;
mod load;
mod registry;
mod settings;

pub use load::{ConfigError, load, redacted_yaml};
pub use registry::{Registry, Secret};

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::decision::StageName;
use crate::words;

words! {
    /// Where `now` comes from.
    pub enum ClockKind {
        /// The machine's clock.
        Wall = "wall",
        /// A span of event time played faster or slower than it happened (demo, load tests).
        Scaled = "scaled",
        /// The highest accepted event time of the shard: back-fills and files.
        Event = "event",
    }
}

/// Everything a worker or a command needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub kafka: Kafka,
    pub registry: Registry,
    /// Which stages this process runs.
    pub stages: Vec<StageName>,
    pub shards: Shards,
    /// Lanes (threads with one consumer and one transactional producer) per stage.
    pub lanes: Lanes,
    /// Stable number of this process among its peers; part of the transactional ids.
    pub instance: u32,
    pub clock: Clock,
    /// Policies, each a file or the directory of its files. With any, the policy log is off; with none, policies come from the
    /// log (`reflow policy publish`), and while that is empty there are panes only, no candidates.
    pub policies: Vec<PathBuf>,
    pub policy: Policy,
    pub transaction: Transaction,
    pub customer: Customer,
    pub partner: Partner,
    pub images: Images,
    pub restore: Restore,
    pub http: Http,
    pub watchdog: Watchdog,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kafka {
    /// `host:port,host:port`
    pub bootstrap: String,
    /// In front of every topic, group and transactional id.
    pub prefix: String,
    /// Passed to the client as they are: TLS, SASL, sockets. Settings that exactly-once depends on cannot be changed here.
    pub properties: BTreeMap<String, String>,
    pub replication: i32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shards {
    pub customer: i32,
    pub partner: i32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lanes {
    pub customer: u32,
    pub partner: u32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Clock {
    pub kind: ClockKind,
    /// For `scaled`: the event time at which the process starts, UTC milliseconds.
    pub scaled_from_ms: i64,
    /// For `scaled`: seconds of event time per second of the machine.
    pub scale: u32,
    /// Furthest the clocks of the machines that run workers may differ, seconds: the age of an image is judged by it, and a shard
    /// whose time is further ahead of this machine's is not taken over.
    pub skew_secs_max: i64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Transaction {
    /// How long a batch gathers records when nobody waits, milliseconds.
    pub interval_ms: u64,
    /// How long it gathers when a proposal or a reply waits, milliseconds.
    pub interval_busy_ms: u64,
    /// Records that fill a batch, and bytes of keys and values read that do.
    pub records_max: usize,
    pub bytes_max: usize,
    /// Records of one urgent and of one other input partition taken in one turn.
    pub urgent_records_per_turn_max: usize,
    pub other_records_per_turn_max: usize,
    /// Longest a transaction may stay open before the broker aborts it, milliseconds. Not above the session time-out: who
    /// takes a dead worker's shards over waits until its transaction has ended.
    pub timeout_ms: u64,
    /// Largest record of an input that is decoded, bytes; what the stages tell each other has no such limit.
    pub record_bytes_max: usize,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Customer {
    pub future_event_secs_max: i64,
    /// The same with clock `event`, where a gap in the data is not the future.
    pub future_event_secs_max_event_clock: i64,
    pub late_event_secs_max: i64,
    pub decision_age_secs_max: i64,
    pub end_to_end_days: i64,
    pub heartbeat_secs: i64,
}

/// The policy log.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Least time between publishing a policy and its effective time, seconds of event time: within it every worker has read
    /// it. A worker that has not heard from the log for that long decides nothing until it has.
    pub lead_secs: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Partner {
    /// Windows in seconds.
    pub windows_secs: BTreeMap<String, i64>,
    pub minutes_keep_hours: i64,
    pub hours_keep_days: i64,
    pub days_keep_days: i64,
    /// Cases below which a rate is `too_few`.
    pub min_n: i64,
    pub heartbeat_stale_secs: i64,
    pub idle_after_secs: i64,
    /// Least time between two views of one partner, milliseconds.
    pub view_every_ms: i64,
}

/// Local copies of the state, so that a restart reads the end of the changelog only.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Images {
    /// A directory that outlives the process, relative to the configuration file; empty: no images.
    pub dir: PathBuf,
    /// Seconds from the end of a shard's image to the beginning of its next one.
    pub every_secs: u64,
}

impl Images {
    pub fn is_on(&self) -> bool {
        !self.dir.as_os_str().is_empty()
    }
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Restore {
    /// Longest wait without progress (a transaction that stays open, a broker that is away), seconds.
    pub silence_secs_max: u64,
    /// Most shards whose state stays in the process after they were given back, and how long, seconds.
    pub parked_shards_max: usize,
    pub parked_secs_max: u64,
    /// Records that a restored shard may still be behind its inputs when it counts as ready.
    pub behind_records_max: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// `/metrics`, `/health/live`, `/health/ready`; empty: off.
    pub listen: String,
}

/// When the process ends itself because waiting is of no use any more; a supervisor starts it again.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Watchdog {
    /// Longest that one call of the Kafka client may take, seconds.
    pub call_secs_max: u64,
    /// Longest that a shard may stand still while its log goes on, seconds.
    pub stall_secs_max: u64,
    /// How often positions and ends of the shards are asked for, seconds.
    pub positions_every_secs: u64,
    /// How often the partitions of all topics are compared with the configured ones, seconds.
    pub topics_every_secs: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kafka: Kafka::default(),
            registry: Registry::default(),
            stages: vec![StageName::Customer, StageName::Partner],
            shards: Shards::default(),
            lanes: Lanes::default(),
            instance: 0,
            clock: Clock::default(),
            policies: Vec::new(),
            policy: Policy::default(),
            transaction: Transaction::default(),
            customer: Customer::default(),
            partner: Partner::default(),
            images: Images::default(),
            restore: Restore::default(),
            http: Http::default(),
            watchdog: Watchdog::default(),
        }
    }
}

impl Default for Kafka {
    fn default() -> Self {
        let (bootstrap, prefix) = ("127.0.0.1:9092".to_owned(), "reflow.".to_owned());
        Self { bootstrap, prefix, properties: BTreeMap::new(), replication: 1 }
    }
}

impl Default for Shards {
    fn default() -> Self {
        Self { customer: 16, partner: 4 }
    }
}

impl Default for Lanes {
    fn default() -> Self {
        Self { customer: 1, partner: 1 }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self { kind: ClockKind::Wall, scaled_from_ms: 0, scale: 1, skew_secs_max: 300 }
    }
}

impl Default for Transaction {
    fn default() -> Self {
        Self {
            interval_ms: 100,
            interval_busy_ms: 15,
            records_max: 20_000,
            bytes_max: 16 << 20,
            urgent_records_per_turn_max: 512,
            other_records_per_turn_max: 128,
            timeout_ms: 10_000,
            record_bytes_max: 1 << 20,
        }
    }
}

impl Default for Customer {
    fn default() -> Self {
        Self {
            future_event_secs_max: 3_600,
            future_event_secs_max_event_clock: 400 * 86_400,
            late_event_secs_max: 7 * 86_400,
            decision_age_secs_max: 86_400,
            end_to_end_days: 30,
            heartbeat_secs: 5,
        }
    }
}

impl Default for Partner {
    fn default() -> Self {
        let windows = [("1h", 3_600), ("24h", 86_400), ("7d", 7 * 86_400), ("28d", 28 * 86_400)];
        Self {
            windows_secs: windows.iter().map(|(name, secs)| ((*name).to_owned(), *secs)).collect(),
            minutes_keep_hours: 2,
            hours_keep_days: 35,
            days_keep_days: 800,
            min_n: 30,
            heartbeat_stale_secs: 30,
            idle_after_secs: 300,
            view_every_ms: 1_000,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self { lead_secs: 300 }
    }
}

impl Default for Watchdog {
    fn default() -> Self {
        Self { call_secs_max: 120, stall_secs_max: 180, positions_every_secs: 15, topics_every_secs: 60 }
    }
}

impl Default for Images {
    fn default() -> Self {
        Self { dir: PathBuf::new(), every_secs: 300 }
    }
}

impl Default for Restore {
    fn default() -> Self {
        Self { silence_secs_max: 120, parked_shards_max: 64, parked_secs_max: 600, behind_records_max: 1_000 }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: "127.0.0.1:9464".to_owned() }
    }
}
