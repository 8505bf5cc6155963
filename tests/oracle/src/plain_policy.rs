//! A policy as plain data: what the tables of sections 4 and 5 need, filled by hand in a test.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use reflow::domain::events::Flag;
use reflow::domain::time::{DAY_MS, HOUR_MS};
use reflow::domain::{CandidateKind, EventTime, Text};

/// A half-open span; an absent end is open.
pub type Span = (Option<EventTime>, Option<EventTime>);

pub fn within((from, to): Span, at: EventTime) -> bool {
    from.is_none_or(|from| from <= at) && to.is_none_or(|to| at < to)
}

#[derive(Clone, Debug, Default)]
pub struct OracleGuard {
    pub reflow_effect_max_ppm: i64,
    pub drawdown_pass_floor_ppm: Option<i64>,
    pub min_n: i64,
    /// None: as `min_n`.
    pub holdout_min_n: Option<i64>,
    pub below_min_n_max: i64,
    pub reserved_max: i64,
    /// Lengths in milliseconds.
    pub horizons_ms: Vec<i64>,
    pub diverted_share_max_ppm: Option<i64>,
    /// How far below its maximum a closed horizon has to come; none: only the reading counts.
    pub reopen_margin_ppm: Option<i64>,
    pub limit_approval_min_ppm: Option<i64>,
    /// Stale data hold what the last current reading allowed.
    pub stale_holds: bool,
}

#[derive(Clone, Debug)]
pub struct OracleContract {
    pub listed: Span,
    pub dates: Span,
    pub real_time: bool,
    pub triggers_on_risk_passed: bool,
    pub answer_within_ms: i64,
    pub valid_for_ms: i64,
    pub zone: TimeZone,
    pub currency: String,
    /// Region tokens; empty: everywhere.
    pub regions: Vec<String>,
    pub guard: OracleGuard,
    pub quota_per_day: i64,
    pub quota_per_hour: Option<i64>,
    pub offers_per_day: Option<i64>,
    pub coupon_minor_per_day: Option<i64>,
    pub exposure_minor: Option<i64>,
    pub avg_cost_max_ppm: Option<i64>,
    /// Milliseconds after midnight of `zone`.
    pub day_begins_at_ms: i64,
}

#[derive(Clone, Debug)]
pub struct OracleOffer {
    pub kinds: Vec<CandidateKind>,
    pub currency: String,
    /// The offer builds on the limit that the partner flow gave.
    pub needs_limit: bool,
}

/// One policy version.
#[derive(Clone, Debug)]
pub struct OraclePolicy {
    pub version: String,
    pub hash: String,
    pub effective_from: EventTime,
    pub contracts: BTreeMap<String, OracleContract>,
    pub staff: Vec<String>,
    pub employers: Vec<String>,
    /// From when on the employers' list has run out.
    pub employers_until: Option<EventTime>,
    pub dpd_now_max: i32,
    /// Worst DPD in 24 months from which it is severe.
    pub worst_dpd_24m_from: i32,
    pub months_in_a_row_from: u32,
    pub months_from: u32,
    pub excluded_flags: Vec<Flag>,
    /// Risk bands that may be offered to; empty: not judged.
    pub bands: Vec<String>,
    pub lenders_max: Option<i64>,
    pub debt_burden_max_ppm: Option<i64>,
    pub offers: Vec<OracleOffer>,
    /// Admitted candidates within a window, milliseconds.
    pub frequency_cap: Option<(usize, i64)>,
    pub cool_down_ms: i64,
    /// Customers of the holdout, listed by the test.
    pub holdout: Vec<String>,
    /// The edges between the tenths of a model's reference population, by model and version.
    pub deciles: BTreeMap<(String, String), Vec<i64>>,
}

impl OracleContract {
    /// A contract that permits everything, in UTC, with the guard wide open.
    pub fn permissive(currency: &str) -> OracleContract {
        OracleContract {
            listed: (None, None),
            dates: (None, None),
            real_time: true,
            triggers_on_risk_passed: false,
            answer_within_ms: 5_000,
            valid_for_ms: 15 * 60_000,
            zone: TimeZone::UTC,
            currency: currency.to_owned(),
            regions: Vec::new(),
            guard: OracleGuard {
                reflow_effect_max_ppm: 1_000_000,
                drawdown_pass_floor_ppm: None,
                min_n: 30,
                below_min_n_max: 1_000,
                reserved_max: 1_000,
                horizons_ms: vec![HOUR_MS, DAY_MS, 7 * DAY_MS, 28 * DAY_MS],
                ..OracleGuard::default()
            },
            quota_per_day: 1_000_000,
            quota_per_hour: None,
            offers_per_day: None,
            coupon_minor_per_day: None,
            exposure_minor: None,
            avg_cost_max_ppm: None,
            day_begins_at_ms: 0,
        }
    }
}

impl OraclePolicy {
    /// A policy with the defaults of the semantics and one offer for every kind of real-time candidate.
    pub fn plain(version: &str, hash: &str, contracts: BTreeMap<String, OracleContract>) -> OraclePolicy {
        use CandidateKind::{NewRt, ReturningRt, UseOwnLimit};
        let currencies: std::collections::BTreeSet<String> =
            contracts.values().map(|contract| contract.currency.clone()).collect();
        let offer =
            |currency| OracleOffer { kinds: vec![NewRt, ReturningRt, UseOwnLimit], currency, needs_limit: false };
        OraclePolicy {
            version: version.to_owned(),
            hash: hash.to_owned(),
            effective_from: EventTime::EARLIEST,
            contracts,
            staff: Vec::new(),
            employers: Vec::new(),
            employers_until: None,
            dpd_now_max: 30,
            worst_dpd_24m_from: 60,
            months_in_a_row_from: 3,
            months_from: 6,
            excluded_flags: vec![Flag::Student, Flag::Abuse, Flag::Fraud, Flag::CourtFreeze, Flag::OwnStaff],
            bands: Vec::new(),
            lenders_max: None,
            debt_burden_max_ppm: None,
            offers: currencies.into_iter().map(offer).collect(),
            frequency_cap: None,
            cool_down_ms: 0,
            holdout: Vec::new(),
            deciles: BTreeMap::new(),
        }
    }
}

/// The version with the latest effective time that is not after the event.
pub fn in_force(policies: &[OraclePolicy], at: EventTime) -> Option<&OraclePolicy> {
    policies.iter().filter(|policy| policy.effective_from <= at).max_by_key(|policy| policy.effective_from)
}

/// The version of that name and hash.
pub fn version<'p>(policies: &'p [OraclePolicy], version: &Text, hash: &Text) -> Option<&'p OraclePolicy> {
    policies.iter().find(|policy| policy.version == version.as_str() && policy.hash == hash.as_str())
}
