//! What is wrong with a mapping document: where, what was found, what was expected, what to do.

use std::fmt;

/// A place in the mapping document; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    pub line: u32,
    pub column: u32,
}

/// One thing that is wrong with a mapping document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    pub at: At,
    /// What was found, what was expected, what to do: one line.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.at.line, self.at.column, self.message)
    }
}

/// Everything that is wrong with one mapping document, in the order of its lines; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

/// Collects problems while a document is checked, so that one run names all of them.
pub(super) struct Checker<'a> {
    file: &'a str,
    found: Vec<Problem>,
}

impl<'a> Checker<'a> {
    pub fn new(file: &'a str) -> Self {
        Self { file, found: Vec::new() }
    }

    pub fn wrong(&mut self, at: At, message: impl Into<String>) {
        self.found.push(Problem { file: self.file.to_owned(), at, message: message.into() });
    }

    /// The value, or all that was found wrong.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Problems> {
        self.found.sort_by_key(|problem| problem.at);
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => Err(Problems(self.found)),
        }
    }
}

/// ` (did you mean "x"?)` for the known name nearest to what was found; nothing when none is near.
pub(crate) fn did_you_mean<'n>(found: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let found = found.to_lowercase();
    let near = known.into_iter().map(|name| (distance(&found, &name.to_lowercase()), name)).min_by_key(|(d, _)| *d);
    match near {
        Some((d, name)) if d <= 1 + found.chars().count() / 4 => format!(" (did you mean \"{name}\"?)"),
        _ => String::new(),
    }
}

/// Levenshtein's edit distance in characters (Levenshtein 1966), one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut last = i + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(&b) {
            last = (diagonal + usize::from(left != *right)).min(*cell + 1).min(last + 1);
            diagonal = std::mem::replace(cell, last);
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name_is_suggested_only_when_it_is_near() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(did_you_mean("custmer", ["partner", "customer"]), " (did you mean \"customer\"?)");
        assert_eq!(did_you_mean("xyz", ["partner", "customer"]), "");
    }
}
