//! All records, not only those of a batch: seen one after the other, and restored.

use hashbrown::HashTable;

use super::{Copy, Records, SLOTS_MAX, Slot, begin_value, hash, keep, trusted};
use crate::domain::Text;
use crate::domain::codec::{CodecError, Reader};
use crate::planted::{self, Bug};
use crate::store::Cursor;
use crate::store::batch::VALUE_HEAD_BYTES;
use crate::store::cell::{TOKEN_BYTES_MAX, record, split, token};
use crate::store::packed::{self, Packed};

impl<V: Packed> Records<V> {
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
}
