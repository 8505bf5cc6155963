//! Contracts, exposure, segments, prices, ladders and fairness: each rule at its boundary, and each mistake with its words.

use reflow::domain::candidate::{CandidateKind, Source};
use reflow::domain::events::{Income, OwnProductState, RepaymentMethod, RiskBearing, RiskVerdict};
use reflow::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use reflow::domain::{EventTime, ReasonCode, Subject, Text};
use reflow::policy::contract::{ApiChannel, DataUse};
use reflow::policy::facts::{ConsentFact, Door, Exposure, Facts, History, Holdings, PartnerLimit, Person, Standing};
use reflow::policy::{Horizon, Judgement, Policy, Terms, Tie};

const MINIMAL: &str = include_str!("../policies/minimal.yaml");

static SOURCE: Source = Source { topic: Text::const_new("t"), partition: 0, offset: 1, event_id: Text::const_new("e") };

/// 2024-06-03T09:00:00Z.
const AT: EventTime = EventTime(1_717_405_200_000);

/// The minimal document with some of its text replaced.
fn text(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(MINIMAL.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the document does not hold {from}");
        text.replacen(from, to, 1)
    })
}

fn policy(changes: &[(&str, &str)]) -> Policy {
    Policy::parse("p.yaml", &text(changes)).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn mistakes(changes: &[(&str, &str)]) -> Vec<String> {
    let problems = Policy::parse("p.yaml", &text(changes)).expect_err("the document is wrong");
    problems.iter().map(ToString::to_string).collect()
}

/// A newcomer whom the minimal policy lets pass: 12,000.00 at 20 % over twelve months.
fn good() -> Facts<'static> {
    let limit = PartnerLimit {
        limit_minor: Some(1_200_000),
        all_in_cost_ppm: Some(200_000),
        term_months: Some(12),
        repayment_method: Some(RepaymentMethod::EqualInstalment),
        product_kind: None,
        currency: Some("CNY"),
    };
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
        limit,
        consent: Some(ConsentFact { consent: "k1", text_version: "v1", given_at: AT, withdrawn_at: None }),
        flags: 0,
        staff: false,
        test_order: false,
        employers: &[],
        region: None,
        standing: Standing::default(),
        verdict: Some(RiskVerdict { model: "m", version: "1", band: "A", decided_at: AT, valid_days: 30 }),
        offered_at: &[],
        live: false,
        pending: false,
        lenders: None,
        debt_burden_ppm: None,
        own_product: None,
        risk_bearing: None,
        enhancer: None,
        holdings: Holdings {
            doors: Box::leak(Box::new([Door { partner: "p01", terms: limit }])),
            exposure: Exposure { total_minor: 1_200_000, here_minor: 1_200_000, ..Exposure::default() },
            history: History::default(),
        },
        source: &SOURCE,
        person: Person::default(),
    }
}

fn returning() -> Facts<'static> {
    let mut facts = good();
    facts.kind = CandidateKind::ReturningRt;
    facts.holdings.history = History {
        disbursed_here: 1,
        last_disbursed_at: Some(AT.plus_ms(-20 * DAY_MS)),
        last_active_at: Some(AT.plus_ms(-DAY_MS)),
        limit_open: true,
        ..History::default()
    };
    facts
}

fn reasons(policy: &Policy, facts: &Facts<'_>) -> Vec<String> {
    policy.judge(facts).reasons.iter().map(Text::to_string).collect()
}

fn terms(policy: &Policy, facts: &Facts<'_>) -> Terms {
    let judgement = policy.judge(facts);
    judgement.proposal().cloned().unwrap_or_else(|| panic!("{:?}", judgement.reasons))
}

fn offer(policy: &Policy, facts: &Facts<'_>) -> String {
    policy
        .judge(facts)
        .proposal()
        .map_or_else(|| reasons(policy, facts).join(" "), |terms| terms.offer.offer.to_string())
}

// --- contracts --------------------------------------------------------------------------------------------------------

