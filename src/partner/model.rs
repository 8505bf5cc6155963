//! Panes and windows against a naive model that keeps every delta for ever.

use proptest::prelude::*;

use super::codec::Cell;
use super::panes::{Panes, Placed, Retention, Width};
use super::windows::{Span, Windows, sum};
use crate::domain::counter::{Family, Tally};
use crate::domain::deltas::CounterDelta;
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use crate::domain::view::{PaneCell, PartnerPane, Tile};
use crate::domain::words::Word;
use crate::domain::{Counter, Delta, EventTime, Text};

const KEEP: Retention = Retention { minutes_ms: 2 * HOUR_MS, hours_ms: 3 * DAY_MS, days_ms: 12 * DAY_MS };
const START: i64 = 20_000 * DAY_MS + 7 * HOUR_MS + 23 * MINUTE_MS;
const FLOWS: [Family; 4] = [Family::DecisionFlow, Family::ApplicationCohort, Family::DrawdownCohort, Family::HeldOut];

#[derive(Clone, Debug)]
enum Op {
    /// Partner, counter, age in minutes (negative: ahead), count, amount.
    Add(u8, usize, i64, i64, i64),
    /// Milliseconds by which `now` moves.
    Move(i64),
    HandOver,
    Commit,
    Undo,
}

fn op() -> impl Strategy<Value = Op> {
    let age = prop_oneof![-60i64..180, 0i64..5 * 1_440, 0i64..16 * 1_440];
    let moved = prop_oneof![1i64..90_000, MINUTE_MS..3 * HOUR_MS, HOUR_MS..5 * DAY_MS];
    prop_oneof![
        12 => (0u8..3, 0..Counter::ALL.len(), age, -2i64..5, -900i64..900).prop_map(|(p, c, a, n, m)| Op::Add(p, c, a, n, m)),
        3 => moved.prop_map(Op::Move),
        2 => Just(Op::HandOver),
        2 => Just(Op::Commit),
        1 => Just(Op::Undo),
    ]
}

/// Every delta that found a pane, with all that is asked answered by adding up.
#[derive(Clone, Default)]
struct Model(Vec<Delta>);

impl Model {
    fn total(&self, keep: impl Fn(&Delta) -> bool) -> Vec<(Counter, Tally)> {
        let of = |counter| {
            let mut tally = Tally::default();
            self.0.iter().filter(|d| d.counter == counter && keep(d)).for_each(|d| tally.add(d.change));
            (counter, tally)
        };
        Counter::ALL.iter().map(|counter| of(*counter)).filter(|(_, tally)| !tally.is_zero()).collect()
    }

    fn tile(&self, partner: &Text, tile: Tile, start: i64) -> PartnerPane {
        let (width, due) = if tile == Tile::Hour { (HOUR_MS, false) } else { (DAY_MS, true) };
        let belongs = |d: &Delta| match d.counter.family() {
            Family::Stock => false,
            Family::DueBook => due,
            _ => true,
        };
        let inside = |d: &Delta| d.partner == *partner && (start..start + width).contains(&d.at) && belongs(d);
        let cells = self.total(inside).into_iter().map(|(counter, tally)| PaneCell { counter, tally }).collect();
        PartnerPane { partner: partner.clone(), tile, start: EventTime(start), cells }
    }
}

struct World {
    now: EventTime,
    panes: Panes,
    windows: Windows,
    model: Model,
    /// Now and model at the last commit.
    kept: (EventTime, Model),
    /// Now and model of the generation in flight.
    flight: Option<(EventTime, Model)>,
}

