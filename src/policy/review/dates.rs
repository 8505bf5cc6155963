//! What runs out soon, or has run out already.

use super::{Review, Said};
use crate::domain::EventTime;
use crate::domain::time::DAY_MS;
use crate::policy::problem::{Place, ProblemCode};

/// How far ahead is looked, milliseconds.
const AHEAD_MS: i64 = 30 * DAY_MS;

pub fn look(review: &mut Review<'_>) {
    let policy = review.policy;
    for contract in policy.contracts() {
        let partner = &contract.partner;
        let listed = review.in_contract(partner, &["listed", "to"]);
        ends(review, listed, contract.listed.dates.to, &format!("the listing of {partner}"));
        let term = review.in_contract(partner, &["contract", "to"]);
        ends(review, term, contract.contract.to, &format!("the contract with {partner}"));
        for party in contract.enhancers.iter().chain(&contract.referral_recipients) {
            let place = review.in_contract(partner, &["enhancers"]);
            ends(review, place, party.listed.dates.to, &format!("the listing of {}", party.token));
        }
    }
    let lists = [("staff", &policy.exclusions.staff), ("employers", &policy.exclusions.employers)];
    for (name, list) in lists {
        if let Some(list) = list {
            let place = review.at_key(&["exclusions", name, "expires"]);
            ends(review, place, Some(list.expires), &format!("the list `{name}`"));
        }
    }
}

fn ends(review: &mut Review<'_>, place: Place, end: Option<EventTime>, what: &str) {
    let Some(end) = end.filter(|end| *end <= review.at.plus_ms(AHEAD_MS)) else { return };
    let days = end.ms_since(review.at).div_euclid(DAY_MS);
    let found = match days {
        i64::MIN..=-1 => format!("{what} had run out by {end}, before {}", review.at),
        0 => format!("{what} runs out within a day, at {end}"),
        _ => format!("{what} runs out in {days} days, at {end}"),
    };
    let example = format!("a drawdown at {end}: the answer is no, for everybody whom it concerns");
    review.find(
        place,
        Said {
            code: ProblemCode::RunsOut,
            note: false,
            found,
            expected: "an end more than 30 days ahead",
            next: "renew it before it runs out, or remove what cannot act any more",
            counter_example: Some(example),
        },
    );
}
