//! Single scenes: what one input gives.

use reflow::domain::decision::DecisionKind;
use reflow::domain::fact::{SettlementKind, Verdict};
use reflow::domain::time::{DAY_MS, HOUR_MS};
use reflow::domain::view::{DataState, PartnerView, Rate};
use reflow::domain::{
    CandidateStatus, Counter, Decision, EventTime, FactBundle, Fate, Output, Reply, Settlement, Text,
};
use reflow::partner::Input;

use crate::market::{START, Stage, VALID_FOR_MS, delta, proposal};

pub fn replies(out: &[Output]) -> Vec<(i32, &Reply)> {
    out.iter()
        .filter_map(|o| if let Output::Reply { shard, reply } = o { Some((*shard, reply)) } else { None })
        .collect()
}

fn decisions(out: &[Output]) -> Vec<&Decision> {
    out.iter().filter_map(|o| if let Output::Decision(d) = o { Some(&**d) } else { None }).collect()
}

fn candidates(out: &[Output]) -> Vec<(CandidateStatus, i32)> {
    out.iter().filter_map(|o| if let Output::Candidate(c) = o { Some((c.status, c.version)) } else { None }).collect()
}

pub fn views(out: &[Output]) -> Vec<&PartnerView> {
    out.iter().filter_map(|o| if let Output::View(v) = o { Some(&**v) } else { None }).collect()
}

fn rate<'a>(view: &'a PartnerView, name: &str, window: &str) -> &'a Rate {
    view.rates
        .iter()
        .find(|r| r.name == name && r.window == window)
        .unwrap_or_else(|| panic!("no rate {name} {window}"))
}

fn settlement(id: &str, at: EventTime) -> Settlement {
    Settlement {
        candidate: Text::from(id),
        customer: Text::from(format!("customer of {id}")),
        partner: Text::from("p0"),
        kind: SettlementKind::Kept,
        reason: Text::from("END_DRAWDOWN_DISBURSED"),
        at,
    }
}

#[test]
fn an_admission_is_a_reply_a_candidate_and_a_decision() {
    let mut stage = Stage::new();
    let out = stage.propose("p0", "a");
    let [(1, reply)] = replies(&out)[..] else { panic!("one reply to the shard that proposed: {out:?}") };
    assert_eq!((reply.verdict, reply.expires_at), (Verdict::Admitted, Some(START.plus_ms(VALID_FOR_MS))));
    assert_eq!(candidates(&out), [(CandidateStatus::Active, 1)]);
    let [yes] = decisions(&out)[..] else { panic!("one decision") };
    assert_eq!((yes.kind, yes.decided_at, yes.drawdown.as_deref()), (DecisionKind::Yes, START, Some("drawdown of a")));
    assert!(yes.reasons.is_empty() && yes.checks.iter().all(|check| check.passed));
    for name in ["ours_1h", "ours_24h", "ours_7d", "reserved", "admitted_today", "decide_by", "partner_data_stale"] {
        assert!(yes.checks.iter().any(|check| check.subject == name), "{name}");
    }
    let view = views(&out)[0];
    assert_eq!((view.live_candidates, view.quota_day_used, view.quota_day_max), (1, 1, Some(8)));
}

#[test]
fn the_same_candidate_gets_the_same_answer_and_nothing_else() {
    let mut stage = Stage::new();
    let first = stage.propose("p0", "a");
    let again = stage.propose("p0", "a");
    assert_eq!(replies(&again), replies(&first));
    assert!(decisions(&again).is_empty() && candidates(&again).is_empty());
    stage.settle(settlement("a", stage.now));
    assert_eq!(replies(&stage.propose("p0", "a")), replies(&first), "after its end too");
    let stranger = stage.propose("p9", "b");
    assert_eq!(replies(&stage.propose("p9", "b")), replies(&stranger), "a no as well");
}

