//! One policy log twice: as documents for the product, and as plain data for the oracle.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use reflow::domain::events::Flag;
use reflow::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use reflow::domain::{CandidateKind, EventTime};
use reflow::policy::{Policy, PolicySet};
use reflow_oracle::plain_policy::{OracleContract, OracleGuard, OracleOffer, OraclePolicy};

const SHANGHAI: &str = "Asia/Shanghai";

/// The first version: three contracts, of which the second triggers on the risk step and the third waits long for answers.
const FIRST: &str = r#"
version: v1
effective_from: 2025-01-01T00:00:00Z
author: a.author
approver: b.approver
reason: The oracle's first policy
contracts:
  - partner: partner-00
    zone: Asia/Shanghai
    currency: CNY
    listed: {document: List, from: 2024-01-01, to: 2026-12-31, last_checked: 2024-12-20}
    contract: {from: 2024-01-01, to: open}
    disclosed_to_partner: {document: Annex, version: "1", date: 2024-01-15}
    modes: [real_time]
    integration: h5_hosted
    trigger: requested
    answer_within_ms: 5000
    valid_for: 15m
    guard: {reflow_effect_max: 25 points, holdout_min_n: 2, min_n: 6, below_min_n_max: 3, reserved_max: 2, horizons: [1h, 24h, 28d]}
    quota_per_day: 2
  - partner: partner-01
    zone: UTC
    currency: CNY
    listed: {document: List, from: 2024-01-01, to: 2026-12-31, last_checked: 2024-12-20}
    contract: {from: 2024-01-01, to: open}
    disclosed_to_partner: {document: Annex, version: "1", date: 2024-01-15}
    modes: [real_time]
    integration: sdk
    trigger: risk_passed
    answer_within_ms: 20000
    valid_for: 40m
    guard: {reflow_effect_max: 40 points, drawdown_pass_floor: 45 %, min_n: 8, below_min_n_max: 5, reserved_max: 3, horizons: [24h, 7d, 28d]}
    quota_per_day: 3
    regions: [region-0, region-1]
  - partner: partner-02
    zone: Asia/Shanghai
    currency: CNY
    listed: {document: List, from: 2024-01-01, to: 2025-08-01, last_checked: 2024-12-20}
    contract: {from: 2024-01-01, to: 2025-07-12}
    disclosed_to_partner: {document: Annex, version: "1", date: 2024-01-15}
    modes: [real_time]
    integration: h5_hosted
    trigger: requested
    answer_within_ms: 7200000
    valid_for: 6h
    guard: {reflow_effect_max: 60 points, min_n: 10, below_min_n_max: 6, reserved_max: 4, horizons: [1h, 24h, 7d, 28d]}
    quota_per_day: 2
exclusions:
  staff: {purpose: Never staff, owner: compliance, source: Tokens, expires: 2026-12-31, tokens: [customer-00003, customer-00011]}
  employers: {purpose: Second pass, owner: compliance, source: Register, expires: 2026-12-31, tokens: [employer-4]}
  risk_bands: [a, b]
  max_lenders: 6
  max_debt_burden: 80 %
contact:
  cap: {count: 2, window: 20d}
  cool_down: 1d
holdout: {salt: oracle, share: 8 %}
offers:
  - {offer: welcome, code: W-1, product: own, kinds: [new_rt, returning_rt], currency: CNY, limit: {fixed_minor: 500000}, channels: [page]}
texts: {source_disclosure: You agreed., opt_out_link: own/out, non_personalised_alternative: own/all}
"#;

/// Which verdicts and scores the histories hold; the scores of `s` are watched.
const MODELS: &str = r#"models:
  - {model: own-risk, version: "3", owner: r, approver: j, from: 2020-01-01, to: 2029-12-31, max_age_days: 3660, purposes: [verdict], inputs: [own]}
  - {model: m, version: "1", owner: r, approver: j, from: 2020-01-01, to: 2029-12-31, max_age_days: 3660, purposes: [verdict], inputs: [own]}
  - {model: m, version: "2", owner: r, approver: j, from: 2020-01-01, to: 2029-12-31, max_age_days: 3660, purposes: [verdict], inputs: [own]}
  - {model: s, version: "1", owner: r, approver: j, from: 2020-01-01, to: 2029-12-31, max_age_days: 3660, purposes: [risk], inputs: [own], deciles: [1, 2, 3, 4, 5, 6, 7, 8, 9]}
