//! The deltas of a transaction for one partition, added up by cell.
//!
//! There are thousands of cells in a transaction, and most of them hear of one or two of their counters: so each has a chain of
//! those that it heard of instead of a row with room for all, which would be written and read for nothing.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::domain::counter::{FAMILY_COUNTERS_MAX, Tally};
use crate::domain::{Counter, Deltas, Family};
use crate::store::{Names, Number};

/// Most bytes of a cell besides its changes, and of one change.
const CELL_BYTES_MAX: usize = 14;
const CHANGE_BYTES_MAX: usize = 21;
/// Sums of a cell that are sorted without an allocation.
const SORTED_SUMS: usize = FAMILY_COUNTERS_MAX;

/// Which cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    partner: Number,
    family: Family,
    /// UTC milliseconds.
    at: i64,
}

/// A cell, and which of its counters was added to last.
#[derive(Clone, Copy, Debug)]
struct Row {
    key: Key,
    last: Option<Link>,
}

/// Where a sum stands: its position and one.
type Link = std::num::NonZeroU32;

/// What was added to a counter of a cell, and which one was before it.
#[derive(Clone, Copy, Debug)]
struct Sum {
    before: Option<Link>,
    slot: u8,
    tally: Tally,
}

const _: () = assert!(FAMILY_COUNTERS_MAX <= u8::MAX as usize, "a slot is a byte");

/// Sums by cell.
#[derive(Debug, Default)]
pub struct DeltaRows {
    /// Positions in the rows.
    by_cell: FxHashMap<Key, u32>,
    rows: Vec<Row>,
    sums: Vec<Sum>,
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
        let (row, slot) = (&mut self.rows[self.last], slot as u8);
        let mut next = row.last;
        while let Some(link) = next {
            let sum = &mut self.sums[place(link)];
            if sum.slot == slot {
                sum.tally.add(change);
                return longer;
            }
            next = sum.before;
        }
        self.sums.push(Sum { before: row.last, slot, tally: change });
        row.last = Link::new(self.sums.len() as u32);
        longer + CHANGE_BYTES_MAX
    }

    /// Makes the row of this cell the one that is added to. Returns by how many bytes it lengthens what is said if it is new.
    #[inline(never)]
    fn turn_to(&mut self, key: Key) -> usize {
        let rows = self.rows.len();
        self.last = *self.by_cell.entry(key).or_insert(rows as u32) as usize;
        if self.last < rows {
            return 0;
        }
        self.rows.push(Row { key, last: None });
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
            let Row { key, last } = self.rows[*row];
            let mut sums: SmallVec<[Sum; SORTED_SUMS]> = SmallVec::new();
            let mut next = last;
            while let Some(link) = next {
                sums.push(self.sums[place(link)]);
                next = self.sums[place(link)].before;
            }
            sums.sort_unstable_by_key(|sum| sum.slot);
            for Sum { slot, tally: change, .. } in sums {
                let counter = key.family.counter(usize::from(slot)).filter(|_| !change.is_zero());
                let Some(counter) = counter else { continue };
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
        self.sums.clear();
        self.last = 0;
    }
}

/// One number that sorts like partner, start and family: there are thousands of cells in a transaction.
fn order(partner: u32, key: &Key) -> u128 {
    let at = key.at.wrapping_sub(i64::MIN) as u64;
    u128::from(partner) << 96 | u128::from(at) << 32 | key.family as u128
}

fn place(link: Link) -> usize {
    link.get() as usize - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::words::Word;

    /// What is said does not depend on the order in which it was gathered: sums of a cell by counter, cells by time, none for nothing.
    #[test]
    fn sums_are_said_in_one_order() {
        let mut names = Names::default();
        let partners = ["b", "a"].map(|name| names.number(name));
        names.ranked();
        let one = |count: i64| Tally { count, ..Tally::default() };
        let added: Vec<(Number, Counter, i64, i64)> = Counter::ALL
            .iter()
            .flat_map(|counter| partners.map(|partner| (partner, *counter, 60_000, 2)))
            .chain([(partners[0], Counter::ALL[0], 0, 5), (partners[1], Counter::ALL[3], 60_000, -2)])
            .collect();
        let told = |added: &mut dyn Iterator<Item = &(Number, Counter, i64, i64)>| {
            let (mut rows, mut deltas) = (DeltaRows::default(), Deltas::default());
            added.for_each(|(partner, counter, at, change)| {
                rows.add(*partner, *counter, *at, one(*change));
            });
            rows.take(&names, &mut deltas);
            deltas
                .iter()
                .map(|delta| (delta.partner.to_string(), delta.at, delta.counter, delta.change))
                .collect::<Vec<_>>()
        };
        let (forth, back) = (told(&mut added.iter()), told(&mut added.iter().rev()));
        assert_eq!(forth, back);
        assert_eq!(forth.len(), 2 * Counter::ALL.len(), "one sum came to nothing, one cell has one more");
        let places: Vec<_> =
            forth.iter().map(|(partner, at, counter, _)| (partner.clone(), *at, counter.ordinal())).collect();
        assert!(places.is_sorted(), "{places:?}");
        let mut again = DeltaRows::default();
        let (first, second) =
            (again.add(partners[0], Counter::ALL[0], 0, one(1)), again.add(partners[0], Counter::ALL[0], 0, one(1)));
        assert_eq!((first, second), (CELL_BYTES_MAX + CHANGE_BYTES_MAX, 0), "a sum is said once");
    }
}
