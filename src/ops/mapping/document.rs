//! A mapping document from its tree: the sections, the formats, the events.

use super::application::ApplicationFields;
use super::context::{Columns, Context, Formats};
use super::customer::{CustomerFields, OutcomeFields};
use super::field::TextField;
use super::keys::{Common, Keys};
use super::layout::Layout;
use super::money::{MoneyFormat, choice, texts};
use super::problem::Checker;
use super::repayment::RepaymentFields;
use super::times::{TimeFormat, read_zone};
use super::tree::{Node, Section, Value};
use super::when::When;
use super::{Fields, Mapping, Rule};

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

/// Reads a whole document; what is wrong is noted.
pub(super) fn read(file: &str, root: &Node, checker: &mut Checker<'_>) -> Option<Mapping> {
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
    Some(Mapping { file: file.to_owned(), name: name?, patterns, layout, proxies, columns, constants, when, rules })
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
    let zone = document.take("zone").and_then(|node| read_zone(node, checker)).unwrap_or(jiff::tz::TimeZone::UTC);
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
