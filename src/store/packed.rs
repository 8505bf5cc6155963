//! The form of a packed record: sections, each packed by itself, so that what an event does not touch stays packed.
//!
//! In front stands which sections there are, one bit each, then the length of each of them but the last.

use crate::domain::codec::{CodecError, Reader, put_uint};

/// Sections of a record, one bit each.
pub type Sections = u8;
/// Most sections of a record.
const SECTIONS_MAX: usize = 8;

/// A record that can be packed into bytes and read back in place, section by section.
pub trait Packed: Default {
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
    /// Empties the record; its buffers are kept here or in `spare`, within bounds.
    fn empty(&mut self, spare: &mut Self::Spare);
}

/// Which sections a body has, and from where to where each lies in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Split {
    there: Sections,
    places: [(usize, usize); SECTIONS_MAX],
}

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
        let mut reader = Reader::new(body);
        let there = reader.byte()?;
        let last = SECTIONS_MAX.wrapping_sub(1 + there.leading_zeros() as usize);
        let mut lengths = [0; SECTIONS_MAX];
        for (at, _) in each(there).filter(|(at, _)| *at != last) {
            let from = reader.position();
            let length = reader.uint()?;
            lengths[at] = usize::try_from(length)
                .map_err(|_| CodecError::Length { at: from, length: i64::try_from(length).unwrap_or(i64::MAX) })?;
        }
        let mut places = [(0, 0); SECTIONS_MAX];
        for (at, _) in each(there) {
            let start = reader.position();
            reader.take(if at == last { body.len() - start } else { lengths[at] })?;
            places[at] = (start, reader.position());
        }
        reader.end()?;
        Ok(Self { there, places })
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
/// in `out` from `before` on (of a record that was never packed, nothing of nothing). `room` is used on the way.
pub fn pack<V: Packed>(
    record: &V,
    changed: Sections,
    (before, known): (usize, &Split),
    room: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    let (mut there, mut places) = (known.there & !changed, known.places);
    room.clear();
    for (at, section) in each(changed) {
        let start = room.len();
        record.pack(section, room);
        places[at] = (start, room.len());
        there |= if start < room.len() { section } else { 0 };
    }
    out.push(there);
    // The last one ends with the record.
    for (at, _) in each(there).filter(|(at, _)| there >> at != 1) {
        put_uint((places[at].1 - places[at].0) as u64, out);
    }
    for (at, section) in each(there) {
        let (start, end) = places[at];
        match changed & section != 0 {
            true => out.extend_from_slice(&room[start..end]),
            false => out.extend_from_within(before + start..before + end),
        }
    }
}
