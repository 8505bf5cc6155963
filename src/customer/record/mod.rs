//! The customer's record: the best fact per key, whatever order the facts came in; and its packed form.

mod application;
pub mod fact;
mod form;
mod form_loan;
mod form_person;
mod loan;
mod offering;
mod pack;
mod place;
mod profile;
mod unpack;

#[cfg(test)]
mod form_tests;

pub use application::{Application, Asked, Drawdown, Limit, Outcome};
pub use form::{Entries, Spare};
pub use loan::{Closed, Disbursed, Instalment, InstalmentState, Loan, Marks, Payment, Schedule};
pub use offering::{Live, OFFERED_MAX, Offering, Pending};
pub use place::{Place, put};
pub use profile::{Consent, Contact, FlagFact, Giving, Income, Profile, ScoreFact, ScoreKind, Tags, Traits, Verdict};

use crate::domain::EventTime;
use crate::words;

/// The sections of a record: each is packed by itself, and an event reads and packs those that it touches.
pub mod section {
    use crate::store::Sections;

    /// Applications and limits.
    pub const APPLICATIONS: Sections = 1;
    pub const DRAWDOWNS: Sections = 1 << 1;
    pub const LOANS: Sections = 1 << 2;
    pub const TRAITS: Sections = 1 << 3;
    pub const PROFILE: Sections = 1 << 4;
    pub const OFFERING: Sections = 1 << 5;
    /// The tombstone; every event asks for it.
    pub const ERASED: Sections = 1 << 6;
    pub const ALL: Sections = APPLICATIONS | DRAWDOWNS | LOANS | TRAITS | PROFILE | OFFERING | ERASED;
}

/// Most applications, drawdowns, loans and limits of one customer; a further one is invalid.
pub const APPLICATIONS_MAX: usize = 512;
pub const DRAWDOWNS_MAX: usize = 1_024;
pub const LOANS_MAX: usize = 512;
pub const LIMITS_MAX: usize = 512;
/// Most instalments of one loan.
pub const INSTALMENTS_MAX: usize = 4_096;
/// Most instalments of one customer, of all loans together: a record is one message of the changelog.
pub const INSTALMENTS_ALL_MAX: usize = 8_192;
/// Most consents (purpose, controller, recipient) of one customer.
pub const CONSENTS_MAX: usize = 256;
/// Newest contacts made, and newest other outcomes, kept of one customer.
pub const CONTACTS_MAX: usize = 64;

/// What a list of the record is sorted and found by: the partner and the thing's own id.
pub trait Keyed {
    fn key(&self) -> (&str, &str);
}

/// Longest list that is looked through from the end instead of being searched: most have an entry or two, and the ids of one
/// list seldom agree in more than their length.
const LOOKED_THROUGH_MAX: usize = 8;

/// Where the entry of that partner and id is.
pub fn position<T: Keyed>(items: &[T], partner: &str, id: &str) -> Option<usize> {
    if items.len() > LOOKED_THROUGH_MAX {
        return search(items, partner, id).ok();
    }
    items.iter().rposition(|item| {
        let (of, its) = item.key();
        its == id && of == partner
    })
}

/// Where the entry of that partner and id is, or where it belongs.
fn search<T: Keyed>(items: &[T], partner: &str, id: &str) -> Result<usize, usize> {
    items.binary_search_by(|item| item.key().cmp(&(partner, id)))
}

/// The entry of that partner and id.
pub fn find<'a, T: Keyed>(items: &'a [T], partner: &str, id: &str) -> Option<&'a T> {
    items.get(position(items, partner, id)?)
}

/// The entry of that partner and id, to change.
pub fn find_mut<'a, T: Keyed>(items: &'a mut [T], partner: &str, id: &str) -> Option<&'a mut T> {
    let position = position(items, partner, id)?;
    items.get_mut(position)
}

/// The entries of one partner.
pub fn of_partner<'a, T: Keyed>(items: &'a [T], partner: &str) -> &'a [T] {
    let of_it = |item: &T| item.key().0 == partner;
    let start = match items.len() {
        ..=LOOKED_THROUGH_MAX => items.iter().take_while(|item| !of_it(item)).count(),
        _ => items.partition_point(|item| item.key().0 < partner),
    };
    let rest = items.get(start..).unwrap_or_default();
    rest.get(..rest.iter().take_while(|item| of_it(item)).count()).unwrap_or_default()
}

/// Everything known of one customer, over all partners.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Customer {
    /// Set for an erased customer, of whom nothing else is kept.
    pub erased_at: Option<EventTime>,
    pub applications: Vec<Application>,
    pub drawdowns: Vec<Drawdown>,
    pub limits: Vec<Limit>,
    pub loans: Vec<Loan>,
    pub traits: Traits,
    pub profile: Option<Box<Profile>>,
    pub offering: Option<Box<Offering>>,
}

words! {
    /// Through which door the customer came.
    pub enum Origin {
        OwnFirst = "own_first",
        PartnerFirst = "partner_first",
        /// Both doors, at the same moment as far as known.
        Shared = "shared",
    }
}

/// The first event of each door, with what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doors {
    pub own: Option<EventTime>,
    pub partner: Option<EventTime>,
}

impl Doors {
    pub fn origin(self) -> Option<Origin> {
        match (self.own, self.partner) {
            (None, None) => None,
            (Some(_), None) => Some(Origin::OwnFirst),
            (None, Some(_)) => Some(Origin::PartnerFirst),
            (Some(own), Some(partner)) => Some(match own.cmp(&partner) {
                std::cmp::Ordering::Less => Origin::OwnFirst,
                std::cmp::Ordering::Greater => Origin::PartnerFirst,
                std::cmp::Ordering::Equal => Origin::Shared,
            }),
        }
    }
}

impl Customer {
    /// When each door was first used: a pure reading of the facts kept.
    pub fn doors(&self) -> Doors {
        let applications = self.applications.iter().flat_map(|a| {
            [a.submitted.map(|asked| asked.at), a.preaccepted_at, a.outcome.map(|o| o.at)].into_iter().flatten()
        });
        let drawdowns = self.drawdowns.iter().filter_map(|d| d.requested.map(|asked| asked.at));
        let loans = self.loans.iter().filter_map(|loan| loan.disbursed.map(|d| d.at));
        Doors {
            own: self.profile.as_ref().and_then(|profile| profile.own_since),
            partner: applications.chain(drawdowns).chain(loans).min(),
        }
    }
}
