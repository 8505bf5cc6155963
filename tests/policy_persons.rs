//! Rules on persons and of the document's own, models, grades, contact policy, experiments: judged and refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop where it stands")]

use proptest::prelude::*;
use reflow::domain::candidate::{Arm, CandidateKind, Source};
use reflow::domain::events::{ConsentPurpose, OwnProductState, RiskVerdict, Score};
use reflow::domain::policy_record::PolicyFile;
use reflow::domain::time::{DAY_MS, HOUR_MS};
use reflow::domain::words::Word;
use reflow::domain::{EventTime, PolicyRecord, Text};
use reflow::policy::conditions::Condition;
use reflow::policy::facts::{ConsentFact, ContactFact, Holdings, KnownAt, PartnerLimit, Person, Standing};
use reflow::policy::{Facts, Judgement, Policy, PolicySet};

const MINIMAL: &str = include_str!("../policies/minimal.yaml");
const EXAMPLE: &str = include_str!("../policies/persons.yaml");

static SOURCE: Source = Source { topic: Text::const_new("t"), partition: 0, offset: 1, event_id: Text::const_new("e") };

/// 2024-06-03T09:00:00Z, 17:00 in Shanghai.
const AT: EventTime = EventTime(1_717_405_200_000);

/// The minimal document with more exclusions, another contact policy, and more parts.
fn document(exclusions: &str, contact: &str, parts: &str) -> String {
    let contracts = "quota_per_day: 100\n    data_use: [selection]";
    let text = MINIMAL.replacen("quota_per_day: 100", contracts, 1);
    let text = text.replacen("  risk_bands: [A, B]\n", &format!("  risk_bands: [A, B]\n{exclusions}"), 1);
    let text = text.replacen("  cool_down: 7d\n", &format!("  cool_down: 7d\n{contact}"), 1);
    format!("{text}{parts}")
}

fn policy(exclusions: &str, contact: &str, parts: &str) -> Policy {
    let text = document(exclusions, contact, parts);
    Policy::parse("p.yaml", &text).unwrap_or_else(|problems| panic!("{}", said(&problems).join("\n")))
}

fn said(problems: &[reflow::policy::Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// What is said of a document, without the places that a test of places does not need.
fn refused(exclusions: &str, contact: &str, parts: &str) -> Vec<String> {
    let text = document(exclusions, contact, parts);
    said(&Policy::parse("p.yaml", &text).expect_err("refused"))
}

fn score(value_ppm: i64) -> Option<Score<'static>> {
    Some(Score { model: "s", version: "1", value_ppm, scored_at: AT.plus_ms(-DAY_MS) })
}

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
        limit: PartnerLimit { limit_minor: Some(1_000_000), currency: Some("CNY"), ..PartnerLimit::default() },
        consent: Some(ConsentFact { consent: "k1", text_version: "v1", given_at: AT, withdrawn_at: None }),
        flags: 0,
        staff: false,
        test_order: false,
        employers: &[],
        region: Some("r02"),
        standing: Standing::default(),
        verdict: Some(RiskVerdict {
            model: "m",
            version: "1",
            band: "B",
            decided_at: AT.plus_ms(-DAY_MS),
            valid_days: 30,
        }),
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
        person: Person {
            risk: score(50_000),
            response: score(200_000),
            zone: Some("Asia/Shanghai"),
            purposes: 1 << ConsentPurpose::MarketingOwn.ordinal(),
            bureau_given_at: Some(AT.plus_ms(-10 * DAY_MS)),
            known_at: KnownAt { region: Some(AT.plus_ms(-5 * DAY_MS)), lenders: Some(AT), ..KnownAt::default() },
            ..Person::default()
        },
    }
}

