//! A cursor over Avro's binary encoding: numbers, lengths, ordinals and texts, each checked against what is left.
//!
//! Every event goes through here some thirty times, so what is usual (a number or a length of one byte) is inlined wherever it
//! is read, and what is not, errors above all, is kept apart.

use ascii::AsAsciiStr;

use super::codec::unzigzag;

/// Why bytes are not what the schema says, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("ends early: {wanted} more bytes expected at byte {at}, {left} left")]
    Truncated { at: usize, wanted: usize, left: usize },
    #[error("{left} bytes follow the end of the record at byte {at}")]
    Trailing { at: usize, left: usize },
    #[error("the number at byte {at} is longer than 64 bits or outside its range")]
    Number { at: usize },
    #[error("the string at byte {at} is not UTF-8")]
    Utf8 { at: usize },
    #[error("a length of {length} at byte {at} is not possible")]
    Length { at: usize, length: i64 },
    #[error(
        "written in format {found}, this build reads format {read}: restore it with the build that wrote it, or begin anew from the inputs"
    )]
    Format { found: u8, read: u8 },
    #[error("branch or symbol {ordinal} at byte {at} is not in the schema")]
    Ordinal { at: usize, ordinal: i64 },
}

/// A cursor over one encoded record: what is left of it, so that every look is checked once.
#[derive(Clone)]
pub struct Reader<'a> {
    left: &'a [u8],
    /// Bytes of the whole record.
    whole: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes, whole: bytes.len() }
    }

    /// The next byte's position.
    #[inline]
    pub fn position(&self) -> usize {
        // What is left is never longer than the whole.
        self.whole.wrapping_sub(self.left.len())
    }

    /// What is left to read.
    #[inline]
    pub fn left(&self) -> &'a [u8] {
        self.left
    }

    /// What was read since it stood as `before`.
    pub fn since(&self, before: &Self) -> &'a [u8] {
        &before.left[..before.left.len().saturating_sub(self.left.len())]
    }

    /// Errs unless everything was read.
    #[inline]
    pub fn end(&self) -> Result<(), CodecError> {
        match self.left.len() {
            0 => Ok(()),
            left => Err(CodecError::Trailing { at: self.position(), left }),
        }
    }

    /// The next `wanted` bytes.
    #[inline(always)]
    pub fn take(&mut self, wanted: usize) -> Result<&'a [u8], CodecError> {
        let Some((taken, left)) = self.left.split_at_checked(wanted) else {
            return Err(self.clone().truncated(wanted));
        };
        self.left = left;
        Ok(taken)
    }

    /// One byte.
    #[inline(always)]
    pub fn byte(&mut self) -> Result<u8, CodecError> {
        let Some((byte, left)) = self.left.split_first() else { return Err(self.clone().truncated(1)) };
        self.left = left;
        Ok(*byte)
    }

    /// A zig-zag variable-length integer.
    #[inline(always)]
    pub fn long(&mut self) -> Result<i64, CodecError> {
        self.uint().map(unzigzag)
    }

    /// A variable-length integer without a sign.
    #[inline(always)]
    pub fn uint(&mut self) -> Result<u64, CodecError> {
        match self.left {
            [byte, left @ ..] if *byte < 0x80 => {
                self.left = left;
                Ok(u64::from(*byte))
            }
            _ => {
                let (value, length) = long_uint(self.left);
                let Some(left) = self.left.get(length..) else { return Err(self.clone().no_number()) };
                self.left = left;
                Ok(value)
            }
        }
    }

    /// Bytes with their length in front.
    #[inline(always)]
    pub fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        // Nearly all are shorter than 64 bytes: their length is one byte, and even, because it is not negative.
        if let [length, left @ ..] = self.left
            && *length & 0x81 == 0
            && let Some((taken, left)) = left.split_at_checked(usize::from(*length >> 1))
        {
            self.left = left;
            return Ok(taken);
        }
        let (taken, left) = self.clone().long_bytes()?;
        self.left = left;
        Ok(taken)
    }

    /// What was just read by [`Self::bytes`], as text.
    #[inline(always)]
    pub fn checked(&self, bytes: &'a [u8]) -> Result<&'a str, CodecError> {
        text(bytes).ok_or_else(|| self.clone().no_text(bytes.len()))
    }

    /// The number of a branch or symbol, of which there are `below`.
    #[inline(always)]
    pub fn ordinal(&mut self, below: usize) -> Result<usize, CodecError> {
        if let [ordinal, left @ ..] = self.left
            && *ordinal & 0x81 == 0
            && usize::from(*ordinal >> 1) < below
        {
            self.left = left;
            return Ok(usize::from(*ordinal >> 1));
        }
        let (ordinal, left) = self.clone().long_ordinal(below)?;
        self.left = left;
        Ok(ordinal)
    }

    /// The branch of `[null, T]`: true where there is a value.
    #[inline(always)]
    pub fn is_there(&mut self) -> Result<bool, CodecError> {
        match self.left {
            [0, left @ ..] => {
                self.left = left;
                Ok(false)
            }
            [2, left @ ..] => {
                self.left = left;
                Ok(true)
            }
            _ => self.ordinal(2).map(|branch| branch == 1),
        }
    }

    // What is not usual is kept apart, so that what is stays small. It takes a copy of the reader: one that is lent lies in
    // memory, one that is not in registers.

    #[inline(never)]
    fn long_bytes(mut self) -> Result<(&'a [u8], &'a [u8]), CodecError> {
        let at = self.position();
        let length = self.long()?;
        let wanted = usize::try_from(length).map_err(|_| CodecError::Length { at, length })?;
        Ok((self.take(wanted)?, self.left))
    }

    /// One that is written at greater length than needed, or nothing that could be it.
    #[cold]
    fn long_ordinal(mut self, below: usize) -> Result<(usize, &'a [u8]), CodecError> {
        let at = self.position();
        let ordinal = self.long()?;
        match usize::try_from(ordinal) {
            Ok(number) if number < below => Ok((number, self.left)),
            _ => Err(CodecError::Ordinal { at, ordinal }),
        }
    }

    #[cold]
    fn truncated(self, wanted: usize) -> CodecError {
        CodecError::Truncated { at: self.position(), wanted, left: self.left.len() }
    }

    #[cold]
    fn no_number(self) -> CodecError {
        let (at, left) = (self.position(), self.left.len());
        let unended = left < UINT_BYTES_MAX && self.left.iter().all(|byte| *byte >= 0x80);
        if unended { CodecError::Truncated { at: at + left, wanted: 1, left: 0 } } else { CodecError::Number { at } }
    }

    #[cold]
    fn no_text(self, length: usize) -> CodecError {
        CodecError::Utf8 { at: self.position().saturating_sub(length) }
    }
}

