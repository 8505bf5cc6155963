//! What judging a trigger collects: one check per rule, and the codes of those that failed.

use compact_str::format_compact;

use super::{Contract, Facts, Policy};
use crate::domain::decision::Check;
use crate::domain::events::Flag;
use crate::domain::words::Word;
use crate::domain::{ReasonCode, Text};

/// One trigger before one policy and the contract of its partner.
pub(super) struct Case<'a> {
    pub policy: &'a Policy,
    pub contract: &'a Contract,
    pub facts: &'a Facts<'a>,
}

/// Checks and failing codes, both in the order of judging.
#[derive(Default)]
pub(super) struct Findings {
    pub reasons: Vec<ReasonCode>,
    pub checks: Vec<Check>,
}

impl Findings {
    /// One rule: what was seen, what was asked. The check carries the code as its name.
    pub fn judge(&mut self, code: ReasonCode, passed: bool, observed: impl Into<Text>, required: impl Into<Text>) {
        let name = Text::const_new(code.name());
        self.checks.push(Check { name, passed, observed: observed.into(), required: required.into() });
        if !passed && !self.reasons.contains(&code) {
            self.reasons.push(code);
        }
    }

    /// Something a rule needs is not known: fails closed.
    pub fn missing(&mut self, what: &'static str) {
        self.judge(
            ReasonCode::DataMissing,
            false,
            format_compact!("{what}: not known"),
            format_compact!("{what}: known"),
        );
    }

    /// A flag of the customer that must not be set.
    pub fn flag(&mut self, flags: u32, flag: Flag, code: ReasonCode) {
        let set = flags & (1 << flag.ordinal()) != 0;
        let state = if set { "set" } else { "not set" };
        self.judge(code, !set, format_compact!("{flag} {state}"), format_compact!("{flag} not set"));
    }
}

/// Parts per million as a percentage for people: `1.5 %`.
pub(super) fn percent(ppm: i64) -> Text {
    let (whole, parts) = (ppm.unsigned_abs() / 10_000, ppm.unsigned_abs() % 10_000);
    let sign = if ppm < 0 { "-" } else { "" };
    match format_compact!("{parts:04}").trim_end_matches('0') {
        "" => format_compact!("{sign}{whole} %"),
        digits => format_compact!("{sign}{whole}.{digits} %"),
    }
}

/// A duration for people, in its largest whole unit: `7d`, `90s`, `250ms`.
pub(super) fn length(ms: i64) -> Text {
    const UNITS: [(i64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    match UNITS.iter().find(|(unit_ms, _)| ms != 0 && ms % unit_ms == 0) {
        Some((unit_ms, unit)) => format_compact!("{}{unit}", ms / unit_ms),
        None => format_compact!("{ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::read::quantity::percentage;
    use proptest::prelude::*;

    #[test]
    fn prints_lengths_in_the_largest_whole_unit() {
        let lengths = [0, 250, 90_000, 1_800_000, 86_400_000, 90_000_000].map(length);
        assert_eq!(lengths.each_ref().map(Text::as_str), ["0ms", "250ms", "90s", "30m", "1d", "25h"]);
    }

    proptest! {
        #[test]
        fn printed_percentages_read_back(ppm in -2_000_000_i64..2_000_000) {
            prop_assert_eq!(percentage(&percent(ppm)), Ok(ppm));
        }
    }
}
