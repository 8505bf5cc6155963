//! What a batch has met: each record's token and value, as the batch has it, one after the other in one buffer.

use std::ops::Range;

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
        self.value.start + head_bytes(self.slot)
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

/// How many bytes of format and slot stand in front of a packed record: the slot is a number with a sign, seven bits a byte.
#[inline]
fn head_bytes(slot: u32) -> usize {
    let bits = u64::BITS - (u64::from(slot) << 1).leading_zeros();
    1 + bits.max(1).div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::codec::put_long;

    #[test]
    fn the_head_is_as_long_as_it_is_written() {
        for slot in [0, 1, 63, 64, 8_191, 8_192, 1 << 20, (1 << 26) - 1, u32::MAX] {
            let mut head = vec![0];
            put_long(i64::from(slot), &mut head);
            assert_eq!(head_bytes(slot), head.len(), "{slot}");
        }
    }
}