#[test]
fn a_contract_keeps_what_was_agreed() {
    let policy = policy(&[
        ("to: open}", "to: open, tail_days: 90}"),
        ("zone: Asia/Shanghai", "zone: Asia/Shanghai\n    day_begins_at: \"06:30\""),
        ("reflow_effect_max: 1 point", "reflow_effect_max: {28d: 1 point, 1h: 2.5 points}"),
        (
            "      horizons: [24h, 28d]\n",
            "      diverted_share_max: 2 %\n      reopen_margin: 0.2 points\n      stale: hold\n",
        ),
        (
            "quota_per_day: 100",
            "quota_per_day: 100\n    quota_per_hour: 20\n    budgets: {offers_per_day: 90, coupon_minor_per_day: 5000, \
             exposure_minor: 70000}\n    data_use: [selection, offer_terms]\n    fee_per_disbursed_minor: 12000\n    \
             referral_recipients:\n      - recipient: lender-2\n        listed: {document: List, from: 2024-01-01, to: \
             2024-12-31, last_checked: 2024-01-02}",
        ),
    ]);
    let contract = policy.contract("p01").unwrap();
    assert_eq!((contract.tail_ms, contract.day_begins_at_ms), (90 * DAY_MS, 6 * HOUR_MS + 30 * MINUTE_MS));
    assert_eq!(contract.listed.document, "Cooperation list");
    assert_eq!(contract.listed.last_checked.map(|day| day.to_string()).as_deref(), Some("2023-12-20"));
    let disclosed = contract.disclosed.as_ref().map(|told| (told.document.as_str(), told.version.as_str()));
    assert_eq!(disclosed, Some(("Annex 1", "1")));
    let guard = &contract.guard;
    assert_eq!(guard.horizons, [("1h", 25_000), ("28d", 10_000)].map(|(name, ppm)| Horizon::named(name, ppm).unwrap()));
    assert_eq!((guard.diverted_share_max_ppm, guard.reopen_margin_ppm), (Some(20_000), Some(2_000)));
    assert!(guard.stale_holds);
    let budgets = &contract.budgets;
    let amounts =
        [contract.quota_per_hour, budgets.offers_per_day, budgets.coupon_minor_per_day, budgets.exposure_minor];
    assert_eq!(amounts, [Some(20), Some(90), Some(5_000), Some(70_000)]);
    assert_eq!(
        (contract.data_use.as_slice(), contract.fee_minor),
        (&[DataUse::Selection, DataUse::OfferTerms][..], Some(12_000))
    );
    assert!(contract.recipient_listed("lender-2", AT) && !contract.recipient_listed("lender-3", AT));
    assert!(!contract.recipient_listed("lender-2", AT.plus_ms(365 * DAY_MS)));
}

#[test]
fn what_a_contract_leaves_out_permits_nothing_more() {
    let policy = policy(&[]);
    let contract = policy.contract("p01").unwrap();
    let guard = &contract.guard;
    assert_eq!((guard.diverted_share_max_ppm, guard.reopen_margin_ppm, guard.stale_holds), (None, None, false));
    assert_eq!((contract.tail_ms, contract.day_begins_at_ms, contract.quota_per_hour), (0, 0, None));
    assert!(contract.enhancers.is_empty() && contract.referral_recipients.is_empty() && contract.data_use.is_empty());
}

#[test]
fn mistakes_of_contracts_have_their_words() {
    let found = mistakes(&[
        ("zone: Asia/Shanghai", "zone: Asia/Shanghai\n    day_begins_at: 6am"),
        ("reflow_effect_max: 1 point", "reflow_effect_max: {24h: 1 point}"),
        ("quota_per_day: 100", "quota_per_day: 100\n    api_channels: {sms: 1m}\n    data_use: [everything]"),
    ]);
    assert_eq!(
        found,
        [
            "p.yaml:10:20: found `6am`, expected a time of day such as `06:30`; \
             write it in quotes with hours and minutes: `\"06:30\"`",
            "p.yaml:25:17: found `horizons` beside a value for each, expected one of the two; \
             remove `horizons`: `reflow_effect_max` names them",
            "p.yaml:27:19: found channels without a page, expected `integration: api` (elsewhere there is a page of ours); \
             remove it or correct the other",
            "p.yaml:28:16: found `everything`, expected one of credit_assessment, loan_servicing, collection, selection, \
             offer_terms, model_training; choose one of these",
        ]
    );
}

