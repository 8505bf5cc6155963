//! One check of a decision: what was looked at, what was seen, what was asked. Values only; wording is for whoever reads it.

use serde::{Deserialize, Serialize};

use super::Text;
use crate::{record, words};

words! {
    /// How what was seen has to stand to what was asked.
    pub enum Relation {
        Is = "is",
        IsNot = "is_not",
        AtMost = "at_most",
        Below = "below",
        AtLeast = "at_least",
        Above = "above",
        OneOf = "one_of",
        NoneOf = "none_of",
    }
}

words! {
    /// What the two values are.
    pub enum Unit {
        /// 0 or 1.
        Flag = "flag",
        Count = "count",
        /// Minor units of the contract's currency.
        MoneyMinor = "money_minor",
        /// Parts per million.
        Ppm = "ppm",
        Milliseconds = "milliseconds",
        Days = "days",
        /// UTC milliseconds.
        Moment = "moment",
        Word = "word",
    }
}

/// One check; `code` is the reason that its failing gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub code: Text,
    /// What was looked at: a stable lower_snake name.
    pub subject: Text,
    pub passed: bool,
    pub relation: Relation,
    pub unit: Unit,
    /// What was seen, as a number; neither number nor word: not known, or nothing.
    pub observed: Option<i64>,
    pub observed_word: Option<Text>,
    /// What was asked.
    pub required: Option<i64>,
    pub required_word: Option<Text>,
}
record!(Check { code, subject, passed, relation, unit, observed, observed_word, required, required_word });

impl Check {
    /// A check of a number, which passes by its relation.
    #[inline]
    pub fn number(
        code: impl Into<Text>,
        subject: impl Into<Text>,
        unit: Unit,
        observed: i64,
        relation: Relation,
        required: i64,
    ) -> Self {
        let passed = relation.holds(observed, required);
        Self { passed, ..Self::maybe(code, subject, unit, Some(observed), relation, Some(required)) }
    }

    /// A failing check of a number that may be missing on either side; who can say that it passed says so.
    #[inline]
    pub fn maybe(
        code: impl Into<Text>,
        subject: impl Into<Text>,
        unit: Unit,
        observed: Option<i64>,
        relation: Relation,
        required: Option<i64>,
    ) -> Self {
        Self {
            code: code.into(),
            subject: subject.into(),
            passed: false,
            relation,
            unit,
            observed,
            observed_word: None,
            required,
            required_word: None,
        }
    }

    /// A check of something that is so or not.
    #[inline]
    pub fn flag(code: impl Into<Text>, subject: impl Into<Text>, observed: bool, required: bool) -> Self {
        Self::number(code, subject, Unit::Flag, i64::from(observed), Relation::Is, i64::from(required))
    }
}

impl Relation {
    /// True when two numbers stand like that. Lists are words, so `one_of` and `none_of` compare like `is` and `is_not`.
    #[inline]
    pub fn holds(self, observed: i64, required: i64) -> bool {
        match self {
            Self::Is | Self::OneOf => observed == required,
            Self::IsNot | Self::NoneOf => observed != required,
            Self::AtMost => observed <= required,
            Self::Below => observed < required,
            Self::AtLeast => observed >= required,
            Self::Above => observed > required,
        }
    }
}
