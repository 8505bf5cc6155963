//! What differs between two documents, told by partner and part.
//!
//! The trees are compared, not what they mean to the judge: a key that a later version brings is covered without a line of
//! code here. Items of a list are matched by the key that names them, so that an inserted contract moves nothing else.

use std::fmt;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use super::document::Document;
use super::problem::Problem;
use super::read::{Entry, HEAD, Node, Value, outline};

/// Keys by which items of a list are named, in the order in which they are tried.
const NAMES: [&str; 15] = [
    "partner",
    "offer",
    "id",
    "code",
    "name",
    "model",
    "segment",
    "grade",
    "campaign",
    "template",
    "challenger",
    "lift",
    "rule",
    "treatment",
    "product",
];
/// Longest value in a sentence, characters; JSON holds all of it.
const WORDS_CHARS_MAX: usize = 160;

/// What happened to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Changed,
    Added,
    Removed,
    /// Items of a list of values.
    Gained,
    Lost,
    Reordered,
}

/// A place in one of the two documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Where {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Whose contract it is in.
    pub partner: Option<String>,
    /// The top-level key it is under; `head` for version, time and persons.
    pub part: String,
    /// Keys and names of items from there down.
    pub path: Vec<String>,
    pub kind: Kind,
    pub from: Option<String>,
    pub to: Option<String>,
    pub from_at: Option<Where>,
    pub to_at: Option<Where>,
    /// The difference as a sentence.
    pub words: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Change {
    /// `p01: quota per day from 400 to 200`
    fn spoken(&self, steps: &[String]) -> String {
        let subject = self.partner.clone().unwrap_or_else(|| spoken(&self.part));
        let (from, to) = (short(self.from.as_deref()), short(self.to.as_deref()));
        let what = match self.kind {
            Kind::Changed => format!("from {from} to {to}"),
            Kind::Added => format!("added: {to}"),
            Kind::Removed => format!("removed, was {from}"),
            Kind::Gained => format!("gains {to}"),
            Kind::Lost => format!("loses {from}"),
            Kind::Reordered => format!("in another order, from {from} to {to}"),
        };
        // `listed, to, from 2025 to 2026`: a key that is itself one of these words stands apart.
        let apart = steps.last().is_some_and(|last| last.ends_with("from") || last.ends_with("to"));
        let steps = steps.join(", ") + if apart { "," } else { "" };
        if steps.is_empty() { format!("{subject}: {what}") } else { format!("{subject}: {steps} {what}") }
    }
}

/// Every difference from `before` to `after`: the head, then partner by partner, then the other parts. Errs when one of them
/// is no tree.
pub fn diff(before: &Document, after: &Document) -> Result<Vec<Change>, Vec<Problem>> {
    let (a, b) = match (outline(before), outline(after)) {
        (Ok(a), Ok(b)) => (a, b),
        (a, b) => return Err(a.err().into_iter().chain(b.err()).flatten().collect()),
    };
    let mut differ = Differ { before, after, path: Vec::new(), found: Vec::new() };
    differ.nodes(&a, &b);
    let rank = |change: &Change| match (&change.partner, change.part.as_str()) {
        (_, "head") => 0,
        (Some(_), _) => 1,
        _ => 2,
    };
    differ.found.sort_by_key(rank);
    Ok(differ.found)
}

/// A value on one side, with what is said of it.
type Side<'n> = (Option<&'n Node>, Option<String>);

fn whole(node: &Node) -> Side<'_> {
    (Some(node), Some(text(node)))
}

struct Differ<'d> {
    before: &'d Document,
    after: &'d Document,
    /// Keys and names of items, and how each is spoken.
    path: Vec<(String, String)>,
    found: Vec<Change>,
}

