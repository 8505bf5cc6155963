//! Events in short form: what a scenario writes of an event, and how it becomes one with everything else left blank.

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::times::Calendar;
use crate::domain::EventTime;
use crate::domain::events::{
    ApplicationEvent, ApplicationKind, CancelReason, CloseReason, Command, CommandKind, ConsentPurpose, CustomerEvent,
    EmployerSource, Event, Flag, Outcome, OutcomeKind, OwnProductState, Payer, ProductKind, RepaymentEvent,
    RepaymentKind, RepaymentMethod, RiskBearing,
};
use crate::domain::words::Word;
use crate::policy::Place;
use crate::policy::read::fields::{Fields, Wrong};
use crate::policy::read::quantity::{percentage, sentence, whole};
use crate::policy::read::tree::{Node, Value};

/// One key of the short form: its name, the field of the event it sets, and how it is written.
pub struct Part {
    key: &'static str,
    field: &'static str,
    kind: Kind,
}

enum Kind {
    Text,
    Whole,
    /// `24 %` as parts per million.
    Percent,
    /// `yes` or `no`.
    Flag,
    Moment,
    Day,
    Word(&'static [&'static str]),
    Texts,
    Group(&'static [Part], Blank),
    /// A whole number: the principal; or a group of all three.
    Components,
    /// Flags that the event sets or clears.
    Flags(bool),
    /// One consent, or `none`.
    Consent,
}

/// What a group says where the scenario leaves it out, as JSON text.
type Blank = &'static str;

const fn part(key: &'static str, field: &'static str, kind: Kind) -> Part {
    Part { key, field, kind }
}

const VERDICT: &[Part] = &[
    part("model", "model", Kind::Text),
    part("version", "version", Kind::Text),
    part("band", "band", Kind::Text),
    part("decided_at", "decided_at", Kind::Moment),
    part("valid_days", "valid_days", Kind::Whole),
];
const EMPLOYER: &[Part] =
    &[part("token", "token", Kind::Text), part("source", "source", Kind::Word(EmployerSource::NAMES))];
const SCORE: &[Part] = &[
    part("model", "model", Kind::Text),
    part("version", "version", Kind::Text),
    part("value", "value_ppm", Kind::Percent),
    part("scored_at", "scored_at", Kind::Moment),
];
const INCOME: &[Part] = &[part("monthly", "monthly_minor", Kind::Whole), part("currency", "currency", Kind::Text)];
const CONSENT: &[Part] = &[
    part("consent", "consent", Kind::Text),
    part("purpose", "purpose", Kind::Word(ConsentPurpose::NAMES)),
    part("controller", "controller", Kind::Text),
    part("recipient", "recipient", Kind::Text),
    part("text_version", "text_version", Kind::Text),
    part("given_at", "given_at", Kind::Moment),
    part("withdrawn_at", "withdrawn_at", Kind::Moment),
    part("collected_via", "collected_via", Kind::Text),
];
const MONEY: &[Part] = &[
    part("principal", "principal_minor", Kind::Whole),
    part("interest", "interest_minor", Kind::Whole),
    part("fee", "fee_minor", Kind::Whole),
];

const VERDICT_BLANK: Blank = r#"{"model":"own_risk","version":"3","band":"A","valid_days":30}"#;
const SCORE_BLANK: Blank = r#"{"model":"score","version":"1"}"#;

