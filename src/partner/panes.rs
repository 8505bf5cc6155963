//! Panes: what a partner's counters add up to per minute, hour and day. Sparse: a cell that is all zero is not kept.

use std::ops::Bound;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

pub use super::cell_key::{CellKey, Width};
use super::codec::{Cell, Entry, Teller, tag};
use crate::domain::codec::{self, Avro, CodecError};
use crate::domain::counter::{Family, Tally};
use crate::domain::deltas::CounterDelta;
use crate::domain::time::{DAY_MS, HOUR_MS};
use crate::domain::view::{PaneCell, PartnerPane, Tile};
use crate::domain::words::Word;
use crate::domain::{Counter, EventTime, Text, set_text};
use crate::record;
use crate::store::{Cursor, Names, Number, Sorted, Spares};

/// Most saved cells that are kept to save others in.
const SPARE_CELLS_MAX: usize = 4_096;
/// Most panes that were told and are kept to tell others in.
const SPARE_PANES_MAX: usize = 4_096;
/// Of both, so many are made at once.
const SPARES_MADE_AT_ONCE: usize = 64;

/// A cell's key as the changelog has it.
pub struct NamedKey {
    partner: Text,
    family: Family,
    width: Width,
    start: i64,
}
record!(NamedKey { partner, family, width, start });

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

/// Where changes landed.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    pub key: CellKey,
    /// A counter went below zero, which later deltas of the same bundle may still repair.
    pub negative: bool,
}

/// A tile that changed in the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct TileKey {
    partner: Number,
    tile: Tile,
    start: i64,
}

impl TileKey {
    /// One number that sorts like the name of the partner, by its rank, and then like tile and start.
    fn order(&self, rank: u32) -> u128 {
        let start = u128::from(self.start.wrapping_sub(i64::MIN) as u64);
        u128::from(rank) << 72 | (self.tile as u128) << 64 | start
    }
}

const FAMILIES: usize = Family::ALL.len();
const WIDTHS: usize = Width::ALL.len();

/// Net changes of a tile; few have more than so many counters.
type Changes = SmallVec<[(Counter, Tally); 16]>;

/// The panes of every partner of a shard.
#[derive(Clone, Debug)]
pub struct Panes {
    retention: Retention,
    pub(super) cells: Sorted<CellKey, Cell>,
    /// Every partner that ever had a pane here.
    pub(super) names: Names,
    /// Derived: how far everything is folded; `None` after a restore or an undo.
    folded: Option<Edges>,
    /// Derived: the newest start of a flow pane ever seen per family and width, so that a tile need not look where nothing
    /// can be.
    newest: [[i64; WIDTHS]; FAMILIES],
    /// Derived: net change per tile since the last seal.
    touched: FxHashMap<TileKey, Changes>,
    /// Tiles that changed, behind their place in the order, on their way to be told.
    changed: Vec<(u128, TileKey)>,
    spares: Spares<Box<PartnerPane>>,
    /// The cell that is being moved into a wider pane.
    folding: Cell,
}

impl Panes {
    pub fn new(retention: Retention) -> Self {
        Self {
            retention,
            cells: Sorted::with_spares(Spares::new(SPARE_CELLS_MAX, SPARES_MADE_AT_ONCE).only(Cell::is_wide)),
            names: Names::default(),
            folded: None,
            newest: [[i64::MIN; WIDTHS]; FAMILIES],
            touched: FxHashMap::default(),
            changed: Vec::new(),
            spares: Spares::new(SPARE_PANES_MAX, SPARES_MADE_AT_ONCE),
            folding: Cell::default(),
        }
    }

