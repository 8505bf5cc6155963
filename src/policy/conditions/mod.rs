//! Conditions of a document's own rules: a small, typed, bounded part of CEL.
//!
//! A condition is read and checked once, when its document is: every name, every type, every unit. What is left cannot run
//! without end (no comprehension, no macro, no function but `known`), has no side effect, and answers true, false, or that a
//! variable it needs is not known.

mod check;
mod variables;

use std::sync::{Arc, LazyLock};

use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, IdedExpr, Value};

use super::Facts;
use crate::domain::Text;
pub use variables::{ALL, Kind, ModelOf, Origin, Variable};

/// Longest condition, characters.
pub const LENGTH_MAX: usize = 512;
/// Most nodes of a condition: names, literals and operators together.
pub const NODES_MAX: usize = 96;
/// Deepest nesting of brackets and operators, levels.
pub const DEPTH_LEVELS_MAX: usize = 24;
/// Most items of a list such as `["r01", "r02"]`.
pub const ITEMS_MAX: usize = 64;

/// A name of this form stands for "the variable is known"; no document can write it.
const KNOWN: &str = "known:";

/// A condition that was checked when its document was read.
#[derive(Clone, Debug)]
pub struct Condition {
    text: Text,
    expression: Arc<IdedExpr>,
    reads: Vec<&'static Variable>,
}

/// What is wrong with a condition, and at which of its characters (from 0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
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
        Ok(Self { text: Text::from(text.trim()), expression: Arc::new(checked.expression), reads: checked.reads })
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
        /// Nothing but the operators: no function is declared.
        static BARE: LazyLock<Arc<Env>> = LazyLock::new(Arc::default);
        let known = Known(facts);
        let mut context = Context::with_env(Arc::clone(&BARE));
        context.set_variable_resolver(&known);
        match Value::resolve(&self.expression, &context) {
            Ok(Value::Bool(answer)) => Ok(answer),
            Err(ExecutionError::UndeclaredReference(name)) => {
                Err(Variable::named(&name).map_or(Open::Arithmetic, |variable| Open::Missing(variable.name)))
            }
            Ok(_) | Err(_) => Err(Open::Arithmetic),
        }
    }
}

/// The facts as the evaluator asks for them: only what a condition reads is ever looked up.
struct Known<'f>(&'f Facts<'f>);

impl VariableResolver for Known<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        if let Some(asked) = name.strip_prefix(KNOWN) {
            let known = Variable::named(asked)?.read(self.0).is_some();
            return Some(variables::Seen::Flag(known).value());
        }
        Variable::named(name)?.read(self.0).map(variables::Seen::value)
    }
}

#[cfg(test)]
mod tests;
