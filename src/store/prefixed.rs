//! Numbers whose first byte tells how many bytes they have: written and read in one piece, where a byte that says of itself
//! whether another one follows is looked at after the other. They take as many bytes as those do.
//!
//! The zeros under the lowest bit of the first byte that is set are the bytes that follow; above it stands the number, its
//! lowest bits first. Seven bits a byte; a number of more than 56 bits stands behind a byte of zero.

use crate::domain::codec::{CodecError, Reader, unzigzag, zigzag};

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

/// Reads a number without a sign.
#[inline]
pub fn get(reader: &mut Reader<'_>) -> Result<u64, CodecError> {
    match *reader.left() {
        [first, ..] if first & 1 == 1 => reader.byte().map(|first| u64::from(first >> 1)),
        _ => get_more(reader),
    }
}

/// Reads a number of more than one byte, or none.
fn get_more(reader: &mut Reader<'_>) -> Result<u64, CodecError> {
    let left = reader.left();
    let bytes = left.first().map_or(1, |first| first.trailing_zeros() + 1);
    if let (Some(word), true) = (left.first_chunk(), bytes <= WORD_BYTES) {
        reader.take(bytes as usize)?;
        return Ok((u64::from_le_bytes(*word) >> bytes) & (u64::MAX >> (u64::BITS - 7 * bytes)));
    }
    let number = reader.take(bytes as usize)?;
    // The prefix is shifted out below; of nine bytes the first is nothing else.
    let low = if bytes > WORD_BYTES { 1 } else { 0 };
    let word = number.iter().skip(low).rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
    Ok(if low == 1 { word } else { word >> bytes })
}

/// Reads a number with a sign.
#[inline]
pub fn get_signed(reader: &mut Reader<'_>) -> Result<i64, CodecError> {
    get(reader).map(unzigzag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Numbers of every length come back, at the end of what is read and before more; cut, they are no number.
        #[test]
        fn numbers_come_back(value in any::<u64>(), bits in 0u32..64, more in 0usize..10) {
            let value = value >> bits;
            let mut out = Vec::new();
            put(value, &mut out);
            prop_assert_eq!(out.len(), (64 - value.leading_zeros()).max(1).div_ceil(7).min(9) as usize);
            let (length, cut) = (out.len(), &out[..out.len() - 1].to_vec());
            out.resize(length + more, 0xa5);
            let mut reader = Reader::new(&out);
            prop_assert_eq!((get(&mut reader), reader.position()), (Ok(value), length));
            let cut = get(&mut Reader::new(cut));
            prop_assert!(matches!(cut, Err(CodecError::Truncated { .. })), "{cut:?}");
            prop_assert_eq!(unzigzag(zigzag(value as i64)), value as i64);
        }
    }
}
