//! A small market: four partners under one policy, as a document for the worker and as plain data for the oracle, and
//! customers who may be approached.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use reflow::domain::events::{ApplicationKind, CancelReason, Event, RiskVerdict};
use reflow::domain::time::{DAY_MS, HOUR_MS, SECOND_MS};
use reflow::domain::{EventTime, Text};
use reflow::policy::Policy;
use reflow_oracle::bounds::Quota;
use reflow_oracle::inputs::OwnedEvent;
use reflow_oracle::plain_policy::{OracleContract, OracleGuard, OraclePolicy};
use reflow_oracle::{Rules, blank};

/// What differs between the partners.
struct Terms {
    partner: &'static str,
    trigger: &'static str,
    valid_for_secs: i64,
    min_n: i64,
    below_min_n_max: i64,
    quota_per_day: i64,
}

/// The first is generous, the second has a small quota, the third a careful guard, and the fourth says when risk has passed.
const PARTNERS: [Terms; 4] = [
    Terms { partner: "partner-00", valid_for_secs: 1_800, min_n: 30, ..GENEROUS },
    Terms { partner: "partner-01", quota_per_day: 2, ..GENEROUS },
    Terms { partner: "partner-02", below_min_n_max: 1, min_n: 1_000, ..GENEROUS },
    Terms { partner: "partner-03", trigger: "risk_passed", valid_for_secs: 10, ..GENEROUS },
];

const GENEROUS: Terms = Terms {
    partner: "",
    trigger: "requested",
    valid_for_secs: 1_800,
    min_n: 30,
    below_min_n_max: 1_000,
    quota_per_day: 100_000,
};

const ANSWER_WITHIN_MS: i64 = 24 * HOUR_MS;
const CAP: (usize, i64) = (4, 30 * DAY_MS);
const COOL_DOWN_MS: i64 = SECOND_MS;

/// The policy as a document.
pub fn document() -> String {
    let mut text = String::from(
        "version: \"e2e\"\neffective_from: 2020-01-01T00:00:00Z\nauthor: a.author\napprover: b.approver\n\
         reason: Tests on a real broker\ncontracts:\n",
    );
    for terms in &PARTNERS {
        let Terms { partner, trigger, valid_for_secs, min_n, below_min_n_max, quota_per_day } = terms;
        text.push_str(&format!(
            "  - partner: {partner}\n    zone: UTC\n    currency: CNY\n    \
             listed: {{document: List, from: 2020-01-01, to: 2098-12-31, last_checked: 2020-01-01}}\n    \
             contract: {{from: 2020-01-01, to: open}}\n    \
             disclosed_to_partner: {{document: Annex, version: \"1\", date: 2020-01-01}}\n    modes: [real_time]\n    \
             integration: h5_hosted\n    trigger: {trigger}\n    answer_within_ms: {ANSWER_WITHIN_MS}\n    \
             valid_for: {valid_for_secs}s\n    guard: {{reflow_effect_max: 50 points, min_n: {min_n}, below_min_n_max: \
             {below_min_n_max}, reserved_max: 1000, horizons: [1h, 24h, 7d, 28d]}}\n    quota_per_day: {quota_per_day}\n"
        ));
    }
    text.push_str(
        "exclusions:\n  risk_bands: [a]\ncontact:\n  cap: {count: 4, window: 30d}\n  cool_down: 1s\noffers:\n  \
         - offer: any\n    code: A-01\n    product: own_cash\n    kinds: [new_rt, returning_rt, use_own_limit]\n    \
         currency: CNY\n    limit: {fixed_minor: 500000}\n    channels: [page]\ntexts:\n  \
         source_disclosure: You agreed to offers of our own.\n  opt_out_link: own/opt-out\n  \
         non_personalised_alternative: own/all-products\n",
    );
    text
}

