//! Transcoding: a writer's bytes in another version of a schema become bytes in the layout of our own.
//!
//! Writer and reader schema are compiled once into a [`Plan`]; running it checks every byte of the writer's record, leaves
//! out what we do not know, fills in defaults, maps symbols, and writes the rest in our order. The static codec then reads
//! the result as it reads every record. Where nothing differs there is nothing to run: the bytes stay where they are.
//!
//! What Avro's resolution forbids is refused when the plan is made, once per schema; what depends on the record (a branch or
//! symbol that we do not have) is refused per record. Besides the rules of the specification a logical type of another unit
//! is refused: microseconds read as milliseconds would be plausible and wrong.

mod types;
mod shape;
mod ops;
mod compile;
mod defaults;

use serde_json::Value;

use crate::domain::codec::{CodecError, Reader};
use crate::wire::Schema;

use ops::Op;
use shape::{Limits, Types};

/// Longest schema text that is compiled, bytes.
pub const SCHEMA_BYTES_MAX: usize = 1 << 20;
/// Most records that a schema defines: by their names they nest in each other as deep as there are many, and whoever follows
/// them needs a stack as deep.
pub const RECORDS_MAX: usize = 256;
/// Most levels of types within all of them together: a record's are as many as its deepest field nests, and names string them together.
pub const LEVELS_MAX: usize = 1_536;
/// Deepest nesting, of types when a plan is made and of values when it is run.
pub const DEPTH_MAX: u32 = 64;
/// Most steps of one plan.
pub const STEPS_MAX: usize = 65_536;
/// Most items of arrays and maps that are looked at for one record.
pub const ITEMS_MAX: usize = 1 << 20;
/// Most bytes that one record may become.
pub const TRANSCODED_BYTES_MAX: usize = 16 << 20;

/// Why a writer's schema cannot be read by ours. Places are field names joined by dots.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("the schema has {0} bytes; at most {SCHEMA_BYTES_MAX} are read")]
    TooLong(usize),
    #[error("the schema defines {0} records; at most {RECORDS_MAX} are read")]
    TooManyRecords(usize),
    #[error(
        "the types of the schema's records nest {0} levels deep, one after the other; at most {LEVELS_MAX} are read"
    )]
    TooManyLevels(usize),
    #[error("not an Avro schema: {0}")]
    Unreadable(String),
    #[error("{place}: the writer has {writer}, we read {reader}")]
    Mismatch { place: String, writer: String, reader: String },
    #[error("{place}: the writer does not have it, and it has no default")]
    Missing { place: String },
    #[error("{place}: the default does not fit its type")]
    Default { place: String },
    #[error("{place}: nested deeper than {DEPTH_MAX}")]
    TooDeep { place: String },
    #[error("more than {STEPS_MAX} steps would be needed")]
    TooLarge,
}

/// Why a record could not be transcoded. Bytes are counted in the writer's body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TranscodeError {
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error("branch or symbol {ordinal} of the writer, at byte {at}, has no counterpart in our schema")]
    NoCounterpart { at: usize, ordinal: usize },
    #[error("values nest deeper than {DEPTH_MAX} at byte {at}")]
    Depth { at: usize },
    #[error("more than {ITEMS_MAX} items up to byte {at}")]
    Items { at: usize },
    #[error("would become more than {TRANSCODED_BYTES_MAX} bytes")]
    TooLarge,
}

/// How the records of one writer's schema become records in our layout.
#[derive(Clone, Debug)]
pub struct Plan {
    types: Types,
    op: Op,
}

impl Plan {
    /// The plan for records written with the schema `writer` (its JSON text).
    pub fn new(writer: &str, reader: Schema) -> Result<Self, PlanError> {
        Self::between(writer, reader.text())
    }

    /// The same for any reader whose types are ours: no floats, maps or fixed, unions of two types (null and another, or an enum and
    /// a string).
    pub fn between(writer: &str, reader: &str) -> Result<Self, PlanError> {
        let (writer, reader) = (parse(writer)?, parse(reader)?);
        compile::compile(&writer, &reader)
    }

    /// True when the writer's bytes are in our layout already.
    pub fn is_identity(&self) -> bool {
        matches!(self.op, Op::Same(_))
    }

    /// The body in our layout: the writer's own bytes where nothing differs, else what was put into `buffer`.
    pub fn apply<'a>(&self, body: &'a [u8], buffer: &'a mut Vec<u8>) -> Result<&'a [u8], TranscodeError> {
        if self.is_identity() {
            return Ok(body);
        }
        buffer.clear();
        let mut reader = Reader::new(body);
        self.op.run(&self.types, &mut reader, &mut Limits::default(), buffer)?;
        reader.end()?;
        Ok(buffer)
    }
}

fn parse(text: &str) -> Result<apache_avro::Schema, PlanError> {
    if text.len() > SCHEMA_BYTES_MAX {
        return Err(PlanError::TooLong(text.len()));
    }
    let tree: Value = serde_json::from_str(text).map_err(|error| PlanError::Unreadable(error.to_string()))?;
    let mut found = Defined::default();
    found.levels += found.deepest(&tree);
    if found.records > RECORDS_MAX {
        return Err(PlanError::TooManyRecords(found.records));
    }
    if found.levels > LEVELS_MAX {
        return Err(PlanError::TooManyLevels(found.levels));
    }
    apache_avro::Schema::parse(&tree).map_err(|error| PlanError::Unreadable(error.to_string()))
}

/// What a schema's text defines.
#[derive(Default)]
struct Defined {
    records: usize,
    /// Of all records, each without those that are defined inside of it.
    levels: usize,
}

impl Defined {
    /// How deep the text nests, down to the next records, which are counted. JSON is read to a depth that its reader bounds.
    fn deepest(&mut self, tree: &Value) -> usize {
        let below = match tree {
            Value::Array(items) => items.iter().map(|item| self.deepest(item)).max(),
            Value::Object(parts) => parts.values().map(|part| self.deepest(part)).max(),
            _ => return 0,
        };
        let deepest = 1 + below.unwrap_or(0);
        if tree.get("fields").is_none() {
            return deepest;
        }
        self.records += 1;
        self.levels += deepest;
        0
    }
}

#[cfg(test)]
mod tests;
