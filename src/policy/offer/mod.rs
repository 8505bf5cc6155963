//! The offer: the first rule of the policy that fits the customer, with everything it needs known, and within law and caps.
//!
//! A rule that would fit but for the exposure cap or the price cap is passed over; when no later one fits, that cap is the
//! reason. A limit is never lowered to fit: a smaller offer is another rule, and compared like any other.

mod price;
mod rule;
pub(super) use price::{PriceCap, Prices, Product};
pub(super) use rule::{CostRule, LimitRule, MethodRule, OfferRule, TermRule};

use super::Terms;
use super::exposure::{self, Room};
use super::facts::PartnerLimit;
use super::findings::{Case, Findings};
use super::segments::{Activity, OwnHolder, Segment};
use crate::domain::ReasonCode::{ExcNoOffer, GatePriceCap};
use crate::domain::candidate::{CandidateKind, Delivery, LimitMode};
use crate::domain::check::{Relation, Unit};
use crate::domain::words::Word;
use crate::domain::{Subject, Text};
use price::{Claim, Priced};

/// Why a rule does not fit.
enum Misfit {
    /// Other customers, another currency, no channel left.
    OtherCustomers,
    /// The rule builds on something that is not known.
    Unknown(Subject),
    /// There is no price left that is so much lower, or the customer has better already.
    NotBetter,
    AboveExposure(Room),
    /// The all-in cost that would be above the cap, parts per million.
    AbovePrice(i64),
}

/// The customer as the rules of the ladder see one.
pub(super) struct Who<'a> {
    pub kind: CandidateKind,
    pub currency: &'a str,
    pub segment: Segment,
    pub activity: Option<Activity>,
    /// As the policy grades; where it does not, the band of the own risk verdict. None while no offer asks for one.
    pub grade: Option<&'a str>,
    pub renews: bool,
    /// Disbursements before, through any door.
    pub repeat: usize,
}

/// Chooses the offer and writes its part of the terms; false: none fits.
pub(super) fn judge(case: &Case<'_>, terms: &mut Terms, found: &mut Findings) -> bool {
    let who = Who::of(case);
    let (mut unknown, mut room, mut price, mut chosen) = (None, None, None, false);
    let admits = |rule: &&OfferRule| case.policy.experiments.admits(&rule.offer, case.challenger);
    for rule in case.policy.offers.iter().filter(admits) {
        match offer_for(rule, &who, case, terms) {
            Ok(within) => {
                (chosen, room, price) = (true, within, terms.offer.all_in_cost_ppm);
                break;
            }
            Err(Misfit::Unknown(what)) => unknown = unknown.or(Some(what)),
            Err(Misfit::AboveExposure(above)) => room = room.or(Some(above)),
            Err(Misfit::AbovePrice(ppm)) => price = price.or(Some(ppm)),
            Err(Misfit::OtherCustomers | Misfit::NotBetter) => {}
        }
    }
    let capped = !chosen && (room.is_some() || price.is_some());
    if let Some(room) = room {
        exposure::tell(room, found);
    }
    if let Some(ppm) = price {
        let max_ppm = case.policy.prices.per_loan_max_ppm(case.facts.event_time);
        found.number(GatePriceCap, Subject::AllInCost, Unit::Ppm, ppm, Relation::AtMost, max_ppm);
    }
    if !capped {
        found.number(ExcNoOffer, Subject::OffersThatFit, Unit::Count, i64::from(chosen), Relation::AtLeast, 1);
    }
    if let (false, Some(what)) = (chosen, unknown) {
        found.missing(what);
    }
    chosen
}

impl<'a> Who<'a> {
    fn of(case: &'a Case<'a>) -> Self {
        let (facts, rule) = (case.facts, &case.policy.segments);
        let history = &facts.holdings.history;
        let renews = |rule: &super::segments::SegmentRule| rule.holder(facts) == OwnHolder::Renew;
        Self {
            kind: facts.kind,
            currency: facts.limit.currency.unwrap_or(&case.contract.currency),
            segment: Segment::of(history),
            activity: rule.as_ref().and_then(|rule| rule.activity(history, facts.event_time)),
            grade: grade(case),
            renews: rule.as_ref().is_some_and(renews),
            repeat: history.disbursed_here.saturating_add(history.disbursed_elsewhere) as usize,
        }
    }
}

