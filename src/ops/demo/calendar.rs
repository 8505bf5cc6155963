//! The demo's own calendar: four weeks of history, then days that are played, and how fast they pass.
//!
//! Event times never come from the wall clock: the same seed gives the same bytes in any year.

use std::time::Duration;

use crate::domain::EventTime;
use crate::domain::time::{DAY_MS, HOUR_MS};

/// 2026-03-02T00:00:00Z: the opening book and the first application.
pub const HISTORY_START: EventTime = EventTime(1_772_409_600_000);
/// Whole days of history before the played day.
pub const HISTORY_DAYS: i64 = 28;
/// 2026-03-30T00:00:00Z, eight in the morning where the customers live: the first played day begins.
pub const PLAY_DAY_START: EventTime = EventTime(HISTORY_START.0 + HISTORY_DAYS * DAY_MS);
/// One played day later.
pub const PLAY_DAY_END: EventTime = EventTime(PLAY_DAY_START.0 + DAY_MS);
/// The zone of every customer and contract of the demo. It has no summer time.
pub const ZONE: &str = "Asia/Shanghai";
/// Noon in [`ZONE`], as hours after the start of a UTC day.
pub const MIDDAY_UTC_HOUR: i64 = 4;
/// How long one day takes when `--for` does not say so.
pub const DAY_DURATION_DEFAULT: Duration = Duration::from_secs(600);
/// Shortest duration of a played day.
pub const DAY_DURATION_MIN: Duration = Duration::from_secs(5);

/// The number of the played or historical day that a moment falls on; 0 is the first day of history.
pub fn day_number(at: EventTime) -> i64 {
    at.ms_since(HISTORY_START).div_euclid(DAY_MS)
}

/// The start of a day by its number.
pub fn day_start(number: i64) -> EventTime {
    HISTORY_START.plus_ms(number.saturating_mul(DAY_MS))
}

/// True for a moment at or after midday (and before midnight UTC) of a played day.
pub fn past_midday_of_play(at: EventTime) -> bool {
    at >= PLAY_DAY_START && at.ms_since(day_start(day_number(at))) >= MIDDAY_UTC_HOUR * HOUR_MS
}

/// How fast the played day passes: event time as a linear function of the time since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    day_takes_ms: i64,
}

impl Pace {
    /// One day in `day_takes`, at least [`DAY_DURATION_MIN`].
    pub fn new(day_takes: Duration) -> Self {
        let day_takes = day_takes.max(DAY_DURATION_MIN);
        Self { day_takes_ms: i64::try_from(day_takes.as_millis()).unwrap_or(i64::MAX) }
    }

    /// Milliseconds of event time that pass in one millisecond, rounded up: 2880 for a day in 30 s.
    pub fn speed(self) -> i64 {
        (DAY_MS + self.day_takes_ms - 1) / self.day_takes_ms
    }

    /// The event time after the day has been played for `elapsed`.
    pub fn event_time(self, elapsed: Duration) -> EventTime {
        let played_ms = elapsed.as_millis() * DAY_MS as u128 / self.day_takes_ms as u128;
        PLAY_DAY_START.plus_ms(i64::try_from(played_ms).unwrap_or(i64::MAX))
    }

    /// Seconds of event time that pass in `wall`, rounded up. Limits that really bound the machine's own delay, such as a
    /// missing heartbeat, have to be stretched by this when the clock is scaled.
    pub fn event_secs(self, wall: Duration) -> i64 {
        let secs = (wall.as_millis() * DAY_MS as u128).div_ceil(self.day_takes_ms as u128 * 1_000);
        i64::try_from(secs).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_is_what_it_says() {
        assert_eq!(HISTORY_START.to_string(), "2026-03-02T00:00:00Z");
        assert_eq!(PLAY_DAY_START.to_string(), "2026-03-30T00:00:00Z");
        assert_eq!(day_number(PLAY_DAY_START), HISTORY_DAYS);
        assert_eq!(day_start(HISTORY_DAYS + 1), PLAY_DAY_END);
        assert!(!past_midday_of_play(HISTORY_START.plus_ms(5 * HOUR_MS)), "history knows no midday");
        assert!(!past_midday_of_play(PLAY_DAY_START.plus_ms(4 * HOUR_MS - 1)));
        assert!(past_midday_of_play(PLAY_DAY_START.plus_ms(4 * HOUR_MS)));
    }

    #[test]
    fn a_day_in_thirty_seconds_runs_at_2880() {
        let pace = Pace::new(Duration::from_secs(30));
        assert_eq!(pace.speed(), 2_880);
        assert_eq!(pace.event_time(Duration::ZERO), PLAY_DAY_START);
        assert_eq!(pace.event_time(Duration::from_secs(30)), PLAY_DAY_END);
        assert_eq!(pace.event_secs(Duration::from_secs(1)), 2_880);
        assert_eq!(Pace::new(Duration::ZERO), Pace::new(DAY_DURATION_MIN));
    }
}