    /// Adds what changed in one cell of a partner to the pane it belongs to by `now`; `None`: no pane takes it any more.
    pub fn add(
        &mut self,
        partner: Number,
        family: Family,
        at: i64,
        changes: &[CounterDelta],
        now: EventTime,
    ) -> Option<Placed> {
        let width = self.edges(now).width_of(family, at)?;
        let key = CellKey::new(partner, family, width, width.start_of(at));
        let negative = self.change(key, changes);
        if family != Family::Stock {
            if matches!(width, Width::Minute | Width::Hour) {
                self.touch(TileKey { partner, tile: Tile::Hour, start: Width::Hour.start_of(at) }, changes);
            }
            if width != Width::Older {
                let start = if width == Width::Day { key.start } else { Width::Day.start_of(at) };
                self.touch(TileKey { partner, tile: Tile::Day, start }, changes);
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
        let family = key.family();
        if !family.by_day() {
            let newest = &mut self.newest[family as usize][key.width() as usize];
            *newest = key.start.max(*newest);
        }
    }

    /// False when no flow pane of that family and width can lie between `first` and `last`: what is older is folded.
    fn may_hold(&self, family: Family, width: Width, first: i64, last: i64) -> bool {
        first <= self.newest[family as usize][width as usize]
            && self.folded.is_none_or(|edges| last >= edges.first_of(width))
    }

    /// Adds to the counters of a cell; true when the count of one is below zero afterwards.
    fn change(&mut self, key: CellKey, changes: &[CounterDelta]) -> bool {
        self.note(&key);
        let cell = self.cells.edit_or(&key, || Cell::of(key.family()));
        let (mut negative, mut zero) = (false, false);
        for CounterDelta { counter, change } in changes {
            let tally = cell.add(*counter, *change);
            negative |= tally.count < 0;
            zero |= tally.is_zero();
        }
        if zero && cell.is_zero() {
            self.cells.remove(&key);
        }
        negative
    }

    fn touch(&mut self, key: TileKey, changes: &[CounterDelta]) {
        let sums = self.touched.entry(key).or_default();
        for CounterDelta { counter, change } in changes {
            match sums.iter_mut().find(|(other, _)| other == counter) {
                Some((_, tally)) => tally.add(*change),
                None => sums.push((*counter, *change)),
            }
        }
    }

    /// Moves what has left its width by `now` into the next wider pane, once per minute of `now`.
    ///
    /// Tells the tiles that changed before, because an hour tile cannot be read any more once its hour is part of a day.
    pub fn fold(&mut self, now: EventTime, tell: impl FnMut(Box<PartnerPane>)) {
        let edges = Edges::at(self.retention, now);
        if self.folded == Some(edges) {
            return;
        }
        self.changed_tiles(tell);
        self.folded = Some(edges);
        let mut next = self.cells.iter().next().map(|(key, _)| *key);
        while let Some(at) = next {
            if at.family() != Family::Stock {
                self.fold_family(at.partner(), at.family(), &edges);
            }
            let last = at.moved(Width::Older, i64::MAX);
            next = self.cells.range(last..).next().map(|(key, _)| *key);
        }
    }

    fn fold_family(&mut self, partner: Number, family: Family, edges: &Edges) {
        for width in [Width::Minute, Width::Hour, Width::Day] {
            let key = |start| CellKey::new(partner, family, width, start);
            let gone: SmallVec<[CellKey; 8]> =
                self.cells.range(key(i64::MIN)..key(edges.first_of(width))).map(|(key, _)| *key).collect();
            for from in gone {
                let Some(cell) = self.cells.get(&from) else { continue };
                self.folding.clone_from(cell);
                self.cells.remove(&from);
                let width = edges.width_of(family, from.start).unwrap_or(Width::Older);
                let to = from.moved(width, width.start_of(from.start));
                self.note(&to);
                let sum = self.cells.edit_or(&to, || Cell::of(family));
                sum.merge(&self.folding);
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
        let partner = self.names.known(partner);
        partner.into_iter().flat_map(move |partner| self.range_of(partner, family, width, from, to))
    }

    fn range_of(
        &self,
        partner: Number,
        family: Family,
        width: Width,
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = (i64, &Cell)> {
        let key = |start| CellKey::new(partner, family, width, start);
        self.cells.range(key(from)..=key(to)).map(|(key, cell)| (key.start, cell))
    }

    /// Tells the tiles whose content changed since the last call, by partner, with absolute values; a tile without cells has
    /// become all zero.
    pub fn changed_tiles(&mut self, mut tell: impl FnMut(Box<PartnerPane>)) {
        let names = self.names.ranked();
        let changed = self.touched.iter().filter(|(_, changes)| changes.iter().any(|(_, tally)| !tally.is_zero()));
        let mut changed_tiles = std::mem::take(&mut self.changed);
        changed_tiles.extend(changed.map(|(key, _)| (key.order(names.rank(key.partner)), *key)));
        changed_tiles.sort_unstable_by_key(|(order, _)| *order);
        self.touched.clear();
        for (_, key) in changed_tiles.drain(..) {
            let mut pane = self.spares.take_or(|| Box::new(new_pane(Text::default(), key.tile)));
            set_text(&mut pane.partner, self.names.text(key.partner));
            (pane.tile, pane.start) = (key.tile, EventTime(key.start));
            self.fill(&key, &mut pane.cells);
            tell(pane);
        }
        self.changed = changed_tiles;
    }

    /// Takes a pane back that was told, to tell another in it.
    pub fn take_back(&mut self, pane: Box<PartnerPane>) {
        self.spares.keep(pane);
    }

    /// One tile of a partner as it stands.
    #[cfg(test)]
    pub fn tile(&self, partner: &Text, tile: Tile, start: i64) -> PartnerPane {
        let mut cells = Vec::new();
        if let Some(number) = self.names.known(partner) {
            self.fill(&TileKey { partner: number, tile, start }, &mut cells);
        }
        PartnerPane { start: EventTime(start), cells, ..new_pane(partner.clone(), tile) }
    }

    /// The cells of a tile as it stands: an hour is its minutes and its hour pane, a day its hours and its day panes.
    fn fill(&self, key: &TileKey, told: &mut Vec<PaneCell>) {
        told.clear();
        for family in Family::ALL.iter().copied() {
            match (family, key.tile) {
                (Family::Stock, _) | (Family::DueBook, Tile::Hour) => {}
                (Family::DueBook, Tile::Day) => {
                    // The day's due dates are one cell.
                    let TileKey { partner, start, .. } = *key;
                    let cell = self.cells.get(&CellKey::new(partner, family, Width::Day, start));
                    cell.into_iter().for_each(|cell| tell_cell(family, cell, told));
                }
                _ => self.fill_flow(key, family, told),
            }
        }
    }

    fn fill_flow(&self, key: &TileKey, family: Family, told: &mut Vec<PaneCell>) {
        let TileKey { partner, tile, start } = *key;
        let (widths, last): (&[Width], i64) = match tile {
            Tile::Hour => (&[Width::Minute, Width::Hour], start.saturating_add(HOUR_MS - 1)),
            Tile::Day => (&[Width::Minute, Width::Hour, Width::Day], start.saturating_add(DAY_MS - 1)),
        };
        let mut sum = None;
        for width in widths.iter().copied().filter(|width| self.may_hold(family, *width, start, last)) {
            let cells = self.range_of(partner, family, width, start, last);
            cells.for_each(|(_, cell)| sum.get_or_insert_with(|| Cell::of(family)).merge(cell));
        }
        if let Some(sum) = sum {
            tell_cell(family, &sum, told);
        }
    }

    /// Tells the cells that the open batch changed, by the partners' names: a restored shard has other numbers and says the
    /// same.
    pub fn changes(&mut self, teller: &mut Teller, entry: &mut Entry<'_>) {
        let names = self.names.ranked();
        let changed = self.cells.changed_by(|key| key.order(names.rank(key.partner())));
        changed.for_each(|(key, cell)| teller.tell(tag::CELL, |out| put_key(names, key, out), cell, entry));
    }

    /// Tells up to `most` committed cells from the cursor on, by the partners' names: the cursor is good for a restored shard
    /// too. Returns how many it looked at.
    pub fn walk(&self, cursor: &mut Cursor, most: usize, entry: &mut Entry<'_>) -> Result<usize, CodecError> {
        let after: Option<NamedKey> = cursor.after.as_deref().map(codec::decode).transpose()?;
        let (mut looked, mut teller) = (0, Teller::default());
        for partner in self.names.sorted() {
            let name = self.names.text(partner);
            let [first, .., last] = Family::ALL else { break };
            let end = CellKey::new(partner, *last, Width::Older, i64::MAX);
            let from = match &after {
                Some(after) if *name < after.partner => continue,
                Some(after) if *name == after.partner => {
                    Bound::Excluded(CellKey::new(partner, after.family, after.width, after.start))
                }
                _ => Bound::Included(CellKey::new(partner, *first, Width::Minute, i64::MIN)),
            };
            let mut tell = |key: &CellKey, cell: &Cell| {
                teller.tell(tag::CELL, |out| put_key(&self.names, key, out), Some(cell), entry);
            };
            let range = (from.as_ref(), Bound::Included(&end));
            let (more, last) = self.cells.walk_in(range, most - looked, &mut tell);
            looked += more;
            if let Some(key) = last {
                let bytes = cursor.after.get_or_insert_default();
                bytes.clear();
                put_key(&self.names, key, bytes);
            }
            if looked == most {
                return Ok(looked);
            }
        }
        cursor.next_table();
        Ok(looked)
    }

    pub fn load(&mut self, key: NamedKey, cell: Option<Cell>) {
        let NamedKey { partner, family, width, start } = key;
        let key = CellKey::new(self.names.number(&partner), family, width, start);
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

/// Appends a cell's key as the changelog has it.
fn put_key(names: &Names, key: &CellKey, out: &mut Vec<u8>) {
    names.text(key.partner()).put(out);
    key.family().put(out);
    key.width().put(out);
    key.start.put(out);
}

/// Appends what a cell counts, as a tile has it.
fn tell_cell(family: Family, cell: &Cell, told: &mut Vec<PaneCell>) {
    told.extend(cell.tallies(family).map(|(counter, tally)| PaneCell { counter, tally }));
}

fn new_pane(partner: Text, tile: Tile) -> PartnerPane {
    // With room for whatever it is written over with.
    PartnerPane { partner, tile, start: EventTime(0), cells: Vec::with_capacity(Counter::ALL.len()) }
}
