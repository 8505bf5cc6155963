//! Avro's binary encoding of primitives over borrowed bytes, shared by wire records and changelog values.
//!
//! Reading never allocates for strings (they borrow from the input), checks every length against what is left, and bounds
//! depth by construction: a type is read field by field in schema order, so nothing recurses deeper than the types do.
//! apache-avro remains the authority; tests compare both, byte by byte.

use super::words::Word;
use super::{CalendarDay, EventTime, Text, set_text};

/// Most items one array may hold; a longer one is refused before it is read.
pub const ARRAY_ITEMS_MAX: usize = 1 << 20;

/// Most items that room is made for before they are read.
const ARRAY_RESERVED_MAX: usize = 4_096;

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
    #[inline]
    pub fn take(&mut self, wanted: usize) -> Result<&'a [u8], CodecError> {
        let Some((taken, left)) = self.left.split_at_checked(wanted) else {
            return Err(CodecError::Truncated { at: self.position(), wanted, left: self.left.len() });
        };
        self.left = left;
        Ok(taken)
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, CodecError> {
        let Some((byte, left)) = self.left.split_first() else {
            return Err(CodecError::Truncated { at: self.position(), wanted: 1, left: 0 });
        };
        self.left = left;
        Ok(*byte)
    }

    /// A zig-zag variable-length integer.
    #[inline]
    pub fn long(&mut self) -> Result<i64, CodecError> {
        self.uint().map(|value| (value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A variable-length integer without a sign.
    #[inline]
    pub fn uint(&mut self) -> Result<u64, CodecError> {
        match self.left {
            [byte, left @ ..] if *byte < 0x80 => {
                self.left = left;
                Ok(u64::from(*byte))
            }
            _ => self.long_uint(),
        }
    }

    /// The same of more than one byte, kept apart so that the usual case stays small.
    #[inline(never)]
    fn long_uint(&mut self) -> Result<u64, CodecError> {
        let start = self.position();
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let low = u64::from(byte & 0x7f);
            if shift == 63 && low > 1 {
                break;
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(CodecError::Number { at: start })
    }

    /// Bytes with their length in front.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let at = self.position();
        let length = self.long()?;
        let wanted = usize::try_from(length).map_err(|_| CodecError::Length { at, length })?;
        self.take(wanted)
    }

    /// The number of a branch or symbol, of which there are `below`.
    #[inline]
    pub fn ordinal(&mut self, below: usize) -> Result<usize, CodecError> {
        let at = self.position();
        let ordinal = self.long()?;
        usize::try_from(ordinal).ok().filter(|o| *o < below).ok_or(CodecError::Ordinal { at, ordinal })
    }
}

/// Appends a zig-zag variable-length integer.
#[inline]
pub fn put_long(value: i64, out: &mut Vec<u8>) {
    put_uint(((value << 1) ^ (value >> 63)) as u64, out);
}

/// Appends a variable-length integer without a sign.
#[inline]
pub fn put_uint(mut rest: u64, out: &mut Vec<u8>) {
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// A value with one Avro form: primitives, words, options as `[null, T]`, arrays, and records by [`crate::record!`].
pub trait Avro<'a>: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError>;
    /// The same over a value that was used before: its buffers are used again. After an error it says nothing that counts.
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), CodecError> {
        *self = Self::get(reader)?;
        Ok(())
    }
}

/// Encodes a whole record.
pub fn encode<'a, T: Avro<'a>>(value: &T, out: &mut Vec<u8>) {
    value.put(out);
}

/// Decodes a whole record; bytes left over are an error.
#[inline]
pub fn decode<'a, T: Avro<'a>>(bytes: &'a [u8]) -> Result<T, CodecError> {
    let mut reader = Reader::new(bytes);
    let value = T::get(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Decodes a whole record over one that was used before; bytes left over are an error.
pub fn decode_over<'a, T: Avro<'a>>(value: &mut T, bytes: &'a [u8]) -> Result<(), CodecError> {
    let mut reader = Reader::new(bytes);
    value.read(&mut reader)?;
    reader.end()
}

/// Copies records by their bytes, over what was used before.
#[derive(Debug, Default)]
pub struct Copying(Vec<u8>);

impl Copying {
    pub fn copy<T: for<'a> Avro<'a>>(&mut self, from: &T, over: &mut T) {
        self.0.clear();
        from.put(&mut self.0);
        let read = decode_over(over, &self.0);
        debug_assert!(read.is_ok(), "what was just written is read back: {read:?}");
    }
}

/// Implements [`Avro`] for a struct whose schema has these fields in this order:
/// `record!(Coupon { code, amount_minor })` or, when it borrows, `record!(Payment<'a> { loan, … })`.
#[macro_export]
macro_rules! record {
    ($name:ident<'a> { $($field:ident),+ $(,)? }) => {
        impl<'a> $crate::domain::codec::Avro<'a> for $name<'a> { $crate::record!(@body $($field),+); }
    };
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl<'a> $crate::domain::codec::Avro<'a> for $name { $crate::record!(@body $($field),+); }
    };
    (@body $($field:ident),+) => {
        fn put(&self, out: &mut Vec<u8>) { $($crate::domain::codec::Avro::put(&self.$field, out);)+ }
        fn get(reader: &mut $crate::domain::codec::Reader<'a>) -> Result<Self, $crate::domain::codec::CodecError> {
            Ok(Self { $($field: $crate::domain::codec::Avro::get(reader)?),+ })
        }
        fn read(&mut self, reader: &mut $crate::domain::codec::Reader<'a>) -> Result<(), $crate::domain::codec::CodecError> {
            $($crate::domain::codec::Avro::read(&mut self.$field, reader)?;)+
            Ok(())
        }
    };
}

/// Raw bytes (Avro `bytes`); a plain `Vec<u8>` would be an array of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub Vec<u8>);

impl<'a> Avro<'a> for i64 {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_long(*self, out);
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        reader.long()
    }
}

impl<'a> Avro<'a> for i32 {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_long(i64::from(*self), out);
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        let at = reader.position();
        reader.long()?.try_into().map_err(|_| CodecError::Number { at })
    }
}

