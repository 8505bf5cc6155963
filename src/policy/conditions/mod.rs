//! Conditions of a document's own rules: a small, typed, bounded part of CEL.
//!
//! A condition is read and checked once, when its document is: every name, every type, every unit. What is left cannot run
//! without end (no comprehension, no macro, no function but `known`), has no side effect, and answers true, false, or that a
//! variable it needs is not known.

mod check;
mod eval;
mod variables;

use std::sync::Arc;

use super::{Facts, ProblemCode};
use crate::domain::Text;
pub use variables::{ALL, Kind, ModelOf, Origin, Seen, Variable};

/// Longest condition, characters.
pub const LENGTH_MAX: usize = 512;
/// Most nodes of a condition: names, literals and operators together.
pub const NODES_MAX: usize = 96;
/// Deepest nesting of brackets and operators, levels.
pub const DEPTH_LEVELS_MAX: usize = 24;
/// Most items of a list such as `["r01", "r02"]`.
pub const ITEMS_MAX: usize = 64;

/// Checked expressions name a variable by one letter: its position in the table, from here on. No document can write these.
const SLOTS: u32 = 0xE000;
/// The same for the question whether a variable is known.
const KNOWN_SLOTS: u32 = 0xE800;

/// The name a checked expression gives to a variable, or to the question whether it is known.
fn slot(variable: &Variable, first: u32) -> Option<String> {
    let position = ALL.iter().position(|known| known.name == variable.name)?;
    char::from_u32(first + u32::try_from(position).ok()?).map(String::from)
}

/// The variable that a letter stands for.
fn at_slot(letter: char, first: u32) -> Option<&'static Variable> {
    ALL.get(usize::try_from(u32::from(letter).checked_sub(first)?).ok()?)
}

/// A condition that was checked when its document was read.
#[derive(Clone, Debug)]
pub struct Condition {
    text: Text,
    question: Arc<eval::Part>,
    reads: Vec<&'static Variable>,
}

/// What is wrong with a condition, and at which of its characters (from 0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub code: ProblemCode,
    pub at: usize,
    pub found: String,
    pub expected: String,
    pub next: String,
}

/// Why a condition has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// A variable it needs is not known.
    Missing(&'static str),
    /// A sum left the range of whole numbers, or something was divided by zero.
    Arithmetic,
}

impl Open {
    /// The subject of the check that says so.
    pub fn subject(self) -> &'static str {
        match self {
            Self::Missing(variable) => variable,
            Self::Arithmetic => "arithmetic",
        }
    }
}

impl Condition {
    /// Reads and checks a condition.
    pub fn compile(text: &str) -> Result<Self, Fault> {
        let checked = check::read(text)?;
        let question = eval::Part::of(&checked.expression).ok_or_else(check::unknown_part)?;
        Ok(Self { text: Text::from(text.trim()), question: Arc::new(question), reads: checked.reads })
    }

    /// The condition as it was written.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// The variables it reads, each once.
    pub fn reads(&self) -> &[&'static Variable] {
        &self.reads
    }

    /// The answer for these facts. `a || b` holds as soon as one of the two does, `a && b` fails as soon as one does; else
    /// what is not known leaves the question open.
    pub fn holds(&self, facts: &Facts<'_>) -> Result<bool, Open> {
        self.question.holds(facts)
    }

    /// True when the answer is no for somebody of whom nothing is known, instead of open: it asks whether something is known first.
    pub fn lets_the_unknown_through(&self) -> bool {
        self.question.with_nothing_known() == Some(false)
    }
}

#[cfg(test)]
mod tests;
