//! Applications, drawdowns, limits: which facts stand and what they contribute.

use super::fixture::*;
use crate::customer::record::Origin;
use crate::domain::events::*;
use crate::domain::time::{DAY_MS, MINUTE_MS};
use crate::domain::{Counter, EventTime, FactBundle, Family, Fate};
use ApplicationKind as Kind;

fn ago(ms: i64) -> EventTime {
    EventTime(NOW.0 - ms)
}

fn count(bundle: &FactBundle, counter: Counter, at: EventTime) -> (i64, i64) {
    let found = bundle.deltas.iter().find(|d| d.counter == counter && d.at == Family::minute(at));
    found.map_or((0, 0), |d| (d.change.count, d.change.amount_minor))
}

#[test]
fn an_approval_counts_by_decision_and_by_submission() {
    let mut desk = Desk::new(Fixed(None));
    let submitted = ago(3 * DAY_MS);
    desk.application(ApplicationEvent { amount_minor: Some(900), ..application(Kind::Submitted, submitted) });
    desk.application(application(Kind::Declined, ago(2 * DAY_MS)));
    let bundle = desk.seal();
    assert_eq!(count(&bundle, Counter::Submitted, submitted), (1, 900));
    assert_eq!(count(&bundle, Counter::Declined, ago(2 * DAY_MS)), (1, 900));
    assert_eq!(count(&bundle, Counter::CohortDeclined, submitted), (1, 900));
    // A later approval corrects the decision; only the difference is said.
    desk.application(ApplicationEvent { limit_minor: Some(700), ..application(Kind::Approved, ago(DAY_MS)) });
    let bundle = desk.seal();
    assert_eq!(count(&bundle, Counter::Submitted, submitted), (0, 0));
    assert_eq!(count(&bundle, Counter::Declined, ago(2 * DAY_MS)), (-1, -900));
    assert_eq!(count(&bundle, Counter::CohortDeclined, submitted), (-1, -900));
    assert_eq!(count(&bundle, Counter::Approved, ago(DAY_MS)), (1, 700));
    assert_eq!(count(&bundle, Counter::CohortApproved, submitted), (1, 700));
}

#[test]
fn expired_counts_as_cancelled_and_a_pre_decision_as_nothing() {
    let mut desk = Desk::new(Fixed(None));
    desk.application(application(Kind::Preaccepted, ago(2 * DAY_MS)));
    assert!(desk.seal().deltas.is_empty());
    desk.application(application(Kind::Expired, ago(DAY_MS)));
    assert_eq!(count(&desk.seal(), Counter::Cancelled, ago(DAY_MS)), (1, 0));
}

#[test]
fn end_to_end_depends_on_the_partners_drawdowns_within_the_horizon() {
    for (days, disbursed) in [(0, 1), (30, 1), (31, 0)] {
        let mut desk = Desk::new(Fixed(None));
        let submitted = ago(40 * DAY_MS);
        desk.application(application(Kind::Submitted, submitted));
        desk.seal();
        desk.application(drawdown(Kind::DrawdownDisbursed, submitted.plus_ms(days * DAY_MS)));
        assert_eq!(count(&desk.seal(), Counter::CohortDisbursed, submitted).0, disbursed, "{days}");
    }
    // Another partner's drawdown is none of it.
    let mut desk = Desk::new(Fixed(None));
    desk.application(application(Kind::Submitted, ago(DAY_MS)));
    desk.application(ApplicationEvent { partner: "p2", ..drawdown(Kind::DrawdownDisbursed, ago(0)) });
    assert_eq!(count(&desk.seal(), Counter::CohortDisbursed, ago(DAY_MS)), (0, 0));
}

#[test]
fn an_outcome_before_its_request_moves_to_the_request_when_that_comes() {
    let mut desk = Desk::new(Fixed(None));
    desk.application(drawdown(Kind::DrawdownDeclined, ago(0)));
    assert_eq!(count(&desk.seal(), Counter::DrawdownDeclined, ago(0)), (1, 1_000));
    let requested = ago(5 * MINUTE_MS);
    desk.application(ApplicationEvent { amount_minor: Some(800), ..drawdown(Kind::DrawdownRequested, requested) });
    let bundle = desk.seal();
    assert_eq!(count(&bundle, Counter::DrawdownDeclined, ago(0)), (-1, -1_000));
    assert_eq!(count(&bundle, Counter::DrawdownRequested, requested), (1, 800));
    assert_eq!(count(&bundle, Counter::DrawdownDeclined, requested), (1, 800));
}

#[test]
fn a_cancellation_without_an_admitted_candidate_is_no_diversion() {
    let mut desk = Desk::new(Fixed(None));
    desk.application(drawdown(Kind::DrawdownRequested, ago(MINUTE_MS)));
    let cancel_reason = Some(CancelReason::ChoseOwn);
    desk.application(ApplicationEvent { cancel_reason, ..drawdown(Kind::DrawdownCancelled, ago(0)) });
    let bundle = desk.seal();
    assert_eq!(count(&bundle, Counter::DrawdownCancelled, ago(MINUTE_MS)), (1, 1_000));
    assert_eq!(count(&bundle, Counter::DrawdownDiverted, ago(MINUTE_MS)), (0, 0));
}

#[test]
fn a_repricing_leaves_what_it_does_not_name() {
    let mut desk = Desk::new(Fixed(None));
    desk.application(ApplicationEvent {
        limit_minor: Some(5_000),
        term_months: Some(12),
        ..application(Kind::LimitGranted, ago(2 * DAY_MS))
    });
    desk.application(ApplicationEvent {
        all_in_cost_ppm: Some(180_000),
        ..application(Kind::LimitRepriced, ago(DAY_MS))
    });
    desk.application(application(Kind::LimitFrozen, ago(MINUTE_MS)));
    let record = desk.shard.customer("c1").unwrap();
    let limit = &record.limits[0];
    let value = |dated: Option<crate::customer::record::fact::Dated<i64>>| dated.map(|d| d.value);
    assert_eq!((value(limit.limit_minor), value(limit.all_in_cost_ppm)), (Some(5_000), Some(180_000)));
    assert_eq!(limit.frozen.map(|d| d.value), Some(true));
}

#[test]
fn the_first_door_is_the_origin() {
    let mut desk = Desk::new(Fixed(None));
    desk.application(application(Kind::Submitted, ago(DAY_MS)));
    let origin = |desk: &Desk| desk.shard.customer("c1").unwrap().doors().origin();
    assert_eq!(origin(&desk), Some(Origin::PartnerFirst));
    let own_product = Some(OwnProductState::Active);
    let fate = desk.event(Event::Customer(CustomerEvent { own_product, ..customer(ago(2 * DAY_MS)) }));
    assert_eq!((fate, origin(&desk)), (Fate::Applied, Some(Origin::OwnFirst)));
}
