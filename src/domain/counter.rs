//! The counters of the delta families: what a contribution is made of and what a pane holds.
//!
//! A family decides what its cells are keyed by; every counter belongs to one family. Each counter is a count and an amount.

use serde::{Deserialize, Serialize};

use super::time::{DAY_MS, MINUTE_MS};
use super::words::Word;
use super::{CalendarDay, EventTime};
use crate::words;

words! {
    /// A family of counters, keyed by the time its counters share.
    pub enum Family {
        /// By decision time, to the minute.
        DecisionFlow = "decision_flow",
        /// By *submission* time, to the minute.
        ApplicationCohort = "application_cohort",
        /// By drawdown *request* time, to the minute.
        DrawdownCohort = "drawdown_cohort",
        /// By due date, a calendar day; never dropped while something is open.
        DueBook = "due_book",
        /// By the *oldest unpaid due date* of the loan, a calendar day; loans with nothing unpaid stand under [`STOCK_CURRENT`].
        Stock = "stock",
        /// By drawdown *request* time, to the minute: drawdowns of the control group, which are in the drawdown cohort too.
        HeldOut = "held_out",
    }
}

/// The day under which loans without an unpaid due instalment stand in the stock.
pub const STOCK_CURRENT: CalendarDay = CalendarDay(i32::MAX);

words! {
    /// What is counted.
    pub enum Counter {
        Approved = "approved",
        Declined = "declined",
        Cancelled = "cancelled",

        Submitted = "submitted",
        CohortApproved = "cohort_approved",
        CohortDeclined = "cohort_declined",
        CohortCancelled = "cohort_cancelled",
        /// Applications whose customer had a first disbursement within the end-to-end horizon.
        CohortDisbursed = "cohort_disbursed",

        DrawdownRequested = "drawdown_requested",
        DrawdownDisbursed = "drawdown_disbursed",
        DrawdownDeclined = "drawdown_declined",
        DrawdownDiverted = "drawdown_diverted",
        DrawdownCancelled = "drawdown_cancelled",
        DrawdownTimedOut = "drawdown_timed_out",
        DrawdownRerouted = "drawdown_rerouted",

        InstalmentsDue = "instalments_due",
        /// Not fully paid; the amount is what remains.
        InstalmentsOpen = "instalments_open",
        Settled0 = "settled_0",
        Settled1To3 = "settled_1_3",
        Settled4To7 = "settled_4_7",
        Settled8To15 = "settled_8_15",
        Settled16To30 = "settled_16_30",
        Settled31To60 = "settled_31_60",
        Settled61To90 = "settled_61_90",
        Settled90Plus = "settled_90_plus",
        /// Of the settled: paid before the due date.
        SettledPrepaid = "settled_prepaid",
        /// Of the settled: not by the customer's own payments.
        SettledCompensated = "settled_compensated",
        InstalmentsWrittenOff = "instalments_written_off",
        InstalmentsRestructured = "instalments_restructured",
        FirstDue = "first_due",
        FirstOpen = "first_open",
        /// Settled first instalments that were at least that many days late.
        FirstLate1 = "first_late_1",
        FirstLate7 = "first_late_7",
        FirstLate15 = "first_late_15",
        FirstLate30 = "first_late_30",
        FirstLate60 = "first_late_60",
        FirstLate90 = "first_late_90",

        /// Open loans; the amount is their outstanding principal.
        StockLoans = "stock_loans",
        /// Of them: loans compensated by a guarantor or bought back but not closed.
        StockCompensated = "stock_compensated",

        /// Drawdowns that only the holdout kept from a proposal, by what became of them.
        HeldOutDisbursed = "held_out_disbursed",
        HeldOutDeclined = "held_out_declined",
        HeldOutCancelled = "held_out_cancelled",
        HeldOutTimedOut = "held_out_timed_out",
    }
}

/// First counter of each family, in family order, closed by the number of counters.
const BOUNDS: [usize; 7] = [
    Counter::Approved as usize,
    Counter::Submitted as usize,
    Counter::DrawdownRequested as usize,
    Counter::InstalmentsDue as usize,
    Counter::StockLoans as usize,
    Counter::HeldOutDisbursed as usize,
    Counter::HeldOutTimedOut as usize + 1,
];

