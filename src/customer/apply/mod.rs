//! What an event does to the record: *weighed* against what is known without touching it, then written.
//!
//! Weighing finds everything that can be wrong with an event and everything that it would change; a duplicate or a rejected
//! event therefore never opens the record for change.

pub mod application;
pub mod outcome;
pub mod profile;
pub mod repayment;
pub mod reply;
pub mod command;

use super::check::is_drawdown;
use super::contribution::Target;
use super::record::fact::Effect;
use super::record::{Customer, Place, Profile, Spare, section};
use super::settle::{self, End};
use crate::domain::events::Event;
use crate::domain::fate::{DeadLetterClass, IgnoreReason};
use crate::domain::{CalendarDay, EventTime, Fate};
use crate::store::Sections;

/// What an event would change.
#[derive(Debug)]
pub enum Change {
    Application(application::Change),
    Repayment(repayment::Change),
    Profile(profile::Change),
    Erase(EventTime),
    Outcome(outcome::Change),
    /// The standing candidate is to end.
    Revoke(EventTime),
}

/// What writing a change implies beside the record.
#[derive(Debug, Default)]
pub struct Written {
    /// The standing candidate has ended: the settlement lies among the spares.
    pub settled: bool,
    /// The fact that may trigger a decision is new.
    pub asked: bool,
}

/// The sections that are read to weigh an event, to write it, and to count what it contributes. Asking the policy reads all.
pub fn reads(event: &Event<'_>) -> Sections {
    // Whether an application led to a disbursement depends on its drawdowns, so they are counted together.
    let counted = section::APPLICATIONS | section::DRAWDOWNS;
    let read = match event {
        Event::Application(e) if is_drawdown(e.kind) => counted | section::TRAITS | section::OFFERING,
        Event::Application(_) => counted | section::TRAITS,
        Event::Repayment(_) => section::LOANS,
        Event::Customer(_) => section::TRAITS | section::PROFILE | section::OFFERING,
        Event::Outcome(_) => counted | section::PROFILE,
        Event::Command(_) => section::OFFERING,
    };
    read | section::ERASED
}

impl Change {
    /// The sections that it changes, beside what follows from it.
    pub fn writes(&self) -> Sections {
        match self {
            Self::Application(change) => change.writes(),
            Self::Repayment(_) => section::LOANS,
            Self::Profile(change) => change.writes(),
            Self::Erase(_) => section::ALL,
            Self::Outcome(change) => change.writes(),
            Self::Revoke(_) => section::OFFERING,
        }
    }
}

/// The change an event makes, or the fate of one that makes none. `place`: where its [target](Target) stands; `day`: the
/// calendar day of the event in its contract's zone.
pub fn weigh(
    customer: &Customer,
    event: &Event<'_>,
    place: Place,
    day: CalendarDay,
    spare: &mut Spare,
) -> Result<Change, Fate> {
    match event {
        Event::Application(e) => application::weigh(customer, e, place, spare).map(Change::Application),
        Event::Repayment(e) => repayment::weigh(customer, e, place, day, spare).map(Change::Repayment),
        Event::Customer(e) if e.erased => Ok(Change::Erase(e.event_time)),
        Event::Customer(e) => profile::weigh(customer, e, spare).map(Change::Profile),
        Event::Outcome(e) => outcome::weigh(customer, e, spare).map(Change::Outcome),
        Event::Command(e) => command::weigh(customer, e).map(|()| Change::Revoke(e.event_time)),
    }
}

/// Puts the change into the record, and ends the standing candidate where the change ends it.
pub fn write(customer: &mut Customer, change: Change, event: &Event<'_>, place: Place, spare: &mut Spare) -> Written {
    let token = event.customer().unwrap_or_default();
    let mut written = Written::default();
    let mut settle = |customer: &mut Customer, end, spare: &mut Spare| {
        written.settled = settle::end(customer, token, end, &mut spare.settlement);
    };
    match change {
        Change::Application(change) => {
            let asked = change.asked;
            change.write(customer, place, spare);
            if let Target::Drawdown { partner, drawdown } = Target::of(event)
                && let Some(end) = settle::ended_drawdown(customer, partner, drawdown)
            {
                settle(customer, end, spare);
            }
            written.asked = asked;
        }
        Change::Repayment(change) => {
            if let Event::Repayment(e) = event {
                change.write(customer, e, place, spare);
            }
        }
        Change::Profile(mut change) => {
            change.entries.traits.iter_mut().for_each(|traits| std::mem::swap(&mut customer.traits, traits));
            spare.give_back_entries(change.entries);
            set_profile(customer, change.profile, spare);
            let at = event.event_time();
            if change.opts_out || change.forbids {
                let end = if change.opts_out { End::opt_out(at) } else { End::forbidden(at) };
                settle(customer, end, spare);
            }
        }
        Change::Erase(at) => {
            settle(customer, End::erased(at), spare);
            *customer = Customer { erased_at: Some(at), ..Customer::default() };
        }
        Change::Outcome(change) => change.write(customer, spare),
        Change::Revoke(at) => settle(customer, End::command(at), spare),
    }
    written
}

/// Puts another profile into the record. One that says nothing is none, so that it does not count which event came first.
fn set_profile(customer: &mut Customer, profile: Box<Profile>, spare: &mut Spare) {
    let says_something = *profile != Profile::default();
    if let Some(before) = customer.profile.replace(profile) {
        spare.give_back(before);
    }
    if let Some(empty) = customer.profile.take_if(|_| !says_something) {
        spare.give_back(empty);
    }
}

/// The fate of an event that changes nothing.
fn unchanged(effect: Effect) -> Fate {
    match effect {
        Effect::Outdated => Fate::Ignored(IgnoreReason::Outdated),
        Effect::Same | Effect::Changed => Fate::Duplicate,
    }
}

fn invalid(detail: String) -> Fate {
    Fate::DeadLettered(DeadLetterClass::Invalid, detail)
}

/// Errs when the record of this thing has another currency.
fn same_currency(what: &str, known: Option<&str>, stated: Option<&str>) -> Result<(), Fate> {
    match (known, stated) {
        (Some(known), Some(stated)) if known != stated => {
            Err(invalid(format!("currency is {stated}, the record of this {what} has {known}")))
        }
        _ => Ok(()),
    }
}

/// Errs when one more would be more than `most`.
fn room_for(known: usize, most: usize, what: &str) -> Result<(), Fate> {
    if known < most { Ok(()) } else { Err(invalid(format!("more than {most} {what}"))) }
}
