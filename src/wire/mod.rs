//! Avro in Confluent framing to domain and back.

use crate::domain::codec::{self, Avro, CodecError};
use crate::words;

words! {
    /// The published schemas, by the name of their file in `schemas/`.
    pub enum Schema {
        Application = "application",
        Repayment = "repayment",
        Customer = "customer",
        Outcome = "outcome",
        Command = "command",
        FactBundle = "fact_bundle",
        Reply = "reply",
        Decision = "decision",
        Candidate = "candidate",
        PartnerView = "partner_view",
        PartnerPane = "partner_pane",
        Alert = "alert",
        DeadLetter = "dead_letter",
        Journal = "journal",
    }
}

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
}

/// Which id each schema has in the Confluent header. Without a registry: 1 to 14 in the order of [`Schema`].
#[derive(Clone, Debug)]
pub struct SchemaIds([u32; 14]);

impl Default for SchemaIds {
    fn default() -> Self {
        Self(std::array::from_fn(|i| i as u32 + 1))
    }
}

impl SchemaIds {
    pub fn id(&self, schema: Schema) -> u32 {
        self.0[schema as usize]
    }

    /// Appends header and body.
    pub fn encode<'a, T: Avro<'a>>(&self, schema: Schema, value: &T, out: &mut Vec<u8>) {
        out.push(0);
        out.extend_from_slice(&self.id(schema).to_be_bytes());
        codec::encode(value, out);
    }

    /// Reads header and body; the whole value must be used up.
    pub fn decode<'a, T: Avro<'a>>(&self, schema: Schema, bytes: &'a [u8]) -> Result<T, WireError> {
        let (header, body) = bytes.split_at_checked(5).ok_or(WireError::Short(bytes.len()))?;
        if header[0] != 0 {
            return Err(WireError::Magic(header[0]));
        }
        let found = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        let expected = self.id(schema);
        if found != expected {
            return Err(WireError::SchemaId { schema, expected, found });
        }
        codec::decode(body).map_err(|error| WireError::Decode { schema, error })
    }
}

/// Reads a record of an input topic.
pub fn decode_event<'a>(
    schema: Schema,
    bytes: &'a [u8],
    ids: &SchemaIds,
) -> Result<crate::domain::events::Event<'a>, WireError> {
    use crate::domain::events::Event;
    match schema {
        Schema::Repayment => ids.decode(schema, bytes).map(Event::Repayment),
        Schema::Customer => ids.decode(schema, bytes).map(Event::Customer),
        Schema::Outcome => ids.decode(schema, bytes).map(Event::Outcome),
        Schema::Command => ids.decode(schema, bytes).map(Event::Command),
        _ => ids.decode(Schema::Application, bytes).map(Event::Application),
    }
}
