//! Which of two facts stands: the rule that makes a record the same whatever order its facts came in.

use crate::domain::EventTime;

/// What a fact did to what was known. Of several facts in one event the greatest effect counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The state says exactly this already.
    Same,
    /// A higher fact stands against it.
    Outdated,
    Changed,
}

/// A value with the event time that stated it; the later stands, of the same time the greater value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dated<T> {
    pub at: EventTime,
    pub value: T,
}

/// Lets the higher of two facts stand.
pub fn stand<T: Ord>(standing: &mut Option<T>, fact: T) -> Effect {
    match standing.as_ref().map(|known| fact.cmp(known)) {
        Some(std::cmp::Ordering::Less) => Effect::Outdated,
        Some(std::cmp::Ordering::Equal) => Effect::Same,
        Some(std::cmp::Ordering::Greater) | None => {
            *standing = Some(fact);
            Effect::Changed
        }
    }
}

/// [`stand`] by a rank that is not the whole fact.
pub fn stand_by<T, K: Ord>(standing: &mut Option<T>, fact: T, rank: impl Fn(&T) -> K) -> Effect {
    match standing.as_ref().map(|known| rank(&fact).cmp(&rank(known))) {
        Some(std::cmp::Ordering::Less) => Effect::Outdated,
        Some(std::cmp::Ordering::Equal) => Effect::Same,
        Some(std::cmp::Ordering::Greater) | None => {
            *standing = Some(fact);
            Effect::Changed
        }
    }
}

/// [`stand`] for a value that an event may leave out; nothing stated changes nothing.
pub fn stand_dated<T: Ord>(standing: &mut Option<Dated<T>>, at: EventTime, value: Option<T>) -> Effect {
    value.map_or(Effect::Same, |value| stand(standing, Dated { at, value }))
}
