//! File after file, row after row: each row through its mapping into encoded events, and into the report.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::report::{FileReport, Rejected, Report};
use super::rows::{Rows, Step};
use super::{Options, RowEvent, SourceError, Watch};
use crate::domain::Text;
use crate::domain::events::Event;
use crate::domain::words::Word;
use crate::ops::mapping::{Mapping, Row};
use crate::wire::{Schema, SchemaIds};

/// A file and the mapping that reads it.
struct Planned {
    path: PathBuf,
    mapping: usize,
}

/// Rows between two calls of [`Watch::progress`].
const PROGRESS_ROWS: u64 = 4_096;

/// Reads row after row, file after file.
pub(super) struct Pump {
    mappings: Vec<Mapping>,
    files: Vec<Planned>,
    options: Options,
    watch: Box<dyn Watch>,
    pub report: Report,
    total_bytes: u64,
    read_bytes: Arc<AtomicU64>,
    /// Position of the file that is read, and its rows once it is open.
    at: usize,
    rows: Option<Rows>,
    row: Row,
}

impl Pump {
    pub fn new(
        mappings: Vec<Mapping>,
        files: &[PathBuf],
        options: Options,
        watch: Box<dyn Watch>,
    ) -> Result<Self, SourceError> {
        let mut report = Report::default();
        for mapping in &mappings {
            let proxies =
                mapping.proxies().iter().map(|(field, why)| (mapping.name().to_owned(), field.clone(), why.clone()));
            report.proxies.extend(proxies);
        }
        let (mut planned, mut total_bytes) = (Vec::new(), 0);
        for path in files {
            let file = path.display().to_string();
            let title = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            let only = (mappings.len() == 1).then_some(0);
            let mapping = only.or_else(|| mappings.iter().position(|mapping| mapping.reads(&title)));
            let Some(mapping) = mapping else { return Err(SourceError::NoMapping { file }) };
            let meta = std::fs::metadata(path).map_err(|error| SourceError::File { file: file.clone(), error })?;
            total_bytes += meta.len();
            let name = mappings.get(mapping).map_or("", Mapping::name).to_owned();
            report.files.push(FileReport { file, mapping: name, ..FileReport::default() });
            planned.push(Planned { path: path.clone(), mapping });
        }
        Ok(Self {
            mappings,
            files: planned,
            options,
            watch,
            report,
            total_bytes,
            read_bytes: Arc::default(),
            at: 0,
            rows: None,
            row: Row::default(),
        })
    }

    /// The path of a file by its position.
    pub fn file(&self, position: usize) -> Option<&Path> {
        self.files.get(position).map(|file| file.path.as_path())
    }

    /// Reads nothing more.
    pub fn stop(&mut self) {
        self.at = self.files.len();
        self.rows = None;
    }

    /// Appends the events of the next row; false when all files are read.
    pub fn next_row(&mut self, events: &mut VecDeque<RowEvent>) -> Result<bool, SourceError> {
        loop {
            let Some(planned) = self.files.get(self.at) else { return Ok(false) };
            let (Some(mapping), Some(counts)) =
                (self.mappings.get(planned.mapping), self.report.files.get_mut(self.at))
            else {
                return Ok(false);
            };
            let failed = |error| SourceError::File { file: planned.path.display().to_string(), error };
            let rows = match &mut self.rows {
                Some(rows) => rows,
                closed => closed.insert(Rows::open(&planned.path, mapping, self.read_bytes.clone())?),
            };
            self.row.clear(rows.columns());
            let step = rows.next(mapping, &mut self.row).map_err(failed)?;
            let rejected = match step {
                Step::End => {
                    self.at += 1;
                    self.rows = None;
                    self.watch.progress(self.read_bytes.load(Ordering::Relaxed), self.total_bytes);
                    continue;
                }
                Step::Row(line) => {
                    let from = Coordinates { file: self.at as u32, line };
                    apply(mapping, &self.row, from, &self.options.schema_ids, counts, events)
                        .err()
                        .map(|reason| (line, reason))
                }
                Step::Rejected(line, reason) => Some((line, reason)),
            };
            counts.rows += 1;
            if let Some((line, reason)) = rejected {
                counts.rejected += 1;
                let rejected = Rejected { file: counts.file.clone(), line, reason };
                self.watch.rejected(&rejected);
                if self.report.rejected.len() < self.options.rejected_kept_max {
                    self.report.rejected.push(rejected);
                }
            } else if counts.rows % PROGRESS_ROWS == 0 {
                self.watch.progress(self.read_bytes.load(Ordering::Relaxed), self.total_bytes);
            }
            return Ok(true);
        }
    }
}

#[derive(Clone, Copy)]
struct Coordinates {
    file: u32,
    line: u64,
}

/// Appends and counts the events of one row; on an error none.
fn apply(
    mapping: &Mapping,
    row: &Row,
    from: Coordinates,
    ids: &SchemaIds,
    counts: &mut FileReport,
    events: &mut VecDeque<RowEvent>,
) -> Result<(), String> {
    let before = events.len();
    let mut kinds: smallvec::SmallVec<[(&str, &str); 8]> = smallvec::SmallVec::new();
    let made = mapping.events(row, &mut |event| {
        let place = kinds.len() as u32;
        kinds.push(names(event));
        events.extend(encode(event, ids, from, place));
    });
    match made {
        Err(reason) => {
            events.truncate(before);
            Err(reason)
        }
        Ok(made) => {
            for (event, kind) in kinds {
                *counts.events.entry(format!("{event} {kind}").trim_end().to_owned()).or_insert(0) += 1;
            }
            if made.events == 0 {
                counts.ignored += 1;
                if let Some((origin, value)) = &made.unmapped {
                    counts.unmapped(origin, value);
                }
            }
            Ok(())
        }
    }
}

fn names(event: &Event<'_>) -> (&'static str, &'static str) {
    match event {
        Event::Application(e) => ("application", e.kind.name()),
        Event::Repayment(e) => ("repayment", e.kind.name()),
        Event::Customer(_) => ("customer", ""),
        Event::Outcome(e) => ("outcome", e.kind.name()),
        Event::Command(e) => ("command", e.kind.name()),
    }
}

/// Header and body of an event; nothing for commands, which no mapping gives.
fn encode(event: &Event<'_>, ids: &SchemaIds, from: Coordinates, place: u32) -> Option<RowEvent> {
    let mut value = Vec::new();
    let schema = match event {
        Event::Application(e) => {
            ids.encode(Schema::Application, e, &mut value);
            Schema::Application
        }
        Event::Repayment(e) => {
            ids.encode(Schema::Repayment, e, &mut value);
            Schema::Repayment
        }
        Event::Customer(e) => {
            ids.encode(Schema::Customer, e, &mut value);
            Schema::Customer
        }
        Event::Outcome(e) => {
            ids.encode(Schema::Outcome, e, &mut value);
            Schema::Outcome
        }
        Event::Command(_) => return None,
    };
    let key = Text::from(event.customer()?);
    Some(RowEvent { event_time: event.event_time(), schema, key, value, file: from.file, line: from.line, place })
}
