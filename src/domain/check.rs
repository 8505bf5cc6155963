//! One check of a decision: what was looked at, what was seen, what was asked. Values only; wording is for whoever reads it.

use serde::{Deserialize, Serialize};

use super::codec::zigzag;
use super::name::{Listed, Name};
use super::{ReasonCode, Subject, Text};
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
    pub code: Name<ReasonCode>,
    /// What was looked at: a stable lower_snake name.
    pub subject: Name<Subject>,
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

/// A check of two numbers by names of ours: what nearly all checks are.
#[derive(Clone, Copy, Debug)]
pub struct Plain {
    pub code: ReasonCode,
    pub subject: Subject,
    pub unit: Unit,
    pub observed: i64,
    pub relation: Relation,
    pub required: i64,
}

impl Plain {
    /// Of something that is so or not.
    #[inline]
    pub fn flag(code: ReasonCode, subject: Subject, observed: bool, required: bool) -> Self {
        let (observed, required) = (i64::from(observed), i64::from(required));
        Self { code, subject, unit: Unit::Flag, observed, relation: Relation::Is, required }
    }

    #[inline]
    pub fn passes(&self) -> bool {
        self.relation.holds(self.observed, self.required)
    }

    /// Appends the bytes of the [`Check`] that it is. A decision has some thirty, so each is put together first and appended in
    /// one go: every `push` to a list looks for room of its own.
    #[inline]
    pub fn put(&self, out: &mut Vec<u8>) {
        let (code, subject) = (zigzag(self.code.symbol() as i64), zigzag(self.subject.symbol() as i64));
        let (observed, required) = (zigzag(self.observed), zigzag(self.required));
        if (code | subject | observed | required) >= 0x80 {
            return self.put_long(out);
        }
        // Each number takes one byte, as nearly always, so each has its place.
        let (passed, relation, unit) = (u8::from(self.passes()), self.relation as u8 * 2, self.unit as u8 * 2);
        let [code, subject, observed, required] = [code, subject, observed, required].map(|number| number as u8);
        let (listed, there, none) = (LISTED_BYTE, THERE_BYTE, NONE_BYTE);
        out.extend_from_slice(&[
            listed, code, listed, subject, passed, relation, unit, there, observed, none, there, required, none,
        ]);
    }

    #[inline(never)]
    fn put_long(&self, out: &mut Vec<u8>) {
        let mut row = Row::default();
        row.byte(LISTED_BYTE);
        row.long(self.code.symbol() as i64);
        row.byte(LISTED_BYTE);
        row.long(self.subject.symbol() as i64);
        row.byte(u8::from(self.passes()));
        row.byte(self.relation as u8 * 2);
        row.byte(self.unit as u8 * 2);
        row.byte(THERE_BYTE);
        row.long(self.observed);
        row.byte(NONE_BYTE);
        row.byte(THERE_BYTE);
        row.long(self.required);
        row.byte(NONE_BYTE);
        row.append(out);
    }
}

// Branches of unions: a name of our list, a number that is there, a word that is not.
const LISTED_BYTE: u8 = 0;
const THERE_BYTE: u8 = 2;
const NONE_BYTE: u8 = 0;

/// Longest of a plain check, bytes: two names, three words of a vocabulary, two numbers, two words that are missing.
const ROW_BYTES_MAX: usize = 2 * 3 + 3 + 2 * 11 + 2;

/// Bytes that are appended in one go.
struct Row {
    bytes: [u8; ROW_BYTES_MAX],
    len: usize,
}

impl Default for Row {
    #[inline]
    fn default() -> Self {
        Self { bytes: [0; ROW_BYTES_MAX], len: 0 }
    }
}

impl Row {
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
        code: impl Into<Name<ReasonCode>>,
        subject: impl Into<Name<Subject>>,
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
        code: impl Into<Name<ReasonCode>>,
        subject: impl Into<Name<Subject>>,
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
    pub fn flag(
        code: impl Into<Name<ReasonCode>>,
        subject: impl Into<Name<Subject>>,
        observed: bool,
        required: bool,
    ) -> Self {
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
    use crate::domain::words::Word;

    #[test]
    fn a_plain_one_is_written_like_any_other() {
        let far = [0, 63, 64, -65, 1_790_000_000_000, i64::MIN, i64::MAX];
        let numbers = || far.into_iter().flat_map(|one| far.map(|other| (one, other)));
        for (code, subject) in ReasonCode::ALL.iter().zip(Subject::ALL) {
            for (observed, required) in numbers() {
                for (relation, unit) in Relation::ALL.iter().zip(Unit::ALL) {
                    let (code, subject, unit, relation) = (*code, *subject, *unit, *relation);
                    let check = Check::number(code, subject, unit, observed, relation, required);
                    let plain = Plain { code, subject, unit, observed, relation, required };
                    let (mut written, mut fields) = (Vec::new(), Vec::new());
                    plain.put(&mut written);
                    encode(&check, &mut fields);
                    assert_eq!(written, fields, "{check:?}");
                    assert_eq!((decode(&written), plain.passes()), (Ok(check.clone()), check.passed));
                }
            }
        }
    }
}
