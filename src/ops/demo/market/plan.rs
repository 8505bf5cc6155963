//! What can happen, when, and how much of it.

use super::Place;
use crate::domain::EventTime;

/// How large a market is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketSize {
    /// Customers who arrive during the history.
    pub customers: u32,
    /// Drawdowns that are wished during the history; the later the day, the more.
    pub history_drawdowns: u32,
    /// Customers who arrive on each played day.
    pub day_customers: u32,
    /// Drawdowns that are wished on each played day.
    pub day_drawdowns: u32,
    /// Troubled records (late or broken, in turn) on each played day.
    pub day_troubles: u32,
    /// Duplicates among the records that may be repeated on a played day, parts per million.
    pub repeat_ppm: u32,
}

impl Default for MarketSize {
    fn default() -> Self {
        Self {
            customers: 12_000,
            history_drawdowns: 9_000,
            day_customers: 2_400,
            day_drawdowns: 9_000,
            day_troubles: 360,
            repeat_ppm: 12_000,
        }
    }
}

/// One step of a payment story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PayStep {
    Whole,
    /// The first half; [`PayStep::Rest`] follows.
    Part,
    Rest,
    /// The payment is taken back; [`PayStep::Again`] follows.
    Back,
    Again,
}

/// How a customer answers a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// The offer was shown.
    Delivered,
    Rejected,
    /// Wants no offers any more.
    OptedOut,
    Accepted,
    /// Cancels the drawdown, having chosen the own offer.
    Diverted,
    /// The own product is paid out.
    OwnDisbursed,
}

/// Something that happens at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Plans the arrivals of a day.
    OpenDay(i64),
    Arrive(u32),
    Apply(Place),
    Decide(Place),
    /// Somebody with a limit of that partner wants money.
    Draw {
        partner: Place,
        draw: u32,
    },
    /// The same customer wants money once more.
    DrawAgain(Place),
    RiskPass(Place),
    Conclude(Place),
    Pay {
        loan: Place,
        instalment: u8,
        step: PayStep,
    },
    Prepay(Place),
    /// Something changes for some customer.
    Stir(u32),
    Answer {
        drawdown: Place,
        answer: Answer,
    },
    /// A late or broken record.
    Trouble(u32),
    /// A record is said a second time.
    Repeat(u64),
}

/// An action in the queue: earliest first, in order of planning within a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    pub at: EventTime,
    pub order: u64,
    pub action: Action,
}
