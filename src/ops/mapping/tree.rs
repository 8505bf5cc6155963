//! A YAML document as a tree in which every key and value knows its place and every scalar keeps its text as written.
//!
//! Untyped reading would turn `0123` or `1.50` into numbers and lose their digits; here a plain scalar is its own text, so
//! that an id stays an id and money is never a float.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::problem::{At, Checker, did_you_mean};

/// One YAML node.
pub(super) struct Node {
    pub at: At,
    pub value: Value,
}

pub(super) enum Value {
    /// No value, with the text as written: empty, `null`, `NULL`, `~`.
    Nothing(String),
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

pub(super) struct Key {
    pub at: At,
    pub name: String,
}

impl Node {
    /// What the node is, for a sentence: "found a list".
    pub fn found(&self) -> String {
        match &self.value {
            Value::Nothing(_) => "nothing".to_owned(),
            Value::Scalar(text) => format!("\"{text}\""),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a section of keys".to_owned(),
        }
    }

    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads the text of a document; a problem is noted with its place.
pub(super) fn read(text: &str, checker: &mut Checker<'_>) -> Option<Node> {
    let options = serde_saphyr::options! { with_snippet: false };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Some(place(raw, text)),
        Err(error) => {
            let at = error.location().map_or(At { line: 1, column: 1 }, at);
            let whole = error.to_string();
            let first = whole.lines().next().unwrap_or("not readable");
            checker.wrong(
                at,
                format!("found text that is no YAML ({first}), expected a mapping document; correct this place"),
            );
            None
        }
    }
}

fn at(location: serde_saphyr::Location) -> At {
    At { line: location.line() as u32, column: location.column() as u32 }
}

/// What serde sees; places are added by [`place`].
enum Raw {
    Nothing,
    /// A plain number or truth value: its text is taken from the document.
    Typed,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

fn place(raw: Spanned<Raw>, text: &str) -> Node {
    let location = raw.defined;
    let value = match raw.value {
        Raw::Nothing => Value::Nothing(as_written(text, location)),
        Raw::Text(scalar) => Value::Scalar(scalar),
        Raw::Typed => Value::Scalar(as_written(text, location)),
        Raw::List(items) => Value::List(items.into_iter().map(|item| place(item, text)).collect()),
        Raw::Map(items) => {
            Value::Map(items.into_iter().map(|(name, item)| (key(name, text), place(item, text))).collect())
        }
    };
    Node { at: at(raw.referenced), value }
}

/// A key as written: `1`, `yes` and `null` are texts like others.
fn key(raw: Spanned<Raw>, text: &str) -> Key {
    let name = match raw.value {
        Raw::Text(name) => name,
        Raw::Nothing | Raw::Typed | Raw::List(_) | Raw::Map(_) => as_written(text, raw.defined),
    };
    Key { at: at(raw.referenced), name }
}

fn as_written(text: &str, location: serde_saphyr::Location) -> String {
    let span = location.span();
    let start = span.byte_offset().unwrap_or(0) as usize;
    let end = start + span.byte_len().unwrap_or(0) as usize;
    text.get(start..end).unwrap_or_default().trim().to_owned()
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or a section")
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }
    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }
    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }
    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }
    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = items.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

/// A section whose keys are taken one by one; a key that nobody asked for is a problem.
pub(super) struct Section<'n> {
    pub at: At,
    what: String,
    entries: Vec<(&'n Key, &'n Node, bool)>,
    asked: Vec<&'static str>,
}

impl<'n> Section<'n> {
    /// Opens a node as a section; `what` names it in sentences.
    pub fn open(node: &'n Node, what: impl Into<String>, checker: &mut Checker<'_>) -> Option<Self> {
        let what = what.into();
        match &node.value {
            Value::Map(items) => {
                let entries = items.iter().map(|(key, node)| (key, node, false)).collect();
                Some(Self { at: node.at, what, entries, asked: Vec::new() })
            }
            _ => {
                checker.wrong(
                    node.at,
                    format!("found {}, expected {what} with its keys; write `key: value` lines", node.found()),
                );
                None
            }
        }
    }

    /// The value of a key, if the section has it.
    pub fn take(&mut self, name: &'static str) -> Option<&'n Node> {
        self.asked.push(name);
        let entry = self.entries.iter_mut().find(|(key, _, _)| key.name == name)?;
        entry.2 = true;
        Some(entry.1)
    }

    /// The value of a key without which the section makes no sense.
    pub fn need(&mut self, name: &'static str, why: &str, checker: &mut Checker<'_>) -> Option<&'n Node> {
        let node = self.take(name);
        if node.is_none() {
            checker.wrong(self.at, format!("found {} without `{name}`, expected {why}; add `{name}: …`", self.what));
        }
        node
    }

    /// Notes every key that nobody asked for.
    pub fn close(self, checker: &mut Checker<'_>) {
        for (key, _, taken) in &self.entries {
            if !taken {
                let near = did_you_mean(&key.name, self.asked.iter().copied());
                let mut known = self.asked.clone();
                known.sort_unstable();
                known.dedup();
                let known = known.join(", ");
                checker.wrong(
                    key.at,
                    format!(
                        "found the unknown key `{}` in {}{near}, expected one of: {known}; correct or remove it",
                        key.name, self.what
                    ),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Node {
        let mut checker = Checker::new("m.yaml");
        let node = read(text, &mut checker);
        checker.finish(node).unwrap()
    }

    #[test]
    fn plain_scalars_keep_their_digits_and_places() {
        let root = tree("größe: 1.50\nid: 0123\nflag: yes\nlist: [007, ~]\n");
        let Value::Map(items) = &root.value else { panic!("no section") };
        let texts: Vec<_> = items.iter().map(|(key, node)| (key.at.line, node.at.column, node.found())).collect();
        assert_eq!(texts[0], (1, 8, "\"1.50\"".to_owned()));
        assert_eq!(texts[1], (2, 5, "\"0123\"".to_owned()));
        assert_eq!(texts[2], (3, 7, "\"yes\"".to_owned()));
        let Value::List(list) = &items[3].1.value else { panic!("no list") };
        assert_eq!((list[0].found(), list[1].found()), ("\"007\"".to_owned(), "nothing".to_owned()));
    }

    #[test]
    fn broken_yaml_has_a_place() {
        let mut checker = Checker::new("m.yaml");
        assert!(read("a: [1,\nb: 2\n", &mut checker).is_none());
        let problems = checker.finish::<()>(None).unwrap_err();
        assert!(problems.0[0].at.line >= 1 && problems.to_string().contains("no YAML"), "{problems}");
    }
}