impl<'a> Avro<'a> for bool {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        let at = reader.position();
        match reader.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(CodecError::Ordinal { at, ordinal: i64::from(other) }),
        }
    }
}

impl<'a> Avro<'a> for &'a str {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_long(self.len() as i64, out);
        out.extend_from_slice(self.as_bytes());
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        let bytes = reader.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| CodecError::Utf8 { at: reader.position() - bytes.len() })
    }
}

impl<'a> Avro<'a> for Text {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_long(self.len() as i64, out);
        out.extend_from_slice(self.as_bytes());
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        <&str>::get(reader).map(Text::from)
    }
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), CodecError> {
        <&str>::get(reader).map(|text| set_text(self, text))
    }
}

impl<'a> Avro<'a> for String {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_long(self.len() as i64, out);
        out.extend_from_slice(self.as_bytes());
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        <&str>::get(reader).map(String::from)
    }
}

impl<'a> Avro<'a> for Bytes {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_long(self.0.len() as i64, out);
        out.extend_from_slice(&self.0);
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        reader.bytes().map(|b| Bytes(b.to_vec()))
    }
}

impl<'a> Avro<'a> for EventTime {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_long(self.0, out);
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        reader.long().map(EventTime)
    }
}

impl<'a> Avro<'a> for CalendarDay {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        i32::get(reader).map(CalendarDay)
    }
}

impl<'a, T: Word> Avro<'a> for T {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_long(self.ordinal() as i64, out);
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        let at = reader.position();
        let ordinal = reader.ordinal(T::ALL.len())?;
        T::at(ordinal).ok_or(CodecError::Ordinal { at, ordinal: ordinal as i64 })
    }
}

impl<'a, T: Avro<'a>> Avro<'a> for Option<T> {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(2);
                value.put(out);
            }
        }
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        if is_there(reader)? { T::get(reader).map(Some) } else { Ok(None) }
    }
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), CodecError> {
        match self {
            Some(value) if is_there(&mut reader.clone())? => {
                is_there(reader)?;
                value.read(reader)
            }
            _ => Self::get(reader).map(|value| *self = value),
        }
    }
}

