//! Known answers of the order-free layer: records, contributions, tiles, standing, fates.

use std::collections::BTreeMap;

use reflow::domain::counter::{STOCK_CURRENT, Tally};
use reflow::domain::events::{
    ApplicationKind as A, CancelReason, CloseReason, Event, Flag, FlagValue, Payer, RepaymentKind as R,
};
use reflow::domain::fate::IgnoreReason;
use reflow::domain::time::{DAY_MS, HOUR_MS};
use reflow::domain::view::Tile;
use reflow::domain::words::Word;
use reflow::domain::{CalendarDay, Counter, EventTime, Family, Fate};
use reflow_oracle::contributions::{Contributions, Decided, contributions, expected_contributions};
use reflow_oracle::customer_shard::CustomerShard;
use reflow_oracle::dice::Dice;
use reflow_oracle::inputs::{InputTopic, OwnedEvent, Unread};
use reflow_oracle::poison::poison;
use reflow_oracle::random::{Size, history};
use reflow_oracle::record::{Record, facts};
use reflow_oracle::standing::Standing;
use reflow_oracle::tiles::{expected_tiles, tiles_of};
use reflow_oracle::{Rules, blank, local_day};

/// 2025-06-15T12:00:00Z.
const T: EventTime = EventTime(1_749_988_800_000);
const IDS: [&str; 3] = ["c1", "p1", "a1"];
const LOAN: [&str; 3] = ["c1", "p1", "l1"];
const DUE: CalendarDay = CalendarDay(20_254);

fn owned(event: Event<'_>) -> OwnedEvent {
    OwnedEvent::of(&event, &Rules::default())
}

fn app(at: EventTime, kind: A, amount: i64) -> OwnedEvent {
    let mut event = blank::application("e", at, IDS, kind);
    event.amount_minor = Some(amount);
    owned(Event::Application(event))
}

fn draw(at: EventTime, kind: A, amount: Option<i64>, reason: Option<CancelReason>) -> OwnedEvent {
    let mut event = blank::application("e", at, IDS, kind);
    (event.drawdown, event.amount_minor, event.cancel_reason) = (Some("d1"), amount, reason);
    owned(Event::Application(event))
}

fn schedule(at: EventTime, number: i32, date: CalendarDay) -> OwnedEvent {
    let mut event = blank::repayment("e", at, LOAN, Some(number), R::Scheduled);
    (event.due_date, event.due) = (Some(date), Some(blank::components(900, 100)));
    owned(Event::Repayment(event))
}

fn pay(at: EventTime, kind: R, paid: i64, payer: Payer) -> OwnedEvent {
    let mut event = blank::repayment("e", at, LOAN, Some(1), kind);
    (event.paid, event.payer) = (Some(blank::components(paid, paid / 9)), Some(payer));
    owned(Event::Repayment(event))
}

fn disburse(at: EventTime) -> OwnedEvent {
    let mut event = blank::repayment("e", at, LOAN, None, R::Disbursed);
    event.due = Some(blank::components(1_800, 0));
    owned(Event::Repayment(event))
}

fn close(at: EventTime, reason: CloseReason) -> OwnedEvent {
    let mut event = blank::repayment("e", at, LOAN, None, R::Closed);
    event.close_reason = Some(reason);
    owned(Event::Repayment(event))
}

fn on(days: i32) -> EventTime {
    CalendarDay(DUE.0 + days).utc_start().plus_ms(HOUR_MS)
}

fn given(events: &[OwnedEvent]) -> Contributions {
    expected_contributions(events, &BTreeMap::new(), &Rules::default())
}

/// What stands in the due book at `DUE` and in the flow at the minute of T, by counter.
fn cells(events: &[OwnedEvent]) -> Vec<(Counter, i64, i64)> {
    given(events).into_iter().map(|((_, counter, _), t)| (counter, t.count, t.amount_minor)).collect()
}

