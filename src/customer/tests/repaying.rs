//! Days late, buckets, strip, and who cures what.

use super::fixture::*;
use crate::domain::counter::STOCK_CURRENT;
use crate::domain::events::{CloseReason, Payer, RepaymentEvent, RepaymentKind};
use crate::domain::{CalendarDay, Counter, Delta, Deltas, EventTime, FactBundle, Family, Fate};

fn day(offset: i32) -> CalendarDay {
    CalendarDay(TODAY.0 + offset)
}

fn count(bundle: &FactBundle, counter: Counter, day: CalendarDay) -> (i64, i64) {
    let at = Family::day(day);
    let found = |d: &Delta| d.counter == counter && d.at == at;
    bundle.deltas.iter().find(found).map_or((0, 0), |d| (d.change.count, d.change.amount_minor))
}

fn desk(events: impl IntoIterator<Item = RepaymentEvent<'static>>) -> Desk {
    let mut desk = Desk::new(Fixed(None));
    for event in events {
        assert_eq!(desk.repayment(event), Fate::Applied);
    }
    desk
}

#[test]
fn paid_k_days_after_the_due_date_is_k_days_late() {
    let cases = [
        (-2, 0, Counter::Settled0),
        (0, 0, Counter::Settled0),
        (1, 1, Counter::Settled1To3),
        (4, 4, Counter::Settled4To7),
        (15, 15, Counter::Settled8To15),
        (30, 30, Counter::Settled16To30),
        (60, 60, Counter::Settled31To60),
        (90, 90, Counter::Settled61To90),
        (91, 91, Counter::Settled90Plus),
    ];
    for (late, worst, bucket) in cases {
        let due = day(-100);
        let mut desk = desk([scheduled(1, due, 500), paid(1, CalendarDay(due.0 + late), 500, Payer::Customer)]);
        assert_eq!(desk.standing().worst_dpd_24m, worst, "{late}");
        assert_eq!(desk.standing().dpd_now, 0);
        let bundle = desk.seal();
        assert_eq!(count(&bundle, bucket, due), (1, 500), "{late}");
        assert_eq!(count(&bundle, Counter::InstalmentsDue, due), (1, 500));
        assert_eq!(count(&bundle, Counter::InstalmentsOpen, due), (0, 0));
        assert_eq!(count(&bundle, Counter::SettledPrepaid, due).0, i64::from(late < 0));
        for (days, counter) in Counter::FIRST_LATE {
            assert_eq!(count(&bundle, counter, due).0, i64::from(late >= days), "{late} {days}");
        }
    }
}

#[test]
fn open_instalments_are_past_due_from_the_day_after() {
    let past_due = |due| desk([scheduled(1, due, 500)]).standing().dpd_now;
    assert_eq!((past_due(day(1)), past_due(day(0)), past_due(day(-1)), past_due(day(-31))), (0, 0, 1, 31));
}

#[test]
fn a_partial_payment_leaves_the_rest_open_and_a_reversal_all_of_it() {
    let mut desk = desk([scheduled(2, day(-5), 500), paid(2, day(-3), 200, Payer::Customer)]);
    assert_eq!(count(&desk.seal(), Counter::InstalmentsOpen, day(-5)), (1, 300));
    desk.repayment(paid(2, day(-2), 500, Payer::Customer));
    let settled = desk.seal();
    assert_eq!(count(&settled, Counter::InstalmentsOpen, day(-5)), (-1, -300));
    assert_eq!(count(&settled, Counter::Settled1To3, day(-5)), (1, 500));
    let reversed = RepaymentEvent { kind: RepaymentKind::Reversed, ..paid(2, day(-1), 0, Payer::Customer) };
    assert_eq!(desk.repayment(reversed), Fate::Applied);
    assert_eq!(desk.standing().dpd_now, 5);
    let bundle = desk.seal();
    assert_eq!(count(&bundle, Counter::InstalmentsOpen, day(-5)), (1, 500));
    assert_eq!(count(&bundle, Counter::Settled1To3, day(-5)), (-1, -500));
}

#[test]
fn nobody_but_the_customer_cures() {
    for (payer, compensated) in [(Payer::Enhancer, true), (Payer::PartnerBuyback, true), (Payer::Waiver, false)] {
        let mut desk = desk([scheduled(1, day(-10), 500), paid(1, day(-7), 500, payer)]);
        assert_eq!((desk.standing().dpd_now, desk.standing().compensated), (10, compensated), "{payer}");
        let bundle = desk.seal();
        assert_eq!(count(&bundle, Counter::SettledCompensated, day(-10)), (1, 500));
        assert_eq!(count(&bundle, Counter::Settled1To3, day(-10)), (1, 500));
    }
}

#[test]
fn a_waiver_without_amount_pays_the_rest_whenever_the_schedule_comes() {
    let waived = RepaymentEvent { instalment: Some(1), ..repayment(RepaymentKind::Waived, day(-9).utc_start()) };
    let mut desk = desk([waived]);
    assert_eq!(desk.seal().deltas, Deltas::default());
    desk.repayment(scheduled(1, day(-10), 700));
    let bundle = desk.seal();
    assert_eq!(count(&bundle, Counter::Settled1To3, day(-10)), (1, 700));
    assert_eq!(count(&bundle, Counter::InstalmentsOpen, day(-10)), (0, 0));
}

