//! The policy log as a command sees it: every record, the policies they make, and how far the workers' time has come.

use std::sync::Arc;

use crate::bus::Topic;
use crate::config::{ClockKind, Config};
use crate::domain::view::PartnerView;
use crate::domain::{EventTime, PolicyRecord};
use crate::ops::exit::Failure;
use crate::ops::reading::{Decoder, Part, read};
use crate::ops::schemas;
use crate::policy::PolicySet;
use crate::wire::Schema;
use crate::worker::clock::wall;
use crate::worker::follower::PolicyReader;

/// A record of the log.
pub struct Entry {
    pub offset: i64,
    /// None where it is no record of ours.
    pub record: Option<PolicyRecord>,
}

/// The whole log.
pub struct PolicyLog {
    pub entries: Vec<Entry>,
    /// The policies known after each record: of entry n, with what came before it.
    pub sets: Vec<PolicySet>,
}

impl PolicyLog {
    pub fn read(config: &Config) -> Result<Self, Failure> {
        let (ids, registry) = schemas::known(config)?;
        let mut reader = PolicyReader::new(Arc::new(ids), registry);
        let (mut entries, mut sets, mut set) = (Vec::new(), Vec::new(), PolicySet::of_log());
        read(config, &config.topics().name(Topic::Policies), None, Part::ALL, |seen| {
            let (known, record) = reader.waits_with(&set, seen.offset, seen.value);
            entries.push(Entry { offset: seen.offset, record });
            sets.push(known.clone());
            set = known;
        })?;
        Ok(Self { entries, sets })
    }

    /// No log: policies from files.
    pub fn of_files(set: PolicySet) -> Self {
        Self { entries: Vec::new(), sets: vec![set] }
    }

    /// What is known after the last record.
    pub fn set(&self) -> PolicySet {
        self.sets.last().cloned().unwrap_or_else(PolicySet::of_log)
    }

    /// What is known to who has read the log up to that offset.
    pub fn set_at(&self, next: i64) -> PolicySet {
        let known = self.sets.iter().rev().find(|set| set.next().is_some_and(|own| own <= next));
        known.cloned().unwrap_or_else(PolicySet::of_log)
    }

    /// The accepted record of a version.
    pub fn version(&self, version: &str) -> Option<&PolicyRecord> {
        let set = self.set();
        let policy = set.versions().find(|policy| policy.version == version)?;
        let mut records = self.entries.iter().filter_map(|entry| entry.record.as_ref());
        records.find(|record| record.version == policy.version && record.hash == policy.hash)
    }
}

/// How far the workers' time has come: the newest event and `now` that the partners' views tell, and by a wall clock also
/// now. None when no worker has seen anything yet.
pub fn newest_seen(config: &Config) -> Result<Option<EventTime>, Failure> {
    let mut decoder = Decoder::open(config)?;
    let mut newest: Option<EventTime> = None;
    read(config, &config.topics().name(Topic::Partners), None, Part::ALL, |seen| {
        if let Some(Ok(view)) = seen.value.map(|value| decoder.decode::<PartnerView>(Schema::PartnerView, value)) {
            newest = newest.max(Some(view.at)).max(view.last_event_at);
        }
    })?;
    let by_wall = config.clock.kind == ClockKind::Wall;
    Ok(newest.map(|newest| if by_wall { newest.max(wall()) } else { newest }))
}
