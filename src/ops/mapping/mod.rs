//! Mappings: which column of a file is what, so that its rows become events (`docs/mapping.md`).
//!
//! A [`Mapping`] is a checked YAML document. [`Mapping::events`] turns one [`Row`] into its events, which borrow from row and
//! mapping; there are no joins: a row knows nothing of other rows. Pure: files are read by [`super::source`].

mod application;
mod context;
mod customer;
mod decimal;
mod field;
mod id;
mod keys;
mod layout;
mod money;
mod parts;
mod problem;
mod repayment;
mod row;
mod source;
mod times;
mod tree;
mod when;

pub use layout::{Format, Layout};
pub use problem::{At, Problem, Problems};
pub use row::Row;

use application::ApplicationFields;
use context::{Columns, Context, Formats};
use customer::{CustomerFields, OutcomeFields};
use field::{Miss, TextField};
use keys::{Common, Keys};
use money::{MoneyFormat, choice, texts};
use problem::{Checker, did_you_mean};
use repayment::RepaymentFields;
use times::TimeFormat;
use tree::{Node, Section, Value};
use when::When;

use crate::domain::events::Event;

/// A checked mapping document.
#[derive(Clone, Debug)]
pub struct Mapping {
    file: String,
    name: String,
    patterns: Vec<String>,
    layout: Layout,
    proxies: Vec<(String, String)>,
    columns: Columns,
    constants: Vec<(String, At)>,
    when: When,
    rules: Vec<Rule>,
}

/// One event that a row may give.
#[derive(Clone, Debug)]
struct Rule {
    when: When,
    fields: Fields,
}

#[derive(Clone, Debug)]
enum Fields {
    Application(Box<ApplicationFields>),
    Repayment(Box<RepaymentFields>),
    Customer(Box<CustomerFields>),
    Outcome(Box<OutcomeFields>),
}

#[derive(Clone, Copy)]
enum EventName {
    Application,
    Repayment,
    Customer,
    Outcome,
}

const EVENTS: [(&str, EventName); 4] = [
    ("application", EventName::Application),
    ("repayment", EventName::Repayment),
    ("customer", EventName::Customer),
    ("outcome", EventName::Outcome),
];

/// What one row gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Number of events; 0: the row is ignored.
    pub events: usize,
    /// The origin and value for which the map of some `kind` has no entry.
    pub unmapped: Option<(String, String)>,
}

impl Mapping {
    /// Reads and checks a document; `file` is its name in problems.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let mut checker = Checker::new(file);
        let mapping = tree::read(text, &mut checker).and_then(|root| Self::read(file, &root, &mut checker));
        checker.finish(mapping)
    }

    fn read(file: &str, root: &Node, checker: &mut Checker<'_>) -> Option<Self> {
        let mut document = Section::open(root, "the mapping document", checker)?;
        let name = name(&mut document, checker);
        document.take("description");
        let patterns = document.take("files").map(|node| texts(node, checker)).unwrap_or_default();
        let layout = Layout::read(&mut document, checker);
        let proxies = document.take("proxies").map(|node| proxies(node, checker)).unwrap_or_default();
        let (formats, currency) = formats(&mut document, checker);
        let mut columns = Columns::default();
        let mut cx = Context { checker, columns: &mut columns, formats: &formats, constants: Vec::new() };
        let currency = currency.and_then(|node| TextField::read("currency", node, &mut cx));
        let when = When::read(document.take("when"), &mut cx);
        let mut common = Common::open(document.take("common"), &mut cx);
        let events = document.need("events", "a list of the events that a row gives", cx.checker);
        let rules = events.map(|node| rules(node, currency.as_ref(), &mut common, &mut cx)).unwrap_or_default();
        if events.is_some() {
            common.close(&mut cx);
        }
        let constants = std::mem::take(&mut cx.constants);
        document.close(checker);
        Some(Self { file: file.to_owned(), name: name?, patterns, layout, proxies, columns, constants, when, rules })
    }

    /// The name that goes into event ids.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands for something that the data does not have: a field and a sentence each.
    pub fn proxies(&self) -> &[(String, String)] {
        &self.proxies
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The columns of a row, in the order of its cells.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name)
    }

    /// Whether the patterns of `files` fit a file name; without patterns every name fits.
    pub fn reads(&self, file_name: &str) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| layout::fits(pattern, file_name))
    }

    /// Where each column of the mapping stands in a file of these columns.
    pub fn places(&self, file: &str, header: &[&str]) -> Result<Vec<usize>, Problems> {
        let mut checker = Checker::new(&self.file);
        let mut places = Vec::new();
        for (name, at) in self.columns.iter() {
            let mut found = header.iter().enumerate().filter(|(_, title)| **title == name).map(|(place, _)| place);
            match (found.next(), found.next()) {
                (Some(place), None) => places.push(place),
                (Some(_), Some(_)) => {
                    checker.wrong(
                        at,
                        format!(
                            "found column \"{name}\" twice in {file}, expected it once; rename one of them in the file"
                        ),
                    );
                }
                (None, _) => {
                    let near = did_you_mean(name, header.iter().copied());
                    let has = header.iter().take(40).copied().collect::<Vec<_>>().join(", ");
                    checker.wrong(
                        at,
                        format!("found column \"{name}\"{near}, expected a column of {file}, which has: {has}; correct the name"),
                    );
                }
            }
        }
        for (text, at) in self.constants.iter().filter(|(text, _)| header.contains(&text.as_str())) {
            let meant = format!("write \"{{{text}}}\" for the column, or {{const: {text}}} for the text itself");
            checker.wrong(
                *at,
                format!("found the constant \"{text}\", which is a column of {file}, expected it to be clear; {meant}"),
            );
        }
        checker.finish(Some(places))
    }

    /// Sets a cell of a row: trimmed, and absent when it is one of the nulls.
    pub fn set(&self, row: &mut Row, column: usize, text: &str) {
        if let Some(text) = self.layout.cell(text) {
            row.set(column, text);
        }
    }

    /// Gives each event of the row to `emit`, in the order of `events`. On an error the row is rejected as a whole, and
    /// what was emitted before is to be forgotten; the sentence says what is wrong.
    pub fn events(&self, row: &Row, emit: &mut dyn FnMut(&Event<'_>)) -> Result<Made, String> {
        let mut made = Made::default();
        if !self.when.holds(row)? {
            return Ok(made);
        }
        for rule in &self.rules {
            if !rule.when.holds(row)? {
                continue;
            }
            let result = match &rule.fields {
                Fields::Application(fields) => fields.event(&self.name, row, emit),
                Fields::Repayment(fields) => fields.event(&self.name, row, emit),
                Fields::Customer(fields) => fields.event(&self.name, row, emit),
                Fields::Outcome(fields) => fields.event(&self.name, row, emit),
            };
            match result {
                Ok(()) => made.events += 1,
                Err(Miss::Unmapped { origin, value }) => made.unmapped = Some((origin, value)),
                Err(Miss::Wrong(why)) => return Err(why),
            }
        }
        Ok(made)
    }
}

