//! The steps of a plan, and running them.

use smallvec::SmallVec;

use super::shape::{Limits, Shape, Types, block};
use super::{TRANSCODED_BYTES_MAX, TranscodeError};
use crate::domain::codec::{Reader, put_long};

/// Fields of a writer's record whose places are kept without allocating.
const PLACES_INLINE: usize = 32;

/// What is done with one value of the writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// Taken as it is, and our codec reads exactly the values that the writer may have.
    Same(Shape),
    /// Taken as it is; checked, because the writer's type is narrower than ours.
    Take(Shape),
    /// Nothing is read; these bytes are written.
    Put(Vec<u8>),
    /// These bytes, then the value.
    Behind(Vec<u8>, Box<Op>),
    /// By the writer's ordinal: ours, where we have one.
    Symbols(Vec<Option<i64>>),
    /// By the writer's branch.
    Branches(Vec<Option<Op>>),
    Array(Box<Op>),
    /// Field by field in the writer's order, which is ours too.
    Record(Vec<Step>),
    /// The writer's fields in another order than ours: they are found first, then taken in our order.
    Shuffled {
        found: Vec<Shape>,
        parts: Vec<Part>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Skip(Shape),
    Do(Op),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The writer's field of that number.
    Field(usize, Op),
    Put(Vec<u8>),
}

impl Op {
    /// The shape of what is taken unchanged.
    pub(super) fn taken(&self) -> Option<&Shape> {
        match self {
            Op::Same(shape) | Op::Take(shape) => Some(shape),
            _ => None,
        }
    }

    pub(super) fn run(
        &self,
        types: &Types,
        reader: &mut Reader<'_>,
        limits: &mut Limits,
        out: &mut Vec<u8>,
    ) -> Result<(), TranscodeError> {
        match self {
            Op::Same(shape) | Op::Take(shape) => {
                let mut from = reader.clone();
                shape.skip(types, reader, limits)?;
                let length = reader.position() - from.position();
                put(from.take(length)?, out)
            }
            Op::Put(bytes) => put(bytes, out),
            Op::Behind(prefix, op) => {
                put(prefix, out)?;
                op.run(types, reader, limits, out)
            }
            Op::Symbols(ours) => {
                let at = reader.position();
                let ordinal = reader.ordinal(ours.len())?;
                put_long(ours[ordinal].ok_or(TranscodeError::NoCounterpart { at, ordinal })?, out);
                Ok(())
            }
            Op::Branches(branches) => {
                let at = reader.position();
                let ordinal = reader.ordinal(branches.len())?;
                let op = branches[ordinal].as_ref().ok_or(TranscodeError::NoCounterpart { at, ordinal })?;
                op.run(types, reader, limits, out)
            }
            Op::Array(item) => array(item, types, reader, limits, out),
            Op::Record(steps) => {
                for step in steps {
                    match step {
                        Step::Skip(shape) => shape.skip(types, reader, limits)?,
                        Step::Do(op) => op.run(types, reader, limits, out)?,
                    }
                }
                Ok(())
            }
            Op::Shuffled { found, parts } => shuffled(found, parts, types, reader, limits, out),
        }
    }
}

fn put(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), TranscodeError> {
    if bytes.len() > TRANSCODED_BYTES_MAX.saturating_sub(out.len()) {
        return Err(TranscodeError::TooLarge);
    }
    out.extend_from_slice(bytes);
    Ok(())
}

fn array(
    item: &Op,
    types: &Types,
    reader: &mut Reader<'_>,
    limits: &mut Limits,
    out: &mut Vec<u8>,
) -> Result<(), TranscodeError> {
    loop {
        let count = block(reader, limits)?;
        put_long(count as i64, out);
        if count == 0 {
            return Ok(());
        }
        for _ in 0..count {
            item.run(types, reader, limits, out)?;
        }
    }
}

fn shuffled(
    found: &[Shape],
    parts: &[Part],
    types: &Types,
    reader: &mut Reader<'_>,
    limits: &mut Limits,
    out: &mut Vec<u8>,
) -> Result<(), TranscodeError> {
    let mut places = SmallVec::<[Reader<'_>; PLACES_INLINE]>::new();
    for shape in found {
        places.push(reader.clone());
        shape.skip(types, reader, limits)?;
    }
    for part in parts {
        match part {
            Part::Field(number, op) => op.run(types, &mut places[*number].clone(), limits, out)?,
            Part::Put(bytes) => put(bytes, out)?,
        }
    }
    Ok(())
}