#[test]
fn a_settlement_ends_the_candidate_once() {
    let mut stage = Stage::new();
    stage.propose("p0", "a");
    let out = stage.settle(settlement("a", stage.now));
    assert_eq!(candidates(&out), [(CandidateStatus::Revoked, 2)]);
    assert_eq!(decisions(&out)[0].reasons, ["END_DRAWDOWN_DISBURSED"]);
    assert_eq!(replies(&out)[0].1.verdict, Verdict::Released);
    let again = stage.settle(settlement("a", stage.now));
    assert!(candidates(&again).is_empty() && decisions(&again).is_empty());
    assert_eq!(replies(&again)[0].1.verdict, Verdict::Released, "the customer must not wait for ever");
}

#[test]
fn a_tick_expires_what_has_run_out() {
    let mut stage = Stage::new();
    stage.propose("p0", "a");
    stage.pass(VALID_FOR_MS - 1);
    stage.heartbeats();
    stage.tick();
    assert!(!stage.shard.due(stage.now));
    stage.pass(1);
    assert!(stage.shard.due(stage.now));
    let out = stage.tick();
    assert_eq!(candidates(&out), [(CandidateStatus::Expired, 2)]);
    assert_eq!((decisions(&out)[0].kind, replies(&out)[0].0), (DecisionKind::Expired, 1));
    assert!(stage.settle(settlement("a", stage.now)).iter().any(|o| matches!(o, Output::Reply { .. })));
}

#[test]
fn every_failing_code_is_given_in_order() {
    let mut stage = Stage::new();
    for id in ["a", "b", "c"] {
        stage.propose("p0", id);
    }
    let (fate, _) = stage.attempt(Input::Pause { partner: "p0", paused: true });
    assert_eq!(fate, Fate::Applied);
    stage.keep();
    stage.pass(31_000);
    let proposals = vec![proposal("p0", "late", START, stage.now.plus_ms(-1))];
    let bundle = FactBundle { proposals: proposals.into(), ..stage.bundle(1) };
    let (_, out) = stage.take(&bundle);
    let reply = replies(&out)[0].1;
    assert_eq!(reply.verdict, Verdict::TooLate);
    assert_eq!(reply.reasons, ["GATE_DEADLINE", "DATA_STALE", "HOLD_PARTNER_PAUSED", "HOLD_MIN_N"]);
    assert_eq!(decisions(&out)[0].kind, DecisionKind::TooLate);

    let mut changed = proposal("p0", "other policy", START, stage.now);
    changed.candidate.grounds.policy_hash = Text::from("h2");
    let bundle = FactBundle { proposals: vec![changed].into(), ..stage.bundle(0) };
    let (_, out) = stage.take(&bundle);
    assert_eq!(replies(&out)[0].1.reasons, ["DATA_POLICY_CHANGED", "HOLD_PARTNER_PAUSED"]);
    assert_eq!(replies(&stage.propose("p9", "unknown"))[0].1.reasons, ["DATA_UNKNOWN_PARTNER"]);
}

#[test]
fn the_quota_starts_again_at_midnight_of_the_zone() {
    let mut stage = Stage::new();
    let verdict = |out: &[Output]| replies(out)[0].1.reasons.clone();
    for n in 0..8 {
        let id = format!("c{n}");
        assert!(verdict(&stage.propose("p0", &id)).is_empty(), "{n}");
        stage.settle(settlement(&id, stage.now));
    }
    assert_eq!(verdict(&stage.propose("p0", "ninth")), ["HOLD_QUOTA_DAY"]);
    // 16:00 UTC is midnight at +8.
    stage.now = START.floor(DAY_MS).plus_ms(16 * HOUR_MS - 1);
    stage.heartbeats();
    assert_eq!(verdict(&stage.propose("p0", "tenth")), ["HOLD_QUOTA_DAY"]);
    stage.pass(1);
    stage.heartbeats();
    assert!(verdict(&stage.propose("p0", "eleventh")).is_empty());
}

