//! What an operator is told, and that it is not told over and over.

use reflow::domain::alert::{Alert, AlertKind};
use reflow::domain::fact::PartnerClock;
use reflow::domain::time::{DAY_MS, HOUR_MS};
use reflow::domain::view::ShiftState;
use reflow::domain::{Counter, FactBundle, Output};
use reflow::partner::{DATA_ALERT_EVERY_MS, GUARD_ALERT_EVERY_MS, SCORE_DAYS};

use crate::market::{START, Stage, delta, scored};
use crate::scenes::views;

fn alerts(out: &[Output], kind: AlertKind) -> Vec<&Alert> {
    let all = out.iter().filter_map(|o| if let Output::Alert(a) = o { Some(&**a) } else { None });
    all.filter(|alert| alert.kind == kind).collect()
}

#[test]
fn a_gap_and_the_first_repetition() {
    let mut stage = Stage::new();
    let skipped = stage.bundle(0);
    let next = stage.bundle(0);
    let (_, out) = stage.take(&next);
    assert!(alerts(&out, AlertKind::Sequence)[0].detail.contains("bundle 3 where 2 was expected"), "{out:?}");
    assert_eq!(alerts(&stage.take(&skipped).1, AlertKind::Sequence).len(), 1);
    assert!(alerts(&stage.take(&skipped).1, AlertKind::Sequence).is_empty(), "no flood");
}

#[test]
fn what_finds_no_pane() {
    let mut stage = Stage::new();
    let old = START.plus_ms(-900 * DAY_MS);
    let both = vec![delta("p0", Counter::Approved, old, 1), delta("p0", Counter::Declined, old, 1)];
    assert_eq!(alerts(&stage.facts(both.clone()), AlertKind::Unplaced).len(), 1);
    assert!(alerts(&stage.facts(both.clone()), AlertKind::Unplaced).is_empty());
    stage.pass(DATA_ALERT_EVERY_MS);
    let out = stage.facts(both);
    assert!(alerts(&out, AlertKind::Unplaced)[0].detail.ends_with("5 so far"), "{out:?}");
    assert!(!out.iter().any(|o| matches!(o, Output::Pane(_))));
}

#[test]
fn a_count_below_zero_at_the_end_of_a_bundle() {
    let mut stage = Stage::new();
    let repaired = vec![delta("p0", Counter::Approved, START, -1), delta("p0", Counter::Approved, START, 1)];
    assert!(alerts(&stage.facts(repaired), AlertKind::NegativeCount).is_empty());
    let out = stage.facts(vec![delta("p0", Counter::Approved, START, -1)]);
    assert_eq!(alerts(&out, AlertKind::NegativeCount)[0].partner.as_deref(), Some("p0"));
    assert!(alerts(&stage.facts(vec![delta("p0", Counter::Approved, START, -1)]), AlertKind::NegativeCount).is_empty());
}

#[test]
fn the_guard_closes_and_opens() {
    let mut stage = Stage::new();
    for id in ["a", "b", "c"] {
        assert!(alerts(&stage.propose("p0", id), AlertKind::Guard).is_empty());
    }
    let closed = stage.propose("p0", "d");
    assert_eq!(alerts(&closed, AlertKind::Guard)[0].detail, "closed: HOLD_MIN_N");
    assert!(alerts(&stage.propose("p0", "e"), AlertKind::Guard).is_empty());
    stage.facts(vec![delta("p0", Counter::DrawdownDisbursed, START, 500)]);
    assert!(alerts(&stage.propose("p0", "f"), AlertKind::Guard).is_empty(), "not within the same minute");
    stage.pass(GUARD_ALERT_EVERY_MS);
    stage.heartbeats();
    assert_eq!(alerts(&stage.propose("p0", "g"), AlertKind::Guard)[0].detail, "opened");
}

#[test]
fn stale_and_current_again_once_each() {
    let mut stage = Stage::new();
    stage.pass(30_001);
    assert!(stage.shard.due(stage.now));
    assert_eq!(alerts(&stage.tick(), AlertKind::PartnerStale).len(), 1);
    stage.pass(60_000);
    assert!(!stage.shard.due(stage.now) && alerts(&stage.tick(), AlertKind::PartnerStale).is_empty());
    let out = stage.heartbeats();
    assert_eq!(
        alerts(&out, AlertKind::PartnerStale).iter().map(|a| a.detail.as_str()).collect::<Vec<_>>(),
        ["current again"]
    );
}

/// A customer shard whose clock ran ahead by a day, and then no more word of it: it is missed after as long as any other.
#[test]
fn a_shard_that_was_ahead_of_its_time_is_missed_in_time() {
    let mut stage = Stage::new();
    let mut ahead = stage.bundle(0);
    ahead.header.now = stage.now.plus_ms(DAY_MS);
    stage.take(&ahead);
    stage.pass(20_000);
    let other = stage.bundle(1);
    stage.take(&other);
    stage.pass(10_001);
    let out = stage.tick();
    let alerts = alerts(&out, AlertKind::PartnerStale);
    assert!(alerts.len() == 1 && alerts[0].detail.ends_with("customer shards 0"), "{alerts:?}");
}