/// Family and slot of each counter: they are asked for with every change of one.
const PLACES: [(Family, u8); BOUNDS[6]] = {
    let mut places = [(Family::DecisionFlow, 0); BOUNDS[6]];
    let mut family = 0;
    while family < Family::ALL.len() {
        let mut counter = BOUNDS[family];
        while counter < BOUNDS[family + 1] {
            places[counter] = (Family::ALL[family], (counter - BOUNDS[family]) as u8);
            counter += 1;
        }
        family += 1;
    }
    places
};

/// Counters of the family that has most.
pub const FAMILY_COUNTERS_MAX: usize = {
    let (mut most, mut family) = (0, 0);
    while family < Family::ALL.len() {
        let width = BOUNDS[family + 1] - BOUNDS[family];
        most = if width > most { width } else { most };
        family += 1;
    }
    most
};

impl Counter {
    #[inline]
    pub fn family(self) -> Family {
        self.place().0
    }

    /// The counter's position within its family's cell.
    #[inline]
    pub fn slot(self) -> usize {
        self.place().1
    }

    /// Family and slot.
    #[inline]
    pub fn place(self) -> (Family, usize) {
        let (family, slot) = PLACES[self as usize];
        (family, usize::from(slot))
    }

    /// The settled bucket of an instalment that was paid `days` calendar days after its due date (0 or less: on time).
    pub fn settled(days: i32) -> Counter {
        match days {
            ..=0 => Counter::Settled0,
            1..=3 => Counter::Settled1To3,
            4..=7 => Counter::Settled4To7,
            8..=15 => Counter::Settled8To15,
            16..=30 => Counter::Settled16To30,
            31..=60 => Counter::Settled31To60,
            61..=90 => Counter::Settled61To90,
            _ => Counter::Settled90Plus,
        }
    }

    /// The first-payment-default counters with the days each stands for.
    pub const FIRST_LATE: [(i32, Counter); 6] = [
        (1, Counter::FirstLate1),
        (7, Counter::FirstLate7),
        (15, Counter::FirstLate15),
        (30, Counter::FirstLate30),
        (60, Counter::FirstLate60),
        (90, Counter::FirstLate90),
    ];
}

impl Family {
    /// How many counters a cell of this family holds.
    pub fn width(self) -> usize {
        BOUNDS[self as usize + 1] - BOUNDS[self as usize]
    }

    /// The position of its first counter among all.
    pub fn first(self) -> usize {
        BOUNDS[self as usize]
    }

    /// The counter at a slot of this family's cell.
    pub fn counter(self, slot: usize) -> Option<Counter> {
        if slot < self.width() { Counter::at(BOUNDS[self as usize] + slot) } else { None }
    }

    /// True for families keyed by a calendar day; the others are keyed by a minute.
    pub fn by_day(self) -> bool {
        matches!(self, Family::DueBook | Family::Stock)
    }

    /// The cell start of a moment: its minute in UTC milliseconds.
    pub fn minute(at: EventTime) -> i64 {
        at.floor(MINUTE_MS).0
    }

    /// The cell start of a calendar day: its midnight in UTC milliseconds.
    pub fn day(day: CalendarDay) -> i64 {
        i64::from(day.0) * DAY_MS
    }
}

/// A count with the amount it stands for, in minor units of the partner's one currency. Signed: deltas are differences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub count: i64,
    pub amount_minor: i64,
}
crate::record!(Tally { count, amount_minor });

impl Tally {
    pub fn add(&mut self, other: Tally) {
        self.count = self.count.saturating_add(other.count);
        self.amount_minor = self.amount_minor.saturating_add(other.amount_minor);
    }

    pub fn is_zero(self) -> bool {
        self == Tally::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_its_own_slot() {
        for (ordinal, counter) in Counter::ALL.iter().enumerate() {
            assert_eq!(counter.ordinal(), ordinal);
            assert_eq!(counter.family().counter(counter.slot()), Some(*counter));
        }
        assert_eq!(Family::ALL.iter().map(|f| f.width()).sum::<usize>(), Counter::ALL.len());
    }
}
