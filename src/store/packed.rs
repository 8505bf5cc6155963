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

/// The sections of a body, and which of them are there.
#[derive(Clone, Copy, Default)]
struct Split<'b> {
    there: Sections,
    bytes: [&'b [u8]; SECTIONS_MAX],
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

fn split(body: &[u8]) -> Result<Split<'_>, CodecError> {
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
    let mut bytes = [&[][..]; SECTIONS_MAX];
    for (at, _) in each(there) {
        let length = if at == last { body.len() - reader.position() } else { lengths[at] };
        bytes[at] = reader.take(length)?;
    }
    reader.end()?;
    Ok(Split { there, bytes })
}

/// Fills the wanted sections of a record, which are empty.
pub fn unpack<V: Packed>(
    record: &mut V,
    wanted: Sections,
    body: &[u8],
    spare: &mut V::Spare,
) -> Result<(), CodecError> {
    let Split { there, bytes } = split(body)?;
    if there & !V::ALL != 0 {
        return Err(CodecError::Ordinal { at: 0, ordinal: i64::from(there) });
    }
    each(there & wanted).try_for_each(|(at, section)| record.unpack(section, bytes[at], spare))
}

/// Appends a record: the changed sections as they are in it, the others as they are packed in `before` (which is empty for
/// a record that was never packed). `room` is used on the way.
pub fn pack<V: Packed>(
    record: &V,
    changed: Sections,
    before: &[u8],
    room: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let before = if before.is_empty() { Split::default() } else { split(before)? };
    let (mut there, mut ends) = (0, [0; SECTIONS_MAX]);
    room.clear();
    for (at, section) in each(V::ALL) {
        let start = room.len();
        match changed & section != 0 {
            true => record.pack(section, room),
            false => room.extend_from_slice(before.bytes[at]),
        }
        ends[at] = room.len();
        there |= if room.len() > start { section } else { 0 };
    }
    out.push(there);
    let mut start = 0;
    // The last one ends with the record.
    for (at, _) in each(there).filter(|(at, _)| there >> at != 1) {
        put_uint((ends[at] - start) as u64, out);
        start = ends[at];
    }
    out.extend_from_slice(room);
    Ok(())
}
