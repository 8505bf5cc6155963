//! Avro's binary encoding of primitives over borrowed bytes, shared by wire records and changelog values.
//!
//! Reading never allocates for strings (they borrow from the input), checks every length against what is left, and bounds
//! depth by construction: a type is read field by field in schema order, so nothing recurses deeper than the types do.
//! apache-avro remains the authority; tests compare both, byte by byte.

use super::words::Word;
use super::{CalendarDay, EventTime, Text, set_text};

pub use super::reader::{CodecError, Reader, text};

/// Most items one array may hold; a longer one is refused before it is read.
pub const ARRAY_ITEMS_MAX: usize = 1 << 20;

/// Most items that room is made for before they are read.
const ARRAY_RESERVED_MAX: usize = 4_096;

/// A number with a sign as one without: near zero are the small ones.
#[inline]
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The number whose [`zigzag`] it is.
#[inline]
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Appends a zig-zag variable-length integer.
#[inline]
pub fn put_long(value: i64, out: &mut Vec<u8>) {
    put_uint(zigzag(value), out);
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
    #[inline(always)]
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
#[inline]
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
        $crate::record!(@reading $($field),+);
    };
    // For a type that writes itself.
    (@reading $($field:ident),+) => {
        #[inline]
        fn get(reader: &mut $crate::domain::codec::Reader<'a>) -> Result<Self, $crate::domain::codec::CodecError> {
            Ok(Self { $($field: $crate::domain::codec::Avro::get(reader)?),+ })
        }
        #[inline]
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
    #[inline(always)]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        reader.long()
    }
}

impl<'a> Avro<'a> for i32 {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_long(i64::from(*self), out);
    }
    #[inline(always)]
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
    #[inline(always)]
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
    #[inline(always)]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        let bytes = reader.bytes()?;
        reader.checked(bytes)
    }
}

impl<'a> Avro<'a> for Text {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        self.as_str().put(out);
    }
    #[inline(always)]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        <&str>::get(reader).map(Text::from)
    }
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), CodecError> {
        let bytes = reader.bytes()?;
        // Often it says what it said before, and that was UTF-8.
        if bytes != self.as_bytes() {
            set_text(self, reader.checked(bytes)?);
        }
        Ok(())
    }
}

impl<'a> Avro<'a> for String {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_long(self.len() as i64, out);
        out.extend_from_slice(self.as_bytes());
    }
    #[inline(always)]
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
    #[inline(always)]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        reader.bytes().map(|b| Bytes(b.to_vec()))
    }
}

impl<'a> Avro<'a> for EventTime {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_long(self.0, out);
    }
    #[inline(always)]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        reader.long().map(EventTime)
    }
}

impl<'a> Avro<'a> for CalendarDay {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    #[inline(always)]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        i32::get(reader).map(CalendarDay)
    }
}

impl<'a, T: Word> Avro<'a> for T {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_long(self.ordinal() as i64, out);
    }
    #[inline(always)]
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
    #[inline(always)]
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        if !reader.is_there()? {
            return Ok(None);
        }
        // A reader that is lent lies in memory, one that is not in registers: where one must be lent, it is this copy.
        let mut ahead = reader.clone();
        let value = T::get(&mut ahead)?;
        *reader = ahead;
        Ok(Some(value))
    }
    #[inline(always)]
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), CodecError> {
        match self {
            _ if !reader.is_there()? => *self = None,
            Some(value) => value.read(reader)?,
            None => *self = Some(T::get(reader)?),
        }
        Ok(())
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
            items.reserve(count.min(reader.left().len()).min(ARRAY_RESERVED_MAX));
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