fn name(document: &mut Section<'_>, checker: &mut Checker<'_>) -> Option<String> {
    let node = document.need("mapping", "a name, which goes into the event ids", checker)?;
    let name = node.scalar().filter(|name| !name.is_empty() && !name.contains('\0'));
    if name.is_none() {
        checker.wrong(node.at, format!("found {}, expected a name; write `mapping: my_lender`", node.found()));
    }
    name.map(str::to_owned)
}

fn proxies(node: &Node, checker: &mut Checker<'_>) -> Vec<(String, String)> {
    let Value::Map(items) = &node.value else {
        checker.wrong(
            node.at,
            format!(
                "found {}, expected a sentence for each proxy; write `partner: \"The channel stands for …\"`",
                node.found()
            ),
        );
        return Vec::new();
    };
    let mut found = Vec::new();
    for (key, node) in items {
        match node.scalar().filter(|sentence| !sentence.trim().is_empty()) {
            Some(sentence) => found.push((key.name.clone(), sentence.trim().to_owned())),
            None => checker
                .wrong(node.at, format!("found {}, expected a sentence that says what stands for what", node.found())),
        }
    }
    found
}

/// The zone, the time formats, the money format; and the node of the currency, which may name a column.
fn formats<'n>(document: &mut Section<'n>, checker: &mut Checker<'_>) -> (Formats, Option<&'n Node>) {
    let zone =
        document.take("zone").and_then(|node| times::read_zone(node, checker)).unwrap_or(jiff::tz::TimeZone::UTC);
    let mut formats = Formats { zone, times: Vec::new(), money: None };
    if let Some(node) = document.take("times") {
        match &node.value {
            Value::Map(items) => {
                for (key, node) in items {
                    let format = TimeFormat::read(node, &formats.zone, checker);
                    formats.times.extend(format.map(|format| (key.name.clone(), format)));
                }
            }
            _ => checker.wrong(
                node.at,
                format!("found {}, expected named formats; write `default: \"%Y-%m-%d\"`", node.found()),
            ),
        }
    }
    let section = document.take("money").and_then(|node| Section::open(node, "`money`", checker));
    let Some(mut section) = section else { return (formats, None) };
    let currency = section.take("currency");
    formats.money = MoneyFormat::read(&mut section, checker);
    section.close(checker);
    (formats, currency)
}

fn rules<'n>(
    node: &'n Node,
    currency: Option<&TextField>,
    common: &mut Common<'n>,
    cx: &mut Context<'_, '_>,
) -> Vec<Rule> {
    let Value::List(items) = &node.value else {
        cx.checker
            .wrong(node.at, format!("found {}, expected a list of events; begin each with `- event: …`", node.found()));
        return Vec::new();
    };
    if items.is_empty() {
        cx.checker.wrong(node.at, "found an empty list, expected at least one event; add `- event: …`");
    }
    items.iter().filter_map(|item| rule(item, currency, common, cx)).collect()
}

fn rule<'n>(
    node: &'n Node,
    currency: Option<&TextField>,
    common: &mut Common<'n>,
    cx: &mut Context<'_, '_>,
) -> Option<Rule> {
    let mut section = Section::open(node, "an event", cx.checker)?;
    let event = section.need("event", "one of application, repayment, customer, outcome", cx.checker);
    let event = choice(event, &EVENTS, cx.checker)?;
    let when = When::read(section.take("when"), cx);
    let mut keys = Keys::new(section, common);
    let fields = match event {
        EventName::Application => {
            ApplicationFields::read(&mut keys, currency, cx).map(|f| Fields::Application(Box::new(f)))
        }
        EventName::Repayment => RepaymentFields::read(&mut keys, currency, cx).map(|f| Fields::Repayment(Box::new(f))),
        EventName::Customer => CustomerFields::read(&mut keys, cx).map(|f| Fields::Customer(Box::new(f))),
        EventName::Outcome => OutcomeFields::read(&mut keys, currency, cx).map(|f| Fields::Outcome(Box::new(f))),
    };
    keys.close(cx);
    Some(Rule { when, fields: fields? })
}
