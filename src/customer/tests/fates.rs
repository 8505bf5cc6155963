//! Every fate of an event, and that a rejected or repeated one leaves no trace.

use super::fixture::*;
use crate::customer::clocks::PARTNERS_MAX;
use crate::domain::events::*;
use crate::domain::fate::{DeadLetterClass, IgnoreReason};
use crate::domain::time::{DAY_MS, HOUR_MS, SECOND_MS};
use crate::domain::{AMOUNT_MINOR_MAX, CalendarDay, EventTime, Fate};
use ApplicationKind as Kind;

fn class(fate: Fate) -> Option<DeadLetterClass> {
    match fate {
        Fate::DeadLettered(class, detail) => {
            assert!(!detail.is_empty());
            Some(class)
        }
        _ => None,
    }
}

fn submitted() -> ApplicationEvent<'static> {
    application(Kind::Submitted, NOW)
}

#[test]
fn what_cannot_be_used_is_invalid_and_leaves_no_trace() {
    let long = "x".repeat(129);
    let scheduled = || scheduled(1, TODAY, 5);
    let events = [
        Event::Application(ApplicationEvent { partner: "", ..submitted() }),
        Event::Application(ApplicationEvent { event_id: "", ..submitted() }),
        Event::Application(ApplicationEvent { product: Some(&long), ..submitted() }),
        Event::Application(ApplicationEvent { application: "a\0b", ..submitted() }),
        Event::Application(ApplicationEvent { amount_minor: Some(-1), ..submitted() }),
        Event::Application(ApplicationEvent { amount_minor: Some(AMOUNT_MINOR_MAX + 1), ..submitted() }),
        Event::Application(ApplicationEvent { limit_minor: Some(i64::MAX), ..submitted() }),
        Event::Application(ApplicationEvent { drawdown: None, ..drawdown(Kind::DrawdownRequested, NOW) }),
        Event::Application(ApplicationEvent { drawdown: Some(""), ..drawdown(Kind::DrawdownRequested, NOW) }),
        Event::Repayment(RepaymentEvent { instalment: None, ..scheduled() }),
        Event::Repayment(RepaymentEvent { instalment: Some(0), ..scheduled() }),
        Event::Repayment(RepaymentEvent { due_date: None, ..scheduled() }),
        Event::Repayment(RepaymentEvent { due_date: Some(CalendarDay(i32::MAX)), ..scheduled() }),
        Event::Repayment(RepaymentEvent { due: None, ..scheduled() }),
        Event::Repayment(RepaymentEvent { due: principal(-5), ..scheduled() }),
        Event::Repayment(RepaymentEvent { due: principal(AMOUNT_MINOR_MAX + 1), ..scheduled() }),
        Event::Repayment(RepaymentEvent { paid: None, ..paid(1, TODAY, 5, Payer::Customer) }),
        Event::Repayment(repayment(RepaymentKind::Closed, NOW)),
        Event::Customer(CustomerEvent { own_limit_minor: Some(-1), ..customer(NOW) }),
        Event::Customer(CustomerEvent { income: Some(Income { monthly_minor: -1, currency: "CNY" }), ..customer(NOW) }),
        Event::Customer(CustomerEvent { income: Some(Income { monthly_minor: 1, currency: "" }), ..customer(NOW) }),
        Event::Command(Command { customer: None, ..revoke(None, NOW) }),
    ];
    let mut desk = Desk::new(Fixed::yes());
    for event in events {
        assert_eq!(class(desk.event(event.clone())), Some(DeadLetterClass::Invalid), "{event:?}");
    }
    assert_eq!(desk.entries(), 0);
    assert_eq!(desk.seal().header.fates.dead_lettered, 22);
}

#[test]
fn a_currency_that_contradicts_the_record_is_invalid() {
    let mut desk = Desk::new(Fixed(None));
    desk.application(ApplicationEvent { currency: Some("CNY"), ..submitted() });
    let other = ApplicationEvent { currency: Some("EUR"), ..application(Kind::Approved, NOW) };
    assert_eq!(class(desk.application(other)), Some(DeadLetterClass::Invalid));
    desk.repayment(RepaymentEvent { currency: Some("CNY"), ..scheduled(1, TODAY, 5) });
    let other = RepaymentEvent { currency: Some("EUR"), ..paid(1, TODAY, 5, Payer::Customer) };
    assert_eq!(class(desk.repayment(other)), Some(DeadLetterClass::Invalid));
    // Invalid comes before the clock is asked.
    let other =
        ApplicationEvent { currency: Some("EUR"), event_time: NOW.plus_ms(DAY_MS), ..application(Kind::Approved, NOW) };
    assert_eq!(class(desk.application(other)), Some(DeadLetterClass::Invalid));
}

