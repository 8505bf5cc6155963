//! Known answers of the ordered layer: gates and exclusions, holds, settlements, guard and quota.

use std::collections::BTreeSet;

use reflow::domain::events::{
    ApplicationKind as A, CommandKind, Components, Event, Flag, FlagValue, Payer, RepaymentKind as R, RiskVerdict,
};
use reflow::domain::fact::{SettlementKind, Verdict as Answer};
use reflow::domain::fate::IgnoreReason;
use reflow::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use reflow::domain::words::Word;
use reflow::domain::{CalendarDay, Counter, Delta, EventTime, Family, Fate, ReasonCode as C, Reply, Settlement, Text};
use reflow_oracle::customer_shard::CustomerShard;
use reflow_oracle::guard::{At, Cohort, Retention, in_window};
use reflow_oracle::inputs::OwnedEvent;
use reflow_oracle::partner_shard::PartnerShard;
use reflow_oracle::plain_policy::{OracleContract, OracleGuard, OraclePolicy};
use reflow_oracle::{Rules, blank};

const T: EventTime = EventTime(1_749_988_800_000);

fn policy(change: impl FnOnce(&mut OraclePolicy, &mut OracleContract)) -> OraclePolicy {
    let mut contract = OracleContract::permissive("CNY");
    let mut policy = OraclePolicy::plain("v1", "h1", [("p1".to_owned(), contract.clone())].into());
    change(&mut policy, &mut contract);
    policy.contracts = [("p1".to_owned(), contract)].into();
    policy
}

