//! The quota: admissions per partner and calendar day of the contract's zone.

use super::codec::{self, Entry, tag};
use crate::domain::{CalendarDay, EventTime, Text};
use crate::record;
use crate::store::Sorted;

/// Admissions of the newest day on which there was one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayUse {
    pub day: CalendarDay,
    pub admitted: i64,
}
record!(DayUse { day, admitted });

/// The day's admissions by partner.
#[derive(Clone, Debug, Default)]
pub struct Quotas {
    pub(super) days: Sorted<Text, DayUse>,
}

/// The calendar day of a moment in a zone.
pub fn day_in(zone: &jiff::tz::TimeZone, at: EventTime) -> CalendarDay {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(moment) => at.plus_ms(i64::from(zone.to_offset(moment).seconds()) * 1_000).utc_day(),
        Err(_) => at.utc_day(),
    }
}

impl Quotas {
    /// Admissions so far on `day`. A day before the newest one (a zone that moved) has the newest day's: never more is spent.
    pub fn used(&self, partner: &Text, day: CalendarDay) -> i64 {
        self.days.get(partner).filter(|known| day <= known.day).map_or(0, |known| known.admitted)
    }

    pub fn admit(&mut self, partner: &Text, day: CalendarDay) {
        let admitted = self.used(partner, day).saturating_add(1);
        let day = self.days.get(partner).map_or(day, |known| known.day.max(day));
        self.days.put(partner.clone(), DayUse { day, admitted });
    }

    pub fn changes(&self, entry: &mut Entry<'_>) {
        codec::changes(tag::QUOTA, &self.days, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{DAY_MS, HOUR_MS};

    #[test]
    fn a_day_begins_at_midnight_of_the_zone() {
        let shanghai = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
        assert_eq!(day_in(&shanghai, EventTime(DAY_MS + 16 * HOUR_MS - 1)), CalendarDay(1));
        assert_eq!(day_in(&shanghai, EventTime(DAY_MS + 16 * HOUR_MS)), CalendarDay(2));
    }

    #[test]
    fn a_new_day_starts_at_zero_and_an_older_one_does_not() {
        let (mut quotas, partner) = (Quotas::default(), Text::from("p"));
        quotas.admit(&partner, CalendarDay(5));
        quotas.admit(&partner, CalendarDay(5));
        assert_eq!((quotas.used(&partner, CalendarDay(5)), quotas.used(&partner, CalendarDay(6))), (2, 0));
        assert_eq!(quotas.used(&partner, CalendarDay(4)), 2);
    }
}
