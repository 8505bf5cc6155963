//! Time text to event time and calendar day: patterns, ISO 8601, epochs, days from a base date.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::decimal::{Decimal, Rounding};
use super::money::texts;
use super::problem::{At, Checker};
use super::tree::{Node, Section, Value};
use crate::domain::{CalendarDay, EventTime};

/// How a time is written.
#[derive(Clone, Debug)]
enum Form {
    /// ISO 8601 or RFC 3339; without an offset the time is of the zone.
    Iso,
    /// `strptime` patterns, tried in their order.
    Patterns(Vec<String>),
    /// A count since 1970-01-01T00:00:00Z, in units of so many milliseconds; a thousandth for microseconds.
    Epoch { per_ms: i64, ms: i64 },
    /// A count of days from a base date.
    DaysFrom(Date),
}

/// A named time format with the zone of times that state no offset.
#[derive(Clone, Debug)]
pub(super) struct TimeFormat {
    form: Form,
    zone: TimeZone,
}

/// Calendar units added to what was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shift {
    pub days: i64,
    pub months: i64,
}

/// A time as read: what the clock on the wall said, and the moment where the text states one by itself.
struct Reading {
    civil: DateTime,
    moment: Option<Timestamp>,
}

const EPOCHS: [(&str, Form); 4] = [
    ("epoch_seconds", Form::Epoch { per_ms: 1, ms: 1_000 }),
    ("epoch_ms", Form::Epoch { per_ms: 1, ms: 1 }),
    ("epoch_us", Form::Epoch { per_ms: 1_000, ms: 1 }),
    ("epoch_days", Form::Epoch { per_ms: 1, ms: 86_400_000 }),
];

impl TimeFormat {
    /// ISO 8601 in that zone.
    pub fn iso(zone: TimeZone) -> Self {
        Self { form: Form::Iso, zone }
    }

    /// Reads one entry of `times`: a word, a pattern, a list of patterns, or a section.
    pub fn read(node: &Node, zone: &TimeZone, checker: &mut Checker<'_>) -> Option<Self> {
        let form = match &node.value {
            Value::Map(_) => return Self::read_section(node, zone, checker),
            Value::List(_) => patterns(texts(node, checker), node.at, checker)?,
            _ => form(node, checker)?,
        };
        Some(Self { form, zone: zone.clone() })
    }

    fn read_section(node: &Node, zone: &TimeZone, checker: &mut Checker<'_>) -> Option<Self> {
        let mut section = Section::open(node, "a time format", checker)?;
        let own_zone = section.take("zone").map(|node| read_zone(node, checker));
        let (pattern, days, form_node) = (section.take("pattern"), section.take("days_from"), section.take("form"));
        let form = match (pattern, days, form_node) {
            (Some(node), None, None) => patterns(texts(node, checker), node.at, checker),
            (None, Some(node), None) => base_date(node, checker).map(Form::DaysFrom),
            (None, None, Some(node)) => form(node, checker),
            _ => {
                checker.wrong(
                    node.at,
                    "found a time format that has not exactly one of `pattern`, `days_from`, `form`, expected one; keep the one that fits",
                );
                None
            }
        };
        section.close(checker);
        let zone = match own_zone {
            Some(own) => own?,
            None => zone.clone(),
        };
        Some(Self { form: form?, zone })
    }

    /// The moment the text means.
    pub fn moment(&self, text: &str, shift: Shift) -> Result<EventTime, String> {
        let reading = self.reading(text)?;
        let moment = match reading.moment {
            Some(moment) if shift == Shift::default() => moment,
            Some(moment) => {
                let zoned = moment.to_zoned(self.zone.clone());
                zoned.checked_add(shift.span()).map_err(|_| out_of_range(text))?.timestamp()
            }
            None => {
                let civil = reading.civil.checked_add(shift.span()).map_err(|_| out_of_range(text))?;
                self.zone.to_timestamp(civil).map_err(|_| out_of_range(text))?
            }
        };
        Ok(EventTime(moment.as_nanosecond().div_euclid(1_000_000) as i64))
    }

