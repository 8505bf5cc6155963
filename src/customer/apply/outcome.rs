//! Outcome events: what became of a candidate or a contact. An accepted own offer is what makes a cancellation a diversion.

use super::{set_profile, unchanged};
use crate::customer::record::fact::Effect;
use crate::customer::record::{CONTACTS_MAX, Contact, Customer, Profile, Spare, section};
use crate::domain::events::{Outcome, OutcomeKind};
use crate::domain::fate::IgnoreReason;
use crate::domain::{Fate, Id, Text};
use crate::store::Sections;

/// The contact history after the event, and the candidate whose offer was accepted.
#[derive(Debug)]
pub struct Change {
    profile: Box<Profile>,
    accepted: Option<Id>,
}

/// What the event would change. A candidate that this customer never had matches nothing.
pub fn weigh(customer: &Customer, event: &Outcome<'_>, spare: &mut Spare) -> Result<Change, Fate> {
    let drawdown = match event.candidate {
        None => None,
        Some(candidate) => {
            match customer.drawdowns.iter().find(|d| !candidate.is_empty() && d.candidate == candidate) {
                None => return Err(Fate::Ignored(IgnoreReason::Unmatched)),
                found => found,
            }
        }
    };
    let mut profile = spare.profile(customer.profile.as_deref());
    let contact = Contact {
        at: event.event_time,
        event: event.event_id.into(),
        kind: event.kind,
        channel: event.channel.map(Text::from),
    };
    let mut effect = profile.note_contact(contact, CONTACTS_MAX);
    if event.kind == OutcomeKind::Disbursed {
        effect = effect.max(profile.came_by_own_door(event.event_time));
    }
    let accepts = drawdown.filter(|d| event.kind == OutcomeKind::Accepted && !d.own_accepted);
    if accepts.is_none() && effect != Effect::Changed {
        spare.give_back(profile);
        return Err(unchanged(effect));
    }
    Ok(Change { profile, accepted: accepts.map(|d| d.candidate.clone()) })
}

impl Change {
    pub fn writes(&self) -> Sections {
        section::PROFILE | if self.accepted.is_some() { section::DRAWDOWNS } else { 0 }
    }

    pub fn write(self, customer: &mut Customer, spare: &mut Spare) {
        set_profile(customer, self.profile, spare);
        let Some(candidate) = self.accepted else { return };
        if let Some(drawdown) = customer.drawdowns.iter_mut().find(|d| d.candidate == candidate) {
            drawdown.own_accepted = true;
        }
    }
}