/// Asked only where some offer is for certain grades: grading may be written in CEL.
fn grade<'a>(case: &Case<'a>) -> Option<&'a str> {
    if case.policy.offers.iter().all(|offer| offer.grades.is_empty()) {
        return None;
    }
    match case.policy.grading {
        Some(_) => case.policy.grade(case.facts).map(Word::name),
        None => case.facts.verdict.as_ref().map(|verdict| verdict.band),
    }
}

/// Writes the rule's offer into the terms, where it fits, and gives the room that it leaves.
fn offer_for(rule: &OfferRule, who: &Who<'_>, case: &Case<'_>, terms: &mut Terms) -> Result<Option<Room>, Misfit> {
    if !rule.is_for(who) {
        return Err(Misfit::OtherCustomers);
    }
    let facts = case.facts;
    let mut base = facts.limit;
    if rule.best {
        base.limit_minor = best_limit(case, who.currency);
    }
    let limit_minor = rule.limit.minor(&base, who.repeat)?;
    if rule.is_less(limit_minor, base.limit_minor) {
        return Err(Misfit::NotBetter);
    }
    let term_months = rule.term.map(|term| term.months(&base)).transpose()?;
    let method = rule.repayment_method.map(|method| method.of(&base)).transpose()?;
    if rule.best {
        base.all_in_cost_ppm = best_cost(case, who.currency, term_months, method.map(Word::name));
    }
    let priced = Priced {
        product: &rule.product,
        currency: who.currency,
        amount_minor: facts.amount_minor.or(limit_minor),
        term_months,
        method,
        interest_ppm: rule.interest_ppm,
        coupons: &rule.coupons,
    };
    let claim = claim(rule, &base, &case.policy.prices, &priced)?;
    if let Some(ppm) = claim.all_in_cost_ppm.filter(|ppm| *ppm > case.policy.prices.per_loan_max_ppm(facts.event_time))
    {
        return Err(Misfit::AbovePrice(ppm));
    }
    let room = room(rule, who, case, limit_minor)?;
    let within_ms = deliver(rule, case, &mut terms.delivery)?;
    terms.decide_by = facts.event_time.plus_ms(within_ms);
    let offer = &mut terms.offer;
    offer.offer.clone_from(&rule.offer);
    offer.code.clone_from(&rule.code);
    offer.product.clone_from(&rule.product);
    offer.currency.clone_from(&rule.currency);
    (offer.limit_minor, offer.limit_mode) = (limit_minor, Some(rule.limit_mode));
    (offer.term_months, offer.all_in_cost_ppm) = (term_months, claim.all_in_cost_ppm);
    offer.repayment_method = method.map(|method| Text::const_new(method.name()));
    offer.cost = claim.disclosure;
    offer.coupons.clone_from(&rule.coupons);
    Ok(room)
}

/// What the offer says of its cost. Where the policy states charges, the claim is computed from all of them and the rule
/// only says how low it must be; where a charge is not known there is no claim.
fn claim(rule: &OfferRule, base: &PartnerLimit<'_>, prices: &Prices, priced: &Priced<'_>) -> Result<Claim, Misfit> {
    let most = rule.cost.map(|cost| cost.ppm(base)).transpose()?;
    let claim = match prices.products {
        Some(_) => prices.claim(priced),
        None => Claim { all_in_cost_ppm: most, disclosure: None },
    };
    let best = base.all_in_cost_ppm.filter(|_| rule.best);
    let above = |most: Option<i64>| claim.all_in_cost_ppm.zip(most).is_some_and(|(ppm, most)| ppm > most);
    if above(most) || above(best) { Err(Misfit::NotBetter) } else { Ok(claim) }
}

