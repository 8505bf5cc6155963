//! Policy documents: parse, check, judge.
//!
//! A document is text; [`Policy::parse`] turns it into a checked policy or into everything that is wrong with it. A checked
//! policy judges the facts of one trigger: gates, then exclusions, then the offer, then caps, then what is written in CEL, each in a file of its own and
//! in the order of the table in `docs/semantics.md`. Nothing is ever permitted by leaving something out.
pub mod conditions;
pub mod contact;
pub mod contract;
pub mod deciles;
pub mod diff;
pub mod document;
pub mod experiments;
pub mod facts;
pub mod grading;
pub mod models;
pub mod problem;
pub mod review;
pub mod rules;
mod cost;
mod exclusions;
mod exposure;
mod fairness;
mod findings;
mod gates;
mod offer;
mod permission;
mod persons;
pub(crate) mod read;
mod segments;
pub mod set;
pub use contract::{Budgets, Contract, Dates, GuardTerms, Horizon, Listing};
pub use document::{Document, Part};
pub use facts::Facts;
pub use fairness::{barred_from_terms, is_protected};
pub use findings::Words;
pub use permission::{OfflinePermission, Tie};
pub use problem::{Place, Problem, ProblemCode};
pub use read::fields::PROBLEMS_MAX;
pub use segments::{Activity, Segment};
pub use set::{PolicySet, Rejected};

use crate::domain::candidate::{Arm, Delivery, Friction, Offer, SendWindow};
use crate::domain::words::Word;
use crate::domain::{Checks, EventTime, ReasonCode, Subject, Text};
use findings::{Case, Findings};

/// What the policy says of one trigger. One that was acted upon is room for the next: its lists and texts are used again.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// All failing codes in the order of `docs/semantics.md`; empty: propose.
    pub reasons: Vec<Text>,
    pub checks: Checks,
    pub arm: Arm,
    /// Nothing failed: the terms are what is proposed.
    pub proposes: bool,
    /// Worth nothing unless something is proposed.
    pub terms: Terms,
}

impl Judgement {
    /// What is proposed.
    pub fn proposal(&self) -> Option<&Terms> {
        self.proposes.then_some(&self.terms)
    }
}

/// What the policy fills into a candidate.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    pub offer: Offer,
    pub delivery: Delivery,
    pub friction: Friction,
    /// Empty when the policy does not grade.
    pub grade: Option<Text>,
    /// When contacts may be made; empty: no hours are stated, or no channel reaches out.
    pub send_windows: Vec<SendWindow>,
    pub source_disclosure: Option<Text>,
    pub opt_out_link: Option<Text>,
    pub non_personalised_alternative: Option<Text>,
    pub decide_by: EventTime,
    pub valid_for_ms: i64,
    /// What the candidate's grounds say besides: a person must look at it first.
    pub marks: Vec<ReasonCode>,
}

/// One checked policy document.
#[derive(Clone, Debug)]
pub struct Policy {
    pub version: Text,
    /// Content hash of the document, 32 hexadecimal characters.
    pub hash: Text,
    pub effective_from: EventTime,
    origin: Origin,
    contracts: contract::Contracts,
    exclusions: exclusions::Exclusions,
    rules: rules::Rules,
    /// None: a consent by any text counts.
    consent_texts: Option<gates::ConsentTexts>,
    models: Option<models::Registry>,
    grading: Option<grading::Grading>,
    contact: contact::Contact,
    holdout: Option<experiments::Holdout>,
    experiments: experiments::Experiments,
    /// In the order in which they are tried.
    offers: Vec<offer::OfferRule>,
    prices: offer::Prices,
    exposure: Option<exposure::ExposureRule>,
    segments: Option<segments::SegmentRule>,
    fairness: fairness::Fairness,
    texts: Texts,
    friction: Friction,
}

/// Where the document came from, for problems between documents.
#[derive(Clone, Debug)]
struct Origin {
    version: Source,
    effective_from: Source,
}

/// Where a value stands.
#[derive(Clone, Debug)]
struct Source {
    file: String,
    place: Place,
}

/// What every offer must say; set whenever the policy makes offers.
#[derive(Clone, Debug, Default)]
struct Texts {
    source_disclosure: Option<Text>,
    opt_out_link: Option<Text>,
    non_personalised_alternative: Option<Text>,
}

impl Policy {
    /// Reads and checks one document; `file_name` is only used to say where a problem is.
    pub fn parse(file_name: &str, text: &str) -> Result<Policy, Vec<Problem>> {
        Self::read(&Document::of(vec![Part::new(file_name, text)]))
    }

    /// The same of a document of several files.
    pub fn read(document: &Document) -> Result<Policy, Vec<Problem>> {
        read::read(document)
    }