impl Differ<'_> {
    fn say(&mut self, kind: Kind, from: Side<'_>, to: Side<'_>) {
        let place = |document: &Document, node: &Node| Where {
            file: document.all().nth(node.place.part).map_or_else(String::new, |part| part.file.clone()),
            line: node.place.line,
            column: node.place.column,
        };
        let mut path = self.path.clone();
        let mut part = "head".to_owned();
        if let Some((first, _)) = path.first()
            && !HEAD.contains(&first.as_str())
        {
            part = path.remove(0).0;
        }
        let partner = (part == "contracts" && !path.is_empty()).then(|| path.remove(0).0);
        let (path, steps): (Vec<String>, Vec<String>) = path.into_iter().unzip();
        let (from_at, to_at) = (from.0.map(|node| place(self.before, node)), to.0.map(|node| place(self.after, node)));
        let (from, to, words) = (from.1, to.1, String::new());
        let change = Change { partner, part, path, kind, from, to, from_at, to_at, words };
        let words = change.spoken(&steps);
        self.found.push(Change { words, ..change });
    }

    /// Looks at what lies below a key.
    fn key(&mut self, key: &str, what: impl FnOnce(&mut Self)) {
        self.step(key, spoken(key), what);
    }

    /// Looks at an item of a list, whose name is said as it is.
    fn item(&mut self, name: &str, what: impl FnOnce(&mut Self)) {
        self.step(name, name.to_owned(), what);
    }

    fn step(&mut self, raw: &str, spoken: String, what: impl FnOnce(&mut Self)) {
        self.path.push((raw.to_owned(), spoken));
        what(self);
        self.path.pop();
    }

    fn nodes(&mut self, a: &Node, b: &Node) {
        match (&a.value, &b.value) {
            (Value::Group(before), Value::Group(after)) => self.groups(before, after),
            (Value::List(before), Value::List(after)) => self.lists((a, before), (b, after)),
            _ if same(a, b) => {}
            _ => self.say(Kind::Changed, whole(a), whole(b)),
        }
    }

    fn groups(&mut self, before: &[Entry], after: &[Entry]) {
        let of = |entries: &[Entry]| -> FxHashMap<String, usize> {
            entries.iter().enumerate().map(|(place, entry)| (entry.key.clone(), place)).collect()
        };
        let (left, right) = (of(before), of(after));
        for entry in before {
            self.key(&entry.key, |differ| match right.get(&entry.key).and_then(|place| after.get(*place)) {
                Some(other) => differ.nodes(&entry.node, &other.node),
                None => differ.say(Kind::Removed, whole(&entry.node), (None, None)),
            });
        }
        for entry in after.iter().filter(|entry| !left.contains_key(&entry.key)) {
            self.key(&entry.key, |differ| differ.say(Kind::Added, (None, None), whole(&entry.node)));
        }
    }

    fn lists(&mut self, (a, before): (&Node, &[Node]), (b, after): (&Node, &[Node])) {
        let groups = |items: &[Node]| items.iter().all(|item| matches!(item.value, Value::Group(_)));
        match name_of(before, after) {
            Some(key) if groups(before) && groups(after) => self.named((a, before), (b, after), key),
            _ if groups(before) && groups(after) && !before.is_empty() && !after.is_empty() => {
                self.numbered((a, before), (b, after));
            }
            _ => self.values((a, before), (b, after)),
        }
    }

    /// Items that have names: each with its namesake.
    fn named(&mut self, (a, before): (&Node, &[Node]), (b, after): (&Node, &[Node]), key: &str) {
        let names = |items: &[Node]| -> Vec<String> {
            items.iter().map(|item| name(item, key).unwrap_or_default().to_owned()).collect()
        };
        let (left, right) = (names(before), names(after));
        let places: FxHashMap<&str, usize> = right.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        let known: FxHashSet<&str> = left.iter().map(String::as_str).collect();
        for (item, name) in before.iter().zip(&left) {
            self.item(name, |differ| match places.get(name.as_str()).and_then(|place| after.get(*place)) {
                Some(other) => differ.nodes(item, other),
                None => differ.say(Kind::Removed, whole(item), (None, None)),
            });
        }
        for (item, name) in after.iter().zip(&right).filter(|(_, name)| !known.contains(name.as_str())) {
            self.item(name, |differ| differ.say(Kind::Added, (None, None), whole(item)));
        }
        let both = |names: &[String], others: &dyn Fn(&str) -> bool| -> Vec<String> {
            names.iter().filter(|name| others(name)).cloned().collect()
        };
        let stayed = (both(&left, &|name| places.contains_key(name)), both(&right, &|name| known.contains(name)));
        // The order of contracts says nothing; of offers and rules it may.
        if stayed.0 != stayed.1 && key != "partner" {
            self.say(Kind::Reordered, (Some(a), Some(stayed.0.join(", "))), (Some(b), Some(stayed.1.join(", "))));
        }
    }

    /// Items without names: what stands unchanged anywhere is left out, the rest is compared in order. Then the order of what
    /// stayed.
    fn numbered(&mut self, (a, before): (&Node, &[Node]), (b, after): (&Node, &[Node])) {
        let ((old, kept), (new, still)) = (apart(before, after), apart(after, before));
        for place in 0..old.len().max(new.len()) {
            match (old.get(place), new.get(place)) {
                (Some((_, old)), Some((number, new))) => {
                    self.item(&format!("item {number}"), |differ| differ.nodes(old, new));
                }
                (Some((number, old)), None) => {
                    let side = whole(old);
                    self.item(&format!("item {number}"), |differ| differ.say(Kind::Removed, side, (None, None)));
                }
                (None, Some((number, new))) => {
                    let side = whole(new);
                    self.item(&format!("item {number}"), |differ| differ.say(Kind::Added, (None, None), side));
                }
                (None, None) => {}
            }
        }
        if !kept.iter().map(|item| exact(item)).eq(still.iter().map(|item| exact(item))) {
            let list = |items: &[&Node]| items.iter().map(|item| text(item)).collect::<Vec<_>>().join(", ");
            self.say(Kind::Reordered, (Some(a), Some(list(&kept))), (Some(b), Some(list(&still))));
        }
    }

    fn values(&mut self, (a, before): (&Node, &[Node]), (b, after): (&Node, &[Node])) {
        let texts = |items: &[Node]| -> Vec<String> { items.iter().map(text).collect() };
        if before.iter().map(exact).eq(after.iter().map(exact)) {
            return;
        }
        let (left, right) = (texts(before), texts(after));
        let missing = |items: &[String], others: &[String]| -> Vec<String> {
            let others: FxHashSet<&str> = others.iter().map(String::as_str).collect();
            items.iter().filter(|item| !others.contains(item.as_str())).cloned().collect()
        };
        let (lost, gained) = (missing(&left, &right), missing(&right, &left));
        if lost.is_empty() && gained.is_empty() {
            return self.say(Kind::Reordered, (Some(a), Some(left.join(", "))), (Some(b), Some(right.join(", "))));
        }
        if !lost.is_empty() {
            self.say(Kind::Lost, (Some(a), Some(lost.join(", "))), (Some(b), None));
        }
        if !gained.is_empty() {
            self.say(Kind::Gained, (Some(a), None), (Some(b), Some(gained.join(", "))));
        }
    }
}