fn room(rule: &OfferRule, who: &Who<'_>, case: &Case<'_>, limit_minor: Option<i64>) -> Result<Option<Room>, Misfit> {
    let Some(exposures) = &case.policy.exposure else { return Ok(None) };
    // The limit that the customer has already adds nothing; what is owed in all with it is judged all the same.
    let (limit_minor, mode) = limit_minor.map_or((0, LimitMode::Additive), |minor| (minor, rule.limit_mode));
    match exposures.room(case.facts, &rule.product, who.currency, limit_minor, mode) {
        Room::Unknown(what) => Err(Misfit::Unknown(what)),
        above @ Room::Above { .. } => Err(Misfit::AboveExposure(above)),
        within @ Room::Within { .. } => Ok(Some(within)),
    }
}

/// The highest limit at any door; unknown when the partner's own is.
fn best_limit(case: &Case<'_>, currency: &str) -> Option<i64> {
    let here = case.facts.limit.limit_minor?;
    let doors = case.facts.holdings.doors.iter().filter(|door| door.terms.currency.is_none_or(|c| c == currency));
    Some(doors.filter_map(|door| door.terms.limit_minor).fold(here, i64::max))
}

/// The lowest cost at any door at the same term and method; a door that states neither is comparable. Unknown when the
/// partner's own is.
fn best_cost(case: &Case<'_>, currency: &str, months: Option<i32>, method: Option<&str>) -> Option<i64> {
    let here = case.facts.limit.all_in_cost_ppm?;
    let alike = |terms: &PartnerLimit<'_>| {
        terms.currency.is_none_or(|c| c == currency)
            && terms.term_months.is_none_or(|term| months.is_none_or(|months| months == term))
            && terms.repayment_method.is_none_or(|known| method.is_none_or(|method| method == known.name()))
    };
    let doors = case.facts.holdings.doors.iter().map(|door| &door.terms).filter(|terms| alike(terms));
    let best = doors.filter_map(|terms| terms.all_in_cost_ppm).min();
    best.or(Some(here).filter(|_| alike(&case.facts.limit)))
}

/// How it is shown. Without a page of ours one channel carries it: the first of the offer's that the contract names and whose
/// deadline has not passed.
fn deliver(rule: &OfferRule, case: &Case<'_>, delivery: &mut Delivery) -> Result<i64, Misfit> {
    let contract = case.contract;
    let mut within_ms = contract.answer_within_ms;
    let channels = if contract.api_channels.is_empty() {
        rule.channels.as_slice()
    } else {
        let age_ms = case.facts.now.ms_since(case.facts.event_time);
        let open = |channel: &Text| {
            let named = contract.api_channels.iter().find(|(known, _)| known.name() == channel.as_str());
            named.map(|(_, ms)| *ms).filter(|ms| age_ms <= *ms)
        };
        let mut channels = rule.channels.iter();
        let first = channels.find_map(|channel| Some((std::slice::from_ref(channel), open(channel)?)));
        let (channel, ms) = first.ok_or(Misfit::OtherCustomers)?;
        within_ms = ms;
        channel
    };
    delivery.channels.clear();
    delivery.channels.extend_from_slice(channels);
    let touchpoint = if rule.touchpoint.is_some() { &rule.touchpoint } else { &contract.touchpoint };
    delivery.touchpoint.clone_from(touchpoint);
    delivery.template.clone_from(&rule.template);
    delivery.deep_link.clone_from(&rule.deep_link);
    Ok(within_ms)
}

impl OfferRule {
    fn is_for(&self, who: &Who<'_>) -> bool {
        let any = |list: &[Text], word: Option<&str>| {
            list.is_empty() || word.is_some_and(|word| list.iter().any(|known| known == word))
        };
        self.kinds.contains(&who.kind)
            && self.currency == who.currency
            && self.renews == who.renews
            && (self.segments.is_empty() || self.segments.contains(&who.segment))
            && (self.activity.is_empty() || who.activity.is_some_and(|activity| self.activity.contains(&activity)))
            && any(&self.grades, who.grade)
    }

    /// A limit below what the customer has at the best door; one in addition to it is not compared.
    fn is_less(&self, limit_minor: Option<i64>, best_minor: Option<i64>) -> bool {
        let compared = self.best && self.limit_mode != LimitMode::Additive;
        compared && limit_minor.zip(best_minor).is_some_and(|(offered, best)| offered < best)
    }
}