#[test]
fn a_settled_drawdown_is_counted_by_its_delta_in_the_same_bundle() {
    let mut stage = Stage::new();
    let at = stage.now;
    stage.facts(vec![delta("p0", Counter::DrawdownDisbursed, at, 40)]);
    stage.propose("p0", "a");
    stage.pass(1_000);
    let bundle = FactBundle {
        deltas: vec![delta("p0", Counter::DrawdownDiverted, at, 1)].into(),
        settlements: vec![Settlement { kind: SettlementKind::Diverted, ..settlement("a", at) }].into(),
        ..stage.bundle(0)
    };
    let (_, out) = stage.take(&bundle);
    let guard = &views(&out)[0].guard[0];
    // q = 40/40, X = 1, R = 0: effect = (1 + 1)/42.
    assert_eq!((guard.n, guard.reserved, guard.effect_ppm), (41, 0, Some(47_620)));
    assert_eq!(guard.observed_ppm, Some(975_609));
}

/// Else the settlement would find no reservation, and the candidate would live on until it expires.
#[test]
fn a_candidate_that_ends_in_the_bundle_that_proposes_it_is_admitted_and_ended() {
    let mut stage = Stage::new();
    let at = stage.now;
    let bundle = FactBundle {
        proposals: vec![proposal("p0", "a", at, at.plus_ms(2_000))].into(),
        settlements: vec![settlement("a", at)].into(),
        ..stage.bundle(1)
    };
    let (_, out) = stage.take(&bundle);
    let verdicts: Vec<Verdict> = replies(&out).into_iter().map(|(_, reply)| reply.verdict).collect();
    assert_eq!(verdicts, [Verdict::Admitted, Verdict::Released]);
    assert_eq!(candidates(&out), [(CandidateStatus::Active, 1), (CandidateStatus::Revoked, 2)]);
    assert_eq!(views(&out)[0].live_candidates, 0);
}

#[test]
fn views_come_at_most_every_second_and_by_tick_when_owed() {
    let mut stage = Stage::new();
    assert_eq!(views(&stage.facts(vec![delta("p0", Counter::Approved, START, 1)])).len(), 1);
    stage.pass(400);
    assert!(views(&stage.facts(vec![delta("p0", Counter::Approved, START, 1)])).is_empty());
    assert!(!stage.shard.due(stage.now), "not yet");
    stage.pass(600);
    assert!(stage.shard.due(stage.now));
    let out = stage.tick();
    assert_eq!(rate(views(&out)[0], "limit_approval", "1h").hits, 2);
    assert!(!stage.shard.due(stage.now) && views(&stage.tick()).is_empty(), "nothing changed since");
}

#[test]
fn a_silent_partner_becomes_idle_and_a_silent_shard_makes_stale() {
    let mut stage = Stage::new();
    assert_eq!(views(&stage.events("p0", START))[0].state, DataState::Live);
    while stage.now.ms_since(START) < 300_000 {
        stage.pass(10_000);
        stage.heartbeats();
        assert!(stage.now.ms_since(START) >= 300_000 || views(&stage.tick()).is_empty());
    }
    stage.pass(1);
    assert_eq!(views(&stage.tick())[0].state, DataState::Idle);
    stage.pass(30_001);
    assert!(stage.shard.due(stage.now));
    assert_eq!(views(&stage.tick())[0].state, DataState::Stale);
}