pub const APPLICATION: &[Part] = &[
    part("customer", "customer", Kind::Text),
    part("partner", "partner", Kind::Text),
    part("application_id", "application", Kind::Text),
    part("drawdown", "drawdown", Kind::Text),
    part("loan", "loan", Kind::Text),
    part("product", "product", Kind::Text),
    part("product_kind", "product_kind", Kind::Word(ProductKind::NAMES)),
    part("amount", "amount_minor", Kind::Whole),
    part("limit", "limit_minor", Kind::Whole),
    part("currency", "currency", Kind::Text),
    part("cost", "all_in_cost_ppm", Kind::Percent),
    part("term_months", "term_months", Kind::Whole),
    part("repayment_method", "repayment_method", Kind::Word(RepaymentMethod::NAMES)),
    part("decline_reason", "decline_reason", Kind::Text),
    part("cancel_reason", "cancel_reason", Kind::Word(CancelReason::NAMES)),
    part("verdict", "risk_verdict", Kind::Group(VERDICT, VERDICT_BLANK)),
    part("risk_bearing", "risk_bearing", Kind::Word(RiskBearing::NAMES)),
    part("enhancer", "enhancer", Kind::Text),
    part("funder_share", "funder_share_ppm", Kind::Percent),
    part("staff", "staff", Kind::Flag),
    part("test_order", "test_order", Kind::Flag),
    part("region", "region", Kind::Text),
    part("employer", "employer", Kind::Group(EMPLOYER, r#"{"source":"form"}"#)),
];
pub const REPAYMENT: &[Part] = &[
    part("customer", "customer", Kind::Text),
    part("partner", "partner", Kind::Text),
    part("loan", "loan", Kind::Text),
    part("instalment", "instalment", Kind::Whole),
    part("due_date", "due_date", Kind::Day),
    part("due", "due", Kind::Components),
    part("paid", "paid", Kind::Components),
    part("payer", "payer", Kind::Word(Payer::NAMES)),
    part("close_reason", "close_reason", Kind::Word(CloseReason::NAMES)),
    part("payment", "payment", Kind::Text),
    part("currency", "currency", Kind::Text),
    part("instalments", "instalments", Kind::Whole),
];
pub const CUSTOMER: &[Part] = &[
    part("region", "region", Kind::Text),
    part("zone", "zone", Kind::Text),
    part("employer", "employer", Kind::Group(EMPLOYER, r#"{"source":"credit_report"}"#)),
    part("risk", "risk", Kind::Group(SCORE, SCORE_BLANK)),
    part("response", "response", Kind::Group(SCORE, SCORE_BLANK)),
    part("conversion", "conversion", Kind::Group(SCORE, SCORE_BLANK)),
    part("value", "value", Kind::Group(SCORE, SCORE_BLANK)),
    part("tags", "tags", Kind::Texts),
    part("lenders", "lenders", Kind::Whole),
    part("debt_burden", "debt_burden_ppm", Kind::Percent),
    part("income", "income", Kind::Group(INCOME, r#"{"currency":"CNY"}"#)),
    part("consent", "consents", Kind::Consent),
    part("flags", "flags", Kind::Flags(true)),
    part("cleared", "flags", Kind::Flags(false)),
    part("own_product", "own_product", Kind::Word(OwnProductState::NAMES)),
    part("own_limit", "own_limit_minor", Kind::Whole),
    part("merged_into", "merged_into", Kind::Text),
    part("erased", "erased", Kind::Flag),
];
pub const OUTCOME: &[Part] = &[
    part("customer", "customer", Kind::Text),
    part("candidate", "candidate", Kind::Text),
    part("channel", "channel", Kind::Text),
    part("amount", "amount_minor", Kind::Whole),
    part("currency", "currency", Kind::Text),
];
pub const COMMAND: &[Part] = &[
    part("customer", "customer", Kind::Text),
    part("partner", "partner", Kind::Text),
    part("campaign", "campaign", Kind::Text),
    part("candidate", "candidate", Kind::Text),
];

/// Which topic an event belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    Application,
    Repayment,
    Customer,
    Outcome,
    Command,
}

impl Topic {
    /// The words its first key may have; a customer event has a token there.
    pub fn kinds(self) -> &'static [&'static str] {
        match self {
            Topic::Application => ApplicationKind::NAMES,
            Topic::Repayment => RepaymentKind::NAMES,
            Topic::Outcome => OutcomeKind::NAMES,
            Topic::Command => CommandKind::NAMES,
            Topic::Customer => &[],
        }
    }

    /// What an event says where the scenario leaves it out.
    fn blank(self) -> Json {
        match self {
            Topic::Application => json!({ "customer": "c1", "partner": "p01", "staff": false, "test_order": false }),
            Topic::Repayment => json!({ "customer": "c1", "partner": "p01", "loan": "l1" }),
            Topic::Customer => json!({ "customer": "c1", "tags": [], "consents": [], "flags": [], "erased": false }),
            Topic::Outcome => json!({ "customer": "c1" }),
            Topic::Command => json!({ "ordered_by": "operator", "reason": "scenario" }),
        }
    }
}

/// An event of a scenario, as JSON in the words of the schema.
#[derive(Clone, Debug)]
pub struct Written {
    pub topic: Topic,
    pub json: Json,
    pub place: Place,
    /// What should become of it.
    pub fate: &'static str,
}

impl Written {
    /// A blank event with these fields on top.
    pub fn new(topic: Topic, at: EventTime, fields: Map<String, Json>, place: Place) -> Self {
        let mut json = topic.blank();
        set(&mut json, "event_time", json!(at.0));
        for (key, value) in fields {
            set(&mut json, &key, value);
        }
        Self { topic, json, place, fate: "applied" }
    }

    pub fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        set(&mut self.json, key, value.into());
        self
    }

    /// The same where the scenario does not say it.
    pub fn or(self, key: &str, value: impl Into<Json>) -> Self {
        if self.json.get(key).is_some() { self } else { self.with(key, value) }
    }

    pub fn text(&self, key: &str) -> &str {
        self.json.get(key).and_then(Json::as_str).unwrap_or_default()
    }

    /// The event, borrowing from the JSON.
    pub fn event(&self) -> Result<Event<'_>, serde_json::Error> {
        Ok(match self.topic {
            Topic::Application => Event::Application(ApplicationEvent::deserialize(&self.json)?),
            Topic::Repayment => Event::Repayment(RepaymentEvent::deserialize(&self.json)?),
            Topic::Customer => Event::Customer(CustomerEvent::deserialize(&self.json)?),
            Topic::Outcome => Event::Outcome(Outcome::deserialize(&self.json)?),
            Topic::Command => Event::Command(Command::deserialize(&self.json)?),
        })
    }
}

fn set(json: &mut Json, key: &str, value: Json) {
    if let Some(map) = json.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

/// Reads the keys of a group by its parts; a problem is reported and its key left out.
pub fn read(fields: &Fields<'_, '_>, parts: &[Part], calendar: &Calendar, at: EventTime) -> Map<String, Json> {
    let mut read = Map::new();
    for Part { key, field, kind } in parts {
        let Some(node) = fields.find(key) else { continue };
        let Some(value) = value(fields, node, kind, calendar, at) else { continue };
        match (read.get_mut(*field).and_then(Json::as_array_mut), value) {
            (Some(known), Json::Array(more)) => known.extend(more),
            (_, value) => _ = read.insert((*field).to_owned(), value),
        }
    }
    read
}

fn value(fields: &Fields<'_, '_>, node: &Node, kind: &Kind, calendar: &Calendar, at: EventTime) -> Option<Json> {
    let problems = fields.problems;
    let keeps_none = matches!(kind, Kind::Word(_) | Kind::Consent | Kind::Texts | Kind::Flag | Kind::Flags(_));
    match kind {
        _ if !keeps_none && matches!(&node.value, Value::Text(text) if text == "none") => Some(Json::Null),
        Kind::Text => problems.scalar(node, sentence).map(|text| json!(text)),
        Kind::Whole => problems.scalar(node, whole(-i64::MAX, i64::MAX)).map(Json::from),
        Kind::Percent => problems.scalar(node, percentage).map(Json::from),
        Kind::Flag => problems.scalar(node, yes).map(Json::from),
        Kind::Moment => problems.scalar(node, |text| calendar.moment(text, at)).map(|at| json!(at)),
        Kind::Day => problems.scalar(node, |text| calendar.day(text, at)).map(|day| json!(day)),
        Kind::Word(words) => problems.scalar(node, |text| one_of(words, text)).map(Json::from),
        Kind::Texts => texts(fields, node).map(|words| json!(words)),
        Kind::Flags(set) => {
            let words = texts(fields, node)?;
            let flag = |word: &String| json!({ "flag": word, "value": set });
            let known = words
                .iter()
                .all(|word| problems.scalar(node_of(node, word), |text| one_of(Flag::NAMES, text)).is_some());
            known.then(|| words.iter().map(flag).collect())
        }
        Kind::Group(parts, blank) => group(fields, node, parts, blank, calendar, at),
        Kind::Components => match &node.value {
            Value::Text(_) => {
                let principal = problems.scalar(node, whole(0, i64::MAX))?;
                Some(json!({ "principal_minor": principal, "interest_minor": 0, "fee_minor": 0 }))
            }
            _ => group(fields, node, MONEY, r#"{"principal_minor":0,"interest_minor":0,"fee_minor":0}"#, calendar, at),
        },
        Kind::Consent => match &node.value {
            Value::Text(text) if text == "none" => Some(json!([])),
            _ => {
                const BLANK: Blank =
                    r#"{"consent":"consent-1","purpose":"marketing_cross","controller":"lender","text_version":"v1"}"#;
                let mut consent = group(fields, node, CONSENT, BLANK, calendar, at)?;
                default(&mut consent, "given_at", json!(calendar.start.plus_ms(-30 * crate::domain::time::DAY_MS)));
                Some(json!([consent]))
            }
        },
    }
}

fn group(
    fields: &Fields<'_, '_>,
    node: &Node,
    parts: &[Part],
    blank: Blank,
    calendar: &Calendar,
    at: EventTime,
) -> Option<Json> {
    let below = Fields::of(node, "this group", fields.problems)?;
    let mut json: Json = serde_json::from_str(blank).unwrap_or_default();
    for (key, value) in read(&below, parts, calendar, at) {
        set(&mut json, &key, value);
    }
    below.finish();
    for moment in parts.iter().filter(|part| matches!(part.field, "decided_at" | "scored_at")) {
        default(&mut json, moment.field, json!(at));
    }
    Some(json)
}

fn default(json: &mut Json, key: &str, value: Json) {
    if json.get(key).is_none() {
        set(json, key, value);
    }
}

/// The items of a list, or the one that stands alone.
pub fn texts(fields: &Fields<'_, '_>, node: &Node) -> Option<Vec<String>> {
    let nodes = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    nodes.iter().map(|node| fields.problems.scalar(node, |text| Ok(text.to_owned()))).collect()
}

/// The item of a list that says this word.
fn node_of<'n>(node: &'n Node, word: &str) -> &'n Node {
    match &node.value {
        Value::List(items) => {
            items.iter().find(|item| matches!(&item.value, Value::Text(text) if text == word)).unwrap_or(node)
        }
        _ => node,
    }
}

pub fn yes(text: &str) -> Result<bool, Wrong> {
    match text {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(Wrong::new("`yes` or `no`", "choose one of the two")),
    }
}

pub fn one_of<'w>(words: &[&'w str], text: &str) -> Result<&'w str, Wrong> {
    let known = words.iter().find(|word| **word == text).copied();
    known.ok_or_else(|| Wrong::new(format!("one of {}", words.join(", ")), "choose one of these"))
}
