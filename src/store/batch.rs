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
    #[inline]
    pub fn get(&self, slot: u32) -> Option<&Met> {
        self.records.get(*self.by_slot.get(&slot)? as usize)
    }

    #[inline]
    pub fn token(&self, met: &Met) -> &[u8] {
        &self.bytes[met.token.clone()]
    }

    #[inline]
    pub fn body(&self, met: &Met) -> &[u8] {
        &self.bytes[self.body_place(met)]
    }

    /// Where the packed record lies among the bytes: behind format and slot.
    #[inline]
    pub fn body_place(&self, met: &Met) -> Range<usize> {
        met.value.start + head_bytes(met.slot)..met.value.end
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
