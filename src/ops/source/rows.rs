//! The rows of one open file, laid out as its mapping says.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::SourceError;
use super::csv::{self, Dialect, Fields, Next};
use super::json::{self, Paths};
use super::open::open;
use super::window::Window;
use crate::ops::mapping::{Format, Mapping, Row};

/// What comes next in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The row is filled; it starts on this line.
    Row(u64),
    Rejected(u64, String),
    End,
}

/// An open file.
pub(super) struct Rows {
    window: Window,
    columns: usize,
    layout: Laid,
}

enum Laid {
    Csv {
        dialect: Dialect,
        fields: Fields,
        /// Fields of a record.
        width: usize,
        /// Where each column of the mapping stands.
        places: Vec<usize>,
    },
    JsonLines(Paths),
}

impl Rows {
    /// Opens a file and reads its header; `count` grows by the bytes read.
    pub fn open(path: &Path, mapping: &Mapping, count: Arc<AtomicU64>) -> Result<Self, SourceError> {
        let file = path.display().to_string();
        let layout = mapping.layout();
        let failed = |error| SourceError::File { file: file.clone(), error };
        let mut window = Window::new(open(path, layout.encoding, count).map_err(failed)?);
        for _ in 0..layout.skip_lines {
            window.skip_line().map_err(failed)?;
        }
        let columns = mapping.columns().count();
        if layout.format == Format::JsonLines {
            return Ok(Self { window, columns, layout: Laid::JsonLines(Paths::of(mapping.columns())) });
        }
        let dialect = Dialect { delimiter: layout.delimiter, quote: layout.quote, escape: layout.escape };
        let mut fields = Fields::default();
        let header = if layout.header {
            header(&mut window, dialect, &mut fields).map_err(failed)?
        } else {
            layout.names.clone()
        };
        let names: Vec<&str> = header.iter().map(String::as_str).collect();
        let places = mapping.places(&file, &names)?;
        Ok(Self { window, columns, layout: Laid::Csv { dialect, fields, width: header.len(), places } })
    }

    /// The number of cells of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Fills the row with the next record.
    pub fn next(&mut self, mapping: &Mapping, row: &mut Row) -> io::Result<Step> {
        match &mut self.layout {
            Laid::Csv { dialect, fields, width, places } => Ok(match csv::next(&mut self.window, *dialect, fields)? {
                Next::End => Step::End,
                Next::Broken(line, reason) => Step::Rejected(line, reason),
                Next::Record(line) => match fill(fields, *width, places, mapping, row) {
                    Ok(()) => Step::Row(line),
                    Err(reason) => Step::Rejected(line, reason),
                },
            }),
            Laid::JsonLines(paths) => next_line(&mut self.window, paths, mapping, row),
        }
    }
}

fn header(window: &mut Window, dialect: Dialect, fields: &mut Fields) -> io::Result<Vec<String>> {
    let unreadable = |reason: String| io::Error::new(io::ErrorKind::InvalidData, format!("the header: {reason}"));
    match csv::next(window, dialect, fields)? {
        Next::Record(_) => Ok(fields.texts().map_err(unreadable)?.map(|name| name.trim().to_owned()).collect()),
        Next::Broken(_, reason) => Err(unreadable(reason)),
        Next::End => Err(unreadable("the file is empty".to_owned())),
    }
}

fn fill(fields: &Fields, width: usize, places: &[usize], mapping: &Mapping, row: &mut Row) -> Result<(), String> {
    if fields.len() != width {
        return Err(format!("{} fields, expected {width}", fields.len()));
    }
    let texts: smallvec::SmallVec<[&str; 64]> = fields.texts()?.collect();
    for (column, place) in places.iter().enumerate() {
        if let Some(text) = texts.get(*place) {
            mapping.set(row, column, text);
        }
    }
    Ok(())
}

fn next_line(window: &mut Window, paths: &Paths, mapping: &Mapping, row: &mut Row) -> io::Result<Step> {
    loop {
        let line = window.line;
        let Some((content, whole)) = window.line_lengths()? else {
            window.skip_line()?;
            return Ok(Step::Rejected(line, "the line is too long".to_owned()));
        };
        if whole == 0 {
            return Ok(Step::End);
        }
        let bytes = window.rest().get(..content).unwrap_or_default();
        let blank = bytes.iter().all(u8::is_ascii_whitespace);
        let filled = if blank { Ok(()) } else { json::fill(bytes, paths, mapping, row) };
        window.advance(whole);
        if !blank {
            return Ok(filled.map_or_else(|reason| Step::Rejected(line, reason), |()| Step::Row(line)));
        }
    }
}
