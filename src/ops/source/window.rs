//! A bounded window on a text, which knows its physical line and can give a line up.

use std::io::{self, Read};

/// Longest record, bytes: one that does not end within is given up. The window may hold twice as much.
pub(super) const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;
const READ_BYTES: usize = 64 * 1024;

/// The bytes from the start of the next record on.
pub(super) struct Window {
    source: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    /// The physical line of the window's first byte, from 1.
    pub line: u64,
    ended: bool,
}

impl Window {
    pub fn new(source: Box<dyn Read + Send>) -> Self {
        Self { source, bytes: Vec::new(), start: 0, line: 1, ended: false }
    }

    /// What is there so far.
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// True when nothing follows [`Self::rest`].
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Reads on; false when the text has ended or the window is full.
    pub fn more(&mut self) -> io::Result<bool> {
        if self.ended || self.rest().len() >= RECORD_BYTES_MAX {
            return Ok(false);
        }
        self.bytes.drain(..self.start);
        self.start = 0;
        let filled = self.bytes.len();
        // Twice as much each time, so that a long record is not searched from its start for every block.
        self.bytes.resize(filled + READ_BYTES.max(filled), 0);
        let read = loop {
            match self.source.read(self.bytes.get_mut(filled..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.bytes.truncate(filled + *read.as_ref().unwrap_or(&0));
        self.ended = read? == 0;
        Ok(!self.ended)
    }

    /// Moves on by so many bytes of [`Self::rest`].
    pub fn advance(&mut self, bytes: usize) {
        let passed = self.rest().get(..bytes).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.start = (self.start + bytes).min(self.bytes.len());
    }

    /// Gives up the rest of the physical line.
    pub fn skip_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(end) = self.rest().iter().position(|byte| *byte == b'\n') {
                self.advance(end + 1);
                return Ok(());
            }
            self.advance(self.rest().len());
            if !self.more()? {
                return Ok(());
            }
        }
    }

    /// The length of the physical line without its end, and with it; `None` when the line is longer than the window.
    pub fn line_lengths(&mut self) -> io::Result<Option<(usize, usize)>> {
        let mut searched = 0;
        loop {
            let rest = self.rest();
            if let Some(end) = rest.iter().skip(searched).position(|byte| *byte == b'\n') {
                let end = searched + end;
                let content = if end > 0 && rest.get(end - 1) == Some(&b'\r') { end - 1 } else { end };
                return Ok(Some((content, end + 1)));
            }
            searched = rest.len();
            if !self.more()? {
                return Ok(self.ended.then_some((searched, searched)));
            }
        }
    }
}
