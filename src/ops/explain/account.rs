//! The account of one decision: its reasons with their texts, every check with threshold and margin, what would have turned it.

use serde::Serialize;

use super::consent::Consent;
use super::flip::{self, Flip};
use super::guard::{self, Reading};
use crate::domain::check::Check;
use crate::domain::reason_text::{Language, principal, text};
use crate::domain::words::Word;
use crate::domain::{Candidate, Decision, ReasonCode, Text};
use crate::ops::wording;

/// Everything that can be said about a decision.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    #[serde(skip)]
    pub language: Language,
    pub decision: Decision,
    /// The codes that a person is told, weightiest first.
    pub principal: Vec<Text>,
    /// Every code, in the order of judging.
    pub reasons: Vec<Reason>,
    pub checks: Vec<Line>,
    pub guard: Vec<Reading>,
    /// What was offered, if something was.
    pub candidate: Option<Candidate>,
    pub consent: Option<Consent>,
}

/// One failing code.
#[derive(Clone, Debug, Serialize)]
pub struct Reason {
    pub code: Text,
    pub owner: Text,
    pub severity: Text,
    pub meaning: String,
    pub remedy: String,
    /// One for each of its failed checks.
    pub flips: Vec<Flip>,
}

/// One check in words.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub code: Text,
    pub passed: bool,
    pub subject: String,
    pub observed: String,
    pub required: String,
    /// Room left, or what is missing.
    pub margin: Option<String>,
}

impl Account {
    pub fn of(decision: Decision, candidate: Option<Candidate>, consent: Option<Consent>, language: Language) -> Self {
        let guard = guard::readings(&decision.checks);
        let reasons = decision.reasons.iter().map(|code| reason(code, &decision, &guard, language)).collect();
        Self {
            language,
            principal: principal(&decision.reasons).into_iter().cloned().collect(),
            reasons,
            checks: decision.checks.iter().map(|check| line(check, language)).collect(),
            guard,
            candidate,
            consent,
            decision,
        }
    }

    /// The reasons that a person is told.
    pub fn told(&self) -> impl Iterator<Item = &Reason> {
        self.principal.iter().filter_map(|code| self.reasons.iter().find(|reason| reason.code == *code))
    }
}

fn reason(code: &Text, decision: &Decision, guard: &[Reading], language: Language) -> Reason {
    let failed = decision.checks.iter().filter(|check| !check.passed && check.code == *code);
    let flips = failed.map(|check| flip::of(check, decision, guard, language)).collect();
    let Some(known) = ReasonCode::named(code).map(text) else {
        let meaning = wording::pick(language, "A rule of the policy itself.", "政策自定义规则。").to_owned();
        let [owner, severity] = [Text::const_new("policy"), Text::const_new("hard")];
        return Reason { code: code.clone(), owner, severity, meaning, remedy: String::new(), flips };
    };
    Reason {
        code: code.clone(),
        owner: Text::const_new(known.owner.name()),
        severity: Text::const_new(known.severity.name()),
        meaning: known.meaning(language).to_owned(),
        remedy: known.remedy(language).to_owned(),
        flips,
    }
}

fn line(check: &Check, language: Language) -> Line {
    Line {
        code: check.code.clone(),
        passed: check.passed,
        subject: wording::subject(check, language),
        observed: wording::observed(check, language),
        required: wording::required(check, language),
        margin: wording::margin(check).map(|left| wording::amount(left, check.unit, language)),
    }
}
