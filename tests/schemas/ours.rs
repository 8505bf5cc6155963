//! Our codec and serde, chosen by schema.

use std::fmt::Debug;

use reflow::domain::alert::Alert;
use reflow::domain::codec::{self, Avro, CodecError};
use reflow::domain::journal::JournalEntry;
use reflow::domain::view::{PartnerPane, PartnerView};
use reflow::domain::{
    ApplicationEvent, Candidate, Command, CustomerEvent, DeadLetter, Decision, FactBundle, Outcome, PolicyRecord,
    RepaymentEvent, Reply,
};
use reflow::wire::Schema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Calls a function that is generic over the domain type of a schema.
macro_rules! by_type {
    ($schema:expr, $function:ident($($argument:expr),*)) => {
        match $schema {
            Schema::Application => $function::<ApplicationEvent<'_>>($($argument),*),
            Schema::Repayment => $function::<RepaymentEvent<'_>>($($argument),*),
            Schema::Customer => $function::<CustomerEvent<'_>>($($argument),*),
            Schema::Outcome => $function::<Outcome<'_>>($($argument),*),
            Schema::Command => $function::<Command<'_>>($($argument),*),
            Schema::FactBundle => $function::<FactBundle>($($argument),*),
            Schema::Reply => $function::<Reply>($($argument),*),
            Schema::Decision => $function::<Decision>($($argument),*),
            Schema::Candidate => $function::<Candidate>($($argument),*),
            Schema::PartnerView => $function::<PartnerView>($($argument),*),
            Schema::PartnerPane => $function::<PartnerPane>($($argument),*),
            Schema::Alert => $function::<Alert>($($argument),*),
            Schema::DeadLetter => $function::<DeadLetter>($($argument),*),
            Schema::Journal => $function::<JournalEntry>($($argument),*),
            Schema::Policy => $function::<PolicyRecord>($($argument),*),
        }
    };
}

/// What our codec makes of a body: the bytes it would write for it, and its serde form.
pub fn read(schema: Schema, body: &[u8]) -> Result<(Vec<u8>, Json), CodecError> {
    by_type!(schema, read_as(body))
}

/// The body our codec writes for a JSON document.
pub fn write(schema: Schema, text: &str) -> Vec<u8> {
    by_type!(schema, write_as(text))
}

/// Fails unless document and body are the same domain value.
pub fn assert_same(schema: Schema, text: &str, body: &[u8]) {
    by_type!(schema, assert_same_as(text, body));
}

fn read_as<'a, T: Avro<'a> + Serialize>(body: &'a [u8]) -> Result<(Vec<u8>, Json), CodecError> {
    let value = codec::decode::<T>(body)?;
    Ok((encoded(&value), serde_json::to_value(&value).unwrap()))
}

fn write_as<'a, T: Avro<'a> + Deserialize<'a>>(text: &'a str) -> Vec<u8> {
    encoded(&serde_json::from_str::<T>(text).unwrap())
}

fn assert_same_as<'a, T: Avro<'a> + Deserialize<'a> + PartialEq + Debug>(text: &'a str, body: &'a [u8]) {
    assert_eq!(serde_json::from_str::<T>(text).unwrap(), codec::decode::<T>(body).unwrap());
}

fn encoded<'a, T: Avro<'a>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    codec::encode(value, &mut out);
    out
}
