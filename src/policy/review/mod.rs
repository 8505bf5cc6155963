//! What a policy that can be read may still do that its authors did not mean: findings, each with a counter-example.
//!
//! Each file looks at one part. Counter-examples are found by asking the policy itself about [probe] customers, so that a
//! finding never says what the rules would not do.

mod contracts;
mod dates;
mod offers;
mod persons;
mod probe;

use std::cell::Cell;

use rustc_hash::FxHashMap;

use super::document::Document;
use super::problem::{Place, Problem, ProblemCode};
use super::read::{self, Node, Value};
use super::{Policy, Text};
use crate::domain::EventTime;

/// Most findings of one policy; further ones are dropped.
const FINDINGS_MAX: usize = 200;

/// Most made-up customers on whom the offers of a policy are tried, shared out among them: a review takes about a second at
/// most. An offer whose share ends before something is found of it is said nothing of.
const TRIED_MAX: usize = 300_000;

/// One finding about a policy that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub problem: Problem,
    /// Permitted, and worth knowing: says nothing against the policy.
    pub note: bool,
    /// A concrete customer or event for which the policy does what the finding says.
    pub counter_example: Option<String>,
}

/// Everything that stands out in a policy as of a moment, in the order of the document.
pub fn review(document: &Document, policy: &Policy, at: EventTime) -> Vec<Finding> {
    let Ok(root) = read::outline(document) else { return Vec::new() };
    let mut contracts = FxHashMap::default();
    if let Some(Value::List(items)) = root.key("contracts").map(|entry| &entry.node.value) {
        contracts.extend(items.iter().filter_map(|item| match &item.key("partner")?.node.value {
            Value::Text(partner) => Some((partner.as_str(), item)),
            _ => None,
        }));
    }
    let (root, arms) = (&root, &probe::arms(&probe::narrowed(policy, at)));
    let mut review = Review { document, policy, root, contracts, arms, at, left: Cell::new(0), findings: Vec::new() };
    dates::look(&mut review);
    contracts::look(&mut review);
    persons::look(&mut review);
    offers::look(&mut review);
    review.findings.sort_by_key(|finding| finding.problem.place);
    review.findings
}

/// A review while it goes on.
struct Review<'a> {
    document: &'a Document,
    policy: &'a Policy,
    root: &'a Node,
    /// By partner.
    contracts: FxHashMap<&'a str, &'a Node>,
    /// The policy as each arm of its experiments meets it, with one contract of each kind.
    arms: &'a [Policy],
    at: EventTime,
    /// How many more customers may be tried.
    left: Cell<usize>,
    findings: Vec<Finding>,
}

/// What a finding says besides its place.
struct Said {
    code: ProblemCode,
    note: bool,
    found: String,
    expected: &'static str,
    next: &'static str,
    counter_example: Option<String>,
}

impl<'a> Review<'a> {
    fn find(&mut self, place: Place, said: Said) {
        if self.findings.len() < FINDINGS_MAX {
            let file = self.document.all().nth(place.part).map_or_else(String::new, |part| part.file.clone());
            let Said { code, note, found, expected, next, counter_example } = said;
            let problem = Problem { code, file, place, found, expected: expected.to_owned(), next: next.to_owned() };
            self.findings.push(Finding { problem, note, counter_example });
        }
    }

    /// A partner's contract in the document.
    fn contract(&self, partner: &Text) -> Option<&'a Node> {
        self.contracts.get(partner.as_str()).copied()
    }

    /// Takes one customer of those that may still be tried.
    fn take(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    /// Where a key of a partner's contract stands; where its contract begins when it is not written.
    fn in_contract(&self, partner: &Text, path: &[&str]) -> Place {
        self.contract(partner).map_or(self.root.place, |contract| contract.place_at(path))
    }

    /// Where a key of an offer stands; where the offer begins when it is not written.
    fn in_offer(&self, offer: &Text, path: &[&str]) -> Place {
        self.root.item("offers", "offer", offer).map_or(self.root.place, |node| node.place_at(path))
    }

    /// Where a key stands of the item of a list that has all these values; where the document begins when there is none.
    fn item_where(&self, list: &str, values: &[(&str, &str)], key: &str) -> Place {
        let has = |item: &&Node| {
            values.iter().all(|(key, value)| {
                matches!(item.key(key).map(|entry| &entry.node.value), Some(Value::Text(text)) if text == value)
            })
        };
        let items = self.root.key(list).map(|entry| &entry.node.value);
        let found = match items {
            Some(Value::List(items)) => items.iter().find(has),
            _ => None,
        };
        found.map_or(self.root.place, |item| item.place_at(&[key]))
    }

    /// Where a key below the root stands; where what holds it begins when it is not written.
    fn at_key(&self, path: &[&str]) -> Place {
        self.root.place_at(path)
    }
}
