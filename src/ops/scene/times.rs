//! How a scenario writes time: `+3s` and `-30d` from where the step stands, `day 2 09:00`, or a moment in full.

use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::domain::time::DAY_MS;
use crate::domain::{CalendarDay, EventTime};
use crate::policy::read::fields::Wrong;
use crate::policy::read::quantity::{day, duration, moment};

/// Highest number of a day in `day 2 09:00`.
const DAY_NUMBER_MAX: i64 = 3_660;

/// What a written time is measured from.
#[derive(Clone, Debug)]
pub struct Calendar {
    pub zone: TimeZone,
    /// The moment at which the scenario begins; its day is day 1.
    pub start: EventTime,
}

impl Calendar {
    /// A moment, where `from` is the moment that `+3s` is after.
    pub fn moment(&self, text: &str, from: EventTime) -> Result<EventTime, Wrong> {
        if let Some(length) = text.strip_prefix('+') {
            return duration(length).map(|ms| from.plus_ms(ms));
        }
        if let Some(length) = text.strip_prefix('-') {
            return duration(length).map(|ms| from.plus_ms(-ms));
        }
        if let Some(rest) = text.strip_prefix("day ") {
            return self.on_day(rest);
        }
        let wrong = || {
            let expected = "a time such as `+3s`, `-30d`, `day 2 09:00` or `2024-06-03T09:00:00+08:00`";
            Wrong::new(expected, "write it in one of these forms")
        };
        if text == "now" { Ok(from) } else { moment(text).map_err(|_| wrong()) }
    }

    /// A calendar day: a date, or so many days from the day of `from`.
    pub fn day(&self, text: &str, from: EventTime) -> Result<CalendarDay, Wrong> {
        if let Ok(date) = day(text) {
            let days = date.to_zoned(TimeZone::UTC).map(|start| start.timestamp().as_millisecond().div_euclid(DAY_MS));
            return days.map(|days| CalendarDay(days as i32)).map_err(|_| Wrong::new("a day", "correct it"));
        }
        let wrong = || Wrong::new("a day such as `2024-06-03`, `-45d` or `+10d`", "write it in one of these forms");
        let (sign, length) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(length), _) => (1, length),
            (_, Some(length)) => (-1, length),
            _ => return Err(wrong()),
        };
        let ms = duration(length).ok().filter(|ms| ms % DAY_MS == 0).ok_or_else(wrong)?;
        Ok(CalendarDay(self.day_of(from).0.saturating_add((sign * ms / DAY_MS) as i32)))
    }

    /// The calendar day of a moment in the scenario's zone.
    pub fn day_of(&self, at: EventTime) -> CalendarDay {
        let offset = jiff::Timestamp::from_millisecond(at.0).map_or(0, |at| self.zone.to_offset(at).seconds());
        at.plus_ms(i64::from(offset) * 1_000).utc_day()
    }

    /// `2 09:00`: that time of the second day.
    fn on_day(&self, text: &str) -> Result<EventTime, Wrong> {
        let wrong = || Wrong::new("a day and a time such as `day 2 09:00`", "write the number of the day and the time");
        let (number, time) = text.split_once(' ').ok_or_else(wrong)?;
        let number = number.parse().ok().filter(|number| (1..=DAY_NUMBER_MAX).contains(number)).ok_or_else(wrong)?;
        let time: Time = time.trim().parse().map_err(|_| wrong())?;
        let first = jiff::Timestamp::from_millisecond(self.start.0).map_err(|_| wrong())?;
        let first = first.to_zoned(self.zone.clone()).date();
        let date = first.checked_add(jiff::Span::new().days(number - 1)).map_err(|_| wrong())?;
        let at =
            date.at(time.hour(), time.minute(), time.second(), 0).to_zoned(self.zone.clone()).map_err(|_| wrong())?;
        Ok(EventTime(at.timestamp().as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::read::quantity::zone;

    #[test]
    fn reads_every_form() {
        let start = moment("2024-06-03T09:00:00+08:00").unwrap();
        let calendar = Calendar { zone: zone("Asia/Shanghai").unwrap(), start };
        let at = |text: &str| calendar.moment(text, start.plus_ms(1_000)).map(|at| at.to_string());
        assert_eq!(at("+3s").unwrap(), "2024-06-03T01:00:04Z");
        assert_eq!(at("-30d").unwrap(), "2024-05-04T01:00:01Z");
        assert_eq!(at("now").unwrap(), "2024-06-03T01:00:01Z");
        assert_eq!(at("day 2 00:30").unwrap(), "2024-06-03T16:30:00Z");
        assert_eq!(at("2024-06-03T00:00:00Z").unwrap(), "2024-06-03T00:00:00Z");
        assert_eq!(calendar.day("-45d", start).unwrap().to_string(), "2024-04-19");
        assert_eq!(calendar.day("2024-02-29", start).unwrap().to_string(), "2024-02-29");
        for text in ["", "3s", "+3", "day 0 09:00", "day 2", "day 2 25:00", "tomorrow"] {
            assert!(at(text).is_err(), "{text}");
        }
        assert!(calendar.day("-3h", start).is_err());
    }
}
