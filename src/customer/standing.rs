//! How the customer has repaid, read from the instalments kept: days past due, the 24-month strip, the worst.
//!
//! Terms: *DPD of a loan on day d* = max over instalments not paid by the customer before d of d − due date, floor 0; so one
//! paid k calendar days after its due date was k days late. Only the customer's own payments cure.

use super::record::{Customer, InstalmentState, Loan};
use crate::domain::{CalendarDay, EventTime};
use crate::policy::facts::Standing;

/// Calendar months that the strip and the worst look back on, the current one included.
const MONTHS: i32 = 24;

/// The calendar day of a moment in a zone.
pub fn day_in(zone: &jiff::tz::TimeZone, at: EventTime) -> CalendarDay {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(moment) => at.plus_ms(i64::from(zone.to_offset(moment).seconds()) * 1_000).utc_day(),
        Err(_) => at.utc_day(),
    }
}

/// The standing over all loans on a day.
pub fn of(customer: &Customer, today: CalendarDay) -> Standing {
    of_loans(&customer.loans, today)
}

/// The standing over some loans on a day.
pub fn of_loans(loans: &[Loan], today: CalendarDay) -> Standing {
    let mut standing = Standing::default();
    for loan in loans {
        add_loan(&mut standing, loan, today);
    }
    standing
}

fn add_loan(standing: &mut Standing, loan: &Loan, today: CalendarDay) {
    standing.written_off |= loan.marks.written_off;
    standing.compensated |= loan.marks.compensated;
    for (_, due_date, state) in loan.states() {
        let (until, unpaid) = match state {
            InstalmentState::Open | InstalmentState::Settled { by_customer: false, .. } => (today, true),
            InstalmentState::Settled { day, by_customer: true } => (day.min(today), false),
            InstalmentState::WrittenOff { day } | InstalmentState::Restructured { day } => (day.min(today), false),
        };
        if unpaid {
            standing.dpd_now = standing.dpd_now.max(until.days_since(due_date));
        }
        add_lateness(standing, due_date, until, today);
    }
}

/// Marks the months from the day after the due date to `until`, as far as they lie in the strip.
fn add_lateness(standing: &mut Standing, due_date: CalendarDay, until: CalendarDay, today: CalendarDay) {
    let late = until.days_since(due_date);
    if late < 1 {
        return;
    }
    let current = month(today);
    let newest = current - month(until);
    let oldest = (current - month(CalendarDay(due_date.0 + 1))).min(MONTHS - 1);
    if newest >= MONTHS {
        return;
    }
    standing.worst_dpd_24m = standing.worst_dpd_24m.max(late);
    for back in newest.max(0)..=oldest {
        standing.late_months |= 1 << back;
    }
}

/// Calendar months since year 0.
fn month(day: CalendarDay) -> i32 {
    let date = jiff::Timestamp::from_millisecond(day.utc_start().0)
        .map(|moment| jiff::tz::TimeZone::UTC.to_datetime(moment).date())
        .unwrap_or_default();
    i32::from(date.year()) * 12 + i32::from(date.month())
}
