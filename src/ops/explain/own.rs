//! A policy's own reason codes: what they say in both languages, who answers for them, and what their conditions read.

use std::path::PathBuf;

use serde::Serialize;

use super::super::exit::Failure;
use super::super::policies;
use super::super::policy::log::PolicyLog;
use crate::bus::Topic;
use crate::config::Config;
use crate::domain::reason_text::Language;
use crate::domain::words::Word;
use crate::domain::{Decision, ReasonCode, Text};
use crate::ops::wording::pick;
use crate::policy::Policy;
use crate::policy::rules::{Lift, Rule, Severity};

/// One of the document's own rules, as far as a reader needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnRule {
    pub code: Text,
    pub en: Text,
    pub zh: Text,
    pub owner: Text,
    pub severity: Text,
    /// The condition as it was written; whoever it holds for is left out.
    pub when: Text,
    /// The inputs that it reads.
    pub reads: Vec<Text>,
    /// What would lift it, where something may.
    pub lifts: Vec<OwnLift>,
}

/// What lifts a soft rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnLift {
    pub name: Text,
    pub when: Text,
    pub reads: Vec<Text>,
}

impl OwnRule {
    pub fn meaning(&self, language: Language) -> &str {
        pick(language, &self.en, &self.zh)
    }

    /// The nearest way past it: a value that it reads has to change, or a lift has to hold.
    pub fn flip(&self, language: Language) -> String {
        let (reads, when) = (self.reads.join(", "), &self.when);
        let lifts: Vec<String> = self.lifts.iter().map(|lift| format!("`{}` ({})", lift.name, lift.when)).collect();
        let mut text = match language {
            Language::English => format!("when `{when}` holds no longer; it read {reads}"),
            Language::Chinese => format!("条件 `{when}` 不再成立时;该规则读取:{reads}"),
        };
        if !lifts.is_empty() {
            let or = pick(language, "; or lifted by", ";或由以下条件解除:");
            text.push_str(&format!("{or} {}", lifts.join(", ")));
        }
        text
    }
}

/// The rules of a policy behind those codes that are its own.
pub fn rules(policy: Option<&Policy>, codes: &[Text]) -> Vec<OwnRule> {
    let Some(policy) = policy else { return Vec::new() };
    let rules = policy.rules();
    let own = |code: &Text| rules.rules.iter().find(|rule| rule.code == *code);
    codes.iter().filter_map(own).map(|rule| told(rule, &rules.lifts)).collect()
}

fn told(rule: &Rule, lifts: &[Lift]) -> OwnRule {
    let reads = |condition: &crate::policy::conditions::Condition| {
        condition.reads().iter().map(|variable| Text::const_new(variable.name)).collect()
    };
    let soft = lifts.iter().filter(|lift| rule.severity == Severity::Soft && lift.codes.has(&rule.code));
    OwnRule {
        code: rule.code.clone(),
        en: rule.text_en.clone(),
        zh: rule.text_zh.clone(),
        owner: Text::const_new(rule.owner.name()),
        severity: Text::const_new(rule.severity.name()),
        when: rule.when.text().clone(),
        reads: reads(&rule.when),
        lifts: soft
            .map(|lift| OwnLift { name: lift.name.clone(), when: lift.when.text().clone(), reads: reads(&lift.when) })
            .collect(),
    }
}

/// The policy that a decision names, when a code of its own has to be looked up: from the files that are given, else from
/// the files of the configuration, else from the policy log.
pub fn policy_of(config: &Config, decision: &Decision, files: &[PathBuf]) -> Result<Option<Policy>, Failure> {
    if decision.reasons.iter().all(|code| ReasonCode::named(code).is_some()) {
        return Ok(None);
    }
    let (version, hash) = (&decision.policy_version, &decision.policy_hash);
    if !files.is_empty() {
        let policy =
            Policy::read(&policies::document(files)?).map_err(|found| Failure::input(policies::lines(&found)))?;
        if policy.hash != *hash {
            eprintln!(
                "the files are policy {} ({}); the decision was made by {version} ({hash})",
                policy.version, policy.hash
            );
        }
        return Ok(Some(policy));
    }
    let known = match config.policies.as_slice() {
        [] => {
            eprintln!("reading {} for the texts of policy {version}", config.topics().name(Topic::Policies));
            PolicyLog::read(config)?.set()
        }
        files => policies::load(files)?,
    };
    let policy = known.version(version, hash).cloned();
    if policy.is_none() {
        eprintln!(
            "policy {version} ({hash}) is not known here, so texts of its own codes are missing; name its files with --policy"
        );
    }
    Ok(policy)
}