fn profile(change: impl FnOnce(&mut reflow::domain::CustomerEvent<'_>)) -> OwnedEvent {
    let mut event = blank::customer("e", T.plus_ms(-HOUR_MS), "c1");
    event.consents.push(blank::consent("own", T.plus_ms(-DAY_MS), None));
    change(&mut event);
    OwnedEvent::of(&Event::Customer(event), &Rules::default())
}

fn drawdown(
    id: &str,
    at: EventTime,
    kind: A,
    change: impl FnOnce(&mut reflow::domain::ApplicationEvent<'_>),
) -> OwnedEvent {
    let mut event = blank::application("e", at, ["c1", "p1", "a1"], kind);
    (event.drawdown, event.amount_minor) = (Some(id), Some(100));
    let verdict = RiskVerdict { model: "m", version: "1", band: "a", decided_at: T, valid_days: 10 };
    event.risk_verdict = (kind == A::DrawdownRequested).then_some(verdict);
    change(&mut event);
    OwnedEvent::of(&Event::Application(event), &Rules::default())
}

fn answer(id: &Text, verdict: Answer, at: EventTime) -> Reply {
    blank::reply(id, "c1", verdict, &[], at)
}

/// The reasons of the last decision after these records, all taken one millisecond after T.
fn reasons(policy: OraclePolicy, records: &[OwnedEvent]) -> Vec<C> {
    let (rules, policies) = (Rules::default(), [policy]);
    let mut shard = CustomerShard::new(&rules, &policies);
    records.iter().for_each(|record| drop(shard.take(record, T.plus_ms(1))));
    shard.decisions.last().expect("a decision").reasons.clone()
}

fn plain() -> OraclePolicy {
    policy(|_, _| {})
}

fn request() -> OwnedEvent {
    drawdown("d1", T, A::DrawdownRequested, |_| {})
}

#[test]
fn what_passes_everything_is_proposed() {
    assert_eq!(reasons(plain(), &[profile(|_| {}), request()]), []);
}

#[test]
fn gates_fail_closed_and_are_all_named() {
    let nobody = policy(|p, c| {
        c.real_time = false;
        c.listed.0 = Some(T.plus_ms(1));
        c.dates.1 = Some(T);
        c.answer_within_ms = 0;
        p.offers.clear();
    });
    let event = drawdown("d1", T, A::DrawdownRequested, |e| {
        (e.staff, e.test_order, e.risk_verdict) = (true, true, None);
    });
    let expected = [
        C::GatePartnerUnlisted,
        C::GateContractForbids,
        C::GateContractDates,
        C::GateNoConsent,
        C::GateDeadline,
        C::ExcPartnerStaff,
        C::ExcTestOrder,
        C::DataVerdictMissing,
        C::ExcNoOffer,
    ];
    assert_eq!(reasons(nobody, &[event]), expected);
    let stranger = policy(|_, _| {});
    let elsewhere = drawdown("d1", T, A::DrawdownRequested, |e| e.partner = "p2");
    assert_eq!(reasons(stranger, &[profile(|_| {}), elsewhere]), [C::DataUnknownPartner]);
}

#[test]
fn consent_is_given_in_time_and_not_withdrawn() {
    let one = |controller: &'static str, given: i64, withdrawn: Option<i64>| {
        let consent = blank::consent(controller, T.plus_ms(given), withdrawn.map(|ms| T.plus_ms(ms)));
        reasons(plain(), &[profile(|e| e.consents = vec![consent]), request()])
    };
    assert_eq!(one("own", 0, None), []);
    assert_eq!(one("own", 1, None), [C::GateNoConsent]);
    assert_eq!(one("own", -5, Some(-1)), [C::GateNoConsent]);
}

#[test]
fn flags_regions_employers_and_limits_exclude() {
    let flagged = |flag: Flag| {
        let event = profile(|e| e.flags.push(FlagValue { flag, value: true }));
        reasons(plain(), &[event, request()])
    };
    assert_eq!(flagged(Flag::OptOut), [C::GateOptOut]);
    assert_eq!(flagged(Flag::Minor), [C::GateMinor]);
    assert_eq!(flagged(Flag::CourtFreeze), [C::ExcCourtFreeze]);
    let regional = || policy(|_, c| c.regions = vec!["r1".into()]);
    assert_eq!(reasons(regional(), &[profile(|_| {}), request()]), [C::ExcRegion, C::DataMissing]);
    assert_eq!(reasons(regional(), &[profile(|e| e.region = Some("r2")), request()]), [C::ExcRegion]);
    assert_eq!(reasons(regional(), &[profile(|e| e.region = Some("r1")), request()]), []);
    let limited = || policy(|p, _| (p.lenders_max, p.debt_burden_max_ppm) = (Some(3), Some(500_000)));
    let burdened = profile(|e| (e.lenders, e.debt_burden_ppm) = (Some(4), Some(500_001)));
    assert_eq!(reasons(limited(), &[burdened, request()]), [C::ExcMultiLender, C::ExcDebtBurden]);
    assert_eq!(reasons(limited(), &[profile(|_| {}), request()]), [C::DataMissing]);
    let listed = policy(|p, _| p.staff = vec!["c1".into()]);
    assert_eq!(reasons(listed, &[profile(|_| {}), request()]), [C::ExcPartnerStaff]);
    let held = policy(|p, _| p.holdout = vec!["c1".into()]);
    assert_eq!(reasons(held, &[profile(|_| {}), request()]), [C::CtrlHoldout]);
    let stale = drawdown("d1", T.plus_ms(1), A::DrawdownRequested, |e| {
        let decided_at = T.plus_ms(-10 * DAY_MS);
        e.risk_verdict = Some(RiskVerdict { model: "m", version: "1", band: "z", decided_at, valid_days: 10 });
    });
    let banded = policy(|p, _| p.bands = vec!["a".into()]);
    assert_eq!(reasons(banded, &[profile(|_| {}), stale]), [C::DataVerdictExpired, C::ExcRiskBand]);
}

#[test]
fn severe_and_compensated_overdue_exclude() {
    let due = |days_ago: i32, paid: Option<(Payer, i32)>| {
        let date = CalendarDay(T.utc_day().0 - days_ago);
        let amounts: Components = blank::components(900, 100);
        let mut due = blank::repayment("e", T.plus_ms(-HOUR_MS), ["c1", "p1", "l1"], Some(1), R::Due);
        (due.due_date, due.due) = (Some(date), Some(amounts));
        let mut records = vec![profile(|_| {}), OwnedEvent::of(&Event::Repayment(due), &Rules::default())];
        if let Some((payer, days_late)) = paid {
            let at = CalendarDay(date.0 + days_late).utc_start();
            let mut paid = blank::repayment("e", at, ["c1", "p1", "l1"], Some(1), R::Paid);
            (paid.paid, paid.payer) = (Some(amounts), Some(payer));
            records.push(OwnedEvent::of(&Event::Repayment(paid), &Rules::default()));
        }
        reasons(plain(), &[records, vec![request()]].concat())
    };
    assert_eq!(due(30, None), []);
    assert_eq!(due(31, None), [C::ExcSevereDpd]);
    assert_eq!(due(300, Some((Payer::Customer, 20))), []);
    assert_eq!(due(300, Some((Payer::Customer, 60))), [C::ExcSevereDpd]);
    assert_eq!(due(10, Some((Payer::Enhancer, 3))), [C::ExcCompensated]);
}

#[test]
fn only_the_first_trigger_of_an_open_fresh_drawdown_is_decided() {
    let (rules, policies) = (Rules::default(), [plain()]);
    let count = |records: &[OwnedEvent], now: EventTime| {
        let mut shard = CustomerShard::new(&rules, &policies);
        records.iter().for_each(|record| drop(shard.take(record, now)));
        shard.decisions.len()
    };
    assert_eq!(count(&[request(), request()], T), 1);
    let ended = drawdown("d1", T.plus_ms(5), A::DrawdownDeclined, |_| {});
    assert_eq!(count(&[ended, request()], T), 0);
    assert_eq!(count(&[request()], T.plus_ms(DAY_MS)), 1);
    assert_eq!(count(&[request()], T.plus_ms(DAY_MS + 1)), 0);
    let passed = drawdown("d1", T, A::DrawdownRiskPassed, |_| {});
    assert_eq!(count(&[request(), passed.clone()], T), 1, "the request triggers where nothing else is agreed");
    let policies = [policy(|_, c| c.triggers_on_risk_passed = true)];
    let mut shard = CustomerShard::new(&rules, &policies);
    shard.take(&request(), T);
    assert!(shard.decisions.is_empty());
    shard.take(&passed, T);
    assert_eq!(shard.decisions.len(), 1);
}

#[test]
fn one_candidate_at_a_time_with_one_settlement() {
    let rules = Rules::default();
    let policies = [policy(|p, _| (p.frequency_cap, p.cool_down_ms) = (Some((1, DAY_MS)), HOUR_MS))];
    let mut shard = CustomerShard::new(&rules, &policies);
    let ask = |shard: &mut CustomerShard<'_>, id: &str, at: EventTime| {
        shard.take(&drawdown(id, at, A::DrawdownRequested, |_| {}), at);
        shard.decisions.last().unwrap().reasons.clone()
    };
    shard.take(&profile(|_| {}), T);
    assert_eq!(ask(&mut shard, "d1", T), []);
    assert_eq!(ask(&mut shard, "d2", T), [C::HoldPending]);
    let id = blank::candidate_id("p1", "d1", "c1");
    assert_eq!(shard.decisions[0].candidate, id);
    shard.reply(&answer(&id, Answer::Admitted, T));
    assert_eq!(ask(&mut shard, "d3", T), [C::HoldLiveCandidate, C::HoldFreqCap, C::HoldCoolDown]);
    let end = |kind, ms| drawdown("d1", T.plus_ms(ms), kind, |e| e.risk_verdict = None);
    shard.take(&end(A::DrawdownCancelled, 10), T.plus_ms(10));
    shard.take(&end(A::DrawdownDisbursed, 20), T.plus_ms(20));
    let settled: Vec<_> = shard.settlements.iter().map(|s| (s.kind, s.reason)).collect();
    assert_eq!(settled, [(SettlementKind::Revoked, C::EndDrawdownCancelled)]);
    shard.reply(&answer(&id, Answer::Released, T));
    assert_eq!(shard.reply(&answer(&id, Answer::Released, T)), Fate::Ignored(IgnoreReason::Unmatched));
    assert_eq!(ask(&mut shard, "d4", T.plus_ms(2 * HOUR_MS)), [C::HoldFreqCap]);
    assert_eq!(ask(&mut shard, "d5", T.plus_ms(DAY_MS)), []);
    shard.take(&profile(|e| e.flags.push(FlagValue { flag: Flag::OptOut, value: true })), T.plus_ms(DAY_MS));
    let last = shard.settlements.last().unwrap();
    assert_eq!((last.kind, last.reason), (SettlementKind::Revoked, C::EndOptOut));
}

