//! The registry of models: no score or verdict counts unless its model is approved for that use, now, and fresh enough.

use super::conditions::{Condition, ModelOf, Origin};
use super::contract::Dates;
use super::findings::{Case, Findings, Words};
use crate::domain::ReasonCode::{DataModelUnapproved, DataStale};
use crate::domain::check::{Relation, Unit};
use crate::domain::time::DAY_MS;
use crate::domain::words::Word;
use crate::domain::{EventTime, Text};
use crate::words;

words! {
    /// What a model's result may be used as.
    pub enum Purpose {
        /// The lender's own verdict on the risk.
        Verdict = "verdict",
        Risk = "risk",
        Response = "response",
        Conversion = "conversion",
        Value = "value",
    }
}

/// One version of a model.
#[derive(Clone, Debug)]
pub struct Model {
    pub model: Text,
    pub version: Text,
    pub owner: Text,
    pub approver: Text,
    /// When it may be used.
    pub valid: Dates,
    /// Oldest result that may be used, days.
    pub max_age_days: i64,
    pub purposes: Vec<Purpose>,
    /// What it was made from.
    pub inputs: Vec<Origin>,
}

/// The models of a document; without the part none is asked for.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Sorted by model and version.
    pub models: Vec<Model>,
    /// `model version` of each purpose, in the order of [`Purpose`], for the checks.
    pub by_purpose: Vec<Words>,
}

/// A result and the model that made it.
#[derive(Clone, Copy, Debug)]
struct Made<'a> {
    model: &'a str,
    version: &'a str,
    at: EventTime,
}

impl Registry {
    pub fn new(mut models: Vec<Model>) -> Self {
        models.sort_by(|a, b| (&a.model, &a.version).cmp(&(&b.model, &b.version)));
        let of = |purpose| {
            let names = models.iter().filter(|model| model.purposes.contains(&purpose));
            Words::new(names.map(|model| compact_str::format_compact!("{} {}", model.model, model.version)).collect())
        };
        Self { by_purpose: Purpose::ALL.iter().map(|purpose| of(*purpose)).collect(), models }
    }

    fn find(&self, model: &str, version: &str) -> Option<&Model> {
        let found = self.models.binary_search_by(|known| (known.model.as_str(), known.version.as_str()).cmp(&(model, version)));
        found.ok().and_then(|position| self.models.get(position))
    }
}

/// The verdict's model, which every offer builds on.
pub(super) fn judge(case: &Case<'_>, found: &mut Findings) {
    approve(ModelOf::Verdict, case, found);
}

/// The models of what a condition reads. False: one is not approved, so the condition is not asked.
pub(super) fn approve_reads(condition: &Condition, case: &Case<'_>, found: &mut Findings) -> bool {
    // Every one of them is judged, so that all failing models are named.
    condition.reads().iter().filter_map(|variable| variable.model).filter(|model| !approve(*model, case, found)).count() == 0
}

/// True when there is no registry, nothing was scored, or the model is approved for this use.
pub(super) fn approve(of: ModelOf, case: &Case<'_>, found: &mut Findings) -> bool {
    let Some(registry) = &case.policy.models else { return true };
    let (purpose, model_subject, age_subject, made) = of.made(case);
    let Some(made) = made else { return true };
    let known = registry.find(made.model, made.version);
    let fit = known.is_some_and(|model| model.valid.hold(case.facts.event_time) && model.purposes.contains(&purpose));
    let name = compact_str::format_compact!("{} {}", made.model, made.version);
    let approved = registry.by_purpose.get(purpose.ordinal()).map(Words::joined).cloned().unwrap_or_default();
    found.word(DataModelUnapproved, model_subject, fit, Some(&name), Relation::OneOf, &approved);
    let Some(model) = known.filter(|_| fit) else { return false };
    let age_days = case.facts.event_time.ms_since(made.at).div_euclid(DAY_MS);
    found.number(DataStale, age_subject, Unit::Days, age_days, Relation::AtMost, model.max_age_days)
}

impl ModelOf {
    fn made<'f>(self, case: &Case<'f>) -> (Purpose, &'static str, &'static str, Option<Made<'f>>) {
        let facts = case.facts;
        let scored = |score: &'f Option<crate::domain::events::Score<'f>>| {
            score.as_ref().map(|s| Made { model: s.model, version: s.version, at: s.scored_at })
        };
        match self {
            Self::Verdict => {
                let verdict = facts.verdict.as_ref();
                let made = verdict.map(|v| Made { model: v.model, version: v.version, at: v.decided_at });
                (Purpose::Verdict, "verdict_model", "verdict_age", made)
            }
            Self::Risk => (Purpose::Risk, "risk_model", "risk_score_age", scored(&facts.person.risk)),
            Self::Response => (Purpose::Response, "response_model", "response_score_age", scored(&facts.person.response)),
            Self::Conversion => {
                (Purpose::Conversion, "conversion_model", "conversion_score_age", scored(&facts.person.conversion))
            }
            Self::Value => (Purpose::Value, "value_model", "value_score_age", scored(&facts.person.value)),
        }
    }
}
