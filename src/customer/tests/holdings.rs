//! What a customer holds: exposure over every door, the terms at each, and what was before the trigger.

use super::fixture::*;
use crate::customer::exposure::{Asking, doors, holdings};
use crate::domain::events::*;
use crate::domain::time::DAY_MS;
use crate::domain::{EventTime, Subject};
use crate::policy::facts::{History, Holdings, PartnerLimit};
use ApplicationKind as Kind;

fn days_ago(days: i64) -> EventTime {
    NOW.plus_ms(-days * DAY_MS)
}

/// A desk that has heard these application events, the oldest first.
fn desk(events: &[ApplicationEvent<'static>]) -> Desk {
    let mut desk = Desk::new(Fixed(None));
    for event in events {
        desk.now = event.event_time;
        desk.application(event.clone());
    }
    desk.now = NOW;
    desk
}

fn look<T>(desk: &Desk, terms: PartnerLimit<'_>, read: impl FnOnce(&Holdings<'_>) -> T) -> T {
    let customer = desk.shard.customer("c1").unwrap_or_default();
    let asking = Asking { partner: "p1", drawdown: "d1", application: "a1", terms, currency: "CNY", at: NOW };
    let doors = doors(&customer, &asking);
    read(&holdings(&customer, &asking, &doors))
}