#[test]
fn orphans_wait_for_their_loan_and_schedule() {
    let mut desk = desk([paid(1, day(-3), 500, Payer::Customer)]);
    assert_eq!(desk.seal().deltas, Deltas::default());
    let disbursed = RepaymentEvent { due: principal(900), ..repayment(RepaymentKind::Disbursed, day(-40).utc_start()) };
    desk.repayment(disbursed);
    assert_eq!(count(&desk.seal(), Counter::StockLoans, STOCK_CURRENT), (1, 400));
    desk.repayment(scheduled(1, day(-5), 500));
    desk.repayment(scheduled(2, day(25), 400));
    let bundle = desk.seal();
    assert_eq!(count(&bundle, Counter::Settled1To3, day(-5)), (1, 500));
    assert_eq!(count(&bundle, Counter::StockLoans, STOCK_CURRENT), (-1, -400));
    assert_eq!(count(&bundle, Counter::StockLoans, day(25)), (1, 400));
}

#[test]
fn the_stock_stands_at_the_oldest_unpaid_due_date() {
    let disbursed = RepaymentEvent { due: principal(900), ..repayment(RepaymentKind::Disbursed, day(-80).utc_start()) };
    let mut desk = desk([disbursed, scheduled(1, day(-40), 500), scheduled(2, day(-10), 400)]);
    assert_eq!(count(&desk.seal(), Counter::StockLoans, day(-40)), (1, 900));
    desk.repayment(paid(1, day(-8), 500, Payer::Enhancer));
    let bundle = desk.seal();
    assert_eq!(count(&bundle, Counter::StockLoans, day(-40)), (-1, -900));
    assert_eq!(count(&bundle, Counter::StockLoans, day(-10)), (1, 400));
    assert_eq!(count(&bundle, Counter::StockCompensated, day(-10)), (1, 400));
    desk.repayment(closed(CloseReason::Settled, day(-1)));
    let bundle = desk.seal();
    assert_eq!(count(&bundle, Counter::StockLoans, day(-10)), (-1, -400));
    assert_eq!(count(&bundle, Counter::StockCompensated, day(-10)), (-1, -400));
}

#[test]
fn closing_says_what_becomes_of_open_instalments() {
    let cases = [
        (CloseReason::Prepaid, Counter::Settled4To7, (500, false, false), 0),
        (CloseReason::BoughtBack, Counter::SettledCompensated, (500, true, false), 10),
        (CloseReason::WrittenOff, Counter::InstalmentsWrittenOff, (500, false, true), 0),
        (CloseReason::Transferred, Counter::InstalmentsRestructured, (500, false, false), 0),
    ];
    for (reason, counter, (minor, compensated, written_off), dpd) in cases {
        let mut desk = desk([scheduled(1, day(-10), 500), closed(reason, day(-6))]);
        let standing = desk.standing();
        assert_eq!((standing.compensated, standing.written_off, standing.dpd_now), (compensated, written_off, dpd));
        let bundle = desk.seal();
        assert_eq!(count(&bundle, counter, day(-10)), (1, minor), "{reason}");
        assert_eq!(count(&bundle, Counter::InstalmentsOpen, day(-10)), (0, 0));
        let settled = matches!(reason, CloseReason::Prepaid | CloseReason::BoughtBack);
        assert_eq!(count(&bundle, Counter::FirstOpen, day(-10)).0, i64::from(!settled), "{reason}");
    }
}

/// TODAY is in March 2026: bit 0 is March, bit 1 February, and so on.
#[test]
fn the_strip_marks_every_month_from_the_day_after_the_due_date() {
    let strip = |events: Vec<RepaymentEvent<'static>>| desk(events).standing().late_months;
    let last_of_january = day(-38);
    assert_eq!(last_of_january.to_string(), "2026-01-31");
    // Due on the last of January and paid on the first of February: late in February alone.
    let one_day = vec![scheduled(1, last_of_january, 5), paid(1, day(-37), 5, Payer::Customer)];
    assert_eq!(strip(one_day), 0b10);
    assert_eq!(strip(vec![scheduled(1, day(-40), 5)]), 0b111);
    assert_eq!(strip(vec![scheduled(1, day(-900), 5)]), (1 << 24) - 1);
    // Paid late, but longer ago than the strip looks back.
    let mut long_ago = desk([scheduled(1, day(-850), 5), paid(1, day(-800), 5, Payer::Customer)]);
    assert_eq!((long_ago.standing().late_months, long_ago.standing().worst_dpd_24m), (0, 0));
    assert_eq!(count(&long_ago.seal(), Counter::Settled31To60, day(-850)), (1, 5));
}

#[test]
fn the_day_of_a_payment_is_the_contracts() {
    let shanghai = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    let mut desk = Desk::new(Fixed::yes().with_contract(|contract| contract.zone = shanghai));
    desk.repayment(scheduled(1, day(-10), 500));
    let evening = EventTime(day(-10).utc_start().0 + 17 * 3_600_000);
    desk.repayment(RepaymentEvent { event_time: evening, ..paid(1, day(-10), 500, Payer::Customer) });
    assert_eq!(count(&desk.seal(), Counter::FirstLate1, day(-10)), (1, 500));
}

#[test]
fn the_later_schedule_stands() {
    let mut desk = desk([scheduled(1, day(-10), 500)]);
    desk.seal();
    let later = RepaymentEvent {
        kind: RepaymentKind::Rescheduled,
        event_time: day(-20).utc_start(),
        ..scheduled(1, day(20), 600)
    };
    assert_eq!(desk.repayment(later), Fate::Applied);
    let bundle = desk.seal();
    assert_eq!(count(&bundle, Counter::InstalmentsDue, day(-10)), (-1, -500));
    assert_eq!(count(&bundle, Counter::FirstOpen, day(20)), (1, 600));
    assert_eq!(desk.standing().dpd_now, 0);
}