#[test]
fn an_enhanced_loan_needs_its_enhancer_on_the_list() {
    let listed = "enhancers:\n      - enhancer: g1\n        listed: {document: List, from: 2024-01-01, to: 2024-06-03, \
                  last_checked: 2024-01-02}\n    integration:";
    let (plain, listing) = (policy(&[]), policy(&[("integration:", listed)]));
    let of = |risk_bearing, enhancer, policy: &Policy, at: EventTime| {
        let mut facts = Facts { risk_bearing, enhancer, ..good() };
        (facts.event_time, facts.now) = (at, at);
        reasons(policy, &facts).join(" ")
    };
    let enhanced = Some(RiskBearing::Enhanced);
    assert_eq!(of(None, None, &plain, AT), "");
    assert_eq!(of(enhanced, None, &plain, AT), "GATE_ENHANCER_UNLISTED");
    assert_eq!(of(None, Some("g1"), &plain, AT), "GATE_ENHANCER_UNLISTED");
    assert_eq!(of(enhanced, Some("g1"), &listing, AT), "");
    assert_eq!(of(Some(RiskBearing::Funder), None, &listing, AT), "");
    assert_eq!(of(enhanced, Some("g2"), &listing, AT), "GATE_ENHANCER_UNLISTED");
    assert_eq!(of(enhanced, Some("g1"), &listing, AT.plus_ms(DAY_MS)), "GATE_ENHANCER_UNLISTED");
    // Where enhancers are named, it must be known whether there is one.
    assert_eq!(of(None, None, &listing, AT), "DATA_MISSING");
}

#[test]
fn without_a_page_one_channel_carries_the_candidate_with_its_deadline() {
    let api = [
        ("integration: h5_hosted", "integration: api"),
        ("    answer_within_ms: 800\n", "    api_channels: {sms: 30m, push: 2m, app: 1h}\n"),
        ("channels: [page]", "channels: [page, push, sms]"),
    ];
    let policy = policy(&api);
    assert_eq!(policy.contract("p01").unwrap().api_channels.len(), 3);
    assert_eq!(policy.contract("p01").unwrap().api_channels[0], (ApiChannel::Sms, 30 * MINUTE_MS));
    let carried = |late_ms| {
        let facts = Facts { now: AT.plus_ms(late_ms), ..good() };
        let judgement = policy.judge(&facts);
        let codes = || judgement.reasons.iter().map(Text::to_string).collect::<Vec<_>>().join(" ");
        judgement
            .proposal()
            .map_or_else(|| (codes(), 0), |terms| (terms.delivery.channels.join(" "), terms.decide_by.ms_since(AT)))
    };
    assert_eq!(carried(2 * MINUTE_MS), ("push".to_owned(), 2 * MINUTE_MS));
    assert_eq!(carried(2 * MINUTE_MS + 1), ("sms".to_owned(), 30 * MINUTE_MS));
    assert_eq!(carried(30 * MINUTE_MS + 1), ("EXC_NO_OFFER".to_owned(), 0));
    assert_eq!(carried(60 * MINUTE_MS + 1), ("GATE_DEADLINE EXC_NO_OFFER".to_owned(), 0));
}

// --- offline ----------------------------------------------------------------------------------------------------------

#[test]
fn offline_needs_every_partner_with_a_claim() {
    let start = MINIMAL.find("  - partner").unwrap();
    let end = MINIMAL.find("exclusions:").unwrap();
    let contract = &MINIMAL[start..end];
    let offline = contract.replace("partner: p01", "partner: p02").replace("[real_time]", "[real_time, offline]");
    let offline = offline.replace("to: open}", "to: open, tail_days: 90}");
    let ended = offline.replace("partner: p02", "partner: p03").replace("to: open, tail", "to: 2024-03-01, tail");
    let unlisted = offline.replace("partner: p02", "partner: p04").replace("to: 2025-12-31", "to: 2024-03-01");
    let policy = policy(&[("exclusions:", &format!("{offline}{ended}{unlisted}exclusions:"))]);
    let tie = |partner| Tie { partner, limit_live: false, loan_open: false, closed_at: None, disbursed_at: None };
    let live = |partner| Tie { limit_live: true, ..tie(partner) };
    let told = |ties: &[Tie<'_>]| {
        let permission = policy.offline_permission(ties, AT);
        let refused: Vec<String> =
            permission.refused.iter().map(|(partner, code)| format!("{partner} {code}")).collect();
        assert_eq!(permission.granted(), refused.is_empty() && permission.attributed.is_some());
        (refused.join(", "), permission.attributed.unwrap_or_default().to_string())
    };
    assert_eq!(told(&[live("p02")]), (String::new(), "p02".into()));
    assert_eq!(told(&[live("p02"), live("p01")]), ("p01 GATE_CONTRACT_FORBIDS".into(), "p01".into()));
    assert_eq!(told(&[live("p03")]).0, "p03 GATE_CONTRACT_DATES");
    assert_eq!(told(&[live("p04")]).0, "p04 GATE_PARTNER_UNLISTED");
    assert_eq!(told(&[Tie { loan_open: true, ..tie("p01") }]).0, "p01 GATE_CONTRACT_FORBIDS");
    // A loan closed within the tail is a claim, an older one is none; of an unknown partner it never ends.
    let closed = |partner, days: i64| Tie { closed_at: Some(AT.plus_ms(-days * DAY_MS)), ..tie(partner) };
    assert_eq!(told(&[closed("p03", 89), live("p02")]).0, "p03 GATE_CONTRACT_DATES");
    assert_eq!(told(&[closed("p03", 90), live("p02")]), (String::new(), "p02".into()));
    assert_eq!(told(&[closed("p99", 3_000), live("p02")]).0, "p99 DATA_UNKNOWN_PARTNER");
    // Nobody to charge: nothing is permitted.
    assert_eq!(told(&[tie("p02")]), (String::new(), String::new()));
    // Charged is the partner whose loan was disbursed last.
    let disbursed = |partner, days: i64| Tie { disbursed_at: Some(AT.plus_ms(-days * DAY_MS)), ..live(partner) };
    assert_eq!(told(&[disbursed("p02", 30), disbursed("p01", 40)]).1, "p02");
    assert_eq!(told(&[disbursed("p02", 40), disbursed("p01", 40), live("p00")]).1, "p01");
}

