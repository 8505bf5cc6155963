//! The newest accepted event time per partner, and what is too far ahead or too far behind.

use super::Settings;
use crate::domain::events::Event;
use crate::domain::fate::DeadLetterClass;
use crate::domain::time::SECOND_MS;
use crate::domain::{EventTime, Fate, Text};
use crate::store::Sorted;

/// The shard's clocks. Under the empty token stands the shard's own: the newest accepted event time of all.
#[derive(Debug, Default)]
pub struct Clocks {
    pub newest: Sorted<Text, EventTime>,
}

impl Clocks {
    /// The newest accepted event time of the shard; 0 before the first.
    pub fn high(&self) -> EventTime {
        self.newest.get(&Text::default()).copied().unwrap_or_default()
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
        // Only applications are late: the due book takes corrections of any age, and a person has no partner's clock.
        let Event::Application(application) = event else { return Ok(()) };
        let behind_max = settings.late_event_secs_max;
        match self.newest.get(&Text::from(application.partner)) {
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
        for token in [Some(""), event.partner()].into_iter().flatten() {
            let token = Text::from(token);
            if self.newest.get(&token).is_none_or(|newest| *newest < event.event_time()) {
                self.newest.put(token, event.event_time());
            }
        }
    }
}
