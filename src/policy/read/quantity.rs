//! Exact scalars: shares and points as parts per million, durations, moments, tokens. Nothing here ever touches a float.

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::fields::Wrong;
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::domain::{EventTime, Text};

/// One percent, or one point, in parts per million.
const PERCENT_PPM: i64 = 10_000;
/// Longest token, bytes (as for tokens of events).
const TOKEN_BYTES_MAX: usize = 128;
/// Longest duration, days.
const DURATION_DAYS_MAX: i64 = 3_660;

/// `12.5 %` or `1.5 points` in parts per million, exactly; a fifth decimal that is not zero cannot be kept and is refused.
pub fn percentage(text: &str) -> Result<i64, Wrong> {
    let wrong = || Wrong::new("a percentage such as `1.5 %` or `1.5 points`", "write the number with its unit");
    let number = ["%", "points", "point"].iter().find_map(|unit| text.strip_suffix(unit)).ok_or_else(wrong)?.trim_end();
    let (negative, digits) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    if ![whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(wrong());
    }
    let kept = fraction.trim_end_matches('0');
    if kept.len() > 4 {
        return Err(Wrong::new("at most four decimals (a part per million is 0.0001 %)", "round the number"));
    }
    let ppm = format!("{kept:0<4}").parse::<i64>().ok().and_then(|parts| {
        let whole = whole.parse::<i64>().ok()?.checked_mul(PERCENT_PPM)?;
        whole.checked_add(parts)
    });
    let ppm = ppm.ok_or_else(wrong)?;
    Ok(if negative { -ppm } else { ppm })
}

/// A percentage from 0 to 100 %.
pub fn share(text: &str) -> Result<i64, Wrong> {
    percentage_up_to(text, 100)
}

/// A percentage from 0 to `max` %.
pub fn percentage_up_to(text: &str, max: i64) -> Result<i64, Wrong> {
    let within = |ppm: &i64| (0..=max * PERCENT_PPM).contains(ppm);
    let wrong = || Wrong::new(format!("a share from 0 % to {max} %"), "correct the number");
    percentage(text).and_then(|ppm| Some(ppm).filter(within).ok_or_else(wrong))
}

/// A whole number within bounds.
pub fn whole(min: i64, max: i64) -> impl Fn(&str) -> Result<i64, Wrong> {
    move |text| {
        let number = Some(text).filter(|text| !text.starts_with('+')).and_then(|text| text.parse::<i64>().ok());
        let within = number.filter(|number| (min..=max).contains(number));
        within.ok_or_else(|| Wrong::new(format!("a whole number from {min} to {max}"), "correct the number"))
    }
}

/// A positive duration such as `90s`, `30m`, `24h` or `7d`, in milliseconds.
pub fn duration(text: &str) -> Result<i64, Wrong> {
    let wrong = || Wrong::new("a duration such as `90s`, `30m`, `24h` or `7d`", "write a number from 1 with its unit");
    let split = text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at_checked(split).ok_or_else(wrong)?;
    let unit_ms = match unit {
        "s" => SECOND_MS,
        "m" => MINUTE_MS,
        "h" => HOUR_MS,
        "d" => DAY_MS,
        _ => return Err(wrong()),
    };
    let length_ms = number.parse::<i64>().ok().and_then(|number| number.checked_mul(unit_ms));
    length_ms.filter(|ms| (1..=DURATION_DAYS_MAX * DAY_MS).contains(ms)).ok_or_else(wrong)
}

/// A time of day such as `06:30`, as milliseconds after midnight.
pub fn clock(text: &str) -> Result<i64, Wrong> {
    let wrong =
        || Wrong::new("a time of day such as `06:30`", "write it in quotes with hours and minutes: `\"06:30\"`");
    let (hours, minutes) = text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2).ok_or_else(wrong)?;
    let part = |text: &str, below: i64| whole(0, below - 1)(text).map_err(|_| wrong());
    Ok(part(hours, 24)? * HOUR_MS + part(minutes, 60)? * MINUTE_MS)
}

/// A moment with its offset, RFC 3339.
pub fn moment(text: &str) -> Result<EventTime, Wrong> {
    let moment = text.parse::<jiff::Timestamp>().ok().map(|moment| EventTime(moment.as_millisecond()));
    moment.filter(|moment| moment.plausible()).ok_or_else(|| {
        Wrong::new("a moment such as `2024-03-01T00:00:00+08:00`", "write date, time and offset (RFC 3339)")
    })
}

