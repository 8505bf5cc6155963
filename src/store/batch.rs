//! What a batch has met: each record's token and value, as the batch has it, one after the other in one buffer.

use std::ops::Range;

use rustc_hash::FxHashMap;

/// A record that a batch has met: where its token and its value, as the batch has it, lie among the batch's bytes.
#[derive(Debug)]
pub struct Met {
    pub slot: u32,
    /// Made by this batch.
    pub made: bool,
    pub changed: bool,
    /// What is newer than the value.
    pub copy: Option<u32>,
    pub token: Range<usize>,
    pub value: Range<usize>,
}

/// Everything that a batch has met, packed.
#[derive(Debug, Default)]
pub struct Batch {
    pub records: Vec<Met>,
    pub by_slot: FxHashMap<u32, u32>,
    pub bytes: Vec<u8>,
}

impl Batch {
    pub fn get(&self, slot: u32) -> Option<&Met> {
        self.records.get(*self.by_slot.get(&slot)? as usize)
    }

    pub fn token(&self, met: &Met) -> &[u8] {
        &self.bytes[met.token.clone()]
    }

    pub fn body(&self, met: &Met) -> &[u8] {
        &self.bytes[self.body_place(met)]
    }

    /// Where the packed record lies among the bytes: behind format and slot.
    pub fn body_place(&self, met: &Met) -> Range<usize> {
        let head = &self.bytes[met.value.start + 1..met.value.end];
        let slot = head.iter().take_while(|byte| **byte >= 0x80).count() + 1;
        met.value.start + 1 + slot..met.value.end
    }

    pub fn made(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.records.iter().filter(|met| met.made).map(|met| (self.token(met), met.slot))
    }

    pub fn clear(&mut self) {
        self.records.clear();
        self.by_slot.clear();
        self.bytes.clear();
    }
}
