//! Single scenes of the guard's conditions, quotas, pace and budgets.

use reflow::domain::candidate::Coupon;
use reflow::domain::fact::SettlementKind;
use reflow::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use reflow::domain::view::{Counterfactual, GuardState};
use reflow::domain::{Counter, FactBundle, Output, Settlement, Text};
use reflow::partner::STALE_HOLD_MS_MAX;
use reflow::policy::contract::Budgets;
use reflow::policy::{Contract, Dates, GuardTerms, Horizon};

use crate::market::{Book, START, Stage, contract, delta, proposal};
use crate::scenes::{replies, views};

/// A contract that only the given terms limit.
fn wide(terms: GuardTerms) -> Contract {
    let guard = GuardTerms {
        min_n: 20,
        below_min_n_max: 1_000,
        reserved_max: 1_000,
        horizons: vec![Horizon::named("24h", 50_000).unwrap()],
        ..terms
    };
    Contract { guard, quota_per_day: 1_000, ..contract("p") }
}

fn stage(contract: Contract) -> Stage {
    let mut stage = Stage::new();
    stage.book = Book(vec![contract]);
    stage
}

fn codes(out: &[Output]) -> Vec<String> {
    replies(out)[0].1.reasons.iter().map(|code| code.to_string()).collect()
}

fn end(stage: &mut Stage, id: &str, kind: SettlementKind) {
    let (candidate, customer) = (Text::from(id), Text::from(format!("customer of {id}")));
    let reason = Text::from("END_DRAWDOWN_CANCELLED");
    stage.settle(Settlement { candidate, customer, partner: Text::from("p"), kind, reason, at: stage.now });
}

/// A proposal whose offer has a limit and a coupon of so much.
fn costly(stage: &mut Stage, id: &str, limit_minor: i64, coupon_minor: Option<i64>) -> Vec<Output> {
    let mut costly = proposal("p", id, stage.now, stage.now.plus_ms(2_000));
    costly.candidate.offer.limit_minor = Some(limit_minor);
    let coupon = Coupon { code: Text::from("c"), kind: Text::from("k"), amount_minor: coupon_minor, days: None };
    costly.candidate.offer.coupons = vec![coupon];
    let bundle = FactBundle { proposals: vec![costly].into(), ..stage.bundle(1) };
    stage.take(&bundle).1
}

#[test]
fn the_control_group_decides_what_ours_would_have_come_to() {
    let mut stage = stage(wide(GuardTerms { holdout_min_n: Some(4), ..GuardTerms::default() }));
    let at = stage.now;
    let told = |out: &[Output]| {
        let reading = &views(out)[0].guard[0];
        (reading.counterfactual, reading.counterfactual_ppm, reading.counterfactual_n, reading.effect_ppm)
    };
    let passed = vec![delta("p", Counter::DrawdownDisbursed, at, 30), delta("p", Counter::DrawdownDeclined, at, 10)];
    let undiverted = told(&stage.facts(passed));
    assert_eq!(undiverted, (Some(Counterfactual::Undiverted), Some(750_000), Some(40), Some(18_293)), "q/41");
    stage.pass(1_000);
    // Those of the control group are in the cohort too.
    let three = [(Counter::DrawdownDeclined, 3), (Counter::HeldOutDeclined, 2), (Counter::HeldOutCancelled, 1)];
    let few = told(&stage.facts(three.map(|(counter, n)| delta("p", counter, at, n)).into()));
    assert_eq!((few.0, few.2), (Some(Counterfactual::Undiverted), Some(43)));
    stage.pass(1_000);
    let fourth = [(Counter::DrawdownDisbursed, 1), (Counter::HeldOutDisbursed, 1)];
    let enough = told(&stage.facts(fourth.map(|(counter, n)| delta("p", counter, at, n)).into()));
    assert_eq!(enough, (Some(Counterfactual::Holdout), Some(250_000), Some(4), Some(5_556)), "q/45");
    // A correction takes one of them back.
    stage.pass(1_000);
    let back = told(&stage.facts(vec![delta("p", Counter::HeldOutCancelled, at, -1)]));
    assert_eq!(back.0, Some(Counterfactual::Undiverted));
    // The hour in which it was counts as a whole.
    stage.pass(28 * DAY_MS + HOUR_MS);
    stage.heartbeats();
    stage.pass(1_000);
    assert_eq!(told(&stage.facts(vec![delta("p", Counter::HeldOutDeclined, at, 90)])).2, Some(0), "28 days ago");
}

