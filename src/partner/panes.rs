//! Panes: what a partner's counters add up to per minute, hour and day. Sparse: a cell that is all zero is not kept.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::codec::Cell;
use crate::domain::counter::{Family, Tally};
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use crate::domain::view::{PaneCell, PartnerPane, Tile};
use crate::domain::words::Word;
use crate::domain::{Counter, Delta, EventTime, Text};
use crate::store::Sorted;
use crate::{record, words};

words! {
    /// How much time a pane spans.
    pub enum Width {
        Minute = "minute",
        Hour = "hour",
        Day = "day",
        /// Everything beyond retention in one cell, whose start is 0.
        Older = "older",
    }
}

impl Width {
    /// Milliseconds that a pane of this width spans; `Older` has no end.
    pub fn span_ms(self) -> i64 {
        match self {
            Width::Minute => MINUTE_MS,
            Width::Hour => HOUR_MS,
            Width::Day => DAY_MS,
            Width::Older => i64::MAX,
        }
    }

    /// The start of the pane of this width that holds `at`.
    pub fn start_of(self, at: i64) -> i64 {
        match self {
            Width::Older => 0,
            // Flooring the smallest number would leave the range.
            width => EventTime(at.max(i64::MIN / 2)).floor(width.span_ms()).0,
        }
    }
}

/// Which cell; the order keeps the panes of one partner, family and width together, in time order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellKey {
    pub partner: Text,
    pub family: Family,
    pub width: Width,
    /// UTC milliseconds.
    pub start: i64,
}
record!(CellKey { partner, family, width, start });

/// How long panes keep their width, milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    pub minutes_ms: i64,
    pub hours_ms: i64,
    pub days_ms: i64,
}

/// The first pane start that still stands in its own width, per width; earlier ones fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edges {
    minute: i64,
    hour: i64,
    day: i64,
}

impl Edges {
    fn at(retention: Retention, now: EventTime) -> Self {
        let edge = |width: Width, keep: i64| width.start_of(width.start_of(now.0).saturating_sub(keep.max(0)));
        Self {
            minute: edge(Width::Minute, retention.minutes_ms),
            hour: edge(Width::Hour, retention.hours_ms),
            day: edge(Width::Day, retention.days_ms),
        }
    }

    /// The width in which a counter of `family` at `at` stands; `None`: beyond all retention of a flow.
    pub fn width_of(&self, family: Family, at: i64) -> Option<Width> {
        match family {
            Family::Stock => Some(Width::Day),
            Family::DueBook if at >= self.day => Some(Width::Day),
            Family::DueBook => Some(Width::Older),
            _ if at >= self.minute => Some(Width::Minute),
            _ if at >= self.hour => Some(Width::Hour),
            _ if at >= self.day => Some(Width::Day),
            _ => None,
        }
    }

    fn first_of(&self, width: Width) -> i64 {
        match width {
            Width::Minute => self.minute,
            Width::Hour => self.hour,
            Width::Day => self.day,
            Width::Older => i64::MIN,
        }
    }
}

/// Where a delta landed.
#[derive(Clone, Debug)]
pub struct Placed {
    pub key: CellKey,
    /// The counter went below zero, which later deltas of the same bundle may still repair.
    pub negative: bool,
}

/// A tile that changed in the batch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct TileKey {
    partner: Text,
    tile: Tile,
    start: i64,
}

const FAMILIES: usize = Family::ALL.len();
const WIDTHS: usize = Width::ALL.len();

/// The panes of every partner of a shard.
#[derive(Clone, Debug)]
pub struct Panes {
    retention: Retention,
    pub(super) cells: Sorted<CellKey, Cell>,
    /// Derived: how far everything is folded; `None` after a restore or an undo.
    folded: Option<Edges>,
    /// Derived: the newest start of a flow pane ever seen per family and width, so that a tile need not look where nothing
    /// can be.
    newest: [[i64; WIDTHS]; FAMILIES],
    /// Derived: net change per tile since the last seal.
    touched: BTreeMap<TileKey, SmallVec<[(Counter, Tally); 4]>>,
}

impl Panes {
    pub fn new(retention: Retention) -> Self {
        Self {
            retention,
            cells: Sorted::default(),
            folded: None,
            newest: [[i64::MIN; WIDTHS]; FAMILIES],
            touched: BTreeMap::new(),
        }
    }

    /// Adds one delta to the pane it belongs to by `now`; `None`: no pane takes it any more.
    pub fn add(&mut self, delta: &Delta, now: EventTime) -> Option<Placed> {
        let family = delta.counter.family();
        let width = self.edges(now).width_of(family, delta.at)?;
        let start = width.start_of(delta.at);
        let key = CellKey { partner: delta.partner.clone(), family, width, start };
        let negative = self.change(&key, delta.counter, delta.change);
        if family != Family::Stock {
            if matches!(width, Width::Minute | Width::Hour) {
                self.touch(delta, Tile::Hour, Width::Hour.start_of(delta.at));
            }
            if width != Width::Older {
                self.touch(delta, Tile::Day, Width::Day.start_of(delta.at));
            }
        }
        Some(Placed { key, negative })
    }

    /// One counter of one cell.
    pub fn count(&self, key: &CellKey, counter: Counter) -> i64 {
        self.cells.get(key).map_or(0, |cell| cell.get(counter).count)
    }

    /// The start of the pane that holds a moment of a flow.
    pub fn pane_start(&self, family: Family, at: i64, now: EventTime) -> i64 {
        self.edges(now).width_of(family, at).unwrap_or(Width::Day).start_of(at)
    }

    fn edges(&self, now: EventTime) -> Edges {
        self.folded.unwrap_or_else(|| Edges::at(self.retention, now))
    }