// --- exposure ---------------------------------------------------------------------------------------------------------

const CAPS: &str = "licence: consumer_finance
exposure:
  caps:
    - {licence: consumer_finance, from: 2024-01-01, to: 2024-12-31, currency: CNY, max_minor: 2000000}
    - {licence: bank, from: 2024-01-01, to: open, currency: CNY, max_minor: 1}
    - {licence: consumer_finance, from: 2024-01-01, to: open, currency: CNY, product: own_cash, max_minor: 1800000}
offers:";

#[test]
fn a_customer_never_owes_more_than_the_cap_through_all_doors() {
    let policy = policy(&[("offers:", CAPS), ("limit: same", "limit: {plus: 50 %}")]);
    let with = |change: fn(&mut Exposure)| {
        let mut facts = good();
        change(&mut facts.holdings.exposure);
        reasons(&policy, &facts).join(" ")
    };
    // 12,000 at the partner raised to 18,000 with 2,000 elsewhere: exactly the cap.
    assert_eq!(with(|e| e.total_minor += 200_000), "");
    assert_eq!(with(|e| e.total_minor += 200_001), "EXC_EXPOSURE_CAP");
    // The own product has a cap of its own.
    assert_eq!(with(|e| (e.total_minor, e.own_minor) = (e.total_minor + 1, 1)), "EXC_EXPOSURE_CAP");
    assert_eq!(with(|e| e.unknown = Some(Subject::OwnLimit)), "EXC_NO_OFFER DATA_MISSING");
    // The customer's cap has run out: nobody can be cleared.
    let later = Facts { event_time: AT.plus_ms(300 * DAY_MS), now: AT.plus_ms(300 * DAY_MS), ..good() };
    let mut verdict = later.verdict.clone().unwrap();
    verdict.decided_at = later.event_time;
    assert_eq!(reasons(&policy, &Facts { verdict: Some(verdict), ..later }), ["EXC_NO_OFFER", "DATA_MISSING"]);
}

#[test]
fn the_cap_never_makes_a_smaller_offer() {
    let ladder = "limit: {plus: 50 %}\n    compare_with: best\n    channels: [page]\n  - offer: smaller\n    code: S\n    \
                  product: own_cash\n    kinds: [new_rt]\n    currency: CNY\n    limit: {fixed_minor: 1199999}\n    \
                  compare_with: best";
    let same = "limit: {plus: 50 %}\n    compare_with: best\n    channels: [page]\n  - offer: stay\n    code: S\n    \
                product: own_cash\n    kinds: [new_rt]\n    currency: CNY\n    limit: same\n    compare_with: best";
    let mut facts = good();
    facts.holdings.exposure.total_minor += 700_000;
    assert_eq!(offer(&policy(&[("offers:", CAPS), ("limit: same", ladder)]), &facts), "EXC_EXPOSURE_CAP");
    // A later rule that is no worse than what the customer has may fit.
    assert_eq!(offer(&policy(&[("offers:", CAPS), ("limit: same", same)]), &facts), "stay");
    // What the customer has at another door counts as well: then 12,000 are less.
    let better = PartnerLimit { limit_minor: Some(1_500_000), ..facts.limit };
    let doors = [facts.holdings.doors[0], Door { partner: "p02", terms: better }];
    facts.holdings.doors = &doors;
    assert_eq!(offer(&policy(&[("offers:", CAPS), ("limit: same", same)]), &facts), "EXC_EXPOSURE_CAP");
}

