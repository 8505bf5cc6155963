//! The newest accepted event time per partner, and what is too far ahead or too far behind.

use rustc_hash::FxHashMap;

use super::Settings;
use crate::domain::events::Event;
use crate::domain::fate::DeadLetterClass;
use crate::domain::time::SECOND_MS;
use crate::domain::{EventTime, Fate, Text};
use crate::store::Sorted;

/// Most partners whose clocks one batch moves: each goes out with a bundle, in at most 140 bytes.
const MOVED_MAX: usize = 2_048;

/// The shard's clocks. Under the empty token stands the shard's own: the newest accepted event time of all.
#[derive(Debug, Default)]
pub struct Clocks {
    pub newest: Sorted<Text, EventTime>,
    /// What the open batch moved and [`Clocks::settle`] has not written yet: clocks move with nearly every event.
    running: FxHashMap<Text, EventTime>,
    /// The same of the shard's own.
    high: Option<EventTime>,
}

impl Clocks {
    /// The newest accepted event time of the shard; 0 before the first.
    pub fn high(&self) -> EventTime {
        self.high.or_else(|| self.newest.get("").copied()).unwrap_or_default()
    }

    fn of(&self, partner: &str) -> Option<EventTime> {
        self.running.get(partner).or_else(|| self.newest.get(partner)).copied()
    }

    /// Writes what the batch has moved so far.
    pub fn settle(&mut self) {
        let high = self.high.take().map(|at| (Text::default(), at));
        for (partner, at) in self.running.drain().chain(high) {
            self.newest.put(partner, at);
        }
    }

    /// True when the open batch moved as many as go into a bundle.
    pub fn is_full(&self) -> bool {
        self.running.len() >= MOVED_MAX
    }

    pub fn hand_over(&mut self) {
        self.settle();
        self.newest.hand_over();
    }

    pub fn undo(&mut self) {
        self.running.clear();
        self.high = None;
        self.newest.undo();
    }

    /// Errs with the fate of an event whose time cannot be true, or that comes too late for the panes.
    pub fn judge(&self, event: &Event<'_>, now: EventTime, settings: &Settings) -> Result<(), Fate> {
        let at = event.event_time();
        let future = |detail| Fate::DeadLettered(DeadLetterClass::FutureTs, detail);
        if !at.plausible() {
            let (from, to) = (EventTime::EARLIEST, EventTime::LATEST);
            return Err(future(format!("event time {at}, between {from} and {to} is expected")));
        }
        let ahead_max = settings.future_event_secs_max;
        if now.0 > 0 && at.ms_since(now) > ahead_max.saturating_mul(SECOND_MS) {
            return Err(future(format!("event time {at}, at most {ahead_max} s after {now} is expected")));
        }
        stated(event, ahead_max).map_err(future)?;
        // Only applications are late: the due book takes corrections of any age, and a person has no partner's clock.
        let Event::Application(application) = event else { return Ok(()) };
        let behind_max = settings.late_event_secs_max;
        match self.of(application.partner) {
            Some(clock) if clock.ms_since(at) > behind_max.saturating_mul(SECOND_MS) => {
                let partner = application.partner;
                Err(Fate::Late(format!(
                    "event time {at}, at most {behind_max} s before {clock} of {partner} is expected"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Takes the time of an accepted event. A command is not the partner's activity and moves nothing.
    pub fn advance(&mut self, event: &Event<'_>) {
        if matches!(event, Event::Command(_)) {
            return;
        }
        let at = event.event_time();
        match &mut self.high {
            Some(high) => *high = at.max(*high),
            none => *none = Some(at).filter(|at| self.newest.get("").is_none_or(|newest| newest < at)),
        }
        let Some(partner) = event.partner() else { return };
        match self.running.get_mut(partner) {
            Some(newest) => *newest = at.max(*newest),
            None if self.newest.get(partner).is_none_or(|newest| *newest < at) => {
                self.running.insert(Text::from(partner), at);
            }
            None => {}
        }
    }
}

/// Errs when the event speaks of something as done that would be done too long after it. A verdict, a score or a consent of
/// the far future would stand against every true one that follows.
fn stated(event: &Event<'_>, ahead_secs_max: i64) -> Result<(), String> {
    let at = event.event_time();
    let done = |name: &str, moment: EventTime| match moment.ms_since(at) > ahead_secs_max.saturating_mul(SECOND_MS) {
        true => Err(format!("{name} is {moment}, at most {ahead_secs_max} s after the event time {at} is expected")),
        false => Ok(()),
    };
    match event {
        Event::Application(e) => e.risk_verdict.iter().try_for_each(|v| done("risk_verdict.decided_at", v.decided_at)),
        Event::Customer(e) => {
            let scores = [&e.risk, &e.response, &e.conversion, &e.value].into_iter().flatten();
            scores.into_iter().try_for_each(|score| done("score.scored_at", score.scored_at))?;
            e.consents.iter().try_for_each(|consent| done("consents.given_at", consent.given_at))
        }
        Event::Repayment(_) | Event::Outcome(_) | Event::Command(_) => Ok(()),
    }
}
