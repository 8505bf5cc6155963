//! What a scenario expects, against what was said: every difference with its place.

use serde_json::Value as Json;

use super::times::Calendar;
use crate::domain::decision::DecisionKind;
use crate::domain::words::Word;
use crate::domain::{Decision, EventTime, Text};
use crate::policy::Place;
use crate::policy::read::fields::{Fields, Wrong};
use crate::policy::read::quantity::{duration, percentage};
use crate::policy::read::tree::{Node, Value};

/// One thing that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub place: Place,
    pub expected: String,
    pub found: String,
}

/// What should have been said since the expectation before.
#[derive(Clone, Debug)]
pub struct Expectation {
    pub place: Place,
    /// All decisions of the span, as lines; `None`: they are not looked at.
    pub decisions: Option<Vec<(Place, String)>>,
    /// The codes named in it.
    pub codes: Vec<String>,
    /// The customer whose candidate, decision and checks are looked at.
    pub customer: String,
    pub candidate: Option<Node>,
    pub decision: Option<Node>,
    pub checks: Option<Node>,
    /// By partner.
    pub views: Option<Node>,
    pub alerts: Option<(Place, Vec<String>)>,
}

/// The kinds of decisions as they are expected, and whether reasons belong to them.
const KINDS: [(&str, bool); 5] =
    [("yes", false), ("no", true), ("too_late", true), ("revoked", true), ("expired", false)];

impl Expectation {
    /// Reads the group after `expect`; `customer` is whom it is about where it does not say.
    pub fn read(node: &Node, customer: &str, fields: &Fields<'_, '_>) -> Option<Self> {
        let group = Fields::of(node, "`expect`", fields.problems)?;
        let mut lines = Vec::new();
        let (mut codes, mut asked) = (Vec::new(), false);
        for (kind, with_reasons) in KINDS {
            let Some(node) = group.find(kind) else { continue };
            asked = true;
            decisions(node, kind, with_reasons, customer, &group, &mut lines, &mut codes);
        }
        if let Some(nothing) = group.optional("nothing", super::events::yes) {
            asked |= nothing;
        }
        let candidate = group.find("candidate").cloned();
        codes.extend(candidate.iter().flat_map(marks));
        let alerts = group.find("alerts").and_then(|node| Some((node.place, super::events::texts(&group, node)?)));
        let read = Self {
            place: node.place,
            customer: group.optional("customer", |text| Ok(text.to_owned())).unwrap_or_else(|| customer.to_owned()),
            candidate,
            decision: group.find("decision").cloned(),
            checks: group.find("checks").cloned(),
            views: group.find("view").cloned(),
            decisions: asked.then_some(lines),
            alerts,
            codes,
        };
        group.finish();
        Some(read)
    }
}

/// The codes that stand in the grounds of an expected candidate.
fn marks(candidate: &Node) -> Vec<String> {
    let reasons = candidate.key("grounds").and_then(|grounds| grounds.node.key("reasons"));
    reasons.map(|reasons| reasons.node.texts().map(|(code, _)| code.to_owned()).collect()).unwrap_or_default()
}

fn decisions(
    node: &Node,
    kind: &str,
    with_reasons: bool,
    customer: &str,
    group: &Fields<'_, '_>,
    lines: &mut Vec<(Place, String)>,
    codes: &mut Vec<String>,
) {
    let mut add = |place, customer: &str, reasons: Vec<String>| {
        lines.push((place, line(kind, customer, &reasons)));
        codes.extend(reasons);
    };
    match &node.value {
        Value::Group(entries) if with_reasons => {
            for entry in entries {
                if let Some(reasons) = super::events::texts(group, &entry.node) {
                    add(entry.place, &entry.key, reasons);
                }
            }
        }
        _ => {
            let Some(words) = super::events::texts(group, node) else { return };
            if with_reasons {
                add(node.place, customer, words);
            } else {
                words.iter().for_each(|customer| add(node.place, customer, Vec::new()));
            }
        }
    }
}