#[test]
fn the_share_of_income_is_capped_where_the_table_says_so() {
    let caps = CAPS.replace("max_minor: 2000000", "max_minor: 2000000, income_share_max: 50 %");
    let policy = policy(&[("offers:", &caps)]);
    let with = |income: Option<(i64, &'static str)>| {
        let mut facts = good();
        facts.person.income = income.map(|(monthly_minor, currency)| Income { monthly_minor, currency });
        policy.judge(&facts)
    };
    // Half of twelve incomes of 2,000.00 are the 12,000.00 that would be owed.
    assert_eq!(with(Some((200_000, "CNY"))).reasons, [] as [&str; 0]);
    assert_eq!(with(Some((199_999, "CNY"))).reasons, ["EXC_EXPOSURE_CAP"]);
    // Not known, or known in another currency: nobody can be cleared, whatever the burden is.
    assert_eq!(with(None).reasons, ["DATA_MISSING"]);
    assert_eq!(with(Some((200_000, "HKD"))).reasons, ["DATA_MISSING"]);
    // What is told is the arithmetic, and the income at which it would have held.
    let told = |judgement: Judgement| -> Vec<(Text, i64, i64, bool)> {
        let of_income = judgement.checks.into_iter().filter(|check| check.code == "EXC_EXPOSURE_CAP");
        of_income.map(|c| (c.subject.to_text(), c.observed.unwrap(), c.required.unwrap(), c.passed)).collect()
    };
    let row = |subject: &'static str, seen, asked, passed| (Text::const_new(subject), seen, asked, passed);
    let no = [
        row("exposure_after", 1_200_000, 1_199_994, false),
        row("exposure_share_of_income", 500_003, 500_000, false),
        row("monthly_income", 199_999, 200_000, false),
    ];
    assert_eq!(told(with(Some((199_999, "CNY")))), no);
    // An amount is tighter than the share of a large income: it alone is told.
    assert_eq!(told(with(Some((900_000, "CNY")))), [row("exposure_after", 1_200_000, 1_800_000, true)]);
}

#[test]
fn the_debt_burden_stands_in_for_an_income_where_the_table_says_so() {
    let share = "max_minor: 2000000, income_share_max: 50 %, without_income: debt_burden";
    let policy = policy(&[("offers:", &CAPS.replace("max_minor: 2000000", share))]);
    let with = |debt_burden_ppm, income: Option<i64>| {
        let mut facts = Facts { debt_burden_ppm, ..good() };
        facts.person.income = income.map(|monthly_minor| Income { monthly_minor, currency: "CNY" });
        reasons(&policy, &facts).join(" ")
    };
    assert_eq!(with(Some(500_000), None), "");
    assert_eq!(with(Some(500_001), None), "EXC_DEBT_BURDEN");
    assert_eq!(with(None, None), "DATA_MISSING");
    // The income itself is asked where it is known.
    assert_eq!(with(Some(500_001), Some(200_000)), "");
    assert_eq!(with(Some(1), Some(199_999)), "EXC_EXPOSURE_CAP");
}

#[test]
fn a_share_of_income_on_a_product_is_about_our_own_limit_alone() {
    let caps = CAPS.replace("max_minor: 1800000", "max_minor: 1800000, income_share_max: 50 %");
    let policy = policy(&[("offers:", &caps)]);
    let with = |change: fn(&mut Exposure)| {
        let mut facts = good();
        facts.person.income = Some(Income { monthly_minor: 200_000, currency: "CNY" });
        change(&mut facts.holdings.exposure);
        reasons(&policy, &facts).join(" ")
    };
    assert_eq!(with(|e| e.total_minor += 800_000), "");
    assert_eq!(with(|e| (e.total_minor, e.own_minor) = (e.total_minor + 1, 1)), "EXC_EXPOSURE_CAP");
}

#[test]
fn a_table_without_a_row_for_the_licence_is_a_mistake() {
    let caps = CAPS.replace("licence: consumer_finance\n", "licence: micro_loan\n");
    let found = mistakes(&[("offers:", &caps)]);
    assert_eq!(
        found,
        [
            "p.yaml:34:5: found no cap for the licence, expected a cap for `micro_loan`; add the row of the lender's own licence"
        ]
    );
    let found = mistakes(&[("offers:", &CAPS.replace("licence: consumer_finance\nexp", "exp"))]);
    assert_eq!(found[0], "p.yaml:2:1: found a policy without `licence`, expected `licence`; add `licence: …`");
}

// --- segments ---------------------------------------------------------------------------------------------------------

