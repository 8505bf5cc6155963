//! Damaged bytes: an error or another value, never a panic, and never another opinion than apache-avro's.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reflow::domain::codec::CodecError;
use reflow::domain::words::Word;
use reflow::wire::{Schema, SchemaIds, WireError, decode_event};

use crate::authority::{self, Authority};
use crate::examples;
use crate::ours;

const GARBAGE_CASES: u32 = 2_000;
const GARBAGE_BYTES_MAX: usize = 200;

/// Every example as our codec writes it.
fn bodies(schema: Schema) -> impl Iterator<Item = (String, Vec<u8>)> {
    examples::of(schema).into_iter().map(move |e| (e.name, ours::write(schema, &e.text)))
}

#[test]
fn a_cut_anywhere_is_an_error() {
    for schema in Schema::ALL.iter().copied() {
        for (name, body) in bodies(schema) {
            for length in 0..body.len() {
                let cut = ours::read(schema, &body[..length]);
                assert!(matches!(cut, Err(CodecError::Truncated { .. })), "{name} cut to {length} bytes: {cut:?}");
            }
        }
    }
}

#[test]
fn a_byte_too_many_is_an_error() {
    for schema in Schema::ALL.iter().copied() {
        for (name, mut body) in bodies(schema) {
            let at = body.len();
            body.push(0);
            assert_eq!(ours::read(schema, &body), Err(CodecError::Trailing { at, left: 1 }), "{name}");
        }
    }
}

/// Our reading of a damaged body is apache-avro's, or an error where that errs too.
fn assert_same_opinion(schema: Schema, authority: &Authority, body: &[u8], what: &str) {
    match (ours::read(schema, body), authority.read(body)) {
        (Ok((_, ours)), Ok(theirs)) => assert_eq!(ours, authority::json(&theirs), "{what}"),
        (Err(_), Err(_)) => {}
        (ours, theirs) => panic!("{what}: we say {ours:?}, apache-avro says {theirs:?}"),
    }
}

#[test]
fn a_flipped_bit_is_read_as_apache_avro_reads_it() {
    for schema in Schema::ALL.iter().copied() {
        let authority = Authority::of(schema);
        for (name, mut body) in bodies(schema) {
            for at in 0..body.len() {
                for bit in 0..8 {
                    body[at] ^= 1 << bit;
                    assert_same_opinion(schema, &authority, &body, &format!("{name}, bit {bit} of byte {at} flipped"));
                    body[at] ^= 1 << bit;
                }
            }
        }
    }
}

/// Nothing panics, and what is accepted is written again as something that reads the same.
#[test]
fn garbage_is_an_error_or_a_value_that_round_trips() {
    let mut runner = TestRunner::new(Config { cases: GARBAGE_CASES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&vec(any::<u8>(), 0..=GARBAGE_BYTES_MAX), |bytes| {
        for schema in Schema::ALL.iter().copied() {
            if let Ok((again, json)) = ours::read(schema, &bytes) {
                prop_assert_eq!(ours::read(schema, &again), Ok((again, json)), "{}", schema);
            }
        }
        Ok(())
    });
    outcome.unwrap();
}

/// A length or a count that no record of this size can hold is refused before anything is allocated for it.
#[test]
fn an_absurd_length_is_refused() {
    let ids = SchemaIds::default();
    let mut bytes = vec![0, 0, 0, 0, 1];
    bytes.extend_from_slice(&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    let refused = decode_event(Schema::Application, &bytes, &ids);
    assert!(
        matches!(
            refused,
            Err(WireError::Decode { error: CodecError::Truncated { wanted, left: 0, .. }, .. }) if wanted > usize::MAX / 4
        ),
        "{refused:?}"
    );
}
