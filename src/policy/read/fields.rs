//! Taking a group of keys apart while collecting everything that is wrong with it.
//!
//! A reader asks for each key it knows and calls [`Fields::finish`], which reports the keys nobody asked for.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use super::tree::{Entry, Node, Value};
use crate::domain::Text;
use crate::domain::words::Word;
use crate::policy::Words;
use crate::policy::problem::{Place, Problem, ProblemCode};

/// Problems reported for one document; further ones are dropped.
pub const PROBLEMS_MAX: usize = 200;

/// Longest list of words that a check of a decision repeats, bytes: a decision has to fit into a message.
const WORDS_BYTES_MAX: usize = 64 << 10;
/// Longest text of a document that a problem repeats, characters.
const FOUND_CHARS_MAX: usize = 200;

/// Letters by which a key that is likely meant differs at most, and the longest key for which one is looked for, bytes.
const NEAR_LETTERS_MAX: usize = 3;
const NEAR_BYTES_MAX: usize = 64;

/// What a scalar should have been, and how to mend it.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    pub code: ProblemCode,
    pub expected: String,
    pub next: String,
}

impl Wrong {
    pub fn new(expected: impl Into<String>, next: impl Into<String>) -> Self {
        Self { code: ProblemCode::Value, expected: expected.into(), next: next.into() }
    }

    /// The same as another kind of problem than a wrong value.
    pub fn coded(self, code: ProblemCode) -> Self {
        Self { code, ..self }
    }
}

/// Collects the problems of one document.
pub struct Problems<'d> {
    /// By the part of a place.
    files: Vec<&'d str>,
    list: RefCell<Vec<Problem>>,
}

impl<'d> Problems<'d> {
    pub fn new(files: impl Iterator<Item = &'d str>) -> Self {
        Self { files: files.collect(), list: RefCell::default() }
    }

    /// The file that a place is in.
    pub fn file(&self, place: Place) -> &'d str {
        self.files.get(place.part).copied().unwrap_or_default()
    }

    pub fn report(&self, place: Place, found: impl Into<String>, wrong: Wrong) {
        let mut list = self.list.borrow_mut();
        if list.len() < PROBLEMS_MAX {
            let file = self.file(place).to_owned();
            list.push(Problem {
                code: wrong.code,
                file,
                place,
                found: clipped(found.into()),
                expected: wrong.expected,
                next: wrong.next,
            });
        }
    }

    /// True when further problems are dropped.
    fn is_full(&self) -> bool {
        self.list.borrow().len() >= PROBLEMS_MAX
    }

    /// All problems in the order of the document.
    pub fn into_list(self) -> Vec<Problem> {
        let mut list = self.list.into_inner();
        list.sort_by_key(|problem| problem.place);
        list
    }

    /// Reads a scalar; a problem is reported and gives `None`.
    pub fn scalar<T>(&self, node: &Node, read: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        let value = match &node.value {
            Value::Text(text) => read(text),
            _ => Err(Wrong::new("one value", "write the value on the line of its key").coded(ProblemCode::Shape)),
        };
        value.map_err(|wrong| self.report(node.place, node.describe(), wrong)).ok()
    }

    /// The items of a list; anything else is reported.
    pub fn items<'n>(&self, node: &'n Node) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) => Some(items),
            _ => {
                let wrong =
                    Wrong::new("a list", "write `[one, two]`, or one `- item` a line").coded(ProblemCode::Shape);
                self.report(node.place, node.describe(), wrong);
                None
            }
        }
    }
}

fn clipped(mut found: String) -> String {
    if let Some((end, _)) = found.char_indices().nth(FOUND_CHARS_MAX) {
        found.truncate(end);
        found.push('…');
    }
    found
}

/// The keys of one group.
pub struct Fields<'n, 'd> {
    pub problems: &'n Problems<'d>,
    /// Where the group starts, and where a missing key is reported.
    pub place: Place,
    what: &'static str,
    entries: &'n [Entry],
    asked: RefCell<Vec<&'static str>>,
    /// Keys that were reported in words of their own.
    passed: RefCell<Vec<&'n str>>,
}

