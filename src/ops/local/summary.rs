//! The summary of a run over files, as `summary.json` and in words.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Serialize;

use super::files::Counts;
use crate::domain::fate::FateCounts;
use crate::domain::{EventTime, Text};
use crate::ops::source::Report;

/// Everything counted in a run.
#[derive(Debug, Serialize)]
pub struct Summary<'a> {
    rows: u64,
    rows_ignored: u64,
    rows_rejected: u64,
    /// Events made from rows: applied + duplicate + late + ignored + dead_lettered.
    consumed: i64,
    #[serde(flatten)]
    fates: FateCounts,
    dead_letters: &'a BTreeMap<&'static str, u64>,
    /// Highest event time, to which the panes are read.
    as_of: String,
    panes: u64,
    candidates: u64,
    revoked: u64,
    expired: u64,
    decisions: &'a BTreeMap<&'static str, u64>,
    /// Noes by failing code.
    reasons: &'a BTreeMap<Text, u64>,
    files: &'a Report,
}

impl<'a> Summary<'a> {
    pub fn new(report: &'a Report, fates: FateCounts, as_of: EventTime, counts: &'a Counts) -> Self {
        Self {
            rows: report.rows(),
            rows_ignored: report.ignored(),
            rows_rejected: report.rejected_total(),
            consumed: fates.consumed(),
            fates,
            dead_letters: &counts.dead_letters,
            as_of: as_of.to_string(),
            panes: counts.panes,
            candidates: counts.candidates,
            revoked: counts.revoked,
            expired: counts.expired,
            decisions: &counts.decisions,
            reasons: &counts.reasons,
            files: report,
        }
    }

    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        std::fs::write(path, text)
    }

    /// What happened, to standard error.
    pub fn tell(&self, out: &Path) {
        let FateCounts { applied, duplicate, late, ignored, dead_lettered } = self.fates;
        eprintln!(
            "{} events up to {}: {applied} applied, {duplicate} duplicate, {late} late, {ignored} ignored, {dead_lettered} dead-lettered",
            self.consumed, self.as_of
        );
        eprintln!(
            "{} panes, {} candidates, {} noes; results in {}",
            self.panes,
            self.candidates,
            self.noes(),
            out.display()
        );
    }

    fn noes(&self) -> u64 {
        self.decisions.get("no").copied().unwrap_or(0)
    }
}
