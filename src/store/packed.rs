//! The form of a packed record: sections, each packed by itself, so that what an event does not touch stays packed.
//!
//! In front stands which sections there are, one bit each, then the length of each of them but the last.

use crate::domain::codec::CodecError;

/// Sections of a record, one bit each.
pub type Sections = u8;
/// Most sections of a record.
const SECTIONS_MAX: usize = 8;

/// A record that can be packed into bytes and read back in place, section by section.
pub trait Packed: Default {
    /// Stands before a record's token in the changelog's key.
    const TAG: u8;
    /// Begins every packed value; another one is refused.
    const FORMAT: u8;
    /// Every section that a record may have.
    const ALL: Sections;
    /// Buffers that records leave for one another.
    type Spare: Default;

    /// Appends one section; nothing at all when there is nothing in it.
    fn pack(&self, section: Sections, out: &mut Vec<u8>);
    /// Fills one section that is empty; every byte is read, or it is an error.
    fn unpack(&mut self, section: Sections, bytes: &[u8], spare: &mut Self::Spare) -> Result<(), CodecError>;
    /// Empties these sections; their buffers are kept here or in `spare`, within bounds.
    fn empty(&mut self, sections: Sections, spare: &mut Self::Spare);
}

/// Which sections a body has, and from where to where each of them lies in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Split {
    there: Sections,
    /// Of a section that is not there: anything.
    places: [(usize, usize); SECTIONS_MAX],
}

/// Bytes of a length in front: always as many, so that there is room for it before its section is packed.
const LENGTH_BYTES: usize = size_of::<u32>();
const HEAD_BYTES_MAX: usize = 1 + LENGTH_BYTES * (SECTIONS_MAX - 1);

/// One by one, with their positions.
fn each(mut left: Sections) -> impl Iterator<Item = (usize, Sections)> {
    std::iter::from_fn(move || {
        let at = left.trailing_zeros() as usize;
        let section = left & left.wrapping_neg();
        left &= !section;
        (section != 0).then_some((at, section))
    })
}

impl Split {
    pub fn of(body: &[u8]) -> Result<Self, CodecError> {
        let mut split = Self::default();
        split.set(body)?;
        Ok(split)
    }

    /// Says where the sections of this body lie. After an error it says nothing that counts.
    pub fn set(&mut self, body: &[u8]) -> Result<(), CodecError> {
        let Some(there) = body.first() else { return Err(CodecError::Truncated { at: 0, wanted: 1, left: 0 }) };
        let mut start = head_bytes(*there);
        let Some(head) = body.get(1..start) else { return Err(short_head(body)) };
        let (mut lengths, _) = head.as_chunks();
        self.there = *there;
        for (at, _) in each(*there) {
            let left = body.len() - start;
            // The last one takes what is left.
            let length = lengths.split_off_first().map_or(left, |length| u32::from_le_bytes(*length) as usize);
            if length > left {
                return Err(CodecError::Truncated { at: start, wanted: length, left });
            }
            self.places[at] = (start, start + length);
            start += length;
        }
        match body.len() - start {
            0 => Ok(()),
            left => Err(CodecError::Trailing { at: start, left }),
        }
    }

    /// Nothing is there.
    pub fn clear(&mut self) {
        self.there = 0;
    }

    /// Fills the wanted sections of a record, which are empty, from the body that was split.
    pub fn unpack<V: Packed>(
        &self,
        record: &mut V,
        wanted: Sections,
        body: &[u8],
        spare: &mut V::Spare,
    ) -> Result<(), CodecError> {
        if self.there & !V::ALL != 0 {
            return Err(CodecError::Ordinal { at: 0, ordinal: i64::from(self.there) });
        }
        each(self.there & wanted).try_for_each(|(at, section)| {
            let (start, end) = self.places[at];
            record.unpack(section, &body[start..end], spare)
        })
    }
}