    /// The contract of a partner, if the document has one.
    pub fn contract(&self, partner: &str) -> Option<&Contract> {
        self.contracts.of(partner)
    }

    /// The document's own rules.
    pub fn rules(&self) -> &rules::Rules {
        &self.rules
    }

    /// The models it has approved, where it names any.
    pub fn models(&self) -> Option<&models::Registry> {
        self.models.as_ref()
    }

    /// The tenths of the population that a version of a model was made on, where the document states them.
    pub fn deciles(&self, model: &str, version: &str) -> Option<&deciles::Deciles> {
        self.watched_as(model, version).map(|(_, deciles)| deciles)
    }

    /// The versions of models whose scores are watched.
    fn watched(&self) -> impl Iterator<Item = (&models::Model, &deciles::Deciles)> {
        let models = self.models.iter().flat_map(|registry| &registry.models);
        models.filter_map(|model| Some((model, model.deciles.as_ref()?)))
    }

    /// This version of a model, if its scores are watched.
    fn watched_as(&self, model: &str, version: &str) -> Option<(&models::Model, &deciles::Deciles)> {
        let model = self.models.as_ref()?.known(model, version)?;
        Some((model, model.deciles.as_ref()?))
    }

    /// How it grades customers, where it does.
    pub fn grading(&self) -> Option<&grading::Grading> {
        self.grading.as_ref()
    }

    /// What it tries out.
    pub fn experiments(&self) -> &experiments::Experiments {
        &self.experiments
    }

    /// All contracts, sorted by partner.
    pub fn contracts(&self) -> &[Contract] {
        &self.contracts.sorted
    }

    /// Judges one trigger: every rule is judged and every failing code is given.
    pub fn judge(&self, facts: &Facts<'_>) -> Judgement {
        let mut judgement = Judgement::default();
        self.judge_over(facts, &mut judgement);
        judgement
    }

    /// The same over a judgement that was acted upon.
    pub fn judge_over(&self, facts: &Facts<'_>, said: &mut Judgement) {
        let mut found = Findings::within(std::mem::take(&mut said.reasons), std::mem::take(&mut said.checks));
        (said.arm, said.proposes) = self.find(facts, &mut found, &mut said.terms);
        (said.reasons, said.checks) = (found.reasons, found.checks);
    }

    /// The arm, and whether to propose by the terms.
    fn find(&self, facts: &Facts<'_>, found: &mut Findings, terms: &mut Terms) -> (Arm, bool) {
        let Some(contract) = self.contract(facts.partner) else {
            found.flag(ReasonCode::DataUnknownPartner, Subject::ContractKnown, false, true);
            return (Arm::Treatment, false);
        };
        let challenger = self.experiments.challenger(facts.customer);
        let arm = if challenger.is_some() { Arm::Challenger } else { Arm::Treatment };
        let case = Case { policy: self, contract, facts, challenger };
        gates::judge(&case, found);
        exclusions::judge(&case, found);
        segments::judge(&case, found);
        exposure::judge(&case, found);
        let chosen = offer::judge(&case, terms, found);
        contact::judge(&case, found);
        // What is written in CEL is asked only of those whom everything else lets pass.
        let mut grade = None;
        if found.reasons.is_empty() {
            rules::judge(&case, found);
            grade = grading::judge(&case, found);
        }
        if chosen && found.reasons.is_empty() {
            contact::reach(&case, terms, found);
        }
        if !chosen || !found.reasons.is_empty() {
            return (arm, false);
        }
        if self.holdout.as_ref().is_some_and(|holdout| holdout.holds(facts.customer)) {
            found.flag(ReasonCode::CtrlHoldout, Subject::InHoldout, true, false);
            return (Arm::Holdout, false);
        }
        self.fill(contract, grade, terms);
        (arm, true)
    }

    /// Fills in what does not depend on the offer chosen.
    fn fill(&self, contract: &Contract, grade: Option<grading::Grade>, terms: &mut Terms) {
        terms.friction.prefill.clone_from(&self.friction.prefill);
        terms.friction.fields.clone_from(&self.friction.fields);
        terms.friction.must_confirm.clone_from(&self.friction.must_confirm);
        terms.friction.steps_skipped.clone_from(&self.friction.steps_skipped);
        terms.grade = grade.map(|grade| Text::const_new(grade.name()));
        terms.source_disclosure.clone_from(&self.texts.source_disclosure);
        terms.opt_out_link.clone_from(&self.texts.opt_out_link);
        terms.non_personalised_alternative.clone_from(&self.texts.non_personalised_alternative);
        terms.valid_for_ms = contract.valid_for_ms;
        terms.marks.clear();
        terms.marks.extend(self.fairness.mark(&terms.offer));
    }
}
