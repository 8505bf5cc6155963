//! What the lender knows of a customer before anything is decided: scores, consents, flags, burden, own product.

use super::dice::Purpose;
use super::people::{LENDER, Person};
use super::say::nothing_about;
use super::{CUSTOMERS_COUNT_MAX, Market, Place};
use crate::domain::EventTime;
use crate::domain::events::{
    Consent, ConsentPurpose, CustomerEvent, Employer, EmployerSource, FlagValue, OwnProductState, Score,
};
use crate::domain::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::ops::demo::calendar::ZONE;

/// Limit of those who hold the own product, minor units.
const OWN_LIMIT_MINOR: i64 = 3_000_000;

/// The version of the consent text in use.
pub const CONSENT_TEXT: &str = "2026-01";

/// Consent to hear of the lender's own offers.
pub fn cross_marketing(consent: &str, given_at: EventTime, withdrawn_at: Option<EventTime>) -> Consent<'_> {
    Consent {
        consent,
        purpose: ConsentPurpose::MarketingCross,
        controller: LENDER,
        recipient: None,
        text_version: CONSENT_TEXT,
        given_at,
        withdrawn_at,
        collected_via: Some("app"),
    }
}

fn consents<'a>(person: &Person, consent: &'a str, at: EventTime) -> Vec<Consent<'a>> {
    let withdrawn_at = person.withdrew.then(|| at.plus_ms(-30 * SECOND_MS));
    let cross = person.consents.then(|| cross_marketing(consent, at.plus_ms(-MINUTE_MS), withdrawn_at));
    cross.into_iter().collect()
}

/// The employer as the credit report has it; it is known for half of those who have one.
fn reported_employer(person: &Person, number: u32) -> Option<Employer<'_>> {
    let token = person.employer.as_deref().filter(|_| number.is_multiple_of(2))?;
    Some(Employer { token, source: EmployerSource::CreditReport })
}

impl Market {
    /// Tells everything known of a customer, unless nothing is.
    pub(super) fn tell_profile(&mut self, at: EventTime, customer: Place) {
        let known = &self.customers[customer];
        let (token, person, number) = (known.token.clone(), known.person.clone(), known.number);
        if person.unprofiled {
            return;
        }
        let event_id = self.event_id();
        let consent = compact_str::format_compact!("k{number:x}");
        let mut dice = self.dice(Purpose::Person, number as usize + CUSTOMERS_COUNT_MAX);
        let scored_at = at.plus_ms(-HOUR_MS);
        let mut score =
            |model| Some(Score { model, version: "7", value_ppm: dice.between(20_000, 980_000), scored_at });
        self.say_customer(&CustomerEvent {
            region: person.region,
            zone: Some(ZONE),
            employer: reported_employer(&person, number),
            risk: score("risk"),
            response: score("response"),
            conversion: score("conversion"),
            value: score("value"),
            lenders: person.lenders,
            debt_burden_ppm: person.debt_burden_ppm,
            consents: consents(&person, &consent, at),
            flags: person.flag.map(|flag| FlagValue { flag, value: true }).into_iter().collect(),
            own_product: Some(person.own_product),
            own_limit_minor: (person.own_product == OwnProductState::Active).then_some(OWN_LIMIT_MINOR),
            ..nothing_about(&event_id, at, &token)
        });
    }
}
