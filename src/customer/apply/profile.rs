//! Customer events: traits, scores, consents, flags, the own product. What an event leaves out stays as it was.

use super::{room_for, unchanged};
use crate::customer::record::fact::{Dated, Effect, stand, stand_dated};
use crate::customer::record::{
    CONSENTS_MAX, Consent, Customer, Entries, Giving, Income, Profile, ScoreFact, ScoreKind, Spare, Traits, section,
};
use crate::domain::events::{self, ConsentPurpose, CustomerEvent, Flag, OwnProductState};
use crate::domain::{Fate, Text};
use crate::store::Sections;

/// Profile after the event, and the traits among the entries if they are others.
#[derive(Debug)]
pub struct Change {
    pub entries: Box<Entries>,
    pub profile: Box<Profile>,
    /// The event takes the right to act: opted out, or a cross-marketing consent withdrawn.
    pub opts_out: bool,
    /// The event says what forbids an approach: a flag was set, or the record was merged into another.
    pub forbids: bool,
}

/// What the event would change.
pub fn weigh(customer: &Customer, event: &CustomerEvent<'_>, spare: &mut Spare) -> Result<Change, Fate> {
    let (mut traits, mut profile) = (customer.traits.clone(), spare.profile(customer.profile.as_deref()));
    let mut opts_out = false;
    let traited = take_traits(&mut traits, event);
    let effect = take_values(&mut profile, event).max(traited);
    let effect = effect.max(take_scores(&mut profile, event));
    let effect = effect.max(take_consents(&mut profile, event)?);
    let before = customer.profile.as_deref();
    let mut forbids = profile.merged() && !before.is_some_and(Profile::merged);
    let effect = effect.max(take_flags(&mut profile, event, &mut opts_out, &mut forbids));
    opts_out |= withdraws(before, &profile, event);
    if effect == Effect::Changed {
        let mut entries = spare.entries();
        entries.traits = (traited == Effect::Changed).then_some(traits);
        return Ok(Change { entries, profile, opts_out, forbids });
    }
    spare.give_back(profile);
    Err(unchanged(effect))
}

impl Change {
    pub fn writes(&self) -> Sections {
        section::PROFILE | if self.entries.traits.is_some() { section::TRAITS } else { 0 }
    }
}

fn take_traits(traits: &mut Traits, event: &CustomerEvent<'_>) -> Effect {
    let region = stand_dated(&mut traits.region, event.event_time, event.region.map(Text::from));
    let employer = event.employer.as_ref();
    region.max(employer.map_or(Effect::Same, |e| traits.set_employer(e.source, event.event_time, e.token)))
}

fn take_values(profile: &mut Profile, event: &CustomerEvent<'_>) -> Effect {
    let at = event.event_time;
    let tags = (!event.tags.is_empty()).then(|| event.tags.iter().map(|tag| Text::from(*tag)).collect());
    let declined = event.own_product == Some(OwnProductState::Declined);
    let own =
        event.own_product.is_some_and(|state| !matches!(state, OwnProductState::None | OwnProductState::Declined));
    [
        stand_dated(&mut profile.zone, at, event.zone.map(Text::from)),
        stand_dated(&mut profile.tags, at, tags),
        stand_dated(&mut profile.lenders, at, event.lenders),
        stand_dated(&mut profile.debt_burden_ppm, at, event.debt_burden_ppm),
        stand_dated(&mut profile.income, at, event.income.map(Income::from)),
        stand_dated(&mut profile.own_product, at, event.own_product),
        if declined { stand(&mut profile.own_declined_at, at) } else { Effect::Same },
        stand_dated(&mut profile.own_limit_minor, at, event.own_limit_minor),
        stand_dated(&mut profile.merged_into, at, event.merged_into.map(Text::from)),
        if own { profile.came_by_own_door(at) } else { Effect::Same },
    ]
    .into_iter()
    .fold(Effect::Same, Effect::max)
}

