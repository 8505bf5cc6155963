//! The deltas of a transaction for one partition, added up: a row of tallies for each cell, as a pane has it.

use rustc_hash::FxHashMap;

use crate::domain::counter::{FAMILY_COUNTERS_MAX, Tally};
use crate::domain::{Counter, Deltas, Family};
use crate::store::{Names, Number};

/// Most bytes of a cell besides its changes, and of one change.
const CELL_BYTES_MAX: usize = 14;
const CHANGE_BYTES_MAX: usize = 21;

/// Which cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    partner: Number,
    family: Family,
    /// UTC milliseconds.
    at: i64,
}

/// Where the tallies of a cell begin, and which of them were ever added to: a bit for each slot.
#[derive(Clone, Copy, Debug)]
struct Row {
    key: Key,
    first: usize,
    added: u32,
}

const _: () = assert!(FAMILY_COUNTERS_MAX <= 32, "a row has a bit for each counter");

/// Sums by cell.
#[derive(Debug, Default)]
pub struct DeltaRows {
    /// Positions in the rows.
    by_cell: FxHashMap<Key, usize>,
    rows: Vec<Row>,
    tallies: Vec<Tally>,
    /// The row that was added to last: most of what an event changes is in one or two cells.
    last: usize,
    /// Rows on their way into a bundle, behind what they are sorted by.
    said: Vec<(u128, usize)>,
}

impl DeltaRows {
    /// Adds to one counter of one cell. Returns by how many bytes at most that lengthens what is said.
    #[inline]
    pub fn add(&mut self, partner: Number, counter: Counter, at: i64, change: Tally) -> usize {
        let (family, slot) = counter.place();
        let key = Key { partner, family, at };
        let mut longer = 0;
        if self.rows.get(self.last).is_none_or(|row| row.key != key) {
            longer = self.turn_to(key);
        }
        let row = &mut self.rows[self.last];
        if row.added & 1 << slot == 0 {
            row.added |= 1 << slot;
            longer += CHANGE_BYTES_MAX;
        }
        self.tallies[row.first + slot].add(change);
        longer
    }

    /// Makes the row of this cell the one that is added to. Returns by how many bytes it lengthens what is said if it is new.
    #[inline(never)]
    fn turn_to(&mut self, key: Key) -> usize {
        let rows = self.rows.len();
        self.last = *self.by_cell.entry(key).or_insert(rows);
        if self.last < rows {
            return 0;
        }
        self.rows.push(Row { key, first: self.tallies.len(), added: 0 });
        self.tallies.resize(self.tallies.len() + key.family.width(), Tally::default());
        CELL_BYTES_MAX
    }

    /// Writes what was added over other deltas, in an order that does not depend on how it was gathered (partner, start of
    /// the cell, counter), and begins anew.
    pub fn take(&mut self, partners: &Names, deltas: &mut Deltas) {
        deltas.clear();
        self.said.clear();
        let order = |row: &Row| order(partners.rank(row.key.partner), &row.key);
        self.said.extend(self.rows.iter().enumerate().map(|(at, row)| (order(row), at)));
        self.said.sort_unstable_by_key(|(order, _)| *order);
        let (mut partner, mut at) = (None, None);
        for (_, row) in &self.said {
            let Row { key, first, added } = self.rows[*row];
            for slot in slots(added) {
                let change = self.tallies[first + slot];
                let Some(counter) = key.family.counter(slot).filter(|_| !change.is_zero()) else { continue };
                if partner != Some(key.partner) {
                    (partner, at) = (Some(key.partner), None);
                    deltas.begin_partner(partners.text(key.partner));
                }
                if at != Some(key.at) {
                    at = Some(key.at);
                    deltas.begin_cell(key.at);
                }
                deltas.push(counter, change);
            }
        }
        self.clear();
    }

    pub fn clear(&mut self) {
        self.by_cell.clear();
        self.rows.clear();
        self.tallies.clear();
        self.last = 0;
    }
}

/// One number that sorts like partner, start and family: there are thousands of cells in a transaction.
fn order(partner: u32, key: &Key) -> u128 {
    let at = key.at.wrapping_sub(i64::MIN) as u64;
    u128::from(partner) << 96 | u128::from(at) << 32 | key.family as u128
}

/// The places of the bits that are set, the lowest first.
fn slots(mut added: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let slot = added.trailing_zeros();
        added &= added.wrapping_sub(1);
        (slot < u32::BITS).then_some(slot as usize)
    })
}
