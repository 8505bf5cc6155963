//! `reflow topics plan|apply|check`: what should be, what is, and making the one the other.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use serde::Serialize;

use super::exit::{Ended, Failure};
use crate::bus::topics::{CUSTOMER_RECORD_BYTES_MAX, Cleanup, POLICY_RECORD_BYTES_MAX, Topic, Topics};
use crate::config::Config;
use crate::domain::decision::StageName;
use crate::domain::time::HOUR_MS;
use crate::domain::words::Word;

/// Longest wait for an answer of the cluster, seconds.
const ADMIN_SECS_MAX: u64 = 30;
/// Longest until the broker that answers has heard of created topics, and how often it is asked, milliseconds.
const SEEN_MS_MAX: u64 = 30_000;
const SEEN_EVERY_MS: u64 = 50;

/// Said of a topic that is not described to us.
const UNSEEN: &str = "its settings could not be read";

/// One topic as it should be and as it is.
#[derive(Debug, Serialize)]
pub struct Row {
    pub topic: String,
    pub key: &'static str,
    pub partitions: i32,
    pub settings: BTreeMap<&'static str, String>,
    /// `ok`, `missing`, or `drift`.
    pub state: &'static str,
    pub drift: Vec<String>,
}

fn settings(topic: Topic) -> BTreeMap<&'static str, String> {
    let mut settings = BTreeMap::from([("compression.type", "producer".to_owned())]);
    let longest = match topic {
        Topic::Policies => Some(POLICY_RECORD_BYTES_MAX),
        Topic::CustomerChangelog => Some(CUSTOMER_RECORD_BYTES_MAX),
        _ => None,
    };
    if let Some(bytes) = longest {
        settings.insert("max.message.bytes", bytes.to_string());
    }
    match topic.layout().cleanup {
        Cleanup::Compact => {
            settings.insert("cleanup.policy", "compact".to_owned());
        }
        Cleanup::Hours(hours) => {
            settings.insert("cleanup.policy", "delete".to_owned());
            settings.insert("retention.ms", (hours * HOUR_MS).to_string());
        }
        Cleanup::Forever => {
            settings.insert("cleanup.policy", "delete".to_owned());
            settings.insert("retention.ms", "-1".to_owned());
            settings.insert("retention.bytes", "-1".to_owned());
        }
    }
    settings
}