/// The items that the others do not hold word for word, with their number from 1, and those that they do; an item that
/// stands twice is there twice.
fn apart<'n>(items: &'n [Node], others: &[Node]) -> (Vec<(usize, &'n Node)>, Vec<&'n Node>) {
    let mut there: FxHashMap<String, usize> = FxHashMap::default();
    others.iter().for_each(|other| *there.entry(exact(other)).or_default() += 1);
    let (mut left, mut kept) = (Vec::new(), Vec::new());
    for (number, item) in (1..).zip(items) {
        match there.get_mut(&exact(item)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                kept.push(item);
            }
            _ => left.push((number, item)),
        }
    }
    (left, kept)
}

/// The key that names the items of both lists: each has it once, as one value, and no two of a list alike.
fn name_of(before: &[Node], after: &[Node]) -> Option<&'static str> {
    let names = |items: &[Node], key: &str| {
        let mut seen = FxHashSet::default();
        items.iter().all(|item| name(item, key).is_some_and(|name| seen.insert(name.to_owned())))
    };
    NAMES.into_iter().find(|key| names(before, key) && names(after, key))
}

fn name<'n>(item: &'n Node, key: &str) -> Option<&'n str> {
    let Value::Group(entries) = &item.value else { return None };
    match &entries.iter().find(|entry| entry.key == key)?.node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Empty, Value::Empty) => true,
        (Value::Text(a), Value::Text(b)) => a == b,
        _ => false,
    }
}