"#;

/// The second version: one contract fewer, a stricter standing, an employers' list that runs out, no holdout.
const SECOND: &str = r#"
version: v2
effective_from: 2025-07-20T00:00:00Z
author: a.author
approver: b.approver
reason: The oracle's second policy
contracts:
  - partner: partner-00
    zone: Asia/Shanghai
    currency: CNY
    listed: {document: List, from: 2024-01-01, to: 2026-12-31, last_checked: 2025-07-01}
    contract: {from: 2024-01-01, to: open}
    disclosed_to_partner: {document: Annex, version: "2", date: 2025-07-15}
    modes: [real_time]
    integration: h5_hosted
    trigger: requested
    answer_within_ms: 60000
    valid_for: 30m
    guard: {reflow_effect_max: 50 points, min_n: 6, below_min_n_max: 3, reserved_max: 5, horizons: [24h, 28d]}
    quota_per_day: 1
  - partner: partner-02
    zone: Asia/Shanghai
    currency: CNY
    listed: {document: List, from: 2024-01-01, to: 2025-08-01, last_checked: 2024-12-20}
    contract: {from: 2024-01-01, to: open}
    disclosed_to_partner: {document: Annex, version: "1", date: 2024-01-15}
    modes: [real_time]
    integration: h5_hosted
    trigger: requested
    answer_within_ms: 7200000
    valid_for: 2h
    guard: {reflow_effect_max: 60 points, min_n: 4, below_min_n_max: 6, reserved_max: 4, horizons: [28d]}
    quota_per_day: 4
exclusions:
  employers: {purpose: Second pass, owner: compliance, source: Register, expires: 2025-08-07, tokens: [employer-4, employer-9]}
  severe: {dpd_now_above: 8, worst_24m_from: 20, consecutive_late_months: 2, late_months: 3}
  flags: [fraud]
  risk_bands: [a]
contact:
  cap: {count: 1, window: 10d}
  cool_down: 2d
offers:
  - {offer: home, code: H-1, product: own, kinds: [returning_rt, use_own_limit], currency: CNY, limit: {fixed_minor: 500000}, channels: [page]}
  - {offer: any, code: A-1, product: own, kinds: [new_rt], currency: CNY, limit: same, channels: [page]}
texts: {source_disclosure: You agreed., opt_out_link: own/out, non_personalised_alternative: own/all}
"#;

/// The policy log in both forms.
pub struct Policies {
    pub set: PolicySet,
    pub plain: Vec<OraclePolicy>,
    /// The contracts' zones by partner; the same in both versions.
    pub zones: BTreeMap<String, TimeZone>,
}

