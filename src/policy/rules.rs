//! The document's own rules about persons: exclusions written in CEL, and what may lift a soft one.
//!
//! They are judged last, and only for whom everything else lets pass: what a cheap rule has refused needs no further reason.

use super::conditions::{Condition, Open};
use super::findings::{Case, Findings, Words};
use super::models;
use crate::domain::ReasonCode::DataMissing;
use crate::domain::check::Check;
use crate::domain::{Name, Text};
use crate::words;

words! {
    /// Who answers for a rule.
    pub enum Owner {
        Risk = "risk",
        Compliance = "compliance",
        Business = "business",
    }
}

words! {
    /// Whether another part of the document may lift a rule. Nothing lifts a hard one.
    pub enum Severity {
        Hard = "hard",
        Soft = "soft",
    }
}

/// One rule of the document: whoever its condition holds for is left out.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The reason code it gives; the document's own.
    pub code: Text,
    /// The code in lower case: the subject of its check.
    pub subject: Text,
    pub text_en: Text,
    pub text_zh: Text,
    pub owner: Owner,
    pub severity: Severity,
    /// Partners it is for; empty: all.
    pub partners: Words,
    pub when: Condition,
}

/// What lifts a soft rule for whom its condition holds.
#[derive(Clone, Debug)]
pub struct Lift {
    /// Its name: the subject of the check that says so.
    pub name: Text,
    pub owner: Owner,
    /// Codes of soft rules.
    pub codes: Words,
    pub when: Condition,
}

/// The rules of a document, hard ones first, else in its order.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub rules: Vec<Rule>,
    pub lifts: Vec<Lift>,
}

/// Judges every rule; a question that stays open fails closed with the name of what is not known.
pub(super) fn judge(case: &Case<'_>, found: &mut Findings) {
    let rules = &case.policy.rules;
    for rule in rules.rules.iter().filter(|rule| rule.partners.is_empty() || rule.partners.has(case.facts.partner)) {
        if !models::approve_reads(&rule.when, case, found) {
            continue;
        }
        let holds = rule.when.holds(case.facts);
        let lift = match (holds, rule.severity) {
            (Ok(false), _) | (_, Severity::Hard) => None,
            _ => rules.lifts.iter().find(|lift| lift.codes.has(&rule.code) && lift.holds(case)),
        };
        if let Some(lift) = lift {
            found.push(own(&rule.code, &lift.name, true, true));
            continue;
        }
        match holds {
            Ok(holds) => _ = found.push(own(&rule.code, &rule.subject, holds, false)),
            Err(open) => missing(open, found),
        }
    }
}

impl Lift {
    /// It holds, and by approved models only.
    fn holds(&self, case: &Case<'_>) -> bool {
        let registry = case.policy.models.as_ref();
        let mut read = self.when.reads().iter().filter_map(|variable| variable.model);
        read.all(|model| models::approves(registry, model, case.facts)) && self.when.holds(case.facts) == Ok(true)
    }
}

/// What a condition would have needed: fails closed.
pub(super) fn missing(open: Open, found: &mut Findings) {
    found.push(Check::flag(DataMissing, Name::of(open.subject()), false, true));
}

/// A check by names that the document brings.
fn own(code: &Text, subject: &Text, observed: bool, required: bool) -> Check {
    Check::flag(Name::Own(code.clone()), Name::Own(subject.clone()), observed, required)
}
