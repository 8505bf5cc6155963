//! The dozen partners and what is particular about each.

use crate::domain::EventTime;
use crate::ops::demo::calendar::{PLAY_DAY_START, past_midday_of_play};

/// How many partners there are.
pub const PARTNERS_COUNT: usize = 12;

/// How drawdowns end without us, parts per million; the rest is disbursed.
#[derive(Clone, Copy, Debug)]
pub struct Endings {
    pub declined_ppm: u32,
    pub cancelled_ppm: u32,
    pub timed_out_ppm: u32,
    pub rerouted_ppm: u32,
}

/// One partner.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    pub token: &'static str,
    /// Share of customers and drawdowns, relative to the other partners.
    pub weight: u32,
    /// Says nothing at all from the first played day on.
    pub silent: bool,
    /// Its core emits `drawdown_risk_passed`.
    pub risk_step: bool,
    /// A guarantor pays what is not paid three days after the due date.
    pub enhanced: bool,
    pub approved_ppm: u32,
    /// Customers who agreed to hear of the lender's own offers.
    pub consenting_ppm: u32,
    /// Customers with a candidate who take the own offer and cancel the drawdown.
    pub accepting_ppm: u32,
    pub endings: Endings,
    /// The endings from midday of each played day on, where they differ.
    pub endings_from_midday: Option<Endings>,
}

const USUAL: Endings =
    Endings { declined_ppm: 70_000, cancelled_ppm: 40_000, timed_out_ppm: 15_000, rerouted_ppm: 10_000 };

const fn plain(token: &'static str, weight: u32) -> Profile {
    Profile {
        token,
        weight,
        silent: false,
        risk_step: false,
        enhanced: false,
        approved_ppm: 720_000,
        consenting_ppm: 700_000,
        accepting_ppm: 100_000,
        endings: USUAL,
        endings_from_midday: None,
    }
}

/// The partners in the order of their tokens.
pub const PARTNERS: [Profile; PARTNERS_COUNT] = [
    // Most of the traffic.
    plain("p01", 70),
    Profile { enhanced: true, risk_step: true, approved_ppm: 780_000, ..plain("p02", 4) },
    // Its listing has expired (policy).
    plain("p03", 2),
    // Its contract forbids real time (policy).
    plain("p04", 2),
    // Its drawdown pass sinks because of us: nearly everybody who is asked takes the own offer.
    Profile { consenting_ppm: 930_000, accepting_ppm: 850_000, approved_ppm: 800_000, ..plain("p05", 8) },
    Profile { enhanced: true, approved_ppm: 800_000, ..plain("p06", 2) },
    // Its drawdown pass sinks for reasons of its own, from midday on; hardly anybody there may be asked.
    Profile {
        consenting_ppm: 20_000,
        accepting_ppm: 20_000,
        endings_from_midday: Some(Endings { declined_ppm: 520_000, ..USUAL }),
        ..plain("p07", 6)
    },
    // Has a small quota (policy).
    Profile { consenting_ppm: 850_000, ..plain("p08", 3) },
    // Its core often gives no answer.
    Profile { risk_step: true, endings: Endings { timed_out_ppm: 250_000, ..USUAL }, ..plain("p09", 2) },
    Profile { silent: true, ..plain("p10", 1) },
    Profile { silent: true, approved_ppm: 600_000, ..plain("p11", 1) },
    Profile { silent: true, enhanced: true, ..plain("p12", 1) },
];

impl Profile {
    /// True when the partner says nothing at that moment.
    pub fn silent_at(&self, at: EventTime) -> bool {
        self.silent && at >= PLAY_DAY_START
    }

    /// How drawdowns requested at that moment end.
    pub fn endings_at(&self, at: EventTime) -> Endings {
        match self.endings_from_midday {
            Some(endings) if past_midday_of_play(at) => endings,
            _ => self.endings,
        }
    }
}

/// The weights by which customers and drawdowns fall to partners at that moment; a silent partner gets none.
pub fn weights_at(at: EventTime) -> impl Iterator<Item = u32> + Clone {
    PARTNERS.iter().map(move |profile| if profile.silent_at(at) { 0 } else { profile.weight })
}
