//! Packed records by token in numbered slots: image, restore and scan agree on the order of the slots.
//!
//! A committed record lies as bytes in a [`Slab`]. A batch takes the bytes of each record that it meets; the sections that an
//! event touches are read into a *working copy*, of which there are few. When a copy makes room for another, or the batch is
//! closed, what was changed is packed beside the bytes of the sections that were not. The batch's last bytes of a record are
//! the changelog value, what the next batch finds while this one is in flight, and at the commit the committed record. Undo
//! forgets copies and bytes.
//! Records are never removed while the shard works: an erased customer leaves a tombstone of its own.

mod whole;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::domain::codec::CodecError;
use crate::store::batch::{Batch, Met, VALUE_HEAD_BYTES};
use crate::store::cell::{Head, TOKEN_BYTES_MAX, record, token};
use crate::store::packed::{self, Packed, Sections, Split};
use crate::store::slab::{Cell, Slab};

/// Most records that are gathered together, and most working copies: few copies stay near the processor.
pub const TOGETHER_MAX: usize = 32;
/// Records that are looked up together before they are written.
const COMMITTED_TOGETHER: usize = 32;
/// Most slots of a shard; a restored slot beyond it is refused.
pub const SLOTS_MAX: u32 = 1 << 26;

/// Where a working copy stands, until [`TOGETHER_MAX`] others were found or made, or others are gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At(u32);

/// A record that is wanted with these sections.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'t> {
    token: &'t str,
    sections: Sections,
    slot: Option<u32>,
    /// Its working copy, when there is such a record.
    pub at: Option<At>,
}

impl<'t> Wanted<'t> {
    pub fn new(token: &'t str, sections: Sections) -> Self {
        Self { token, sections, slot: None, at: None }
    }
}

/// A record in use.
#[derive(Debug, Default)]
struct Copy<V> {
    /// Which one of the batch's.
    of: Option<u32>,
    /// Where the sections lie in what the batch found.
    found: Split,
    /// The sections that were read into the record; the others are empty here.
    open: Sections,
    changed: Sections,
    record: V,
}

/// What is known of a slot.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// The committed record: its token and its bytes.
    cell: Option<Cell>,
    /// Which one of its batch's the record was when a batch met it last. The batch knows whether that was itself, so that
    /// nothing is cleared here.
    met: u32,
}

/// Records of type `V` by token. A new record takes the lowest free slot.
#[derive(Debug)]
pub struct Records<V: Packed> {
    slab: Slab,
    slots: Vec<Slot>,
    /// Slots by token.
    index: HashTable<u32>,
    free: BinaryHeap<Reverse<u32>>,
    /// Records were loaded since the list of free slots was made.
    loaded: bool,
    copies: Vec<Copy<V>>,
    /// The copy that makes room next.
    next: usize,
    open: Batch,
    flight: Batch,
    in_flight: bool,
    spare: V::Spare,
}

impl<V: Packed> Default for Records<V> {
    fn default() -> Self {
        Self {
            slab: Slab::default(),
            slots: Vec::new(),
            index: HashTable::new(),
            free: BinaryHeap::new(),
            loaded: false,
            copies: Vec::new(),
            next: 0,
            open: Batch::default(),
            flight: Batch::default(),
            in_flight: false,
            spare: V::Spare::default(),
        }
    }
}

impl<V: Packed> Records<V> {
    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The working copy of a record with these sections; `None` when there is no such record.
    pub fn find(&mut self, token: &str, wanted: Sections) -> Option<At> {
        let slot = self.slot_of(token)?;
        let at = self.stand(token, slot);
        self.open(at, wanted);
        Some(at)
    }

