//! Tiles: what the panes of an hour or a day add up to, told when it has changed.

use smallvec::SmallVec;

use super::{Cell, CellKey, Panes, Width};
use crate::domain::counter::{Family, Tally};
use crate::domain::deltas::CounterDelta;
use crate::domain::time::{DAY_MS, HOUR_MS};
use crate::domain::view::{PaneCell, PartnerPane, Tile};
use crate::domain::words::Word;
use crate::domain::{Counter, EventTime, Text, set_text};
use crate::store::Number;

/// A tile that changed in the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TileKey {
    pub partner: Number,
    pub tile: Tile,
    pub start: i64,
}

impl TileKey {
    /// One number that sorts like the name of the partner, by its rank, and then like tile and start.
    fn order(&self, rank: u32) -> u128 {
        let start = u128::from(self.start.wrapping_sub(i64::MIN) as u64);
        u128::from(rank) << 72 | (self.tile as u128) << 64 | start
    }
}

/// Net changes of a tile; few have more than so many counters.
pub(super) type Changes = SmallVec<[(Counter, Tally); 16]>;

impl Panes {
    pub(super) fn touch(&mut self, key: TileKey, changes: &[CounterDelta]) {
        let sums = self.touched.entry(key).or_default();
        for CounterDelta { counter, change } in changes {
            match sums.iter_mut().find(|(other, _)| other == counter) {
                Some((_, tally)) => tally.add(*change),
                None => sums.push((*counter, *change)),
            }
        }
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
}

/// Appends what a cell counts, as a tile has it.
fn tell_cell(family: Family, cell: &Cell, told: &mut Vec<PaneCell>) {
    told.extend(cell.tallies(family).map(|(counter, tally)| PaneCell { counter, tally }));
}

fn new_pane(partner: Text, tile: Tile) -> PartnerPane {
    // With room for whatever it is written over with.
    PartnerPane { partner, tile, start: EventTime(0), cells: Vec::with_capacity(Counter::ALL.len()) }
}