/// Topics, broker side.
pub struct Admin<'a> {
    config: &'a Config,
    topics: Topics,
    client: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Admin<'a> {
    pub fn open(config: &'a Config) -> Result<Self, Failure> {
        let client = config.client().create().map_err(Failure::reach)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::reach)?;
        Ok(Self { config, topics: config.topics(), client, runtime })
    }

    fn options() -> AdminOptions {
        let wait = Some(Duration::from_secs(ADMIN_SECS_MAX));
        AdminOptions::new().request_timeout(wait).operation_timeout(wait)
    }

    /// Every topic of the table with what is wrong with it.
    pub fn rows(&self) -> Result<Vec<Row>, Failure> {
        self.rows_within(Duration::from_secs(ADMIN_SECS_MAX))
    }

    /// The same after creating: the controller has the topics, and the brokers hear of them a little later.
    pub fn rows_once_seen(&self) -> Result<Vec<Row>, Failure> {
        for _ in 0..SEEN_MS_MAX / SEEN_EVERY_MS {
            let rows = self.rows()?;
            if rows.iter().all(|row| row.state != "missing") {
                return Ok(rows);
            }
            std::thread::park_timeout(Duration::from_millis(SEEN_EVERY_MS));
        }
        self.rows()
    }

    /// The same; the broker's answer is waited for that long.
    pub fn rows_within(&self, wait: Duration) -> Result<Vec<Row>, Failure> {
        let bootstrap = &self.config.kafka.bootstrap;
        let metadata = self.client.inner().fetch_metadata(None, wait).map_err(|error| {
            Failure::reach(format!("no answer from {bootstrap}: {error}; is the broker up and kafka.bootstrap right?"))
        })?;
        let existing: BTreeMap<&str, i32> =
            metadata.topics().iter().map(|topic| (topic.name(), topic.partitions().len() as i32)).collect();
        let mut rows = Vec::new();
        for topic in Topic::ALL.iter().copied() {
            let (name, layout) = (self.topics.name(topic), topic.layout());
            let mut row = Row {
                key: layout.key,
                partitions: self.topics.partitions(topic),
                settings: settings(topic),
                state: "ok",
                drift: Vec::new(),
                topic: name,
            };
            match existing.get(row.topic.as_str()) {
                None => row.state = "missing",
                Some(partitions) => {
                    if *partitions != row.partitions {
                        row.drift.push(format!("has {partitions} partitions, expected {}", row.partitions));
                    }
                    row.drift.extend(self.setting_drift(&row)?);
                }
            }
            if !row.drift.is_empty() {
                row.state = "drift";
            }
            rows.push(row);
        }
        Ok(rows)
    }

    fn setting_drift(&self, row: &Row) -> Result<Vec<String>, Failure> {
        let asked = [ResourceSpecifier::Topic(&row.topic)];
        let answered = self
            .runtime
            .block_on(self.client.describe_configs(&asked, &Self::options()))
            .map_err(|error| Failure::reach(format!("{}: {error}", row.topic)))?;
        let Some(Ok(resource)) = answered.first() else { return Ok(vec![UNSEEN.to_owned()]) };
        Ok(row
            .settings
            .iter()
            .filter_map(|(name, expected)| {
                let found = resource.get(name).and_then(|entry| entry.value.clone()).unwrap_or_default();
                (found != *expected).then(|| format!("{name} is {found}, expected {expected}"))
            })
            .collect())
    }

    /// Creates what is missing; existing topics are left as they are.
    pub fn create(&self, rows: &[Row]) -> Result<Vec<String>, Failure> {
        let missing: Vec<&Row> = rows.iter().filter(|row| row.state == "missing").collect();
        let replication = self.config.kafka.replication;
        let topics: Vec<NewTopic<'_>> = missing
            .iter()
            .map(|row| {
                let topic = NewTopic::new(&row.topic, row.partitions, TopicReplication::Fixed(replication));
                row.settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
            })
            .collect();
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let created = self
            .runtime
            .block_on(self.client.create_topics(&topics, &Self::options()))
            .map_err(|error| Failure::reach(format!("topics could not be created: {error}")))?;
        created
            .into_iter()
            .map(|result| {
                result.map_err(|(topic, code)| Failure::reach(format!("{topic} could not be created: {code}")))
            })
            .collect()
    }
}

/// Names stages whose input topics do not have the same number of partitions.
pub fn not_co_partitioned(rows: &[Row], topics: &Topics, existing: &BTreeMap<String, i32>) -> Vec<String> {
    let mut found = Vec::new();
    for stage in StageName::ALL.iter().copied() {
        let inputs: Vec<(String, i32)> = Topic::inputs(stage)
            .map(|topic| topics.name(topic))
            .filter(|name| rows.iter().any(|row| row.topic == *name))
            .filter_map(|name| existing.get(&name).map(|partitions| (name.clone(), *partitions)))
            .collect();
        if inputs.iter().any(|(_, partitions)| Some(*partitions) != inputs.first().map(|(_, first)| *first)) {
            let list: Vec<String> = inputs.iter().map(|(name, partitions)| format!("{name} {partitions}")).collect();
            found.push(format!("the {stage} stage reads topics that are not co-partitioned: {}", list.join(", ")));
        }
    }
    found
}

/// Refuses to start on missing or differing topics, naming them.
pub fn require(config: &Config) -> Ended {
    require_within(config, Duration::from_secs(ADMIN_SECS_MAX))
}

