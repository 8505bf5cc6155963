//! Panes: what a partner's counters add up to per minute, hour and day. Sparse: a cell that is all zero is not kept.

mod folding;
mod tiles;

use std::ops::Bound;

use rustc_hash::FxHashMap;

pub use super::cell_key::{CellKey, Width};
use super::codec::{Cell, Entry, Teller, tag};
use crate::domain::codec::{self, Avro, CodecError};
use crate::domain::counter::Family;
use crate::domain::deltas::CounterDelta;
use crate::domain::view::{PartnerPane, Tile};
use crate::domain::words::Word;
use crate::domain::{Counter, EventTime, Text};
use crate::record;
use crate::store::{Cursor, Names, Number, Sorted, Spares};
use folding::Edges;
pub use folding::Retention;
use tiles::{Changes, TileKey};

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

/// Where changes landed.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    pub key: CellKey,
    /// A counter went below zero, which later deltas of the same bundle may still repair.
    pub negative: bool,
}

const FAMILIES: usize = Family::ALL.len();
const WIDTHS: usize = Width::ALL.len();

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