/// A value on one line, for people.
fn text(node: &Node) -> String {
    line(node, |text| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A value to be compared: white space counts, it may be part of a condition's words.
fn exact(node: &Node) -> String {
    line(node, |text| format!("{text:?}"))
}

fn line(node: &Node, scalar: fn(&str) -> String) -> String {
    match &node.value {
        Value::Empty => "nothing".to_owned(),
        Value::Text(text) => scalar(text),
        Value::List(items) => {
            format!("[{}]", items.iter().map(|item| line(item, scalar)).collect::<Vec<_>>().join(", "))
        }
        Value::Group(entries) => {
            let each = entries.iter().map(|entry| format!("{}: {}", entry.key, line(&entry.node, scalar)));
            format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
        }
    }
}

fn spoken(key: &str) -> String {
    key.replace('_', " ")
}

fn short(text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    match text.char_indices().nth(WORDS_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::document::Part;

    fn words(before: &str, after: &str) -> Vec<String> {
        let document = |file: &str, text: &str| Document::of(vec![Part::new(file, text)]);
        let found = diff(&document("a.yaml", before), &document("b.yaml", after)).unwrap();
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_contract_is_told_by_its_partner_wherever_it_stands() {
        let before =
            "version: v1\ncontracts:\n  - {partner: p01, quota_per_day: 400, regions: [SH, BJ]}\n  - partner: p02\n";
        let after = "version: v2\ncontracts:\n  - partner: p03\n    zone: UTC\n  - {zone: UTC, regions: [BJ, GD], partner: p01, \
                     quota_per_day: 200}\n";
        assert_eq!(
            words(before, after),
            [
                "head: version from v1 to v2",
                "p01: quota per day from 400 to 200",
                "p01: regions loses SH",
                "p01: regions gains GD",
                "p01: zone added: UTC",
                "p02: removed, was {partner: p02}",
                "p03: added: {partner: p03, zone: UTC}",
            ]
        );
    }

    #[test]
    fn order_counts_where_the_first_that_fits_is_taken() {
        let offers = |one: &str, two: &str| {
            format!("offers:\n  - {{offer: {one}, cost: 18 %}}\n  - {{offer: {two}, cost: 18 %}}\n")
        };
        let found = words(&offers("low_price", "home"), &offers("home", "low_price"));
        assert_eq!(found, ["offers: in another order, from low_price, home to home, low_price"]);
        // The shares of challengers are taken one after the other.
        let trial = |one: &str, two: &str| {
            format!("e:\n  - {{challenger: {one}, share: 10 %}}\n  - {{challenger: {two}, share: 10 %}}\n")
        };
        assert_eq!(words(&trial("x", "y"), &trial("y", "x")), ["e: in another order, from x, y to y, x"]);
        assert_eq!(words("k: [a, b]", "k: [b, a]"), ["k: in another order, from a, b to b, a"]);
        assert!(words("k: {a: 1, b: 2}", "k: {b: '2', a: \"1\"}").is_empty(), "neither order of keys nor quotes count");
    }

    #[test]
    fn items_without_a_name_are_compared_in_order_once_the_same_ones_are_left_out() {
        let found = words("r: [{if: x, points: 1}, {if: y, points: 2}]", "r: [{if: z, points: 3}, {if: x, points: 1}]");
        assert_eq!(found, ["r: item 1, if from y to z", "r: item 1, points from 2 to 3"]);
        assert_eq!(words("r: [{if: x}]", "r: [{if: x}, {if: x}]"), ["r: item 2 added: {if: x}"]);
        let found = words("r: [{if: x}, {if: y}]", "r: [{if: y}, {if: z}, {if: x}]");
        let order = "r: in another order, from {if: x}, {if: y} to {if: y}, {if: x}";
        assert_eq!(found, ["r: item 2 added: {if: z}", order]);
        let found = words("r: [{if: 'a == \"b c\"'}]", "r: [{if: 'a == \"b  c\"'}]");
        assert_eq!(found.len(), 1, "white space may be part of a word: {found:?}");
    }

    #[test]
    fn parts_are_one_document_and_places_name_their_file() {
        let both = Document::of(vec![Part::new("x.yaml", "a: 1\n"), Part::new("y.yaml", "\nb: 2\n")]);
        let one = Document::of(vec![Part::new("z.yaml", "b: 3\na: 1\n")]);
        let found = diff(&both, &one).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].from_at, Some(Where { file: "y.yaml".to_owned(), line: 2, column: 4 }));
        assert_eq!(found[0].to_at, Some(Where { file: "z.yaml".to_owned(), line: 1, column: 4 }));
        assert!(diff(&both, &Document::of(vec![Part::new("w.yaml", "a: [")])).is_err());
    }
}
