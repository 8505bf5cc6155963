//! What is known of the person: traits, scores, consents, flags, the own product, contacts.

use smallvec::SmallVec;

use super::fact::{Dated, Effect, stand, stand_by};
use crate::domain::events::{ConsentPurpose, Flag, OutcomeKind, OwnProductState};
use crate::domain::{EventTime, Text};
use crate::words;

/// The lender's own risk verdict. Field order is rank order: the later decision stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Verdict {
    pub decided_at: EventTime,
    pub valid_days: i32,
    pub model: Text,
    pub version: Text,
    pub band: Text,
}

/// What an application or a customer event may say of the person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traits {
    pub region: Option<Dated<Text>>,
    /// Keyed token of the employer on the application form.
    pub employer_form: Option<Dated<Text>>,
    /// Keyed token of the employer in the credit report.
    pub employer_report: Option<Dated<Text>>,
    pub verdict: Option<Verdict>,
}

impl Traits {
    pub fn is_empty(&self) -> bool {
        self.region.is_none()
            && self.employer_form.is_none()
            && self.employer_report.is_none()
            && self.verdict.is_none()
    }
}

words! {
    /// What a score predicts.
    pub enum ScoreKind {
        Risk = "risk",
        Response = "response",
        Conversion = "conversion",
        Value = "value",
    }
}

/// The standing score of one kind. Field order is rank order within the kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScoreFact {
    pub kind: ScoreKind,
    pub at: EventTime,
    pub scored_at: EventTime,
    pub value_ppm: i64,
    pub model: Text,
    pub version: Text,
}

/// A consent as it was given. Field order is rank order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Giving {
    pub given_at: EventTime,
    pub consent: Text,
    pub text_version: Text,
    pub collected_via: Option<Text>,
}

/// The consent for one purpose, controller and recipient: the latest giving, the latest withdrawal.
#[derive(Clone, Debug, PartialEq)]
pub struct Consent {
    pub purpose: ConsentPurpose,
    pub controller: Text,
    pub recipient: Option<Text>,
    pub giving: Option<Giving>,
    pub withdrawn_at: Option<EventTime>,
}

impl Consent {
    /// When the standing giving was withdrawn: a withdrawal counts against every giving that is not later.
    pub fn withdrawal(&self) -> Option<EventTime> {
        self.withdrawn_at.filter(|at| self.giving.as_ref().is_none_or(|giving| giving.given_at <= *at))
    }

    pub fn give(&mut self, giving: Giving) -> Effect {
        stand(&mut self.giving, giving)
    }

    pub fn withdraw(&mut self, at: EventTime) -> Effect {
        stand(&mut self.withdrawn_at, at)
    }
}

/// The standing value of one flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagFact {
    pub flag: Flag,
    pub value: Dated<bool>,
}

/// One outcome reported back. Field order is rank order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contact {
    pub at: EventTime,
    pub event: Text,
    pub kind: OutcomeKind,
    pub channel: Option<Text>,
}

impl Contact {
    /// The message or call came through.
    pub fn is_made(&self) -> bool {
        matches!(self.kind, OutcomeKind::Delivered | OutcomeKind::Contacted)
    }
}

/// What the customer earns. Field order is rank order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Income {
    /// A month's, minor units.
    pub monthly_minor: i64,
    pub currency: Text,
}

/// The words that a lender gives a customer; most have one or two.
pub type Tags = SmallVec<[Text; 2]>;

/// What only customer events and outcomes say of the person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    pub zone: Option<Dated<Text>>,
    pub tags: Option<Dated<Tags>>,
    pub lenders: Option<Dated<i32>>,
    pub debt_burden_ppm: Option<Dated<i64>>,
    pub income: Option<Dated<Income>>,
    pub own_product: Option<Dated<OwnProductState>>,
    pub own_limit_minor: Option<Dated<i64>>,
    /// Earliest event by which the customer had come through the lender's own door.
    pub own_since: Option<EventTime>,
    /// When the own product was last declined, whatever was said of it since.
    pub own_declined_at: Option<EventTime>,
    /// Under which token the customer goes on; empty: under this one again.
    pub merged_into: Option<Dated<Text>>,
    pub scores: Vec<ScoreFact>,
    pub consents: Vec<Consent>,
    pub flags: Vec<FlagFact>,
    /// The newest contacts, newest first.
    pub contacts: Vec<Contact>,
}

impl Profile {
    pub fn flag(&self, flag: Flag) -> bool {
        self.flags.iter().any(|fact| fact.flag == flag && fact.value.value)
    }

    /// The flags that are set, as a bit set of ordinals.
    pub fn flag_bits(&self) -> u32 {
        self.flags.iter().filter(|fact| fact.value.value).fold(0, |bits, fact| bits | 1 << fact.flag as u32)
    }

    pub fn set_flag(&mut self, flag: Flag, at: EventTime, value: bool) -> Effect {
        let mut standing = self.flags.iter().find(|fact| fact.flag == flag).map(|fact| fact.value);
        let effect = stand(&mut standing, Dated { at, value });
        if let (Effect::Changed, Some(value)) = (effect, standing) {
            self.flags.retain(|fact| fact.flag != flag);
            self.flags.push(FlagFact { flag, value });
            self.flags.sort_unstable_by_key(|fact| fact.flag);
        }
        effect
    }

    pub fn set_score(&mut self, score: ScoreFact) -> Effect {
        let position = self.scores.partition_point(|known| known.kind < score.kind);
        match self.scores.get_mut(position).filter(|known| known.kind == score.kind) {
            Some(known) if *known == score => Effect::Same,
            Some(known) if *known > score => Effect::Outdated,
            Some(known) => {
                *known = score;
                Effect::Changed
            }
            None => {
                self.scores.insert(position, score);
                Effect::Changed
            }
        }
    }

    /// Keeps a contact among the newest `keep` of those made, or of the others.
    pub fn note_contact(&mut self, contact: Contact, keep: usize) -> Effect {
        match self.contacts.binary_search_by(|known| contact.cmp(known)) {
            Ok(_) => Effect::Same,
            Err(position) => {
                // Those that came through are kept apart: a cap counts them, however many tries failed meanwhile.
                let made = contact.is_made();
                let alike = |known: &Contact| known.is_made() == made;
                if self.contacts.iter().take(position).filter(|known| alike(known)).count() >= keep {
                    return Effect::Outdated;
                }
                self.contacts.insert(position, contact);
                if self.contacts.iter().filter(|known| alike(known)).count() > keep
                    && let Some(oldest) = self.contacts.iter().rposition(alike)
                {
                    self.contacts.remove(oldest);
                }
                Effect::Changed
            }
        }
    }

    /// Notes that the customer had come through the own door by then.
    pub fn came_by_own_door(&mut self, at: EventTime) -> Effect {
        match stand_by(&mut self.own_since, at, |at| std::cmp::Reverse(*at)) {
            Effect::Changed => Effect::Changed,
            _ => Effect::Same,
        }
    }
}