impl World {
    fn new() -> Self {
        let now = EventTime(START);
        let kept = (now, Model::default());
        Self { now, panes: Panes::new(KEEP), windows: Windows::default(), model: Model::default(), kept, flight: None }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Add(partner, counter, age, count, amount_minor) => {
                let counter = Counter::ALL[counter];
                let at = EventTime(self.now.0 - age * MINUTE_MS);
                let at = if counter.family().by_day() { Family::day(at.utc_day()) } else { Family::minute(at) };
                let partner = Text::from(format!("p{partner}"));
                let delta = Delta { partner, counter, at, change: Tally { count, amount_minor } };
                let oldest = self.now.floor(DAY_MS).0 - KEEP.days_ms;
                match add(&mut self.panes, &delta, self.now) {
                    Some(placed) => {
                        self.windows.add(&placed.key, &[CounterDelta { counter, change: delta.change }]);
                        self.model.0.push(delta);
                    }
                    None => assert!(at < oldest && !counter.family().by_day(), "{counter} at {at} is within retention"),
                }
            }
            Op::Move(ms) => {
                self.now = self.now.plus_ms(ms);
                self.panes.fold(self.now, drop);
            }
            Op::HandOver => {
                if self.flight.is_none() {
                    self.panes.hand_over();
                    self.flight = Some((self.now, self.model.clone()));
                }
            }
            Op::Commit => {
                if let Some(flight) = self.flight.take() {
                    self.panes.commit();
                    self.kept = flight;
                }
            }
            Op::Undo => {
                self.panes.undo();
                self.flight = None;
                self.windows.clear();
                (self.now, self.model) = self.kept.clone();
                self.panes.fold(self.now, drop);
            }
        }
    }

    fn check_windows(&mut self) {
        for (partner, family) in [("p0", FLOWS[0]), ("p1", FLOWS[1]), ("p2", FLOWS[2]), ("p0", FLOWS[3])] {
            for length_ms in [HOUR_MS, 90 * MINUTE_MS, DAY_MS, 5 * DAY_MS] {
                let span = Span::ending(&self.panes, self.now, length_ms);
                let exact = Family::minute(self.now) - length_ms + MINUTE_MS;
                let first = match self.now.0 - exact {
                    age if age < KEEP.minutes_ms => exact,
                    age if age < KEEP.hours_ms => EventTime(exact).floor(HOUR_MS).0,
                    _ => EventTime(exact).floor(DAY_MS).0,
                };
                let last = Family::minute(self.now);
                let inside =
                    |d: &Delta| d.partner == partner && d.counter.family() == family && (first..=last).contains(&d.at);
                let expected = self.model.total(inside);
                let summed = |cell: Cell| cell.tallies(family).collect::<Vec<_>>();
                assert_eq!(summed(sum(&self.panes, partner, family, span)), expected, "{family} over {length_ms} ms");
                let running = self.windows.sum(&self.panes, partner, family, length_ms, self.now);
                assert_eq!(summed(running), expected, "running total of {family} over {length_ms} ms");
            }
        }
    }

    fn check_tiles(&self) {
        for partner in ["p0", "p1", "p2"].map(Text::from) {
            let hours = self.now.floor(HOUR_MS).0 - KEEP.hours_ms..self.now.0 + 2 * HOUR_MS;
            for start in hours.step_by(HOUR_MS as usize) {
                assert_eq!(self.panes.tile(&partner, Tile::Hour, start), self.model.tile(&partner, Tile::Hour, start));
            }
            let days = self.now.floor(DAY_MS).0 - KEEP.days_ms..self.now.0 + DAY_MS;
            for start in days.step_by(DAY_MS as usize) {
                assert_eq!(self.panes.tile(&partner, Tile::Day, start), self.model.tile(&partner, Tile::Day, start));
            }
        }
    }

    /// Σ panes, `older` among them, = Σ deltas; nothing is kept that is zero or wider or narrower than it should be.
    fn check_all(&self) {
        let mut sums: Vec<(Counter, Tally)> = Counter::ALL.iter().map(|counter| (*counter, Tally::default())).collect();
        for (key, cell) in self.panes.cells.iter() {
            assert!(!cell.is_zero(), "{key:?}");
            let age = self.now.0 - key.start;
            match (key.family(), key.width()) {
                (Family::Stock, _) | (_, Width::Older) => {}
                (_, Width::Minute) => assert!(age < KEEP.minutes_ms + MINUTE_MS, "{key:?}"),
                (_, Width::Hour) => assert!(age < KEEP.hours_ms + HOUR_MS, "{key:?}"),
                (_, Width::Day) => assert!(age < KEEP.days_ms + DAY_MS, "{key:?}"),
            }
            cell.tallies(key.family()).for_each(|(counter, tally)| sums[counter.ordinal()].1.add(tally));
        }
        sums.retain(|(_, tally)| !tally.is_zero());
        assert_eq!(sums, self.model.total(|_| true));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn panes_hold_what_a_naive_model_holds(ops in prop::collection::vec(op(), 1..120)) {
        let mut world = World::new();
        for op in ops {
            world.apply(op);
            world.check_windows();
        }
        world.check_tiles();
        world.check_all();
    }

    /// What was emitted last per tile within retention is the tile, whenever it was emitted and whatever was folded since.
    #[test]
    fn emitted_tiles_are_the_tiles(ops in prop::collection::vec(op(), 1..120)) {
        let mut world = World::new();
        let mut emitted = std::collections::BTreeMap::new();
        for op in ops.into_iter().filter(|op| !matches!(op, Op::Undo)) {
            world.apply(op);
            for pane in changed(&mut world.panes) {
                emitted.insert((pane.partner.clone(), pane.tile, pane.start.0), pane);
            }
        }
        let now = world.now;
        let kept = |tile| match tile {
            Tile::Hour => now.floor(HOUR_MS).0 - KEEP.hours_ms,
            Tile::Day => now.floor(DAY_MS).0 - KEEP.days_ms,
        };
        for d in world.model.0.iter().filter(|d| d.counter.family() != Family::Stock && !d.change.is_zero()) {
            for (tile, width) in [(Tile::Hour, HOUR_MS), (Tile::Day, DAY_MS)] {
                let start = EventTime(d.at).floor(width).0;
                if start >= kept(tile) && (tile == Tile::Day || !d.counter.family().by_day()) {
                    let expected = world.model.tile(&d.partner, tile, start);
                    prop_assert_eq!(emitted.get(&(d.partner.clone(), tile, start)), Some(&expected));
                }
            }
        }
    }
}

