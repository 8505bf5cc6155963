//! The document as a tree of texts with their places. Scalars stay text: no number of a policy is ever read as a float.
//!
//! The language is a small part of YAML. Anchors, aliases and tags are refused: a reviewer sees every value where it acts,
//! and a document cannot grow when it is read.

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, StrInput, options};

use crate::policy::problem::Place;

/// Deepest nesting of lists and groups, levels.
const DEPTH_LEVELS_MAX: usize = 12;

/// A value and where it starts.
#[derive(Clone, Debug)]
pub struct Node {
    pub place: Place,
    pub value: Value,
    /// A scalar as the document writes it, where that is not simply its text on one line.
    written: Option<Box<str>>,
}

#[derive(Clone, Debug)]
pub enum Value {
    /// A key without a value, `~` or `null`.
    Empty,
    Text(String),
    List(Vec<Node>),
    Group(Vec<Entry>),
}

/// One `key: value` of a group, in the order of the document.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub place: Place,
    pub node: Node,
}

/// Why a text is no tree.
#[derive(Debug)]
pub struct Broken {
    pub place: Place,
    pub found: String,
    pub expected: &'static str,
    pub next: &'static str,
}

impl Node {
    /// A node that does not stand in a document as it is.
    pub fn new(place: Place, value: Value) -> Self {
        Self { place, value, written: None }
    }

    /// What the node is, for a message.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Empty => "no value".to_owned(),
            Value::Text(text) => format!("`{text}`"),
            Value::List(_) => "a list".to_owned(),
            Value::Group(_) => "a group of keys".to_owned(),
        }
    }

    /// Where a character of the node's text (from 0) stands in the document. Quotes, indentation and folded lines differ
    /// from the text in white space only, so the characters that are none are counted in both.
    pub fn place_of(&self, character: usize) -> Place {
        let Value::Text(text) = &self.value else { return self.place };
        let Some(written) = &self.written else {
            return Place { column: self.place.column + character, ..self.place };
        };
        let mut sought = text.chars().take(character).filter(|letter| !letter.is_whitespace()).count();
        let quote = written.chars().next().filter(|first| matches!(first, '"' | '\''));
        let block = written.starts_with(['|', '>']);
        let (mut place, mut skip) = (self.place, usize::from(quote.is_some()));
        let mut in_header = block;
        let mut letters = written.chars().peekable();
        while let Some(letter) = letters.next() {
            let escapes = match quote {
                Some('"') => letter == '\\',
                Some(_) => letter == '\'' && letters.peek() == Some(&'\'') && skip == 0,
                None => false,
            };
            if skip > 0 {
                skip -= 1;
            } else if !in_header && !letter.is_whitespace() && !escapes {
                if sought == 0 {
                    return place;
                }
                sought -= 1;
            }
            if letter == '\n' {
                in_header = false;
                place = Place { line: place.line + 1, column: 1, ..place };
            } else {
                place.column += 1;
            }
        }
        self.place
    }
}

impl Node {
    /// The value of a key.
    pub fn key(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Group(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The group of a list below `list` whose `key` has that value.
    pub fn item(&self, list: &str, key: &str, value: &str) -> Option<&Node> {
        let Value::List(items) = &self.key(list)?.node.value else { return None };
        let named =
            |item: &&Node| matches!(item.key(key).map(|e| &e.node.value), Some(Value::Text(text)) if text == value);
        items.iter().find(named)
    }

    /// Every text in it with its place.
    pub fn texts(&self) -> Box<dyn Iterator<Item = (&str, Place)> + '_> {
        match &self.value {
            Value::Empty => Box::new(std::iter::empty()),
            Value::Text(text) => Box::new(std::iter::once((text.as_str(), self.place))),
            Value::List(items) => Box::new(items.iter().flat_map(Node::texts)),
            Value::Group(entries) => Box::new(entries.iter().flat_map(|entry| entry.node.texts())),
        }
    }

    /// Where the value at a path of keys stands; of what is not written, where the innermost group begins that is.
    pub fn place_at(&self, path: &[&str]) -> Place {
        match path.split_first().and_then(|(first, rest)| Some((self.key(first)?, rest))) {
            Some((entry, [])) => entry.node.place,
            Some((entry, rest)) => entry.node.place_at(rest),
            None => self.place,
        }
    }
}

/// Reads the one document of the text, which is that part of a policy.
pub fn read(part: usize, text: &str) -> Result<Node, Broken> {
    let mut events = Events::new(part, text);
    let root = loop {
        match events.next()? {
            (Event::StreamStart | Event::DocumentStart(..), _) => {}
            (Event::StreamEnd | Event::DocumentEnd, _) => {
                let place = Place { part, line: 1, column: 1 };
                let (expected, next) = ("a policy", "start from the example in `policies/`");
                return Err(Broken { place, found: "an empty document".to_owned(), expected, next });
            }
            (event, place) => break events.node(event, place)?,
        }
    };
    loop {
        match events.next()? {
            (Event::StreamEnd, _) => return Ok(root),
            (Event::DocumentStart(..), place) => {
                let (expected, next) = ("one policy in one file", "move what follows `---` into a file of its own");
                return Err(Broken { place, found: "a second document".to_owned(), expected, next });
            }
            _ => {}
        }
    }
}

struct Events<'t> {
    part: usize,
    text: &'t str,
    /// The bytes of the last event.
    span: (Option<usize>, Option<usize>),
    parser: Parser<'t, StrInput<'t>>,
}

