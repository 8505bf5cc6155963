//! What runs out soon, or has run out already.

use super::{Review, Said};
use crate::domain::EventTime;
use crate::domain::time::DAY_MS;
use crate::policy::models::Model;
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
        let parties = [
            ("enhancers", "enhancer", &contract.enhancers),
            ("referral_recipients", "recipient", &contract.referral_recipients),
        ];
        for (key, who, parties) in parties {
            for party in parties {
                let entry = review.contract(partner).and_then(|node| node.item(key, who, &party.token));
                let place = entry.map_or(review.root.place, |entry| entry.place_at(&["listed", "to"]));
                ends(review, place, party.listed.dates.to, &format!("the listing of {}", party.token));
            }
        }
    }
    for text in policy.consent_texts.iter().flat_map(|texts| &texts.texts) {
        let place = review.item_where("consent_texts", &[("version", text.version.as_str())], "to");
        ends(review, place, text.dates.to, &format!("the consent text {}", text.version));
    }
    lists(review);
    models(review);
}

fn lists(review: &mut Review<'_>) {
    let (exclusions, persons) = (&review.policy.exclusions, &review.policy.exclusions.persons);
    let lists = [
        ("staff", &exclusions.staff),
        ("employers", &exclusions.employers),
        ("test_orders", &persons.test_orders),
        ("own_staff", &persons.own_staff),
        ("related_parties", &persons.related_parties),
    ];
    for (name, list) in lists {
        if let Some(list) = list {
            let place = review.at_key(&["exclusions", name, "expires"]);
            ends(review, place, Some(list.expires), &format!("the list `{name}`"));
        }
    }
    let quiet = review.policy.contact.quiet.as_ref();
    if let Some(expires) = quiet.and_then(|quiet| quiet.expires) {
        let place = review.at_key(&["contact", "quiet_hours", "holidays", "expires"]);
        ends(review, place, Some(expires), "the table of holidays");
    }
}

/// A version of a model that ends matters where no other version is approved for the same use afterwards.
fn models(review: &mut Review<'_>) {
    let policy = review.policy;
    let models = policy.models.as_ref().map_or(&[][..], |registry| registry.models.as_slice());
    for model in models {
        let Some(to) = model.valid.to else { continue };
        let goes_on = |purpose| models.iter().any(|other| other.valid.hold(to) && other.purposes.contains(purpose));
        if model.purposes.iter().all(goes_on) {
            continue;
        }
        let Model { model, version, .. } = model;
        let place = review.item_where("models", &[("model", model.as_str()), ("version", version.as_str())], "to");
        ends(review, place, Some(to), &format!("the model {model} {version}"));
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