/// The branch of `[null, T]`.
#[inline]
fn is_there(reader: &mut Reader<'_>) -> Result<bool, CodecError> {
    match reader.left {
        [branch @ (0 | 2), left @ ..] => {
            reader.left = left;
            Ok(*branch != 0)
        }
        // Written at greater length than needed, or nothing that could be it.
        _ => reader.ordinal(2).map(|branch| branch == 1),
    }
}

/// Appends an array.
pub fn put_array<'a, T: Avro<'a>>(items: &[T], out: &mut Vec<u8>) {
    if !items.is_empty() {
        put_long(items.len() as i64, out);
        items.iter().for_each(|item| item.put(out));
    }
    out.push(0);
}

/// Shows every block of an array with the number of its items, which `block` reads; all of them are bounded.
pub fn each_block<'a>(
    reader: &mut Reader<'a>,
    mut block: impl FnMut(usize, &mut Reader<'a>) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let mut items = 0;
    loop {
        let at = reader.position();
        let length = reader.long()?;
        if length == 0 {
            return Ok(());
        }
        if length < 0 {
            reader.long()?; // a negative count is followed by the block's size in bytes
        }
        let count = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX);
        if count > ARRAY_ITEMS_MAX || items + count > ARRAY_ITEMS_MAX {
            return Err(CodecError::Length { at, length });
        }
        items += count;
        block(count, reader)?;
    }
}

impl<'a, T: Avro<'a>> Avro<'a> for Vec<T> {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_array(self, out);
    }
    #[inline]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        let mut items = Vec::new();
        each_block(reader, |count, reader| {
            items.reserve(count.min(reader.left.len()).min(ARRAY_RESERVED_MAX));
            (0..count).try_for_each(|_| T::get(reader).map(|item| items.push(item)))
        })?;
        Ok(items)
    }
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), CodecError> {
        let mut read = 0;
        each_block(reader, |count, reader| {
            for _ in 0..count {
                match self.get_mut(read) {
                    Some(item) => item.read(reader)?,
                    None => self.push(T::get(reader)?),
                }
                read += 1;
            }
            Ok(())
        })?;
        self.truncate(read);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_round_trip_at_their_edges() {
        for value in [0, 1, -1, 63, 64, -65, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            value.put(&mut out);
            assert_eq!(decode::<i64>(&out), Ok(value));
        }
    }

    #[test]
    fn what_was_used_before_is_written_over() {
        type Both = (Vec<Text>, Option<Text>);
        let long = |n: u8| Text::from(format!("{n} is longer than what a text holds in itself"));
        let values: [Both; 4] = [
            (vec![long(1), long(2)], None),
            (vec![long(3)], Some(long(4))),
            (vec![], None),
            (vec![long(5)], Some("".into())),
        ];
        let mut over = Both::default();
        for (list, option) in values {
            let mut out = Vec::new();
            list.put(&mut out);
            option.put(&mut out);
            let reader = &mut Reader::new(&out);
            over.0.read(reader).unwrap();
            over.1.read(reader).unwrap();
            assert_eq!((&over.0, &over.1, reader.end()), (&list, &option, Ok(())));
        }
        assert!(matches!(over.0.read(&mut Reader::new(&[2, 8, b'a'])), Err(CodecError::Truncated { .. })));
    }

    #[test]
    fn hostile_bytes_are_errors() {
        assert!(matches!(decode::<i64>(&[0xff; 11]), Err(CodecError::Number { at: 0 })));
        assert!(matches!(decode::<&str>(&[0x08, b'a']), Err(CodecError::Truncated { .. })));
        assert!(matches!(decode::<&str>(&[0x01]), Err(CodecError::Length { .. })));
        assert!(matches!(decode::<Option<i64>>(&[4]), Err(CodecError::Ordinal { .. })));
        assert!(matches!(decode::<bool>(&[1, 0]), Err(CodecError::Trailing { .. })));
        let mut giant = Vec::new();
        put_long(1 << 40, &mut giant);
        assert!(matches!(decode::<Vec<i64>>(&giant), Err(CodecError::Length { .. })));
    }
}
