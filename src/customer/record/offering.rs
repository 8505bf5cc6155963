//! The one candidate a customer may have: proposed, live, closing, free again.

use crate::domain::{EventTime, Id, Text};

/// Newest admissions kept for frequency cap and cool-down.
pub const OFFERED_MAX: usize = 32;

/// A proposal that waits for its reply. What ends it meanwhile is settled at once and noted here.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    pub candidate: Id,
    pub partner: Text,
    pub drawdown: Text,
    pub settled: bool,
}

/// An admitted candidate until it is released. `settled`: its end is said, the release is awaited (*closing*).
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    pub candidate: Id,
    pub partner: Text,
    pub drawdown: Text,
    pub expires_at: Option<EventTime>,
    pub settled: bool,
}

/// Everything about candidates of one customer, over all partners.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offering {
    pub pending: Option<Pending>,
    pub live: Option<Live>,
    /// When candidates were admitted, newest first, at most [`OFFERED_MAX`].
    pub offered_at: Vec<EventTime>,
}

/// The candidate that could still be ended.
#[derive(Debug)]
pub struct Standing<'a> {
    pub candidate: &'a Id,
    pub partner: &'a Text,
    pub drawdown: &'a Text,
    pub settled: &'a mut bool,
}

impl Offering {
    /// The live candidate, else the pending one.
    pub fn standing(&mut self) -> Option<Standing<'_>> {
        let live = self.live.as_mut().map(|c| Standing {
            candidate: &c.candidate,
            partner: &c.partner,
            drawdown: &c.drawdown,
            settled: &mut c.settled,
        });
        live.or_else(|| {
            self.pending.as_mut().map(|c| Standing {
                candidate: &c.candidate,
                partner: &c.partner,
                drawdown: &c.drawdown,
                settled: &mut c.settled,
            })
        })
    }

    /// Its candidate and whether its end is said already.
    pub fn candidate(&self) -> Option<(&Id, bool)> {
        let live = self.live.as_ref().map(|c| (&c.candidate, c.settled));
        live.or_else(|| self.pending.as_ref().map(|c| (&c.candidate, c.settled)))
    }

    /// Notes an admission.
    pub fn offered(&mut self, at: EventTime) {
        let position = self.offered_at.partition_point(|known| *known > at);
        self.offered_at.insert(position, at);
        self.offered_at.truncate(OFFERED_MAX);
    }
}
