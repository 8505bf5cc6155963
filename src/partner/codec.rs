//! Changelog entries: a key is one tag byte and the key's Avro form, a value one format version byte and the record.

use smallvec::SmallVec;

use crate::domain::Counter;
use crate::domain::codec::{Avro, CodecError, Reader, put_long};
use crate::domain::counter::{Family, Tally};
use crate::store::{Cursor, Sorted};

/// The format in which values are written; another one is refused at restore.
pub const FORMAT: u8 = 5;

/// Takes one changelog entry: key and value (`None`: gone).
pub type Entry<'a> = dyn FnMut(&[u8], Option<&[u8]>) + 'a;

/// One tag byte per table.
pub mod tag {
    pub const ANSWER: u8 = b'a';
    pub const CELL: u8 = b'c';
    pub const SNAPSHOT: u8 = b'd';
    pub const STAGE: u8 = b'm';
    pub const PARTNER: u8 = b'n';
    pub const QUOTA: u8 = b'q';
    pub const RESERVATION: u8 = b'r';
    pub const SHARD_CLOCK: u8 = b's';
    pub const SCORES: u8 = b't';
}

/// The tallies of one pane, by the slot of their counter.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cell(SmallVec<[Tally; 7]>);

impl Clone for Cell {
    fn clone(&self) -> Self {
        Self(SmallVec::from_slice(&self.0))
    }

    /// Uses the room that is there.
    fn clone_from(&mut self, other: &Self) {
        self.0.clear();
        self.0.extend_from_slice(&other.0);
    }
}

impl Cell {
    pub fn of(family: Family) -> Self {
        Self(SmallVec::from_elem(Tally::default(), family.width()))
    }

    /// True when it holds more tallies than lie in itself.
    pub fn is_wide(&self) -> bool {
        self.0.spilled()
    }

    /// Adds to one counter and gives its tally.
    pub fn add(&mut self, counter: Counter, change: Tally) -> Tally {
        self.add_at(counter.slot(), change)
    }

    fn add_at(&mut self, slot: usize, change: Tally) -> Tally {
        if self.0.len() <= slot {
            self.0.resize(slot + 1, Tally::default());
        }
        match self.0.get_mut(slot) {
            Some(tally) => {
                tally.add(change);
                *tally
            }
            None => change,
        }
    }

    pub fn merge(&mut self, other: &Cell) {
        other.0.iter().enumerate().filter(|(_, tally)| !tally.is_zero()).for_each(|(slot, tally)| {
            self.add_at(slot, *tally);
        });
    }

    pub fn get(&self, counter: Counter) -> Tally {
        self.0.get(counter.slot()).copied().unwrap_or_default()
    }

    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|tally| tally.is_zero())
    }

    /// Adds every tally to the sum of its counter.
    pub fn add_to(&self, family: Family, sums: &mut [Tally]) {
        let slots = sums.iter_mut().skip(family.first()).zip(&self.0);
        slots.filter(|(_, tally)| !tally.is_zero()).for_each(|(sum, tally)| sum.add(*tally));
    }

    /// The counters that are not zero.
    pub fn tallies(&self, family: Family) -> impl Iterator<Item = (Counter, Tally)> {
        let counted = self.0.iter().enumerate().filter(|(_, tally)| !tally.is_zero());
        counted.filter_map(move |(slot, tally)| family.counter(slot).map(|counter| (counter, *tally)))
    }
}

/// A number with a bit for each slot whose tally is not zero, and these tallies: most counters of a pane are zero. What a
/// later build appends to a family is read as zero here.
impl<'a> Avro<'a> for Cell {
    fn put(&self, out: &mut Vec<u8>) {
        let counted = self.0.iter().map(|tally| u64::from(!tally.is_zero()));
        let slots = counted.enumerate().fold(0, |slots, (slot, counted)| slots | counted << slot);
        put_long(slots as i64, out);
        self.0.iter().filter(|tally| !tally.is_zero()).for_each(|tally| tally.put(out));
    }

    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        let slots = reader.long()? as u64;
        let mut cell = Self(SmallVec::from_elem(Tally::default(), (u64::BITS - slots.leading_zeros()) as usize));
        for (_, tally) in cell.0.iter_mut().enumerate().filter(|(slot, _)| slots & 1 << slot != 0) {
            *tally = Tally::get(reader)?;
        }
        Ok(cell)
    }
}

/// Room to write entries in.
#[derive(Default)]
pub struct Teller {
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Teller {
    /// Tells one entry, whose key `put_key` writes (`None`: gone).
    pub fn tell<V: for<'a> Avro<'a>>(
        &mut self,
        tag: u8,
        put_key: impl FnOnce(&mut Vec<u8>),
        value: Option<&V>,
        entry: &mut Entry<'_>,
    ) {
        self.key.clear();
        self.key.push(tag);
        put_key(&mut self.key);
        self.value.clear();
        self.value.push(FORMAT);
        if let Some(value) = value {
            value.put(&mut self.value);
        }
        entry(&self.key, value.map(|_| self.value.as_slice()));
    }
}

/// Tells up to `most` committed entries of a table from the cursor on; returns how many it looked at.
pub fn walk<K, V>(
    tag: u8,
    table: &Sorted<K, V>,
    cursor: &mut Cursor,
    most: usize,
    entry: &mut Entry<'_>,
) -> Result<usize, CodecError>
where
    K: Ord + Clone + for<'a> Avro<'a>,
    V: Clone + for<'a> Avro<'a>,
{
    let mut teller = Teller::default();
    table.walk(cursor, most, |key, value| teller.tell(tag, |out| key.put(out), Some(value), entry))
}

/// Tells every entry of a table that the batch changed.
pub fn changes<K, V>(tag: u8, table: &mut Sorted<K, V>, teller: &mut Teller, entry: &mut Entry<'_>)
where
    K: Ord + Clone + for<'a> Avro<'a>,
    V: Clone + for<'a> Avro<'a>,
{
    table.changed().for_each(|(key, value)| teller.tell(tag, |out| key.put(out), value, entry));
}

/// Reads a whole value behind its format byte.
pub fn value<T: for<'a> Avro<'a>>(bytes: Option<&[u8]>) -> Result<Option<T>, CodecError> {
    let Some(bytes) = bytes else { return Ok(None) };
    match bytes.split_first() {
        None => Err(CodecError::Truncated { at: 0, wanted: 1, left: 0 }),
        Some((&FORMAT, record)) => crate::domain::codec::decode(record).map(Some),
        Some((other, _)) => Err(CodecError::Ordinal { at: 0, ordinal: i64::from(*other) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_format_is_refused() {
        assert_eq!(value::<i64>(None), Ok(None));
        assert_eq!(value::<i64>(Some(&[FORMAT, 4])), Ok(Some(2)));
        assert_eq!(value::<i64>(Some(&[9, 4])), Err(CodecError::Ordinal { at: 0, ordinal: 9 }));
        assert!(value::<i64>(Some(&[])).is_err());
    }
}