fn granted(partner: &'static str, limit_minor: i64, days: i64) -> ApplicationEvent<'static> {
    let event = application(Kind::LimitGranted, days_ago(days));
    ApplicationEvent { partner, limit_minor: Some(limit_minor), all_in_cost_ppm: Some(180_000), ..event }
}

fn drawn(kind: ApplicationKind, id: &'static str, minor: i64, days: i64) -> ApplicationEvent<'static> {
    ApplicationEvent { drawdown: Some(id), amount_minor: Some(minor), ..drawdown(kind, days_ago(days)) }
}

#[test]
fn a_limit_counts_once_however_much_of_it_is_drawn() {
    let none = PartnerLimit::default();
    let sums =
        |desk: &Desk| look(desk, none, |h| (h.exposure.total_minor, h.exposure.here_minor, h.exposure.here_used_minor));
    let mut desk = desk(&[granted("p1", 1_000, 50), drawn(Kind::DrawdownRequested, "d1", 300, 0)]);
    assert_eq!(sums(&desk), (1_000, 1_000, 300));
    let mut loan = repayment(RepaymentKind::Disbursed, days_ago(40));
    loan.due = principal(900);
    desk.event(Event::Repayment(loan));
    // 900 outstanding and 300 asked for are more than the limit.
    assert_eq!(sums(&desk), (1_200, 1_200, 1_200));
    desk.event(Event::Repayment(closed(CloseReason::Settled, NOW.utc_day())));
    assert_eq!(sums(&desk), (1_000, 1_000, 300));
}

#[test]
fn every_door_counts_and_what_has_ended_does_not() {
    let events = [
        granted("p1", 1_000, 50),
        granted("p2", 2_000, 49),
        granted("p3", 4_000, 48),
        ApplicationEvent { partner: "p3", ..application(Kind::LimitClosed, days_ago(10)) },
        ApplicationEvent {
            partner: "p4",
            application: "a4",
            amount_minor: Some(8_000),
            ..application(Kind::Submitted, days_ago(5))
        },
    ];
    let mut desk = desk(&events);
    let own = CustomerEvent {
        own_product: Some(OwnProductState::Active),
        own_limit_minor: Some(16_000),
        ..customer(days_ago(1))
    };
    desk.event(Event::Customer(own));
    let told = look(&desk, PartnerLimit::default(), |h| {
        let doors: Vec<(String, Option<i64>)> =
            h.doors.iter().map(|door| (door.partner.to_owned(), door.terms.limit_minor)).collect();
        (h.exposure, doors)
    });
    assert_eq!((told.0.total_minor, told.0.own_minor, told.0.unknown), (1_000 + 2_000 + 8_000 + 16_000, 16_000, None));
    let doors = [("p1", None), ("", Some(16_000)), ("p2", Some(2_000))].map(|(door, limit)| (door.to_owned(), limit));
    assert_eq!(told.1, doors);
    // What the trigger itself states may be newer than the record.
    let stated = PartnerLimit { limit_minor: Some(1_500), ..PartnerLimit::default() };
    assert_eq!(look(&desk, stated, |h| h.exposure.total_minor), 27_500);
}

#[test]
fn what_cannot_be_added_up_is_unknown() {
    let foreign = ApplicationEvent { currency: Some("HKD"), ..granted("p2", 2_000, 49) };
    let unknown = |desk: &Desk| look(desk, PartnerLimit::default(), |h| h.exposure.unknown);
    assert_eq!(unknown(&desk(&[foreign])), Some(Subject::ExposureInOneCurrency));
    let unstated = ApplicationEvent { limit_minor: None, ..granted("p2", 0, 49) };
    assert_eq!(unknown(&desk(&[unstated])), Some(Subject::LimitMinor));
    let mut own = desk(&[]);
    own.event(Event::Customer(CustomerEvent { own_product: Some(OwnProductState::Active), ..customer(NOW) }));
    assert_eq!(unknown(&own), Some(Subject::OwnLimit));
}

#[test]
fn an_accepted_offer_and_money_out_are_reserved_until_they_are_known() {
    let total = |desk: &Desk| look(desk, PartnerLimit::default(), |h| h.exposure.total_minor);
    let chosen = ApplicationEvent {
        cancel_reason: Some(CancelReason::ChoseOwn),
        ..drawn(Kind::DrawdownCancelled, "d7", 500, 5)
    };
    let mut accepted = desk(std::slice::from_ref(&chosen));
    assert_eq!(total(&accepted), 500);
    let own = CustomerEvent {
        own_product: Some(OwnProductState::Active),
        own_limit_minor: Some(600),
        ..customer(days_ago(1))
    };
    accepted.event(Event::Customer(own));
    assert_eq!(total(&accepted), 600);
    // One that was stated before says nothing of the offer: the larger of the two counts.
    let before = |own_limit_minor| {
        let own_product = Some(OwnProductState::Frozen);
        let mut desk = desk(&[]);
        let own = CustomerEvent { own_product, own_limit_minor: Some(own_limit_minor), ..customer(days_ago(6)) };
        desk.event(Event::Customer(own));
        desk.application(chosen.clone());
        total(&desk)
    };
    assert_eq!((before(499), before(501)), (500, 501));
    assert_eq!(total(&desk(&[drawn(Kind::DrawdownDisbursed, "d8", 700, 400)])), 700);
    // A request without an answer lapses.
    assert_eq!(total(&desk(&[drawn(Kind::DrawdownRequested, "d9", 800, 91)])), 0);
}

#[test]
fn an_accepted_offer_counts_with_its_limit_as_an_own_one() {
    let mut desk = Desk::new(Fixed::yes());
    let asked = ApplicationEvent { limit_minor: Some(900), ..drawn(Kind::DrawdownRequested, "d1", 500, 1) };
    desk.now = asked.event_time;
    desk.application(asked.clone());
    let own = |desk: &Desk| look(desk, PartnerLimit::default(), |h| (h.exposure.own_minor, h.exposure.total_minor));
    assert_eq!(own(&desk), (0, 500), "it waits, and nothing was accepted");
    let chosen = drawdown(Kind::DrawdownCancelled, asked.event_time.plus_ms(1));
    desk.application(ApplicationEvent { cancel_reason: Some(CancelReason::ChoseOwn), ..chosen });
    assert_eq!(own(&desk), (900, 900));
    // The own limit that was granted is what counts from then on, also where it is less.
    desk.now = NOW;
    let own_product = Some(OwnProductState::Active);
    let granted = CustomerEvent { own_product, own_limit_minor: Some(800), ..customer(NOW) };
    desk.event(Event::Customer(granted));
    assert_eq!(own(&desk), (800, 800));
}

#[test]
fn history_is_what_was_before_the_trigger() {
    let history = |desk: &Desk| look(desk, PartnerLimit::default(), |h| h.history);
    let asked = drawn(Kind::DrawdownRequested, "d1", 300, 0);
    assert_eq!(history(&desk(std::slice::from_ref(&asked))), History::default());
    let before = ApplicationEvent { partner: "p2", ..drawn(Kind::DrawdownDisbursed, "d7", 500, 90) };
    let told = history(&desk(&[before, drawn(Kind::DrawdownDisbursed, "d8", 500, 60), asked]));
    assert_eq!((told.disbursed_here, told.disbursed_elsewhere), (1, 1));
    assert_eq!((told.last_disbursed_at, told.last_active_at), (Some(days_ago(60)), Some(days_ago(60))));
    assert!(!told.own_first && !told.limit_open && !told.balance);
    let mut own = desk(&[granted("p1", 1_000, 50)]);
    own.event(Event::Customer(CustomerEvent { own_product: Some(OwnProductState::Frozen), ..customer(days_ago(60)) }));
    own.application(drawn(Kind::DrawdownRequested, "d1", 300, 0));
    assert!(history(&own).own_first && history(&own).limit_open);
}