/// A decision as a line: `no c1 because GATE_HARDSHIP`.
fn line(kind: &str, customer: &str, reasons: &[impl AsRef<str>]) -> String {
    let reasons: Vec<&str> = reasons.iter().map(AsRef::as_ref).collect();
    if reasons.is_empty() {
        format!("{kind} {customer}")
    } else {
        format!("{kind} {customer} because {}", reasons.join(", "))
    }
}

fn line_of(decision: &Decision) -> String {
    // That it expired says it all.
    let reasons: &[Text] = if decision.kind == DecisionKind::Expired { &[] } else { &decision.reasons };
    line(decision.kind.name(), &decision.customer, reasons)
}

/// Both lists, each decision once, in any order.
pub fn compare_decisions(expected: &[(Place, String)], found: &[&Decision], place: Place) -> Vec<Difference> {
    let mut found: Vec<String> = found.iter().map(|decision| line_of(decision)).collect();
    let mut missing = Vec::new();
    for (place, line) in expected {
        match found.iter().position(|known| known == line) {
            Some(at) => _ = found.remove(at),
            None => missing.push((*place, line.clone())),
        }
    }
    let mut differences = Vec::new();
    for (place, expected) in missing {
        let customer = |line: &str| line.split(' ').nth(1).map(str::to_owned);
        let near = found.iter().position(|line| customer(line) == customer(&expected));
        let found = near.map_or("no such decision".to_owned(), |at| found.remove(at));
        differences.push(Difference { place, expected, found });
    }
    let more = found.into_iter();
    differences.extend(more.map(|found| Difference { place, expected: "no further decision".to_owned(), found }));
    differences
}

/// Compares a tree with what there is: only what the tree names counts. `path` says where in the whole it stands.
pub fn compare(node: &Node, found: &Json, path: &str, calendar: &Calendar, now: EventTime, out: &mut Vec<Difference>) {
    let mut differs = |expected: String, found: String| {
        let (expected, found) = (format!("{path} {expected}"), found);
        out.push(Difference { place: node.place, expected, found });
    };
    match (&node.value, found) {
        (Value::Empty, Json::Null) => {}
        (Value::Group(entries), Json::Object(fields)) => {
            for entry in entries {
                let below = fields.get(&entry.key).unwrap_or(&Json::Null);
                compare(&entry.node, below, &format!("{path}.{}", entry.key), calendar, now, out);
            }
        }
        (Value::List(items), Json::Array(values)) if items.len() == values.len() => {
            for (index, (item, value)) in items.iter().zip(values).enumerate() {
                compare(item, value, &format!("{path}[{index}]"), calendar, now, out);
            }
        }
        (Value::List(items), Json::Array(_)) => differs(format!("with {} items", items.len()), shown(found)),
        (Value::Text(text), _) if says(text, found, calendar, now) => {}
        (Value::Text(text), _) => differs(text.clone(), shown(found)),
        (Value::Empty, _) => differs("nothing".to_owned(), shown(found)),
        (Value::Group(_), _) => differs("a group of keys".to_owned(), shown(found)),
        (Value::List(_), _) => differs("a list".to_owned(), shown(found)),
    }
}

/// True when the text says this value: a word, a number, a percentage, a duration, a moment, yes or no.
fn says(text: &str, value: &Json, calendar: &Calendar, now: EventTime) -> bool {
    match value {
        Json::String(word) => word == text,
        Json::Bool(flag) => super::events::yes(text) == Ok(*flag),
        Json::Number(number) => {
            let Some(number) = number.as_i64() else { return false };
            let read: [Result<i64, Wrong>; 4] = [
                text.parse().map_err(|_| Wrong::new("", "")),
                percentage(text),
                duration(text),
                calendar.moment(text, now).map(|at| at.0),
            ];
            read.into_iter().flatten().any(|read| read == number)
                || super::events::yes(text).is_ok_and(|flag| i64::from(flag) == number)
        }
        Json::Null | Json::Array(_) | Json::Object(_) => false,
    }
}

fn shown(value: &Json) -> String {
    match value {
        Json::Null => "nothing".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
