//! Segments: through which door a customer came and came back, how active the customer is, and what becomes of own customers.

use super::Words;
use super::facts::{Facts, History};
use super::findings::{Case, Findings};
use crate::domain::ReasonCode::ExcOwnProduct;
use crate::domain::check::Relation;
use crate::domain::events::OwnProductState;
use crate::domain::words::Word;
use crate::domain::{EventTime, Subject, Text};
use crate::words;

words! {
    /// Where the customer stands with this funder at the trigger.
    pub enum Segment {
        /// No disbursement at this funder through any door.
        New = "new",
        ReturningSamePartner = "returning_same_partner",
        /// Borrowed before, but never through the partner asked.
        ReturningOtherPartner = "returning_other_partner",
        /// Came through the own door before any partner's.
        OwnFirst = "own_first",
    }
}

words! {
    /// How long the customer has been silent before the trigger; a new customer has no activity.
    pub enum Activity {
        Active = "active",
        /// Has a limit, owes nothing, and has drawn nothing for some days.
        Dormant = "dormant",
        /// Has done nothing at all for some days.
        Lapsed = "lapsed",
        /// No limit is left and nothing is owed.
        Lost = "lost",
    }
}

words! {
    /// What becomes of a customer whose own limit is frozen or expired.
    pub enum OwnHolder {
        Exclude = "exclude",
        /// Only offers that renew the own limit.
        Renew = "renew",
        /// As anybody else.
        AsOthers = "as_others",
    }
}

/// How the policy tells customers apart.
#[derive(Clone, Debug)]
pub(super) struct SegmentRule {
    pub own_frozen: OwnHolder,
    pub own_expired: OwnHolder,
    /// The states of the own product in which nobody is approached: those of the two above that say so.
    pub own_excluded: Words,
    /// Without a drawdown for so long, milliseconds.
    pub dormant_after_ms: i64,
    /// Without any doing for so long, milliseconds.
    pub lapsed_after_ms: i64,
}

impl Segment {
    pub fn of(history: &History) -> Self {
        match history {
            History { own_first: true, .. } => Self::OwnFirst,
            History { disbursed_here: 1.., .. } => Self::ReturningSamePartner,
            History { disbursed_elsewhere: 1.., .. } => Self::ReturningOtherPartner,
            _ => Self::New,
        }
    }
}

impl SegmentRule {
    pub fn new(own_frozen: OwnHolder, own_expired: OwnHolder, dormant_after_ms: i64, lapsed_after_ms: i64) -> Self {
        let states = [(OwnProductState::Frozen, own_frozen), (OwnProductState::Expired, own_expired)];
        let excluded = states.iter().filter(|(_, holder)| *holder == OwnHolder::Exclude);
        let own_excluded = Words::new(excluded.map(|(state, _)| Text::const_new(state.name())).collect());
        Self { own_frozen, own_expired, own_excluded, dormant_after_ms, lapsed_after_ms }
    }

    /// Lost before lapsed before dormant: the stronger word stands. None of a customer who has never borrowed.
    pub fn activity(&self, history: &History, at: EventTime) -> Option<Activity> {
        let last_disbursed = history.last_disbursed_at?;
        let silent = |since: Option<EventTime>, length_ms| since.is_none_or(|since| at.ms_since(since) >= length_ms);
        Some(match history {
            History { limit_open: false, balance: false, .. } => Activity::Lost,
            _ if silent(history.last_active_at, self.lapsed_after_ms) => Activity::Lapsed,
            History { limit_open: true, balance: false, .. } if silent(Some(last_disbursed), self.dormant_after_ms) => {
                Activity::Dormant
            }
            _ => Activity::Active,
        })
    }

    /// What becomes of this customer's own limit; as others when it is neither frozen nor expired.
    pub fn holder(&self, facts: &Facts<'_>) -> OwnHolder {
        match facts.own_product {
            Some(OwnProductState::Frozen) => self.own_frozen,
            Some(OwnProductState::Expired) => self.own_expired,
            _ => OwnHolder::AsOthers,
        }
    }
}

/// Holders of a frozen or expired own limit, where the policy excludes them.
pub(super) fn judge(case: &Case<'_>, found: &mut Findings) {
    let (Some(rule), Some(state)) = (&case.policy.segments, case.facts.own_product) else { return };
    if !rule.own_excluded.is_empty() {
        let (passed, excluded) = (!rule.own_excluded.has(state.name()), rule.own_excluded.joined());
        found.word(ExcOwnProduct, Subject::OwnProduct, passed, Some(state.name()), Relation::NoneOf, excluded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::DAY_MS;

    #[test]
    fn the_own_door_first_then_the_same_partner_then_another() {
        let history = |own_first, disbursed_here, disbursed_elsewhere| {
            Segment::of(&History { own_first, disbursed_here, disbursed_elsewhere, ..History::default() })
        };
        assert_eq!(history(false, 0, 0), Segment::New);
        assert_eq!(history(false, 1, 3), Segment::ReturningSamePartner);
        assert_eq!(history(false, 0, 3), Segment::ReturningOtherPartner);
        assert_eq!(history(true, 1, 3), Segment::OwnFirst);
    }

    #[test]
    fn silence_has_three_names() {
        let rule = SegmentRule::new(OwnHolder::Exclude, OwnHolder::Exclude, 90 * DAY_MS, 180 * DAY_MS);
        let now = EventTime(1_000 * DAY_MS);
        let ago = |days: i64| Some(now.plus_ms(-days * DAY_MS));
        let history = |disbursed: i64, active: i64, limit_open, balance| History {
            last_disbursed_at: ago(disbursed),
            last_active_at: ago(active),
            limit_open,
            balance,
            ..History::default()
        };
        let of = |history: History| rule.activity(&history, now);
        assert_eq!(of(History { last_active_at: ago(1), ..History::default() }), None);
        assert_eq!(of(history(90, 89, true, false)), Some(Activity::Dormant));
        assert_eq!(of(history(89, 89, true, false)), Some(Activity::Active));
        assert_eq!(of(history(400, 20, true, true)), Some(Activity::Active));
        assert_eq!(of(history(400, 180, true, true)), Some(Activity::Lapsed));
        assert_eq!(of(history(400, 179, true, false)), Some(Activity::Dormant));
        assert_eq!(of(history(10, 10, false, true)), Some(Activity::Active));
        assert_eq!(of(history(10, 10, false, false)), Some(Activity::Lost));
    }
}
