//! Exclusions: persons, risk and region. Owned by risk and compliance; nothing in marketing lifts one.

use compact_str::format_compact;

use super::findings::{Case, Findings, percent};
use crate::domain::ReasonCode::{self, *};
use crate::domain::events::Flag;
use crate::domain::time::DAY_MS;
use crate::domain::words::Word;
use crate::domain::{EventTime, Text};

/// The months of the lateness strip.
const MONTHS_MASK: u32 = (1 << 24) - 1;

/// Flags that exclude when the policy says so, in the order of `docs/semantics.md`.
pub(super) const FLAGS: [(Flag, ReasonCode); 5] = [
    (Flag::Student, ExcStudent),
    (Flag::Abuse, ExcAbuse),
    (Flag::Fraud, ExcFraud),
    (Flag::CourtFreeze, ExcCourtFreeze),
    (Flag::OwnStaff, ExcOwnStaff),
];

/// Whom the policy leaves out.
#[derive(Clone, Debug)]
pub(super) struct Exclusions {
    pub staff: Option<TokenList>,
    pub employers: Option<TokenList>,
    pub severe: Severe,
    /// Bit set of [`Flag`] ordinals.
    pub flags: u32,
    /// Bands of the own risk verdict that may be approached.
    pub risk_bands: Vec<Text>,
    pub lenders_max: Option<i64>,
    /// Monthly debt service over monthly income, parts per million.
    pub debt_burden_max_ppm: Option<i64>,
}

/// A list of persons or employers, held for a stated purpose until it expires.
#[derive(Clone, Debug)]
pub(super) struct TokenList {
    pub tokens: Vec<Text>,
    pub expires: EventTime,
}

/// From when on an overdue is severe (house definition: `docs/policy.md`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Severe {
    /// Days past due now above which it is severe.
    pub dpd_now_above: i64,
    /// Worst days past due in 24 months from which on it is severe.
    pub worst_24m_from: i64,
    pub consecutive_late_months: i64,
    pub late_months: i64,
}

pub(super) fn judge(case: &Case<'_>, found: &mut Findings) {
    persons(case, found);
    severe(case, found);
    for (flag, code) in FLAGS.iter().filter(|(flag, _)| case.policy.exclusions.flags & (1 << flag.ordinal()) != 0) {
        found.flag(case.facts.flags, *flag, *code);
    }
    region(case, found);
    verdict(case, found);
    burden(case, found);
}

fn persons(case: &Case<'_>, found: &mut Findings) {
    let (facts, exclusions) = (case.facts, &case.policy.exclusions);
    let on_list = exclusions.staff.as_ref().is_some_and(|list| list.holds(facts.customer));
    let observed = match (facts.staff, on_list) {
        (true, _) => "marked as staff by the event",
        (false, true) => "on the staff list",
        (false, false) => "neither marked nor listed",
    };
    found.judge(ExcPartnerStaff, !facts.staff && !on_list, observed, "not on the partner's staff");
    expiry(&exclusions.staff, "staff list within its dates", case, found);
    let observed = if facts.test_order { "test order" } else { "no test order" };
    found.judge(ExcTestOrder, !facts.test_order, observed, "no test order");
    if let Some(list) = &exclusions.employers {
        let hits = facts.employers.iter().filter(|employer| list.holds(employer)).count();
        let observed = format_compact!("{hits} of {} employers listed", facts.employers.len());
        found.judge(ExcEmployer, hits == 0, observed, "no employer on the list");
    }
    expiry(&exclusions.employers, "employer list within its dates", case, found);
}

/// Nobody can be cleared against a list that has run out.
fn expiry(list: &Option<TokenList>, what: &'static str, case: &Case<'_>, found: &mut Findings) {
    if list.as_ref().is_some_and(|list| list.expires <= case.facts.event_time) {
        found.missing(what);
    }
}

impl TokenList {
    fn holds(&self, token: &str) -> bool {
        self.tokens.binary_search_by(|listed| listed.as_str().cmp(token)).is_ok()
    }
}