#[test]
fn the_due_book_and_the_stock_are_read_by_the_day() {
    let mut stage = Stage::new();
    let day = |back: i64| START.plus_ms(-back * DAY_MS);
    stage.facts(vec![
        delta("p0", Counter::InstalmentsDue, day(2), 100),
        delta("p0", Counter::Settled0, day(2), 60),
        delta("p0", Counter::Settled1To3, day(2), 10),
        delta("p0", Counter::SettledCompensated, day(2), 4),
        delta("p0", Counter::InstalmentsOpen, day(2), 30),
        delta("p0", Counter::InstalmentsDue, day(40), 50),
        delta("p0", Counter::InstalmentsOpen, day(40), 5),
        delta("p0", Counter::InstalmentsDue, day(-10), 70),
        delta("p0", Counter::InstalmentsOpen, day(-10), 70),
        delta("p0", Counter::FirstDue, day(8), 40),
        delta("p0", Counter::FirstOpen, day(8), 2),
        delta("p0", Counter::FirstLate7, day(8), 6),
        delta("p0", Counter::StockLoans, day(45), 25),
        delta("p0", Counter::StockLoans, day(1), 25),
        delta("p0", Counter::StockLoans, day(-3), 50),
        delta("p0", Counter::Submitted, day(3), 80),
        delta("p0", Counter::CohortDisbursed, day(3), 20),
    ]);
    stage.pass(1_000);
    let out = stage.facts(vec![delta("p0", Counter::Approved, START, 1)]);
    let view = views(&out)[0];
    let of = |name: &str, window: &str| (rate(view, name, window).hits, rate(view, name, window).n);
    assert_eq!(of("overdue_instalments", "7d"), (40, 100));
    assert_eq!(of("compensation", "7d"), (4, 100));
    assert_eq!(of("overdue_instalments_1_30", "book"), (30, 100));
    assert_eq!(of("overdue_instalments_customer_1_30", "book"), (34, 100));
    assert_eq!(of("overdue_instalments_31_60", "book"), (5, 50));
    assert_eq!(of("fpd_7", "7d"), (8, 40));
    assert_eq!(of("fpd_15", "7d"), (0, 0));
    assert_eq!(of("overdue_balance", "now"), (5_000, 10_000));
    assert_eq!(of("overdue_balance_31_60", "now"), (2_500, 10_000));
    assert_eq!(of("end_to_end", "7d"), (20, 80));
    assert_eq!(of("end_to_end", "1h"), (0, 0));
    assert_eq!(rate(view, "end_to_end", "1h").state, DataState::TooFew);
    assert_eq!(rate(view, "end_to_end", "7d").state, view.state, "enough cases: what the partner's data are");
    assert_eq!(view.outstanding.amount_minor, 10_000);
}

#[test]
fn roll_rates_come_from_two_days() {
    let mut stage = Stage::new();
    let (tomorrow, later) = (START.plus_ms(DAY_MS), START.plus_ms(30 * DAY_MS));
    let stock = |due, loans| delta("p1", Counter::StockLoans, due, loans);
    stage.facts(vec![stock(tomorrow, 70), stock(later, 30)]);
    stage.pass(DAY_MS);
    let out = stage.facts(vec![stock(tomorrow, -20), stock(later, 20)]);
    assert!(views(&out)[0].rates.iter().all(|rate| !rate.name.starts_with("roll_")), "one snapshot is not enough");
    stage.pass(DAY_MS);
    let out = stage.facts(vec![delta("p1", Counter::Approved, stage.now, 1)]);
    let roll = rate(views(&out)[0], "roll_0_1_30", "1d");
    assert_eq!((roll.hits, roll.n), (5_000, 10_000), "50 of the 100 that were current a day ago are one day late");
    stage.pass(2 * DAY_MS);
    let out = stage.facts(vec![delta("p1", Counter::Approved, stage.now, 1)]);
    assert!(
        views(&out)[0].rates.iter().all(|rate| !rate.name.starts_with("roll_")),
        "a day without a snapshot between"
    );
}

#[test]
fn a_bundle_is_taken_once() {
    let mut stage = Stage::new();
    let bundle = FactBundle { deltas: vec![delta("p0", Counter::Approved, START, 1)].into(), ..stage.bundle(0) };
    assert_eq!(stage.take(&bundle).0, Fate::Applied);
    let (fate, out) = stage.take(&bundle);
    assert_eq!(fate, Fate::Duplicate);
    assert!(!out.iter().any(|o| matches!(o, Output::Pane(_) | Output::View(_))));
}
