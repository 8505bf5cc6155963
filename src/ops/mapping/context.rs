//! What is known while a mapping document is read: problems so far, columns named, formats declared.

use jiff::tz::TimeZone;

use super::money::MoneyFormat;
use super::problem::{At, Checker};
use super::times::TimeFormat;
use super::tree::Node;

/// The columns a mapping names, each once, with the first place that names it.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns(Vec<(String, At)>);

impl Columns {
    /// The number of a column; a new name gets the next one.
    pub fn index(&mut self, name: &str, at: At) -> usize {
        self.0.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.0.push((name.to_owned(), at));
            self.0.len() - 1
        })
    }

    pub fn name(&self, column: usize) -> &str {
        self.0.get(column).map_or("", |(name, _)| name.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, At)> {
        self.0.iter().map(|(name, at)| (name.as_str(), *at))
    }
}

/// The formats that the fields refer to.
#[derive(Clone, Debug)]
pub(super) struct Formats {
    pub zone: TimeZone,
    pub times: Vec<(String, TimeFormat)>,
    pub money: Option<MoneyFormat>,
}

/// Handed down while the events are read.
pub(super) struct Context<'c, 'f> {
    pub checker: &'c mut Checker<'f>,
    pub columns: &'c mut Columns,
    pub formats: &'c Formats,
    /// Short constants of free-text fields and their places: one that is the name of a column was meant as the column.
    pub constants: Vec<(String, At)>,
}

impl Context<'_, '_> {
    /// The number of the column that a scalar names.
    pub fn column(&mut self, node: &Node) -> Option<usize> {
        match node.scalar().filter(|name| !name.is_empty()) {
            Some(name) => Some(self.columns.index(name, node.at)),
            None => {
                self.checker.wrong(
                    node.at,
                    format!("found {}, expected the name of a column; write it as in the header", node.found()),
                );
                None
            }
        }
    }

    /// The time format of that name, or the default one.
    pub fn time(&mut self, node: Option<&Node>) -> Option<TimeFormat> {
        let name = node.map_or(Some("default"), Node::scalar).unwrap_or_default();
        let found = self.formats.times.iter().find(|(known, _)| known == name).map(|(_, format)| format.clone());
        match (found, node) {
            (Some(format), _) => Some(format),
            (None, None) => Some(TimeFormat::iso(self.formats.zone.clone())),
            (None, Some(node)) => {
                let known: Vec<&str> = self.formats.times.iter().map(|(known, _)| known.as_str()).collect();
                let known = if known.is_empty() {
                    "which has none".to_owned()
                } else {
                    format!("which has: {}", known.join(", "))
                };
                self.checker.wrong(
                    node.at,
                    format!(
                        "found the time format {}, expected one that `times` declares, {known}; declare it there",
                        node.found()
                    ),
                );
                None
            }
        }
    }
}