/// A calendar day.
pub fn day(text: &str) -> Result<Date, Wrong> {
    let shaped = Some(text).filter(|text| text.len() == 10);
    let date = shaped.and_then(|text| text.parse::<Date>().ok()).filter(|date| (1990..2100).contains(&date.year()));
    date.ok_or_else(|| Wrong::new("a day such as `2024-03-01`", "write year, month and day"))
}

/// Where something begins: a moment, or the first moment of a day in the zone.
pub fn beginning(text: &str, zone: &TimeZone) -> Result<EventTime, Wrong> {
    boundary(text, zone, false)
}

/// Where something has ended: a moment, or the moment after the last of a day in the zone (the day itself still counts).
pub fn end(text: &str, zone: &TimeZone) -> Result<EventTime, Wrong> {
    boundary(text, zone, true)
}

fn boundary(text: &str, zone: &TimeZone, after: bool) -> Result<EventTime, Wrong> {
    let wrong = || Wrong::new("a day such as `2024-03-01` or a moment (RFC 3339)", "write the date in full");
    let Ok(date) = day(text) else { return moment(text).map_err(|_| wrong()) };
    let date = if after { date.tomorrow().map_err(|_| wrong())? } else { date };
    let start = date.to_zoned(zone.clone()).map_err(|_| wrong())?;
    Ok(EventTime(start.timestamp().as_millisecond()))
}

/// An IANA time zone. The database is the one compiled in, so that every worker reads the same rules.
pub fn zone(text: &str) -> Result<TimeZone, Wrong> {
    let found = TimeZoneDatabase::bundled().get(text);
    found.map_err(|_| Wrong::new("an IANA time zone such as `Asia/Shanghai`", "look its name up in the IANA database"))
}

/// The shape of an ISO 4217 code.
pub fn currency(text: &str) -> Result<Text, Wrong> {
    let shaped = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    shaped.then(|| Text::from(text)).ok_or_else(|| Wrong::new("three upper-case letters such as `CNY`", "use ISO 4217"))
}

/// A token: no spaces, no control characters, at most 128 bytes.
pub fn token(text: &str) -> Result<Text, Wrong> {
    let shaped = !text.is_empty() && !text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    let fits = shaped && text.len() <= TOKEN_BYTES_MAX;
    fits.then(|| Text::from(text)).ok_or_else(|| Wrong::new("a token without spaces, at most 128 bytes", "shorten it"))
}

/// A sentence or a name: anything but nothing.
pub fn sentence(text: &str) -> Result<Text, Wrong> {
    let said = text.trim();
    (!said.is_empty()).then(|| Text::from(said)).ok_or_else(|| Wrong::new("some words", "say it in words"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_percentages_exactly() {
        let cases = [("0 %", 0), ("0.0001 %", 1), ("1.5 %", 15_000), ("1.50000 points", 15_000), ("100%", 1_000_000)];
        for (text, ppm) in cases {
            assert_eq!(percentage(text), Ok(ppm), "{text}");
        }
        // Each of these is off by one part per million when it goes through a binary float and truncation.
        assert_eq!(percentage("0.0029 %"), Ok(29));
        assert_eq!(percentage("1.1569 %"), Ok(11_569));
        assert_eq!(percentage("-2 %"), Ok(-20_000));
    }

    #[test]
    fn refuses_what_is_no_percentage() {
        for text in [
            "1.5",
            "0.05",
            "%",
            " %",
            "1,5 %",
            "1. %",
            ".5 %",
            "1e2 %",
            "0.00001 %",
            "1.23456 %",
            "99999999999999999999 %",
        ] {
            assert!(percentage(text).is_err(), "{text}");
        }
        assert!(share("100.0001 %").is_err());
        assert!(share("-0.0001 %").is_err());
        assert_eq!(share("100 %"), Ok(1_000_000));
    }

    #[test]
    fn a_day_as_an_end_still_counts_in_its_zone() {
        let shanghai = zone("Asia/Shanghai").unwrap();
        assert_eq!(beginning("2024-03-01", &shanghai).unwrap().to_string(), "2024-02-29T16:00:00Z");
        assert_eq!(end("2024-03-01", &shanghai).unwrap().to_string(), "2024-03-01T16:00:00Z");
        assert_eq!(end("2024-03-01T12:00:00+08:00", &shanghai).unwrap().to_string(), "2024-03-01T04:00:00Z");
        assert!(end("2024-02-30", &shanghai).is_err());
        assert!(end("2024-03-01T12:00:00", &shanghai).is_err());
    }

    #[test]
    fn reads_durations() {
        assert_eq!(duration("30m"), Ok(1_800_000));
        assert_eq!(duration("7d"), Ok(604_800_000));
        for text in ["", "30", "m", "0m", "-1h", "1.5h", "3 h", "9999999999999999d", "4000d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
