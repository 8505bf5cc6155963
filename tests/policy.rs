//! Judging: every code of the customer stage alone, all together, at its boundary; and nothing is ever permitted by absence.

use proptest::prelude::*;
use reflow::domain::candidate::{Arm, CandidateKind, LimitMode, Source};
use reflow::domain::events::{Flag, RepaymentMethod, RiskBearing, RiskVerdict};
use reflow::domain::time::{DAY_MS, HOUR_MS};
use reflow::domain::words::Word;
use reflow::domain::{EventTime, ReasonCode, Text};
use reflow::policy::facts::{ConsentFact, Holdings, PartnerLimit, Person, Standing};
use reflow::policy::{Facts, Horizon, Policy};

const EXAMPLE: &str = include_str!("../policies/example.yaml");

/// Every optional restriction is stated here, so that every rule is judged.
const STRICT: &str = r#"
version: strict-1
effective_from: 2024-03-01T00:00:00Z
author: a.author
approver: b.approver
reason: every rule
contracts:
  - partner: p01
    zone: Asia/Shanghai
    currency: CNY
    listed:
      document: list
      from: 2024-01-01
      to: 2024-12-31
      last_checked: 2024-02-01
    contract:
      from: 2024-01-01
      to: 2024-12-30
    disclosed_to_partner:
      document: annex
      version: "1"
      date: 2024-01-01
    modes: [real_time]
    integration: h5_hosted
    touchpoint: drawdown_page
    trigger: risk_passed
    answer_within_ms: 800
    valid_for: 30m
    guard:
      reflow_effect_max: 1.25 points
      drawdown_pass_floor: 70 %
      min_n: 200
      below_min_n_max: 3
      reserved_max: 40
      horizons: [28d, 1h]
    quota_per_day: 100
    regions: [r01, r02]
exclusions:
  staff:
    purpose: staff
    owner: compliance
    source: register
    expires: 2024-12-31
    tokens: [z9, s1]
  employers:
    purpose: employers
    owner: compliance
    source: register
    expires: 2024-12-31
    tokens: [e1]
  risk_bands: [A, B]
  max_lenders: 3
  max_debt_burden: 50 %
contact:
  cap:
    count: 2
    window: 30d
  cool_down: 7d
holdout:
  salt: salt
  share: 0 %
offers:
  - offer: welcome
    code: W-01
    product: own_cash
    kinds: [new_rt]
    currency: CNY
    limit: {plus: 20 %}
    cost: {below_partner_by: 1.5 points}
    term_months: same
    repayment_method: same
    channels: [page]
    template: t1
texts:
  source_disclosure: source
  opt_out_link: out
  non_personalised_alternative: all
must_confirm: [amount]
steps_skipped: [basic_data]
"#;

static SOURCE: Source = Source { topic: Text::const_new("t"), partition: 0, offset: 1, event_id: Text::const_new("e") };

/// 2024-06-03T09:00:00Z.
const AT: EventTime = EventTime(1_717_405_200_000);

fn strict() -> Policy {
    parse(STRICT)
}

