//! What a bundle says of counters: partner by partner, cell by cell.
//!
//! There are hundreds of changes in a bundle, and many are of one cell: so partner and time are said once for all of them.
//! They lie in three rows instead of lists of lists, so that a bundle is written and read over another one without an
//! allocation.

use serde::{Deserialize, Serialize};

use super::codec::{Avro, CodecError, Reader, each_block, put_long};
use super::counter::Tally;
use super::{Counter, List, Text};
use crate::record;

/// A change of one counter in one cell: contribution after minus contribution before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    pub partner: Text,
    pub counter: Counter,
    /// Start of the cell in UTC milliseconds: a minute or, for families by day, a midnight ([`super::Family::by_day`]).
    pub at: i64,
    pub change: Tally,
}

/// The same inside of its cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterDelta {
    pub counter: Counter,
    pub change: Tally,
}
record!(CounterDelta { counter, change });

/// Changes of counters, by partner and cell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<PartnerDeltas>", into = "Vec<PartnerDeltas>")]
pub struct Deltas {
    partners: List<Partner>,
    cells: Vec<CellStart>,
    changes: Vec<CounterDelta>,
}

/// A partner, whose cells end where those of the next one begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Partner {
    name: Text,
    first_cell: usize,
}

/// A cell, whose changes end where those of the next one begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CellStart {
    at: i64,
    first_change: usize,
}

/// The changes of one cell.
#[derive(Clone, Copy, Debug)]
pub struct CellChanges<'d> {
    pub at: i64,
    pub changes: &'d [CounterDelta],
}

impl Deltas {
    pub fn clear(&mut self) {
        self.partners.clear();
        self.cells.clear();
        self.changes.clear();
    }

    /// What follows is of this partner.
    pub fn begin_partner(&mut self, name: &str) {
        let first_cell = self.cells.len();
        let partner = self.partners.another();
        super::set_text(&mut partner.name, name);
        partner.first_cell = first_cell;
    }

    /// What follows is of the cell that begins then.
    pub fn begin_cell(&mut self, at: i64) {
        self.cells.push(CellStart { at, first_change: self.changes.len() });
    }

    pub fn push(&mut self, counter: Counter, change: Tally) {
        self.changes.push(CounterDelta { counter, change });
    }

    /// How many changes of counters there are.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Every partner with its cells.
    pub fn by_partner(&self) -> impl Iterator<Item = (&Text, impl Iterator<Item = CellChanges<'_>>)> {
        let ends = self.partners.iter().skip(1).map(|next| next.first_cell).chain([self.cells.len()]);
        self.partners.iter().zip(ends).map(|(partner, end)| (&partner.name, self.cells_in(partner.first_cell, end)))
    }

    fn cells_in(&self, first: usize, end: usize) -> impl Iterator<Item = CellChanges<'_>> {
        let cells = self.cells.get(first..end).unwrap_or_default();
        let next = self.cells.get(end).map_or(self.changes.len(), |cell| cell.first_change);
        let ends = cells.iter().skip(1).map(|next| next.first_change).chain([next]);
        cells.iter().zip(ends).map(|(cell, end)| CellChanges {
            at: cell.at,
            changes: self.changes.get(cell.first_change..end).unwrap_or_default(),
        })
    }

    /// Every change, one by one.
    pub fn iter(&self) -> impl Iterator<Item = Delta> {
        self.by_partner().flat_map(|(partner, cells)| {
            cells.flat_map(move |CellChanges { at, changes }| {
                let delta = move |one: &CounterDelta| Delta {
                    partner: partner.clone(),
                    counter: one.counter,
                    at,
                    change: one.change,
                };
                changes.iter().map(delta)
            })
        })
    }
}

/// Neighbours of one partner and cell are said together.
impl FromIterator<Delta> for Deltas {
    fn from_iter<I: IntoIterator<Item = Delta>>(items: I) -> Self {
        let (mut deltas, mut last) = (Self::default(), None::<(Text, i64)>);
        for Delta { partner, counter, at, change } in items {
            let same = last.as_ref().is_some_and(|(last, _)| *last == partner);
            if !same {
                deltas.begin_partner(&partner);
            }
            if !same || last.is_none_or(|(_, last)| last != at) {
                deltas.begin_cell(at);
            }
            deltas.push(counter, change);
            last = Some((partner, at));
        }
        deltas
    }
}

