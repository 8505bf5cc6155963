//! The consent behind a decision, as it was given: of a candidate by its evidence, of a no by what its check saw.

use serde::Serialize;

use super::super::exit::Failure;
use super::super::reading::{Decoder, From, read};
use crate::bus::Topic;
use crate::config::Config;
use crate::customer::record::Customer;
use crate::domain::events::Event;
use crate::domain::partition::partition_of;
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

/// What the checks of a no saw.
pub fn checked(decision: &Decision) -> Option<Consent> {
    let check = |subject| decision.checks.iter().find(|check| check.subject == subject);
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

/// The consent of that evidence in the lender's own events, in its last state.
pub fn written(config: &Config, customer: &str, evidence: &str) -> Result<Option<Consent>, Failure> {
    let topics = config.topics();
    let only = partition_of(customer.as_bytes(), topics.partitions(Topic::Customers));
    let (mut decoder, mut found) = (Decoder::open(config)?, None);
    read(config, &topics.name(Topic::Customers), Some(only), From::Beginning, |_, _, key, value| {
        let Some(value) = value.filter(|_| key == customer.as_bytes()) else { return };
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
