//! Where the text of a field comes from: a column, a constant, a template; then nulls, a value map, a default.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::context::Context;
use super::money::texts;
use super::row::Row;
use super::tree::{Node, Section, Value};

/// A part of a template.
#[derive(Clone, Debug)]
enum Part {
    Literal(String),
    Column(usize),
}

#[derive(Clone, Debug)]
enum Origin {
    Const(String),
    Column(usize),
    Template(Vec<Part>),
}

/// The origin of a field's text.
#[derive(Clone, Debug)]
pub(super) struct Source {
    origin: Origin,
    /// The origin in words, for sentences.
    pub words: String,
    nulls: Vec<String>,
    /// An entry without a value makes the field null.
    map: Option<FxHashMap<String, Option<String>>>,
    otherwise: Option<Option<String>>,
    default: Option<String>,
}

/// A value that the map of a field has no entry for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unmapped(pub String);

impl Source {
    /// A scalar (constant, or template where it has braces), or an opened section.
    pub fn read(node: &Node, section: Option<&mut Section<'_>>, cx: &mut Context<'_, '_>) -> Option<Self> {
        match (section, &node.value) {
            (Some(section), _) => Self::read_section(node, section, cx),
            (None, Value::Scalar(text)) => {
                let origin = template(text, node, cx)?;
                Some(Self::of(origin, cx))
            }
            _ => {
                cx.checker.wrong(
                    node.at,
                    format!(
                        "found {}, expected a constant, a template like \"{{column}}\", or a section with `column`",
                        node.found()
                    ),
                );
                None
            }
        }
    }

    fn of(origin: Origin, cx: &Context<'_, '_>) -> Self {
        let words = match &origin {
            Origin::Const(_) => "constant".to_owned(),
            Origin::Column(column) => format!("column {}", cx.columns.name(*column)),
            Origin::Template(parts) => {
                let names = parts.iter().filter_map(|part| match part {
                    Part::Column(column) => Some(cx.columns.name(*column)),
                    Part::Literal(_) => None,
                });
                format!("columns {}", names.collect::<Vec<_>>().join(", "))
            }
        };
        Self { origin, words, nulls: Vec::new(), map: None, otherwise: None, default: None }
    }

    fn read_section(node: &Node, section: &mut Section<'_>, cx: &mut Context<'_, '_>) -> Option<Self> {
        let (column, constant, pattern) = (section.take("column"), section.take("const"), section.take("template"));
        let origin = match (column, constant, pattern) {
            (Some(node), None, None) => Origin::Column(cx.column(node)?),
            (None, Some(node), None) => Origin::Const(text(node, cx)?),
            (None, None, Some(node)) => template(&text(node, cx)?, node, cx)?,
            _ => {
                let hint = "write `column: name`, or in short \"{name}\" in quotes";
                cx.checker.wrong(
                    node.at,
                    format!(
                        "found a field that has not exactly one of `column`, `const`, `template`, expected one; {hint}"
                    ),
                );
                return None;
            }
        };
        let mut source = Self::of(origin, cx);
        source.nulls = section.take("nulls").map(|node| texts(node, cx.checker)).unwrap_or_default();
        source.default = section.take("default").and_then(|node| text(node, cx));
        source.map = section.take("map").and_then(|node| entries(node, cx));
        source.otherwise = section.take("otherwise").map(|node| node.scalar().map(str::to_owned));
        if source.otherwise.is_some() && source.map.is_none() {
            cx.checker
                .wrong(section.at, "found `otherwise` without `map`, expected both; use `default` for empty cells");
        }
        Some(source)
    }

    /// The text for this row; `None` when null.
    pub fn text<'r>(&'r self, row: &'r Row) -> Result<Option<Cow<'r, str>>, Unmapped> {
        let found = match &self.origin {
            Origin::Const(text) => Some(Cow::Borrowed(text.as_str())),
            Origin::Column(column) => row.get(*column).map(Cow::Borrowed),
            Origin::Template(parts) => fill(parts, row).map(Cow::Owned),
        };
        let Some(found) = found.filter(|text| !self.nulls.iter().any(|null| null == text)) else {
            return Ok(self.default.as_deref().map(Cow::Borrowed));
        };
        let Some(map) = &self.map else { return Ok(Some(found)) };
        match map.get(found.as_ref()).or(self.otherwise.as_ref()) {
            Some(mapped) => Ok(mapped.as_deref().map(Cow::Borrowed)),
            None => Err(Unmapped(found.into_owned())),
        }
    }

    /// The text of a constant.
    pub fn constant(&self) -> Option<&str> {
        match &self.origin {
            Origin::Const(text) => Some(text),
            Origin::Column(_) | Origin::Template(_) => None,
        }
    }

    /// The texts known before any row: of a constant, of the map, of the defaults.
    pub fn known(&self) -> impl Iterator<Item = &str> {
        let constant = match &self.origin {
            Origin::Const(text) if self.map.is_none() => Some(text.as_str()),
            _ => None,
        };
        let mapped = self.map.iter().flat_map(|map| map.values()).filter_map(|value| value.as_deref());
        let otherwise = self.otherwise.iter().filter_map(|value| value.as_deref());
        constant.into_iter().chain(mapped).chain(otherwise).chain(self.default.as_deref())
    }
}

fn fill(parts: &[Part], row: &Row) -> Option<String> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Column(column) => text.push_str(row.get(*column)?),
        }
    }
    Some(text)
}

fn text(node: &Node, cx: &mut Context<'_, '_>) -> Option<String> {
    if node.scalar().is_none() {
        cx.checker.wrong(node.at, format!("found {}, expected a text; write it in quotes", node.found()));
    }
    node.scalar().map(str::to_owned)
}

fn entries(node: &Node, cx: &mut Context<'_, '_>) -> Option<FxHashMap<String, Option<String>>> {
    match &node.value {
        Value::Map(items)
            if items.iter().all(|(_, value)| matches!(value.value, Value::Scalar(_) | Value::Nothing(_))) =>
        {
            Some(items.iter().map(|(key, value)| (key.name.clone(), value.scalar().map(str::to_owned))).collect())
        }
        _ => {
            cx.checker.wrong(
                node.at,
                format!(
                    "found {}, expected a map from values of the file to words; write {{Approved: approved}}",
                    node.found()
                ),
            );
            None
        }
    }
}

/// Reads `{column}` parts; `{{` and `}}` are braces.
fn template(text: &str, node: &Node, cx: &mut Context<'_, '_>) -> Option<Origin> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        literal.push_str(before);
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            literal.extend(from.chars().next());
            rest = after;
            continue;
        }
        let Some((name, after)) =
            from.strip_prefix('{').and_then(|inner| inner.split_once('}')).filter(|(name, _)| !name.is_empty())
        else {
            cx.checker.wrong(
                node.at,
                format!(
                    "found \"{text}\", expected `{{column}}` with both braces; double a brace that is meant as such"
                ),
            );
            return None;
        };
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        parts.push(Part::Column(cx.columns.index(name, node.at)));
        rest = after;
    }
    literal.push_str(rest);
    match parts.as_slice() {
        [] => Some(Origin::Const(literal)),
        [Part::Column(column)] if literal.is_empty() => Some(Origin::Column(*column)),
        _ => {
            if !literal.is_empty() {
                parts.push(Part::Literal(literal));
            }
            Some(Origin::Template(parts))
        }
    }
}