fn severe(case: &Case<'_>, found: &mut Findings) {
    let (standing, limits) = (case.facts.standing, case.policy.exclusions.severe);
    let months = standing.late_months & MONTHS_MASK;
    let (late, in_a_row) = (i64::from(months.count_ones()), longest_run(months));
    let passed = i64::from(standing.dpd_now) <= limits.dpd_now_above
        && i64::from(standing.worst_dpd_24m) < limits.worst_24m_from
        && in_a_row < limits.consecutive_late_months
        && late < limits.late_months
        && !standing.written_off;
    let observed = format_compact!(
        "{} days past due, worst {}, late months {late}, in a row {in_a_row}{}",
        standing.dpd_now,
        standing.worst_dpd_24m,
        if standing.written_off { ", written off" } else { "" }
    );
    let required = format_compact!(
        "at most {} days, worst below {}, late months below {}, in a row below {}, not written off",
        limits.dpd_now_above,
        limits.worst_24m_from,
        limits.late_months,
        limits.consecutive_late_months
    );
    found.judge(ExcSevereDpd, passed, observed, required);
    let observed = if standing.compensated { "paid by another" } else { "nothing paid by another" };
    found.judge(ExcCompensated, !standing.compensated, observed, "no guarantor, insurer or buy-back paid");
}

/// The longest run of set bits: shifting and masking shortens each run by one.
fn longest_run(mut months: u32) -> i64 {
    let mut run = 0;
    while months != 0 {
        months &= months << 1;
        run += 1;
    }
    run
}

fn region(case: &Case<'_>, found: &mut Findings) {
    let regions = &case.contract.regions;
    if regions.is_empty() {
        return;
    }
    let inside = case.facts.region.is_some_and(|region| regions.iter().any(|allowed| allowed == region));
    let observed = case.facts.region.map_or(Text::const_new("region not known"), Text::from);
    found.judge(ExcRegion, inside, observed, format_compact!("one of {}", regions.join(", ")));
    if case.facts.region.is_none() {
        found.missing("region");
    }
}

/// The lender's own verdict; a partner's or platform's does not replace it.
fn verdict(case: &Case<'_>, found: &mut Findings) {
    let Some(verdict) = &case.facts.verdict else {
        found.judge(DataVerdictMissing, false, "no own risk verdict", "own risk verdict");
        return;
    };
    found.judge(
        DataVerdictMissing,
        true,
        format_compact!("by {} {}", verdict.model, verdict.version),
        "own risk verdict",
    );
    let until = verdict.decided_at.plus_ms(i64::from(verdict.valid_days) * DAY_MS);
    let required = format_compact!("valid at {}", case.facts.event_time);
    found.judge(DataVerdictExpired, until >= case.facts.event_time, format_compact!("valid until {until}"), required);
    let bands = &case.policy.exclusions.risk_bands;
    let among = bands.iter().any(|band| band == verdict.band);
    found.judge(
        ExcRiskBand,
        among,
        format_compact!("band {}", verdict.band),
        format_compact!("one of {}", bands.join(", ")),
    );
}

fn burden(case: &Case<'_>, found: &mut Findings) {
    let (facts, exclusions) = (case.facts, &case.policy.exclusions);
    if let Some(max) = exclusions.lenders_max {
        match facts.lenders {
            Some(lenders) => found.judge(
                ExcMultiLender,
                i64::from(lenders) <= max,
                format_compact!("{lenders} lenders"),
                format_compact!("at most {max} lenders"),
            ),
            None => found.missing("number of lenders"),
        }
    }
    if let Some(max) = exclusions.debt_burden_max_ppm {
        match facts.debt_burden_ppm {
            Some(ppm) => {
                found.judge(ExcDebtBurden, ppm <= max, percent(ppm), format_compact!("at most {}", percent(max)));
            }
            None => found.missing("debt burden"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::longest_run;

    #[test]
    fn counts_the_longest_run_of_late_months() {
        assert_eq!([0, 1, 0b101, 0b1110110, 0xFF_FFFF].map(longest_run), [0, 1, 1, 3, 24]);
    }
}