#[test]
fn a_closed_horizon_opens_a_minute_later_and_a_margin_below() {
    let mut stage = stage(wide(GuardTerms { reopen_margin_ppm: Some(10_000), ..GuardTerms::default() }));
    let at = stage.now;
    stage.facts(vec![delta("p", Counter::DrawdownDisbursed, at, 40)]);
    assert!(codes(&stage.propose("p", "a")).is_empty(), "1/41");
    assert!(codes(&stage.propose("p", "b")).is_empty(), "2/42");
    assert_eq!(codes(&stage.propose("p", "c")), ["HOLD_REFLOW_EFFECT"], "3/43 is above 5 %");
    // 3/69 = 4.3 %: below the maximum, and not yet a point below it.
    stage.facts(vec![delta("p", Counter::DrawdownDisbursed, at, 26)]);
    assert_eq!(codes(&stage.propose("p", "d")), ["HOLD_REFLOW_EFFECT"]);
    stage.pass(MINUTE_MS);
    stage.heartbeats();
    assert_eq!(codes(&stage.propose("p", "e")), ["HOLD_REFLOW_EFFECT"]);
    // 3/83 = 3.6 %: far enough below, but looked at in this minute already.
    stage.facts(vec![delta("p", Counter::DrawdownDisbursed, at, 14)]);
    assert_eq!(codes(&stage.propose("p", "f")), ["HOLD_REFLOW_EFFECT"]);
    assert!(!stage.shard.due(stage.now.plus_ms(999)), "nothing to do in this minute");
    stage.pass(MINUTE_MS);
    assert!(stage.shard.due(stage.now), "a closed horizon wants to be looked at");
    let out = stage.tick();
    assert_eq!(views(&out)[0].guard[0].state, GuardState::Open, "the tick opened it");
    stage.heartbeats();
    assert!(codes(&stage.propose("p", "g")).is_empty());
}

#[test]
fn what_is_closed_is_closed_after_a_crash() {
    let mut stage = stage(wide(GuardTerms { reopen_margin_ppm: Some(10_000), ..GuardTerms::default() }));
    let at = stage.now;
    stage.facts(vec![delta("p", Counter::DrawdownDisbursed, at, 20)]);
    assert!(codes(&stage.propose("p", "a")).is_empty());
    assert_eq!(codes(&stage.propose("p", "b")), ["HOLD_REFLOW_EFFECT"]);
    stage.facts(vec![delta("p", Counter::DrawdownDisbursed, at, 29)]);
    stage.shard = stage.restored();
    assert_eq!(codes(&stage.propose("p", "c")), ["HOLD_REFLOW_EFFECT"], "2/51 = 3.9 %");
    stage.pass(MINUTE_MS);
    stage.heartbeats();
    assert!(codes(&stage.propose("p", "d")).is_empty());
}

#[test]
fn without_a_margin_nothing_is_closed_but_the_reading() {
    let mut stage = stage(wide(GuardTerms::default()));
    let at = stage.now;
    stage.facts(vec![delta("p", Counter::DrawdownDisbursed, at, 20)]);
    stage.propose("p", "a");
    assert_eq!(codes(&stage.propose("p", "b")), ["HOLD_REFLOW_EFFECT"]);
    stage.facts(vec![delta("p", Counter::DrawdownDisbursed, at, 40)]);
    assert!(codes(&stage.propose("p", "c")).is_empty());
}

