//! Types of the library as the compiler looks at them.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{InnerDecimalSchema, Name, UuidSchema};
use rustc_hash::FxBuildHasher;

use super::shape::Shape;

/// Named types by full name.
pub(super) type Named<'s> = HashMap<Name, &'s Schema, FxBuildHasher>;

/// What stands behind a reference.
pub(super) fn named<'s>(schema: &'s Schema, names: &Named<'s>) -> &'s Schema {
    match schema {
        Schema::Ref { name } => names.get(name).copied().unwrap_or(schema),
        other => other,
    }
}

/// Every type that the schema defines.
pub(super) fn collect(schema: &Schema) -> Named<'_> {
    let (mut names, mut open) = (Named::default(), vec![schema]);
    while let Some(schema) = open.pop() {
        match schema {
            Schema::Record(record) => {
                names.insert(record.name.clone(), schema);
                open.extend(record.fields.iter().map(|field| &field.schema));
            }
            Schema::Enum(symbols) => drop(names.insert(symbols.name.clone(), schema)),
            Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
                names.insert(fixed.name.clone(), schema);
            }
            Schema::Decimal(decimal) => {
                if let InnerDecimalSchema::Fixed(fixed) = &decimal.inner {
                    names.insert(fixed.name.clone(), schema);
                }
            }
            Schema::Array(array) => open.push(&array.items),
            Schema::Map(map) => open.push(&map.types),
            Schema::Union(union) => open.extend(union.variants()),
            _ => {}
        }
    }
    names
}

/// The bytes of a type without parts.
pub(super) fn plain(schema: &Schema) -> Option<Shape> {
    Some(match schema {
        Schema::Null => Shape::Nothing,
        Schema::Boolean => Shape::Bool,
        Schema::Int | Schema::Date | Schema::TimeMillis => Shape::Int,
        Schema::Long
        | Schema::TimeMicros
        | Schema::TimestampMillis
        | Schema::TimestampMicros
        | Schema::TimestampNanos
        | Schema::LocalTimestampMillis
        | Schema::LocalTimestampMicros
        | Schema::LocalTimestampNanos => Shape::Long,
        Schema::Float => Shape::Fixed(4),
        Schema::Double => Shape::Fixed(8),
        Schema::Bytes | Schema::BigDecimal | Schema::Uuid(UuidSchema::Bytes) => Shape::Bytes,
        Schema::String | Schema::Uuid(UuidSchema::String) => Shape::Text,
        Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
            Shape::Fixed(fixed.size)
        }
        Schema::Decimal(decimal) => match &decimal.inner {
            InnerDecimalSchema::Bytes => Shape::Bytes,
            InnerDecimalSchema::Fixed(fixed) => Shape::Fixed(fixed.size),
        },
        Schema::Array(_)
        | Schema::Map(_)
        | Schema::Union(_)
        | Schema::Record(_)
        | Schema::Enum(_)
        | Schema::Ref { .. } => return None,
    })
}

/// False where both sides name a unit and it is not the same, or where a decimal's bytes would be read as text.
pub(super) fn unit_fits(writer: &Schema, reader: &Schema) -> bool {
    let plain = |schema: &Schema| {
        matches!(schema, Schema::Int | Schema::Long | Schema::Bytes | Schema::String | Schema::Null | Schema::Boolean)
    };
    match (writer, reader) {
        (Schema::Decimal(_) | Schema::BigDecimal, reader) => matches!(reader, Schema::Bytes),
        (writer, reader) => plain(writer) || plain(reader) || writer == reader,
    }
}

/// A type in few words.
pub(super) fn words(schema: &Schema) -> String {
    match schema {
        Schema::Record(record) => format!("record {}", record.name.name()),
        Schema::Enum(symbols) => format!("enum {} [{}]", symbols.name.name(), symbols.symbols.join(", ")),
        Schema::Fixed(fixed) => format!("fixed {}", fixed.name.name()),
        Schema::Array(_) => "an array".to_owned(),
        Schema::Map(_) => "a map".to_owned(),
        Schema::Union(_) => "a union".to_owned(),
        other => format!("{:?}", apache_avro::schema::SchemaKind::from(other)).to_lowercase(),
    }
}
