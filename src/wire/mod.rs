//! Avro in Confluent framing to domain and back.
//!
//! A record value is a [`frame`] of five bytes with the id of its schema, then a body in Avro's binary form. To write one:
//! look up the id, put the frame, put the body. To read one: take the frame off, compare the id with the one expected, read
//! the body by [`crate::domain::codec`] and leave nothing over. What is expected is known from the topic; nothing is guessed
//! from bytes.
//!
//! [`schemas`] holds the published text of every schema, [`ids`] the id of each, [`events`] the five records that a lender
//! sends, [`plan`] how records of other versions of a schema become ours. apache-avro is the authority that tests compare with; it is not on this path.

pub mod schemas;
pub mod ids;
pub mod frame;
pub mod events;
pub mod plan;

pub use events::{Lists, decode_event, decode_event_body, encode_event};
pub use ids::SchemaIds;
pub use plan::{Plan, TranscodeError};
pub use schemas::Schema;

use crate::domain::codec::{self, Avro, CodecError};

/// Why a record value could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("{0} bytes are too short for a Confluent header of 5 bytes")]
    Short(usize),
    #[error("the first byte is {0}, not the Confluent magic byte 0")]
    Magic(u8),
    #[error("schema id {found} is not the id {expected} of schema {schema}")]
    SchemaId { schema: Schema, expected: u32, found: u32 },
    #[error("not a {schema} record: {error}")]
    Decode { schema: Schema, error: CodecError },
    #[error("a {schema} record whose writer's schema cannot be used: {why}")]
    Writer { schema: Schema, id: u32, why: String },
    #[error("not a {schema} record as schema id {id} says: {error}")]
    Transcode { schema: Schema, id: u32, error: TranscodeError },
    /// The caller asked for an event where the topic holds none; no bytes lead here.
    #[error("a {0} record is not an event")]
    NotAnEvent(Schema),
}

impl SchemaIds {
    /// Appends header and body.
    pub fn encode<'a, T: Avro<'a>>(&self, schema: Schema, value: &T, out: &mut Vec<u8>) {
        frame::put(self.id(schema), out);
        codec::encode(value, out);
    }

    /// Reads header and body; the whole value must be used up.
    pub fn decode<'a, T: Avro<'a>>(&self, schema: Schema, bytes: &'a [u8]) -> Result<T, WireError> {
        decode_body(schema, self.body(schema, bytes)?)
    }

    /// The body behind a header with our id of that schema.
    pub fn body<'a>(&self, schema: Schema, bytes: &'a [u8]) -> Result<&'a [u8], WireError> {
        let (found, body) = frame::split(bytes)?;
        let expected = self.id(schema);
        if found != expected {
            return Err(WireError::SchemaId { schema, expected, found });
        }
        Ok(body)
    }
}

/// Reads a body in our layout; all of it must be used up.
#[inline]
pub fn decode_body<'a, T: Avro<'a>>(schema: Schema, body: &'a [u8]) -> Result<T, WireError> {
    codec::decode(body).map_err(|error| WireError::Decode { schema, error })
}

/// The same over a value that was used before, whose buffers are used again.
#[inline]
pub fn decode_body_over<'a, T: Avro<'a>>(schema: Schema, value: &mut T, body: &'a [u8]) -> Result<(), WireError> {
    codec::decode_over(value, body).map_err(|error| WireError::Decode { schema, error })
}