impl From<Vec<Delta>> for Deltas {
    fn from(deltas: Vec<Delta>) -> Self {
        deltas.into_iter().collect()
    }
}

/// An array of [`PartnerDeltas`].
impl<'a> Avro<'a> for Deltas {
    fn put(&self, out: &mut Vec<u8>) {
        if !self.partners.is_empty() {
            put_long(self.partners.len() as i64, out);
        }
        let ends = self.partners.iter().skip(1).map(|next| next.first_cell).chain([self.cells.len()]);
        for (partner, end) in self.partners.iter().zip(ends) {
            partner.name.put(out);
            if end > partner.first_cell {
                put_long((end - partner.first_cell) as i64, out);
            }
            for cell in self.cells_in(partner.first_cell, end) {
                cell.at.put(out);
                super::codec::put_array(cell.changes, out);
            }
            out.push(0);
        }
        out.push(0);
    }

    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        let mut deltas = Self::default();
        deltas.read(reader)?;
        Ok(deltas)
    }

    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), CodecError> {
        self.clear();
        each_block(reader, |partners, reader| (0..partners).try_for_each(|_| self.read_partner(reader)))
    }
}

impl Deltas {
    fn read_partner(&mut self, reader: &mut Reader<'_>) -> Result<(), CodecError> {
        self.begin_partner(<&str>::get(reader)?);
        each_block(reader, |cells, reader| (0..cells).try_for_each(|_| self.read_cell(reader)))
    }

    fn read_cell(&mut self, reader: &mut Reader<'_>) -> Result<(), CodecError> {
        self.begin_cell(reader.long()?);
        each_block(reader, |changes, reader| {
            for _ in 0..changes {
                self.changes.push(CounterDelta::get(reader)?);
            }
            Ok(())
        })
    }
}

/// How the schema says it.
#[derive(Serialize, Deserialize)]
struct PartnerDeltas {
    partner: Text,
    cells: Vec<CellDeltas>,
}

#[derive(Serialize, Deserialize)]
struct CellDeltas {
    at: i64,
    changes: Vec<CounterDelta>,
}

impl From<Vec<PartnerDeltas>> for Deltas {
    fn from(partners: Vec<PartnerDeltas>) -> Self {
        let mut deltas = Self::default();
        for PartnerDeltas { partner, cells } in partners {
            deltas.begin_partner(&partner);
            for CellDeltas { at, changes } in cells {
                deltas.begin_cell(at);
                deltas.changes.extend(changes);
            }
        }
        deltas
    }
}

impl From<Deltas> for Vec<PartnerDeltas> {
    fn from(deltas: Deltas) -> Self {
        let told = |cell: CellChanges<'_>| CellDeltas { at: cell.at, changes: cell.changes.to_vec() };
        let partners = deltas.by_partner();
        partners
            .map(|(partner, cells)| PartnerDeltas { partner: partner.clone(), cells: cells.map(told).collect() })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::codec;

    fn delta(partner: &str, counter: Counter, at: i64, count: i64) -> Delta {
        Delta { partner: Text::from(partner), counter, at, change: Tally { count, amount_minor: -count } }
    }

    #[test]
    fn what_is_said_of_one_cell_is_said_together_and_read_back_over_anything() {
        let said = vec![
            delta("p", Counter::Approved, 60_000, 1),
            delta("p", Counter::Declined, 60_000, 2),
            delta("p", Counter::Approved, 120_000, 3),
            delta("q", Counter::Approved, 120_000, 4),
        ];
        let deltas = Deltas::from(said.clone());
        assert_eq!((deltas.len(), deltas.by_partner().count()), (4, 2));
        assert_eq!(deltas.by_partner().map(|(_, cells)| cells.count()).collect::<Vec<_>>(), [2, 1]);
        let mut bytes = Vec::new();
        codec::encode(&deltas, &mut bytes);
        let mut over = Deltas::from(vec![delta("another", Counter::StockLoans, 7, 7)]);
        codec::decode_over(&mut over, &bytes).unwrap();
        assert_eq!(over.iter().collect::<Vec<_>>(), said);
        assert_eq!(over, deltas);
    }
}
