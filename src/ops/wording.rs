//! Checks as people read them.

use compact_str::format_compact;

use crate::domain::check::{Check, Relation, Unit};
use crate::domain::{EventTime, Text};

/// What was looked at, in words: `days past due now` for `dpd_now`.
pub fn subject(check: &Check) -> String {
    check.subject.replace('_', " ")
}

/// What was seen.
pub fn observed(check: &Check) -> String {
    value(check.observed, check.observed_word.as_ref(), check.unit).unwrap_or_else(|| "not known".to_owned())
}

/// What was asked, with its relation: `at most 30 days`.
pub fn required(check: &Check) -> String {
    let value = value(check.required, check.required_word.as_ref(), check.unit).unwrap_or_else(|| "nothing".to_owned());
    let relation = match check.relation {
        Relation::Is => return value,
        Relation::IsNot => "not",
        Relation::AtMost if check.unit == Unit::Moment => "by",
        Relation::AtMost => "at most",
        Relation::Below if check.unit == Unit::Moment => "before",
        Relation::Below => "below",
        Relation::AtLeast if check.unit == Unit::Moment => "from",
        Relation::AtLeast => "at least",
        Relation::Above => "above",
        Relation::OneOf => "one of",
        Relation::NoneOf => "none of",
    };
    format!("{relation} {value}")
}

fn value(number: Option<i64>, word: Option<&Text>, unit: Unit) -> Option<String> {
    let Some(number) = number else { return word.map(Text::to_string) };
    Some(match unit {
        Unit::Flag => if number == 0 { "no" } else { "yes" }.to_owned(),
        Unit::Count | Unit::Word => number.to_string(),
        Unit::MoneyMinor => format!("{number} minor units"),
        Unit::Ppm => percent(number).into(),
        Unit::Milliseconds => length(number).into(),
        Unit::Days => format!("{number} days"),
        Unit::Moment => EventTime(number).to_string(),
    })
}

/// Parts per million as a percentage: `1.5 %`.
pub fn percent(ppm: i64) -> Text {
    let (whole, parts) = (ppm.unsigned_abs() / 10_000, ppm.unsigned_abs() % 10_000);
    let sign = if ppm < 0 { "-" } else { "" };
    match format_compact!("{parts:04}").trim_end_matches('0') {
        "" => format_compact!("{sign}{whole} %"),
        digits => format_compact!("{sign}{whole}.{digits} %"),
    }
}

/// A duration in its largest whole unit: `7d`, `90s`, `250ms`.
pub fn length(ms: i64) -> Text {
    const UNITS: [(i64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    match UNITS.iter().find(|(unit_ms, _)| ms != 0 && ms % unit_ms == 0) {
        Some((unit_ms, unit)) => format_compact!("{}{unit}", ms / unit_ms),
        None => format_compact!("{ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_numbers_with_their_unit() {
        let lengths = [0, 250, 90_000, 1_800_000, 86_400_000, 90_000_000].map(length);
        assert_eq!(lengths.each_ref().map(Text::as_str), ["0ms", "250ms", "90s", "30m", "1d", "25h"]);
        let percents = [0, 15_000, -1, 1_000_000].map(percent);
        assert_eq!(percents.each_ref().map(Text::as_str), ["0 %", "1.5 %", "-0.0001 %", "100 %"]);
        let late = Check::number("EXC_SEVERE_DPD", "dpd_now", Unit::Days, 41, Relation::AtMost, 30);
        assert_eq!((subject(&late).as_str(), observed(&late).as_str()), ("dpd now", "41 days"));
        assert_eq!((required(&late).as_str(), late.passed), ("at most 30 days", false));
    }
}
