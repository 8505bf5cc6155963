//! The account of one decision: its reasons with their texts, every check of both stages with threshold and margin, what would
//! have turned it.

use serde::Serialize;

use super::consent::Consent;
use super::flip::{self, Flip};
use super::guard::{self, Reading};
use super::own::{self, OwnRule};
use crate::domain::check::Check;
use crate::domain::decision::StageName;
use crate::domain::reason_text::{Language, principal, text};
use crate::domain::words::Word;
use crate::domain::{Candidate, Decision, ReasonCode, Text};
use crate::ops::wording;
use crate::policy::Policy;

/// Everything that can be said about a decision.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    #[serde(skip)]
    pub language: Language,
    pub decision: Decision,
    /// Ids of what was decided about the same candidate before: first what the customer stage passed on.
    pub earlier: Vec<Text>,
    /// The codes that a person is told, weightiest first.
    pub principal: Vec<Text>,
    /// Every code, in the order of judging.
    pub reasons: Vec<Reason>,
    /// Of both stages, in the order of judging.
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
    /// Of a policy's own code, as far as the policy is known.
    pub rule: Option<OwnRule>,
}

/// One check in words.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub stage: StageName,
    pub code: Text,
    pub passed: bool,
    /// Asks for nothing: told for the arithmetic of others.
    pub figure: bool,
    pub subject: String,
    pub observed: String,
    pub required: String,
    /// Room left, or what is missing.
    pub margin: Option<String>,
}

/// What an account is made of.
#[derive(Debug)]
pub struct Material<'p> {
    pub decision: Decision,
    /// What was decided about the same candidate before, in that order.
    pub earlier: Vec<Decision>,
    pub candidate: Option<Candidate>,
    pub consent: Option<Consent>,
    /// The policy that the decision names, where it is known.
    pub policy: Option<&'p Policy>,
}

impl Account {
    pub fn of(material: Material<'_>, language: Language) -> Self {
        let Material { decision, earlier, candidate, consent, policy } = material;
        let judged: Vec<&Decision> = earlier.iter().chain([&decision]).collect();
        let lines = judged.iter().flat_map(|by| by.checks.iter().map(|check| line(by.stage, check, language)));
        let guard: Vec<Reading> = judged.iter().flat_map(|by| guard::readings(&by.checks)).collect();
        let rules = own::rules(policy, &decision.reasons);
        let reasons = decision.reasons.iter().map(|code| reason(code, &decision, &guard, &rules, language)).collect();
        Self {
            language,
            principal: principal(&decision.reasons).into_iter().cloned().collect(),
            reasons,
            checks: lines.collect(),
            earlier: earlier.iter().map(|decision| decision.decision.clone()).collect(),
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

fn reason(code: &Text, decision: &Decision, guard: &[Reading], rules: &[OwnRule], language: Language) -> Reason {
    if let Some(rule) = rules.iter().find(|rule| rule.code == *code) {
        return of_rule(rule, language);
    }
    let failed = decision.checks.iter().filter(|check| !check.passed && check.code == *code);
    let flips = failed.map(|check| flip::of(check, decision, guard, language)).collect();
    let Some(known) = ReasonCode::named(code).map(text) else {
        let meaning = wording::pick(language, "A rule of the policy itself.", "政策自定义规则。").to_owned();
        let [owner, severity] = [Text::const_new("policy"), Text::const_new("hard")];
        return Reason { code: code.clone(), owner, severity, meaning, remedy: String::new(), flips, rule: None };
    };
    Reason {
        code: code.clone(),
        owner: Text::const_new(known.owner.name()),
        severity: Text::const_new(known.severity.name()),
        meaning: known.meaning(language).to_owned(),
        remedy: known.remedy(language).to_owned(),
        flips,
        rule: None,
    }
}

/// A code of the policy's own, by its rule.
fn of_rule(rule: &OwnRule, language: Language) -> Reason {
    Reason {
        code: rule.code.clone(),
        owner: rule.owner.clone(),
        severity: rule.severity.clone(),
        meaning: rule.meaning(language).to_owned(),
        remedy: String::new(),
        flips: vec![Flip::Change { text: rule.flip(language) }],
        rule: Some(rule.clone()),
    }
}

fn line(stage: StageName, check: &Check, language: Language) -> Line {
    Line {
        stage,
        code: check.code.to_text(),
        passed: check.passed,
        figure: check.passed && check.required.is_none() && check.required_word.is_none(),
        subject: wording::subject(check, language),
        observed: wording::observed(check, language),
        required: wording::required(check, language),
        margin: wording::margin(check).map(|left| wording::amount(left, check.unit, language)),
    }
}