#[test]
fn a_time_that_cannot_be_true_is_dead_lettered_and_moves_no_clock() {
    let mut desk = Desk::new(Fixed(None));
    for at in [EventTime(0), EventTime::LATEST, NOW.plus_ms(HOUR_MS + 1), EventTime(i64::MAX), EventTime(i64::MIN)] {
        let fate = desk.application(application(Kind::Submitted, at));
        assert_eq!(class(fate), Some(DeadLetterClass::FutureTs), "{at}");
    }
    assert_eq!((desk.entries(), desk.shard.high_event_time()), (0, EventTime(0)));
    assert_eq!(desk.application(application(Kind::Submitted, NOW.plus_ms(HOUR_MS))), Fate::Applied);
    // While now is not known nothing is ahead of it.
    desk.now = EventTime(0);
    assert_eq!(desk.application(application(Kind::Approved, NOW.plus_ms(DAY_MS))), Fate::Applied);
}

#[test]
fn late_is_judged_by_the_partners_own_clock() {
    let mut desk = Desk::new(Fixed(None));
    let week = 7 * DAY_MS;
    desk.application(submitted());
    desk.seal();
    let behind = |ms| ApplicationEvent { application: "a2", ..application(Kind::Submitted, EventTime(NOW.0 - ms)) };
    assert!(matches!(desk.application(behind(week + 1)), Fate::Late(_)));
    assert_eq!(desk.entries(), 0);
    assert_eq!(desk.application(ApplicationEvent { partner: "p2", ..behind(week + 1) }), Fate::Applied);
    assert_eq!(desk.application(behind(week)), Fate::Applied);
    assert_eq!(desk.repayment(paid(1, CalendarDay(TODAY.0 - 400), 5, Payer::Customer)), Fate::Applied);
    assert_eq!(
        desk.event(Event::Customer(CustomerEvent { lenders: Some(1), ..customer(NOW.floor(1)) })),
        Fate::Applied
    );
}

#[test]
fn a_command_moves_no_clock() {
    let mut desk = Desk::new(Fixed(None));
    let command = Command { kind: CommandKind::PausePartner, customer: None, partner: Some("p1"), ..revoke(None, NOW) };
    assert_eq!(desk.event(Event::Command(command)), Fate::Ignored(IgnoreReason::NotRelevant));
    assert_eq!(desk.shard.high_event_time(), EventTime(0));
}

#[test]
fn a_repetition_is_a_duplicate_without_a_trace() {
    let verdict = RiskVerdict { model: "m", version: "1", band: "A", decided_at: NOW, valid_days: 30 };
    let events = [
        Event::Application(ApplicationEvent { amount_minor: Some(5), region: Some("r"), ..submitted() }),
        Event::Application(ApplicationEvent {
            limit_minor: Some(5),
            risk_verdict: Some(verdict),
            ..application(Kind::Approved, NOW)
        }),
        Event::Application(drawdown(Kind::DrawdownRequested, NOW)),
        Event::Application(drawdown(Kind::DrawdownDisbursed, NOW)),
        Event::Application(application(Kind::LimitClosed, NOW)),
        Event::Repayment(RepaymentEvent { due: principal(9), ..repayment(RepaymentKind::Disbursed, NOW) }),
        Event::Repayment(scheduled(1, TODAY, 5)),
        Event::Repayment(paid(1, TODAY, 5, Payer::Insurer)),
        Event::Repayment(closed(CloseReason::Restructured, TODAY)),
        Event::Customer(CustomerEvent {
            tags: vec!["t"],
            flags: vec![FlagValue { flag: Flag::Student, value: true }],
            consents: vec![consent(NOW, None)],
            risk: Some(Score { model: "m", version: "1", value_ppm: 5, scored_at: NOW }),
            ..customer(NOW)
        }),
        Event::Outcome(Outcome { candidate: None, ..outcome(OutcomeKind::Contacted, "", NOW) }),
    ];
    let mut desk = Desk::new(Fixed(None));
    for event in &events {
        assert_eq!(desk.event(event.clone()), Fate::Applied, "{event:?}");
    }
    desk.seal();
    for event in &events {
        assert_eq!(desk.event(event.clone()), Fate::Duplicate, "{event:?}");
    }
    assert_eq!(desk.entries(), 0);
}

