//! From a drawdown that asks to the policy's answer: a proposal for the partner stage, or a no with all its reasons.

use smallvec::SmallVec;

use super::exposure::{self, Asking};
use super::record::fact::Dated;
use super::record::{Consent, Customer, Drawdown, Limit, Traits, find, of_partner};
use super::{person, standing};
use crate::domain::candidate::{CandidateKind, Source};
use crate::domain::decision::DecisionKind;
use crate::domain::events::{ApplicationEvent, ApplicationKind, ConsentPurpose, OwnProductState, RiskVerdict};
use crate::domain::time::SECOND_MS;
use crate::domain::{CalendarDay, Decision, EventTime, Proposal, Text};
use crate::policy::facts::{ConsentFact, PartnerLimit};
use crate::policy::{Contract, Facts, Judgement, Policy, PolicySet};
use crate::store::Spares;

/// Most decisions that are kept to write others in.
const SPARE_DECISIONS_MAX: usize = 1_024;
const DECISIONS_MADE_AT_ONCE: usize = 128;

/// One policy, as far as this stage asks it.
pub trait Judge {
    fn stamp(&self) -> (&Text, &Text);
    fn contract(&self, partner: &str) -> Option<&Contract>;
    /// Judges over a judgement that was acted upon.
    fn judge(&self, facts: &Facts<'_>, judgement: &mut Judgement);
    /// The tenth of a model's reference population that a score falls into, where the policy states them.
    fn tenth(&self, model: &str, version: &str, score: i64) -> Option<usize>;
}

/// The policy in force at a moment.
pub trait Rules {
    type Policy: Judge;
    fn in_force(&self, at: EventTime) -> Option<&Self::Policy>;
}

impl Judge for Policy {
    fn stamp(&self) -> (&Text, &Text) {
        (&self.version, &self.hash)
    }
    fn contract(&self, partner: &str) -> Option<&Contract> {
        Policy::contract(self, partner)
    }
    fn judge(&self, facts: &Facts<'_>, judgement: &mut Judgement) {
        self.judge_over(facts, judgement);
    }
    fn tenth(&self, model: &str, version: &str, score: i64) -> Option<usize> {
        self.deciles(model, version).map(|deciles| deciles.tenth(score))
    }
}

impl Rules for PolicySet {
    type Policy = Policy;
    fn in_force(&self, at: EventTime) -> Option<&Policy> {
        PolicySet::in_force(self, at)
    }
}

/// A drawdown event that may trigger a decision.
#[derive(Clone, Copy, Debug)]
pub struct Trigger<'a> {
    pub event: &'a ApplicationEvent<'a>,
    pub source: &'a Source,
    pub now: EventTime,
    /// Oldest trigger that is still decided, seconds.
    pub age_secs_max: i64,
}

/// What the facts of one trigger point to.
struct Lists<'f> {
    employers: Employers<'f>,
    contacts: person::Contacts<'f>,
    overdue: person::Overdue<'f>,
    doors: exposure::Doors<'f>,
}

/// Employer tokens of one customer: that of the form and that of the credit report.
type Employers<'f> = SmallVec<[&'f str; 2]>;

/// Where triggers are judged and answered: what was said before, to be written over.
#[derive(Debug)]
pub struct Room {
    pub judgement: Judgement,
    pub proposal: Proposal,
    /// Decisions that are written.
    pub decisions: Spares<Box<Decision>>,
}

impl Default for Room {
    fn default() -> Self {
        let (judgement, proposal) = (Judgement::default(), Proposal::default());
        Self { judgement, proposal, decisions: Spares::new(SPARE_DECISIONS_MAX, DECISIONS_MADE_AT_ONCE) }
    }
}