fn changed(panes: &mut Panes) -> Vec<PartnerPane> {
    let mut changed = Vec::new();
    panes.changed_tiles(|pane| changed.push(*pane));
    changed
}

fn add(panes: &mut Panes, delta: &Delta, now: EventTime) -> Option<Placed> {
    let partner = panes.names.number(&delta.partner);
    let Delta { counter, at, change, .. } = *delta;
    panes.add(partner, counter.family(), at, &[CounterDelta { counter, change }], now)
}

fn delta(counter: Counter, at: i64, count: i64) -> Delta {
    Delta { partner: Text::from("p"), counter, at, change: Tally { count, amount_minor: 10 * count } }
}

#[test]
fn a_tile_that_became_zero_is_told_once() {
    let (mut panes, now) = (Panes::new(KEEP), EventTime(START));
    let at = Family::minute(now);
    add(&mut panes, &delta(Counter::Approved, at, 1), now);
    assert_eq!(changed(&mut panes).len(), 2);
    add(&mut panes, &delta(Counter::Approved, at, -1), now);
    let gone = changed(&mut panes);
    assert!(gone.len() == 2 && gone.iter().all(|pane| pane.cells.is_empty()));
    add(&mut panes, &delta(Counter::Approved, at, 1), now);
    add(&mut panes, &delta(Counter::Approved, at, -1), now);
    assert!(changed(&mut panes).is_empty(), "nothing changed in this batch");
    assert!(panes.cells.is_empty(), "sparse");
}

#[test]
fn the_due_book_takes_corrections_of_any_age_and_a_flow_does_not() {
    let (mut panes, now) = (Panes::new(KEEP), EventTime(START));
    let old = EventTime(START - 900 * DAY_MS);
    let due = add(&mut panes, &delta(Counter::InstalmentsOpen, Family::day(old.utc_day()), 1), now).unwrap();
    assert_eq!(due.key.width(), Width::Older);
    assert!(changed(&mut panes).is_empty());
    assert!(add(&mut panes, &delta(Counter::Approved, Family::minute(old), 1), now).is_none());
}

#[test]
fn endless_retention_folds_nothing() {
    let endless = Retention { minutes_ms: i64::MAX, hours_ms: i64::MAX, days_ms: i64::MAX };
    let mut panes = Panes::new(endless);
    let now = EventTime(START);
    let placed = add(&mut panes, &delta(Counter::Approved, 0, 1), now).unwrap();
    assert_eq!(placed.key.width(), Width::Minute);
    panes.fold(EventTime(START + 3_000 * DAY_MS), drop);
    assert_eq!(panes.count(&placed.key, Counter::Approved), 1);
}

#[test]
fn no_moment_is_too_far() {
    let (mut panes, now) = (Panes::new(KEEP), EventTime(START));
    for counter in Counter::ALL {
        for at in [i64::MIN, i64::MAX] {
            add(&mut panes, &delta(*counter, at, 1), now);
        }
    }
    panes.fold(EventTime(EventTime::LATEST.0 * 100), drop);
    assert!(changed(&mut panes).iter().all(|pane| pane.start.0 > 0));
}