/// Bytes as text, where they are UTF-8.
///
/// Nearly all texts are short and ASCII, and to find that out takes a third of the instructions of the standard library's check,
/// which is made for long ones.
#[inline]
pub fn text(bytes: &[u8]) -> Option<&str> {
    match bytes.as_ascii_str() {
        Ok(ascii) => Some(ascii.as_str()),
        Err(_) => std::str::from_utf8(bytes).ok(),
    }
}

/// Longest form of a number of 64 bits, bytes.
const UINT_BYTES_MAX: usize = 10;

/// The number of more than one byte that `bytes` begin with, and how many bytes it has: more than there are where it is none.
///
/// Kept apart so that the usual case stays small, and without a reader, whose place could not stay in registers then.
#[inline(never)]
fn long_uint(bytes: &[u8]) -> (u64, usize) {
    // Up to eight bytes at once: seven bits of each are drawn together by twos, fours and eights.
    if let Some(eight) = bytes.first_chunk() {
        let word = u64::from_le_bytes(*eight);
        let ends = !word & 0x8080_8080_8080_8080;
        if ends != 0 {
            // Everything below the first clear high bit, which ends the number.
            let sevens = word & (ends ^ (ends - 1)) & 0x7f7f_7f7f_7f7f_7f7f;
            let twos = sevens & 0x007f_007f_007f_007f | (sevens & 0x7f00_7f00_7f00_7f00) >> 1;
            let fours = twos & 0x0000_3fff_0000_3fff | (twos & 0x3fff_0000_3fff_0000) >> 2;
            let eights = fours & 0x0fff_ffff | (fours & 0x0fff_ffff_0000_0000) >> 4;
            return (eights, ends.trailing_zeros() as usize / 8 + 1);
        }
    }
    let mut value = 0;
    for (index, byte) in bytes.iter().take(UINT_BYTES_MAX).enumerate() {
        let low = u64::from(byte & 0x7f);
        if index == UINT_BYTES_MAX - 1 && low > 1 {
            break;
        }
        value |= low << (7 * index);
        if byte & 0x80 == 0 {
            return (value, index + 1);
        }
    }
    (0, usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::codec::{put_long, put_uint};

    /// Numbers of every length.
    fn any_number() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0..64u32).prop_map(|(bits, shift)| bits >> shift)
    }

    proptest! {
        #[test]
        fn numbers_come_back_whatever_follows_them(number in any_number(), behind in prop::collection::vec(any::<u8>(), 0..12)) {
            let mut bytes = Vec::new();
            put_uint(number, &mut bytes);
            let length = bytes.len();
            for cut in 0..length {
                let at_end = CodecError::Truncated { at: cut, wanted: 1, left: 0 };
                prop_assert_eq!(Reader::new(&bytes[..cut]).uint(), Err(at_end));
            }
            bytes.extend(behind);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!((reader.uint(), reader.position()), (Ok(number), length));
        }

        #[test]
        fn numbers_may_be_longer_than_needed(number in 0..128u64, more in 1..=9usize, behind in 0..3usize) {
            let mut bytes = vec![number as u8 | 0x80];
            bytes.extend(std::iter::repeat_n(0x80, more - 1).chain([0]));
            bytes.extend(std::iter::repeat_n(0xff, behind));
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!((reader.uint(), reader.position()), (Ok(number), more + 1));
        }

        #[test]
        fn texts_are_what_the_standard_library_takes(bytes in prop::collection::vec(prop_oneof![3 => b' '..=b'~', 1 => any::<u8>()], 0..80)) {
            let mut encoded = Vec::new();
            put_long(bytes.len() as i64, &mut encoded);
            let at = encoded.len();
            encoded.extend(&bytes);
            encoded.push(0xff);
            let mut reader = Reader::new(&encoded);
            let read = reader.bytes().and_then(|bytes| reader.checked(bytes));
            prop_assert_eq!(read, std::str::from_utf8(&bytes).map_err(|_| CodecError::Utf8 { at }));
            prop_assert_eq!(reader.left(), &[0xff]);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let number = |bytes: &[u8]| Reader::new(bytes).uint();
        assert_eq!(number(&[0xff; 11]), Err(CodecError::Number { at: 0 }));
        assert_eq!(number(&[&[0xff; 9][..], &[2]].concat()), Err(CodecError::Number { at: 0 }));
        assert_eq!(number(&[&[0xff; 9][..], &[1]].concat()), Ok(u64::MAX));
        let behind = |bytes: &'static [u8]| {
            let mut reader = Reader::new(bytes);
            reader.byte().map(|_| reader)
        };
        let short = CodecError::Truncated { at: 2, wanted: 4, left: 1 };
        assert_eq!(behind(&[0, 8, b'a']).and_then(|mut reader| reader.bytes()), Err(short));
        let negative = CodecError::Length { at: 1, length: -1 };
        assert_eq!(behind(&[0, 1]).and_then(|mut reader| reader.bytes()), Err(negative));
        let none = CodecError::Ordinal { at: 1, ordinal: 2 };
        assert_eq!(behind(&[0, 4]).and_then(|mut reader| reader.ordinal(2)), Err(none));
        assert_eq!(behind(&[0, 0x82, 0]).and_then(|mut reader| reader.ordinal(2)), Ok(1));
        assert!(behind(&[0]).and_then(|mut reader| reader.ordinal(2)).is_err());
        let long = "ä".repeat(40);
        let mut bytes = Vec::new();
        put_long(80, &mut bytes);
        bytes.extend_from_slice(long.as_bytes());
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.bytes().map(text), Ok(Some(long.as_str())));
    }
}