fn with(change: impl FnOnce(&mut Facts<'static>)) -> Facts<'static> {
    let mut facts = good();
    change(&mut facts);
    facts
}

fn judged(policy: &Policy, facts: &Facts<'_>) -> Judgement {
    let judgement = policy.judge(facts);
    assert_eq!(judgement.proposal().is_some(), judgement.reasons.is_empty(), "a proposal exactly when nothing fails");
    let failed = judgement.checks.iter().filter(|check| !check.passed).map(|check| check.code.to_text());
    let failed: Vec<Text> = failed.collect();
    assert!(judgement.reasons.iter().all(|reason| failed.contains(reason)), "each reason has a failed check");
    assert!(failed.iter().all(|code| judgement.reasons.contains(code)), "each failed check gives its reason");
    judgement
}

fn reasons(policy: &Policy, facts: &Facts<'_>) -> Vec<String> {
    judged(policy, facts).reasons.iter().map(Text::to_string).collect()
}

/// Subjects of the failed checks.
fn failed(policy: &Policy, facts: &Facts<'_>) -> Vec<String> {
    let judgement = judged(policy, facts);
    judgement.checks.iter().filter(|check| !check.passed).map(|check| check.subject.to_string()).collect()
}

// --- Consents ---------------------------------------------------------------------------------------------------------

#[test]
fn a_consent_counts_by_a_text_that_is_named_and_while_it_counts() {
    let texts =
        |first: &str, second: &str| format!("consent_texts: [{{version: v1, {first}}}, {{version: v2, {second}}}]\n");
    let of = |texts: &str| reasons(&policy("", "", texts), &good());
    let (none, no) = (Vec::<String>::new(), vec!["GATE_NO_CONSENT".to_owned()]);
    assert_eq!(of(""), none, "any text, where none is named");
    assert_eq!(of(&texts("from: 2024-06-03, to: 2024-06-03", "from: 2024-06-04, to: open")), none);
    assert_eq!(of(&texts("from: 2024-06-04, to: open", "from: 2024-01-01, to: open")), no);
    assert_eq!(of(&texts("from: 2024-01-01, to: 2024-06-02", "from: 2024-01-01, to: open")), no);
    assert_eq!(of("consent_texts: [{version: v2, from: 2024-01-01, to: open}]\n"), no);
    let twice = texts("from: 2024-01-01, to: open", "from: 2024-01-01, to: open").replace("v2", "v1");
    assert_eq!(refused("", "", &twice).len(), 1);
}

// --- Persons ----------------------------------------------------------------------------------------------------------

const PERSONS: &str =
    "  test_orders: {purpose: tests, owner: risk, source: register, expires: 2024-12-31, tokens: [t1]}
  own_staff: {purpose: staff, owner: compliance, source: register, expires: 2024-12-31, tokens: [o1]}
  related_parties: {purpose: law, owner: compliance, source: register, expires: 2024-12-31, tokens: [r1]}
  own_declined_days: 90
  own_overdue: {reported_as: own, dpd_above: 3}
  restructured: exclude
  bureau_authorisation_days: 30
  max_age_days: {region: 5, lenders: 30}
";

#[test]
fn each_rule_on_persons_gives_its_code_at_its_boundary() {
    let policy = policy(PERSONS, "", "");
    assert_eq!(reasons(&policy, &good()), Vec::<String>::new());
    type Change = fn(&mut Facts<'static>);
    let declined: Change = |f| {
        (f.own_product, f.person.own_declined_at) = (Some(OwnProductState::Declined), Some(AT.plus_ms(-90 * DAY_MS)));
    };
    let cases: &[(Change, &[&str])] = &[
        (|f| f.customer = "t1", &["EXC_TEST_ORDER"]),
        (|f| f.customer = "o1", &["EXC_OWN_STAFF"]),
        (|f| f.customer = "r1", &["EXC_RELATED_PARTY"]),
        (declined, &[]),
        (
            |f| {
                (f.own_product, f.person.own_declined_at) =
                    (Some(OwnProductState::Declined), Some(AT.plus_ms(-90 * DAY_MS + 1)));
            },
            &["EXC_OWN_DECLINED"],
        ),
        // Said to have none since: the decline counts on. Said to have one: it is over.
        (
            |f| (f.own_product, f.person.own_declined_at) = (Some(OwnProductState::None), Some(AT)),
            &["EXC_OWN_DECLINED"],
        ),
        (|f| (f.own_product, f.person.own_declined_at) = (Some(OwnProductState::Closed), Some(AT)), &[]),
        // Declined at an unknown time counts as just now.
        (|f| f.own_product = Some(OwnProductState::Declined), &["EXC_OWN_DECLINED"]),
        (|f| f.person.overdue = &[("own", 3), ("p01", 20)], &[]),
        (|f| f.person.overdue = &[("own", 4)], &["EXC_OWN_OVERDUE"]),
        (|f| f.person.restructured = true, &["EXC_RESTRUCTURED"]),
        (|f| f.person.bureau_given_at = None, &["GATE_BUREAU_AUTHORISATION"]),
        (|f| f.person.bureau_given_at = Some(AT.plus_ms(-31 * DAY_MS)), &["GATE_BUREAU_AUTHORISATION"]),
        (|f| f.person.known_at.region = Some(AT.plus_ms(-6 * DAY_MS)), &["DATA_STALE"]),
        (
            |f| (f.event_time, f.now) = (AT.plus_ms(365 * DAY_MS), AT.plus_ms(365 * DAY_MS)),
            // The lists have run out, the verdict and what is known are too old.
            &["DATA_MISSING", "DATA_VERDICT_EXPIRED", "GATE_BUREAU_AUTHORISATION", "DATA_STALE"],
        ),
    ];
    for (change, codes) in cases {
        assert_eq!(reasons(&policy, &with(*change)), *codes);
    }
    // Without these keys none of it is asked.
    for (change, _) in cases.iter().take(cases.len() - 1) {
        assert_eq!(reasons(&self::policy("", "", ""), &with(*change)), Vec::<String>::new());
    }
}

// --- The document's own rules -----------------------------------------------------------------------------------------

const RULES: &str = r#"  rules:
    - code: EXC_MANY_LENDERS_NEWCOMER
      text: {en: Too many lenders for a newcomer, zh: 新客多头过高}
      owner: business
      severity: soft
      when: kind == "new_rt" && lenders > 5
    - code: EXC_RECENT_WORK_OUT
      text: {en: Recently restructured, zh: 近期重组}
      owner: risk
      severity: hard
      when: restructured || worst_dpd_24m >= 45
    - code: EXC_BURDEN
      text: {en: Burden, zh: 负债}
      owner: compliance
      severity: soft
      partners: [p01]
      when: debt_burden_ppm > 800000
  lifts:
    - lift: vip
      owner: compliance
      reason: Served by a person
      codes: [EXC_MANY_LENDERS_NEWCOMER, EXC_BURDEN]
      when: '"vip" in tags'
"#;

#[test]
fn rules_of_the_document_are_judged_and_only_soft_ones_are_lifted() {
    static VIP: [Text; 1] = [Text::const_new("vip")];
    let policy = policy(RULES, "", "");
    assert_eq!(reasons(&policy, &good()), Vec::<String>::new());
    assert_eq!(reasons(&policy, &with(|f| f.lenders = Some(6))), ["EXC_MANY_LENDERS_NEWCOMER"]);
    let both = |f: &mut Facts<'static>| (f.lenders, f.standing.worst_dpd_24m) = (Some(6), 45);
    // Hard ones come first, whatever the order of the document.
    assert_eq!(reasons(&policy, &with(both)), ["EXC_RECENT_WORK_OUT", "EXC_MANY_LENDERS_NEWCOMER"]);
    let vip = |f: &mut Facts<'static>| {
        both(f);
        f.person.tags = Some(&VIP);
    };
    let lifted = judged(&policy, &with(vip));
    assert_eq!(lifted.reasons, ["EXC_RECENT_WORK_OUT"]);
    assert!(
        lifted
            .checks
            .iter()
            .any(|check| check.code == "EXC_MANY_LENDERS_NEWCOMER" && check.subject == "vip" && check.passed)
    );
    // The texts are there for whoever explains a no.
    let rule = policy.rules().rules.iter().find(|rule| rule.code == "EXC_BURDEN").unwrap();
    assert_eq!((rule.text_en.as_str(), rule.text_zh.as_str()), ("Burden", "负债"));
}

#[test]
fn a_lift_by_an_unapproved_score_lifts_nothing() {
    let rules = RULES.replacen("when: '\"vip\" in tags'", "when: response_score > 100000", 1);
    let many = |f: &mut Facts<'static>| f.lenders = Some(6);
    assert_eq!(reasons(&policy(&rules, "", MODELS), &with(many)), Vec::<String>::new());
    let stale = |f: &mut Facts<'static>| {
        many(f);
        f.person.response.as_mut().unwrap().scored_at = AT.plus_ms(-11 * DAY_MS);
    };
    assert_eq!(reasons(&policy(&rules, "", MODELS), &with(stale)), ["EXC_MANY_LENDERS_NEWCOMER"]);
    // Nor may it read what the partner supplied without the contract's word.
    let region = document(&RULES.replacen("when: '\"vip\" in tags'", "when: region == 'r01'", 1), "", "");
    let found = Policy::parse("p.yaml", &region.replacen("    data_use: [selection]\n", "", 1)).expect_err("refused");
    assert!(said(&found)[0].contains("`region`, which the partner supplied"), "{found:?}");
}

#[test]
fn what_a_rule_needs_and_does_not_know_fails_closed_by_name() {
    let policy = policy(RULES, "", "");
    let unknown = with(|f| f.lenders = None);
    assert_eq!(reasons(&policy, &unknown), ["DATA_MISSING"]);
    assert_eq!(failed(&policy, &unknown), ["lenders"]);
    assert_eq!(failed(&policy, &with(|f| f.debt_burden_ppm = None)), ["debt_burden_ppm"]);
    // Not needed for a customer who returns: settled without it.
    let settled = with(|f| (f.lenders, f.kind) = (None, CandidateKind::ReturningRt));
    assert_eq!(reasons(&policy, &settled), Vec::<String>::new());
}

#[test]
fn what_a_cheap_rule_refused_is_not_asked_again_in_cel() {
    let policy = policy(RULES, "", "");
    let judgement = judged(&policy, &with(|f| (f.lenders, f.consent) = (Some(6), None)));
    assert_eq!(judgement.reasons, ["GATE_NO_CONSENT"]);
    assert!(judgement.checks.iter().all(|check| check.code != "EXC_MANY_LENDERS_NEWCOMER"));
}

#[test]
fn nothing_of_marketing_reaches_around_a_hard_rule() {
    let lift = |owner: &str, code: &str| {
        format!(
            "{}\n    - {{lift: x, owner: {owner}, reason: sales, codes: [{code}], when: lenders > 1}}\n",
            RULES.trim_end()
        )
    };
    let next = |lines: Vec<String>| {
        lines.iter().map(|line| line.split(": found ").nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        next(refused(&lift("risk", "EXC_RECENT_WORK_OUT"), "", "")),
        [
            "`EXC_RECENT_WORK_OUT`, expected a soft rule (nothing lifts a hard one); remove it, or let the owner make the rule soft"
        ]
    );
    assert_eq!(
        next(refused(&lift("risk", "EXC_SEVERE_DPD"), "", "")),
        [
            "`EXC_SEVERE_DPD`, expected a soft rule of this document; remove it: nothing lifts what the code itself demands"
        ]
    );
    assert_eq!(
        next(refused(&lift("business", "EXC_BURDEN"), "", "")),
        ["`EXC_BURDEN`, expected a rule that business owns; let risk or compliance own the lift"]
    );
    let hard = RULES.replacen("owner: risk", "owner: business", 1);
    assert_eq!(
        next(refused(&hard, "", "")),
        ["`hard`, expected `soft` (hard rules are owned by risk or compliance); change the owner or the severity"]
    );
    let gate = RULES.replace("EXC_BURDEN", "GATE_BURDEN");
    assert_eq!(
        next(refused(&gate, "", ""))[0],
        "a soft gate, expected `hard` (a gate is law or contract); make it hard, or give it an EXC_ code"
    );
    let taken = RULES.replacen("severity: soft\n      partners", "severity: hard\n      partners", 1);
    let taken = taken.replacen("code: EXC_BURDEN", "code: GATE_OPT_OUT", 1).replacen(", EXC_BURDEN", "", 1);
    assert_eq!(
        next(refused(&taken, "", "")),
        ["`GATE_OPT_OUT`, expected a code of its own; choose another: this one has a meaning already"]
    );
}

/// One rule whose condition is written like this.
fn rule(when: &str) -> String {
    format!(
        "  rules:\n    - code: EXC_X_Y_Z\n      text: {{en: x, zh: x}}\n      owner: risk\n      severity: hard\n      when: {when}\n"
    )
}

#[test]
fn a_fault_in_a_condition_is_placed_at_its_word_however_it_is_written() {
    // `when:` stands on line 34 and its value begins in column 13.
    let cases = [
        ("lenders > 3 && lander > 1", "p.yaml:34:28:"),
        ("'region == \"上海\" && lander > 1'", "p.yaml:34:32:"),
        ("\"region == 'a' && lander > 1\"", "p.yaml:34:31:"),
        ("\"region == \\\"a\\\" && lander > 1\"", "p.yaml:34:33:"),
        ("|\n        lenders > 3 &&\n          lander > 1", "p.yaml:36:11:"),
        (">-\n        lenders > 3 &&\n        lander > 1", "p.yaml:36:9:"),
        ("lenders > 3\n        && lander > 1", "p.yaml:35:12:"),
        ("'region == ''a'' && lander > 1'", "p.yaml:34:33:"),
    ];
    for (when, place) in cases {
        let found = refused(&rule(when), "", "");
        assert!(found.len() == 1 && found[0].starts_with(place) && found[0].contains("`lander`"), "{when}: {found:?}");
    }
    assert_eq!(
        refused(&rule("sex == 'f'"), "", ""),
        ["p.yaml:34:13: found `sex`, expected no protected attribute, for any purpose; remove the rule"]
    );
    let both = rule("lenders > 3")
        + "    - code: EXC_X_Y_Z\n      text: {en: x, zh: x}\n      owner: risk\n      severity: hard\n      when: lenders > 1\n";
    assert!(refused(&both, "", "")[0].contains("`EXC_X_Y_Z` again"));
}

#[test]
fn partner_supplied_data_needs_the_contracts_word() {
    let reads = rule("region == 'r09'");
    policy(&reads, "", "");
    let text = document(&reads, "", "").replacen("    data_use: [selection]\n", "", 1);
    let found = said(&Policy::parse("p.yaml", &text).expect_err("refused"));
    assert_eq!(
        found,
        ["p.yaml:33:13: found `region`, which the partner supplied, expected `selection` in the `data_use` of `p01`; \
          agree on that use with the partner, name other `partners`, or remove the rule"]
    );
    // What is the lender's own needs nobody's word.
    let own = document(&rule("dpd_now > 3"), "", "").replacen("    data_use: [selection]\n", "", 1);
    Policy::parse("p.yaml", &own).unwrap();
}

// --- Models -----------------------------------------------------------------------------------------------------------

const MODELS: &str = r#"models:
  - {model: m, version: "1", owner: a, approver: b, from: 2024-01-01, to: 2024-12-31, max_age_days: 30, purposes: [verdict], inputs: [own, bureau]}
  - {model: s, version: "1", owner: a, approver: b, from: 2024-01-01, to: 2024-12-31, max_age_days: 10, purposes: [risk, response], inputs: [own]}
"#;

#[test]
fn only_approved_models_count() {
    let scored = rule("risk_score > 500000 || response_score > 900000");
    let policy = policy(&scored, "", MODELS);
    assert_eq!(reasons(&policy, &good()), Vec::<String>::new());
    let of = |change: fn(&mut Facts<'static>)| (reasons(&policy, &with(change)), failed(&policy, &with(change)));
    let one = |code: &str, subject: &str| (vec![code.to_owned()], vec![subject.to_owned()]);
    assert_eq!(of(|f| f.verdict.as_mut().unwrap().version = "2"), one("DATA_MODEL_UNAPPROVED", "verdict_model"));
    // Registered, but not for this.
    assert_eq!(of(|f| f.verdict.as_mut().unwrap().model = "s"), one("DATA_MODEL_UNAPPROVED", "verdict_model"));
    assert_eq!(of(|f| f.person.risk.as_mut().unwrap().model = "m"), one("DATA_MODEL_UNAPPROVED", "risk_model"));
    assert_eq!(
        of(|f| f.person.response.as_mut().unwrap().scored_at = AT.plus_ms(-11 * DAY_MS)),
        one("DATA_STALE", "response_score_age")
    );
    // After its last day.
    let later = |f: &mut Facts<'static>| {
        f.event_time = AT.plus_ms(365 * DAY_MS);
        (f.now, f.verdict.as_mut().unwrap().decided_at) = (f.event_time, f.event_time);
    };
    assert_eq!(reasons(&policy, &with(later)), ["DATA_MODEL_UNAPPROVED"]);
    // Without the part nobody asks; and what no rule reads needs no approval.
    assert_eq!(reasons(&self::policy("", "", ""), &with(later)), Vec::<String>::new());
    assert_eq!(
        reasons(&self::policy("", "", MODELS), &with(|f| f.person.risk.as_mut().unwrap().model = "m")),
        Vec::<String>::new()
    );
}

#[test]
fn a_registry_is_refused_where_it_approves_itself() {
    let found = refused("", "", &MODELS.replacen("approver: b", "approver: A", 1));
    assert!(found.len() == 1 && found[0].contains("found `A`, expected another person than the owner"), "{found:?}");
    let found = refused("", "", &MODELS.replacen("model: s", "model: m", 1));
    assert!(found[0].contains("`m 1` again"), "{found:?}");
    let supplied = document("", "", &MODELS.replacen("bureau", "partner_supplied", 1)).replacen(
        "    data_use: [selection]\n",
        "",
        1,
    );
    let found = said(&Policy::parse("p.yaml", &supplied).expect_err("refused"));
    assert!(
        found[0].contains(
            "found a model made from what partners supplied, expected `selection` in the `data_use` of `p01`"
        )
    );
}

#[test]
fn deciles_are_nine_growing_edges_and_shares_that_add_up() {
    let with = |keys: &str| MODELS.replacen("model: s,", &format!("model: s, {keys},"), 1);
    let edges = "deciles: [-5, 20, 30, 40, 50, 60, 70, 80, 90]";
    let read = policy("", "", &with(edges));
    let deciles = read.deciles("s", "1").expect("stated");
    assert_eq!((deciles.edges[0], deciles.reference_ppm, deciles.alert_ppm), (-5, [100_000; 10], 250_000));
    assert!(read.deciles("m", "1").is_none() && read.deciles("s", "2").is_none());
    let shares = "reference_ppm: [910000, 10000, 10000, 10000, 10000, 10000, 10000, 10000, 10000, 10000]";
    let read = policy("", "", &with(&format!("{edges}, {shares}, psi_alert_ppm: 100000")));
    let deciles = read.deciles("s", "1").expect("stated");
    assert_eq!((deciles.reference_ppm[0], deciles.alert_ppm), (910_000, 100_000));
    for (keys, expected) in [
        ("deciles: [10, 20, 30, 40, 50, 60, 70, 80]".to_owned(), "nine growing edges"),
        ("deciles: [10, 20, 30, 40, 50, 60, 70, 80, 80]".to_owned(), "nine growing edges"),
        (format!("{edges}, reference_ppm: [500000, 500000]"), "ten shares that add up to 1000000"),
        (format!("{edges}, {}", shares.replacen("910000", "900000", 1)), "ten shares that add up to 1000000"),
        ("psi_alert_ppm: 100000".to_owned(), "`deciles` beside it"),
    ] {
        let found = refused("", "", &with(&keys));
        assert!(found.len() == 1 && found[0].contains(expected), "{keys}: {found:?}");
    }
}

/// A version of the policy above whose model `s 1` is watched by these edges.
fn watched(version: u32, edges: &str) -> (String, Policy) {
    let text = document("", "", &MODELS.replacen("model: s,", &format!("model: s, {edges}"), 1))
        .replacen("version: \"1\"", &format!("version: v{version}"), 1)
        .replacen("2024-01-01T", &format!("2024-01-{version:02}T"), 1);
    let read = Policy::parse(&format!("v{version}.yaml"), &text).expect("a policy");
    (text, read)
}

#[test]
fn no_policy_states_other_deciles_for_a_model_that_is_counted_already() {
    let (first, other) = ("deciles: [1, 2, 3, 4, 5, 6, 7, 8, 9],", "deciles: [1, 2, 3, 4, 5, 6, 7, 8, 10],");
    let shares =
        format!("{first} reference_ppm: [910000, 10000, 10000, 10000, 10000, 10000, 10000, 10000, 10000, 10000],");
    let of = |edges: &[&str]| {
        let all = (1..).zip(edges).map(|(version, edges)| watched(version, edges).1).collect();
        PolicySet::new(all).map(|_| ()).map_err(|found| said(&found))
    };
    // The same edges again, with another reference, or none for a while.
    assert_eq!(of(&[first, first, &shares, "", first]), Ok(()));
    // A version in between that states none forgets nothing.
    let found = of(&[first, "", other]).expect_err("refused");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("v3.yaml:") && found[0].contains("other `deciles` of `s 1`"), "{found:?}");
    assert!(found[0].contains("(v1.yaml:"), "{found:?}");
    // In the log the last good one stays, and it is told why.
    let record = |version: u32, edges: &str| {
        let (text, read) = watched(version, edges);
        PolicyRecord {
            version: read.version,
            hash: read.hash,
            effective_from: read.effective_from,
            files: vec![PolicyFile { file: format!("v{version}.yaml"), text }],
            head: None,
            again: None,
            published_at: read.effective_from,
        }
    };
    let log = PolicySet::of_log().with(0, Ok(record(1, first))).with(1, Ok(record(2, other)));
    assert_eq!(log.newest().map(|policy| policy.version.as_str()), Some("v1"));
    let told: Vec<&str> = log.rejected_since(0).map(|rejected| rejected.detail.as_str()).collect();
    assert!(told.len() == 1 && told[0].contains("give the model another version"), "{told:?}");
    assert_eq!(log.with(2, Ok(record(3, first))).newest().map(|policy| policy.version.as_str()), Some("v3"));
}

// --- Grades -----------------------------------------------------------------------------------------------------------

const GRADING: &str = "grading:
  strong:
    - {rule: late_now, when: dpd_now > 10, grade: C}
    - {rule: written_off, when: written_off, grade: D}
  weak:
    - {rule: lenders, when: lenders > 4, points: 10}
    - {rule: burden, when: debt_burden_ppm > 600000, points: 15}
  points_from: {B: 10, C: 20, D: 40}
  risk_score_from: {B: 10 %, C: 30 %, D: 60 %}
  look_every: {A: 90d, B: 30d, C: 7d, D: 1d}
  offer_to: [A, B]
  treatments:
    - {treatment: find, action: check_phone, grades: [C, D], reach: [unknown]}
    - {treatment: relief, action: reduce_fees, grades: [C, D], reach: [reachable], share: 30 %}
    - {treatment: remind, action: remind, grades: [C, D], reach: [unreachable], channels: [ivr, sms, robot]}
    - {treatment: more, action: raise_limit, grades: [A], share: 20 %, when: own_limit_minor > 0}
";

#[test]
fn grades_take_the_worst_of_strong_rules_points_and_score() {
    let policy = policy("", "", GRADING);
    let grade = |change: fn(&mut Facts<'static>)| policy.grade(&with(change)).unwrap().name();
    assert_eq!(grade(|_| ()), "A");
    assert_eq!(grade(|f| f.lenders = Some(5)), "B");
    assert_eq!(grade(|f| (f.lenders, f.debt_burden_ppm) = (Some(5), Some(600_001))), "C");
    assert_eq!(grade(|f| f.standing.dpd_now = 11), "C");
    assert_eq!(grade(|f| f.standing.written_off = true), "D");
    assert_eq!(grade(|f| f.person.risk = score(299_999)), "B");
    assert_eq!(grade(|f| f.person.risk = score(300_000)), "C");
    // What is not known counts against the grade.
    assert_eq!(grade(|f| f.person.risk = None), "D");
    assert_eq!(grade(|f| f.debt_burden_ppm = None), "B");
    // So does a score of a model nobody approved.
    let registered = self::policy("", "", &format!("{GRADING}{MODELS}"));
    assert_eq!(registered.grade(&good()).unwrap().name(), "A");
    assert_eq!(registered.grade(&with(|f| f.person.risk.as_mut().unwrap().version = "2")).unwrap().name(), "D");
    assert_eq!(self::policy("", "", "").grade(&good()), None);
    let grading = policy.grading().unwrap();
    assert_eq!(grading.look_every_ms(policy.grade(&good()).unwrap()), 90 * DAY_MS);
}

#[test]
fn the_grade_decides_who_is_offered_something_and_how_others_are_treated() {
    let policy = policy("", "", GRADING);
    let offered = judged(&policy, &with(|f| f.lenders = Some(5)));
    assert_eq!(offered.proposal().and_then(|terms| terms.grade.clone()).as_deref(), Some("B"));
    assert_eq!(reasons(&policy, &with(|f| f.standing.dpd_now = 11)), ["EXC_GRADE"]);
    let treated = |change: fn(&mut Facts<'static>)| -> Vec<String> {
        policy.treatments(&with(change)).iter().map(|treatment| treatment.treatment.to_string()).collect()
    };
    assert_eq!(treated(|_| ()), Vec::<String>::new());
    assert_eq!(treated(|f| f.person.own_limit_minor = Some(1)), ["more"]);
    assert_eq!(treated(|f| f.standing.dpd_now = 11), ["find"]);
    assert_eq!(treated(|f| (f.standing.dpd_now, f.person.reachable) = (11, Some(true))), ["relief"]);
    assert_eq!(treated(|f| (f.standing.dpd_now, f.person.reachable) = (11, Some(false))), ["remind"]);
}

#[test]
fn grading_is_refused_where_it_gives_more_credit_to_the_risky_or_its_steps_fall() {
    let found = refused("", "", &GRADING.replacen("grades: [A], share", "grades: [A, C], share", 1));
    assert!(found.len() == 1 && found[0].contains("expected grades A or B (low risk)"), "{found:?}");
    let found = refused("", "", &GRADING.replacen("C: 20, D: 40", "C: 50, D: 40", 1));
    assert!(found.len() == 1 && found[0].contains("expected steps that grow from B to D"), "{found:?}");
    let found = refused("", "", &GRADING.replacen("lenders > 4", "lender > 4", 1));
    assert!(found.len() == 1 && found[0].contains("perhaps lenders is meant"), "{found:?}");
    let found = refused("", "", &GRADING.replacen(", share: 30 %", "", 1));
    assert!(found.len() == 1 && found[0].contains("found a treatment without `share`"), "{found:?}");
}

// --- Contact ----------------------------------------------------------------------------------------------------------

const CONTACT: &str = r#"  calendar: {week: 1}
  contacts: {count: 2, window: 7d}
  zone: Asia/Shanghai
  quiet_hours:
    from: "20:00"
    to: "09:00"
    holidays: {source: State council, expires: 2024-12-31, days: [2024-06-10]}
  permissions:
    - {channel: sms, consent: marketing_own}
  response_from: 10 %
"#;

/// The same document, but the offer reaches out.
fn reaching(channels: &str) -> Policy {
    let text = document("", CONTACT, "").replacen("channels: [page]", &format!("channels: {channels}"), 1);
    Policy::parse("p.yaml", &text).unwrap_or_else(|problems| panic!("{}", said(&problems).join("\n")))
}

#[test]
fn contacts_are_held_where_nothing_else_leads_to_the_customer() {
    let (sms, page) = (reaching("[sms]"), reaching("[page]"));
    static TWICE: [ContactFact<'static>; 2] =
        [ContactFact { at: AT, channel: None }, ContactFact { at: AT, channel: Some("sms") }];
    type Change = fn(&mut Facts<'static>);
    let night: Change = |f| (f.event_time, f.now) = (AT.plus_ms(4 * HOUR_MS), AT.plus_ms(4 * HOUR_MS));
    let holiday: Change = |f| (f.event_time, f.now) = (AT.plus_ms(7 * DAY_MS), AT.plus_ms(7 * DAY_MS));
    let no_table: Change = |f| {
        (f.event_time, f.now) = (AT.plus_ms(250 * DAY_MS), AT.plus_ms(250 * DAY_MS));
        f.verdict.as_mut().unwrap().decided_at = f.now;
    };
    let cases: &[(Change, &[&str])] = &[
        (|_| (), &[]),
        (night, &["GATE_QUIET_HOURS"]),
        (holiday, &["GATE_QUIET_HOURS"]),
        (no_table, &["DATA_MISSING"]),
        (|f| f.person.purposes = 0, &["GATE_CHANNEL"]),
        (|f| f.person.response = score(99_999), &["HOLD_LOW_RESPONSE"]),
        (|f| f.person.response = None, &["DATA_MISSING"]),
        (|f| f.person.contacts = &TWICE, &["HOLD_FREQ_CAP"]),
    ];
    for (change, codes) in cases {
        assert_eq!(reasons(&sms, &with(*change)), *codes);
        // On our own page, which the customer has opened, it is no contact.
        assert_eq!(reasons(&page, &with(*change)), Vec::<String>::new());
    }
    // By day where the customer is.
    let abroad = with(|f| {
        night(f);
        f.person.zone = Some("Europe/Lisbon");
    });
    assert_eq!(reasons(&sms, &abroad), Vec::<String>::new());
    // A zone that nobody knows: the document's.
    let nowhere = with(|f| {
        night(f);
        f.person.zone = Some("Nowhere/At_All");
    });
    assert_eq!(reasons(&sms, &nowhere), ["GATE_QUIET_HOURS"]);
}

#[test]
fn a_candidate_says_when_and_by_what_it_may_reach_out() {
    let both = reaching("[page, sms]");
    let terms = judged(&both, &good()).proposal().cloned().unwrap();
    assert_eq!(terms.delivery.channels, ["page", "sms"]);
    let windows: Vec<_> = terms.send_windows.iter().map(|window| (window.from, window.to)).collect();
    assert_eq!(windows, [(AT.plus_ms(100), AT.plus_ms(100 + HOUR_MS / 2))]);
    // At night the page alone is left.
    let night = with(|f| (f.event_time, f.now) = (AT.plus_ms(4 * HOUR_MS), AT.plus_ms(4 * HOUR_MS)));
    let terms = judged(&both, &night).proposal().cloned().unwrap();
    assert_eq!((terms.delivery.channels, terms.send_windows), (vec![Text::from("page")], Vec::new()));
}

#[test]
fn a_calendar_cap_begins_with_the_customers_week() {
    let policy = reaching("[page]");
    // Monday 17:00 in Shanghai; a cool-down of 7 days would hold too, so it is made short.
    let text = document("", CONTACT, "").replacen("cool_down: 7d", "cool_down: 1s", 1);
    let short = Policy::parse("p.yaml", &text).unwrap();
    static MONDAY: [EventTime; 1] = [EventTime(AT.0 - 17 * HOUR_MS)];
    static SUNDAY: [EventTime; 1] = [EventTime(AT.0 - 17 * HOUR_MS - 1)];
    assert_eq!(reasons(&short, &with(|f| f.offered_at = &MONDAY)), ["HOLD_FREQ_CAP"]);
    assert_eq!(reasons(&short, &with(|f| f.offered_at = &SUNDAY)), Vec::<String>::new());
    assert_eq!(reasons(&policy, &with(|f| f.offered_at = &SUNDAY)), ["HOLD_COOL_DOWN"]);
}

#[test]
fn texts_that_name_a_partner_or_compare_are_refused() {
    let templates = |en: &str, zh: &str| {
        format!(
            "templates:\n  partner_names: [Lantern Pay]\n  texts:\n    - template: t_home\n      en: {en}\n      zh: {zh}\n"
        )
    };
    policy("", "", &templates("Your own credit, at our price", "比例与费用见合同"));
    for (en, zh, found) in [
        ("Leave lantern pay today", "自营额度", "found `Lantern Pay`, a partner, expected no partner's name"),
        ("Not p01 but us", "自营额度", "found `p01`, a partner"),
        ("Cheaper than before", "自营额度", "found `cheaper than`, expected no comparison with another's product"),
        ("Our credit", "额度高于其他平台", "found `其他平台`"),
    ] {
        let problems = refused("", "", &templates(en, zh));
        assert!(problems.iter().any(|problem| problem.contains(found)), "{problems:?}");
    }
    let placed = refused("", "", &templates("Not p01 but us", "自营"));
    assert!(placed[0].starts_with("p.yaml:48:15:"), "{placed:?}");
    // A word that only begins like a token is none.
    policy("", "", &templates("See p0123 in the contract", "自营"));
}

// --- Experiments ------------------------------------------------------------------------------------------------------

const TRIAL: &str = "experiments:
  salt: trial-1
  campaigns:
    - {campaign: home_coming, holdout: 10 %}
  challengers:
    - {challenger: second, share: 20 %, offers: [special]}
holdout: {salt: h, share: 5 %}
";

#[test]
fn a_challenger_is_offered_its_variation_and_the_arm_is_recorded() {
    let special = "offers:\n  - {offer: special, code: S-01, product: own_cash, kinds: [new_rt], currency: CNY, limit: same, channels: [page]}\n";
    let text = document("", "", TRIAL).replacen("offers:\n", special, 1);
    let policy = Policy::parse("p.yaml", &text).unwrap();
    let customers: Vec<String> = (0..2_000).map(|n| format!("c{n}")).collect();
    let mut arms = [0_u32; 3];
    for customer in &customers {
        let facts = Facts { customer, ..good() };
        let judgement = judged(&policy, &facts);
        arms[judgement.arm.ordinal()] += 1;
        let offer = judgement.proposal().map(|terms| terms.offer.offer.clone());
        match judgement.arm {
            Arm::Challenger => assert_eq!(offer.as_deref(), Some("special")),
            Arm::Treatment => assert_eq!(offer.as_deref(), Some("welcome")),
            Arm::Holdout => assert_eq!(judgement.reasons, ["CTRL_HOLDOUT"]),
        }
        // The same for ever.
        assert_eq!(policy.judge(&facts).arm, judgement.arm);
    }
    let [treatment, holdout, challenger] = arms;
    assert!((60..140).contains(&holdout) && (320..440).contains(&challenger), "{arms:?}");
    let ratio =
        reflow::policy::experiments::SampleRatio::of(&[treatment, holdout, challenger], &[760, 50, 190]).unwrap();
    assert!(!ratio.mismatch(), "{arms:?} {ratio:?}");
    // A campaign holds out customers of its own, and those of the global holdout.
    let held = |campaign: &str| customers.iter().filter(|c| policy.campaign_arm(campaign, c) == Arm::Holdout).count();
    assert!((220..360).contains(&held("home_coming")), "{}", held("home_coming"));
    assert_eq!(held("another"), holdout as usize);
}

#[test]
fn a_trial_is_refused_that_promises_more_than_everybody_or_an_offer_nobody_has() {
    let found = refused("", "", TRIAL);
    assert!(
        found.len() == 1 && found[0].contains("found `special`, expected the name of an offer of this document"),
        "{found:?}"
    );
    let more = TRIAL.replacen("share: 20 %, offers: [special]", "share: 60 %, offers: [welcome]", 1);
    let more = more.replacen("holdout: {", "    - {challenger: third, share: 41 %, offers: [welcome]}\nholdout: {", 1);
    assert!(
        refused("", "", &more)[0]
            .contains("found challengers with more than all customers, expected at most 100 % together")
    );
}

// --- Together ---------------------------------------------------------------------------------------------------------

#[test]
fn the_example_uses_each_part() {
    let policy =
        Policy::parse("persons.yaml", EXAMPLE).unwrap_or_else(|problems| panic!("{}", said(&problems).join("\n")));
    assert!(!policy.rules().rules.is_empty() && policy.models().is_some() && policy.grading().is_some());
    let approved = |f: &mut Facts<'static>| {
        f.verdict.as_mut().unwrap().model = "own_risk";
        f.verdict.as_mut().unwrap().version = "3";
        (f.person.risk.as_mut().unwrap().model, f.person.risk.as_mut().unwrap().version) = ("own_risk", "3");
        (f.person.response.as_mut().unwrap().model, f.person.response.as_mut().unwrap().version) = ("response", "2");
        f.person.known_at = KnownAt { lenders: Some(AT), ..KnownAt::default() };
    };
    assert_eq!(reasons(&policy, &with(approved)), Vec::<String>::new());
    assert_eq!(reasons(&policy, &good()), ["DATA_MODEL_UNAPPROVED"]);
}

proptest! {
    /// Whatever is not known of the person: no rule of these parts ever passes more than with it known badly.
    #[test]
    fn absence_never_permits(
        lenders in prop::option::of(0_i32..10), burden in prop::option::of(0_i64..1_000_000),
        risk in prop::option::of(0_i64..1_000_000), restructured in any::<bool>(),
    ) {
        let policy = policy(RULES, "", GRADING);
        let known = with(|f| {
            f.lenders = lenders;
            f.debt_burden_ppm = burden;
            f.person.risk = risk.and_then(score);
            f.person.restructured = restructured;
        });
        let passes = policy.judge(&known).reasons.is_empty();
        for forget in [
            (|f: &mut Facts<'_>| f.lenders = None) as fn(&mut Facts<'_>),
            |f| f.debt_burden_ppm = None,
            |f| f.person.risk = None,
        ] {
            let mut forgotten = known.clone();
            forget(&mut forgotten);
            prop_assert!(passes || !policy.judge(&forgotten).reasons.is_empty());
        }
    }

    #[test]
    fn any_text_as_a_condition_ends_in_a_policy_or_a_problem_with_its_place(text in "[ -~上\n]{0,80}") {
        let quoted = format!("'{}'", text.replace('\'', "''").replace('\n', "\n\n        "));
        match Policy::parse("p.yaml", &document(&rule(&quoted), "", "")) {
            Ok(_) => prop_assert!(Condition::compile(&text).is_ok() || text.contains('\n')),
            Err(problems) => prop_assert!(problems.iter().all(|problem| problem.place.line >= 34 && problem.place.column > 0)),
        }
    }
}