fn parse(text: &str) -> Policy {
    Policy::parse("oracle.yaml", text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The first partner's guard with every condition.
const FIRM: &str = "min_n: 4, below_min_n_max: 3, reserved_max: 4, diverted_share_max: 22 %, reopen_margin: 6 points, \
                    hold_on_limit_approval_below: 10 %, stale: hold";

/// The first version with wide quotas, cap and cool-down, and with conditions and budgets for two partners.
pub fn wide_text() -> String {
    format!("{FIRST}{MODELS}")
        .replace("quota_per_day: 2", "quota_per_day: 40")
        .replace("quota_per_day: 3", "quota_per_day: 60")
        .replace("min_n: 6, below_min_n_max: 3, reserved_max: 2", FIRM)
        .replace("reflow_effect_max: 25 points", "reflow_effect_max: 8 points")
        .replace("reflow_effect_max: 40 points", "reflow_effect_max: 12 points")
        .replace("min_n: 8", "holdout_min_n: 2, min_n: 8")
        .replace("min_n: 10", "holdout_min_n: 2, min_n: 10")
        .replace("quota_per_day: 60", "quota_per_day: 60\n    budgets: {offers_per_day: 4, exposure_minor: 1000000}")
        .replace("share: 8 %", "share: 25 %")
        .replace("{count: 2, window: 20d}", "{count: 4, window: 2h}")
        .replace("cool_down: 1d", "cool_down: 10m")
}

/// One version that lets much happen: quotas, cap and cool-down of the first version are wide, the rest is the same.
pub fn wide(customers: usize) -> Policies {
    let policy = parse(&wide_text());
    let mut twin = first_twin(&policy.hash, customers);
    for contract in twin.contracts.values_mut() {
        contract.quota_per_day *= 20;
        contract.guard.holdout_min_n = Some(2);
    }
    twin.holdout = holdout(customers, 250_000);
    if let Some(firm) = twin.contracts.get_mut("partner-00") {
        firm.guard.diverted_share_max_ppm = Some(220_000);
        firm.guard.reopen_margin_ppm = Some(60_000);
        firm.guard.limit_approval_min_ppm = Some(100_000);
        firm.guard.stale_holds = true;
        firm.guard.reflow_effect_max_ppm = 80_000;
        (firm.guard.min_n, firm.guard.below_min_n_max, firm.guard.reserved_max) = (4, 3, 4);
    }
    if let Some(thrifty) = twin.contracts.get_mut("partner-01") {
        (thrifty.offers_per_day, thrifty.exposure_minor) = (Some(4), Some(1_000_000));
        thrifty.guard.reflow_effect_max_ppm = 120_000;
    }
    (twin.frequency_cap, twin.cool_down_ms) = (Some((4, 2 * HOUR_MS)), 10 * MINUTE_MS);
    Policies { set: PolicySet::new(vec![policy]).unwrap(), plain: vec![twin], zones: zones() }
}

/// `customers`: whose place in the holdout is looked up.
pub fn policies(customers: usize) -> Policies {
    let (first, second) = (parse(&format!("{FIRST}{MODELS}")), parse(SECOND));
    let plain = vec![first_twin(&first.hash, customers), second_twin(&second.hash)];
    Policies { set: PolicySet::new(vec![first, second]).unwrap(), plain, zones: zones() }
}

fn zones() -> BTreeMap<String, TimeZone> {
    ["partner-00", "partner-02"].map(|partner| (partner.to_owned(), shanghai())).into()
}

/// A moment written as a policy writes it.
pub fn moment(text: &str) -> EventTime {
    EventTime(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn shanghai() -> TimeZone {
    TimeZone::get(SHANGHAI).unwrap()
}

fn contract(zone: TimeZone, from: &str, quota_per_day: i64, guard: OracleGuard) -> OracleContract {
    let span = (Some(moment(from)), None);
    OracleContract { listed: span, dates: span, zone, guard, quota_per_day, ..OracleContract::permissive("CNY") }
}

fn guard(effect_ppm: i64, counts: [i64; 3], horizons_ms: &[i64]) -> OracleGuard {
    let [min_n, below_min_n_max, reserved_max] = counts;
    OracleGuard {
        reflow_effect_max_ppm: effect_ppm,
        drawdown_pass_floor_ppm: None,
        min_n,
        below_min_n_max,
        reserved_max,
        horizons_ms: horizons_ms.to_vec(),
        ..OracleGuard::default()
    }
}

const WEEK_MS: i64 = 7 * DAY_MS;
const MONTH_MS: i64 = 28 * DAY_MS;
/// The first of January 2024 in Shanghai and in UTC.
const SINCE_SHANGHAI: &str = "2023-12-31T16:00:00Z";
const SINCE_UTC: &str = "2024-01-01T00:00:00Z";

fn first_twin(hash: &str, customers: usize) -> OraclePolicy {
    let listed_until = Some(moment("2026-12-31T16:00:00Z"));
    let mut zero = contract(shanghai(), SINCE_SHANGHAI, 2, guard(250_000, [6, 3, 2], &[HOUR_MS, DAY_MS, MONTH_MS]));
    zero.listed.1 = listed_until;
    (zero.answer_within_ms, zero.valid_for_ms) = (5 * SECOND_MS, 15 * MINUTE_MS);
    zero.guard.holdout_min_n = Some(2);
    let horizons = [DAY_MS, WEEK_MS, MONTH_MS];
    let mut one = contract(TimeZone::UTC, SINCE_UTC, 3, guard(400_000, [8, 5, 3], &horizons));
    one.listed.1 = Some(moment("2027-01-01T00:00:00Z"));
    one.guard.drawdown_pass_floor_ppm = Some(450_000);
    (one.answer_within_ms, one.valid_for_ms) = (20 * SECOND_MS, 40 * MINUTE_MS);
    one.triggers_on_risk_passed = true;
    one.regions = vec!["region-0".into(), "region-1".into()];
    let horizons = [HOUR_MS, DAY_MS, WEEK_MS, MONTH_MS];
    let mut two = contract(shanghai(), SINCE_SHANGHAI, 2, guard(600_000, [10, 6, 4], &horizons));
    // A day as an end still counts: the span ends with it, by the contract's calendar.
    two.listed.1 = Some(moment("2025-08-01T16:00:00Z"));
    two.dates.1 = Some(moment("2025-07-12T16:00:00Z"));
    (two.answer_within_ms, two.valid_for_ms) = (2 * HOUR_MS, 6 * HOUR_MS);
    let contracts = [("partner-00", zero), ("partner-01", one), ("partner-02", two)];
    let mut policy = OraclePolicy::plain("v1", hash, contracts.map(|(name, c)| (name.to_owned(), c)).into());
    policy.effective_from = moment("2025-01-01T00:00:00Z");
    policy.staff = vec!["customer-00003".into(), "customer-00011".into()];
    policy.employers = vec!["employer-4".into()];
    policy.bands = vec!["a".into(), "b".into()];
    policy.lenders_max = Some(6);
    policy.debt_burden_max_ppm = Some(800_000);
    policy.frequency_cap = Some((2, 20 * DAY_MS));
    policy.cool_down_ms = DAY_MS;
    policy.holdout = holdout(customers, 80_000);
    policy.offers[0].kinds = vec![CandidateKind::NewRt, CandidateKind::ReturningRt];
    policy.deciles = [(("s".into(), "1".into()), (1..10).collect())].into();
    policy
}

/// The customers whom a share of the salt `oracle` holds out.
fn holdout(customers: usize, share_ppm: u128) -> Vec<String> {
    let names = (0..customers).map(|number| format!("customer-{number:05}"));
    names.filter(|name| held_out("oracle", name, share_ppm)).collect()
}

fn second_twin(hash: &str) -> OraclePolicy {
    let mut zero = contract(shanghai(), SINCE_SHANGHAI, 1, guard(500_000, [6, 3, 5], &[DAY_MS, MONTH_MS]));
    zero.listed.1 = Some(moment("2026-12-31T16:00:00Z"));
    (zero.answer_within_ms, zero.valid_for_ms) = (MINUTE_MS, 30 * MINUTE_MS);
    let mut two = contract(shanghai(), SINCE_SHANGHAI, 4, guard(600_000, [4, 6, 4], &[MONTH_MS]));
    two.listed.1 = Some(moment("2025-08-01T16:00:00Z"));
    (two.answer_within_ms, two.valid_for_ms) = (2 * HOUR_MS, 2 * HOUR_MS);
    let contracts = [("partner-00", zero), ("partner-02", two)];
    let mut policy = OraclePolicy::plain("v2", hash, contracts.map(|(name, c)| (name.to_owned(), c)).into());
    policy.effective_from = moment("2025-07-20T00:00:00Z");
    policy.employers = vec!["employer-4".into(), "employer-9".into()];
    policy.employers_until = Some(moment("2025-08-08T00:00:00Z"));
    (policy.dpd_now_max, policy.worst_dpd_24m_from) = (8, 20);
    (policy.months_in_a_row_from, policy.months_from) = (2, 3);
    policy.excluded_flags = vec![Flag::Fraud];
    policy.bands = vec!["a".into()];
    policy.frequency_cap = Some((1, 10 * DAY_MS));
    policy.cool_down_ms = 2 * DAY_MS;
    let offer = |kinds: &[CandidateKind], needs_limit| OracleOffer {
        kinds: kinds.to_vec(),
        currency: "CNY".into(),
        needs_limit,
    };
    policy.offers = vec![
        offer(&[CandidateKind::ReturningRt, CandidateKind::UseOwnLimit], false),
        offer(&[CandidateKind::NewRt], true),
    ];
    policy
}

/// The holdout as documented: the first 8 bytes of blake3(salt, 0, customer), big-endian, as parts per million of 2^64.
fn held_out(salt: &str, customer: &str, share_ppm: u128) -> bool {
    let hash = blake3::hash(format!("{salt}\0{customer}").as_bytes());
    let head = u64::from_be_bytes(hash.as_bytes()[..8].try_into().unwrap());
    (u128::from(head) * 1_000_000) >> 64 < share_ppm
}