#[test]
fn a_command_revokes_and_an_accepted_offer_diverts() {
    let (rules, policies) = (Rules::default(), [plain()]);
    let id = blank::candidate_id("p1", "d1", "c1");
    let live = || {
        let mut shard = CustomerShard::new(&rules, &policies);
        shard.take(&profile(|_| {}), T);
        shard.take(&request(), T);
        shard.reply(&answer(&id, Answer::Admitted, T));
        shard
    };
    let mut shard = live();
    let mut revoke = blank::command("k", T, CommandKind::RevokeCandidate);
    (revoke.customer, revoke.candidate) = (Some("c1"), Some(id.as_str()));
    shard.take(&OwnedEvent::of(&Event::Command(revoke), &rules), T);
    assert_eq!(shard.settlements[0].reason, C::EndCommand);
    let mut shard = live();
    let mut accepted = blank::outcome("o", T, "c1", reflow::domain::events::OutcomeKind::Accepted);
    accepted.candidate = Some(&id);
    assert_eq!(shard.take(&OwnedEvent::of(&Event::Outcome(accepted), &rules), T), Fate::Applied);
    shard.take(&drawdown("d1", T.plus_ms(1), A::DrawdownCancelled, |e| e.risk_verdict = None), T);
    assert_eq!(shard.settlements[0].kind, SettlementKind::Diverted);
    assert!(shard.contributions().contains_key(&("p1".into(), Counter::DrawdownDiverted, Family::minute(T))));
}