    fn note(&mut self, key: &CellKey) {
        if !key.family.by_day() {
            let newest = &mut self.newest[key.family as usize][key.width as usize];
            *newest = key.start.max(*newest);
        }
    }

    /// False when no flow pane of that family and width can lie between `first` and `last`: what is older is folded.
    fn may_hold(&self, family: Family, width: Width, first: i64, last: i64) -> bool {
        first <= self.newest[family as usize][width as usize]
            && self.folded.is_none_or(|edges| last >= edges.first_of(width))
    }

    /// Adds to one counter; true when its count is below zero afterwards.
    fn change(&mut self, key: &CellKey, counter: Counter, change: Tally) -> bool {
        self.note(key);
        let cell = self.cells.edit_or(key, || Cell::of(key.family));
        let tally = cell.add(counter, change);
        if tally.is_zero() && cell.is_zero() {
            self.cells.remove(key);
        }
        tally.count < 0
    }

    fn touch(&mut self, delta: &Delta, tile: Tile, start: i64) {
        let changes = self.touched.entry(TileKey { partner: delta.partner.clone(), tile, start }).or_default();
        match changes.iter_mut().find(|(counter, _)| *counter == delta.counter) {
            Some((_, tally)) => tally.add(delta.change),
            None => changes.push((delta.counter, delta.change)),
        }
    }

    /// Moves what has left its width by `now` into the next wider pane, once per minute of `now`.
    ///
    /// Gives the tiles that changed before, because an hour tile cannot be read any more once its hour is part of a day.
    pub fn fold(&mut self, now: EventTime) -> Vec<PartnerPane> {
        let edges = Edges::at(self.retention, now);
        if self.folded == Some(edges) {
            return Vec::new();
        }
        let changed = self.changed_tiles();
        self.folded = Some(edges);
        let mut next = self.cells.iter().next().map(|(key, _)| key.clone());
        while let Some(at) = next {
            if at.family != Family::Stock {
                self.fold_family(&at.partner, at.family, &edges);
            }
            let last = CellKey { width: Width::Older, start: i64::MAX, ..at };
            next = self.cells.range(last..).next().map(|(key, _)| key.clone());
        }
        changed
    }

    fn fold_family(&mut self, partner: &Text, family: Family, edges: &Edges) {
        for width in [Width::Minute, Width::Hour, Width::Day] {
            let key = |start| CellKey { partner: partner.clone(), family, width, start };
            let gone: SmallVec<[CellKey; 8]> =
                self.cells.range(key(i64::MIN)..key(edges.first_of(width))).map(|(key, _)| key.clone()).collect();
            for from in gone {
                let Some(cell) = self.cells.remove(&from) else { continue };
                let width = edges.width_of(family, from.start).unwrap_or(Width::Older);
                let to = CellKey { width, start: width.start_of(from.start), ..from };
                self.note(&to);
                let sum = self.cells.edit_or(&to, || Cell::of(family));
                sum.merge(&cell);
                if sum.is_zero() {
                    self.cells.remove(&to);
                }
            }
        }
    }

    /// The cells of one partner, family and width whose start lies in `from..=to`.
    pub fn range(
        &self,
        partner: &str,
        family: Family,
        width: Width,
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = (i64, &Cell)> {
        let key = |start| CellKey { partner: Text::from(partner), family, width, start };
        // An empty range is asked for as such: a tree refuses one whose ends are crossed.
        let range = key(from)..=key(to.max(from));
        self.cells.range(range).filter(move |_| from <= to).map(|(key, cell)| (key.start, cell))
    }

    /// The tiles whose content changed since the last call, with absolute values; a tile without cells has become all zero.
    pub fn changed_tiles(&mut self) -> Vec<PartnerPane> {
        let touched = std::mem::take(&mut self.touched);
        let changed = touched.iter().filter(|(_, changes)| changes.iter().any(|(_, tally)| !tally.is_zero()));
        changed.map(|(key, _)| self.tile(&key.partner, key.tile, key.start)).collect()
    }

    /// One tile as it stands: an hour is its minutes and its hour pane, a day its hours and its day panes.
    pub fn tile(&self, partner: &str, tile: Tile, start: i64) -> PartnerPane {
        let mut cells = Vec::new();
        let last = match tile {
            Tile::Hour => start.saturating_add(HOUR_MS - 1),
            Tile::Day => start.saturating_add(DAY_MS - 1),
        };
        for family in Family::ALL.iter().copied().filter(|family| *family != Family::Stock) {
            let widths: &[Width] = match (tile, family) {
                (Tile::Hour, Family::DueBook) => &[],
                (Tile::Day, Family::DueBook) => &[Width::Day],
                (Tile::Hour, _) => &[Width::Minute, Width::Hour],
                (Tile::Day, _) => &[Width::Minute, Width::Hour, Width::Day],
            };
            let mut sum = Cell::of(family);
            for width in widths {
                if family == Family::DueBook || self.may_hold(family, *width, start, last) {
                    self.range(partner, family, *width, start, last).for_each(|(_, cell)| sum.merge(cell));
                }
            }
            cells.extend(sum.tallies(family).map(|(counter, tally)| PaneCell { counter, tally }));
        }
        PartnerPane { partner: Text::from(partner), tile, start: EventTime(start), cells }
    }

    pub fn load(&mut self, key: CellKey, cell: Option<Cell>) {
        self.note(&key);
        self.cells.load(key, cell);
        self.folded = None;
    }

    pub fn hand_over(&mut self) {
        self.cells.hand_over();
        self.touched.clear();
    }

    pub fn commit(&mut self) {
        self.cells.commit();
    }

    pub fn undo(&mut self) {
        self.cells.undo();
        self.touched.clear();
        self.folded = None;
    }
}
