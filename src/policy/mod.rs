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
pub use findings::{Room, Words};
pub use permission::{OfflinePermission, Tie};
pub use problem::{Place, Problem, ProblemCode};
pub use read::fields::PROBLEMS_MAX;
pub use segments::{Activity, Segment};
pub use set::{PolicySet, Rejected};

use crate::domain::candidate::{Arm, CandidateKind, Delivery, Friction, Offer, SendWindow};
use crate::domain::words::Word;
use crate::domain::{Check, EventTime, ReasonCode, Text};
use findings::{Case, Findings};

/// Checks that the program's own rules leave at most, or nearly so: room that is asked for at once.
const OWN_CHECKS: usize = 72;

/// What the policy says of one trigger.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// All failing codes in the order of `docs/semantics.md`; empty: propose.
    pub reasons: Vec<Text>,
    pub checks: Vec<Check>,
    pub arm: Arm,
    /// Set when nothing failed.
    pub proposal: Option<Terms>,
}

/// What the policy fills into a candidate.
#[derive(Clone, Debug)]
pub struct Terms {
    pub kind: CandidateKind,
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
        self.judge_within(facts, Room::default())
    }

    /// The same in lists that were used before.
    pub fn judge_within(&self, facts: &Facts<'_>, room: Room) -> Judgement {
        let Some(contract) = self.contract(facts.partner) else {
            let mut found = Findings::default();
            found.flag(ReasonCode::DataUnknownPartner, "contract_known", false, true);
            return found.no(Arm::Treatment);
        };
        let mut found = Findings::within(room, OWN_CHECKS + self.rules.rules.len());
        let challenger = self.experiments.challenger(facts.customer);
        let arm = if challenger.is_some() { Arm::Challenger } else { Arm::Treatment };
        let case = Case { policy: self, contract, facts, challenger };
        gates::judge(&case, &mut found);
        exclusions::judge(&case, &mut found);
        segments::judge(&case, &mut found);
        exposure::judge(&case, &mut found);
        let mut chosen = offer::judge(&case, &mut found);
        contact::judge(&case, &mut found);
        // What is written in CEL is asked only of those whom everything else lets pass.
        let mut grade = None;
        if found.reasons.is_empty() {
            rules::judge(&case, &mut found);
            grade = grading::judge(&case, &mut found);
        }
        let windows = match &mut chosen {
            Some(chosen) if found.reasons.is_empty() => contact::reach(&case, &mut chosen.delivery, &mut found),
            _ => Vec::new(),
        };
        let (Some(chosen), true) = (chosen, found.reasons.is_empty()) else {
            return found.no(arm);
        };
        if self.holdout.as_ref().is_some_and(|holdout| holdout.holds(facts.customer)) {
            found.flag(ReasonCode::CtrlHoldout, "in_holdout", true, false);
            return found.no(Arm::Holdout);
        }
        let proposal = Some(Terms {
            grade: grade.map(|grade| Text::const_new(grade.name())),
            send_windows: windows,
            ..self.terms(&case, chosen)
        });
        Judgement { reasons: Vec::new(), checks: found.checks, arm, proposal }
    }

    fn terms(&self, case: &Case<'_>, chosen: offer::Chosen) -> Terms {
        Terms {
            kind: case.facts.kind,
            marks: self.fairness.marks(&chosen.offer),
            offer: chosen.offer,
            delivery: chosen.delivery,
            friction: self.friction.clone(),
            grade: None,
            send_windows: Vec::new(),
            source_disclosure: self.texts.source_disclosure.clone(),
            opt_out_link: self.texts.opt_out_link.clone(),
            non_personalised_alternative: self.texts.non_personalised_alternative.clone(),
            decide_by: case.facts.event_time.plus_ms(chosen.within_ms),
            valid_for_ms: case.contract.valid_for_ms,
        }
    }
}

impl Findings {
    /// A judgement without a proposal.
    fn no(self, arm: Arm) -> Judgement {
        Judgement { reasons: self.reasons, checks: self.checks, arm, proposal: None }
    }
}
