//! Offers that are never made, that stand in the shadow of another, or that are worse than what the customer has.

use super::{Review, Said, TRIED_MAX, probe};
use crate::domain::words::Word;
use crate::domain::{Check, ReasonCode};
use crate::policy::offer::OfferRule;
use crate::policy::problem::ProblemCode::{CostAboveCap, NeverFires, Shadowed, WorseOffer};
use crate::policy::{Contract, Facts, Judgement, Policy, Terms};

pub fn look(review: &mut Review<'_>) {
    if review.arms.iter().all(|arm| arm.contracts().is_empty()) {
        return;
    }
    let (arms, offers) = (review.arms, &review.policy.offers);
    for rule in offers {
        review.left.set(TRIED_MAX / offers.len());
        let mine: Vec<&Policy> = arms.iter().filter(|arm| probe::admits(arm, &rule.offer)).collect();
        let only = |arm: &&Policy| Policy { offers: vec![rule.clone()], ..(*arm).clone() };
        let alone: Vec<Policy> = mine.iter().map(only).collect();
        made(review, &mine, &alone, rule);
        terms(review, &alone, rule);
    }
}

/// The first probe customer of any arm for whom a policy does what is asked for.
fn first_of<T>(
    arms: &[Policy],
    review: &Review<'_>,
    rule: &OfferRule,
    mut find: impl FnMut(&Facts<'_>, &Policy) -> Option<T>,
) -> Option<T> {
    arms.iter().find_map(|arm| first(arm, review, rule, &mut find))
}

/// The first probe customer for whom a policy does what is asked for, of those of the offer's kinds and currency.
fn first<T>(
    policy: &Policy,
    review: &Review<'_>,
    rule: &OfferRule,
    mut find: impl FnMut(&Facts<'_>, &Policy) -> Option<T>,
) -> Option<T> {
    for contract in policy.contracts().iter().filter(|contract| contract.currency == rule.currency) {
        let at = probe::moment(contract, review.at);
        for kind in probe::KINDS.into_iter().filter(|kind| rule.kinds.contains(kind)) {
            let good = probe::good(policy, contract, kind, at);
            let mut customers = probe::variations(policy, &good).take_while(|_| review.take());
            if let Some(found) = customers.find_map(|facts| find(&facts, policy)) {
                return Some(found);
            }
        }
    }
    None
}

/// Some customer gets this offer; else no customer fits it, or each who does gets an earlier one.
fn made(review: &mut Review<'_>, arms: &[&Policy], alone: &[Policy], rule: &OfferRule) {
    let offer = &rule.offer;
    let gets = |facts: &Facts<'_>, policy: &Policy| {
        (probe::offered(&policy.judge(facts)) == Some(offer.as_str())).then_some(())
    };
    if arms.iter().any(|policy| first(policy, review, rule, gets).is_some()) {
        return;
    }
    let instead = arms.iter().zip(alone).find_map(|(policy, alone)| {
        first(alone, review, rule, |facts, alone| {
            probe::offered(&alone.judge(facts))?;
            let other = policy.judge(facts);
            Some((probe::told(facts), probe::offered(&other).unwrap_or("nothing").to_owned()))
        })
    });
    let stops = |facts: &Facts<'_>, alone: &Policy| stopped(&alone.judge(facts), facts);
    if instead.is_none() && (first_of(alone, review, rule, stops).is_some() || review.left.get() == 0) {
        return;
    }
    let place = review.in_offer(offer, &["offer"]);
    let said = match instead {
        Some((customer, other)) => Said {
            code: Shadowed,
            note: false,
            found: format!("`{offer}` is never made: whoever fits it gets an earlier offer"),
            expected: "a customer whom no earlier offer fits",
            next: "move it up, narrow the earlier one, or remove it",
            counter_example: Some(format!("{customer}: gets {other}")),
        },
        None => Said {
            code: NeverFires,
            note: false,
            found: format!("`{offer}` fits nobody"),
            expected: "a contract, kind and currency that it can be made under",
            next: "correct its kinds or currency, or remove it",
            counter_example: Some("none of the customers tried, at any partner with real_time, fits it".to_owned()),
        },
    };
    review.find(place, said);
}

/// A customer whom an offer would fit but for the cap on a loan's all-in cost.
fn stopped(judgement: &Judgement, facts: &Facts<'_>) -> Option<String> {
    let capped = |check: &Check| !check.passed && check.code == ReasonCode::GatePriceCap.name();
    let check = judgement.checks.iter().find(capped)?;
    let ppm = |value: Option<i64>| value.unwrap_or_default();
    let (gets, cap) = (ppm(check.observed), ppm(check.required));
    Some(format!("{}: would be offered {gets} ppm, the cap is {cap} ppm", probe::told(facts)))
}

/// A lower limit than the customer has.
fn lower(facts: &Facts<'_>, terms: &Terms) -> Option<String> {
    let (has, gets) = (facts.limit.limit_minor?, terms.offer.limit_minor?);
    (gets < has).then(|| format!("{}: is offered {gets} minor units", probe::told(facts)))
}

/// A higher price; one over another term says nothing.
fn dearer(facts: &Facts<'_>, terms: &Terms) -> Option<String> {
    let (has, gets) = (facts.limit.all_in_cost_ppm?, terms.offer.all_in_cost_ppm?);
    let alike = facts.limit.term_months.zip(terms.offer.term_months).is_none_or(|(has, gets)| has == gets);
    (alike && gets > has).then(|| format!("{}: is offered {gets} ppm", probe::told(facts)))
}

/// An offer that states no price to anybody is never admitted where an average of prices is kept.
fn unpriced(review: &mut Review<'_>, rule: &OfferRule, customer: String) {
    let at = review.at;
    let capped = |contract: &&Contract| contract.currency == rule.currency;
    let mut contracts = review.arms.iter().flat_map(|arm| arm.contracts()).filter(capped);
    let Some(most) = contracts.find_map(|contract| contract.budgets.avg_cost_max_ppm(at)) else { return };
    let place = review.in_offer(&rule.offer, &["product"]);
    let said = Said {
        code: NeverFires,
        note: false,
        found: format!("`{}` states no price, and an average of {most} ppm is kept", rule.offer),
        expected: "charges of its product, a term and a repayment method, or a `cost` where no charges are stated",
        next: "state what it costs, or remove `portfolio_avg_max`",
        counter_example: Some(format!("{customer}: is never admitted, HOLD_AVG_COST")),
    };
    review.find(place, said);
}

/// A lower limit, a higher price, or a price above the cap, each with its first customer.
fn terms(review: &mut Review<'_>, alone: &[Policy], rule: &OfferRule) {
    let offer = &rule.offer;
    let [mut less, mut more, mut above] = [None, None, None];
    let (mut priced, mut silent) = (false, None);
    let _all: Option<()> = first_of(alone, review, rule, |facts, alone| {
        let judgement = alone.judge(facts);
        let terms = judgement.proposal();
        less = less.take().or_else(|| lower(facts, terms?));
        more = more.take().or_else(|| dearer(facts, terms?));
        above = above.take().or_else(|| stopped(&judgement, facts));
        priced |= terms.is_some_and(|terms| terms.offer.all_in_cost_ppm.is_some());
        silent = silent.take().or_else(|| terms.filter(|_| !priced).map(|_| probe::told(facts)));
        (less.is_some() && more.is_some() && above.is_some()).then_some(())
    });
    let found = [
        (WorseOffer, less, "limit", "less than the customer has already", "a limit of at least `same`"),
        (WorseOffer, more, "cost", "dearer than what the customer has already", "a price below the partner's"),
        (CostAboveCap, above, "cost", "dearer than the cap on a loan's all-in cost", "at most 24 %"),
    ];
    for (code, example, key, what, expected) in found {
        if let Some(example) = example {
            let place = review.in_offer(offer, &[key]);
            let found = format!("`{offer}` can be {what}");
            let next = "let it depend on what the customer has, or offer it to fewer";
            review.find(place, Said { code, note: false, found, expected, next, counter_example: Some(example) });
        }
    }
    if let Some(customer) = silent.filter(|_| !priced && review.left.get() > 0) {
        unpriced(review, rule, customer);
    }
}
