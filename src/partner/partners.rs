//! What is remembered of each partner besides its panes: its clock, what was reported, and when its next view is owed.

use super::codec::{self, Entry, Teller, tag};
use crate::domain::{EventTime, Text};
use crate::record;
use crate::store::Sorted;

/// One partner, as far as this shard met it; partners without a contract too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartnerState {
    /// Newest accepted event time over all customer shards.
    pub newest_event_at: Option<EventTime>,
    pub view_at: Option<EventTime>,
    /// When the next view is due; the key of the entry in the owed list.
    pub owed_at: Option<EventTime>,
    pub paused: bool,
    /// The guard's side as last reported.
    pub guard_closed: bool,
    pub guard_alert_at: Option<EventTime>,
    pub foreign_decline: bool,
    /// Deltas that found no pane, since the beginning.
    pub unplaced: i64,
    pub unplaced_alert_at: Option<EventTime>,
    pub negative_alert_at: Option<EventTime>,
    /// Horizons of the guard that are closed until they have come down far enough, by name.
    pub closed: Vec<Text>,
    /// While data are stale: admissions left of what the last current reading allowed.
    pub stale_room: i64,
    /// Models whose scores have moved away and that was told, as name and version.
    pub shifted: Vec<Text>,
}
record!(PartnerState {
    newest_event_at,
    view_at,
    owed_at,
    paused,
    guard_closed,
    guard_alert_at,
    foreign_decline,
    unplaced,
    unplaced_alert_at,
    negative_alert_at,
    closed,
    stale_room,
    shifted
});

/// The partners of a shard, and the order in which their views are owed.
#[derive(Clone, Debug, Default)]
pub struct Partners {
    pub(super) states: Sorted<Text, PartnerState>,
    /// Derived from `owed_at`.
    owed: Sorted<(EventTime, Text), ()>,
    /// Partners with a closed horizon, derived.
    with_closed: Sorted<Text, ()>,
}

impl Partners {
    pub fn get(&self, partner: &Text) -> Option<&PartnerState> {
        self.states.get(partner)
    }

    pub fn edit(&mut self, partner: &Text) -> &mut PartnerState {
        self.states.edit_or(partner, PartnerState::default)
    }

    pub fn names(&self) -> Vec<Text> {
        self.states.iter().map(|(partner, _)| partner.clone()).collect()
    }

    /// The partner's closed horizons.
    pub fn closed(&self, partner: &str) -> &[Text] {
        self.states.get(partner).map_or(&[], |state| &state.closed)
    }

    pub fn close(&mut self, partner: &Text, horizons: Vec<Text>) {
        if horizons.is_empty() {
            self.with_closed.remove(partner);
        } else {
            self.with_closed.put(partner.clone(), ());
        }
        self.edit(partner).closed = horizons;
    }

    pub fn any_closed(&self) -> bool {
        !self.with_closed.is_empty()
    }

    pub fn with_closed(&self) -> Vec<Text> {
        self.with_closed.iter().map(|(partner, ())| partner.clone()).collect()
    }

    /// Something changed: a view is owed, `every_ms` after the last one at the earliest.
    pub fn changed(&mut self, partner: &Text, every_ms: i64, now: EventTime) {
        let state = self.edit(partner);
        let at = state.view_at.map_or(now, |last| last.plus_ms(every_ms).max(now));
        if state.owed_at.is_none_or(|owed| at < owed) {
            self.owe(partner, Some(at));
        }
    }

    /// Sets when the next view is due; `None`: when something changes.
    pub fn owe(&mut self, partner: &Text, at: Option<EventTime>) {
        let before = std::mem::replace(&mut self.edit(partner).owed_at, at);
        if let Some(before) = before {
            self.owed.remove(&(before, partner.clone()));
        }
        if let Some(at) = at {
            self.owed.put((at, partner.clone()), ());
        }
    }

    /// Lists the first `most` partners whose view is due.
    pub fn due(&self, now: EventTime, most: usize, due: &mut Vec<Text>) {
        due.clear();
        let owed = self.owed.iter().take_while(|((at, _), _)| *at <= now);
        due.extend(owed.take(most).map(|((_, partner), _)| partner.clone()));
    }

    pub fn is_due(&self, now: EventTime) -> bool {
        self.owed.iter().next().is_some_and(|((at, _), _)| *at <= now)
    }

    pub fn changes(&mut self, teller: &mut Teller, entry: &mut Entry<'_>) {
        codec::changes(tag::PARTNER, &mut self.states, teller, entry);
    }

    pub fn load(&mut self, partner: Text, state: Option<PartnerState>) {
        if let Some(before) = self.states.get(&partner).and_then(|known| known.owed_at) {
            self.owed.load((before, partner.clone()), None);
        }
        if let Some(at) = state.as_ref().and_then(|state| state.owed_at) {
            self.owed.load((at, partner.clone()), Some(()));
        }
        let closed = state.as_ref().is_some_and(|state| !state.closed.is_empty());
        self.with_closed.load(partner.clone(), closed.then_some(()));
        self.states.load(partner, state);
    }

    pub fn hand_over(&mut self) {
        self.states.hand_over();
        self.owed.hand_over();
        self.with_closed.hand_over();
    }

    pub fn commit(&mut self) {
        self.states.commit();
        self.owed.commit();
        self.with_closed.commit();
    }

    pub fn undo(&mut self) {
        self.states.undo();
        self.owed.undo();
        self.with_closed.undo();
    }
}
