//! The keys of one event: its own, and those of the `common` section that the event does not set itself.

use std::collections::BTreeSet;

use super::context::Context;
use super::field::{Field, TextField};
use super::problem::At;
use super::reading::Reading;
use super::tree::{Key, Node, Section, Value};

/// The `common` section: fields that every event has unless it sets them itself.
#[derive(Default)]
pub(super) struct Common<'n> {
    entries: Vec<(&'n Key, &'n Node)>,
    used: BTreeSet<String>,
}

impl<'n> Common<'n> {
    pub fn open(node: Option<&'n Node>, cx: &mut Context<'_, '_>) -> Self {
        let Some(node) = node else { return Self::default() };
        match &node.value {
            Value::Map(items) => {
                Self { entries: items.iter().map(|(key, node)| (key, node)).collect(), used: BTreeSet::new() }
            }
            _ => {
                cx.checker.wrong(
                    node.at,
                    format!(
                        "found {}, expected fields that all events share; write `customer: \"{{column}}\"`",
                        node.found()
                    ),
                );
                Self::default()
            }
        }
    }

    /// Notes every field that no event has.
    pub fn close(self, cx: &mut Context<'_, '_>) {
        for (key, _) in self.entries.iter().filter(|(key, _)| !self.used.contains(&key.name)) {
            let message = format!(
                "found `{}` in `common`, expected a field that some event of `events` has; correct or remove it",
                key.name
            );
            cx.checker.wrong(key.at, message);
        }
    }
}

/// The keys of one event section.
pub(super) struct Keys<'n, 'k> {
    own: Section<'n>,
    common: &'k mut Common<'n>,
}

impl<'n, 'k> Keys<'n, 'k> {
    pub fn new(own: Section<'n>, common: &'k mut Common<'n>) -> Self {
        Self { own, common }
    }

    pub fn at(&self) -> At {
        self.own.at
    }

    pub fn take(&mut self, name: &'static str) -> Option<&'n Node> {
        let own = self.own.take(name);
        let shared = self.common.entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| *node);
        if shared.is_some() {
            self.common.used.insert(name.to_owned());
        }
        // A field set to nothing in the event takes the common one away.
        own.or(shared).filter(|node| !matches!(node.value, Value::Nothing(_)))
    }

    pub fn text(&mut self, name: &'static str, cx: &mut Context<'_, '_>) -> Option<TextField> {
        self.take(name).and_then(|node| TextField::read(name, node, cx))
    }

    pub fn need_text(&mut self, name: &'static str, cx: &mut Context<'_, '_>) -> Option<TextField> {
        let node = self.need(name, cx)?;
        TextField::read(name, node, cx)
    }

    pub fn field<R: Reading>(&mut self, name: &'static str, cx: &mut Context<'_, '_>) -> Option<Field<R>> {
        self.take(name).and_then(|node| Field::read(name, node, cx))
    }

    pub fn need_field<R: Reading>(&mut self, name: &'static str, cx: &mut Context<'_, '_>) -> Option<Field<R>> {
        let node = self.need(name, cx)?;
        Field::read(name, node, cx)
    }

    fn need(&mut self, name: &'static str, cx: &mut Context<'_, '_>) -> Option<&'n Node> {
        let node = self.take(name);
        if node.is_none() {
            cx.checker.wrong(
                self.own.at,
                format!("found an event without `{name}`, expected it; add `{name}: …` here or in `common`"),
            );
        }
        node
    }

    pub fn close(self, cx: &mut Context<'_, '_>) {
        self.own.close(cx.checker);
    }
}

/// The fields of a part (a verdict, a consent, …) in its own section.
pub(super) struct PartKeys<'n> {
    section: Section<'n>,
    what: &'static str,
}

impl<'n> PartKeys<'n> {
    pub fn open(node: &'n Node, what: &'static str, cx: &mut Context<'_, '_>) -> Option<Self> {
        Section::open(node, format!("`{what}`"), cx.checker).map(|section| Self { section, what })
    }

    pub fn text(&mut self, name: &'static str, cx: &mut Context<'_, '_>) -> Option<TextField> {
        self.section.take(name).and_then(|node| TextField::read(name, node, cx))
    }

    pub fn need_text(&mut self, name: &'static str, cx: &mut Context<'_, '_>) -> Option<TextField> {
        let why = format!("it, because {} has no meaning without", self.what);
        self.section.need(name, &why, cx.checker).and_then(|node| TextField::read(name, node, cx))
    }

    pub fn field<R: Reading>(&mut self, name: &'static str, cx: &mut Context<'_, '_>) -> Option<Field<R>> {
        self.section.take(name).and_then(|node| Field::read(name, node, cx))
    }

    pub fn need_field<R: Reading>(&mut self, name: &'static str, cx: &mut Context<'_, '_>) -> Option<Field<R>> {
        let why = format!("it, because {} has no meaning without", self.what);
        self.section.need(name, &why, cx.checker).and_then(|node| Field::read(name, node, cx))
    }

    pub fn close(self, cx: &mut Context<'_, '_>) {
        self.section.close(cx.checker);
    }
}