#[test]
fn an_application_is_counted_by_decision_and_by_submission() {
    let later = T.plus_ms(2 * HOUR_MS);
    let sum = given(&[app(T, A::Submitted, 700), app(later, A::Approved, 500), app(T, A::Declined, 9)]);
    let at = |counter, at| sum.get(&("p1".into(), counter, Family::minute(at))).copied();
    assert_eq!(at(Counter::Submitted, T), Some(Tally { count: 1, amount_minor: 700 }));
    assert_eq!(at(Counter::CohortApproved, T), Some(Tally { count: 1, amount_minor: 500 }));
    assert_eq!(at(Counter::Approved, later), Some(Tally { count: 1, amount_minor: 500 }));
    assert_eq!(sum.len(), 3, "the later outcome stands alone: {sum:?}");
    let declined = given(&[app(T, A::Submitted, 700), app(later, A::Expired, 500)]);
    assert_eq!(declined[&("p1".into(), Counter::Cancelled, Family::minute(later))].amount_minor, 700);
}

#[test]
fn end_to_end_counts_a_disbursement_within_thirty_days() {
    let disbursed = |days: i64| {
        let events = [app(T, A::Submitted, 7), draw(T.plus_ms(days * DAY_MS), A::DrawdownDisbursed, None, None)];
        given(&events).contains_key(&("p1".into(), Counter::CohortDisbursed, Family::minute(T)))
    };
    assert!(disbursed(0) && disbursed(30));
    assert!(!disbursed(31) && !disbursed(-1));
}

#[test]
fn a_drawdown_row_adds_up_and_diverted_needs_an_admitted_candidate() {
    let later = T.plus_ms(HOUR_MS);
    let events = [
        draw(later, A::DrawdownCancelled, Some(50), Some(CancelReason::ChoseOwn)),
        draw(T, A::DrawdownRequested, Some(60), None),
    ];
    let plain = cells(&events);
    assert_eq!(plain, [(Counter::DrawdownRequested, 1, 60), (Counter::DrawdownCancelled, 1, 60)]);
    let read: Vec<Event<'_>> = events.iter().map(|e| e.read(&Rules::default()).unwrap()).collect();
    let said: Vec<_> = read.iter().flat_map(|e| facts(e, &Rules::default())).collect();
    let admitted = [(("p1".into(), "d1".into()), "cand".into())].into();
    let decided = Decided { admitted, ..Decided::default() };
    let sum = contributions(&Record::of(&said), &decided, &Rules::default());
    assert!(sum.contains_key(&("p1".into(), Counter::DrawdownDiverted, Family::minute(T))));
    assert!(!sum.contains_key(&("p1".into(), Counter::HeldOutCancelled, Family::minute(T))));
    let held_out = [("p1".into(), "d1".into())].into();
    let sum = contributions(&Record::of(&said), &Decided { held_out, ..Decided::default() }, &Rules::default());
    let counted: Vec<Counter> = sum.into_keys().map(|(_, counter, _)| counter).collect();
    assert_eq!(counted, [Counter::DrawdownRequested, Counter::DrawdownCancelled, Counter::HeldOutCancelled]);
    let unrequested = given(&events[..1]);
    assert!(unrequested.contains_key(&("p1".into(), Counter::DrawdownRequested, Family::minute(later))));
}

#[test]
fn an_instalment_is_open_then_settled_by_days_late_then_open_again() {
    let due = schedule(T, 1, DUE);
    assert!(given(&[pay(on(1), R::Paid, 900, Payer::Customer)]).is_empty(), "parked until its due date is known");
    let open = [(Counter::InstalmentsDue, 1, 1000), (Counter::InstalmentsOpen, 1, 1000)];
    let first = [(Counter::FirstDue, 1, 1000), (Counter::FirstOpen, 1, 1000)];
    assert_eq!(cells(std::slice::from_ref(&due)), [open, first].concat());
    let late = [due.clone(), pay(on(7), R::Paid, 900, Payer::Customer)];
    let counters: Vec<Counter> = cells(&late).iter().map(|(counter, ..)| *counter).collect();
    let settled = [Counter::InstalmentsDue, Counter::Settled4To7, Counter::FirstDue];
    assert_eq!(counters, [&settled[..], &[Counter::FirstLate1, Counter::FirstLate7]].concat());
    let back = [late.as_slice(), &[pay(on(8), R::Reversed, 450, Payer::Customer)]].concat();
    assert_eq!(cells(&back)[1], (Counter::InstalmentsOpen, 1, 500));
    let early = [due, pay(on(-1), R::Paid, 900, Payer::Enhancer)];
    let counters: Vec<Counter> = cells(&early).iter().map(|(counter, ..)| *counter).collect();
    assert_eq!(counters[1..4], [Counter::Settled0, Counter::SettledPrepaid, Counter::SettledCompensated]);
}

