//! How a customer has repaid: DPD, the 24-month strip, compensated, written off (section 2), straight from the instalments.

use reflow::domain::CalendarDay;
use reflow::domain::time::DAY_MS;

use super::instalments::{Instalment, Status, loans};
use super::record::{Key, Record};

/// Months of the strip.
const MONTHS: i32 = 24;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub dpd_now: i32,
    pub worst_dpd_24m: i32,
    /// Bit m: late at least one day in the calendar month m months back.
    pub late_months: u32,
    pub compensated: bool,
    pub written_off: bool,
}

impl Standing {
    pub fn of(record: &Record, today: CalendarDay) -> Standing {
        let was = |name: &str| record.facts().any(|fact| matches!(&fact.key, Key::Once(_, _, once) if *once == name));
        let mut standing =
            Standing { compensated: was("compensated"), written_off: was("written off"), ..Standing::default() };
        for loan in loans(record) {
            loan.instalments.iter().for_each(|instalment| standing.take(instalment, today));
        }
        standing
    }

    fn take(&mut self, i: &Instalment, today: CalendarDay) {
        // Until when the customer owed it: what another paid is still owed by the customer.
        let (owed_until, still_owed) = match i.status {
            Status::Open | Status::Settled { by_customer: false, .. } => (today, true),
            Status::Settled { day, .. } | Status::WrittenOff { day } | Status::Restructured { day } => {
                (day.min(today), false)
            }
        };
        let late = owed_until.days_since(i.due_date);
        if late <= 0 {
            return;
        }
        if still_owed {
            self.dpd_now = self.dpd_now.max(late);
        }
        let now = month(today);
        if now - month(owed_until) < MONTHS {
            self.worst_dpd_24m = self.worst_dpd_24m.max(late);
        }
        for late_month in month(CalendarDay(i.due_date.0 + 1))..=month(owed_until) {
            let back = now - late_month;
            if (0..MONTHS).contains(&back) {
                self.late_months |= 1 << back;
            }
        }
    }

    pub fn months_late(self) -> u32 {
        self.late_months.count_ones()
    }

    /// The longest run of consecutive late months.
    pub fn months_late_in_a_row(self) -> u32 {
        let (mut longest, mut run) = (0, 0);
        for back in 0..MONTHS {
            run = if self.late_months & (1 << back) != 0 { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        longest
    }
}

/// Calendar months since the year 0.
fn month(day: CalendarDay) -> i32 {
    let moment = jiff::Timestamp::from_millisecond(i64::from(day.0) * DAY_MS).unwrap_or_default();
    let date = moment.to_zoned(jiff::tz::TimeZone::UTC).date();
    i32::from(date.year()) * 12 + i32::from(date.month()) - 1
}
