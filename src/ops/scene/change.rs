//! A policy with some of its values changed: `contracts.p01.guard.min_n: 10` puts a value, a key without one takes it away.

use std::fmt::Write as _;

use crate::policy::Place;
use crate::policy::read::fields::{Problems, Wrong};
use crate::policy::read::tree::{Entry, Node, Value};

/// Puts each change into the tree; a path that leads nowhere is reported where the change stands.
pub fn apply(root: &mut Node, changes: &[Entry], problems: &Problems<'_>) {
    for change in changes {
        let steps: Vec<&str> = change.key.split('.').collect();
        if let Err(step) = put(root, &steps, &change.node) {
            let next = "name keys as in the policy, items of a list by their first value, `+` for a new item";
            problems.report(
                change.place,
                format!("`{}`", change.key),
                Wrong::new(format!("a path; there is no `{step}`"), next),
            );
        }
    }
}

/// Errs with the step of the path that leads nowhere.
fn put<'p>(node: &mut Node, path: &[&'p str], value: &Node) -> Result<(), &'p str> {
    let Some((step, rest)) = path.split_first() else {
        *node = value.clone();
        return Ok(());
    };
    match &mut node.value {
        Value::Group(entries) => put_key(entries, step, rest, value),
        Value::List(items) if *step == "+" && rest.is_empty() => {
            items.push(value.clone());
            Ok(())
        }
        Value::List(items) => {
            let found = items.iter().position(|item| names(item, step)).ok_or(*step)?;
            if rest.is_empty() && matches!(value.value, Value::Empty) {
                items.remove(found);
                return Ok(());
            }
            items.get_mut(found).map_or(Err(*step), |item| put(item, rest, value))
        }
        Value::Empty | Value::Text(_) => Err(step),
    }
}

fn put_key<'p>(entries: &mut Vec<Entry>, step: &'p str, rest: &[&'p str], value: &Node) -> Result<(), &'p str> {
    let known = entries.iter().position(|entry| entry.key == step);
    match (known, rest.is_empty()) {
        (Some(at), true) if matches!(value.value, Value::Empty) => _ = entries.remove(at),
        (Some(at), _) => return entries.get_mut(at).map_or(Err(step), |entry| put(&mut entry.node, rest, value)),
        (None, true) => entries.push(Entry { key: step.to_owned(), place: value.place, node: value.clone() }),
        // A group that was left out so far.
        (None, false) => {
            let mut group = Node::new(value.place, Value::Group(Vec::new()));
            put(&mut group, rest, value)?;
            entries.push(Entry { key: step.to_owned(), place: value.place, node: group });
        }
    }
    Ok(())
}

/// An item is named by its own text or by the first value in it.
fn names(item: &Node, name: &str) -> bool {
    match &item.value {
        Value::Text(text) => text == name,
        Value::Group(entries) => {
            entries.first().is_some_and(|entry| matches!(&entry.node.value, Value::Text(text) if text == name))
        }
        Value::Empty | Value::List(_) => false,
    }
}

/// The tree as a document again, each top-level key on a line of its own.
pub fn document(root: &Node) -> String {
    let mut text = String::new();
    match &root.value {
        Value::Group(entries) => {
            for entry in entries {
                quoted(&mut text, &entry.key);
                text.push_str(": ");
                emit(&mut text, &entry.node);
                text.push('\n');
            }
        }
        _ => emit(&mut text, root),
    }
    text
}

fn emit(out: &mut String, node: &Node) {
    match &node.value {
        Value::Empty => out.push_str("null"),
        Value::Text(text) => quoted(out, text),
        Value::List(items) => {
            out.push('[');
            for item in items {
                emit(out, item);
                out.push_str(", ");
            }
            out.push(']');
        }
        Value::Group(entries) => {
            out.push('{');
            for entry in entries {
                quoted(out, &entry.key);
                out.push_str(": ");
                emit(out, &entry.node);
                out.push_str(", ");
            }
            out.push('}');
        }
    }
}

/// A scalar in double quotes: it stays the text it was.
fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if (letter as u32) < 0x20 => _ = write!(out, "\\x{:02x}", letter as u32),
            letter => out.push(letter),
        }
    }
    out.push('"');
}

/// Where a change stands that names this place of the changed policy; else the first change.
pub fn place(changes: &[Entry]) -> Place {
    changes.first().map_or(Place::default(), |change| change.place)
}