    /// Like [`Records::find`] for at most [`TOGETHER_MAX`] records, one step after the other for all of them: the code of a step
    /// stays near the processor, and they do not wait for one another's memory. The copies of those before are packed first.
    pub fn gather(&mut self, wanted: &mut [Wanted<'_>]) {
        debug_assert!(wanted.len() <= TOGETHER_MAX, "a copy for each");
        self.put_all_away();
        self.next = 0;
        for one in &mut *wanted {
            one.slot = self.probable(one.token.as_bytes());
        }
        self.touch(wanted.iter().filter_map(|one| one.slot));
        for one in &mut *wanted {
            let is_its = |slot: &u32| self.token_of(*slot) == one.token.as_bytes();
            // Where none is probable there is none.
            one.slot = one.slot.and_then(|slot| Some(slot).filter(is_its).or_else(|| self.slot_of(one.token)));
        }
        for one in &mut *wanted {
            one.at = one.slot.map(|slot| self.stand(one.token, slot));
        }
        for one in wanted {
            if let Some(at) = one.at {
                self.open(at, one.sections);
            }
        }
    }

    /// The working copy of a slot.
    fn stand(&mut self, token: &str, slot: u32) -> At {
        let known = self.slots[slot as usize].met;
        let met = if self.open.get(known, slot).is_some() { known } else { self.meet(token, slot) };
        self.copy(met)
    }

    fn put_all_away(&mut self) {
        (0..self.copies.len()).for_each(|at| self.put_away(at));
    }

    /// Reads further sections into a working copy.
    #[inline]
    pub fn open(&mut self, at: At, wanted: Sections) {
        let missing = wanted & !self.copies[at.0 as usize].open;
        if missing != 0 {
            self.read(at, missing);
        }
    }

    fn read(&mut self, at: At, missing: Sections) {
        let copy = &mut self.copies[at.0 as usize];
        if let Some(met) = copy.of {
            let bytes = self.open.body(&self.open.records[met as usize]);
            trusted(copy.found.unpack(&mut copy.record, missing, bytes, &mut self.spare));
            copy.open |= missing;
        }
    }

    /// The working copy of a record that is made now: [`Records::find`] found none.
    pub fn make(&mut self, token: &str) -> At {
        debug_assert!(self.slot_of(token).is_none(), "made once");
        let slot = self.take_slot();
        self.enter(token, slot);
        let met = self.meet(token, slot);
        self.open.records[met as usize].made = true;
        let at = self.copy(met);
        self.copies[at.0 as usize].open = V::ALL;
        at
    }

    /// A record to weigh an event against, or the one of nobody; with the buffers to weigh with.
    pub fn weigh<'s>(&'s mut self, at: Option<At>, nobody: &'s V) -> (&'s V, &'s mut V::Spare) {
        (at.map_or(nobody, |at| &self.copies[at.0 as usize].record), &mut self.spare)
    }

    pub fn get(&self, at: At) -> &V {
        &self.copies[at.0 as usize].record
    }

    /// The record to change in these sections.
    pub fn edit(&mut self, at: At, sections: Sections) -> (&mut V, &mut V::Spare) {
        self.open(at, sections);
        let copy = &mut self.copies[at.0 as usize];
        copy.changed |= sections;
        (&mut copy.record, &mut self.spare)
    }

