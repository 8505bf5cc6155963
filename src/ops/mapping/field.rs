//! A field of an event: a source of text and a way to read it.

use std::borrow::Cow;

use super::context::Context;
use super::reading::{Reading, WordOf};
use super::row::Row;
use super::source::{Source, Unmapped};
use super::tree::{Node, Section, Value};
use crate::domain::words::Word;

/// Longest token or text of a field, bytes: longer ones would be dead-lettered `invalid`.
const TOKEN_BYTES_MAX: usize = 128;

/// Why a row gives no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// The kind's map has no entry for the value of that origin: the row is not this event.
    Unmapped { origin: String, value: String },
    /// The row cannot be read; the sentence says why.
    Wrong(String),
}

/// A field that is read into a value.
#[derive(Clone, Debug)]
pub(super) struct Field<R> {
    name: &'static str,
    pub source: Source,
    reading: R,
}

impl<R: Reading> Field<R> {
    pub fn read(name: &'static str, node: &Node, cx: &mut Context<'_, '_>) -> Option<Self> {
        let (source, reading) = if matches!(node.value, Value::Map(_)) {
            let mut section = Section::open(node, format!("the field `{name}`"), cx.checker)?;
            let parts = (Source::read(node, Some(&mut section), cx), R::options(Some(&mut section), node, cx));
            section.close(cx.checker);
            parts
        } else {
            (Source::read(node, None, cx), R::options(None, node, cx))
        };
        let (source, reading) = (source?, reading?);
        if !reading.needs_row() {
            let nothing = Row::default();
            let wrong = source.known().find_map(|text| reading.read(text, &nothing).err());
            if let Some(why) = wrong {
                cx.checker
                    .wrong(node.at, format!("found a value for `{name}` that is not as expected: {why}; correct it"));
            }
        }
        Some(Self { name, source, reading })
    }

    /// The value for this row; `None` when null.
    pub fn get(&self, row: &Row) -> Result<Option<R::Out>, Miss> {
        let Some(text) = text_of(self.name, &self.source, row)? else { return Ok(None) };
        let read = self.reading.read(&text, row);
        read.map(Some).map_err(|why| Miss::Wrong(format!("{} ({}): {why}", self.name, self.source.words)))
    }

    /// The value for this row, which must not be null.
    pub fn need(&self, row: &Row) -> Result<R::Out, Miss> {
        self.get(row)?.ok_or_else(|| empty(self.name, &self.source))
    }

    /// The values known before any row.
    pub fn known(&self) -> Vec<R::Out> {
        let nothing = Row::default();
        self.source.known().filter_map(|text| self.reading.read(text, &nothing).ok()).collect()
    }
}

impl<T: Word> Field<WordOf<T>> {
    /// The word for this row; a value without an entry in the map is [`Miss::Unmapped`], not wrong.
    pub fn kind(&self, row: &Row) -> Result<T, Miss> {
        match self.source.text(row) {
            Err(Unmapped(value)) => Err(Miss::Unmapped { origin: self.source.words.clone(), value }),
            // A kind that the map sets to nothing is no event either.
            Ok(None) => Err(Miss::Unmapped { origin: self.source.words.clone(), value: String::new() }),
            Ok(Some(_)) => self.need(row),
        }
    }
}

/// A field that is text as it stands.
#[derive(Clone, Debug)]
pub(super) struct TextField {
    name: &'static str,
    pub source: Source,
}

impl TextField {
    pub fn read(name: &'static str, node: &Node, cx: &mut Context<'_, '_>) -> Option<Self> {
        let source = if matches!(node.value, Value::Map(_)) {
            let mut section = Section::open(node, format!("the field `{name}`"), cx.checker)?;
            let source = Source::read(node, Some(&mut section), cx);
            section.close(cx.checker);
            source?
        } else {
            let source = Source::read(node, None, cx)?;
            cx.constants.extend(source.constant().map(|text| (text.to_owned(), node.at)));
            source
        };
        if let Some(why) = source.known().find_map(|text| token(name, text).err()) {
            cx.checker.wrong(node.at, format!("found a value for `{name}` that is not as expected: {why}; correct it"));
        }
        Some(Self { name, source })
    }

    pub fn get<'r>(&'r self, row: &'r Row) -> Result<Option<Cow<'r, str>>, Miss> {
        let Some(text) = text_of(self.name, &self.source, row)? else { return Ok(None) };
        token(self.name, &text).map_err(|why| Miss::Wrong(format!("{} ({}): {why}", self.name, self.source.words)))?;
        Ok(Some(text))
    }

    pub fn need<'r>(&'r self, row: &'r Row) -> Result<Cow<'r, str>, Miss> {
        self.get(row)?.ok_or_else(|| empty(self.name, &self.source))
    }
}

fn text_of<'r>(name: &str, source: &'r Source, row: &'r Row) -> Result<Option<Cow<'r, str>>, Miss> {
    source.text(row).map_err(|Unmapped(value)| {
        Miss::Wrong(format!("{name} ({}): `{value}` has no entry in its map; add one, or `otherwise`", source.words))
    })
}

fn empty(name: &str, source: &Source) -> Miss {
    Miss::Wrong(format!("{name} ({}): empty, but the event needs it", source.words))
}

/// What the contract asks of a text: not empty, not too long, no zero byte; a currency has three capital letters.
fn token(name: &str, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("an empty text".to_owned());
    }
    if text.len() > TOKEN_BYTES_MAX {
        return Err(format!("{} bytes, at most {TOKEN_BYTES_MAX} are possible", text.len()));
    }
    if text.contains('\0') {
        return Err("a zero byte".to_owned());
    }
    if name == "currency" && !(text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())) {
        return Err(format!("`{text}` is not a currency code of three capital letters"));
    }
    Ok(())
}
