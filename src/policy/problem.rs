//! What is wrong with a policy document, said so that its author can mend it.

use std::fmt;

/// A place in a document; line and column count characters from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which file of the document, from 0.
    pub part: usize,
    pub line: usize,
    pub column: usize,
}

/// One problem: where, what was found, what was expected, what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    pub place: Place,
    pub found: String,
    pub expected: String,
    pub next: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column, .. } = self.place;
        write!(f, "{}:{line}:{column}: found {}, expected {}; {}", self.file, self.found, self.expected, self.next)
    }
}

impl std::error::Error for Problem {}
