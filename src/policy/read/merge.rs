//! Several texts as one tree: their top-level keys side by side.

use super::fields::{Problems, Wrong};
use super::tree::{Entry, Node, Value, read};
use crate::policy::ProblemCode;
use crate::policy::document::{BYTES_MAX, Document, PARTS_MAX, Part};
use crate::policy::problem::Place;

/// What a head says, and all that it may say.
pub const HEAD: [&str; 5] = ["version", "effective_from", "author", "approver", "reason"];

/// The tree of the whole document; nothing when a part is no tree, which was reported.
pub fn tree(document: &Document, problems: &Problems<'_>) -> Option<Node> {
    let bytes: usize = document.all().map(|part| part.text.len()).sum();
    if bytes > BYTES_MAX {
        let wrong = Wrong::new("at most 8 MiB in one document", "shorten its lists").coded(ProblemCode::TooLarge);
        problems.report(Place { part: 0, line: 1, column: 1 }, format!("{bytes} bytes"), wrong);
        return None;
    }
    if document.parts.is_empty() || document.parts.len() > PARTS_MAX {
        let wrong = Wrong::new(format!("1 to {PARTS_MAX} files in one policy"), "name the files of one policy")
            .coded(ProblemCode::TooLarge);
        problems.report(Place::default(), format!("{} files", document.parts.len()), wrong);
        return None;
    }
    let mut roots = Vec::new();
    for (number, part) in document.all().enumerate() {
        roots.push(root(number, part, problems));
    }
    let head = document.head.is_some().then(|| roots.pop()).flatten();
    let roots: Option<Vec<Node>> = roots.into_iter().collect();
    match head {
        None => Some(merged(roots?, problems)),
        Some(head) => Some(beheaded(merged(roots?, problems), head?, problems)),
    }
}

fn root(number: usize, part: &Part, problems: &Problems<'_>) -> Option<Node> {
    read(number, &part.text)
        .map_err(|broken| {
            let wrong = Wrong::new(broken.expected, broken.next).coded(ProblemCode::Syntax);
            problems.report(broken.place, broken.found, wrong);
        })
        .ok()
}

/// The keys of all roots in one group. A single root stays as it is, whatever it is.
fn merged(mut roots: Vec<Node>, problems: &Problems<'_>) -> Node {
    if roots.len() == 1
        && let Some(only) = roots.pop()
    {
        return only;
    }
    let place = roots.first().map_or(Place::default(), |root| root.place);
    let mut all = Vec::new();
    for root in roots {
        match root.value {
            Value::Group(entries) => all.extend(entries),
            _ => {
                let wrong = Wrong::new("keys of a policy", "write one `key: value` a line").coded(ProblemCode::Shape);
                problems.report(root.place, root.describe(), wrong);
            }
        }
    }
    Node::new(place, Value::Group(all))
}

/// The document under another head.
fn beheaded(body: Node, head: Node, problems: &Problems<'_>) -> Node {
    let entries = |node: Node| match node.value {
        Value::Group(entries) => entries,
        _ => Vec::new(),
    };
    let place = body.place;
    let is_head = |entry: &Entry| HEAD.contains(&entry.key.as_str());
    let mut all: Vec<Entry> = entries(body).into_iter().filter(|entry| !is_head(entry)).collect();
    for entry in entries(head) {
        if !is_head(&entry) {
            let wrong = Wrong::new(format!("one of {}", HEAD.join(", ")), "leave it to the document itself")
                .coded(ProblemCode::UnknownKey);
            problems.report(entry.place, format!("`{}` in a head", entry.key), wrong);
        }
        all.push(entry);
    }
    Node::new(place, Value::Group(all))
}