/// The same for somebody who would rather hear soon that no broker answers.
pub fn require_within(config: &Config, wait: Duration) -> Ended {
    let admin = Admin::open(config)?;
    let rows = admin.rows_within(wait)?;
    let missing: Vec<&str> = rows.iter().filter(|row| row.state == "missing").map(|row| row.topic.as_str()).collect();
    if !missing.is_empty() {
        return Err(Failure::input(format!(
            "missing topics: {}; create them with `reflow topics apply`",
            missing.join(", ")
        )));
    }
    let differing: Vec<String> = rows
        .iter()
        .filter(|row| row.drift.iter().any(|drift| drift.contains("partitions")))
        .map(|row| format!("{} {}", row.topic, row.drift.join("; ")))
        .collect();
    if !differing.is_empty() {
        return Err(Failure::input(format!(
            "topics differ: {}. The topics of a stage must have as many partitions as it has shards: set shards.customer and \
             shards.partner to what is there, or make the topic anew (`reflow topics plan` shows all)",
            differing.join(", ")
        )));
    }
    forgetful(&rows, &admin.topics)
}

/// Topics that may forget nothing: states, what the stages tell each other, and the policies.
const KEPT: [Topic; 5] =
    [Topic::CustomerChangelog, Topic::PartnerChangelog, Topic::PartnerFacts, Topic::Replies, Topic::Policies];

/// Refuses a changelog that deletes by age or size, as it would forget customers of whom nothing was heard for a while; increments
/// that are deleted or compacted before they are read; and settings of these that nobody can see.
fn forgetful(rows: &[Row], topics: &Topics) -> Ended {
    let kept = KEPT.map(|topic| topics.name(topic));
    let kept = rows.iter().filter(|row| kept.contains(&row.topic));
    let drifts = kept.flat_map(|row| row.drift.iter().map(move |drift| (&row.topic, drift)));
    let forgets = |drift: &str| ["cleanup.policy", "retention.", UNSEEN].iter().any(|what| drift.starts_with(what));
    let found: Vec<String> =
        drifts.filter(|(_, drift)| forgets(drift)).map(|(topic, drift)| format!("{topic}: {drift}")).collect();
    if found.is_empty() {
        return Ok(());
    }
    Err(Failure::input(format!(
        "{}. A changelog that is not compacted forgets customers, and what the stages tell each other is lost when it is deleted \
         before it was read: set it back (kafka-configs.sh --alter --add-config), at once, before something is deleted; to see \
         settings, this user needs the right DescribeConfigs on the topics",
        found.join(", ")
    )))
}

/// What the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Do {
    /// Show what `apply` would create.
    Plan,
    /// Create what is missing.
    Apply,
    /// Report drift; exit 1 when there is any.
    Check,
}

pub fn topics(config: &Config, what: Do, json: bool) -> Ended {
    let admin = Admin::open(config)?;
    let mut rows = admin.rows()?;
    if what == Do::Apply {
        for name in admin.create(&rows)? {
            eprintln!("created {name}");
        }
        rows = admin.rows_once_seen()?;
    }
    print(&rows, json)?;
    let existing =
        rows.iter().filter(|row| row.state != "missing").map(|row| (row.topic.clone(), actual(row))).collect();
    for problem in not_co_partitioned(&rows, &admin.topics, &existing) {
        eprintln!("{problem}");
    }
    let wrong = rows.iter().filter(|row| row.state != "ok").count();
    if what != Do::Plan && wrong > 0 {
        return Err(Failure::finding(format!("{wrong} topics are not as they should be")));
    }
    Ok(())
}

fn actual(row: &Row) -> i32 {
    let found = row.drift.iter().find_map(|drift| drift.strip_prefix("has ")?.split(' ').next()?.parse().ok());
    found.unwrap_or(row.partitions)
}

fn print(rows: &[Row], json: bool) -> Ended {
    if json {
        println!("{}", serde_json::to_string_pretty(rows).map_err(Failure::reach)?);
        return Ok(());
    }
    let width = rows.iter().map(|row| row.topic.len()).max().unwrap_or(0);
    println!("{:width$}  {:>10}  {:22}  state", "topic", "partitions", "key");
    for row in rows {
        let policy = row.settings.get("cleanup.policy").map_or("", String::as_str);
        println!(
            "{:width$}  {:>10}  {:22}  {:7} {policy} {}",
            row.topic,
            row.partitions,
            row.key,
            row.state,
            row.drift.join("; ")
        );
    }
    Ok(())
}
