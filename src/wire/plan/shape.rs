//! What lies in the writer's bytes: enough to check it and step over it.

use super::{DEPTH_MAX, ITEMS_MAX, TranscodeError};
use crate::domain::codec::{CodecError, Reader};

/// The binary form of a writer's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Nothing,
    Bool,
    Int,
    Long,
    /// That many bytes: fixed, float, double.
    Fixed(usize),
    Bytes,
    Text,
    /// One of that many symbols.
    Enum(usize),
    Union(Vec<Shape>),
    Array(Box<Shape>),
    /// By text.
    Map(Box<Shape>),
    Record(Vec<Shape>),
    /// A record of the writer, which may hold itself.
    Named(usize),
}

/// The writer's records, by number.
pub(super) type Types = Vec<Shape>;

/// What is left to one record.
pub(super) struct Limits {
    depth: u32,
    items: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: DEPTH_MAX, items: ITEMS_MAX }
    }
}

impl Limits {
    /// Goes one level down (a record, an array, a map) for the length of `inside`.
    pub(super) fn deeper<T>(
        &mut self,
        at: usize,
        inside: impl FnOnce(&mut Self) -> Result<T, TranscodeError>,
    ) -> Result<T, TranscodeError> {
        self.depth = self.depth.checked_sub(1).ok_or(TranscodeError::Depth { at })?;
        let done = inside(self);
        self.depth += 1;
        done
    }
}

impl Shape {
    /// Checks the value under the reader and steps over it.
    pub(super) fn skip(
        &self,
        types: &Types,
        reader: &mut Reader<'_>,
        limits: &mut Limits,
    ) -> Result<(), TranscodeError> {
        let at = reader.position();
        match self {
            Shape::Nothing => {}
            Shape::Bool => match reader.take(1)? {
                [0 | 1] => {}
                other => return Err(CodecError::Ordinal { at, ordinal: i64::from(other[0]) }.into()),
            },
            Shape::Int => drop(i32::try_from(reader.long()?).map_err(|_| CodecError::Number { at })?),
            Shape::Long => drop(reader.long()?),
            Shape::Fixed(bytes) => drop(reader.take(*bytes)?),
            Shape::Bytes => drop(reader.bytes()?),
            Shape::Text => text(reader)?,
            Shape::Enum(symbols) => drop(reader.ordinal(*symbols)?),
            Shape::Union(branches) => {
                let branch = reader.ordinal(branches.len())?;
                branches[branch].skip(types, reader, limits)?;
            }
            Shape::Array(item) => limits.deeper(at, |limits| items(false, item, types, reader, limits))?,
            Shape::Map(item) => limits.deeper(at, |limits| items(true, item, types, reader, limits))?,
            Shape::Record(fields) => {
                for field in fields {
                    field.skip(types, reader, limits)?;
                }
            }
            Shape::Named(number) => limits.deeper(at, |limits| types[*number].skip(types, reader, limits))?,
        }
        Ok(())
    }
}

/// Steps over the items of an array, or of a map.
fn items(
    keyed: bool,
    item: &Shape,
    types: &Types,
    reader: &mut Reader<'_>,
    limits: &mut Limits,
) -> Result<(), TranscodeError> {
    loop {
        let count = block(reader, limits)?;
        if count == 0 {
            return Ok(());
        }
        for _ in 0..count {
            if keyed {
                text(reader)?;
            }
            item.skip(types, reader, limits)?;
        }
    }
}

fn text(reader: &mut Reader<'_>) -> Result<(), TranscodeError> {
    let bytes = reader.bytes()?;
    reader.checked(bytes)?;
    Ok(())
}

/// The number of items in the next block of an array or map; 0 at its end.
pub(super) fn block(reader: &mut Reader<'_>, limits: &mut Limits) -> Result<usize, TranscodeError> {
    let at = reader.position();
    let length = reader.long()?;
    if length < 0 {
        reader.long()?; // a negative count is followed by the block's size in bytes
    }
    let count = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX);
    limits.items = limits.items.checked_sub(count).ok_or(TranscodeError::Items { at })?;
    Ok(count)
}