impl Trigger<'_> {
    /// Asks the policy in force at the event; the answer is a decision with every check. When it was proposed, the proposal
    /// lies on the room. No policy, no trigger under the contract, a drawdown that has ended or was proposed for, or history:
    /// no decision at all.
    // A tenth of the events ask: it does not lie between the instructions of the others.
    #[inline(never)]
    pub fn ask<R: Rules>(&self, customer: &Customer, rules: &R, room: &mut Room) -> Option<Box<Decision>> {
        let at = self.event.event_time;
        let policy = rules.in_force(at)?;
        let contract = policy.contract(self.event.partner);
        let triggers_on = match contract.is_some_and(|contract| contract.triggers_on_risk_passed) {
            true => ApplicationKind::DrawdownRiskPassed,
            false => ApplicationKind::DrawdownRequested,
        };
        let drawdown = find(&customer.drawdowns, self.event.partner, self.event.drawdown?)?;
        let history = self.now.ms_since(at) > self.age_secs_max.saturating_mul(SECOND_MS);
        if self.event.kind != triggers_on || drawdown.outcome.is_some() || !drawdown.candidate.is_empty() || history {
            return None;
        }
        let today = self.now.max(at);
        let today = contract.map_or(today.utc_day(), |contract| standing::day_in(&contract.zone, today));
        let terms = self.limit(customer);
        let currency = terms.currency.unwrap_or(contract.map_or("", |contract| contract.currency.as_str()));
        let asking = self.asking(drawdown, terms, currency);
        let lists = Lists {
            employers: customer.traits.employers(),
            contacts: person::contacts(customer),
            overdue: person::overdue(customer, today),
            doors: exposure::doors(customer, &asking),
        };
        let facts = self.facts(customer, drawdown, &asking, today, &lists);
        policy.judge(&facts, &mut room.judgement);
        let free = !facts.live && !facts.pending;
        let proposes = room.judgement.proposes && free;
        let kind = if proposes { DecisionKind::Proposed } else { DecisionKind::No };
        let decision = self.decision(&facts, policy.stamp(), kind, room);
        if proposes {
            self.draft(&facts, customer, &decision, room);
        }
        Some(decision)
    }

    fn facts<'f, 'l: 'f>(
        &'f self,
        customer: &'f Customer,
        drawdown: &'f Drawdown,
        asking: &Asking<'f>,
        today: CalendarDay,
        lists: &'f Lists<'l>,
    ) -> Facts<'f> {
        let event = self.event;
        let profile = customer.profile.as_deref();
        let traits = &customer.traits;
        let offering = customer.offering.as_deref();
        Facts {
            now: self.now,
            event_time: event.event_time,
            requested_at: drawdown.requested.map_or(event.event_time, |asked| asked.at),
            customer: event.customer,
            partner: event.partner,
            application: event.application,
            drawdown: &drawdown.drawdown,
            amount_minor: event.amount_minor.or(drawdown.requested.and_then(|asked| asked.amount_minor)),
            kind: kind_of(customer),
            limit: asking.terms,
            consent: profile.and_then(|profile| cross_marketing(&profile.consents, event.event_time)),
            flags: profile.map_or(0, |profile| profile.flag_bits()),
            staff: drawdown.staff,
            test_order: drawdown.test_order,
            employers: &lists.employers,
            region: traits.region.as_ref().map(|region| region.value.as_str()),
            standing: standing::of(customer, today),
            verdict: traits.verdict(),
            offered_at: offering.map_or(&[], |offering| &offering.offered_at),
            live: offering.is_some_and(|offering| offering.live.is_some()),
            pending: offering.is_some_and(|offering| offering.pending.is_some()),
            lenders: profile.and_then(|profile| profile.lenders).map(|lenders| lenders.value),
            debt_burden_ppm: profile.and_then(|profile| profile.debt_burden_ppm).map(|burden| burden.value),
            own_product: profile.and_then(|profile| profile.own_state()),
            risk_bearing: event.risk_bearing,
            enhancer: event.enhancer,
            holdings: exposure::holdings(customer, asking, &lists.doors),
            source: self.source,
            person: person::of(customer, event.event_time, &lists.contacts, &lists.overdue),
        }
    }

    fn asking<'f>(&'f self, drawdown: &'f Drawdown, terms: PartnerLimit<'f>, currency: &'f str) -> Asking<'f> {
        let ApplicationEvent { partner, application, event_time: at, .. } = *self.event;
        Asking { partner, drawdown: &drawdown.drawdown, application, terms, currency, at }
    }

    /// The event's own terms, else those of the limit under its product, else of the partner's latest limit.
    fn limit<'f>(&'f self, customer: &'f Customer) -> PartnerLimit<'f> {
        let event = self.event;
        let named = find(&customer.limits, event.partner, event.product.unwrap_or_default());
        let latest = || of_partner(&customer.limits, event.partner).iter().max_by_key(|limit| limit.terms_at);
        let limit = named.or_else(latest);
        let application = find(&customer.applications, event.partner, event.application);
        let currency = limit.and_then(|l| l.currency.as_deref());
        PartnerLimit {
            limit_minor: event.limit_minor.or(term(limit, |l| l.limit_minor)),
            all_in_cost_ppm: event.all_in_cost_ppm.or(term(limit, |l| l.all_in_cost_ppm)),
            term_months: event.term_months.or(term(limit, |l| l.term_months)),
            repayment_method: event.repayment_method.or(term(limit, |l| l.repayment_method)),
            product_kind: event.product_kind.or(term(limit, |l| l.product_kind)),
            currency: event.currency.or(currency).or(application.and_then(|a| a.currency.as_deref())),
        }
    }
}

fn kind_of(customer: &Customer) -> CandidateKind {
    let own = customer.profile.as_ref().and_then(|profile| profile.own_state());
    if own == Some(OwnProductState::Active) {
        CandidateKind::UseOwnLimit
    } else if !customer.loans.is_empty() || customer.drawdowns.iter().any(|d| d.disbursed_at().is_some()) {
        CandidateKind::ReturningRt
    } else {
        CandidateKind::NewRt
    }
}

fn term<T>(limit: Option<&Limit>, part: impl Fn(&Limit) -> Option<Dated<T>>) -> Option<T> {
    limit.and_then(part).map(|dated| dated.value)
}

/// The cross-marketing consent to judge by: one that holds at the event, else the latest that does not.
fn cross_marketing(consents: &[Consent], at: EventTime) -> Option<ConsentFact<'_>> {
    let given = consents.iter().filter(|consent| consent.purpose == ConsentPurpose::MarketingCross);
    let facts = given.filter_map(|consent| {
        let giving = consent.giving.as_ref()?;
        Some(ConsentFact {
            consent: &giving.consent,
            text_version: &giving.text_version,
            given_at: giving.given_at,
            withdrawn_at: consent.withdrawal(),
        })
    });
    facts.max_by_key(|fact| (fact.withdrawn_at.is_none() && fact.given_at <= at, fact.given_at))
}

impl Traits {
    /// The employer tokens known, of the form and of the credit report.
    fn employers(&self) -> Employers<'_> {
        [&self.employer_form, &self.employer_report].into_iter().flatten().map(|e| e.value.as_str()).collect()
    }

    fn verdict(&self) -> Option<RiskVerdict<'_>> {
        self.verdict.as_ref().map(|v| RiskVerdict {
            model: &v.model,
            version: &v.version,
            band: &v.band,
            decided_at: v.decided_at,
            valid_days: v.valid_days,
        })
    }
}
