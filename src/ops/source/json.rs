//! One JSON object as a row: the columns a mapping names, nested ones by their path `a.b`, numbers as they are written.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::csv::{FIELD_BYTES_MAX, check};
use crate::ops::mapping::{Mapping, Row};

/// The columns of a mapping as a tree of object keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Paths {
    keys: BTreeMap<String, Paths>,
    column: Option<usize>,
}

impl Paths {
    pub fn of<'c>(columns: impl Iterator<Item = &'c str>) -> Self {
        let mut root = Self::default();
        for (column, name) in columns.enumerate() {
            // A key that holds a dot itself is found by its whole name, nested keys by their path.
            root.child(name).column = Some(column);
            if name.contains('.') {
                let mut node = &mut root;
                for key in name.split('.') {
                    node = node.child(key);
                }
                node.column = Some(column);
            }
        }
        root
    }

    fn child(&mut self, key: &str) -> &mut Self {
        self.keys.entry(key.to_owned()).or_default()
    }

    fn find(&self, key: &str) -> Option<&Self> {
        self.keys.get(key)
    }
}

/// Fills a row from one line; the sentence says what is wrong with it.
pub(super) fn fill(line: &[u8], paths: &Paths, mapping: &Mapping, row: &mut Row) -> Result<(), String> {
    let text = check(line)?;
    let mut json = serde_json::Deserializer::from_str(text);
    let found = Fill { paths, mapping, row }.deserialize(&mut json);
    found.and_then(|()| json.end()).map_err(|error| format!("not a JSON object: {error}"))
}

struct Fill<'f> {
    paths: &'f Paths,
    mapping: &'f Mapping,
    row: &'f mut Row,
}

impl<'de> DeserializeSeed<'de> for Fill<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fill<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key)? {
            let Some(node) = self.paths.find(&key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let raw = map.next_value::<&RawValue>()?.get();
            if let Some(column) = node.column {
                let value = scalar(raw).map_err(serde::de::Error::custom)?;
                if let Some(value) = value {
                    self.mapping.set(self.row, column, &value);
                }
            }
            if !node.keys.is_empty() && raw.starts_with('{') {
                let inner = Fill { paths: node, mapping: self.mapping, row: self.row };
                inner.deserialize(&mut serde_json::Deserializer::from_str(raw)).map_err(serde::de::Error::custom)?;
            }
        }
        Ok(())
    }
}

/// A key, borrowed unless it holds escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }
    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// A string without its quotes; a number or truth value as written; null is `None`; lists and objects as JSON text.
fn scalar(raw: &str) -> Result<Option<Cow<'_, str>>, String> {
    if raw.len() > FIELD_BYTES_MAX {
        return Err(format!("a field is longer than {FIELD_BYTES_MAX} bytes"));
    }
    if raw == "null" {
        return Ok(None);
    }
    if !raw.starts_with('"') {
        return Ok(Some(Cow::Borrowed(raw)));
    }
    let text: Cow<'_, str> = match raw.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
        _ => Cow::Owned(serde_json::from_str(raw).map_err(|error| error.to_string())?),
    };
    if text.contains('\0') { Err("holds a NUL byte".to_owned()) } else { Ok(Some(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: &str, columns: &[&str]) -> Result<Vec<Option<String>>, String> {
        let conditions: Vec<String> = columns.iter().map(|column| format!("\"{column}\": {{not: x}}")).collect();
        let yaml = format!(
            "mapping: t\nformat: jsonl\nwhen: {{{}}}\nevents: [{{event: customer, event_time: 2020-01-01, customer: c}}]",
            conditions.join(", ")
        );
        let mapping = Mapping::parse("t.yaml", &yaml).unwrap();
        let mut row = Row::default();
        row.clear(columns.len());
        fill(line.as_bytes(), &Paths::of(mapping.columns()), &mapping, &mut row)?;
        Ok((0..columns.len()).map(|column| row.get(column).map(str::to_owned)).collect())
    }

    #[test]
    fn numbers_keep_their_digits() {
        let line =
            r#"{"a": 12345678901234567.89, "b": "x\u00e9\n", "c": null, "d": true, "skip": [1, {"a": 2}], "e": 1e-2}"#;
        let found = row(line, &["a", "b", "c", "d", "e", "f"]).unwrap();
        let texts: Vec<_> = found.iter().map(Option::as_deref).collect();
        assert_eq!(texts, [Some("12345678901234567.89"), Some("xé"), None, Some("true"), Some("1e-2"), None]);
    }

    #[test]
    fn nested_keys_by_path() {
        let found =
            row(r#"{"loan": {"id": 7, "borrower": {"id": "c1"}}, "a.b": 1}"#, &["loan.id", "loan.borrower.id", "a.b"])
                .unwrap();
        assert_eq!(found, [Some("7".to_owned()), Some("c1".to_owned()), Some("1".to_owned())]);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for line in ["[1]", "{", "{\"a\": 1} x", "nonsense", "{\"a\": \"\\u0000\"}", "{\"a\": 01}"] {
            assert!(row(line, &["a"]).is_err(), "{line}");
        }
    }
}
