//! The consent behind a decision, as it was given: of a candidate by its evidence, of a no by what its check saw.

use serde::Serialize;

use super::super::exit::Failure;
use super::super::reading::{Decoder, Part, read};
use super::written::partition;
use crate::bus::Topic;
use crate::config::Config;
use crate::customer::record::Customer;
use crate::domain::check::Check;
use crate::domain::events::Event;
use crate::domain::time::DAY_MS;
use crate::domain::{Decision, EventTime, Text};
use crate::wire::Schema;

/// What is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Consent {
    /// Reference of the evidence.
    pub consent: Option<Text>,
    pub text_version: Option<Text>,
    pub given_at: Option<EventTime>,
    pub withdrawn_at: Option<EventTime>,
    pub collected_via: Option<Text>,
}

/// What the checks saw, which only the customer stage makes.
pub fn checked<'d>(decisions: impl IntoIterator<Item = &'d Decision>) -> Option<Consent> {
    let checks: Vec<Check> = decisions.into_iter().flat_map(|decision| &decision.checks).collect();
    let check = |subject| checks.iter().find(|check| check.subject == subject);
    let given = check("consent_given_at")?;
    Some(Consent {
        text_version: given.observed_word.clone(),
        given_at: given.observed.map(EventTime),
        withdrawn_at: check("consent_withdrawn_at").and_then(|check| check.observed).map(EventTime),
        ..Consent::default()
    })
}

/// The consent of that evidence in a customer's record.
pub fn recorded(customer: &Customer, evidence: &str) -> Option<Consent> {
    let known = customer.profile.iter().flat_map(|profile| &profile.consents);
    known.into_iter().find_map(|consent| {
        let giving = consent.giving.as_ref().filter(|giving| giving.consent == evidence)?;
        Some(Consent {
            consent: Some(giving.consent.clone()),
            text_version: Some(giving.text_version.clone()),
            given_at: Some(giving.given_at),
            withdrawn_at: consent.withdrawal(),
            collected_via: giving.collected_via.clone(),
        })
    })
}

/// The consent of that evidence in the lender's own events, in its last state. With `given` the search begins the day before:
/// nobody tells of a consent before it is given; where somebody did, all of the partition is read.
pub fn written(
    config: &Config,
    customer: &str,
    evidence: &str,
    given: Option<EventTime>,
) -> Result<Option<Consent>, Failure> {
    let since = given.map(|given| Part::since(given.plus_ms(-DAY_MS)));
    let near = since.map_or(Ok(None), |since| among(config, customer, evidence, since))?;
    if near.is_some() { Ok(near) } else { among(config, customer, evidence, Part::ALL) }
}

fn among(config: &Config, customer: &str, evidence: &str, part: Part) -> Result<Option<Consent>, Failure> {
    let only = partition(config, Topic::Customers, customer);
    let (mut decoder, mut found) = (Decoder::open(config)?, None);
    read(config, &config.topics().name(Topic::Customers), Some(only), part, |seen| {
        let Some(value) = seen.value.filter(|_| seen.key == customer.as_bytes()) else { return };
        decoder.event(Schema::Customer, value, |event| {
            let Event::Customer(event) = event else { return };
            for stated in event.consents.iter().filter(|stated| stated.consent == evidence) {
                found = Some(Consent {
                    consent: Some(Text::from(stated.consent)),
                    text_version: Some(Text::from(stated.text_version)),
                    given_at: Some(stated.given_at),
                    withdrawn_at: stated.withdrawn_at,
                    collected_via: stated.collected_via.map(Text::from),
                });
            }
        });
    })?;
    Ok(found)
}