#[test]
fn a_closed_loan_settles_or_marks_what_is_open() {
    let closed = |reason| cells(&[schedule(T, 1, DUE), close(on(2), reason)]);
    assert!(closed(CloseReason::Settled).contains(&(Counter::Settled1To3, 1, 1000)));
    assert!(closed(CloseReason::BoughtBack).contains(&(Counter::SettledCompensated, 1, 1000)));
    assert!(closed(CloseReason::WrittenOff).contains(&(Counter::InstalmentsWrittenOff, 1, 1000)));
    assert!(closed(CloseReason::WrittenOff).contains(&(Counter::FirstOpen, 1, 1000)));
    assert!(closed(CloseReason::Transferred).contains(&(Counter::InstalmentsRestructured, 1, 1000)));
}

#[test]
fn the_stock_stands_at_the_oldest_unpaid_due_date() {
    let two = [disburse(T), schedule(T, 1, DUE), schedule(T, 2, CalendarDay(DUE.0 + 30))];
    let stock = |events: &[OwnedEvent]| {
        let all = given(events).into_iter().filter(|((_, counter, _), _)| *counter == Counter::StockLoans);
        all.map(|((.., at), tally)| (at, tally.amount_minor)).collect::<Vec<_>>()
    };
    assert_eq!(stock(&two), [(Family::day(DUE), 1_800)]);
    let one_paid = [two.as_slice(), &[pay(on(0), R::Paid, 900, Payer::Customer)]].concat();
    assert_eq!(stock(&one_paid), [(Family::day(CalendarDay(DUE.0 + 30)), 900)]);
    assert_eq!(stock(&two[..1]), [(Family::day(STOCK_CURRENT), 1_800)]);
    assert!(stock(&[two.as_slice(), &[close(on(3), CloseReason::Settled)]].concat()).is_empty());
}

#[test]
fn the_settled_day_is_the_contract_zones() {
    let mut rules = Rules::default();
    rules.zones.insert("p1".into(), jiff::tz::TimeZone::get("Asia/Shanghai").unwrap());
    let evening = DUE.utc_start().plus_ms(17 * HOUR_MS);
    let events = [schedule(T, 1, DUE), pay(evening, R::Paid, 900, Payer::Customer)];
    assert!(cells(&events).contains(&(Counter::Settled0, 1, 1000)));
    let sum = expected_contributions(&events, &BTreeMap::new(), &rules);
    assert!(sum.contains_key(&("p1".into(), Counter::Settled1To3, Family::day(DUE))));
    assert_eq!(local_day(rules.zones.get("p1"), evening), CalendarDay(DUE.0 + 1));
}