    /// Touches a group of records, of at most [`TOGETHER_MAX`], before they are asked for one by one. Gives how many are probably known.
    pub fn bring<'t>(&self, tokens: impl Iterator<Item = &'t [u8]>) -> usize {
        let probable: SmallVec<[u32; TOGETHER_MAX]> = tokens.filter_map(|token| self.probable(token)).collect();
        self.touch(probable.iter().copied());
        probable.len()
    }

    /// The first slot that may be of this token, without a look at what is there.
    fn probable(&self, token: &[u8]) -> Option<u32> {
        self.index.find(hash(token), |_| true).copied()
    }

    /// Touches committed records: what one of them waits for does not depend on the others, so the processor waits for the memory of
    /// many at a time.
    fn touch(&self, slots: impl Iterator<Item = u32>) {
        let cells = slots.filter_map(|slot| self.slots.get(slot as usize)?.cell);
        std::hint::black_box(cells.fold(0u8, |sum, cell| sum ^ self.slab.touch(cell)));
    }

    /// Every record that the open batch changed: the changelog's key and value, absolute.
    pub fn changed(&mut self, mut each: impl FnMut(&[u8], &[u8])) {
        self.put_all_away();
        for met in self.open.records.iter().filter(|met| met.changed) {
            each(self.open.key(met), &self.open.bytes[met.value.clone()]);
        }
    }

    /// Sends the open batch into flight; further edits belong to the next one.
    pub fn hand_over(&mut self) {
        debug_assert!(!self.in_flight, "one batch in flight at most");
        self.put_all_away();
        std::mem::swap(&mut self.flight, &mut self.open);
        self.in_flight = true;
    }

    /// Accepts the batch in flight.
    pub fn commit(&mut self) {
        for group in self.flight.records.chunks(COMMITTED_TOGETHER) {
            self.touch(group.iter().filter(|met| met.changed).map(|met| met.slot));
            for met in group.iter().filter(|met| met.changed) {
                let cell = &mut self.slots[met.slot as usize].cell;
                keep(&mut self.slab, cell, self.flight.token(met), self.flight.body(met));
            }
        }
        self.flight.clear();
        self.in_flight = false;
    }

    /// Puts everything back as it was at the last commit.
    pub fn undo(&mut self) {
        for (token, slot) in self.open.made().chain(self.flight.made()) {
            if let Ok(entry) = self.index.find_entry(hash(token), |known| *known == slot) {
                entry.remove();
            }
            self.free.push(Reverse(slot));
        }
        for copy in &mut self.copies {
            (copy.of, copy.open, copy.changed) = (None, 0, 0);
            copy.record.empty(V::ALL, &mut self.spare);
        }
        self.open.clear();
        self.flight.clear();
        self.in_flight = false;
    }

    fn unindex(&mut self, hash: u64, slot: u32) {
        if let Ok(entry) = self.index.find_entry(hash, |known| *known == slot) {
            entry.remove();
        }
    }

    fn slot_of(&self, token: &str) -> Option<u32> {
        self.index.find(hash(token.as_bytes()), |slot| self.token_of(*slot) == token.as_bytes()).copied()
    }

    fn token_of(&self, slot: u32) -> &[u8] {
        let Slot { cell, met: number } = self.slots[slot as usize];
        if let Some(cell) = cell {
            return token(self.slab.get(cell));
        }
        let met = self.flight.get(number, slot).map(|met| self.flight.token(met));
        met.or_else(|| self.open.get(number, slot).map(|met| self.open.token(met))).unwrap_or_default()
    }

    /// Notes a record that the batch has not met before, with the bytes that it finds.
    fn meet(&mut self, token: &str, slot: u32) -> u32 {
        let (start, open) = (self.open.bytes.len(), &mut self.open);
        let known = &mut self.slots[slot as usize];
        open.bytes.push(V::TAG);
        open.bytes.extend_from_slice(token.as_bytes());
        let end = open.bytes.len();
        begin_value::<V>(slot, &mut open.bytes);
        match (self.flight.get(known.met, slot), known.cell) {
            (Some(flown), _) => open.bytes.extend_from_slice(self.flight.body(flown)),
            (None, Some(cell)) => open.bytes.extend_from_slice(record(self.slab.get(cell))),
            (None, None) => {}
        }
        let (met, value) = (open.records.len() as u32, end..open.bytes.len());
        open.records.push(Met { slot, made: false, changed: false, copy: None, key: start..end, value });
        known.met = met;
        met
    }

    /// The working copy of a record that was met, nothing of it open yet when it has none.
    fn copy(&mut self, met: u32) -> At {
        if let Some(at) = self.open.records[met as usize].copy {
            return At(at);
        }
        let at = self.next;
        self.next = (at + 1) % TOGETHER_MAX;
        match self.copies.len() {
            known if at == known => self.copies.push(Copy::default()),
            _ => self.put_away(at),
        }
        let copy = &mut self.copies[at];
        copy.of = Some(met);
        let body = self.open.body(&self.open.records[met as usize]);
        match body.is_empty() {
            // Nothing was found of a record that is made now.
            true => copy.found.clear(),
            false => trusted(copy.found.set(body)),
        }
        self.open.records[met as usize].copy = Some(at as u32);
        At(at as u32)
    }

    /// Ends the use of a working copy; what was changed in it is packed.
    fn put_away(&mut self, at: usize) {
        let copy = &mut self.copies[at];
        let Some(met) = copy.of.take() else { return };
        let (met, bytes) = (&mut self.open.records[met as usize], &mut self.open.bytes);
        met.copy = None;
        // A record that was made is there, whatever was written into it.
        if copy.changed != 0 || met.made && !met.changed {
            let (before, start) = (met.body_start(), bytes.len());
            begin_value::<V>(met.slot, bytes);
            packed::pack(&copy.record, copy.changed, (before, &copy.found), bytes);
            (met.changed, met.value) = (true, start..bytes.len());
        }
        copy.record.empty(copy.open, &mut self.spare);
        (copy.open, copy.changed) = (0, 0);
    }

    fn take_slot(&mut self) -> u32 {
        if std::mem::take(&mut self.loaded) {
            let slots = self.slots.iter().enumerate().filter(|(_, slot)| slot.cell.is_none());
            self.free = slots.map(|(slot, _)| Reverse(slot as u32)).collect();
        }
        self.free.pop().map_or_else(
            || {
                self.slots.push(Slot::default());
                (self.slots.len() - 1) as u32
            },
            |Reverse(slot)| slot,
        )
    }

    /// Enters a new token in the index.
    fn enter(&mut self, token: &str, slot: u32) {
        if self.index.len() == self.index.capacity() {
            self.grow_index();
        }
        // There is room, so nothing is hashed again here.
        self.index.insert_unique(hash(token.as_bytes()), slot, |_| 0);
    }

    /// Doubles the index. Going by slot reads the tokens in the order in which they lie in memory.
    fn grow_index(&mut self) {
        let mut index = HashTable::with_capacity(self.index.capacity().max(8) * 2);
        let mut known = vec![false; self.slots.len()];
        self.index.iter().for_each(|slot| known[*slot as usize] = true);
        for slot in (0..self.slots.len() as u32).filter(|slot| known[*slot as usize]) {
            index.insert_unique(hash(self.token_of(slot)), slot, |_| 0);
        }
        self.index = index;
    }
}

#[inline]
fn hash(token: &[u8]) -> u64 {
    FxBuildHasher.hash_one(token)
}

/// Bytes that this process packed or read in whole before are read again without a doubt.
#[expect(
    clippy::panic,
    reason = "memory is not what was written there; what comes from outside is read before it is kept"
)]
fn trusted<T>(read: Result<T, CodecError>) -> T {
    read.unwrap_or_else(|error| panic!("a packed record cannot be read back: {error}"))
}

/// Puts a record where it is kept.
fn keep(slab: &mut Slab, cell: &mut Option<Cell>, token: &[u8], body: &[u8]) {
    let (head, token) = (Head::of(token), &token[..token.len().min(TOKEN_BYTES_MAX)]);
    let parts = [head.bytes(), token, body];
    *cell = Some(match *cell {
        Some(known) => slab.replace(known, &parts),
        None => slab.put(&parts),
    });
}

/// The format and the slot in front of a packed record.
fn begin_value<V: Packed>(slot: u32, out: &mut Vec<u8>) {
    let mut head = [V::FORMAT; VALUE_HEAD_BYTES];
    head[1..].copy_from_slice(&slot.to_le_bytes());
    out.extend_from_slice(&head);
}

#[cfg(test)]
mod tests;