/// Fills all sections of a record, which is empty.
pub fn unpack<V: Packed>(record: &mut V, body: &[u8], spare: &mut V::Spare) -> Result<(), CodecError> {
    Split::of(body)?.unpack(record, V::ALL, body, spare)
}

/// Appends a record: the changed sections as they are in it, the others as they are packed in a body that was split and lies
/// in `out` from `before` on (of a record that was never packed, nothing of nothing).
pub fn pack<V: Packed>(record: &V, changed: Sections, (before, known): (usize, &Split), out: &mut Vec<u8>) {
    let (may, start) = (known.there | changed, out.len());
    let begins = start + head_bytes(may);
    // The most that a head can be, then as much as this one needs if there is something in every section.
    out.extend_from_slice(&[0; HEAD_BYTES_MAX]);
    out.truncate(begins);
    let (mut there, mut room) = (may, start + 1);
    for (at, section) in each(may) {
        let begin = out.len();
        if changed & section != 0 {
            record.pack(section, out);
        } else {
            let (from, to) = known.places[at];
            out.extend_from_within(before + from..before + to);
        }
        let length = out.len() - begin;
        if length == 0 {
            there &= !section;
        } else if room < begins {
            // The last one has no length, unless one before it turned out to be empty: that room is given back below.
            out[room..room + LENGTH_BYTES].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
            room += LENGTH_BYTES;
        }
    }
    out[start] = there;
    if there != may {
        out.drain(start + head_bytes(there)..begins);
    }
}

#[cold]
fn short_head(body: &[u8]) -> CodecError {
    let (lengths, rest) = body[1..].as_chunks::<LENGTH_BYTES>();
    CodecError::Truncated { at: 1 + size_of_val(lengths), wanted: LENGTH_BYTES, left: rest.len() }
}

/// Bytes of what stands in front of these sections.
fn head_bytes(there: Sections) -> usize {
    1 + LENGTH_BYTES * (there.count_ones() as usize).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// So many bytes in each section.
    #[derive(Debug, Default, PartialEq)]
    struct Lengths([usize; 3]);

    impl Packed for Lengths {
        const TAG: u8 = b'l';
        const FORMAT: u8 = 1;
        const ALL: Sections = 7;
        type Spare = ();
        fn pack(&self, section: Sections, out: &mut Vec<u8>) {
            let at = section.trailing_zeros() as usize;
            out.extend(std::iter::repeat_n(section, self.0[at]));
        }
        fn unpack(&mut self, section: Sections, bytes: &[u8], (): &mut ()) -> Result<(), CodecError> {
            assert!(bytes.iter().all(|byte| *byte == section));
            self.0[section.trailing_zeros() as usize] = bytes.len();
            Ok(())
        }
        fn empty(&mut self, _: Sections, (): &mut ()) {
            *self = Self::default();
        }
    }

    proptest! {
        /// Sections that are empty, short and long, changed and not.
        #[test]
        fn records_come_back(
            before in prop::array::uniform3(prop_oneof![Just(0usize), 1..300usize, 60_000..70_000usize]),
            after in prop::array::uniform3(prop_oneof![Just(0usize), 1..300usize, 60_000..70_000usize]),
            changed in 0u8..8,
        ) {
            let mut out = b"before".to_vec();
            let start = out.len();
            pack(&Lengths(before), Lengths::ALL, (start, &Split::default()), &mut out);
            let (known, again) = (Split::of(&out[start..]).unwrap(), out.len());
            pack(&Lengths(after), changed, (start, &known), &mut out);
            let mut read = Lengths::default();
            unpack(&mut read, &out[again..], &mut ()).unwrap();
            let expected = [0, 1, 2].map(|at| if changed >> at & 1 == 1 { after[at] } else { before[at] });
            prop_assert_eq!(read, Lengths(expected));
            read = Lengths::default();
            unpack(&mut read, &out[start..again], &mut ()).unwrap();
            prop_assert_eq!(read, Lengths(before));
        }
    }
}