/// The same policy for the oracle; only its version and hash come from the product.
pub fn plain() -> OraclePolicy {
    let parsed = Policy::parse("policy.yaml", &document())
        .unwrap_or_else(|problems| panic!("{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>()));
    let contract = |terms: &Terms| {
        let contract = OracleContract {
            triggers_on_risk_passed: terms.trigger == "risk_passed",
            answer_within_ms: ANSWER_WITHIN_MS,
            valid_for_ms: terms.valid_for_secs * SECOND_MS,
            guard: OracleGuard {
                reflow_effect_max_ppm: 500_000,
                drawdown_pass_floor_ppm: None,
                min_n: terms.min_n,
                below_min_n_max: terms.below_min_n_max,
                reserved_max: 1_000,
                horizons_ms: vec![HOUR_MS, DAY_MS, 7 * DAY_MS, 28 * DAY_MS],
                ..OracleGuard::default()
            },
            quota_per_day: terms.quota_per_day,
            ..OracleContract::permissive("CNY")
        };
        (terms.partner.to_owned(), contract)
    };
    let contracts = PARTNERS.iter().map(contract).collect();
    let mut policy = OraclePolicy::plain(&parsed.version, &parsed.hash, contracts);
    policy.bands = vec!["a".to_owned()];
    policy.frequency_cap = Some(CAP);
    policy.cool_down_ms = COOL_DOWN_MS;
    policy
}

pub fn partners() -> Vec<&'static str> {
    PARTNERS.iter().map(|terms| terms.partner).collect()
}

pub fn quotas() -> BTreeMap<Text, Quota> {
    let quota = |terms: &Terms| (terms.partner.into(), Quota { zone: TimeZone::UTC, per_day: terms.quota_per_day });
    PARTNERS.iter().map(quota).collect()
}

/// Settings under which a history of weeks is decided and never late, for the worker and for the oracle.
pub const PATIENT: &str = "customer: {decision_age_secs_max: 8640000, late_event_secs_max: 8640000}";

pub fn patient_rules() -> Rules {
    Rules { decision_age_secs_max: 8_640_000, late_event_secs_max: 8_640_000, ..Rules::default() }
}

/// A customer's consent to offers, before anything else.
pub fn consenting(customer: &str, at: EventTime) -> OwnedEvent {
    let id = format!("e-{customer}-consent");
    let mut event = blank::customer(&id, at, customer);
    event.consents.push(blank::consent("lender-own", at, None));
    event.region = Some("region-1");
    OwnedEvent::of(&Event::Customer(event), &Rules::default())
}

/// An event of a drawdown; the request carries our own verdict.
pub fn drawdown(ids: [&str; 3], kind: ApplicationKind, at: EventTime) -> OwnedEvent {
    let [customer, partner, number] = ids;
    let (id, application) = (format!("e-{number}-{kind}"), format!("app-{customer}"));
    let mut event = blank::application(&id, at, [customer, partner, &application], kind);
    event.drawdown = Some(number);
    event.amount_minor = Some(120_000);
    let asks = matches!(kind, ApplicationKind::DrawdownRequested | ApplicationKind::DrawdownRiskPassed);
    event.risk_verdict = asks.then_some(RiskVerdict {
        model: "own-risk",
        version: "3",
        band: "a",
        decided_at: at.plus_ms(-SECOND_MS),
        valid_days: 30,
    });
    event.cancel_reason = (kind == ApplicationKind::DrawdownCancelled).then_some(CancelReason::ChoseOwn);
    OwnedEvent::of(&Event::Application(event), &Rules::default())
}

pub fn submitted(ids: [&str; 3], at: EventTime) -> OwnedEvent {
    let id = format!("e-{}-submitted-{at}", ids[2]);
    let mut event = blank::application(&id, at, ids, ApplicationKind::Submitted);
    event.amount_minor = Some(100_000);
    OwnedEvent::of(&Event::Application(event), &Rules::default())
}

/// The n-th name beginning with `head` whose records lie on that shard.
pub fn on_shard(head: &str, shard: i32, shards: i32, n: usize) -> String {
    let names = (0..).map(|number| format!("{head}-{number}"));
    let mut own = names.filter(|name| reflow::domain::partition::partition_of(name.as_bytes(), shards) == shard);
    own.nth(n).unwrap()
}