#[test]
fn stale_data_hold_what_the_last_reading_allowed() {
    let mut stage = stage(wide(GuardTerms { stale_holds: true, ..GuardTerms::default() }));
    let at = stage.now;
    stage.facts(vec![delta("p", Counter::DrawdownDisbursed, at, 77)]);
    // Room for four: 4/81 = 4.9 %, 5/82 = 6.1 %.
    assert!(codes(&stage.propose("p", "a")).is_empty());
    stage.pass(30_001);
    stage.tick();
    // A single shard speaks; the other is silent. More disbursed would make more room, if the data could be trusted.
    stage.facts(vec![delta("p", Counter::DrawdownDisbursed, at, 1_000)]);
    let mut said = Vec::new();
    for id in ["b", "c", "d", "e"] {
        let proposals = vec![proposal("p", id, stage.now, stage.now.plus_ms(2_000))];
        let bundle = FactBundle { proposals: proposals.into(), ..stage.bundle(0) };
        said.push(codes(&stage.take(&bundle).1));
    }
    assert_eq!(said, [vec![], vec![], vec![], vec!["DATA_STALE".to_string()]]);
    stage.heartbeats();
    assert!(codes(&stage.propose("p", "f")).is_empty(), "current again");
}

#[test]
fn stale_data_hold_for_an_hour_at_most_and_only_where_the_contract_says_so() {
    let silent = |contract: Contract, ms: i64| {
        let mut stage = stage(contract);
        let at = stage.now;
        stage.facts(vec![delta("p", Counter::DrawdownDisbursed, at, 77)]);
        stage.pass(30_001);
        stage.tick();
        stage.pass(ms);
        let proposals = vec![proposal("p", "a", stage.now, stage.now.plus_ms(2_000))];
        let bundle = FactBundle { proposals: proposals.into(), ..stage.bundle(0) };
        codes(&stage.take(&bundle).1)
    };
    let holds = || wide(GuardTerms { stale_holds: true, ..GuardTerms::default() });
    assert!(silent(holds(), STALE_HOLD_MS_MAX).is_empty());
    assert_eq!(silent(holds(), STALE_HOLD_MS_MAX + 1), ["DATA_STALE"]);
    assert_eq!(silent(wide(GuardTerms::default()), 0), ["DATA_STALE"]);
}

#[test]
fn a_low_or_unknown_approval_rate_holds() {
    let mut stage = stage(wide(GuardTerms { limit_approval_min_ppm: Some(300_000), ..GuardTerms::default() }));
    assert_eq!(codes(&stage.propose("p", "a")), ["HOLD_LIMIT_APPROVAL"], "not known");
    stage.facts(vec![delta("p", Counter::Approved, START, 30), delta("p", Counter::Declined, START, 70)]);
    assert!(codes(&stage.propose("p", "b")).is_empty());
    stage.facts(vec![delta("p", Counter::Declined, START, 1)]);
    assert_eq!(codes(&stage.propose("p", "c")), ["HOLD_LIMIT_APPROVAL"]);
}

#[test]
fn an_hour_has_its_quota_and_its_pace() {
    let mut stage = stage(Contract { quota_per_hour: Some(12), ..wide(GuardTerms::default()) });
    stage.now = START.floor(HOUR_MS);
    stage.heartbeats();
    let mut admitted = 0;
    let mut said = Vec::new();
    for minute in 0..120 {
        for n in 0..3 {
            let id = format!("{minute} {n}");
            let codes = codes(&stage.propose("p", &id));
            admitted += usize::from(codes.is_empty());
            said.push((minute, codes));
            end(&mut stage, &id, SettlementKind::Revoked);
        }
        stage.pass(MINUTE_MS);
        stage.heartbeats();
    }
    let at =
        |minute: i32| said.iter().filter(|(m, _)| *m == minute).map(|(_, codes)| codes.join(" ")).collect::<Vec<_>>();
    assert_eq!(at(0), ["", "", "HOLD_PACE"], "two at once");
    assert_eq!(
        (at(4).join(" "), at(5).join(" ")),
        ("HOLD_PACE HOLD_PACE HOLD_PACE".into(), " HOLD_PACE HOLD_PACE".into())
    );
    assert_eq!(at(55), ["HOLD_QUOTA_HOUR", "HOLD_QUOTA_HOUR", "HOLD_QUOTA_HOUR"], "twelve are through");
    assert_eq!(at(60), ["", "", "HOLD_PACE"], "a new hour, and no more at once than ever");
    assert_eq!(admitted, 24);
}

