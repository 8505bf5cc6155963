//! Offers that are never made, that stand in the shadow of another, or that are worse than what the customer has.

use super::{Review, Said, probe};
use crate::domain::words::Word;
use crate::domain::{Check, ReasonCode, Text};
use crate::policy::problem::ProblemCode::{CostAboveCap, NeverFires, Shadowed, WorseOffer};
use crate::policy::{Facts, Policy, Terms};

pub fn look(review: &mut Review<'_>) {
    if !review.policy.contracts().iter().any(|contract| contract.real_time) {
        return;
    }
    let arms = probe::arms(review.policy);
    for (number, offer) in review.policy.offer_names().into_iter().enumerate() {
        let mine: Vec<&Policy> = arms.iter().filter(|arm| probe::admits(arm, &offer)).collect();
        let alone: Vec<Policy> = mine.iter().map(|arm| arm.with_only_offer(number)).collect();
        made(review, &mine, &alone, &offer);
        terms(review, &alone, &offer);
    }
}

/// The first probe customer of any arm for whom a policy does what is asked for.
fn first_of<T>(arms: &[Policy], review: &Review<'_>, find: impl Fn(&Facts<'_>, &Policy) -> Option<T>) -> Option<T> {
    arms.iter().find_map(|arm| first(arm, review, &find))
}

/// The first probe customer for whom a policy does what is asked for.
fn first<'a, T>(policy: &'a Policy, review: &Review<'_>, find: impl Fn(&Facts<'a>, &Policy) -> Option<T>) -> Option<T> {
    for contract in policy.contracts().iter().filter(|contract| contract.real_time) {
        let at = contract.listed.dates.from.into_iter().chain(contract.contract.from).chain([review.at]).max()?;
        for kind in probe::KINDS {
            let good = probe::good(policy, contract, kind, at);
            if let Some(found) = probe::variations(policy, &good).find_map(|facts| find(&facts, policy)) {
                return Some(found);
            }
        }
    }
    None
}

/// Some customer gets this offer; else no customer fits it, or each who does gets an earlier one.
fn made(review: &mut Review<'_>, arms: &[&Policy], alone: &[Policy], offer: &Text) {
    let gets = |facts: &Facts<'_>, policy: &Policy| {
        (probe::offered(&policy.judge(facts)) == Some(offer.as_str())).then_some(())
    };
    if arms.iter().any(|policy| first(policy, review, gets).is_some()) {
        return;
    }
    let instead = arms.iter().zip(alone).find_map(|(policy, alone)| {
        first(alone, review, |facts, alone| {
            probe::offered(&alone.judge(facts))?;
            let other = policy.judge(facts);
            Some((probe::told(facts), probe::offered(&other).unwrap_or("nothing").to_owned()))
        })
    });
    if instead.is_none() && first_of(alone, review, |facts, alone| stopped(alone, facts)).is_some() {
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
fn stopped(alone: &Policy, facts: &Facts<'_>) -> Option<String> {
    let judgement = alone.judge(facts);
    let capped = |check: &&Check| !check.passed && check.code == ReasonCode::GatePriceCap.name();
    let check = judgement.checks.iter().find(capped)?;
    let ppm = |value: Option<i64>| value.unwrap_or_default();
    let (gets, cap) = (ppm(check.observed), ppm(check.required));
    Some(format!("{}: would be offered {gets} ppm, the cap is {cap} ppm", probe::told(facts)))
}

/// A lower limit, a higher price, or a price above the cap.
fn terms(review: &mut Review<'_>, alone: &[Policy], offer: &Text) {
    let with = |worse: fn(&Facts<'_>, &Terms) -> Option<String>| {
        first_of(alone, review, |facts, alone| {
            let judgement = alone.judge(facts);
            let why = worse(facts, judgement.proposal()?)?;
            Some(format!("{}: {why}", probe::told(facts)))
        })
    };
    let lower = with(|facts, terms| {
        let (has, gets) = (facts.limit.limit_minor?, terms.offer.limit_minor?);
        (gets < has).then(|| format!("is offered {gets} minor units"))
    });
    let dearer = with(|facts, terms| {
        let (has, gets) = (facts.limit.all_in_cost_ppm?, terms.offer.all_in_cost_ppm?);
        // A price over another term says nothing.
        let alike = facts.limit.term_months.zip(terms.offer.term_months).is_none_or(|(has, gets)| has == gets);
        (alike && gets > has).then(|| format!("is offered {gets} ppm"))
    });
    let above = first_of(alone, review, |facts, alone| stopped(alone, facts));
    let found = [
        (WorseOffer, lower, "limit", "less than the customer has already", "a limit of at least `same`"),
        (WorseOffer, dearer, "cost", "dearer than what the customer has already", "a price below the partner's"),
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
}
