//! The registry of models: no score or verdict counts unless its model is approved for that use, now, and fresh enough.

use super::conditions::{Condition, ModelOf, Origin};
use super::contract::Dates;
use super::deciles::Deciles;
use super::findings::{Case, Findings, Words};
use super::{Facts, Source};
use crate::domain::ReasonCode::{DataModelUnapproved, DataStale};
use crate::domain::check::{Relation, Unit};
use crate::domain::time::DAY_MS;
use crate::domain::words::Word;
use crate::domain::{EventTime, Subject, Text};
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
    /// Where its scores fell when it was made; `None`: its scores are not watched.
    pub deciles: Option<Deciles>,
    /// Where the document states them.
    pub(super) deciles_at: Source,
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

    /// The model, if it is registered, valid at the moment and approved for this use.
    fn fit(&self, of: ModelOf, made: Made<'_>, at: EventTime) -> Option<&Model> {
        let (purpose, ..) = of.names();
        let known = self.known(made.model, made.version)?;
        Some(known).filter(|model| model.valid.hold(at) && model.purposes.contains(&purpose))
    }

    /// A version of a model, if it is registered.
    pub fn known(&self, model: &str, version: &str) -> Option<&Model> {
        let key = (model, version);
        let at = self.models.binary_search_by(|known| (known.model.as_str(), known.version.as_str()).cmp(&key)).ok()?;
        self.models.get(at)
    }
}

/// The verdict's model, which every offer builds on.
pub(super) fn judge(case: &Case<'_>, found: &mut Findings) {
    approve(ModelOf::Verdict, case, found);
}

/// The models of what a condition reads. False: one is not approved, so the condition is not asked.
pub(super) fn approve_reads(condition: &Condition, case: &Case<'_>, found: &mut Findings) -> bool {
    // Every one of them is judged, so that all failing models are named.
    condition.reads().iter().filter_map(|variable| variable.model).filter(|model| !approve(*model, case, found)).count()
        == 0
}

/// True when there is no registry, nothing was scored, or the model is approved for this use.
pub(super) fn approve(of: ModelOf, case: &Case<'_>, found: &mut Findings) -> bool {
    let Some(registry) = &case.policy.models else { return true };
    let Some(made) = of.made(case.facts) else { return true };
    let name = compact_str::format_compact!("{} {}", made.model, made.version);
    let fit = registry.fit(of, made, case.facts.event_time);
    let (purpose, model_subject, age_subject) = of.names();
    let approved = registry.by_purpose.get(purpose.ordinal()).map(Words::joined).cloned().unwrap_or_default();
    found.word(DataModelUnapproved, model_subject, fit.is_some(), Some(&name), Relation::OneOf, &approved);
    let Some(model) = fit else { return false };
    found.number(DataStale, age_subject, Unit::Days, made.age_days(case.facts), Relation::AtMost, model.max_age_days)
}

/// The same without leaving checks, for grades.
pub(super) fn approves(registry: Option<&Registry>, of: ModelOf, facts: &Facts<'_>) -> bool {
    let (Some(registry), Some(made)) = (registry, of.made(facts)) else { return true };
    registry.fit(of, made, facts.event_time).is_some_and(|model| made.age_days(facts) <= model.max_age_days)
}

impl Made<'_> {
    fn age_days(&self, facts: &Facts<'_>) -> i64 {
        facts.event_time.ms_since(self.at).div_euclid(DAY_MS)
    }
}

impl ModelOf {
    /// The purpose, and the subjects of the two checks.
    fn names(self) -> (Purpose, Subject, Subject) {
        match self {
            Self::Verdict => (Purpose::Verdict, Subject::VerdictModel, Subject::VerdictAge),
            Self::Risk => (Purpose::Risk, Subject::RiskModel, Subject::RiskScoreAge),
            Self::Response => (Purpose::Response, Subject::ResponseModel, Subject::ResponseScoreAge),
            Self::Conversion => (Purpose::Conversion, Subject::ConversionModel, Subject::ConversionScoreAge),
            Self::Value => (Purpose::Value, Subject::ValueModel, Subject::ValueScoreAge),
        }
    }

    fn made<'f>(self, facts: &Facts<'f>) -> Option<Made<'f>> {
        let person = &facts.person;
        let score = match self {
            Self::Verdict => {
                return facts.verdict.as_ref().map(|v| Made { model: v.model, version: v.version, at: v.decided_at });
            }
            Self::Risk => &person.risk,
            Self::Response => &person.response,
            Self::Conversion => &person.conversion,
            Self::Value => &person.value,
        };
        score.as_ref().map(|score| Made { model: score.model, version: score.version, at: score.scored_at })
    }
}