impl<'t> Events<'t> {
    fn new(part: usize, text: &'t str) -> Self {
        let options = options! {
            emit_comments: false,
            disallow_directives: true,
            flow_nesting_limit: DEPTH_LEVELS_MAX,
            block_nesting_limit: DEPTH_LEVELS_MAX,
        };
        Self { part, text, span: (None, None), parser: Parser::new_from_str_with_options(text, options) }
    }

    fn next(&mut self) -> Result<(Event<'t>, Place), Broken> {
        match self.parser.next() {
            Some(Ok((event, span))) => {
                self.span = (span.start.byte_offset(), span.end.byte_offset());
                Ok((event, self.place(&span.start)))
            }
            Some(Err(error)) => Err(syntax(self.place(error.marker()), error.info())),
            None => Ok((Event::StreamEnd, Place::default())),
        }
    }

    /// The parser counts lines from 1 and columns from 0.
    fn place(&self, marker: &Marker) -> Place {
        Place { part: self.part, line: marker.line(), column: marker.col() + 1 }
    }

    /// The node that begins with this event. The parser bounds the nesting, and so the recursion.
    fn node(&mut self, event: Event<'t>, place: Place) -> Result<Node, Broken> {
        let mut written = None;
        let value = match event {
            Event::Scalar(text, style, 0, None) => match text.as_ref() {
                "" | "~" | "null" if style == ScalarStyle::Plain => Value::Empty,
                _ => {
                    written = self.written(&text);
                    Value::Text(text.into_owned())
                }
            },
            Event::SequenceStart(_, 0, None) => Value::List(self.list()?),
            Event::MappingStart(_, 0, None) => Value::Group(self.group()?),
            _ => {
                let (expected, next) = ("a plain value", "write the value out where it is used");
                return Err(Broken {
                    place,
                    found: "an anchor, alias or tag (`&`, `*`, `!`)".to_owned(),
                    expected,
                    next,
                });
            }
        };
        Ok(Node { place, value, written })
    }

    /// The scalar of the last event as it is written, unless that is its text.
    fn written(&self, text: &str) -> Option<Box<str>> {
        let (Some(start), Some(end)) = self.span else { return None };
        self.text.get(start..end).filter(|written| *written != text).map(Box::from)
    }

    fn list(&mut self) -> Result<Vec<Node>, Broken> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, place) => items.push(self.node(event, place)?),
            }
        }
    }

    fn group(&mut self) -> Result<Vec<Entry>, Broken> {
        let mut entries = Vec::new();
        loop {
            let (event, place) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let key = self.node(event, place)?;
            let Value::Text(name) = key.value else {
                let (expected, next) = ("a word as key", "write `key: value`");
                return Err(Broken { place, found: key.describe(), expected, next });
            };
            let (event, at) = self.next()?;
            entries.push(Entry { key: name, place, node: self.node(event, at)? });
        }
    }
}

fn syntax(place: Place, found: String) -> Broken {
    let next = "check indentation, colons, brackets and quotes there and on the line above";
    Broken { place, found, expected: "YAML", next }
}