    /// The calendar day the text means: as written where it is written as a date, else the day in the zone.
    pub fn day(&self, text: &str, shift: Shift) -> Result<CalendarDay, String> {
        let date = self.reading(text)?.civil.date().checked_add(shift.span()).map_err(|_| out_of_range(text))?;
        let midnight = TimeZone::UTC
            .to_timestamp(date.to_datetime(jiff::civil::Time::midnight()))
            .map_err(|_| out_of_range(text))?;
        Ok(EventTime(midnight.as_millisecond()).utc_day())
    }

    fn reading(&self, text: &str) -> Result<Reading, String> {
        match &self.form {
            Form::Iso => iso(text).ok_or_else(|| format!("`{text}` is not an ISO 8601 time")),
            Form::Patterns(patterns) => patterns
                .iter()
                .find_map(|pattern| by_pattern(pattern, text))
                .ok_or_else(|| format!("`{text}` is not a time written as `{}`", patterns.join("` or `"))),
            Form::Epoch { per_ms, ms } => {
                let count = Decimal::parse(text).map_err(|_| format!("`{text}` is not a count of epoch units"))?;
                let ms = count.times(*ms, Rounding::Down).map_err(|_| out_of_range(text))?.div_euclid(*per_ms);
                let moment = Timestamp::from_millisecond(ms).map_err(|_| out_of_range(text))?;
                Ok(Reading { civil: self.zone.to_datetime(moment), moment: Some(moment) })
            }
            Form::DaysFrom(base) => {
                let days = Decimal::parse(text).map_err(|_| format!("`{text}` is not a count of days"))?;
                let ms = days.times(86_400_000, Rounding::HalfEven).map_err(|_| out_of_range(text))?;
                let civil = Span::new()
                    .try_milliseconds(ms)
                    .and_then(|span| base.to_datetime(jiff::civil::Time::midnight()).checked_add(span))
                    .map_err(|_| out_of_range(text))?;
                Ok(Reading { civil, moment: None })
            }
        }
    }
}

impl Shift {
    fn span(self) -> Span {
        Span::new().days(self.days).months(self.months)
    }
}

/// Most days or months a shift may move a time.
pub(super) const SHIFT_MAX: i64 = 36_525;

fn out_of_range(text: &str) -> String {
    format!("`{text}` is outside the years that can be told")
}

fn iso(text: &str) -> Option<Reading> {
    let pieces = Pieces::parse(text).ok()?;
    let civil = pieces.date().to_datetime(pieces.time().unwrap_or(jiff::civil::Time::midnight()));
    let moment = match pieces.to_numeric_offset() {
        Some(offset) => Some(offset.to_timestamp(civil).ok()?),
        None if pieces.offset().is_some() => Some(TimeZone::UTC.to_timestamp(civil).ok()?),
        None => None,
    };
    Some(Reading { civil, moment })
}

fn by_pattern(pattern: &str, text: &str) -> Option<Reading> {
    let mut parts = BrokenDownTime::parse(pattern, text).ok()?;
    if let Some(moment) = parts.timestamp() {
        return Some(Reading { civil: TimeZone::UTC.to_datetime(moment), moment: Some(moment) });
    }
    // A month without a day (`%b-%Y`) means its first day.
    if parts.day().is_none() && parts.month().is_some() && parts.year().is_some() {
        parts.set_day(Some(1)).ok()?;
    }
    let civil = parts.to_datetime().ok()?;
    let moment = match parts.offset() {
        Some(offset) => Some(offset.to_timestamp(civil).ok()?),
        None => None,
    };
    Some(Reading { civil, moment })
}

fn form(node: &Node, checker: &mut Checker<'_>) -> Option<Form> {
    let text = node.scalar().unwrap_or_default();
    if text == "iso8601" || text == "rfc3339" {
        return Some(Form::Iso);
    }
    if let Some((_, epoch)) = EPOCHS.iter().find(|(name, _)| *name == text) {
        return Some(epoch.clone());
    }
    if text.contains('%') {
        return patterns(vec![text.to_owned()], node.at, checker);
    }
    let words: Vec<&str> = EPOCHS.iter().map(|(name, _)| *name).collect();
    checker.wrong(
        node.at,
        format!(
            "found {}, expected a pattern with `%`, or one of: iso8601, {}; see the list of time formats",
            node.found(),
            words.join(", ")
        ),
    );
    None
}