#[test]
fn each_segment_and_activity_has_its_step_of_the_ladder() {
    let steps = ["[lapsed, dormant, lost]", "[active]"].map(|activity| {
        format!(
            "  - offer: back_{}\n    code: B\n    product: own_cash\n    kinds: [returning_rt]\n    segments: \
             [returning_same_partner]\n    activity: {activity}\n    currency: CNY\n    limit: same\n    channels: [page]\n",
            if activity.contains("lost") { "silent" } else { "active" }
        )
    });
    let other = "  - offer: other\n    code: O\n    product: own_cash\n    kinds: [returning_rt]\n    segments: \
                 [returning_other_partner, own_first]\n    grades: [A]\n    currency: CNY\n    limit: same\n    channels: [page]\n";
    let segments = "segments: {dormant_after_days: 20, lapsed_after_days: 60}\noffers:\n";
    let policy = policy(&[("offers:\n", &format!("{segments}{}{}{other}", steps[0], steps[1]))]);
    let with = |change: fn(&mut Facts<'static>)| {
        let mut facts = returning();
        change(&mut facts);
        offer(&policy, &facts)
    };
    assert_eq!(offer(&policy, &good()), "welcome");
    assert_eq!(with(|_| {}), "back_silent");
    assert_eq!(with(|f| f.holdings.history.balance = true), "back_active");
    assert_eq!(with(|f| f.holdings.history.last_disbursed_at = Some(AT.plus_ms(-DAY_MS))), "back_active");
    assert_eq!(with(|f| f.holdings.history.limit_open = false), "back_silent");
    assert_eq!(with(|f| (f.holdings.history.disbursed_here, f.holdings.history.disbursed_elsewhere) = (0, 1)), "other");
    assert_eq!(with(|f| f.holdings.history.own_first = true), "other");
    let band_b = |f: &mut Facts<'static>| {
        f.holdings.history.own_first = true;
        f.verdict.as_mut().unwrap().band = "B";
    };
    assert_eq!(with(band_b), "welcome");
}

#[test]
fn holders_of_a_frozen_or_expired_own_limit_renew_or_stay_out() {
    let renewal = "segments: {own_expired: renew}\noffers:\n  - offer: renewal\n    code: R\n    product: own_cash\n    \
                   kinds: [returning_rt]\n    renews_own_limit: true\n    currency: CNY\n    limit: same\n    channels: [page]\n";
    let (plain, renewing) = (policy(&[]), policy(&[("offers:\n", renewal)]));
    let of = |policy: &Policy, state| offer(policy, &Facts { own_product: Some(state), ..returning() });
    use OwnProductState::*;
    assert_eq!([Frozen, Expired].map(|state| of(&plain, state)), ["welcome", "welcome"]);
    assert_eq!(of(&renewing, Frozen), "EXC_OWN_PRODUCT");
    assert_eq!(of(&renewing, Expired), "renewal");
    assert_eq!([None, Closed, Declined].map(|state| of(&renewing, state)), ["welcome"; 3]);
}

// --- prices -----------------------------------------------------------------------------------------------------------

const COSTS: &str = "costs:
  - product: own_cash
    currency: CNY
    charges:
      - {name: interest, charged_by: lender, yearly: 18 %}
      - {name: guarantee fee, charged_by: guarantor, upfront: 1 %}
      - {name: late fee, charged_by: lender, contingent_minor: 5000}
offers:";

const PRICED: &str = "limit: same\n    term_months: 12\n    repayment_method: equal_instalment";

