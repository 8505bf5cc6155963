//! What reading gave: rows, events by kind, what was ignored and what was rejected, with their lines.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// Most values without an entry in a kind's map that are counted by name; the rest counts as `…`.
const UNMAPPED_VALUES_MAX: usize = 64;

/// A row that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejected {
    pub file: String,
    /// The physical line on which the row starts, from 1.
    pub line: u64,
    pub reason: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)
    }
}

/// Counts of one file; rows = with events + ignored + rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileReport {
    pub file: String,
    pub mapping: String,
    pub rows: u64,
    /// Rows that match no event of the mapping.
    pub ignored: u64,
    pub rejected: u64,
    /// Events by name and kind: `application submitted`, `repayment paid`, `customer`.
    pub events: BTreeMap<String, u64>,
    /// Rows by the values for which the map of a `kind` has no entry, by column.
    pub unmapped: BTreeMap<String, u64>,
}

/// What reading gave, file by file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub files: Vec<FileReport>,
    /// The first rejected rows; [`Report::rejected_total`] counts all of them.
    pub rejected: Vec<Rejected>,
    /// Declared proxies: mapping, field, sentence.
    pub proxies: Vec<(String, String, String)>,
}

impl Report {
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    pub fn ignored(&self) -> u64 {
        self.files.iter().map(|file| file.ignored).sum()
    }

    pub fn rejected_total(&self) -> u64 {
        self.files.iter().map(|file| file.rejected).sum()
    }

    /// Events by name and kind over all files.
    pub fn events(&self) -> BTreeMap<&str, u64> {
        let mut events = BTreeMap::new();
        for (kind, count) in self.files.iter().flat_map(|file| &file.events) {
            *events.entry(kind.as_str()).or_insert(0) += count;
        }
        events
    }
}

impl FileReport {
    pub(super) fn unmapped(&mut self, origin: &str, value: &str) {
        let mut key = format!("{origin}: {value}");
        if self.unmapped.len() >= UNMAPPED_VALUES_MAX && !self.unmapped.contains_key(&key) {
            key = "…".to_owned();
        }
        *self.unmapped.entry(key).or_insert(0) += 1;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            let events: u64 = file.events.values().sum();
            let (rows, ignored, rejected) = (file.rows, file.ignored, file.rejected);
            writeln!(
                f,
                "{} ({}): {rows} rows, {events} events, {ignored} ignored, {rejected} rejected",
                file.file, file.mapping
            )?;
            for (kind, count) in &file.events {
                writeln!(f, "  {kind}: {count}")?;
            }
            for (value, count) in &file.unmapped {
                writeln!(f, "  no event for {value}: {count}")?;
            }
        }
        for (mapping, field, sentence) in &self.proxies {
            writeln!(f, "proxy in {mapping}: {field}: {sentence}")?;
        }
        for rejected in &self.rejected {
            writeln!(f, "rejected {rejected}")?;
        }
        let more = self.rejected_total().saturating_sub(self.rejected.len() as u64);
        if more > 0 { writeln!(f, "rejected: {more} more rows") } else { Ok(()) }
    }
}
