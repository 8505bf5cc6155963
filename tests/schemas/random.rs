//! Random values of every schema: both implementations agree on each, byte for byte.

use apache_avro::Schema as AvroSchema;
use apache_avro::types::Value;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reflow::domain::words::Word;
use reflow::wire::Schema;

use crate::authority::{self, Authority};
use crate::ours;

const CASES: u32 = 200;
const ARRAY_ITEMS_MAX: usize = 3;
const STRING_CHARS_MAX: usize = 8;

/// Any value of a schema, over the whole range of each type.
fn values(authority: &Authority, schema: &AvroSchema) -> BoxedStrategy<Value> {
    match schema {
        AvroSchema::Null => Just(Value::Null).boxed(),
        AvroSchema::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        AvroSchema::Int => any::<i32>().prop_map(Value::Int).boxed(),
        AvroSchema::Date => any::<i32>().prop_map(Value::Date).boxed(),
        AvroSchema::Long => any::<i64>().prop_map(Value::Long).boxed(),
        AvroSchema::TimestampMillis => any::<i64>().prop_map(Value::TimestampMillis).boxed(),
        AvroSchema::String => vec(any::<char>(), 0..=STRING_CHARS_MAX)
            .prop_map(|chars| Value::String(chars.into_iter().collect()))
            .boxed(),
        AvroSchema::Bytes => vec(any::<u8>(), 0..=STRING_CHARS_MAX).prop_map(Value::Bytes).boxed(),
        AvroSchema::Enum(e) => {
            let symbols = e.symbols.clone();
            (0..symbols.len()).prop_map(move |i| Value::Enum(i as u32, symbols[i].clone())).boxed()
        }
        AvroSchema::Union(u) => {
            let branch = |number: usize| {
                let value = values(authority, &u.variants()[number]);
                value.prop_map(move |value| Value::Union(number as u32, Box::new(value)))
            };
            prop_oneof![branch(0), branch(1)].boxed()
        }
        AvroSchema::Array(a) => vec(values(authority, &a.items), 0..=ARRAY_ITEMS_MAX).prop_map(Value::Array).boxed(),
        AvroSchema::Record(r) => {
            let names: Vec<String> = r.fields.iter().map(|f| f.name.clone()).collect();
            let fields: Vec<_> = r.fields.iter().map(|f| values(authority, &f.schema)).collect();
            fields.prop_map(move |values| Value::Record(names.iter().cloned().zip(values).collect())).boxed()
        }
        AvroSchema::Ref { name } => values(authority, authority.named[name.name()]),
        other => panic!("our schemas have no {other:?}"),
    }
}

/// apache-avro writes; we read the same fields under the same names and write the same bytes; apache-avro reads them back.
fn agree(schema: Schema) {
    let authority = Authority::of(schema);
    let strategy = values(&authority, authority.schema);
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&strategy, |value| {
        let theirs = authority.write(value.clone());
        let (ours, json) = ours::read(schema, &theirs).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(&json, &authority::json(&value));
        prop_assert_eq!(&ours, &theirs);
        prop_assert_eq!(authority.read(&ours), Ok(value));
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{schema}: {e}"));
}

#[test]
fn events_agree() {
    Schema::ALL.iter().copied().filter(|s| *s < Schema::FactBundle).for_each(agree);
}

#[test]
fn fact_bundles_agree() {
    agree(Schema::FactBundle);
}

#[test]
fn outputs_agree() {
    Schema::ALL.iter().copied().filter(|s| *s > Schema::FactBundle).for_each(agree);
}
