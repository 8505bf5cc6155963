//! The files of `local`: a contract, described in `docs/formats.md`. Nothing in them depends on clock or machine.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::engine::Listener;
use crate::bus::{Outgoing, Topic};
use crate::domain::candidate::CandidateStatus;
use crate::domain::counter::{Counter, Tally};
use crate::domain::decision::DecisionKind;
use crate::domain::view::{PartnerPane, Tile};
use crate::domain::words::Word;
use crate::domain::{CalendarDay, Candidate, DeadLetter, Decision, EventTime, Output, Text};
use crate::wire::{Schema, SchemaIds};

/// Counters of a pane that are written under their own name.
const FLOWS: [Counter; 10] = [
    Counter::Submitted,
    Counter::Approved,
    Counter::Declined,
    Counter::Cancelled,
    Counter::DrawdownRequested,
    Counter::DrawdownDisbursed,
    Counter::DrawdownDeclined,
    Counter::DrawdownDiverted,
    Counter::DrawdownCancelled,
    Counter::DrawdownTimedOut,
];

const DUE: [Counter; 2] = [Counter::InstalmentsDue, Counter::InstalmentsOpen];

const SETTLED: [(&str, Counter); 8] = [
    ("0", Counter::Settled0),
    ("1-3", Counter::Settled1To3),
    ("4-7", Counter::Settled4To7),
    ("8-15", Counter::Settled8To15),
    ("16-30", Counter::Settled16To30),
    ("31-60", Counter::Settled31To60),
    ("61-90", Counter::Settled61To90),
    ("90+", Counter::Settled90Plus),
];

/// What the run said, gathered or written as it comes.
pub struct Files {
    candidates: BufWriter<File>,
    decisions: BufWriter<File>,
    dead_letters: BufWriter<File>,
    /// In their last state, in the order of the file: by partner, tile (as text) and start.
    panes: BTreeMap<(Text, &'static str, EventTime), PartnerPane>,
    pub counts: Counts,
    /// The first thing that could not be written.
    failed: Option<io::Error>,
}

/// What is counted for the summary.
#[derive(Debug, Default)]
pub struct Counts {
    pub candidates: u64,
    pub revoked: u64,
    pub expired: u64,
    pub decisions: BTreeMap<&'static str, u64>,
    pub reasons: BTreeMap<Text, u64>,
    pub dead_letters: BTreeMap<&'static str, u64>,
    pub panes: u64,
}

impl Files {
    /// Creates the files in `dir`, over older ones.
    pub fn create(dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let create = |name: &str| File::create(dir.join(name)).map(BufWriter::new);
        Ok(Self {
            candidates: create("candidates.jsonl")?,
            decisions: create("decisions.jsonl")?,
            dead_letters: create("dead-letters.jsonl")?,
            panes: BTreeMap::new(),
            counts: Counts::default(),
            failed: None,
        })
    }

    /// Writes the panes as of `as_of` and closes everything.
    pub fn finish(mut self, dir: &Path, as_of: EventTime) -> io::Result<Counts> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut out = BufWriter::new(File::create(dir.join("partner-panes.jsonl"))?);
        for pane in self.panes.values().filter(|pane| !pane.cells.is_empty()) {
            line(&mut out, &PaneLine { pane, as_of: as_of.utc_day() })?;
            self.counts.panes += 1;
        }
        out.flush()?;
        self.candidates.flush()?;
        self.decisions.flush()?;
        self.dead_letters.flush()?;
        Ok(self.counts)
    }

    fn candidate(&mut self, candidate: &Candidate) -> io::Result<()> {
        match candidate.status {
            CandidateStatus::Active => self.counts.candidates += 1,
            CandidateStatus::Expired => self.counts.expired += 1,
            CandidateStatus::Revoked | CandidateStatus::Superseded => self.counts.revoked += 1,
        }
        line(&mut self.candidates, candidate)
    }

    fn decision(&mut self, decision: &Decision) -> io::Result<()> {
        *self.counts.decisions.entry(decision.kind.name()).or_default() += 1;
        if matches!(decision.kind, DecisionKind::No | DecisionKind::TooLate) {
            for reason in &decision.reasons {
                *self.counts.reasons.entry(reason.clone()).or_default() += 1;
            }
        }
        line(&mut self.decisions, decision)
    }

    fn dead_letter(&mut self, value: &[u8]) -> io::Result<()> {
        let letter: DeadLetter = SchemaIds::default()
            .decode(Schema::DeadLetter, value)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        *self.counts.dead_letters.entry(letter.class.name()).or_default() += 1;
        line(&mut self.dead_letters, &letter)
    }

    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }
}

impl Listener for Files {
    fn output(&mut self, output: &Output) {
        let written = match output {
            Output::Candidate(candidate) => self.candidate(candidate),
            Output::Decision(decision) => self.decision(decision),
            Output::Pane(pane) => {
                self.panes.insert((pane.partner.clone(), pane.tile.name(), pane.start), pane.as_ref().clone());
                Ok(())
            }
            Output::Bundle { .. } | Output::Reply { .. } | Output::View(_) | Output::Alert(_) => Ok(()),
        };
        self.note(written);
    }

    fn produced(&mut self, record: &Outgoing<'_>) {
        if let (Topic::DeadLetters, Some(value)) = (record.topic, record.value) {
            let written = self.dead_letter(value);
            self.note(written);
        }
    }
}

fn line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// One pane as a line of `partner-panes.jsonl`. Open first instalments count as late by the days past due on `as_of`.
pub struct PaneLine<'a> {
    pub pane: &'a PartnerPane,
    pub as_of: CalendarDay,
}

impl PaneLine<'_> {
    fn tally(&self, counter: Counter) -> Tally {
        let found = self.pane.cells.iter().find(|cell| cell.counter == counter);
        found.map(|cell| cell.tally).unwrap_or_default()
    }

    fn first_late(&self, days: i32, counter: Counter) -> Tally {
        let mut sum = self.tally(counter);
        if self.as_of.days_since(self.pane.start.utc_day()) >= days {
            sum.add(self.tally(Counter::FirstOpen));
        }
        sum
    }
}

impl Serialize for PaneLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("partner", &self.pane.partner)?;
        map.serialize_entry("tile", self.pane.tile.name())?;
        map.serialize_entry("start", &self.pane.start.to_string())?;
        for counter in FLOWS {
            map.serialize_entry(counter.name(), &self.tally(counter))?;
        }
        if self.pane.tile == Tile::Day {
            for counter in DUE {
                map.serialize_entry(counter.name(), &self.tally(counter))?;
            }
            map.serialize_entry(
                "settled_by_days_late",
                &Ordered(SETTLED.map(|(days, c)| (days.to_owned(), self.tally(c)))),
            )?;
            let late = Counter::FIRST_LATE.map(|(days, c)| (days.to_string(), self.first_late(days, c)));
            map.serialize_entry("first_instalment_late", &Ordered(late))?;
        }
        map.end()
    }
}

/// An object whose keys stay in the order given.
struct Ordered<const N: usize>([(String, Tally); N]);

impl<const N: usize> Serialize for Ordered<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, tally)| (name, tally)))
    }
}
