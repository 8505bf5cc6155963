//! A worker with a registry of its own.

use std::path::PathBuf;

use reflow::bus::Topic;
use reflow::domain::words::Word;
use reflow::ops::broker::Apicurio;
use serde_json::{Value as Json, json};

use crate::support::{Worker, run, unique, wait_until};

pub const SHARDS: i32 = 2;

pub fn registry() -> Apicurio {
    Apicurio::start().unwrap_or_else(|error| panic!("{error}"))
}

pub struct Deployment {
    pub prefix: String,
    config: PathBuf,
    _dir: tempfile::TempDir,
}

/// How a command ended: its code, and what it said on both streams.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Deployment {
    /// `registry` are the lines of that section.
    pub fn new(bootstrap: &str, name: &str, registry: &str) -> Self {
        let (prefix, dir) = (format!("{}.", unique(name)), tempfile::tempdir().unwrap());
        let config = dir.path().join("reflow.yaml");
        let text = format!(
            "kafka: {{bootstrap: \"{bootstrap}\", prefix: \"{prefix}\"}}\nshards: {{customer: {SHARDS}, partner: 1}}\n\
             http: {{listen: \"127.0.0.1:0\"}}\nregistry: {{{registry}}}\n"
        );
        std::fs::write(&config, text).unwrap();
        Self { prefix, config, _dir: dir }
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Said {
        let output = run(&[&args[..1], &["--config", self.config.to_str().unwrap()], &args[1..]].concat(), 120);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    pub fn spawn(&self, name: &str) -> Worker {
        Worker::spawn(name, &["run", "--config", self.config.to_str().unwrap()])
    }

    pub fn topic(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.name())
    }
}

/// Registers a schema under a subject; its id.
#[track_caller]
pub fn register(url: &str, subject: &str, schema: &str) -> u32 {
    let body = json!({"schemaType": "AVRO", "schema": schema}).to_string();
    let request = ureq::post(format!("{url}/subjects/{subject}/versions"));
    let mut answer = request.header("Content-Type", "application/json").send(body).unwrap();
    let answer: Json = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    answer["id"].as_u64().unwrap() as u32
}

/// One value of the worker's metrics; 0 where it is not there yet.
#[track_caller]
pub fn metric(worker: &Worker, name: &str) -> i64 {
    worker.metric(name).unwrap_or(0)
}

pub fn fate(worker: &Worker, kind: &str) -> i64 {
    metric(worker, &format!("reflow_records_total{{kind=\"{kind}\"}}"))
}

#[track_caller]
pub fn wait_for_metric(worker: &mut Worker, name: &str, wanted: i64, secs: u64) {
    wait_until(&format!("{name} to be {wanted}"), secs, || {
        assert!(worker.is_running(), "the worker ended; its log:\n{}", worker.log());
        metric(worker, name) == wanted
    });
}

#[track_caller]
pub fn wait_for_fate(worker: &mut Worker, kind: &str, wanted: i64, secs: u64) {
    wait_for_metric(worker, &format!("reflow_records_total{{kind=\"{kind}\"}}"), wanted, secs);
}
