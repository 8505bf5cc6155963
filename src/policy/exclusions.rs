//! Exclusions: persons, risk and region. Owned by risk and compliance; nothing in marketing lifts one.

use super::facts::Standing;
use super::findings::{Case, Findings, Words};
use super::gates::Forbidden;
use super::models;
use super::persons::{self, Persons};
use crate::domain::ReasonCode::{self, *};
use crate::domain::check::{Relation, Unit};
use crate::domain::events::Flag;
use crate::domain::time::DAY_MS;
use crate::domain::{EventTime, Subject, Text};

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
    pub severe: SevereRule,
    pub flags: Forbidden,
    /// Bands of the own risk verdict that may be approached.
    pub risk_bands: Words,
    pub lenders_max: Option<i64>,
    /// Monthly debt service over monthly income, parts per million.
    pub debt_burden_max_ppm: Option<i64>,
    pub persons: Persons,
}

/// A list of persons or employers, held for a stated purpose until it expires.
#[derive(Clone, Debug)]
pub(super) struct TokenList {
    pub tokens: Vec<Text>,
    pub expires: EventTime,
}

/// From when on an overdue is severe (house definition: `docs/policy.md`).
#[derive(Clone, Debug)]
pub(super) struct Severe {
    /// Days past due now above which it is severe.
    pub dpd_now_above: i64,
    /// Worst days past due in 24 months from which on it is severe.
    pub worst_24m_from: i64,
    pub consecutive_late_months: i64,
    pub late_months: i64,
}

/// The rule about severe overdue.
#[derive(Clone, Debug)]
pub(super) struct SevereRule {
    limits: Severe,
    /// What is found of nearly everybody: never a day late.
    never_late: Findings,
}

pub(super) fn judge(case: &Case<'_>, found: &mut Findings) {
    listed(case, found);
    persons::judge_lists(case, found);
    case.policy.exclusions.severe.judge(&case.facts.standing, found);
    case.policy.exclusions.flags.judge(case.facts.flags, found);
    region(case, found);
    verdict(case, found);
    models::judge(case, found);
    burden(case, found);
    persons::judge(case, found);
}

fn listed(case: &Case<'_>, found: &mut Findings) {
    let (facts, exclusions) = (case.facts, &case.policy.exclusions);
    found.flag(ExcPartnerStaff, Subject::Staff, facts.staff, false);
    if let Some(list) = &exclusions.staff {
        found.flag(ExcPartnerStaff, Subject::OnStaffList, list.holds(facts.customer), false);
    }
    expiry(&exclusions.staff, Subject::StaffListCurrent, case, found);
    found.flag(ExcTestOrder, Subject::TestOrder, facts.test_order, false);
    if let Some(list) = &exclusions.employers {
        let hits = facts.employers.iter().filter(|employer| list.holds(employer)).count() as i64;
        found.number(ExcEmployer, Subject::EmployersListed, Unit::Count, hits, Relation::AtMost, 0);
    }
    expiry(&exclusions.employers, Subject::EmployerListCurrent, case, found);
}

/// Nobody can be cleared against a list that has run out.
pub(super) fn expiry(list: &Option<TokenList>, what: Subject, case: &Case<'_>, found: &mut Findings) {
    if list.as_ref().is_some_and(|list| list.expires <= case.facts.event_time) {
        found.missing(what);
    }
}

impl TokenList {
    pub fn holds(&self, token: &str) -> bool {
        self.tokens.binary_search_by(|listed| listed.as_str().cmp(token)).is_ok()
    }
}

impl SevereRule {
    pub fn new(limits: Severe) -> Self {
        let mut never_late = Findings::default();
        limits.judge(&Standing::default(), &mut never_late);
        Self { limits, never_late }
    }

    fn judge(&self, standing: &Standing, found: &mut Findings) {
        if *standing == Standing::default() {
            found.take(&self.never_late);
        } else {
            self.limits.judge(standing, found);
        }
    }
}

impl Severe {
    #[cold]
    #[inline(never)]
    fn judge(&self, standing: &Standing, found: &mut Findings) {
        let months = standing.late_months & MONTHS_MASK;
        let (now, worst) = (i64::from(standing.dpd_now), i64::from(standing.worst_dpd_24m));
        let (in_a_row, late) = (longest_run(months), i64::from(months.count_ones()));
        found.number(ExcSevereDpd, Subject::DpdNow, Unit::Days, now, Relation::AtMost, self.dpd_now_above);
        found.number(ExcSevereDpd, Subject::WorstDpd24m, Unit::Days, worst, Relation::Below, self.worst_24m_from);
        let most = self.consecutive_late_months;
        found.number(ExcSevereDpd, Subject::LateMonthsInARow, Unit::Count, in_a_row, Relation::Below, most);
        found.number(ExcSevereDpd, Subject::LateMonths24m, Unit::Count, late, Relation::Below, self.late_months);
        found.flag(ExcSevereDpd, Subject::WrittenOff, standing.written_off, false);
        found.flag(ExcCompensated, Subject::Compensated, standing.compensated, false);
    }
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
    let region = case.facts.region;
    let inside = region.is_some_and(|region| regions.has(region));
    found.word(ExcRegion, Subject::Region, inside, region, Relation::OneOf, regions.joined());
    if region.is_none() {
        found.missing(Subject::Region);
    }
}

/// The lender's own verdict; a partner's or platform's does not replace it.
fn verdict(case: &Case<'_>, found: &mut Findings) {
    let verdict = case.facts.verdict.as_ref();
    found.flag(DataVerdictMissing, Subject::OwnVerdict, verdict.is_some(), true);
    let Some(verdict) = verdict else { return };
    let latest = case.facts.now.max(case.facts.event_time);
    if verdict.decided_at > latest {
        // What is not decided yet is no verdict.
        let (subject, decided_at) = (Subject::VerdictDecidedAt, verdict.decided_at.0);
        found.number(DataVerdictMissing, subject, Unit::Moment, decided_at, Relation::AtMost, latest.0);
        return;
    }
    let until = verdict.decided_at.plus_ms(i64::from(verdict.valid_days) * DAY_MS);
    let at = case.facts.event_time;
    found.number(DataVerdictExpired, Subject::VerdictValidUntil, Unit::Moment, until.0, Relation::AtLeast, at.0);
    let bands = &case.policy.exclusions.risk_bands;
    let among = bands.has(verdict.band);
    found.word(ExcRiskBand, Subject::RiskBand, among, Some(verdict.band), Relation::OneOf, bands.joined());
}

fn burden(case: &Case<'_>, found: &mut Findings) {
    let (facts, exclusions) = (case.facts, &case.policy.exclusions);
    if let Some(max) = exclusions.lenders_max {
        match facts.lenders.map(i64::from) {
            Some(lenders) => {
                found.number(ExcMultiLender, Subject::Lenders, Unit::Count, lenders, Relation::AtMost, max);
            }
            None => found.missing(Subject::Lenders),
        }
    }
    if let Some(max) = exclusions.debt_burden_max_ppm {
        match facts.debt_burden_ppm {
            Some(ppm) => _ = found.number(ExcDebtBurden, Subject::DebtBurden, Unit::Ppm, ppm, Relation::AtMost, max),
            None => found.missing(Subject::DebtBurden),
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