fn parse(text: &str) -> Policy {
    Policy::parse("strict.yaml", text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// A customer whom the strict policy lets pass.
fn good() -> Facts<'static> {
    Facts {
        now: AT.plus_ms(100),
        event_time: AT,
        requested_at: AT,
        customer: "c1",
        partner: "p01",
        application: "a1",
        drawdown: "d1",
        amount_minor: Some(300_000),
        kind: CandidateKind::NewRt,
        limit: PartnerLimit {
            limit_minor: Some(1_000_001),
            all_in_cost_ppm: Some(239_000),
            term_months: Some(12),
            repayment_method: Some(RepaymentMethod::EqualInstalment),
            product_kind: None,
            currency: Some("CNY"),
        },
        consent: Some(ConsentFact { consent: "k1", text_version: "v1", given_at: AT, withdrawn_at: None }),
        flags: 0,
        staff: false,
        test_order: false,
        employers: &["e7", "e8"],
        region: Some("r02"),
        standing: Standing { dpd_now: 30, worst_dpd_24m: 59, late_months: 0b1101_1000, ..Standing::default() },
        verdict: Some(verdict("B", AT.plus_ms(-30 * DAY_MS), 30)),
        offered_at: &[],
        live: false,
        pending: false,
        lenders: Some(3),
        debt_burden_ppm: Some(500_000),
        own_product: None,
        risk_bearing: None,
        enhancer: None,
        holdings: Holdings::default(),
        source: &SOURCE,
        person: Person::default(),
    }
}

fn verdict(band: &'static str, decided_at: EventTime, valid_days: i32) -> RiskVerdict<'static> {
    RiskVerdict { model: "m", version: "1", band, decided_at, valid_days }
}

fn reasons(policy: &Policy, facts: &Facts<'_>) -> Vec<String> {
    let judgement = policy.judge(facts);
    assert_eq!(judgement.proposal().is_some(), judgement.reasons.is_empty(), "a proposal exactly when nothing fails");
    let failed = judgement.checks.iter().filter(|check| !check.passed).map(|check| check.code.to_text());
    let failed: Vec<Text> = failed.collect();
    assert!(judgement.reasons.iter().all(|reason| failed.contains(reason)), "each reason has a failed check");
    assert!(failed.iter().all(|name| judgement.reasons.contains(name)), "each failed check gives its reason");
    judgement.reasons.iter().map(Text::to_string).collect()
}

type Change = fn(&mut Facts<'static>);

/// One change of the good customer, and exactly the codes it gives. Changes of the same group touch the same facts.
const CHANGES: &[(&str, Change, &[&str])] = &[
    ("consent", |f| f.consent = None, &["GATE_NO_CONSENT"]),
    ("consent", |f| f.consent.as_mut().unwrap().withdrawn_at = Some(AT), &["GATE_NO_CONSENT"]),
    ("consent", |f| f.consent.as_mut().unwrap().given_at = AT.plus_ms(1), &["GATE_NO_CONSENT"]),
    ("opt_out", |f| set(f, Flag::OptOut), &["GATE_OPT_OUT"]),
    ("hardship", |f| set(f, Flag::Hardship), &["GATE_HARDSHIP"]),
    ("dispute", |f| set(f, Flag::Dispute), &["GATE_DISPUTE"]),
    ("complaint", |f| set(f, Flag::Complaint), &["GATE_COMPLAINT"]),
    ("collection", |f| set(f, Flag::InCollection), &["GATE_IN_COLLECTION"]),
    ("self", |f| set(f, Flag::SelfExclusion), &["GATE_SELF_EXCLUSION"]),
    ("deceased", |f| set(f, Flag::Deceased), &["GATE_DECEASED"]),
    ("minor", |f| set(f, Flag::Minor), &["GATE_MINOR"]),
    ("merged", |f| f.person.merged = true, &["DATA_MERGED"]),
    ("now", |f| f.now = AT.plus_ms(801), &["GATE_DEADLINE"]),
    ("staff", |f| f.staff = true, &["EXC_PARTNER_STAFF"]),
    ("customer", |f| f.customer = "s1", &["EXC_PARTNER_STAFF"]),
    ("test", |f| f.test_order = true, &["EXC_TEST_ORDER"]),
    ("employer", |f| f.employers = &["e7", "e1"], &["EXC_EMPLOYER"]),
    ("dpd", |f| f.standing.dpd_now = 31, &["EXC_SEVERE_DPD"]),
    ("worst", |f| f.standing.worst_dpd_24m = 60, &["EXC_SEVERE_DPD"]),
    ("months", |f| f.standing.late_months = 0b1110_0000, &["EXC_SEVERE_DPD"]),
    ("months", |f| f.standing.late_months = 0b1101_1011, &["EXC_SEVERE_DPD"]),
    ("written_off", |f| f.standing.written_off = true, &["EXC_SEVERE_DPD"]),
    ("compensated", |f| f.standing.compensated = true, &["EXC_COMPENSATED"]),
    ("student", |f| set(f, Flag::Student), &["EXC_STUDENT"]),
    ("abuse", |f| set(f, Flag::Abuse), &["EXC_ABUSE"]),
    ("fraud", |f| set(f, Flag::Fraud), &["EXC_FRAUD"]),
    ("freeze", |f| set(f, Flag::CourtFreeze), &["EXC_COURT_FREEZE"]),
    ("own_staff", |f| set(f, Flag::OwnStaff), &["EXC_OWN_STAFF"]),
    ("region", |f| f.region = Some("r03"), &["EXC_REGION"]),
    ("region", |f| f.region = None, &["EXC_REGION", "DATA_MISSING"]),
    ("verdict", |f| f.verdict = Some(verdict("C", AT.plus_ms(HOUR_MS), 30)), &["DATA_VERDICT_MISSING"]),
    ("verdict", |f| f.verdict = None, &["DATA_VERDICT_MISSING"]),
    ("verdict", |f| f.verdict = Some(verdict("B", AT.plus_ms(-30 * DAY_MS - 1), 30)), &["DATA_VERDICT_EXPIRED"]),
    ("verdict", |f| f.verdict = Some(verdict("C", AT, 30)), &["EXC_RISK_BAND"]),
    ("lenders", |f| f.lenders = Some(4), &["EXC_MULTI_LENDER"]),
    ("lenders", |f| f.lenders = None, &["DATA_MISSING"]),
    ("burden", |f| f.debt_burden_ppm = Some(500_001), &["EXC_DEBT_BURDEN"]),
    ("burden", |f| f.debt_burden_ppm = None, &["DATA_MISSING"]),
    ("offer", |f| f.kind = CandidateKind::ReturningRt, &["EXC_NO_OFFER"]),
    ("offer", |f| f.limit.currency = Some("HKD"), &["EXC_NO_OFFER"]),
    ("offer", |f| f.limit.limit_minor = None, &["EXC_NO_OFFER", "DATA_MISSING"]),
    ("offer", |f| f.limit.all_in_cost_ppm = None, &["EXC_NO_OFFER", "DATA_MISSING"]),
    ("offer", |f| f.limit.all_in_cost_ppm = Some(14_999), &["EXC_NO_OFFER"]),
    ("offer", |f| f.limit.term_months = None, &["EXC_NO_OFFER", "DATA_MISSING"]),
    ("offer", |f| f.limit.repayment_method = None, &["EXC_NO_OFFER", "DATA_MISSING"]),
    ("pending", |f| f.pending = true, &["HOLD_PENDING"]),
    ("live", |f| f.live = true, &["HOLD_LIVE_CANDIDATE"]),
    ("offered", |f| f.offered_at = &[AT_20_DAYS_AGO, AT_29_DAYS_AGO], &["HOLD_FREQ_CAP"]),
    ("offered", |f| f.offered_at = &[AT_6_DAYS_AGO], &["HOLD_COOL_DOWN"]),
];

const AT_6_DAYS_AGO: EventTime = EventTime(AT.0 - 6 * DAY_MS);
const AT_20_DAYS_AGO: EventTime = EventTime(AT.0 - 20 * DAY_MS);
const AT_29_DAYS_AGO: EventTime = EventTime(AT.0 - 29 * DAY_MS);

/// One change of the strict document, and exactly the codes it gives the good customer.
const DOCUMENTS: &[(&str, &str, &[&str])] = &[
    ("partner: p01", "partner: p02", &["DATA_UNKNOWN_PARTNER"]),
    ("to: 2024-12-31\n      last", "to: 2024-06-02\n      last", &["GATE_PARTNER_UNLISTED"]),
    ("from: 2024-01-01\n      to: 2024-12-31", "from: 2024-06-04\n      to: 2024-12-31", &["GATE_PARTNER_UNLISTED"]),
    ("modes: [real_time]", "modes: [offline, referral]", &["GATE_CONTRACT_FORBIDS"]),
    ("    modes: [real_time]\n", "", &["GATE_CONTRACT_FORBIDS"]),
    ("to: 2024-12-30", "to: 2024-06-02", &["GATE_CONTRACT_DATES"]),
    ("from: 2024-01-01\n      to: 2024-12-30", "from: 2024-06-04\n      to: 2024-12-30", &["GATE_CONTRACT_DATES"]),
    ("expires: 2024-12-31\n    tokens: [z9", "expires: 2024-06-02\n    tokens: [z9", &["DATA_MISSING"]),
    ("expires: 2024-12-31\n    tokens: [e1", "expires: 2024-06-02\n    tokens: [e1", &["DATA_MISSING"]),
    ("count: 2", "count: 0", &["HOLD_FREQ_CAP"]),
    ("share: 0 %", "share: 100 %", &["CTRL_HOLDOUT"]),
];

fn set(facts: &mut Facts<'static>, flag: Flag) {
    facts.flags |= 1 << flag.ordinal();
}

fn changed(from: &str, to: &str) -> Policy {
    assert_eq!(STRICT.matches(from).count(), 1, "the strict document holds {from} once");
    parse(&STRICT.replace(from, to))
}

#[test]
fn each_code_fails_alone_and_the_same_facts_pass_without_it() {
    let policy = strict();
    assert_eq!(reasons(&policy, &good()), [""; 0]);
    for (group, change, codes) in CHANGES {
        let mut facts = good();
        change(&mut facts);
        assert_eq!(reasons(&policy, &facts), *codes, "{group}");
    }
    for (from, to, codes) in DOCUMENTS {
        assert_eq!(reasons(&changed(from, to), &good()), *codes, "{from} → {to}");
    }
}

#[test]
fn every_code_of_the_customer_stage_has_its_case() {
    let elsewhere = |code: &&str| {
        let partner_stage = ["DATA_STALE", "DATA_POLICY_CHANGED", "HOLD_PARTNER_PAUSED", "HOLD_REFLOW_EFFECT"];
        let guard = ["HOLD_DRAWDOWN_PASS_FLOOR", "HOLD_MIN_N", "HOLD_QUOTA_DAY", "DATA_NO_POLICY"];
        let later = ["GATE_QUIET_HOURS", "HOLD_AVG_COST"];
        // Their cases are in `tests/policy_persons.rs` and `tests/policy_rules.rs`.
        let persons = ["EXC_RELATED_PARTY", "EXC_OWN_DECLINED", "EXC_OWN_OVERDUE", "EXC_RESTRUCTURED", "EXC_GRADE"];
        let reach = ["GATE_BUREAU_AUTHORISATION", "GATE_CHANNEL", "HOLD_LOW_RESPONSE", "DATA_MODEL_UNAPPROVED"];
        let rules = ["GATE_ENHANCER_UNLISTED", "GATE_PRICE_CAP", "EXC_EXPOSURE_CAP", "EXC_OWN_PRODUCT"];
        // Theirs are in `tests/partner_stage/limits.rs`.
        let conditions = ["HOLD_DIVERTED_SHARE", "HOLD_LIMIT_APPROVAL", "HOLD_RETURNING_SHARE", "HOLD_AVG_COST"];
        let accounts =
            ["HOLD_QUOTA_HOUR", "HOLD_PACE", "HOLD_BUDGET_OFFERS", "HOLD_BUDGET_COUPON", "HOLD_BUDGET_EXPOSURE"];
        let later_too = persons.contains(code) || reach.contains(code) || rules.contains(code);
        later_too
            || code.starts_with("END_")
            || code.starts_with("FAIR_")
            || partner_stage.contains(code)
            || guard.contains(code)
            || later.contains(code)
            || conditions.contains(code)
            || accounts.contains(code)
    };
    let covered: Vec<&str> = CHANGES.iter().flat_map(|(_, _, codes)| *codes).copied().collect();
    let by_document: Vec<&str> = DOCUMENTS.iter().flat_map(|(_, _, codes)| *codes).copied().collect();
    for code in ReasonCode::NAMES.iter().filter(|code| !elsewhere(code)) {
        assert!(covered.contains(code) || by_document.contains(code), "{code} has no case");
    }
}

#[test]
fn boundaries_still_pass() {
    let changes: &[Change] = &[
        |f| f.now = AT.plus_ms(800),
        |f| f.standing.late_months = 0b1_1011_0001 | 0xFF00_0000,
        |f| f.offered_at = &[AT_29_DAYS_AGO],
        |f| f.offered_at = &[EventTime(AT.0 + 100 - 7 * DAY_MS), EventTime(AT.0 + 100 - 30 * DAY_MS)],
        |f| f.limit.currency = None,
        |f| f.limit.all_in_cost_ppm = Some(15_000),
        |f| f.employers = &[],
    ];
    for change in changes {
        let mut facts = good();
        change(&mut facts);
        assert_eq!(reasons(&strict(), &facts), [""; 0]);
    }
    // A day as `to` still counts, in the contract's zone: 2024-06-03T09:00Z is 17:00 of that day in Shanghai.
    assert_eq!(reasons(&changed("to: 2024-12-30", "to: 2024-06-03"), &good()), [""; 0]);
}

/// The order of the table in `docs/semantics.md`; a missing region stands with the region's code.
const ORDER: &[&str] = &[
    "GATE_PARTNER_UNLISTED",
    "GATE_CONTRACT_FORBIDS",
    "GATE_CONTRACT_DATES",
    "GATE_NO_CONSENT",
    "GATE_OPT_OUT",
    "GATE_HARDSHIP",
    "GATE_DISPUTE",
    "GATE_COMPLAINT",
    "GATE_IN_COLLECTION",
    "GATE_SELF_EXCLUSION",
    "GATE_DECEASED",
    "GATE_MINOR",
    "GATE_DEADLINE",
    "EXC_PARTNER_STAFF",
    "EXC_TEST_ORDER",
    "EXC_EMPLOYER",
    "EXC_SEVERE_DPD",
    "EXC_COMPENSATED",
    "EXC_STUDENT",
    "EXC_ABUSE",
    "EXC_FRAUD",
    "EXC_COURT_FREEZE",
    "EXC_OWN_STAFF",
    "EXC_REGION",
    "DATA_MISSING",
    "DATA_VERDICT_EXPIRED",
    "EXC_RISK_BAND",
    "EXC_MULTI_LENDER",
    "EXC_DEBT_BURDEN",
    "EXC_NO_OFFER",
    "HOLD_PENDING",
    "HOLD_LIVE_CANDIDATE",
    "HOLD_FREQ_CAP",
    "HOLD_COOL_DOWN",
];

#[test]
fn all_failing_codes_are_given_in_the_order_of_the_table() {
    let listing = "from: 2024-01-01\n      to: 2024-12-31";
    let text = STRICT
        .replace(listing, "from: 2024-01-01\n      to: 2024-06-02")
        .replace("to: 2024-12-30", "to: 2024-06-02")
        .replace("    modes: [real_time]\n", "");
    let mut facts = good();
    facts.consent = None;
    facts.flags = u32::MAX;
    facts.now = AT.plus_ms(HOUR_MS);
    (facts.staff, facts.test_order, facts.employers) = (true, true, &["e1"]);
    facts.standing =
        Standing { dpd_now: 90, worst_dpd_24m: 90, late_months: u32::MAX, compensated: true, written_off: true };
    facts.region = None;
    facts.verdict = Some(verdict("Z", AT.plus_ms(-2 * DAY_MS), 1));
    (facts.lenders, facts.debt_burden_ppm) = (Some(9), Some(900_000));
    facts.kind = CandidateKind::UseOwnLimit;
    (facts.pending, facts.live) = (true, true);
    facts.offered_at = &[AT, AT_6_DAYS_AGO];
    assert_eq!(reasons(&parse(&text), &facts), ORDER);
    // The holdout is named alone, after all else has passed.
    let holdout = parse(&text.replace("share: 0 %", "share: 100 %"));
    assert_eq!(reasons(&holdout, &facts), ORDER);
    assert_eq!(holdout.judge(&facts).arm, Arm::Treatment);
    assert_eq!(changed("share: 0 %", "share: 100 %").judge(&good()).arm, Arm::Holdout);
}

proptest! {
    #[test]
    fn a_further_failing_fact_never_removes_a_reason(picks in proptest::collection::vec(0..CHANGES.len(), 1..12)) {
        let policy = strict();
        let (mut facts, mut groups, mut before) = (good(), Vec::new(), Vec::new());
        for (group, change, codes) in picks.iter().map(|pick| &CHANGES[*pick]) {
            if groups.contains(group) {
                continue;
            }
            groups.push(*group);
            change(&mut facts);
            let now = reasons(&policy, &facts);
            prop_assert!(before.iter().all(|code| now.contains(code)), "{before:?} → {now:?}");
            prop_assert!(codes.iter().all(|code| now.iter().any(|given| given == code)), "{codes:?} in {now:?}");
            let expected: usize = now.iter().collect::<std::collections::BTreeSet<_>>().len();
            prop_assert_eq!(expected, now.len(), "each code once");
            before = now;
        }
    }
}

#[test]
fn missing_data_never_passes() {
    let drops: &[Change] = &[
        |f| f.partner = "",
        |f| f.consent = None,
        |f| f.region = None,
        |f| f.verdict = None,
        |f| f.lenders = None,
        |f| f.debt_burden_ppm = None,
        |f| f.limit = PartnerLimit::default(),
        |f| f.limit.limit_minor = None,
        |f| f.limit.all_in_cost_ppm = None,
        |f| f.limit.term_months = None,
        |f| f.limit.repayment_method = None,
    ];
    for drop in drops {
        let mut facts = good();
        drop(&mut facts);
        assert!(!reasons(&strict(), &facts).is_empty());
    }
}

/// What a document may leave out: restrictions that are then not asked for, as docs/policy.md says, and what permits.
const OPTIONAL: &[&str] = &[
    "touchpoint",
    "modes",
    "drawdown_pass_floor",
    "regions",
    "staff",
    "employers",
    "max_lenders",
    "max_debt_burden",
    "holdout",
    "offers",
    "cost",
    "term_months",
    "repayment_method",
    "template",
    "must_confirm",
    "steps_skipped",
    // Without these the rest of their item is no YAML any more.
    "partner",
    "offer",
];

#[test]
fn every_other_key_must_be_there() {
    let lines: Vec<&str> = STRICT.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    let mut removed = 0;
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        let key = line.trim_start_matches([' ', '-']).split(':').next().unwrap();
        if OPTIONAL.contains(&key) {
            continue;
        }
        let below = lines[index + 1..].iter().take_while(|next| indent(next) > indent(line)).count();
        let rest = [&lines[..index], &lines[index + 1 + below..]].concat().join("\n");
        let problems = Policy::parse("strict.yaml", &rest).expect_err(key);
        assert!(
            problems.iter().any(|problem| problem.to_string().contains(&format!("`{key}`"))),
            "{key}: {problems:?}"
        );
        removed += 1;
    }
    assert!(removed > 40, "{removed} keys were removed in turn");
}

#[test]
fn without_modes_a_contract_permits_and_reserves_nothing() {
    let policy = Policy::parse("example.yaml", EXAMPLE).unwrap();
    let forbidden = policy.contract("p07").unwrap();
    assert!(!forbidden.real_time && !forbidden.offline && !forbidden.referral);
    assert_eq!((forbidden.quota_per_day, forbidden.guard.reserved_max), (0, 0));
    assert!(forbidden.guard.horizons.iter().all(|horizon| horizon.effect_max_ppm == 0));
    assert_eq!((forbidden.guard.below_min_n_max, forbidden.valid_for_ms, forbidden.answer_within_ms), (0, 0, 0));
}

#[test]
fn a_proposal_carries_what_the_policy_says() {
    let policy = strict();
    let contract = policy.contract("p01").unwrap();
    assert_eq!(contract.guard.drawdown_pass_floor_ppm, Some(700_000));
    let horizons = ["1h", "28d"].map(|name| Horizon::named(name, 12_500).unwrap());
    assert_eq!(contract.guard.horizons, horizons);
    assert_eq!(horizons.map(|horizon| horizon.length_ms), [HOUR_MS, 28 * DAY_MS]);
    assert!(contract.triggers_on_risk_passed);

    let judgement = policy.judge(&good());
    let terms = judgement.proposal().cloned().unwrap();
    assert_eq!(judgement.arm, Arm::Treatment);
    assert_eq!((terms.decide_by, terms.valid_for_ms), (AT.plus_ms(800), 1_800_000));
    assert_eq!((terms.offer.limit_minor, terms.offer.all_in_cost_ppm), (Some(1_200_001), Some(224_000)));
    assert_eq!(
        (terms.offer.term_months, terms.offer.repayment_method.as_deref()),
        (Some(12), Some("equal_instalment"))
    );
    assert_eq!(terms.offer.limit_mode, Some(LimitMode::Shared));
    assert_eq!(terms.delivery.touchpoint.as_deref(), Some("drawdown_page"));
    assert_eq!((terms.friction.must_confirm.len(), terms.friction.steps_skipped.len()), (1, 1));
    let texts = [terms.source_disclosure, terms.opt_out_link, terms.non_personalised_alternative];
    assert_eq!(texts.map(|text| text.unwrap().to_string()), ["source", "out", "all"]);
}

#[test]
fn an_excluded_flag_can_be_left_out_but_a_gate_cannot() {
    let policy = changed("  risk_bands", "  flags: [fraud]\n  risk_bands");
    let mut facts = good();
    set(&mut facts, Flag::Student);
    assert_eq!(reasons(&policy, &facts), [""; 0]);
    set(&mut facts, Flag::Fraud);
    set(&mut facts, Flag::Hardship);
    assert_eq!(reasons(&policy, &facts), ["GATE_HARDSHIP", "EXC_FRAUD"]);
}

#[test]
fn the_example_judges_its_market() {
    let policy = Policy::parse("example.yaml", EXAMPLE).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let partners: Vec<&str> = policy.contracts().iter().map(|contract| contract.partner.as_str()).collect();
    assert_eq!(partners, ["p01", "p02", "p03", "p04", "p05", "p06", "p07", "p08"]);
    let at = |partner: &'static str, kind, currency| {
        let mut facts = good();
        (facts.partner, facts.kind, facts.limit.currency, facts.customer) = (partner, kind, currency, "c-market-1");
        (facts.now, facts.region) = (AT, Some("r02"));
        facts.holdings.history.disbursed_elsewhere = u32::from(kind == CandidateKind::ReturningRt);
        facts.risk_bearing = Some(if partner == "p04" { RiskBearing::Enhanced } else { RiskBearing::Funder });
        facts.enhancer = (partner == "p04").then_some("guarantor-1");
        let judgement = policy.judge(&facts);
        let codes = judgement.reasons.iter().map(Text::to_string).collect::<Vec<_>>().join(" ");
        judgement.proposal().map_or(codes, |terms| terms.offer.offer.to_string())
    };
    let (new, returning) = (CandidateKind::NewRt, CandidateKind::ReturningRt);
    assert_eq!(at("p01", new, Some("CNY")), "welcome");
    assert_eq!(at("p02", returning, Some("CNY")), "come_home");
    assert_eq!(at("p03", CandidateKind::UseOwnLimit, Some("CNY")), "use_own");
    assert_eq!(at("p04", new, None), "welcome");
    assert_eq!(at("p05", new, Some("CNY")), "GATE_PARTNER_UNLISTED");
    assert_eq!(at("p06", new, Some("HKD")), "harbour");
    assert_eq!(at("p07", new, Some("CNY")), "GATE_CONTRACT_FORBIDS");
    assert_eq!(at("p08", new, Some("CNY")), "GATE_CONTRACT_FORBIDS");
    assert_eq!(at("p09", new, Some("CNY")), "DATA_UNKNOWN_PARTNER");
}
