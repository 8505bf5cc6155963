//! What is wrong with a policy document, said so that its author can mend it.

use std::fmt;

use crate::words;

/// A place in a document; line and column count characters from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which file of the document, from 0.
    pub part: usize,
    pub line: usize,
    pub column: usize,
}

words! {
    /// What kind of thing is wrong. The first kinds make a document no policy; from `NeverFires` on they are findings
    /// about one that is (a guard that is built on another rate is none either).
    pub enum ProblemCode {
        Syntax = "POL_SYNTAX",
        TooLarge = "POL_TOO_LARGE",
        UnknownKey = "POL_UNKNOWN_KEY",
        MissingKey = "POL_MISSING_KEY",
        DuplicateKey = "POL_DUPLICATE_KEY",
        /// A list where a value is expected, and the like.
        Shape = "POL_SHAPE",
        Value = "POL_VALUE",
        /// The same partner, offer or version a second time.
        Twice = "POL_TWICE",
        /// Two statements that cannot both hold.
        Contradiction = "POL_CONTRADICTION",
        FourEyes = "POL_FOUR_EYES",
        MissingText = "POL_MISSING_TEXT",
        /// A text to customers that names a partner, or compares with another's product.
        NamesOthers = "POL_NAMES_OTHERS",
        /// A condition that does not compile, or that has no bound.
        Condition = "POL_CONDITION",
        UnknownName = "POL_UNKNOWN_NAME",
        Protected = "POL_PROTECTED",
        Unfair = "POL_UNFAIR",
        NeverFires = "POL_NEVER_FIRES",
        Shadowed = "POL_SHADOWED",
        QuotaBelowStep = "POL_QUOTA_BELOW_STEP",
        WorseOffer = "POL_WORSE_OFFER",
        CostAboveCap = "POL_COST_ABOVE_CAP",
        Reachable = "POL_REACHABLE_AROUND",
        FailsOpen = "POL_FAILS_OPEN",
        RunsOut = "POL_RUNS_OUT",
        /// A clause that reads as a promised minimum approval, which a platform may not set.
        MinPassRate = "LAW_MIN_PASS_RATE",
        /// `limit_approval` as what the guard promises: no candidate can move that rate.
        GuardBasis = "POL_GUARD_BASIS",
    }
}

/// One problem: where, what was found, what was expected, what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: ProblemCode,
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
