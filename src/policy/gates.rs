//! Gates: what law and contract demand before anything else. No other part of a policy can lift one.

use std::sync::LazyLock;

use super::findings::{Case, Findings, Words};
use super::{Dates, permission};
use crate::domain::ReasonCode::{self, *};
use crate::domain::check::{Check, Relation, Unit};
use crate::domain::events::Flag;
use crate::domain::words::Word;
use crate::domain::{EventTime, Subject, Text};

/// Flags that always forbid an approach, in the order of `docs/semantics.md`.
const FLAGS: [(Flag, ReasonCode); 8] = [
    (Flag::OptOut, GateOptOut),
    (Flag::Hardship, GateHardship),
    (Flag::Dispute, GateDispute),
    (Flag::Complaint, GateComplaint),
    (Flag::InCollection, GateInCollection),
    (Flag::SelfExclusion, GateSelfExclusion),
    (Flag::Deceased, GateDeceased),
    (Flag::Minor, GateMinor),
];

/// Flags that must not be set.
#[derive(Clone, Debug)]
pub(super) struct Forbidden {
    flags: Vec<(Flag, ReasonCode)>,
    /// Bit set of their ordinals.
    any: u32,
    /// What is found of nearly everybody: none of them is set.
    none_set: Findings,
}

impl Forbidden {
    pub fn new(flags: impl IntoIterator<Item = (Flag, ReasonCode)>) -> Self {
        let flags: Vec<_> = flags.into_iter().collect();
        let any = flags.iter().fold(0, |bits, (flag, _)| bits | 1 << flag.ordinal());
        let mut none_set = Findings::default();
        each(&flags, 0, &mut none_set);
        Self { flags, any, none_set }
    }

    /// Judges a bit set of ordinals.
    pub fn judge(&self, set: u32, found: &mut Findings) {
        match set & self.any {
            0 => found.take(&self.none_set),
            _ => each(&self.flags, set, found),
        }
    }
}

#[cold]
#[inline(never)]
fn each(flags: &[(Flag, ReasonCode)], set: u32, found: &mut Findings) {
    for (flag, code) in flags {
        found.flag(*code, Subject::from(*flag), set & (1 << flag.ordinal()) != 0, false);
    }
}

static FORBIDDEN: LazyLock<Forbidden> = LazyLock::new(|| Forbidden::new(FLAGS));

/// A text by which customers consent to offers of ours, and while it counts.
#[derive(Clone, Debug)]
pub(super) struct ConsentText {
    pub version: Text,
    pub dates: Dates,
}

/// The texts that count.
#[derive(Clone, Debug)]
pub(super) struct ConsentTexts {
    pub texts: Vec<ConsentText>,
    pub versions: Words,
}

impl ConsentTexts {
    fn count(&self, version: &str, at: EventTime) -> bool {
        self.texts.iter().any(|text| text.version == version && text.dates.hold(at))
    }
}

pub(super) fn judge(case: &Case<'_>, found: &mut Findings) {
    contract(case, found);
    permission::judge_enhancer(case, found);
    consent(case, found);
    FORBIDDEN.judge(case.facts.flags, found);
    if case.facts.person.merged {
        found.flag(DataMerged, Subject::MergedIntoAnother, true, false);
    }
    deadline(case, found);
}

fn contract(case: &Case<'_>, found: &mut Findings) {
    let (contract, at) = (case.contract, case.facts.event_time);
    span(GatePartnerUnlisted, [Subject::ListedFrom, Subject::ListedUntil], contract.listed.dates, at, found);
    found.flag(GateContractForbids, Subject::RealTimePermitted, contract.real_time, true);
    span(GateContractDates, [Subject::ContractFrom, Subject::ContractUntil], contract.contract, at, found);
}

/// The trigger's event time against both ends, as far as there are any.
fn span(code: ReasonCode, [from, until]: [Subject; 2], dates: Dates, at: EventTime, found: &mut Findings) {
    if let Some(begin) = dates.from {
        found.number(code, from, Unit::Moment, at.0, Relation::AtLeast, begin.0);
    }
    if let Some(end) = dates.to {
        found.number(code, until, Unit::Moment, at.0, Relation::Below, end.0);
    }
}

/// Servicing consent is not marketing consent: the fact is the cross-marketing consent given to this lender.
fn consent(case: &Case<'_>, found: &mut Findings) {
    let at = case.facts.event_time;
    let given = case.facts.consent.map(|given| given.given_at);
    let (subject, given_at) = (Subject::ConsentGivenAt, given.map(|given| given.0));
    let passed = given.is_some_and(|given| given <= at);
    let check = Check::maybe(GateNoConsent, subject, Unit::Moment, given_at, Relation::AtMost, Some(at.0));
    // The moment is judged; the version of the text is for whoever asks what was consented to.
    let observed_word = case.facts.consent.map(|given| given.text_version.into());
    found.push(Check { passed, observed_word, ..check });
    if let (Some(texts), Some(given)) = (&case.policy.consent_texts, case.facts.consent) {
        let (version, versions) = (given.text_version, texts.versions.joined());
        let counts = texts.count(version, at);
        found.word(GateNoConsent, Subject::ConsentText, counts, Some(version), Relation::OneOf, versions);
    }
    if let Some(withdrawn_at) = case.facts.consent.and_then(|given| given.withdrawn_at) {
        let subject = Subject::ConsentWithdrawnAt;
        found.push(Check::maybe(GateNoConsent, subject, Unit::Moment, Some(withdrawn_at.0), Relation::Is, None));
    }
}

fn deadline(case: &Case<'_>, found: &mut Findings) {
    let age_ms = case.facts.now.ms_since(case.facts.event_time);
    let within_ms = case.contract.answer_within_ms;
    found.number(GateDeadline, Subject::AnswerAge, Unit::Milliseconds, age_ms, Relation::AtMost, within_ms);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is a gate before a candidate ends one as well.
    #[test]
    fn the_flags_of_the_gates_are_those_that_forbid() {
        for flag in Flag::ALL {
            assert_eq!(FLAGS.iter().any(|(gate, _)| gate == flag), flag.forbids(), "{flag}");
        }
    }
}