/// Checks each pattern by printing and reading back a time with it.
fn patterns(patterns: Vec<String>, at: At, checker: &mut Checker<'_>) -> Option<Form> {
    let sample = jiff::civil::date(2024, 2, 27).at(13, 5, 9, 0).to_zoned(TimeZone::UTC).ok()?;
    for pattern in &patterns {
        let printed = jiff::fmt::strtime::format(pattern, &sample);
        let readable = printed.as_ref().is_ok_and(|text| by_pattern(pattern, text).is_some());
        if !readable {
            let why = printed.err().map(|error| format!(" ({error})")).unwrap_or_default();
            checker.wrong(at, format!("found the time pattern \"{pattern}\"{why}, expected one with at least year and month; see the list of `%` letters"));
            return None;
        }
    }
    (!patterns.is_empty()).then_some(Form::Patterns(patterns))
}

fn base_date(node: &Node, checker: &mut Checker<'_>) -> Option<Date> {
    let date = node.scalar().and_then(|text| text.parse().ok());
    if date.is_none() {
        checker
            .wrong(node.at, format!("found {}, expected the base date of day 0; write it as 2018-01-01", node.found()));
    }
    date
}

/// `UTC`, a name like `Africa/Lagos`, or a fixed offset like `+01:00`.
pub(super) fn read_zone(node: &Node, checker: &mut Checker<'_>) -> Option<TimeZone> {
    let text = node.scalar().unwrap_or_default();
    let offset = BrokenDownTime::parse("%:z", text).ok().and_then(|parts| parts.offset()).map(TimeZone::fixed);
    let zone = offset.or_else(|| TimeZone::get(text).ok());
    if zone.is_none() {
        checker.wrong(
            node.at,
            format!("found {}, expected a time zone; write UTC, Africa/Lagos or \"+01:00\"", node.found()),
        );
    }
    zone
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    fn read(yaml: &str) -> Result<TimeFormat, String> {
        let mut checker = Checker::new("m.yaml");
        let node = tree::read(yaml, &mut checker).unwrap();
        let format = TimeFormat::read(&node, &TimeZone::UTC, &mut checker);
        checker.finish(format).map_err(|problems| problems.to_string())
    }

    fn moment(yaml: &str, text: &str) -> Result<String, String> {
        read(yaml).unwrap().moment(text, Shift::default()).map(|t| t.to_string())
    }

    fn day(yaml: &str, text: &str) -> Result<String, String> {
        read(yaml).unwrap().day(text, Shift::default()).map(|t| t.to_string())
    }

    #[test]
    fn iso_with_and_without_offset() {
        assert_eq!(moment("iso8601", "2011-10-01T00:38:44.546+02:00").unwrap(), "2011-09-30T22:38:44.546Z");
        assert_eq!(moment("iso8601", "2011-10-01 00:38").unwrap(), "2011-10-01T00:38:00Z");
        assert_eq!(moment("{form: iso8601, zone: Africa/Lagos}", "2011-10-01").unwrap(), "2011-09-30T23:00:00Z");
        assert_eq!(moment("rfc3339", "2011-10-01T00:38:44Z").unwrap(), "2011-10-01T00:38:44Z");
        assert_eq!(day("iso8601", "2011-10-01T00:38:44+02:00").unwrap(), "2011-10-01");
        assert!(moment("iso8601", "01.10.2011").is_err());
    }

    #[test]
    fn patterns_in_their_order_and_zone() {
        assert_eq!(moment("\"%Y-%m-%d %H:%M:%S%.f\"", "2016-08-15 18:22:40.000000").unwrap(), "2016-08-15T18:22:40Z");
        assert_eq!(moment("['%d/%m/%Y %I:%M %p', '%d.%m.%y']", "31/12/2020 11:59 PM").unwrap(), "2020-12-31T23:59:00Z");
        assert_eq!(moment("['%d/%m/%Y %I:%M %p', '%d.%m.%y']", "31.12.20").unwrap(), "2020-12-31T00:00:00Z");
        assert_eq!(
            moment("{pattern: '%Y-%m-%d %H:%M', zone: \"-01:00\"}", "2017-07-25 07:22").unwrap(),
            "2017-07-25T08:22:00Z"
        );
        assert_eq!(moment("'%Y-%m-%dT%H:%M:%S%z'", "2017-07-25T07:22:00+0300").unwrap(), "2017-07-25T04:22:00Z");
        assert_eq!(day("'%b-%Y'", "Dec-2015").unwrap(), "2015-12-01");
        assert_eq!(day("'%Y%m%d'", "20240229").unwrap(), "2024-02-29");
        assert!(day("'%Y%m%d'", "20230229").is_err());
        assert_eq!(moment("'%m/%d/%Y %I:%M:%S %p'", "2/9/2024 1:05:09 PM").unwrap(), "2024-02-09T13:05:09Z");
        assert_eq!(moment("'%A, %d %B %Y'", "Thursday, 29 February 2024").unwrap(), "2024-02-29T00:00:00Z");
        assert_eq!(moment("'%Y/%j %T'", "2024/060 01:02:03").unwrap(), "2024-02-29T01:02:03Z");
        assert_eq!(moment("'%F %H%%'", "2024-02-29 07%").unwrap(), "2024-02-29T07:00:00Z");
        assert_eq!(moment("'%s'", "1330473600").unwrap(), "2012-02-29T00:00:00Z");
        assert_eq!(
            (day("'%d.%m.%y'", "1.2.69").unwrap(), day("'%d.%m.%y'", "1.2.68").unwrap()),
            ("1969-02-01".into(), "2068-02-01".into())
        );
        assert!(day("'%Y-%m-%d'", "2024-02-29 01:00").is_err(), "the whole text has to fit");
        // The hour that exists twice reads as its first, the one that does not exist as the later side of the gap.
        let berlin = "{pattern: '%Y-%m-%d %H:%M', zone: Europe/Berlin}";
        assert_eq!(moment(berlin, "2011-10-30 02:30").unwrap(), "2011-10-30T00:30:00Z");
        assert_eq!(moment(berlin, "2011-03-27 02:30").unwrap(), "2011-03-27T01:30:00Z");
    }

    #[test]
    fn epochs_and_relative_days() {
        assert_eq!(moment("epoch_seconds", "1330473600.123").unwrap(), "2012-02-29T00:00:00.123Z");
        assert_eq!(moment("epoch_ms", "-1").unwrap(), "1969-12-31T23:59:59.999Z");
        assert_eq!(moment("epoch_us", "1330473600123999").unwrap(), "2012-02-29T00:00:00.123Z");
        assert_eq!(day("{form: epoch_seconds, zone: Asia/Shanghai}", "1330459200").unwrap(), "2012-02-29");
        assert_eq!(day("{days_from: 2018-01-01}", "-606").unwrap(), "2016-05-05");
        assert_eq!(moment("{days_from: 2018-01-01, zone: \"+02:00\"}", "1.5").unwrap(), "2018-01-02T10:00:00Z");
        assert!(moment("{days_from: 2018-01-01}", "99999999999").is_err());
        assert!(moment("epoch_ms", "soon").is_err());
    }

    #[test]
    fn shifts_by_the_calendar() {
        let format = read("iso8601").unwrap();
        let shifted = |months, days| format.day("2024-01-31", Shift { months, days }).unwrap().to_string();
        assert_eq!(
            (shifted(1, 0), shifted(0, 30), shifted(-1, -1)),
            ("2024-02-29".into(), "2024-03-01".into(), "2023-12-30".into())
        );
    }

    #[test]
    fn wrong_formats_are_named() {
        for wrong in [
            "epoch",
            "'%H:%M'",
            "'%Q%Y'",
            "{pattern: '%Y-%m-%d', days_from: 2018-01-01}",
            "{days_from: yesterday}",
            "{form: iso8601, zone: Mars/Base}",
        ] {
            let problem = read(wrong).unwrap_err();
            assert!(problem.starts_with("m.yaml:1:") && problem.contains("expected"), "{wrong}: {problem}");
        }
    }
}
