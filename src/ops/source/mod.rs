//! Reading files in event-time order: every row through its mapping into encoded events.
//!
//! Order: event time, then file (as given), then line, then the place of the event within its row. What cannot be read is
//! rejected with file and line and reading goes on; a file that cannot be opened, or lacks a column, stops everything.

mod csv;
mod json;
mod open;
mod pump;
mod report;
mod rows;
mod sort;
mod window;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

pub use report::{FileReport, Rejected, Report};

use super::mapping::{Mapping, Problems};
use crate::domain::{EventTime, Text};
use crate::wire::{Schema, SchemaIds};
use pump::Pump;
use sort::{Merged, Sorter};

/// How files are read.
#[derive(Clone, Debug)]
pub struct Options {
    /// In event-time order over all files; else in the order of files and lines.
    pub sorted: bool,
    /// Most events that are sorted in memory; above it they are sorted on disk (temporary directory).
    pub sort_rows_in_memory_max: usize,
    /// Most rejected rows that the report keeps; [`Watch::rejected`] sees all of them.
    pub rejected_kept_max: usize,
    pub schema_ids: SchemaIds,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sorted: true,
            sort_rows_in_memory_max: 1_000_000,
            rejected_kept_max: 20,
            schema_ids: SchemaIds::default(),
        }
    }
}

/// Looks on while files are read.
pub trait Watch: Send {
    /// A row was rejected.
    fn rejected(&mut self, _row: &Rejected) {}
    /// So many bytes of all files have been read from disk; called every few thousand rows and at the end of a file.
    fn progress(&mut self, _read_bytes: u64, _total_bytes: u64) {}
}

/// Nobody looks on.
pub struct Unwatched;
impl Watch for Unwatched {}

/// One event of one row, encoded in Confluent framing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowEvent {
    pub event_time: EventTime,
    pub schema: Schema,
    /// The record key: the customer token.
    pub key: Text,
    pub value: Vec<u8>,
    /// Position of the file among those given, from 0.
    pub file: u32,
    /// Physical line on which the row starts, from 1.
    pub line: u64,
    /// Position of the event among those of its row, from 0.
    pub place: u32,
}

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The mapping does not fit the file.
    #[error(transparent)]
    Mapping(#[from] Problems),
    #[error("{file}: {error}; check path, rights and, for gzip, that the file is whole")]
    File { file: String, error: io::Error },
    #[error("{file}: no mapping reads it; give a mapping whose `files` fit the name")]
    NoMapping { file: String },
    #[error("sorting on disk: {0}; check the free space of the temporary directory")]
    Sort(io::Error),
}

/// The events of a set of files, one after the other.
pub struct SourceSet {
    pump: Pump,
    order: Ordered,
}

enum Ordered {
    Sorted(Box<Merged>),
    AsIs(VecDeque<RowEvent>),
}

impl SourceSet {
    /// Opens the files. With several mappings, the first whose `files` fit a file's name reads it; a single one reads all.
    /// When sorted, everything is read here, and [`Self::report`] is complete afterwards.
    pub fn open(
        mappings: Vec<Mapping>,
        files: &[PathBuf],
        options: Options,
        watch: Box<dyn Watch>,
    ) -> Result<Self, SourceError> {
        let (sorted, rows_max) = (options.sorted, options.sort_rows_in_memory_max);
        let mut pump = Pump::new(mappings, files, options, watch)?;
        if !sorted {
            return Ok(Self { pump, order: Ordered::AsIs(VecDeque::new()) });
        }
        let mut sorter = Sorter::new(rows_max);
        let mut events = VecDeque::new();
        while pump.next_row(&mut events)? {
            for event in events.drain(..) {
                sorter.push(event).map_err(SourceError::Sort)?;
            }
        }
        let merged = sorter.finish().map_err(SourceError::Sort)?;
        Ok(Self { pump, order: Ordered::Sorted(Box::new(merged)) })
    }

    /// What was read so far.
    pub fn report(&self) -> &Report {
        &self.pump.report
    }

    /// The path of a file by its position.
    pub fn file(&self, file: u32) -> Option<&Path> {
        self.pump.file(file as usize)
    }
}

impl Iterator for SourceSet {
    type Item = Result<RowEvent, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.order {
            Ordered::Sorted(merged) => merged.next().map(|event| event.map_err(SourceError::Sort)),
            Ordered::AsIs(events) => loop {
                if let Some(event) = events.pop_front() {
                    return Some(Ok(event));
                }
                match self.pump.next_row(events) {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(error) => {
                        self.pump.stop();
                        return Some(Err(error));
                    }
                }
            },
        }
    }
}