fn delta(counter: Counter, at: EventTime, count: i64) -> Delta {
    let change = reflow::domain::counter::Tally { count, amount_minor: 0 };
    Delta { partner: "p1".into(), counter, at: Family::minute(at), change }
}

#[test]
fn a_window_counts_minutes_then_whole_folded_panes() {
    let now = EventTime(T.0 + 30 * MINUTE_MS);
    let within =
        |ago_minutes: i64, length: i64| in_window(now.0 - ago_minutes * MINUTE_MS, now, length, Retention::default());
    assert!(within(0, HOUR_MS) && within(59, HOUR_MS) && !within(60, HOUR_MS) && !within(-1, HOUR_MS));
    // 24 h back is 12:31; the hour from 12:00 is folded and counts whole.
    assert!(within(24 * 60 + 30, DAY_MS) && !within(24 * 60 + 31, DAY_MS));
}

#[test]
fn the_guard_rounds_against_us() {
    let mut cohort = Cohort::default();
    // 2 of 3 undiverted are disbursed: q = 666,667; one more of 4 gives an effect of 166,667 and a projection of 500,000.
    cohort.take(&delta(Counter::DrawdownDisbursed, T, 2));
    cohort.take(&delta(Counter::DrawdownDeclined, T, 1));
    let partner = Text::from("p1");
    let mut guard = OracleContract::permissive("CNY").guard;
    (guard.min_n, guard.horizons_ms) = (3, vec![HOUR_MS]);
    let judge = |guard: &OracleGuard, reserved: &[EventTime]| {
        let at = At { partner: &partner, guard, now: T, retention: Retention::default() };
        cohort.judge(&at, reserved, &BTreeSet::new())
    };
    guard.reflow_effect_max_ppm = 166_667;
    assert_eq!(judge(&guard, &[]), []);
    guard.reflow_effect_max_ppm = 166_666;
    assert_eq!(judge(&guard, &[]), [C::HoldReflowEffect]);
    guard.reflow_effect_max_ppm = 266_667; // 666,667 · 2 / 5 = 266,666.8
    assert_eq!(judge(&guard, &[T]), []);
    assert_eq!(judge(&guard, &[]), []);
    // One of the control group passed: q = 1, and the effect of one more of 4 is 250,000; two are asked for.
    let control = |guard: &OracleGuard| {
        let mut cohort = cohort.clone();
        cohort.take(&delta(Counter::HeldOutDisbursed, T, 1));
        let at = At { partner: &partner, guard, now: T, retention: Retention::default() };
        cohort.judge(&at, &[], &BTreeSet::new())
    };
    guard.reflow_effect_max_ppm = 249_999;
    guard.holdout_min_n = Some(2);
    assert_eq!(control(&guard), []);
    guard.holdout_min_n = Some(1);
    assert_eq!(control(&guard), [C::HoldReflowEffect]);
    guard.reflow_effect_max_ppm = 266_667;
    guard.drawdown_pass_floor_ppm = Some(500_000);
    assert_eq!(judge(&guard, &[]), []);
    assert_eq!(judge(&guard, &[T]), [C::HoldDrawdownPassFloor]);
    assert_eq!(judge(&guard, &[T.plus_ms(-2 * HOUR_MS)]), [], "a reservation outside the horizon");
    guard.reserved_max = 1;
    assert_eq!(judge(&guard, &[T]), [C::HoldReflowEffect, C::HoldDrawdownPassFloor]);
    (guard.min_n, guard.below_min_n_max) = (4, 1);
    assert_eq!(judge(&guard, &[]), []);
    assert_eq!(judge(&guard, &[T]), [C::HoldReflowEffect, C::HoldMinN]);
}