#[test]
fn an_older_fact_never_undoes_a_newer_one() {
    let mut desk = Desk::new(Fixed(None));
    desk.application(application(Kind::Approved, NOW));
    desk.repayment(paid(1, TODAY, 5, Payer::Customer));
    desk.seal();
    let outdated = Fate::Ignored(IgnoreReason::Outdated);
    let earlier = EventTime(NOW.0 - SECOND_MS);
    assert_eq!(desk.application(application(Kind::Declined, earlier)), outdated);
    assert_eq!(desk.repayment(paid(1, CalendarDay(TODAY.0 - 1), 9, Payer::Customer)), outdated);
    assert_eq!(desk.entries(), 0);
}

#[test]
fn an_erased_customer_is_forgotten_and_stays_so() {
    let mut desk = Desk::new(Fixed(None));
    desk.application(submitted());
    desk.seal();
    let erase = || Event::Customer(CustomerEvent { erased: true, ..customer(NOW) });
    assert_eq!(desk.event(erase()), Fate::Applied);
    let record = desk.shard.customer("c1").unwrap();
    assert_eq!((record.erased_at, record.applications.len()), (Some(NOW), 0));
    // What was counted stays counted.
    desk.now = NOW.plus_ms(10 * SECOND_MS);
    assert!(desk.seal().deltas.is_empty());
    assert_eq!(desk.event(erase()), Fate::Ignored(IgnoreReason::Erased));
    let later = desk.now;
    assert_eq!(desk.application(application(Kind::Approved, later)), Fate::Ignored(IgnoreReason::Erased));
    // It was accepted all the same, so it moves the partner's clock.
    assert_eq!(desk.shard.high_event_time(), later);
}

#[test]
fn lists_are_bounded() {
    let mut desk = Desk::new(Fixed(None));
    let names: Vec<String> = (0..513).map(|i| format!("a{i}")).collect();
    let mut fates = names.iter().map(|name| desk.application(ApplicationEvent { application: name, ..submitted() }));
    assert!(fates.by_ref().take(512).all(|fate| fate == Fate::Applied));
    assert_eq!(fates.next().and_then(class), Some(DeadLetterClass::Invalid));
}

#[test]
fn a_record_is_one_message_whatever_is_told_of_a_customer() {
    let mut desk = Desk::new(Fixed(None));
    let loans = ["l1", "l2", "l3"];
    let mut tell =
        |loan: usize, number| desk.repayment(RepaymentEvent { loan: loans[loan], ..scheduled(number, TODAY, 5) });
    for loan in 0..2 {
        assert!((1..=4_096).all(|number| tell(loan, number) == Fate::Applied));
        assert_eq!(class(tell(loan, 4_097)), Some(DeadLetterClass::Invalid));
    }
    assert_eq!(class(tell(2, 1)), Some(DeadLetterClass::Invalid), "8,192 of all loans");
    assert_eq!(tell(1, 4_096), Fate::Duplicate, "known ones are told as before");
}

#[test]
fn a_shard_knows_so_many_partners_and_beyond_them_those_with_a_contract() {
    let mut desk = Desk::new(Fixed::yes());
    let names: Vec<String> = (0..=PARTNERS_MAX).map(|i| format!("another-{i}")).collect();
    let by = |name| ApplicationEvent { partner: name, customer: name, ..submitted() };
    let (last, others) = names.split_last().unwrap();
    // Over two batches, of which one is taken back first.
    let (first, second) = others.split_at(PARTNERS_MAX / 2);
    assert!(first.iter().all(|name| desk.application(by(name)) == Fate::Applied));
    desk.commit();
    assert!(second.iter().all(|name| desk.application(by(name)) == Fate::Applied));
    assert_eq!(class(desk.application(by(last))), Some(DeadLetterClass::Invalid));
    desk.shard.undo();
    assert_eq!(desk.application(by(last)), Fate::Applied, "the others were taken back");
    assert!(second[1..].iter().all(|name| desk.application(by(name)) == Fate::Applied));
    for _ in 0..2 {
        let refused = desk.application(by(&second[0]));
        let Fate::DeadLettered(DeadLetterClass::Invalid, detail) = refused else { panic!("{refused:?}") };
        assert!(detail.contains("16384 partners") && detail.contains(&second[0]), "{detail}");
        let loan = RepaymentEvent { partner: &second[0], ..repayment(RepaymentKind::Disbursed, NOW) };
        assert_eq!(class(desk.repayment(loan)), Some(DeadLetterClass::Invalid));
        assert_eq!(desk.application(by(&first[0])), Fate::Duplicate, "known as before");
        desk.commit();
    }
    assert_eq!(desk.application(submitted()), Fate::Applied, "the contract is with p1");
}
