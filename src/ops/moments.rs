//! Moments and spans as people write them: `2026-03-01`, `2026-03-01T08:00:00Z`, `90m` (ago), `24h`.

use crate::domain::EventTime;
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

/// A length of time such as `30s`, `15m`, `24h`, `7d`, in milliseconds.
pub fn span(text: &str) -> Result<i64, String> {
    let expected = || format!("`{text}` is not a span; expected a number with s, m, h or d, such as 24h");
    let unit = text.chars().last().ok_or_else(expected)?;
    let width = match unit {
        's' => SECOND_MS,
        'm' => MINUTE_MS,
        'h' => HOUR_MS,
        'd' => DAY_MS,
        _ => return Err(expected()),
    };
    let count: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| expected())?;
    count.checked_mul(width).filter(|ms| *ms > 0).ok_or_else(expected)
}

/// A moment: RFC 3339, a UTC day, or a span before `now`.
pub fn moment(text: &str, now: EventTime) -> Result<EventTime, String> {
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Ok(EventTime(stamp.as_millisecond()));
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>()
        && let Ok(start) = day.to_zoned(jiff::tz::TimeZone::UTC)
    {
        return Ok(EventTime(start.timestamp().as_millisecond()));
    }
    span(text).map(|ms| now.plus_ms(-ms)).map_err(|_| {
        format!("`{text}` is not a moment; expected 2026-03-01, 2026-03-01T08:00:00Z, or a span ago such as 24h")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_moments_and_spans() {
        assert_eq!(span("24h"), Ok(DAY_MS));
        assert!(span("h").is_err() && span("-1h").is_err() && span("").is_err() && span("1é").is_err());
        assert_eq!(moment("1970-01-02", EventTime(0)), Ok(EventTime(DAY_MS)));
        assert_eq!(moment("1970-01-01T00:00:01Z", EventTime(0)), Ok(EventTime(1_000)));
        assert_eq!(moment("1h", EventTime(DAY_MS)), Ok(EventTime(23 * HOUR_MS)));
    }
}