#[test]
fn the_partner_stage_answers_by_quota_staleness_deadline_and_version() {
    let policies = [policy(|_, c| c.quota_per_day = 1)];
    let mut shard = PartnerShard::new(&policies, 30, Retention::default());
    let mut bundles = 0;
    let mut ask = |shard: &mut PartnerShard<'_>, id: &str, now: EventTime, version: &str| {
        bundles += 1;
        let mut bundle = blank::bundle(0, 2, bundles, now);
        let mut candidate = blank::candidate(id, id, T);
        candidate.grounds.policy_version = version.into();
        bundle.proposals.push(blank::proposal("p1", id, T, candidate));
        shard.bundle(&bundle, now);
        shard.replies.last().map(|r| (r.verdict, r.reasons.clone())).unwrap()
    };
    assert_eq!(ask(&mut shard, "a", T, "v1"), (Answer::Refused, vec![C::DataStale]), "the other shard was never heard");
    shard.bundle(&blank::bundle(1, 2, 1, T), T);
    assert_eq!(ask(&mut shard, "b", T, "v1"), (Answer::Admitted, vec![]));
    assert_eq!(ask(&mut shard, "b", T, "v1"), (Answer::Admitted, vec![]), "the same answer again");
    assert_eq!(ask(&mut shard, "c", T, "v1"), (Answer::Refused, vec![C::HoldQuotaDay]));
    assert_eq!(ask(&mut shard, "d", T, "v2"), (Answer::Refused, vec![C::DataPolicyChanged]));
    assert_eq!(ask(&mut shard, "e", T.plus_ms(5_001), "v1"), (Answer::TooLate, vec![C::GateDeadline, C::HoldQuotaDay]));
    assert_eq!(shard.live(), [Text::from("b")]);
    shard.tick(T.plus_ms(899_999));
    assert_eq!(shard.live().len(), 1);
    shard.tick(T.plus_ms(900_000));
    assert_eq!(shard.replies.last().map(|r| r.verdict), Some(Answer::Released));
    assert!(shard.live().is_empty() && shard.gaps.is_empty());
    let mut skipped = blank::bundle(1, 2, 3, T);
    skipped.settlements.push(Settlement {
        candidate: "never".into(),
        customer: "c1".into(),
        partner: "p1".into(),
        kind: SettlementKind::Revoked,
        reason: C::EndOptOut.name().into(),
        at: T,
    });
    shard.bundle(&skipped, T);
    assert_eq!(
        (shard.gaps.as_slice(), shard.replies.last().map(|r| r.verdict)),
        (&[(1, 3)][..], Some(Answer::Released))
    );
}
