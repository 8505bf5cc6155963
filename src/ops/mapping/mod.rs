//! Mappings: which column of a file is what, so that its rows become events (`docs/mapping.md`).
//!
//! A [`Mapping`] is a checked YAML document. [`Mapping::events`] turns one [`Row`] into its events, which borrow from row and
//! mapping; there are no joins: a row knows nothing of other rows. Pure: files are read by [`super::source`].

mod application;
mod context;
mod customer;
mod decimal;
mod document;
mod field;
mod id;
mod keys;
mod layout;
mod money;
mod parts;
mod problem;
mod reading;
mod repayment;
mod row;
mod source;
mod times;
mod tree;
mod when;

pub use layout::{Format, Layout};
pub use problem::{At, Problem, Problems};
pub use row::Row;

use application::ApplicationFields;
use context::Columns;
use customer::{CustomerFields, OutcomeFields};
use field::Miss;
use problem::{Checker, did_you_mean};
use repayment::RepaymentFields;
use when::When;

use crate::domain::events::Event;

/// A checked mapping document.
#[derive(Clone, Debug)]
pub struct Mapping {
    file: String,
    name: String,
    patterns: Vec<String>,
    layout: Layout,
    proxies: Vec<(String, String)>,
    columns: Columns,
    constants: Vec<(String, At)>,
    when: When,
    rules: Vec<Rule>,
}

/// One event that a row may give.
#[derive(Clone, Debug)]
struct Rule {
    when: When,
    fields: Fields,
}

#[derive(Clone, Debug)]
enum Fields {
    Application(Box<ApplicationFields>),
    Repayment(Box<RepaymentFields>),
    Customer(Box<CustomerFields>),
    Outcome(Box<OutcomeFields>),
}

/// What one row gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Number of events; 0: the row is ignored.
    pub events: usize,
    /// The origin and value for which the map of some `kind` has no entry.
    pub unmapped: Option<(String, String)>,
}

impl Mapping {
    /// Reads and checks a document; `file` is its name in problems.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let mut checker = Checker::new(file);
        let mapping = tree::read(text, &mut checker).and_then(|root| document::read(file, &root, &mut checker));
        checker.finish(mapping)
    }

    /// The name that goes into event ids.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands for something that the data does not have: a field and a sentence each.
    pub fn proxies(&self) -> &[(String, String)] {
        &self.proxies
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The columns of a row, in the order of its cells.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name)
    }

    /// Whether the patterns of `files` fit a file name; without patterns every name fits.
    pub fn reads(&self, file_name: &str) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| layout::fits(pattern, file_name))
    }

    /// Where each column of the mapping stands in a file of these columns.
    pub fn places(&self, file: &str, header: &[&str]) -> Result<Vec<usize>, Problems> {
        let mut checker = Checker::new(&self.file);
        let mut places = Vec::new();
        for (name, at) in self.columns.iter() {
            let mut found = header.iter().enumerate().filter(|(_, title)| **title == name).map(|(place, _)| place);
            match (found.next(), found.next()) {
                (Some(place), None) => places.push(place),
                (Some(_), Some(_)) => {
                    checker.wrong(
                        at,
                        format!(
                            "found column \"{name}\" twice in {file}, expected it once; rename one of them in the file"
                        ),
                    );
                }
                (None, _) => {
                    let near = did_you_mean(name, header.iter().copied());
                    let has = header.iter().take(40).copied().collect::<Vec<_>>().join(", ");
                    checker.wrong(
                        at,
                        format!("found column \"{name}\"{near}, expected a column of {file}, which has: {has}; correct the name"),
                    );
                }
            }
        }
        for (text, at) in self.constants.iter().filter(|(text, _)| header.contains(&text.as_str())) {
            let meant = format!("write \"{{{text}}}\" for the column, or {{const: {text}}} for the text itself");
            checker.wrong(
                *at,
                format!("found the constant \"{text}\", which is a column of {file}, expected it to be clear; {meant}"),
            );
        }
        checker.finish(Some(places))
    }

    /// Sets a cell of a row: trimmed, and absent when it is one of the nulls.
    pub fn set(&self, row: &mut Row, column: usize, text: &str) {
        if let Some(text) = self.layout.cell(text) {
            row.set(column, text);
        }
    }

    /// Gives each event of the row to `emit`, in the order of `events`. On an error the row is rejected as a whole, and
    /// what was emitted before is to be forgotten; the sentence says what is wrong.
    pub fn events(&self, row: &Row, emit: &mut dyn FnMut(&Event<'_>)) -> Result<Made, String> {
        let mut made = Made::default();
        if !self.when.holds(row)? {
            return Ok(made);
        }
        for rule in &self.rules {
            if !rule.when.holds(row)? {
                continue;
            }
            let result = match &rule.fields {
                Fields::Application(fields) => fields.event(&self.name, row, emit),
                Fields::Repayment(fields) => fields.event(&self.name, row, emit),
                Fields::Customer(fields) => fields.event(&self.name, row, emit),
                Fields::Outcome(fields) => fields.event(&self.name, row, emit),
            };
            match result {
                Ok(()) => made.events += 1,
                Err(Miss::Unmapped { origin, value }) => made.unmapped = Some((origin, value)),
                Err(Miss::Wrong(why)) => return Err(why),
            }
        }
        Ok(made)
    }
}