#[test]
fn hour_tiles_are_for_minutes_and_day_tiles_for_both() {
    let tiles = expected_tiles(&[app(T, A::Submitted, 7), schedule(T, 2, DUE)], &BTreeMap::new(), &Rules::default());
    let keys: Vec<(Tile, i64)> = tiles.keys().map(|(_, tile, start)| (*tile, *start)).collect();
    assert_eq!(
        keys,
        [(Tile::Hour, T.0), (Tile::Day, T.floor(DAY_MS).0), (Tile::Day, DUE.utc_start().0)]
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
}

#[test]
fn standing_reads_dpd_and_the_strip() {
    let standing = |events: &[OwnedEvent], today: i32| {
        let read: Vec<Event<'_>> = events.iter().map(|e| e.read(&Rules::default()).unwrap()).collect();
        let said: Vec<_> = read.iter().flat_map(|e| facts(e, &Rules::default())).collect();
        Standing::of(&Record::of(&said), CalendarDay(DUE.0 + today))
    };
    let due = schedule(T, 1, DUE); // 2025-06-15
    assert_eq!(standing(std::slice::from_ref(&due), 0), Standing::default());
    let open = standing(std::slice::from_ref(&due), 70);
    assert_eq!((open.dpd_now, open.worst_dpd_24m, open.late_months), (70, 70, 0b111));
    assert_eq!(open.months_late_in_a_row(), 3);
    let paid = standing(&[due.clone(), pay(on(20), R::Paid, 900, Payer::Customer)], 70);
    assert_eq!((paid.dpd_now, paid.worst_dpd_24m, paid.late_months), (0, 20, 0b110));
    let by_another = standing(&[due, pay(on(3), R::Paid, 900, Payer::Insurer)], 70);
    assert_eq!((by_another.dpd_now, by_another.compensated), (70, true));
}

#[test]
fn every_fate_has_its_case() {
    let rules = Rules::default();
    let mut shard = CustomerShard::new(&rules, &[]);
    let mut fate = |event: &OwnedEvent| shard.take(event, T);
    let submitted = app(T, A::Submitted, 7);
    assert_eq!(fate(&submitted), Fate::Applied);
    assert_eq!(fate(&submitted), Fate::Duplicate);
    assert_eq!(fate(&app(T.plus_ms(-1), A::Declined, 7)), Fate::Applied);
    assert_eq!(fate(&app(T.plus_ms(-2), A::Approved, 7)), Fate::Ignored(IgnoreReason::Outdated));
    assert!(matches!(fate(&app(T.plus_ms(-8 * DAY_MS), A::Submitted, 7)), Fate::Late(_)));
    assert_eq!(fate(&schedule(T.plus_ms(-300 * DAY_MS), 1, DUE)), Fate::Applied, "repayments are never late");
    let mut dollars = blank::application("e", T, IDS, A::Approved);
    dollars.currency = Some("USD");
    assert!(matches!(fate(&owned(Event::Application(dollars))), Fate::DeadLettered(..)));
    let unmatched = OwnedEvent::json(
        InputTopic::Outcomes,
        "c1",
        r#"{"event_id":"o","event_time":1749988800000,"customer":"c1","candidate":"x","kind":"accepted"}"#,
    );
    assert_eq!(fate(&unmatched), Fate::Ignored(IgnoreReason::Unmatched));
    let flagged = |value: bool, at: EventTime| {
        let mut event = blank::customer("e", at, "c1");
        event.flags.push(FlagValue { flag: Flag::Dispute, value });
        owned(Event::Customer(event))
    };
    assert_eq!(fate(&flagged(true, T)), Fate::Applied);
    assert_eq!(fate(&flagged(false, T.plus_ms(-1))), Fate::Ignored(IgnoreReason::Outdated));
    let mut erased = blank::customer("e", T, "c1");
    erased.erased = true;
    let before = shard.contributions();
    assert_eq!(shard.take(&owned(Event::Customer(erased)), T), Fate::Applied);
    assert_eq!(shard.take(&submitted, T), Fate::Ignored(IgnoreReason::Erased));
    assert_eq!(shard.contributions(), before, "contributions stay");
    assert_eq!((shard.fates.consumed(), shard.fates.applied, shard.fates.ignored), (12, 5, 4));
    for (bad, class) in poison("c1", T, &rules) {
        assert_eq!(bad.read_at(T, &rules), Err(Unread::Dead(class)), "{bad:?}");
    }
}

#[test]
fn order_and_repetition_do_not_change_a_random_history() {
    let rules = Rules::default();
    let size = Size { customers: 150, days: 240, ..Size::default() };
    let made = history(7, &size, &rules);
    assert_eq!(made.events(), history(7, &size, &rules).events(), "the same seed gives the same history");
    let mut events = made.events();
    let expected = given(&events);
    Dice::new(1).shuffle(&mut events);
    events.extend_from_within(..events.len() / 2);
    assert_eq!(given(&events), expected);
    let mut seen: Vec<Counter> = expected.keys().map(|(_, counter, _)| *counter).collect();
    seen.sort();
    seen.dedup();
    let missing: Vec<&Counter> = Counter::ALL.iter().filter(|counter| !seen.contains(counter)).collect();
    let decided = |counter: &&Counter| counter.family() == Family::HeldOut || **counter == Counter::DrawdownDiverted;
    assert!(missing.iter().all(decided), "the generator meets every counter that needs no decision: {missing:?}");
    assert!(made.arrivals.iter().all(|arrival| arrival.at >= arrival.event_time));
    assert!(!tiles_of(&expected).is_empty());
    let kinds = |topic| made.arrivals.iter().filter(|a| a.event.topic == topic).count();
    assert!(kinds(InputTopic::Outcomes) > 0 && kinds(InputTopic::Customers) > 0);
}