#[test]
fn a_restart_is_no_licence_to_burst() {
    let mut stage = stage(Contract { quota_per_hour: Some(12), ..wide(GuardTerms::default()) });
    assert!(codes(&stage.propose("p", "a")).is_empty() && codes(&stage.propose("p", "b")).is_empty());
    stage.shard = stage.restored();
    assert_eq!(codes(&stage.propose("p", "c")), ["HOLD_PACE"]);
    // An attempt that is undone takes no token.
    stage.pass(5 * MINUTE_MS);
    stage.heartbeats();
    let proposals = vec![proposal("p", "d", stage.now, stage.now.plus_ms(2_000))];
    let bundle = FactBundle { proposals: proposals.into(), ..stage.bundle(1) };
    stage.attempt(reflow::partner::Input::Bundle(&bundle));
    stage.shard.undo();
    assert!(codes(&stage.take(&bundle).1).is_empty());
}

#[test]
fn offers_are_reserved_committed_and_given_back() {
    let budgets = Budgets { offers_per_day: Some(2), ..Budgets::default() };
    let mut stage = stage(Contract { budgets, ..wide(GuardTerms::default()) });
    assert!(codes(&stage.propose("p", "a")).is_empty() && codes(&stage.propose("p", "b")).is_empty());
    assert_eq!(codes(&stage.propose("p", "c")), ["HOLD_BUDGET_OFFERS"]);
    end(&mut stage, "a", SettlementKind::Kept);
    assert_eq!(codes(&stage.propose("p", "d")), ["HOLD_BUDGET_OFFERS"], "the offer was made");
    end(&mut stage, "b", SettlementKind::Revoked);
    stage.pass(1_000);
    let out = stage.propose("p", "e");
    assert!(codes(&out).is_empty(), "an offer that ended unused is given back");
    let used = &views(&out)[0].budgets;
    assert_eq!((used[0].budget.as_str(), used[0].reserved, used[0].committed, used[0].max), ("offers", 1, 1, 2));
    // What expires is given back by the tick.
    stage.pass(600_000);
    stage.heartbeats();
    assert_eq!(codes(&stage.propose("p", "f")), ["HOLD_BUDGET_OFFERS"]);
    stage.tick();
    assert!(codes(&stage.propose("p", "g")).is_empty());
}

#[test]
fn coupon_money_and_exposure_have_their_budgets() {
    let budgets = Budgets { coupon_minor_per_day: Some(1_000), exposure_minor: Some(90_000), ..Budgets::default() };
    let mut stage = stage(Contract { budgets, ..wide(GuardTerms::default()) });
    assert!(codes(&costly(&mut stage, "a", 50_000, Some(600))).is_empty());
    assert_eq!(codes(&costly(&mut stage, "b", 10_000, Some(401))), ["HOLD_BUDGET_COUPON"]);
    assert_eq!(codes(&costly(&mut stage, "c", 10_000, None)), ["HOLD_BUDGET_COUPON"], "nobody knows what it costs");
    assert_eq!(codes(&costly(&mut stage, "d", 40_001, Some(0))), ["HOLD_BUDGET_EXPOSURE"]);
    end(&mut stage, "a", SettlementKind::Kept);
    assert!(codes(&costly(&mut stage, "e", 90_000, Some(1_000))).is_empty(), "the coupon was not used");
    end(&mut stage, "e", SettlementKind::Diverted);
    assert_eq!(codes(&costly(&mut stage, "f", 90_000, Some(1))), ["HOLD_BUDGET_COUPON"], "that one was");
    assert!(codes(&costly(&mut stage, "g", 90_000, Some(0))).is_empty(), "who costs nothing is not held for it");
    let out = {
        stage.pass(1_000);
        costly(&mut stage, "h", 0, Some(0))
    };
    let used: Vec<_> = views(&out)[0].budgets.iter().map(|b| (b.budget.as_str(), b.reserved, b.committed)).collect();
    assert_eq!(used, [("coupon", 0, 1_000), ("exposure", 90_000, 0)]);
}