impl<'n, 'd> Fields<'n, 'd> {
    /// The keys of a node that should be a group; `what` names it in messages.
    pub fn of(node: &'n Node, what: &'static str, problems: &'n Problems<'d>) -> Option<Self> {
        let Value::Group(entries) = &node.value else {
            let wrong = Wrong::new(format!("the keys of {what}"), "write one `key: value` a line, indented below")
                .coded(ProblemCode::Shape);
            problems.report(node.place, node.describe(), wrong);
            return None;
        };
        let mut first = FxHashMap::default();
        for entry in entries {
            if let Some(other) = first.insert(entry.key.as_str(), entry.place) {
                let Place { line, column, .. } = other;
                let other = match problems.file(other) {
                    _ if other.part == entry.place.part => format!("on line {line}"),
                    file => format!("in {file}:{line}:{column}"),
                };
                let wrong = Wrong::new(format!("it once (also {other})"), "keep one of the two")
                    .coded(ProblemCode::DuplicateKey);
                problems.report(entry.place, format!("`{}` a second time", entry.key), wrong);
            }
        }
        Some(Self { problems, place: node.place, what, entries, asked: RefCell::default(), passed: RefCell::default() })
    }

    /// The value of a key that may be left out. A key that is written without a value is a problem, never the default.
    pub fn find(&self, key: &'static str) -> Option<&'n Node> {
        self.ask(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        if matches!(entry.node.value, Value::Empty) {
            let wrong = Wrong::new("a value", "give it a value or remove the key").coded(ProblemCode::MissingKey);
            self.problems.report(entry.place, format!("`{key}` without a value"), wrong);
            return None;
        }
        Some(&entry.node)
    }

    /// Notes that the group knows the key, written or not.
    fn ask(&self, key: &'static str) {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
    }

    /// True when the key is written, with or without a value. Whoever asks for it knows it.
    pub fn has(&self, key: &'static str) -> bool {
        self.ask(key);
        self.is_written(key)
    }

    /// The same of a key that may not stand here.
    pub fn is_written(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// What is written and nobody has asked for yet, with the place of the key.
    pub fn unasked(&self) -> Vec<&'n Entry> {
        let (asked, passed) = (self.asked.borrow(), self.passed.borrow());
        let known = |key: &str| asked.contains(&key) || passed.contains(&key);
        self.entries.iter().filter(|entry| !known(&entry.key)).collect()
    }

    /// Says nothing more of a key that was reported already.
    pub fn pass(&self, entry: &'n Entry) {
        self.passed.borrow_mut().push(&entry.key);
    }

    /// Where the key's value stands; where the group starts when it is missing.
    pub fn place_of(&self, key: &str) -> Place {
        self.entries.iter().find(|entry| entry.key == key).map_or(self.place, |entry| entry.node.place)
    }

    /// The value of a key that must be there.
    pub fn need(&self, key: &'static str) -> Option<&'n Node> {
        self.need_as(key, ProblemCode::MissingKey)
    }

    /// A text that somebody will read: without it the document lacks more than a key.
    pub fn need_text(&self, key: &'static str) -> Option<&'n Node> {
        self.need_as(key, ProblemCode::MissingText)
    }

    fn need_as(&self, key: &'static str, code: ProblemCode) -> Option<&'n Node> {
        if !self.has(key) {
            let wrong = Wrong::new(format!("`{key}`"), format!("add `{key}: …`")).coded(code);
            self.problems.report(self.place, format!("{} without `{key}`", self.what), wrong);
        }
        self.find(key)
    }

    pub fn required<T>(&self, key: &'static str, read: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        self.need(key).and_then(|node| self.problems.scalar(node, read))
    }

    pub fn optional<T>(&self, key: &'static str, read: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        self.find(key).and_then(|node| self.problems.scalar(node, read))
    }

    /// A key with a default: the outer `None` means a problem was reported.
    pub fn or<T>(&self, key: &'static str, default: T, read: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        if self.has(key) { self.optional(key, read) } else { Some(default) }
    }

    /// A list of scalars that must not be empty once it is written; `None` when it is left out or wrong.
    pub fn list<T>(&self, key: &'static str, read: impl Fn(&str) -> Result<T, Wrong>) -> Option<Vec<T>> {
        let node = self.find(key)?;
        let items = self.problems.items(node)?;
        if items.is_empty() {
            let wrong = Wrong::new("at least one item", "name what is meant, or remove the key");
            self.problems.report(node.place, "an empty list", wrong);
            return None;
        }
        let read: Vec<Option<T>> = items.iter().map(|item| self.problems.scalar(item, &read)).collect();
        read.into_iter().collect()
    }

    /// A list with a default for when it is left out; `None` means a problem was reported.
    pub fn list_or<T>(
        &self,
        key: &'static str,
        default: Vec<T>,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Vec<T>> {
        if self.has(key) { self.list(key, read) } else { Some(default) }
    }

    /// Words that every decision by them repeats, so they have a bound.
    pub fn words(&self, key: &'static str, list: Option<Vec<Text>>) -> Option<Words> {
        let words = Words::new(list?);
        let bytes = words.joined().len();
        if bytes > WORDS_BYTES_MAX {
            let wrong = Wrong::new(format!("at most {WORDS_BYTES_MAX} bytes"), "leave some out, or use shorter ones");
            let found = format!("words of {bytes} bytes altogether");
            self.problems.report(self.place_of(key), found, wrong.coded(ProblemCode::TooLarge));
            return None;
        }
        Some(words)
    }

    /// A list that must be there.
    pub fn list_needed<T>(&self, key: &'static str, read: impl Fn(&str) -> Result<T, Wrong>) -> Option<Vec<T>> {
        if self.has(key) {
            return self.list(key, read);
        }
        self.need(key).and(None)
    }

    /// The keys of a group below this one that must be there.
    pub fn group(&self, key: &'static str, what: &'static str) -> Option<Fields<'n, 'd>> {
        self.need(key).and_then(|node| Fields::of(node, what, self.problems))
    }

    /// The keys of a group below this one that may be left out.
    pub fn group_if_any(&self, key: &'static str, what: &'static str) -> Option<Fields<'n, 'd>> {
        self.find(key).and_then(|node| Fields::of(node, what, self.problems))
    }

    /// Reports the keys that nobody asked for.
    pub fn finish(self) {
        self.report_unknown();
    }

    /// As [`Fields::finish`], for a group that is still looked at afterwards.
    pub fn report_unknown(&self) {
        let asked = self.asked.borrow();
        for entry in self.unasked().into_iter().take_while(|_| !self.problems.is_full()) {
            let next = match nearest(&entry.key, &asked) {
                Some(known) => format!("perhaps `{known}` is meant; correct the key or remove it"),
                None => "correct the key or remove it".to_owned(),
            };
            let wrong = Wrong::new(format!("one of {}", asked.join(", ")), next).coded(ProblemCode::UnknownKey);
            self.problems.report(entry.place, format!("`{}`, which {} does not know", entry.key, self.what), wrong);
        }
    }
}

/// The word that was likely meant: the one that is spelt most alike.
pub fn nearest<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    if written.len() > NEAR_BYTES_MAX {
        return None;
    }
    let apart = |key: &&&str| strsim::osa_distance(written, key);
    known.iter().min_by_key(apart).filter(|key| apart(key) <= NEAR_LETTERS_MAX).copied()
}

/// A word of a closed vocabulary.
pub fn word<W: Word>(text: &str) -> Result<W, Wrong> {
    W::named(text).ok_or_else(|| Wrong::new(format!("one of {}", W::NAMES.join(", ")), "choose one of these"))
}
