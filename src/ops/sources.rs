//! What `local` and `load` share: mappings, files, and the report of what could not be read.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::exit::Failure;
use super::mapping::Mapping;
use super::source::{Options, Rejected, Report, SourceError, SourceSet, Watch};
use crate::wire::SchemaIds;

/// Reads the mappings and opens the files. Rejected rows go to `rejected_to` where given; progress goes to standard error.
pub fn open(
    mappings: &[PathBuf],
    files: &[PathBuf],
    sorted: bool,
    rejected_to: Option<&Path>,
    schema_ids: SchemaIds,
) -> Result<SourceSet, Failure> {
    let mut parsed = Vec::with_capacity(mappings.len());
    for file in mappings {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::input(format!("{name}: {error}; --mapping takes a mapping file")))?;
        parsed.push(Mapping::parse(&name, &text).map_err(Failure::input)?);
    }
    let watch = Watching::new(rejected_to)?;
    SourceSet::open(parsed, files, Options { sorted, schema_ids, ..Options::default() }, Box::new(watch))
        .map_err(failure)
}

/// What a reading error means for the command.
pub fn failure(error: SourceError) -> Failure {
    match error {
        SourceError::Sort(_) => Failure::reach(error),
        SourceError::Mapping(_) | SourceError::File { .. } | SourceError::NoMapping { .. } => Failure::input(error),
    }
}

/// Says what was read, ignored and rejected; standard error.
pub fn tell(report: &Report) {
    for (mapping, field, why) in &report.proxies {
        eprintln!("{mapping}: {field} is a proxy: {why}");
    }
    for file in &report.files {
        let events: u64 = file.events.values().sum();
        eprintln!(
            "{}: {} rows, {events} events, {} rows ignored, {} rejected",
            file.file, file.rows, file.ignored, file.rejected
        );
    }
    for row in &report.rejected {
        eprintln!("rejected {row}");
    }
    let more = report.rejected_total().saturating_sub(report.rejected.len() as u64);
    if more > 0 {
        eprintln!("… and {more} more rejected rows");
    }
}

/// A progress bar on a terminal, and the file of rejected rows.
struct Watching {
    bar: ProgressBar,
    rejected: Option<BufWriter<File>>,
}

impl Watching {
    fn new(rejected_to: Option<&Path>) -> Result<Self, Failure> {
        let create = |path: &Path| {
            File::create(path)
                .map(BufWriter::new)
                .map_err(|error| Failure::reach(format!("{}: {error}", path.display())))
        };
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("reading {wide_bar} {bytes}/{total_bytes} {eta}") {
            bar.set_style(style);
        }
        Ok(Self { bar, rejected: rejected_to.map(create).transpose()? })
    }
}

impl Watch for Watching {
    fn rejected(&mut self, row: &Rejected) {
        if let Some(out) = &mut self.rejected
            && let Ok(line) = serde_json::to_string(row)
            && let Err(error) = writeln!(out, "{line}")
        {
            eprintln!("the file of rejected rows: {error}");
        }
    }

    fn progress(&mut self, read_bytes: u64, total_bytes: u64) {
        self.bar.set_length(total_bytes);
        self.bar.set_position(read_bytes);
        if read_bytes >= total_bytes {
            self.bar.finish_and_clear();
        }
    }
}