fn take_scores(profile: &mut Profile, event: &CustomerEvent<'_>) -> Effect {
    let stated = [
        (ScoreKind::Risk, &event.risk),
        (ScoreKind::Response, &event.response),
        (ScoreKind::Conversion, &event.conversion),
        (ScoreKind::Value, &event.value),
    ];
    let mut effect = Effect::Same;
    for (kind, score) in stated {
        let Some(score) = score else { continue };
        effect = effect.max(profile.set_score(ScoreFact {
            kind,
            at: event.event_time,
            scored_at: score.scored_at,
            value_ppm: score.value_ppm,
            model: score.model.into(),
            version: score.version.into(),
        }));
    }
    effect
}

fn take_consents(profile: &mut Profile, event: &CustomerEvent<'_>) -> Result<Effect, Fate> {
    let mut effect = Effect::Same;
    for stated in &event.consents {
        let key = (stated.purpose, stated.controller, stated.recipient);
        let position = profile.consents.partition_point(|known| known.key() < key);
        if profile.consents.get(position).is_none_or(|known| known.key() != key) {
            room_for(profile.consents.len(), CONSENTS_MAX, "consents a customer")?;
            profile.consents.insert(position, Consent::new(stated.purpose, stated.controller, stated.recipient));
        }
        let Some(known) = profile.consents.get_mut(position) else { continue };
        let given = known.give(Giving {
            given_at: stated.given_at,
            consent: stated.consent.into(),
            text_version: stated.text_version.into(),
            collected_via: stated.collected_via.map(Text::from),
        });
        let withdrawn = stated.withdrawn_at.map_or(Effect::Same, |at| known.withdraw(at));
        effect = effect.max(given).max(withdrawn);
    }
    Ok(effect)
}

/// A cross-marketing consent that the event states is another one than before and stands withdrawn, all of the event taken
/// together: an event may state a giving and a withdrawal of the same consent in any order.
fn withdraws(before: Option<&Profile>, after: &Profile, event: &CustomerEvent<'_>) -> bool {
    let marketing = event.consents.iter().filter(|stated| stated.purpose == ConsentPurpose::MarketingCross);
    marketing.map(|stated| (stated.purpose, stated.controller, stated.recipient)).any(|key| {
        let of = |profile: &Profile| profile.consents.iter().find(|known| known.key() == key).cloned();
        let known = of(after);
        known.as_ref().is_some_and(|known| known.withdrawal().is_some()) && known != before.and_then(of)
    })
}

fn take_flags(profile: &mut Profile, event: &CustomerEvent<'_>, opts_out: &mut bool, forbids: &mut bool) -> Effect {
    let mut effect = Effect::Same;
    for stated in &event.flags {
        let changed = profile.set_flag(stated.flag, event.event_time, stated.value);
        let set = changed == Effect::Changed && stated.value;
        *opts_out |= set && stated.flag == Flag::OptOut;
        *forbids |= set && stated.flag.forbids();
        effect = effect.max(changed);
    }
    effect
}

impl Consent {
    fn new(purpose: ConsentPurpose, controller: &str, recipient: Option<&str>) -> Self {
        Self {
            purpose,
            controller: controller.into(),
            recipient: recipient.map(Text::from),
            giving: None,
            withdrawn_at: None,
        }
    }

    fn key(&self) -> (ConsentPurpose, &str, Option<&str>) {
        (self.purpose, &self.controller, self.recipient.as_deref())
    }
}

impl From<events::Income<'_>> for Income {
    fn from(stated: events::Income<'_>) -> Self {
        Self { monthly_minor: stated.monthly_minor, currency: stated.currency.into() }
    }
}

impl Profile {
    /// The state of the customer's account with the own product.
    pub fn own_state(&self) -> Option<OwnProductState> {
        self.own_product.map(|Dated { value, .. }| value)
    }
}
