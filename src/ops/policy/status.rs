//! `reflow policy status`: the versions with their times, what is no policy, and what each worker knows.

use std::collections::BTreeMap;

use serde::Serialize;

use super::log::{PolicyLog, newest_seen};
use crate::bus::Topic;
use crate::config::Config;
use crate::domain::decision::StageName;
use crate::domain::journal::JournalEntry;
use crate::domain::time::MINUTE_MS;
use crate::domain::{EventTime, Text};
use crate::ops::exit::{Ended, Failure};
use crate::ops::policies;
use crate::ops::reading::{Decoder, Part, read};
use crate::wire::Schema;
use crate::worker::clock::wall;

/// A worker that wrote no journal entry for that long is not shown, milliseconds: a shard says something every few seconds.
const SILENT_MS_MAX: i64 = 2 * MINUTE_MS;

#[derive(Debug, Serialize)]
struct Status {
    /// The workers' time: the newest that they have seen.
    at: String,
    versions: Vec<Version>,
    /// How many more the log takes; none where policies come from files.
    versions_left: Option<usize>,
    rejected: Vec<Rejected>,
    digest: Text,
    workers: Vec<Worker>,
}

#[derive(Debug, Serialize)]
struct Version {
    version: Text,
    hash: Text,
    effective_from: String,
    /// `past`, `in_force` or `coming`.
    state: &'static str,
    /// In the log; none for a file.
    offset: Option<i64>,
    /// The version it puts in force again.
    again: Option<Text>,
    published_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct Rejected {
    offset: i64,
    version: Text,
    detail: String,
}

/// What a worker's shards of one stage last said.
#[derive(Debug, Serialize)]
struct Worker {
    worker: Text,
    stage: StageName,
    shards: usize,
    /// Of the shard that knows least; none where its policies come from files.
    policy_offset: Option<i64>,
    digest: Text,
    /// `current`, `behind` (it is still reading) or `differs`.
    state: &'static str,
    at: String,
}

pub fn status(config: &Config, json: bool) -> Ended {
    // With policy files the log is off, and the workers know those files.
    let log = match config.policies.is_empty() {
        true => PolicyLog::read(config)?,
        false => PolicyLog::of_files(policies::load(&config.policies)?),
    };
    let at = newest_seen(config)?.unwrap_or_else(wall);
    let (versions_left, warning) = log.set().versions_left().unzip();
    let status = Status {
        at: at.to_string(),
        versions: versions(&log, at),
        versions_left,
        rejected: log.set().rejected_since(0).map(rejected).collect(),
        digest: log.set().digest().clone(),
        workers: workers(config, &log)?,
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&status).map_err(Failure::reach)?);
    } else {
        print(&status);
    }
    if let Some(warning) = warning.flatten() {
        eprintln!("warning: {warning}");
    }
    let differing: Vec<&str> =
        status.workers.iter().filter(|worker| worker.state == "differs").map(|worker| worker.worker.as_str()).collect();
    if differing.is_empty() {
        return Ok(());
    }
    Err(Failure::finding(format!(
        "{} know other policies than this configuration names: another build, or policy files here and the log there",
        differing.join(", ")
    )))
}

fn versions(log: &PolicyLog, at: EventTime) -> Vec<Version> {
    let set = log.set();
    let in_force = set.in_force(at).map(|policy| policy.version.clone());
    let mut rows = Vec::new();
    for policy in set.versions() {
        let published = log.entries.iter().find_map(|entry| {
            let record = entry.record.as_ref()?;
            (record.version == policy.version && record.hash == policy.hash).then_some((entry.offset, record))
        });
        let state = match policy.effective_from > at {
            true => "coming",
            false if in_force.as_ref() == Some(&policy.version) => "in_force",
            false => "past",
        };
        rows.push(Version {
            version: policy.version.clone(),
            hash: policy.hash.clone(),
            effective_from: policy.effective_from.to_string(),
            state,
            offset: published.map(|(offset, _)| offset),
            again: published.and_then(|(_, record)| record.again.clone()),
            published_at: published.map(|(_, record)| record.published_at.to_string()),
        });
    }
    rows
}

fn rejected(rejected: &crate::policy::Rejected) -> Rejected {
    Rejected { offset: rejected.offset, version: rejected.version.clone(), detail: rejected.detail.clone() }
}

/// The newest journal entry of each shard, by the worker that wrote it.
fn workers(config: &Config, log: &PolicyLog) -> Result<Vec<Worker>, Failure> {
    let mut decoder = Decoder::open(config)?;
    let mut newest: BTreeMap<(StageName, i32), JournalEntry> = BTreeMap::new();
    let since = Part::since(wall().plus_ms(-SILENT_MS_MAX));
    read(config, &config.topics().name(Topic::Journal), None, since, |seen| {
        if let Some(Ok(entry)) = seen.value.map(|value| decoder.decode::<JournalEntry>(Schema::Journal, value)) {
            newest.insert((entry.stage, entry.shard), entry);
        }
    })?;
    let mut by_worker: BTreeMap<(Text, StageName), Vec<JournalEntry>> = BTreeMap::new();
    for entry in newest.into_values() {
        by_worker.entry((entry.writer.clone(), entry.stage)).or_default().push(entry);
    }
    let end = log.set().next();
    let row = |((worker, stage), entries): ((Text, StageName), Vec<JournalEntry>)| {
        let oldest = entries.iter().min_by_key(|entry| entry.policy_offset)?;
        let digest = oldest.policy_digest.clone().unwrap_or_default();
        // A worker with files beside workers with the log knows something else, whatever is in them.
        let alike = oldest.policy_offset.is_some() == end.is_some();
        let expected = oldest.policy_offset.map_or_else(|| log.set(), |next| log.set_at(next));
        let state = match oldest.policy_offset {
            _ if !alike || *expected.digest() != digest => "differs",
            next if next < end => "behind",
            _ => "current",
        };
        let (shards, at) = (entries.len(), oldest.now.to_string());
        Some(Worker { worker, stage, shards, policy_offset: oldest.policy_offset, digest, state, at })
    };
    Ok(by_worker.into_iter().filter_map(row).collect())
}

fn shown(offset: Option<i64>) -> String {
    offset.map_or_else(|| "-".to_owned(), |offset| offset.to_string())
}

fn print(status: &Status) {
    let room = status.versions_left.map_or_else(String::new, |left| format!(", room for {left} more versions"));
    println!("as of {}, digest {}{room}", status.at, status.digest);
    println!("{:16}  {:9}  {:24}  {:>6}  {:32}  again", "version", "state", "effective from", "offset", "hash");
    for row in &status.versions {
        let (again, offset) = (row.again.as_deref().unwrap_or(""), shown(row.offset));
        let Version { version, state, effective_from, hash, .. } = row;
        println!("{version:16}  {state:9}  {effective_from:24}  {offset:>6}  {hash:32}  {again}");
    }
    for Rejected { offset, version, detail } in &status.rejected {
        println!("never in force: offset {offset}, version `{version}`: {detail}");
    }
    println!("\n{:32}  {:8}  {:>6}  {:>6}  {:16}  state", "worker", "stage", "shards", "offset", "digest");
    for row in &status.workers {
        let offset = shown(row.policy_offset);
        let Worker { worker, shards, digest, state, .. } = row;
        println!("{worker:32}  {:8}  {shards:>6}  {offset:>6}  {digest:16}  {state}", row.stage.to_string());
    }
}
