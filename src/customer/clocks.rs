//! The newest accepted event time per partner, and what is too far ahead or too far behind.

use super::Settings;
use crate::domain::events::Event;
use crate::domain::fate::DeadLetterClass;
use crate::domain::time::SECOND_MS;
use crate::domain::{EventTime, Fate, Text};
use crate::store::{Names, Number, Sorted};

/// Most partners whose clocks one batch moves: each goes out with a bundle, in at most 140 bytes.
const MOVED_MAX: usize = 2_048;

/// Most partners that a shard knows, beyond which one needs a contract: whoever writes another id into `partner` would make
/// panes, clocks and views for each of them. With 10,000 contracts there is room for some that have none yet.
pub const PARTNERS_MAX: usize = 16_384;

/// The shard's clocks. Under the empty token stands the shard's own: the newest accepted event time of all.
#[derive(Debug, Default)]
pub struct Clocks {
    pub newest: Sorted<Text, EventTime>,
    /// What the open batch moved and [`Clocks::settle`] has not written yet, by the partner's number: clocks move with nearly
    /// every event.
    running: Vec<Option<EventTime>>,
    /// Whose these are.
    moved: Vec<Number>,
    /// How many of these have no clock in `newest` yet.
    fresh: usize,
    /// The same of the shard's own.
    high: Option<EventTime>,
}

impl Clocks {
    /// The newest accepted event time of the shard; 0 before the first.
    pub fn high(&self) -> EventTime {
        self.high.or_else(|| self.newest.get("").copied()).unwrap_or_default()
    }

    fn of(&self, partner: &str, number: Number) -> Option<EventTime> {
        let running = self.running.get(number.index()).copied().flatten();
        running.or_else(|| self.newest.get(partner).copied())
    }

    /// Writes what the batch has moved so far; afterwards the partners may get other numbers.
    pub fn settle(&mut self, partners: &Names) {
        for number in self.moved.drain(..) {
            if let Some(at) = self.running.get_mut(number.index()).and_then(Option::take) {
                self.newest.put(partners.text(number).clone(), at);
            }
        }
        self.fresh = 0;
        if let Some(at) = self.high.take() {
            self.newest.put(Text::default(), at);
        }
    }

    /// Partners with a clock. The shard's own is not among them; it is there from the first batch on.
    fn partners(&self) -> usize {
        self.newest.len().saturating_sub(1) + self.fresh
    }

    /// True when the open batch moved as many as go into a bundle.
    pub fn is_full(&self) -> bool {
        self.moved.len() >= MOVED_MAX
    }

    pub fn hand_over(&mut self, partners: &Names) {
        self.settle(partners);
        self.newest.hand_over();
    }

    pub fn undo(&mut self) {
        self.running.clear();
        self.moved.clear();
        self.fresh = 0;
        self.high = None;
        self.newest.undo();
    }

    /// Errs with the fate of an event whose time cannot be true, or that comes too late for the panes. `number`: its partner's.
    pub fn judge(
        &self,
        event: &Event<'_>,
        number: Option<Number>,
        now: EventTime,
        settings: &Settings,
    ) -> Result<(), Fate> {
        let at = event.event_time();
        if !at.plausible() {
            return Err(implausible(at));
        }
        let ahead_max = settings.future_event_secs_max;
        if now.0 > 0 && at.ms_since(now) > ahead_max.saturating_mul(SECOND_MS) {
            return Err(ahead(at, ahead_max, now));
        }
        stated(event, ahead_max)?;
        // Only applications are late: the due book takes corrections of any age, and a person has no partner's clock.
        let (Event::Application(application), Some(number)) = (event, number) else { return Ok(()) };
        let behind_max = settings.late_event_secs_max;
        match self.of(application.partner, number) {
            Some(clock) if clock.ms_since(at) > behind_max.saturating_mul(SECOND_MS) => {
                Err(behind(at, behind_max, clock, application.partner))
            }
            _ => Ok(()),
        }
    }

    /// Errs with the fate of an event about one partner too many. `contracted`: whether a contract names it.
    #[inline]
    pub fn room_for(
        &self,
        event: &Event<'_>,
        number: Option<Number>,
        contracted: impl FnOnce(&str) -> bool,
    ) -> Result<(), Fate> {
        if self.partners() < PARTNERS_MAX {
            return Ok(());
        }
        // An order is about a partner and makes nothing for it.
        let (Some(partner), Some(number), false) = (event.partner(), number, matches!(event, Event::Command(_))) else {
            return Ok(());
        };
        if self.of(partner, number).is_some() || contracted(partner) {
            Ok(())
        } else {
            Err(one_too_many(partner, event.event_time()))
        }
    }

    /// Takes the time of an accepted event. A command is not the partner's activity and moves nothing.
    pub fn advance(&mut self, event: &Event<'_>, number: Option<Number>) {
        if matches!(event, Event::Command(_)) {
            return;
        }
        let at = event.event_time();
        match &mut self.high {
            Some(high) => *high = at.max(*high),
            none => *none = Some(at).filter(|at| self.newest.get("").is_none_or(|newest| newest < at)),
        }
        let (Some(partner), Some(number)) = (event.partner(), number) else { return };
        match self.running.get_mut(number.index()) {
            Some(Some(newest)) => *newest = at.max(*newest),
            _ => self.begin(partner, number, at),
        }
    }

    /// Moves a clock that the open batch has not moved yet.
    fn begin(&mut self, partner: &str, number: Number, at: EventTime) {
        match self.newest.get(partner) {
            Some(newest) if *newest >= at => return,
            Some(_) => {}
            None => self.fresh += 1,
        }
        let index = number.index();
        if self.running.len() <= index {
            self.running.resize(index + 1, None);
        }
        self.running[index] = Some(at);
        self.moved.push(number);
    }
}

fn future(detail: String) -> Fate {
    Fate::DeadLettered(DeadLetterClass::FutureTs, detail)
}

// The words of what is wrong are made apart from the way of every event.

#[cold]
fn one_too_many(partner: &str, at: EventTime) -> Fate {
    let detail = format!(
        "more than {PARTNERS_MAX} partners a shard: `{partner}` is new and has no contract at {at}; is another id written into `partner`?"
    );
    Fate::DeadLettered(DeadLetterClass::Invalid, detail)
}

#[cold]
fn implausible(at: EventTime) -> Fate {
    let (from, to) = (EventTime::EARLIEST, EventTime::LATEST);
    future(format!("event time {at}, between {from} and {to} is expected"))
}

#[cold]
fn ahead(at: EventTime, ahead_max: i64, now: EventTime) -> Fate {
    future(format!("event time {at}, at most {ahead_max} s after {now} is expected"))
}

#[cold]
fn behind(at: EventTime, behind_max: i64, clock: EventTime, partner: &str) -> Fate {
    Fate::Late(format!("event time {at}, at most {behind_max} s before {clock} of {partner} is expected"))
}

#[cold]
fn too_early_said(name: &str, moment: EventTime, ahead_max: i64, at: EventTime) -> Fate {
    future(format!("{name} is {moment}, at most {ahead_max} s after the event time {at} is expected"))
}

/// Errs when the event speaks of something as done that would be done too long after it. A verdict, a score or a consent of
/// the far future would stand against every true one that follows.
fn stated(event: &Event<'_>, ahead_secs_max: i64) -> Result<(), Fate> {
    let at = event.event_time();
    let done = |name: &str, moment: EventTime| match moment.ms_since(at) > ahead_secs_max.saturating_mul(SECOND_MS) {
        true => Err(too_early_said(name, moment, ahead_secs_max, at)),
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
