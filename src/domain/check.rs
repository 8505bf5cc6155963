//! One check of a decision: what was looked at, what was seen, what was asked. Values only; wording is for whoever reads it.

use serde::{Deserialize, Serialize};

use super::codec::{Avro, zigzag};
use super::words::Word;
use super::{Name, Text};
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
    pub code: Name,
    /// What was looked at: a stable lower_snake name.
    pub subject: Name,
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

impl<'a> Avro<'a> for Check {
    /// A decision has some thirty checks, most of them without words: what follows the names is written together.
    fn put(&self, out: &mut Vec<u8>) {
        self.code.put(out);
        self.subject.put(out);
        if self.observed_word.is_some() || self.required_word.is_some() {
            return self.put_with_words(out);
        }
        let mut short = Short::default();
        short.byte(u8::from(self.passed));
        short.long(self.relation.ordinal() as i64);
        short.long(self.unit.ordinal() as i64);
        short.number(self.observed);
        short.byte(0);
        short.number(self.required);
        short.byte(0);
        short.append(out);
    }
    record!(@reading code, subject, passed, relation, unit, observed, observed_word, required, required_word);
}

impl Check {
    #[inline(never)]
    fn put_with_words(&self, out: &mut Vec<u8>) {
        self.passed.put(out);
        self.relation.put(out);
        self.unit.put(out);
        self.observed.put(out);
        self.observed_word.put(out);
        self.required.put(out);
        self.required_word.put(out);
    }
}

/// Longest of a check without its texts, bytes: three words of a vocabulary, two numbers and two words that are missing.
const SHORT_BYTES_MAX: usize = 3 + 2 * 11 + 2;

/// Values that are appended in one go, because each `push` to a list looks for room of its own.
#[derive(Default)]
struct Short {
    bytes: [u8; SHORT_BYTES_MAX],
    len: usize,
}

impl Short {
    #[inline]
    fn byte(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    #[inline]
    fn long(&mut self, value: i64) {
        let mut rest = zigzag(value);
        while rest >= 0x80 {
            self.byte(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.byte(rest as u8);
    }

    #[inline]
    fn number(&mut self, number: Option<i64>) {
        match number {
            None => self.byte(0),
            Some(number) => {
                self.byte(2);
                self.long(number);
            }
        }
    }

    #[inline]
    fn append(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.len;
        // All of the room: a length that is known beforehand is copied without a call. What is too much is taken off again.
        out.extend_from_slice(&self.bytes);
        out.truncate(end);
    }
}

impl Check {
    /// A check of a number, which passes by its relation.
    #[inline]
    pub fn number(
        code: impl Into<Name>,
        subject: impl Into<Name>,
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
        code: impl Into<Name>,
        subject: impl Into<Name>,
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
    pub fn flag(code: impl Into<Name>, subject: impl Into<Name>, observed: bool, required: bool) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::codec::{decode, encode};

    #[test]
    fn is_written_field_by_field() {
        let far = [None, Some(0), Some(-65), Some(1_790_000_000_000), Some(i64::MIN), Some(i64::MAX)];
        let words = [None, Some(Text::from("yes, no"))];
        for (observed, required) in far.into_iter().flat_map(|one| far.map(|other| (one, other))) {
            for (observed_word, required_word) in
                words.iter().flat_map(|one| words.iter().map(move |other| (one, other)))
            {
                let check = Check {
                    passed: observed.is_some(),
                    observed_word: observed_word.clone(),
                    required_word: required_word.clone(),
                    ..Check::maybe("CODE", "subject", Unit::Word, observed, Relation::NoneOf, required)
                };
                let (mut written, mut fields) = (Vec::new(), Vec::new());
                encode(&check, &mut written);
                check.code.put(&mut fields);
                check.subject.put(&mut fields);
                check.put_with_words(&mut fields);
                assert_eq!(written, fields, "{check:?}");
                assert_eq!(decode(&written), Ok(check));
            }
        }
    }
}
