//! Random but plausible histories from a seed: applications, drawdowns, loans, consents, flags and outcomes of customers over
//! partners, with repetitions, records out of order, corrections, reversals and compensations.

use reflow::domain::EventTime;

use super::Rules;
use super::dice::Dice;
use super::inputs::OwnedEvent;
use super::life::Life;

/// How much history, and how untidy.
#[derive(Clone, Debug)]
pub struct Size {
    pub customers: usize,
    pub partners: usize,
    pub from: EventTime,
    pub days: i64,
    /// The controller that consents are given to.
    pub lender: String,
    pub duplicates_percent: i64,
    /// Records that arrive up to two days after their event; the others arrive within two seconds.
    pub delayed_percent: i64,
    /// Application records that arrive 20 days after their event and are late where the partner went on.
    pub late_percent: i64,
    /// Customers that are erased at some time; their contributions depend on the order of arrival.
    pub erased_percent: i64,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            customers: 40,
            partners: 4,
            from: EventTime(1_750_000_000_000),
            days: 60,
            lender: "lender-own".into(),
            duplicates_percent: 5,
            delayed_percent: 5,
            late_percent: 0,
            erased_percent: 0,
        }
    }
}

/// One record with the time at which it comes in, never before its event.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub at: EventTime,
    pub event_time: EventTime,
    pub customer: String,
    pub event: OwnedEvent,
}

/// Records in the order of arrival.
#[derive(Clone, Debug)]
pub struct History {
    pub partners: Vec<String>,
    pub arrivals: Vec<Arrival>,
}

impl History {
    pub fn events(&self) -> Vec<OwnedEvent> {
        self.arrivals.iter().map(|arrival| arrival.event.clone()).collect()
    }
}

/// The same seed and size give the same history.
pub fn history(seed: u64, size: &Size, rules: &Rules) -> History {
    let partners: Vec<String> = (0..size.partners).map(|p| format!("partner-{p:02}")).collect();
    let mut arrivals = Vec::new();
    for number in 0..size.customers {
        let dice = Dice::new(seed ^ (number as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03));
        let name = format!("customer-{number:05}");
        let mut life = Life { dice, size, rules, partners: &partners, name, made: 0, arrivals: Vec::new() };
        life.live();
        arrivals.append(&mut life.arrivals);
    }
    arrivals.sort_by(|a, b| (a.at, &a.customer).cmp(&(b.at, &b.customer)));
    History { partners, arrivals }
}
