//! What judging a trigger collects: one check per rule, and the codes of those that failed.

use super::experiments::Challenger;
use super::{Contract, Facts, Policy};
use crate::domain::check::{Check, Plain, Relation, Unit};
use crate::domain::{Checks, Name, ReasonCode, Subject, Text};

/// One trigger before one policy and the contract of its partner.
pub(super) struct Case<'a> {
    pub policy: &'a Policy,
    pub contract: &'a Contract,
    pub facts: &'a Facts<'a>,
    /// The variation on trial that the customer belongs to.
    pub challenger: Option<&'a Challenger>,
}

/// Checks and failing codes, both in the order of judging.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub reasons: Vec<Text>,
    pub checks: Checks,
}

impl Findings {
    /// None yet, in lists that were used before.
    pub fn within(mut reasons: Vec<Text>, mut checks: Checks) -> Self {
        reasons.clear();
        checks.clear();
        Self { reasons, checks }
    }

    /// One rule about a number: it passes by its relation, and the answer is given back.
    #[inline]
    pub fn number(
        &mut self,
        code: ReasonCode,
        subject: Subject,
        unit: Unit,
        observed: i64,
        relation: Relation,
        required: i64,
    ) -> bool {
        let passed = self.checks.push_plain(Plain { code, subject, unit, observed, relation, required });
        if !passed {
            self.fail(&code.into());
        }
        passed
    }

    /// One rule about something that is so or not.
    #[inline]
    pub fn flag(&mut self, code: ReasonCode, subject: Subject, observed: bool, required: bool) -> bool {
        self.number(code, subject, Unit::Flag, i64::from(observed), Relation::Is, i64::from(required))
    }

    /// One rule about words, judged by the caller.
    pub fn word(
        &mut self,
        code: ReasonCode,
        subject: Subject,
        passed: bool,
        observed: Option<&str>,
        relation: Relation,
        required: &Text,
    ) -> bool {
        let check = Check::maybe(code, subject, Unit::Word, None, relation, None);
        let (observed_word, required_word) = (observed.map(Text::from), Some(required.clone()));
        self.push(Check { passed, observed_word, required_word, ..check })
    }

    /// Something a rule needs is not known: fails closed.
    pub fn missing(&mut self, what: Subject) {
        self.flag(ReasonCode::DataMissing, what, false, true);
    }

    pub fn push(&mut self, check: Check) -> bool {
        if !check.passed {
            self.fail(&check.code);
        }
        self.checks.push(&check);
        check.passed
    }

    /// What was found before for everybody who is alike in it.
    pub fn take(&mut self, known: &Self) {
        for code in &known.reasons {
            if !self.reasons.contains(code) {
                self.reasons.push(code.clone());
            }
        }
        self.checks.append(&known.checks);
    }

    /// Each code is given once.
    #[cold]
    #[inline(never)]
    fn fail(&mut self, code: &Name<ReasonCode>) {
        if !self.reasons.iter().any(|reason| code == reason) {
            self.reasons.push(code.to_text());
        }
    }
}

/// A set of words of a policy, sorted, and joined once for the checks that name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    sorted: Vec<Text>,
    joined: Text,
}

impl Words {
    pub fn new(mut words: Vec<Text>) -> Self {
        let joined = Text::from(words.join(", "));
        words.sort();
        Self { sorted: words, joined }
    }

    pub fn has(&self, word: &str) -> bool {
        self.sorted.binary_search_by(|known| known.as_str().cmp(word)).is_ok()
    }

    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Any of them, for trying a policy.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.sorted.iter().map(Text::as_str)
    }

    pub fn first(&self) -> Option<&str> {
        self.sorted.first().map(Text::as_str)
    }

    /// The words in the document's order, separated by commas.
    pub fn joined(&self) -> &Text {
        &self.joined
    }
}
