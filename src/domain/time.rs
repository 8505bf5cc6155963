//! Event time: UTC milliseconds, and calendar days.

use serde::{Deserialize, Serialize};

pub const SECOND_MS: i64 = 1_000;
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// A moment in UTC milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventTime(pub i64);

/// A calendar day as days since 1970-01-01, without a zone (Avro `date`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CalendarDay(pub i32);

impl EventTime {
    /// 1990-01-01T00:00:00Z: nothing this product reads is older.
    pub const EARLIEST: EventTime = EventTime(631_152_000_000);
    /// 2100-01-01T00:00:00Z: a later time is a broken clock.
    pub const LATEST: EventTime = EventTime(4_102_444_800_000);

    /// True between [`Self::EARLIEST`] and [`Self::LATEST`].
    #[inline]
    pub fn plausible(self) -> bool {
        (Self::EARLIEST..Self::LATEST).contains(&self)
    }
    /// The UTC day this moment falls on.
    #[inline]
    pub fn utc_day(self) -> CalendarDay {
        CalendarDay(self.0.div_euclid(DAY_MS) as i32)
    }
    /// The start of the tile of `width_ms` that holds this moment, cut in UTC.
    #[inline]
    pub fn floor(self, width_ms: i64) -> EventTime {
        EventTime(self.0.div_euclid(width_ms) * width_ms)
    }
    /// This moment moved by `ms`, saturating.
    #[inline]
    pub fn plus_ms(self, ms: i64) -> EventTime {
        EventTime(self.0.saturating_add(ms))
    }
    /// Milliseconds from `earlier` to this moment; negative when it is later.
    #[inline]
    pub fn ms_since(self, earlier: EventTime) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl CalendarDay {
    /// Midnight UTC of this day.
    #[inline]
    pub fn utc_start(self) -> EventTime {
        EventTime(i64::from(self.0) * DAY_MS)
    }
    /// Calendar days from `earlier` to this day.
    #[inline]
    pub fn days_since(self, earlier: CalendarDay) -> i32 {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::fmt::Display for EventTime {
    /// RFC 3339 in UTC; milliseconds only when there are any. A moment outside the years -9999 to 9999 is printed as a number.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl std::fmt::Display for CalendarDay {
    /// ISO 8601, `2012-02-29`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_millisecond(self.utc_start().0) {
            Ok(moment) => write!(f, "{}", moment.to_zoned(jiff::tz::TimeZone::UTC).date()),
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_rfc_3339() {
        assert_eq!(EventTime(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(EventTime(1_330_473_600_123).to_string(), "2012-02-29T00:00:00.123Z");
        assert_eq!(EventTime(-1).to_string(), "1969-12-31T23:59:59.999Z");
        assert_eq!(CalendarDay(-1).to_string(), "1969-12-31");
    }

    #[test]
    fn floors_below_the_epoch_too() {
        assert_eq!(EventTime(-1).floor(DAY_MS), EventTime(-DAY_MS));
        assert_eq!(EventTime(-1).utc_day(), CalendarDay(-1));
    }
}
