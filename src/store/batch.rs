//! What a batch has met: each record's token and value, as the batch has it, one after the other in one buffer.

use std::ops::Range;

/// Bytes in front of a packed record in the changelog's value: format and slot.
pub const VALUE_HEAD_BYTES: usize = 1 + size_of::<u32>();

/// A record that a batch has met: where its key and its value, as the batch has it, lie among the batch's bytes.
#[derive(Debug)]
pub struct Met {
    pub slot: u32,
    /// Made by this batch.
    pub made: bool,
    pub changed: bool,
    /// What is newer than the value.
    pub copy: Option<u32>,
    /// The key of the changelog: the tag, then the token.
    pub key: Range<usize>,
    pub value: Range<usize>,
}

impl Met {
    /// Where the packed record begins among the bytes: behind format and slot.
    #[inline]
    pub fn body_start(&self) -> usize {
        self.value.start + VALUE_HEAD_BYTES
    }
}

/// Everything that a batch has met, packed.
#[derive(Debug, Default)]
pub struct Batch {
    pub records: Vec<Met>,
    pub bytes: Vec<u8>,
}

impl Batch {
    /// What was met of a slot, when it was the one that this number says: a number of another batch is not taken for it.
    #[inline]
    pub fn get(&self, number: u32, slot: u32) -> Option<&Met> {
        self.records.get(number as usize).filter(|met| met.slot == slot)
    }

    #[inline]
    pub fn key(&self, met: &Met) -> &[u8] {
        &self.bytes[met.key.clone()]
    }

    #[inline]
    pub fn token(&self, met: &Met) -> &[u8] {
        &self.bytes[met.key.start + 1..met.key.end]
    }

    #[inline]
    pub fn body(&self, met: &Met) -> &[u8] {
        &self.bytes[met.body_start()..met.value.end]
    }

    pub fn made(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.records.iter().filter(|met| met.made).map(|met| (self.token(met), met.slot))
    }

    pub fn clear(&mut self) {
        self.records.clear();
        self.bytes.clear();
    }
}