#[test]
fn the_average_of_costs_is_a_budget() {
    let law = (Dates { from: Some(START), to: None }, 200_000);
    let budgets = Budgets { avg_cost_max: vec![law], ..Budgets::default() };
    let mut stage = stage(Contract { budgets, ..wide(GuardTerms::default()) });
    let ask = |stage: &mut Stage, id: &str, limit_minor: i64, cost_ppm: Option<i64>| {
        let mut asked = proposal("p", id, stage.now, stage.now.plus_ms(2_000));
        (asked.candidate.offer.limit_minor, asked.candidate.offer.all_in_cost_ppm) = (Some(limit_minor), cost_ppm);
        let bundle = FactBundle { proposals: vec![asked].into(), ..stage.bundle(1) };
        codes(&stage.take(&bundle).1).join(" ")
    };
    assert_eq!(ask(&mut stage, "a", 1_000, Some(240_000)), "HOLD_AVG_COST");
    assert_eq!(ask(&mut stage, "b", 1_000, Some(160_000)), "");
    assert_eq!(
        ask(&mut stage, "c", 1_001, Some(240_000)),
        "HOLD_AVG_COST",
        "a little more of the dear than of the cheap"
    );
    assert_eq!(ask(&mut stage, "d", 1_000, Some(240_000)), "");
    assert_eq!(ask(&mut stage, "e", 1, Some(200_001)), "HOLD_AVG_COST");
    assert_eq!(ask(&mut stage, "f", 1, None), "HOLD_AVG_COST", "not known");
    end(&mut stage, "d", SettlementKind::Kept);
    assert_eq!(ask(&mut stage, "g", 1_000, Some(240_000)), "", "given back");
    end(&mut stage, "g", SettlementKind::Diverted);
    end(&mut stage, "b", SettlementKind::Revoked);
    assert_eq!(ask(&mut stage, "h", 1_000, Some(180_000)), "HOLD_AVG_COST", "the dear one was taken");
}

/// 30 days without interest on 100,000 at 18 % a year: 100,000 · 0.18 · 30/365 = 1,479.45…
#[test]
fn free_days_are_worth_their_interest() {
    let verdict = |most: i64, cost: Option<i64>| {
        let budgets = Budgets { coupon_minor_per_day: Some(most), ..Budgets::default() };
        let mut stage = stage(Contract { budgets, ..wide(GuardTerms::default()) });
        let mut free = proposal("p", "a", stage.now, stage.now.plus_ms(2_000));
        free.candidate.offer.limit_minor = Some(100_000);
        free.candidate.offer.all_in_cost_ppm = cost;
        let kind = Text::from("interest_free");
        free.candidate.offer.coupons = vec![Coupon { code: Text::from("c"), kind, amount_minor: None, days: Some(30) }];
        let bundle = FactBundle { proposals: vec![free].into(), ..stage.bundle(1) };
        codes(&stage.take(&bundle).1)
    };
    assert!(verdict(1_480, Some(180_000)).is_empty());
    assert_eq!(verdict(1_479, Some(180_000)), ["HOLD_BUDGET_COUPON"]);
    assert_eq!(verdict(1_000_000, None), ["HOLD_BUDGET_COUPON"], "without a price nobody knows");
}

#[test]
fn a_yes_carries_the_arithmetic_of_the_guard() {
    use reflow::domain::Output::Decision;
    let mut stage = stage(Contract { quota_per_hour: Some(12), ..wide(GuardTerms::default()) });
    let at = stage.now;
    stage.facts(vec![delta("p", Counter::DrawdownDisbursed, at, 80), delta("p", Counter::DrawdownDeclined, at, 20)]);
    let out = stage.propose("p", "a");
    let yes = out.iter().find_map(|o| if let Decision(d) = o { Some(d) } else { None }).unwrap();
    let seen =
        |subject: &str| yes.checks.iter().find(|check| check.subject == subject).and_then(|check| check.observed);
    // q = 80/100; 1 of 101: effect 0.8/101, projected 80/101.
    assert_eq!(seen("reflow_effect_24h"), Some(7_921));
    assert_eq!(seen("projected_pass_24h"), Some(792_079));
    let terms = ["disbursed", "declined", "diverted", "cancelled", "timed_out", "reserved"];
    let terms = terms.map(|name| seen(&format!("{name}_24h")));
    assert_eq!(terms, [Some(80), Some(20), Some(0), Some(0), Some(0), Some(0)]);
    for subject in ["admitted_today", "admitted_this_hour", "reserved"] {
        assert!(seen(subject).is_some(), "{subject}");
    }
}