#[test]
fn the_price_claim_is_computed_from_every_charge_and_disclosed() {
    let coupon = format!("{PRICED}\n    coupons: [{{code: C, kind: interest_free, days: 30}}]");
    let policy = policy(&[("offers:", COSTS), ("limit: same", &coupon)]);
    let offer = terms(&policy, &good()).offer;
    let cost = offer.cost.unwrap();
    // 18 % with 1 % kept back is 19.94 %; the first month's interest of 45.00 comes back to the customer.
    assert_eq!((offer.all_in_cost_ppm, cost.annualised_before_coupon_ppm), (Some(199_400), Some(199_400)));
    assert!(cost.annualised_after_coupon_ppm.unwrap() < 180_000);
    let items: Vec<(&str, i64, bool)> =
        cost.items.iter().map(|item| (item.charged_by.as_str(), item.amount_minor, item.contingent)).collect();
    assert_eq!(items, [("lender", 30_046, false), ("guarantor", 3_000, false), ("lender", 5_000, true)]);
    // What is not known makes no claim.
    let unknown: [fn(&mut Facts<'static>); 2] =
        [|f| (f.amount_minor, f.limit.limit_minor) = (Some(0), Some(1)), |f| f.amount_minor = Some(-1)];
    for change in unknown {
        let mut facts = good();
        change(&mut facts);
        let offer = terms(&policy, &facts).offer;
        assert_eq!((offer.all_in_cost_ppm, offer.cost), (None, None));
    }
}

#[test]
fn a_product_whose_charges_are_not_stated_makes_no_claim() {
    let costs = COSTS.replace("product: own_cash", "product: another");
    let policy = policy(&[("offers:", &costs), ("limit: same", &format!("{PRICED}\n    cost: 18 %"))]);
    let offer = terms(&policy, &good()).offer;
    assert_eq!((offer.all_in_cost_ppm, offer.cost), (None, None));
}

#[test]
fn no_loan_costs_more_than_the_cap() {
    let of = |cost: &str, caps: &str| {
        let policy = policy(&[("offers:", caps), ("limit: same", &format!("limit: same\n    cost: {cost}"))]);
        offer(&policy, &good())
    };
    let caps = "licence: bank\nprice_caps:\n  - {licence: bank, from: 2024-01-01, to: 2024-06-03, per_loan_max: 15 %}\n  \
                - {licence: other, from: 2024-01-01, to: open, per_loan_max: 1 %}\noffers:";
    assert_eq!(of("24 %", "offers:"), "welcome");
    assert_eq!(of("24.0001 %", "offers:"), "GATE_PRICE_CAP");
    assert_eq!((of("15 %", caps).as_str(), of("15.01 %", caps).as_str()), ("welcome", "GATE_PRICE_CAP"));
    // Interest of exactly 24 % with no other charge is at the cap, whatever the rounding of a month does.
    let costs = COSTS.replace("18 %", "24 %").replace("upfront: 1 %", "upfront: 0 %");
    let at_cap = [("offers:", costs.as_str()), ("limit: same", PRICED)];
    for amount_minor in [100_000, 333_333, 1_000_001, 20_000_000] {
        assert_eq!(offer(&policy(&at_cap), &Facts { amount_minor: Some(amount_minor), ..good() }), "welcome");
    }
    let above = costs.replace("upfront: 0 %", "upfront: 0.01 %");
    assert_eq!(offer(&policy(&[("offers:", &above), ("limit: same", PRICED)]), &good()), "GATE_PRICE_CAP");
}

#[test]
fn the_average_cap_is_every_contracts_budget() {
    let caps = "licence: bank\nprice_caps:\n  - {licence: bank, from: 2024-01-01, to: 2024-06-03, per_loan_max: 24 %, \
                portfolio_avg_max: 20 %}\noffers:";
    let policy = policy(&[("offers:", caps)]);
    let budgets = &policy.contract("p01").unwrap().budgets;
    assert_eq!(budgets.avg_cost_max_ppm(AT), Some(200_000));
    assert_eq!(budgets.avg_cost_max_ppm(AT.plus_ms(DAY_MS)), None);
}

#[test]
fn a_price_is_compared_at_the_same_term_and_method_with_the_best_door() {
    let priced = format!("{PRICED}\n    compare_with: best\n    cost: {{below_partner_by: 0.01 points}}");
    let policy = policy(&[("offers:", COSTS), ("limit: same", &priced)]);
    // 19.94 % against 20 % at the partner's door.
    assert_eq!(offer(&policy, &good()), "welcome");
    let elsewhere = |cost, months| {
        let mut facts = good();
        let terms = PartnerLimit { all_in_cost_ppm: Some(cost), term_months: Some(months), ..facts.limit };
        let doors = [facts.holdings.doors[0], Door { partner: "p02", terms }];
        facts.holdings.doors = &doors;
        offer(&policy, &facts)
    };
    assert_eq!(elsewhere(199_400, 12), "EXC_NO_OFFER");
    assert_eq!(elsewhere(150_000, 24), "welcome");
    // Nothing to compare with: no offer that says it is cheaper.
    let mut facts = good();
    facts.limit.all_in_cost_ppm = None;
    facts.holdings.doors = &[];
    assert_eq!(offer(&policy, &facts), "EXC_NO_OFFER DATA_MISSING");
}

#[test]
fn a_charge_has_one_basis() {
    let found = mistakes(&[("offers:", &COSTS.replace("yearly: 18 %", "yearly: 18 %, monthly: 1 %"))]);
    assert_eq!(
        found,
        [
            "p.yaml:35:9: found a charge without its one basis, expected exactly one of yearly, upfront, upfront_minor, monthly, \
          monthly_minor, contingent_minor; say once what is charged, and on what"
        ]
    );
}

// --- ladders and fairness ---------------------------------------------------------------------------------------------

#[test]
fn limits_follow_their_path_by_repeat_number() {
    let path = |limits: &str| policy(&[("limit: same", &format!("limit: {{by_repeat_minor: {limits}}}"))]);
    let after = |policy: &Policy, loans| {
        let mut facts = returning();
        facts.holdings.history.disbursed_here = loans;
        terms(policy, &facts).offer.limit_minor
    };
    let rising = path("[1000, 2000, 5000]");
    assert_eq!([0, 1, 2, 9].map(|loans| after(&rising, loans)), [Some(1_000), Some(2_000), Some(5_000), Some(5_000)]);
    let falling = path("[9000, 4000], falls_because: Larger first loans were late more often");
    assert_eq!([0, 1].map(|loans| after(&falling, loans)), [Some(9_000), Some(4_000)]);
    assert_eq!(
        mistakes(&[("limit: same", "limit: {by_repeat_minor: [9000, 4000]}")]),
        ["p.yaml:37:30: found limits that fall with each return, expected `falls_because` with the reason of risk \
          (FAIR_EXISTING_WORSE); say why those who return get less, or let it rise"]
    );
}

#[test]
fn existing_customers_are_never_worse_off_than_new_ones_of_their_grade() {
    let second = |terms: &str, grades: &str| {
        format!(
            "  - offer: home\n    code: H\n    product: own_cash\n    kinds: [returning_rt]\n    grades: {grades}\n    \
             currency: CNY\n    {terms}\n    channels: [page]\ntexts:"
        )
    };
    let first =
        "kinds: [new_rt]\n    grades: [A]\n    cost: 18 %\n    coupons: [{code: C, kind: interest_free, days: 7}]";
    let coupon = "coupons: [{code: C, kind: interest_free, days: 7}]";
    let changes = |second: &str| -> Vec<(&'static str, String)> {
        vec![("kinds: [new_rt, returning_rt]", first.to_owned()), ("texts:", second.to_owned())]
    };
    let worse = |terms: &str, grades: &str| {
        let changes = changes(&second(terms, grades));
        let changes: Vec<(&str, &str)> = changes.iter().map(|(from, to)| (*from, to.as_str())).collect();
        let problems = Policy::parse("p.yaml", &text(&changes)).err().unwrap_or_default();
        problems.iter().map(|problem| problem.found.clone()).collect::<Vec<_>>()
    };
    let none: [String; 0] = [];
    assert_eq!(worse(&format!("limit: same\n    cost: 18 %\n    {coupon}"), "[A]"), none);
    assert_eq!(worse(&format!("limit: {{plus: 5 %}}\n    cost: 17 %\n    {coupon}"), "[A, B]"), none);
    let found = |key: &str| [format!("`home`, worse than `welcome` in `{key}`")];
    assert_eq!(worse(&format!("limit: same\n    cost: 18.1 %\n    {coupon}"), "[A]"), found("cost"));
    assert_eq!(worse("limit: same\n    cost: 18 %", "[A, B]"), found("coupons"));
    // Another grade may have another price.
    assert_eq!(worse("limit: same\n    cost: 20 %", "[B]"), none);
}

#[test]
fn terms_depend_on_no_score_device_door_or_protected_attribute() {
    let with = |key: &str| mistakes(&[("limit: same", &format!("limit: same\n    {key}: x"))]);
    for key in ["response_score", "conversion", "value", "device", "partner", "channel", "region"] {
        assert_eq!(
            with(key),
            [format!(
                "p.yaml:38:{}: found `{key}` in an offer, expected terms that do not depend on it (FAIR_SELECTION_TERMS); \
                 remove it: it may choose whom to approach and when, never price, limit or coupon",
                7 + key.len()
            )]
        );
    }
    for key in ["age", "sex", "ethnicity", "religion", "health", "genetic_data"] {
        assert!(with(key)[0].contains("(FAIR_PROTECTED); remove it: no rule may read a protected attribute"));
        assert!(reflow::policy::is_protected(key));
    }
}

#[test]
fn a_large_limit_needs_a_persons_look() {
    let policy = policy(&[("offers:", "fairness: {review_required_above_minor: 1200000}\nprefill: [region]\noffers:")]);
    let told = terms(&policy, &good());
    assert_eq!((told.marks.as_slice(), told.friction.fields[0].field.as_str()), (&[][..], "region"));
    let mut facts = good();
    facts.limit.limit_minor = Some(1_200_001);
    assert_eq!(terms(&policy, &facts).marks, [ReasonCode::FairReviewRequired]);
}
