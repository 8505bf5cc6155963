//! Packed records by token in numbered slots: image, restore and scan agree on the order of the slots.
//!
//! A committed record lies as bytes in a [`Slab`]. A batch takes the bytes of each record that it meets; the sections that an
//! event touches are read into a *working copy*, of which there are few. When a copy makes room for another, or the batch is
//! closed, what was changed is packed beside the bytes of the sections that were not. The batch's last bytes of a record are
//! the changelog value, what the next batch finds while this one is in flight, and at the commit the committed record. Undo
//! forgets copies and bytes.
//! Records are never removed while the shard works: an erased customer leaves a tombstone of its own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use super::Cursor;
use super::batch::{Batch, Met, VALUE_HEAD_BYTES};
use super::cell::{Head, TOKEN_BYTES_MAX, record, split, token};
use super::packed::{self, Packed, Sections, Split};
use super::slab::{Cell, Slab};
use crate::domain::Text;
use crate::domain::codec::{CodecError, Reader};
use crate::planted::{self, Bug};

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
            one.slot = self.slot_of(one.token);
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

    /// Looks a group of records up before they are asked for: the look-ups do not depend on one another, so the processor
    /// waits for the memory of many at a time. Gives how many are known.
    pub fn bring<'t>(&self, tokens: impl Iterator<Item = &'t [u8]>) -> usize {
        let probable: smallvec::SmallVec<[u32; 256]> =
            tokens.filter_map(|token| self.index.find(hash(token), |_| true).copied()).collect();
        let cells = probable.iter().filter_map(|slot| self.slots.get(*slot as usize)?.cell);
        let touched = cells.fold(0u8, |sum, cell| sum ^ self.slab.touch(cell));
        std::hint::black_box(touched);
        probable.len()
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
            // They lie anywhere in memory: the processor waits for many of them at a time.
            let cells = group.iter().filter(|met| met.changed).filter_map(|met| self.slots[met.slot as usize].cell);
            std::hint::black_box(cells.fold(0u8, |sum, cell| sum ^ self.slab.touch(cell)));
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

    /// Every record as the open batch sees it, in slot order.
    pub fn all(&self) -> impl Iterator<Item = (u32, Text, V)> {
        (0..self.slots.len() as u32).filter_map(|slot| {
            let (token, bytes) = self.current(slot)?;
            let mut record = V::default();
            trusted(packed::unpack(&mut record, &bytes, &mut V::Spare::default()));
            Some((slot, token, record))
        })
    }

    /// The record of a token as the open batch sees it.
    pub fn look(&self, token: &str) -> Option<V> {
        let (_, bytes) = self.current(self.slot_of(token)?)?;
        let mut record = V::default();
        trusted(packed::unpack(&mut record, &bytes, &mut V::Spare::default()));
        Some(record)
    }

    /// Token and bytes of a record as the open batch sees them.
    fn current(&self, slot: u32) -> Option<(Text, Vec<u8>)> {
        let text = |token: &[u8]| Text::from(String::from_utf8_lossy(token));
        let Slot { cell, met: number } = self.slots[slot as usize];
        if let Some(met) = self.open.get(number, slot) {
            let mut bytes = self.open.body(met).to_vec();
            if let Some(copy) = met.copy.map(|at| &self.copies[at as usize]) {
                let before = bytes.len();
                packed::pack(&copy.record, copy.changed, (0, &copy.found), &mut bytes);
                bytes.drain(..before);
            }
            return Some((text(self.open.token(met)), bytes));
        }
        if let Some(met) = self.flight.get(number, slot) {
            return Some((text(self.flight.token(met)), self.flight.body(met).to_vec()));
        }
        let cell = self.slab.get(cell?);
        Some((text(token(cell)), record(cell).to_vec()))
    }

    /// Shows up to `most` committed records as token and value, from the cursor's slot on, and moves the cursor behind them; to
    /// the next table when there are no more. What is not committed is not seen. Returns how many slots it looked at.
    pub fn walk(&self, cursor: &mut Cursor, most: usize, mut show: impl FnMut(&[u8], &[u8])) -> usize {
        let (start, mut value) = ((cursor.slot as usize).min(self.slots.len()), Vec::new());
        let end = start.saturating_add(most).min(self.slots.len());
        for slot in start as u32..end as u32 {
            let planted = planted::is(Bug::ImageWithUncommittedSlots).then(|| self.current(slot)).flatten();
            let committed = self.slots[slot as usize].cell.map(|cell| split(self.slab.get(cell)));
            let shown = planted.as_ref().map(|(token, bytes)| (token.as_bytes(), bytes.as_slice())).or(committed);
            let Some((token, record)) = shown else { continue };
            value.clear();
            begin_value::<V>(slot, &mut value);
            value.extend_from_slice(record);
            show(token, &value);
        }
        cursor.slot = end as u32;
        if end == self.slots.len() {
            cursor.next_table();
        }
        end - start
    }

    /// Makes room for that many records, of an image that is about to be loaded.
    pub fn expect(&mut self, records: usize) {
        let records = records.min(SLOTS_MAX as usize);
        self.slots.reserve(records);
        if self.index.is_empty() {
            self.index = HashTable::with_capacity(records);
        }
    }

    /// Places a restored value, after reading all of it once; nothing may be open or in flight.
    pub fn load(&mut self, token: &str, value: &[u8]) -> Result<(), CodecError> {
        let mut reader = Reader::new(value);
        let format = reader.byte()?;
        if format != V::FORMAT {
            return Err(CodecError::Format { found: format, read: V::FORMAT });
        }
        let at = reader.position();
        let slot = reader.take(VALUE_HEAD_BYTES - at)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        let slot = slot.filter(|slot| *slot < SLOTS_MAX).ok_or(CodecError::Number { at })?;
        let body = &value[reader.position()..];
        if token.len() > TOKEN_BYTES_MAX {
            return Err(CodecError::Length { at: 0, length: token.len() as i64 });
        }
        if self.copies.is_empty() {
            self.copies.push(Copy::default());
        }
        let scratch = &mut self.copies[0].record;
        let read = packed::unpack(scratch, body, &mut self.spare);
        scratch.empty(V::ALL, &mut self.spare);
        read?;
        self.place(token, slot, body);
        Ok(())
    }

    fn place(&mut self, token_of: &str, slot: u32, body: &[u8]) {
        debug_assert!(self.open.records.is_empty() && !self.in_flight, "nothing is open while records are restored");
        if self.slot_of(token_of) != Some(slot) {
            self.unload(token_of);
            self.loaded = true;
            if self.slots.len() <= slot as usize {
                self.slots.resize(slot as usize + 1, Slot::default());
            }
            if let Some(cell) = self.slots[slot as usize].cell.take() {
                self.unindex(hash(token(self.slab.get(cell))), slot);
                self.slab.free(cell);
            }
            self.enter(token_of, slot);
        }
        keep(&mut self.slab, &mut self.slots[slot as usize].cell, token_of.as_bytes(), body);
    }

    /// Drops a record during restore.
    pub fn unload(&mut self, token: &str) {
        let Some(slot) = self.slot_of(token) else { return };
        self.unindex(hash(token.as_bytes()), slot);
        if let Some(cell) = self.slots[slot as usize].cell.take() {
            self.slab.free(cell);
        }
        self.loaded = true;
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
mod tests {
    use super::*;
    use crate::domain::codec::put_long;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// A number in each of two sections.
    #[derive(Debug, Default, PartialEq)]
    struct Number([i64; 2]);

    impl Number {
        fn sum(&self) -> i64 {
            self.0.iter().sum()
        }
    }

    impl Packed for Number {
        const TAG: u8 = b'n';
        const FORMAT: u8 = 7;
        const ALL: Sections = 3;
        type Spare = ();
        fn pack(&self, section: Sections, out: &mut Vec<u8>) {
            let number = self.0[section as usize - 1];
            if number != 0 {
                put_long(number, out);
                out.extend(std::iter::repeat_n(1, number as usize % 200));
            }
        }
        fn unpack(&mut self, section: Sections, bytes: &[u8], (): &mut ()) -> Result<(), CodecError> {
            let number = &mut self.0[section as usize - 1];
            assert_eq!(*number, 0, "filled when empty only");
            let mut reader = Reader::new(bytes);
            *number = reader.long()?;
            for _ in 0..*number as usize % 200 {
                reader.byte()?;
            }
            reader.end()
        }
        fn empty(&mut self, sections: Sections, (): &mut ()) {
            for at in (0..2).filter(|at| sections >> at & 1 == 1) {
                self.0[at] = 0;
            }
        }
    }

    type Contents = Vec<(u32, String, i64)>;

    fn contents(records: &Records<Number>) -> Contents {
        records.all().map(|(slot, token, value)| (slot, token.to_string(), value.sum())).collect()
    }

    fn committed(records: &Records<Number>) -> Contents {
        let (mut copy, mut cursor) = (Records::<Number>::default(), Cursor::default());
        while cursor.table == 0 {
            records.walk(&mut cursor, 3, |token, value| {
                copy.load(std::str::from_utf8(token).unwrap(), value).unwrap();
            });
        }
        contents(&copy)
    }

    #[derive(Clone, Copy, Debug)]
    enum Act {
        /// In one of the sections.
        Edit(u8, i64, bool),
        Look(u8),
        HandOver,
        Commit,
        Undo,
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            6 => (0u8..40, 1i64..300, any::<bool>()).prop_map(|(key, by, second)| Act::Edit(key, by, second)),
            3 => (0u8..40).prop_map(Act::Look),
            2 => Just(Act::HandOver),
            2 => Just(Act::Commit),
            1 => Just(Act::Undo),
        ];
        prop::collection::vec(act, 1..200)
    }

    proptest! {
        /// In any legal order: undo gives back the contents and slots of the last commit, whatever was handed over; the changes
        /// of each batch bring a copy to the same contents; and only what is committed is seen as committed.
        #[test]
        fn batches_agree_with_a_model(acts in acts()) {
            let (mut records, mut copy) = (Records::<Number>::default(), Records::<Number>::default());
            let mut model = BTreeMap::<String, i64>::new();
            // Contents and model at the last commit, and those handed over since with their changes.
            let (mut kept, mut kept_model) = (Contents::new(), model.clone());
            let mut flight: Option<(Contents, BTreeMap<String, i64>, Vec<(Text, Vec<u8>)>)> = None;
            for act in acts {
                match act {
                    Act::Edit(key, by, second) => {
                        let (token, section) = (format!("c{key}"), 1 << u8::from(second));
                        let at = records.find(&token, section).unwrap_or_else(|| records.make(&token));
                        records.edit(at, section).0.0[usize::from(second)] += by;
                        *model.entry(token).or_default() += by;
                    }
                    Act::Look(key) => {
                        let token = format!("c{key}");
                        let found = records.find(&token, Number::ALL).map(|at| records.get(at).sum());
                        prop_assert_eq!(found, model.get(&token).copied());
                    }
                    Act::HandOver if flight.is_none() => {
                        let mut changed = Vec::new();
                        records.changed(|key, value| changed.push((Text::from_utf8(&key[1..]).unwrap(), value.to_vec())));
                        records.hand_over();
                        records.changed(|_, _| panic!("the next batch changed nothing yet"));
                        flight = Some((contents(&records), model.clone(), changed));
                    }
                    Act::Commit if flight.is_some() => {
                        let (then, then_model, changed) = flight.take().unwrap_or_default();
                        changed.iter().for_each(|(token, value)| copy.load(token, value).unwrap());
                        records.commit();
                        prop_assert_eq!(&then, &contents(&copy));
                        (kept, kept_model) = (then, then_model);
                    }
                    Act::HandOver | Act::Commit => {}
                    Act::Undo => {
                        records.undo();
                        (model, flight) = (kept_model.clone(), None);
                        prop_assert_eq!(&contents(&records), &kept);
                    }
                }
                prop_assert_eq!(&committed(&records), &kept);
                let mut all = contents(&records).into_iter().map(|(_, token, value)| (token, value)).collect::<Vec<_>>();
                all.sort();
                prop_assert_eq!(all, model.clone().into_iter().collect::<Vec<_>>());
                prop_assert_eq!(records.len(), model.len());
            }
        }
    }

    #[test]
    fn the_lowest_free_slot_is_taken_first_after_a_restore_too() {
        let mut records = Records::<Number>::default();
        for (token, slot) in [("a", 4), ("b", 1), ("a", 3)] {
            let mut value = Vec::new();
            begin_value::<Number>(slot, &mut value);
            packed::pack(&Number([5, 0]), 3, (0, &Split::default()), &mut value);
            records.load(token, &value).unwrap();
        }
        for token in ["c", "d", "e", "f"] {
            records.make(token);
        }
        let slots: Vec<_> = contents(&records).into_iter().map(|(slot, token, _)| format!("{slot}{token}")).collect();
        assert_eq!(slots, ["0c", "1b", "2d", "3a", "4e", "5f"]);
        let unknown = [b"a".as_slice(), b"zz", b"b"];
        assert!((2..=3).contains(&records.bring(unknown.into_iter())));
    }

    #[test]
    fn hostile_values_are_refused() {
        let mut records = Records::<Number>::default();
        assert_eq!(records.load("a", &[]), Err(CodecError::Truncated { at: 0, wanted: 1, left: 0 }));
        assert_eq!(records.load("a", &[1, 0, 2]), Err(CodecError::Format { found: 1, read: 7 }));
        assert_eq!(records.load("a", &[7, 0, 0, 0]), Err(CodecError::Truncated { at: 1, wanted: 4, left: 3 }));
        assert!(matches!(records.load("a", &[7, 0, 0, 0, 4, 0]), Err(CodecError::Number { at: 1 })), "slot 1 << 26");
        let mut load = |body: &[u8]| records.load("a", &[&[7, 0, 0, 0, 0], body].concat());
        // Which sections there are, the length of the first, sections.
        for early in [&[][..], &[1], &[1, 2], &[3, 2, 0], &[3, 2, 0, 0, 0, 2, 1], &[3, 4, 0, 0, 0, 2]] {
            assert!(matches!(load(early), Err(CodecError::Truncated { .. })), "{early:?}");
        }
        for late in [&[0, 1][..], &[1, 2, 1, 1], &[3, 3, 0, 0, 0, 2, 1, 1, 2, 1]] {
            assert!(matches!(load(late), Err(CodecError::Trailing { .. })), "{late:?}");
        }
        assert!(matches!(load(&[4, 1]), Err(CodecError::Ordinal { .. })), "no such section");
        assert!(records.is_empty());
        let sound = [7, 0, 0, 0, 0, 3, 2, 0, 0, 0, 2, 1, 2, 1];
        assert_eq!(records.load("a", &sound), Ok(()));
    }
}