#[test]
fn a_shard_that_is_never_heard_is_reported_after_a_while() {
    let mut stage = Stage::silent();
    let first = FactBundle { ..stage.bundle(0) };
    assert!(alerts(&stage.take(&first).1, AlertKind::PartnerStale).is_empty(), "it may just be starting");
    stage.pass(30_001);
    let out = stage.tick();
    assert!(alerts(&out, AlertKind::PartnerStale)[0].detail.ends_with("customer shards 0, 1"), "{out:?}");
}

#[test]
fn a_fall_that_is_not_ours() {
    let mut stage = Stage::new();
    let before = START.plus_ms(-10 * DAY_MS);
    stage.facts(vec![
        delta("p0", Counter::DrawdownDisbursed, before, 900),
        delta("p0", Counter::DrawdownDeclined, before, 100),
    ]);
    stage.pass(1_000);
    let fallen =
        vec![delta("p0", Counter::DrawdownDisbursed, START, 50), delta("p0", Counter::DrawdownDeclined, START, 50)];
    assert_eq!(alerts(&stage.facts(fallen), AlertKind::ForeignDecline).len(), 1);
    stage.pass(1_000);
    assert!(alerts(&stage.facts(vec![delta("p0", Counter::Approved, START, 1)]), AlertKind::ForeignDecline).is_empty());

    stage.facts(vec![
        delta("p1", Counter::DrawdownDisbursed, before, 900),
        delta("p1", Counter::DrawdownDeclined, before, 100),
    ]);
    stage.pass(HOUR_MS);
    let ours =
        vec![delta("p1", Counter::DrawdownDisbursed, START, 50), delta("p1", Counter::DrawdownDiverted, START, 50)];
    assert!(alerts(&stage.facts(ours), AlertKind::ForeignDecline).is_empty(), "that fall is ours");
}

#[test]
fn scores_that_moved_away_are_told_once() {
    let mut stage = Stage::new();
    let hear = |stage: &mut Stage, days_ago: i32, tenths: [i64; 10]| {
        stage.pass(1_000);
        let day = reflow::domain::CalendarDay(stage.now.utc_day().0 - days_ago);
        let counted = (0..).zip(tenths).filter(|(_, count)| *count > 0);
        let scored = counted.map(|(tenth, count)| scored("p0", day, tenth, count)).collect();
        let clocks = vec![PartnerClock { partner: "p0".into(), event_time: stage.now }];
        let bundle = FactBundle { scored, clocks, ..stage.bundle(0) };
        let (_, out) = stage.take(&bundle);
        let shift = &views(&out)[0].scores[0];
        let alerts: Vec<String> =
            alerts(&out, AlertKind::ScoreShift).iter().map(|alert| alert.detail.clone()).collect();
        (shift.state, shift.n, shift.psi_ppm.unwrap(), alerts)
    };
    let (state, n, psi, told) = hear(&mut stage, 0, [299, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((state, n, told.len()), (ShiftState::TooFew, 299, 0));
    assert!(psi > 8_000_000, "told, and says nothing yet: {psi}");
    let (state, _, _, told) = hear(&mut stage, 27, [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(state, ShiftState::Shifted);
    assert!(told[0].starts_with("m 1: population stability index") && told[0].contains("of 300 scores"), "{told:?}");
    assert!(hear(&mut stage, 0, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]).3.is_empty(), "once");
    // 0.11 is between the lines: neither told nor forgotten.
    let (state, _, psi, told) = hear(&mut stage, 0, [300, 599, 600, 600, 600, 600, 600, 600, 600, 1_500]);
    assert_eq!((state, told.len()), (ShiftState::Moved, 0), "{psi}");
    let (state, _, psi, _) = hear(&mut stage, 0, [900, 900, 900, 900, 900, 900, 900, 900, 900, 0]);
    assert_eq!(state, ShiftState::Stable, "{psi}");
    assert_eq!(hear(&mut stage, 0, [40_000, 0, 0, 0, 0, 0, 0, 0, 0, 0]).3.len(), 1, "away again");
    // What is older than the window is not counted, and what becomes older is forgotten.
    let before = stage.log.len();
    assert_eq!(hear(&mut stage, SCORE_DAYS, [0, 7, 0, 0, 0, 0, 0, 0, 0, 1]).1, hear(&mut stage, 0, [0; 10]).1);
    assert_eq!(stage.log.len(), before);
    stage.pass(i64::from(SCORE_DAYS) * DAY_MS);
    stage.heartbeats();
    let (state, n, _, told) = hear(&mut stage, 0, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((state, n, told.len()), (ShiftState::TooFew, 1, 0));
}
