//! Numbers and times as people read them.

use crate::domain::EventTime;
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};

/// Hours and minutes in UTC, `14:20`.
pub fn clock(at: EventTime) -> String {
    let of_day = at.0.rem_euclid(DAY_MS);
    format!("{:02}:{:02}", of_day / HOUR_MS, of_day % HOUR_MS / MINUTE_MS)
}

/// A count with its thousands apart, `12,345`.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::from(if number < 0 { "-" } else { "" });
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Parts per million as points of a rate with one decimal, `6.1`.
pub fn points(ppm: i64) -> String {
    let tenths = (ppm.unsigned_abs() + 500) / 1_000;
    let sign = if ppm < 0 && tenths > 0 { "-" } else { "" };
    format!("{sign}{}.{}", tenths / 10, tenths % 10)
}

/// Microseconds in milliseconds: `0.8 ms`, `12 ms`.
pub fn milliseconds(us: u64) -> String {
    match us {
        0..10_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        _ => format!("{} ms", us / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_can_read_them() {
        assert_eq!(clock(EventTime(1_774_828_800_000 + 14 * HOUR_MS + 20 * MINUTE_MS)), "14:20");
        assert_eq!([count(0), count(999), count(-1_000), count(1_234_567)], ["0", "999", "-1,000", "1,234,567"]);
        assert_eq!([points(60_949), points(-2_400), points(-140_000), points(-3)], ["6.1", "-0.2", "-14.0", "0.0"]);
        assert_eq!([milliseconds(840), milliseconds(12_900)], ["0.8 ms", "12 ms"]);
    }
}
