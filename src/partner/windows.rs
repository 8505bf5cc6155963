//! Sums over a window that ends now, from panes, with running totals per partner.

use rustc_hash::FxHashMap;

use super::codec::Cell;
use super::panes::{CellKey, Panes, Width};
use crate::domain::counter::{Family, Tally};
use crate::domain::deltas::CounterDelta;
use crate::domain::time::MINUTE_MS;
use crate::domain::words::Word;
use crate::domain::{CalendarDay, Counter, EventTime};
use crate::store::Number;

/// Most partners whose running totals are kept; beyond it they are dropped and added up again.
pub const PARTNERS_CACHED_MAX: usize = 8_192;

/// A window in UTC milliseconds: the first and the last pane start that belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub first: i64,
    pub last: i64,
}

impl Span {
    /// The window of `length_ms` that ends with the minute of `now`. Where it would begin inside a folded pane it begins
    /// with that pane, which counts as a whole.
    pub fn ending(panes: &Panes, now: EventTime, length_ms: i64) -> Self {
        let last = Family::minute(now);
        let length = EventTime(length_ms).floor(MINUTE_MS).0.max(MINUTE_MS);
        let first = last.saturating_sub(length).saturating_add(MINUTE_MS).max(i64::MIN / 2);
        Self { first: panes.pane_start(Family::DrawdownCohort, first, now), last }
    }

    fn covers(self, key: &CellKey) -> bool {
        key.width() != Width::Older && (self.first..=self.last).contains(&key.start)
    }
}

/// Adds up the panes of one flow family in a window.
pub fn sum(panes: &Panes, partner: &str, family: Family, span: Span) -> Cell {
    let mut sum = Cell::of(family);
    for width in [Width::Minute, Width::Hour, Width::Day] {
        panes.range(partner, family, width, span.first, span.last).for_each(|(_, cell)| sum.merge(cell));
    }
    sum
}

/// The due book over a range of due dates, added up.
pub struct DueBook([Tally; Counter::ALL.len()]);

/// Adds up the due book over due dates, first and last included. What is beyond retention is part of no such range.
pub fn due(panes: &Panes, partner: &str, first: CalendarDay, last: CalendarDay) -> DueBook {
    let mut book = DueBook([Tally::default(); Counter::ALL.len()]);
    let days = panes.range(partner, Family::DueBook, Width::Day, Family::day(first), Family::day(last));
    days.for_each(|(_, cell)| cell.add_to(Family::DueBook, &mut book.0));
    book
}

impl DueBook {
    /// What is beyond retention too.
    pub fn add_older(&mut self, panes: &Panes, partner: &str) {
        let older = panes.range(partner, Family::DueBook, Width::Older, 0, 0);
        older.for_each(|(_, cell)| cell.add_to(Family::DueBook, &mut self.0));
    }

    pub fn count(&self, counter: Counter) -> i64 {
        self.0[counter.ordinal()].count
    }
}

/// Running totals of the flow windows that are asked for; all of it is derived from the panes.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    partners: FxHashMap<Number, Totals>,
}

/// The totals of one partner, good for one minute of `now`.
#[derive(Clone, Debug, Default)]
struct Totals {
    minute: i64,
    sums: Vec<(Family, Span, Cell)>,
}

impl Windows {
    /// The sum of a flow family over the window of `length_ms` that ends `now`.
    pub fn sum(&mut self, panes: &Panes, partner: &str, family: Family, length_ms: i64, now: EventTime) -> Cell {
        let Some(number) = panes.names.known(partner) else { return Cell::of(family) };
        let span = Span::ending(panes, now, length_ms);
        if self.partners.len() >= PARTNERS_CACHED_MAX && !self.partners.contains_key(&number) {
            self.partners.clear();
        }
        let totals = self.partners.entry(number).or_default();
        if totals.minute != span.last {
            totals.minute = span.last;
            totals.sums.clear();
        }
        if let Some((_, _, known)) = totals.sums.iter().find(|(f, s, _)| *f == family && *s == span) {
            return known.clone();
        }
        let fresh = sum(panes, partner, family, span);
        totals.sums.push((family, span, fresh.clone()));
        fresh
    }

    /// Takes changes that were placed in a pane; only flows have windows.
    pub fn add(&mut self, key: &CellKey, changes: &[CounterDelta]) {
        let family = key.family();
        if family.by_day() {
            return;
        }
        let Some(totals) = self.partners.get_mut(&key.partner()) else { return };
        for (_, _, sum) in totals.sums.iter_mut().filter(|(f, span, _)| *f == family && span.covers(key)) {
            for CounterDelta { counter, change } in changes {
                sum.add(*counter, *change);
            }
        }
    }

    /// Forgets everything: the panes were put back or loaded.
    pub fn clear(&mut self) {
        self.partners.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::panes::Retention;
    use super::*;
    use crate::domain::time::{DAY_MS, HOUR_MS};
    use crate::store::Names;

    #[test]
    fn a_window_ends_with_the_minute_of_now_and_begins_with_a_whole_pane() {
        let panes = Panes::new(Retention { minutes_ms: 2 * HOUR_MS, hours_ms: 35 * DAY_MS, days_ms: 800 * DAY_MS });
        let now = EventTime(100 * DAY_MS + 10 * HOUR_MS + 30_500);
        let minute = 100 * DAY_MS + 10 * HOUR_MS;
        let span = |length_ms| Span::ending(&panes, now, length_ms);
        assert_eq!(span(HOUR_MS), Span { first: minute - HOUR_MS + MINUTE_MS, last: minute });
        assert_eq!(span(DAY_MS), Span { first: minute - DAY_MS, last: minute });
        assert_eq!(span(40 * DAY_MS), Span { first: 60 * DAY_MS, last: minute });
        let partner = Names::default().number("p");
        let key = |width, start| CellKey::new(partner, Family::DrawdownCohort, width, start);
        assert!(span(HOUR_MS).covers(&key(Width::Minute, minute)));
        assert!(!span(HOUR_MS).covers(&key(Width::Minute, minute + MINUTE_MS)), "the next minute is the future");
        assert!(!span(HOUR_MS).covers(&key(Width::Minute, minute - HOUR_MS)), "sixty minutes, not sixty-one");
        assert!(!span(80 * 365 * DAY_MS).covers(&key(Width::Older, 0)));
    }
}
