//! The default of a field, as bytes in our layout.

use apache_avro::Schema;
use serde_json::Value;

use super::types::{Named, named};
use crate::domain::codec::put_long;

/// Appends the value; none when it is not one of that type.
pub(super) fn put(value: &Value, schema: &Schema, names: &Named<'_>, out: &mut Vec<u8>) -> Option<()> {
    match named(schema, names) {
        Schema::Null => value.as_null(),
        Schema::Boolean => value.as_bool().map(|value| out.push(u8::from(value))),
        Schema::Int | Schema::Date => {
            value.as_i64().and_then(|value| i32::try_from(value).ok()).map(|value| put_long(value.into(), out))
        }
        Schema::Long | Schema::TimestampMillis => value.as_i64().map(|value| put_long(value, out)),
        Schema::String => value.as_str().map(|text| put_bytes(text.as_bytes(), out)),
        // The specification writes a byte as the character of its number.
        Schema::Bytes => {
            let bytes = value.as_str()?.chars().map(|c| u8::try_from(c).ok()).collect::<Option<Vec<u8>>>()?;
            put_bytes(&bytes, out);
            Some(())
        }
        Schema::Enum(symbols) => {
            let ordinal = symbols.symbols.iter().position(|symbol| Some(symbol.as_str()) == value.as_str())?;
            put_long(ordinal as i64, out);
            Some(())
        }
        // Of its first branch by the older specifications, of any by the newest.
        Schema::Union(union) => union.variants().iter().enumerate().find_map(|(number, branch)| {
            let mut attempt = Vec::new();
            put_long(number as i64, &mut attempt);
            put(value, branch, names, &mut attempt)?;
            out.append(&mut attempt);
            Some(())
        }),
        Schema::Array(array) => {
            let items = value.as_array()?;
            if !items.is_empty() {
                put_long(items.len() as i64, out);
            }
            items.iter().try_for_each(|item| put(item, &array.items, names, out))?;
            out.push(0);
            Some(())
        }
        Schema::Record(record) => record.fields.iter().try_for_each(|field| {
            let part = value.as_object()?.get(&field.name).or(field.default.as_ref())?;
            put(part, &field.schema, names, out)
        }),
        // None of our schemas has another type.
        _ => None,
    }
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}
