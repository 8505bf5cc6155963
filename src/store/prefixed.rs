//! Numbers whose first byte tells how many bytes they have: written and read in one piece, where a byte that says of itself
//! whether another one follows is looked at after the other. They take as many bytes as those do.
//!
//! The zeros under the lowest bit of the first byte that is set are the bytes that follow; above it stands the number, its
//! lowest bits first. Seven bits a byte; a number of more than 56 bits stands behind a byte of zero.

use crate::domain::codec::zigzag;

/// Most bytes of a number that stands in one word with its prefix.
const WORD_BYTES: u32 = u64::BITS / 8;

/// Appends a number without a sign.
#[inline]
pub fn put(value: u64, out: &mut Vec<u8>) {
    match value {
        0..0x80 => out.push((value as u8) << 1 | 1),
        _ => put_more(value, out),
    }
}

/// Appends a number of more than seven bits.
fn put_more(value: u64, out: &mut Vec<u8>) {
    // Seven bits a byte, at most nine bytes: without a division.
    let bytes = ((u64::BITS - value.leading_zeros()) * 37 + 222) >> 8;
    if bytes > WORD_BYTES {
        return put_most(value, out);
    }
    // A word is written and cut: shorter than a loop over bytes.
    let end = out.len() + bytes as usize;
    out.extend_from_slice(&(value << bytes | 1 << (bytes - 1)).to_le_bytes());
    out.truncate(end);
}

/// Appends a number of more than 56 bits.
#[cold]
fn put_most(value: u64, out: &mut Vec<u8>) {
    out.push(0);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a number with a sign: near zero are the short ones.
#[inline]
pub fn put_signed(value: i64, out: &mut Vec<u8>) {
    put(zigzag(value), out);
}

/// The number that these bytes begin with, and how many bytes it has; where they are fewer, the number is 0.
#[inline]
pub fn get(bytes: &[u8]) -> (u64, usize) {
    match *bytes {
        [first, ..] if first & 1 == 1 => (u64::from(first >> 1), 1),
        _ => get_more(bytes),
    }
}

/// A number of more than one byte, or none.
#[inline(never)]
fn get_more(bytes: &[u8]) -> (u64, usize) {
    let length = bytes.first().map_or(1, |first| first.trailing_zeros() + 1);
    if let (Some(word), true) = (bytes.first_chunk(), length <= WORD_BYTES) {
        return ((u64::from_le_bytes(*word) >> length) & (u64::MAX >> (u64::BITS - 7 * length)), length as usize);
    }
    // The prefix is shifted out below; of nine bytes the first is nothing else.
    let (low, shift) = if length > WORD_BYTES { (1, 0) } else { (0, length) };
    let number = bytes.get(low..length as usize).unwrap_or_default();
    let word = number.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
    (word >> shift, length as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::codec::unzigzag;
    use proptest::prelude::*;

    proptest! {
        /// Numbers of every length come back, at the end of what is read and before more; cut, they are no number.
        #[test]
        fn numbers_come_back(value in any::<u64>(), bits in 0u32..64, more in 0usize..10) {
            let value = value >> bits;
            let mut out = Vec::new();
            put(value, &mut out);
            prop_assert_eq!(out.len(), (64 - value.leading_zeros()).max(1).div_ceil(7).min(9) as usize);
            let length = out.len();
            out.resize(length + more, 0xa5);
            prop_assert_eq!(get(&out), (value, length));
            prop_assert_eq!(get(&out[..length - 1]), (0, length), "cut");
            prop_assert_eq!(unzigzag(zigzag(value as i64)), value as i64);
        }
    }
}
