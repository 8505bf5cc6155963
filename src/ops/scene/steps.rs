//! The steps of a scenario: what happens, and when. All times are settled while reading, so playing needs no clock.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::events::{self, Part, Topic, Written};
use super::expect::Expectation;
use super::times::Calendar;
use crate::domain::EventTime;
use crate::domain::time::DAY_MS;
use crate::policy::Place;
use crate::policy::read::fields::{Fields, Problems, Wrong};
use crate::policy::read::quantity::{duration, token, whole};
use crate::policy::read::tree::{Entry, Node, Value};

/// Most drawdowns of one `traffic`.
const TRAFFIC_MAX: i64 = 100_000;

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// When it is taken.
    pub now: EventTime,
    pub act: Act,
    pub expect: Option<Expectation>,
}

#[derive(Clone, Debug)]
pub enum Act {
    /// Nothing but time.
    Wait,
    /// Time, with the customer shards silent.
    Silence,
    /// Events of one transaction.
    Events(Vec<Written>),
    Pause {
        partner: String,
        paused: bool,
    },
}

/// What reading the steps so far has settled.
pub struct Reader<'c> {
    calendar: &'c Calendar,
    now: EventTime,
    events: usize,
    /// The latest drawdown of each customer: partner and id.
    drawdowns: BTreeMap<String, (String, String)>,
    drawn: usize,
    customer: String,
}

const VERBS: [&str; 14] = [
    "known",
    "draw",
    "application",
    "repayment",
    "customer",
    "outcome",
    "command",
    "traffic",
    "pause",
    "resume",
    "wait",
    "silence",
    "together",
    "expect",
];

impl<'c> Reader<'c> {
    pub fn new(calendar: &'c Calendar) -> Self {
        let customer = "c1".to_owned();
        Self { calendar, now: calendar.start, events: 0, drawdowns: BTreeMap::new(), drawn: 0, customer }
    }

    /// Reads one item of `steps`; problems are reported.
    pub fn step(&mut self, node: &Node, problems: &Problems<'_>) -> Option<Step> {
        let verb = verb(node, problems)?;
        let fields = Fields::of(node, "this step", problems)?;
        let act = match verb.key.as_str() {
            "together" => {
                let items = fields.find("together").and_then(|node| problems.items(node))?;
                Act::Events(items.iter().filter_map(|item| self.single(item, problems)).flatten().collect())
            }
            "expect" => Act::Wait,
            _ => self.act(verb, &fields)?,
        };
        let expect = fields.find("expect").and_then(|node| Expectation::read(node, &self.customer, &fields));
        let missed = fields.has("expect") && expect.is_none();
        fields.finish();
        (!missed).then_some(Step { now: self.now, act, expect })
    }

    /// The events of one item of `together`.
    fn single(&mut self, node: &Node, problems: &Problems<'_>) -> Option<Vec<Written>> {
        let verb = verb(node, problems)?;
        let fields = Fields::of(node, "this step", problems)?;
        let act = self.act(verb, &fields);
        fields.finish();
        match act? {
            Act::Events(events) => Some(events),
            Act::Wait | Act::Silence | Act::Pause { .. } => {
                problems.report(
                    verb.place,
                    format!("`{}`", verb.key),
                    Wrong::new("an event", "write it as a step of its own"),
                );
                None
            }
        }
    }

    fn act(&mut self, verb: &Entry, fields: &Fields<'_, '_>) -> Option<Act> {
        match verb.key.as_str() {
            "wait" => {
                self.now = fields.required("wait", |text| self.later(text))?;
                Some(Act::Wait)
            }
            "silence" => {
                self.now = fields.required("silence", |text| self.later(text))?;
                Some(Act::Silence)
            }
            "pause" => Some(Act::Pause { partner: fields.required("pause", token)?.to_string(), paused: true }),
            "resume" => Some(Act::Pause { partner: fields.required("resume", token)?.to_string(), paused: false }),
            _ => self.events(verb, fields).map(Act::Events),
        }
    }

    /// Where waiting ends: a length, or a moment.
    fn later(&self, text: &str) -> Result<EventTime, Wrong> {
        let at = duration(text).map(|ms| self.now.plus_ms(ms)).or_else(|_| self.calendar.moment(text, self.now))?;
        let wrong = || Wrong::new("a time that is still to come", "time never goes back");
        Some(at).filter(|at| *at >= self.now).ok_or_else(wrong)
    }

    fn events(&mut self, verb: &Entry, fields: &Fields<'_, '_>) -> Option<Vec<Written>> {
        let at = fields.or("at", self.now, |text| self.calendar.moment(text, self.now))?;
        let seen = fields.or("seen", 0, milliseconds)?;
        let fate = fields.or("fate", "applied", fate)?;
        self.now = self.now.max(at).plus_ms(seen);
        let written = match verb.key.as_str() {
            "known" => self.known(fields, at, verb.place)?,
            "draw" => vec![self.draw(fields, at, verb.place)?],
            "traffic" => self.traffic(fields, at, verb.place)?,
            "customer" => {
                let customer = fields.required("customer", token)?;
                let body = self.body(fields, events::CUSTOMER, at);
                vec![Written::new(Topic::Customer, at, body, verb.place).with("customer", customer.as_str())]
            }
            "application" => vec![self.application(fields, at, verb.place)?],
            "repayment" => {
                vec![self.plain(fields, "repayment", Topic::Repayment, events::REPAYMENT, at, verb.place)?]
            }
            "outcome" => vec![self.plain(fields, "outcome", Topic::Outcome, events::OUTCOME, at, verb.place)?],
            "command" => vec![self.plain(fields, "command", Topic::Command, events::COMMAND, at, verb.place)?],
            _ => return None,
        };
        Some(written.into_iter().map(|written| self.numbered(Written { fate, ..written })).collect())
    }

    fn numbered(&mut self, written: Written) -> Written {
        self.events += 1;
        let id = format!("e{}", self.events);
        written.or("event_id", id)
    }

    fn body(&self, fields: &Fields<'_, '_>, parts: &'static [Part], at: EventTime) -> Map<String, Json> {
        events::read(fields, parts, self.calendar, at)
    }

    fn plain(
        &self,
        fields: &Fields<'_, '_>,
        verb: &'static str,
        topic: Topic,
        parts: &'static [Part],
        at: EventTime,
        place: Place,
    ) -> Option<Written> {
        let kind = fields.required(verb, |text| events::one_of(topic.kinds(), text))?;
        Some(Written::new(topic, at, self.body(fields, parts, at), place).with("kind", kind))
    }

    /// An application event; one about a drawdown is about the customer's latest where it names none.
    fn application(&self, fields: &Fields<'_, '_>, at: EventTime, place: Place) -> Option<Written> {
        let written = self.plain(fields, "application", Topic::Application, events::APPLICATION, at, place)?;
        let mut written = written;
        if written.text("kind").starts_with("drawdown")
            && let Some((partner, drawdown)) = self.drawdowns.get(written.text("customer"))
        {
            if !fields.has("partner") {
                written = written.with("partner", partner.as_str());
            }
            written = written.or("drawdown", drawdown.as_str());
        }
        let application = application_id(&written);
        Some(written.or("application", application))
    }

    /// A customer whom the policy lets pass: consent, region, an approved limit with a price, an own verdict.
    fn known(&self, fields: &Fields<'_, '_>, at: EventTime, place: Place) -> Option<Vec<Written>> {
        let customer = fields.required("known", token)?;
        let consent = json!([{
            "consent": format!("consent-{customer}"), "purpose": "marketing_cross", "controller": "lender",
            "text_version": "v1", "given_at": at.plus_ms(-30 * DAY_MS),
        }]);
        let person = Written::new(Topic::Customer, at, Map::new(), place);
        let mut person = person.with("customer", customer.as_str()).with("consents", consent).with("region", "r01");
        for (key, value) in self.body(fields, events::CUSTOMER, at) {
            person = person.with(&key, value);
        }
        let verdict = json!({ "model": "own_risk", "version": "3", "band": "A", "decided_at": at, "valid_days": 30 });
        let body = self.body(fields, events::APPLICATION, at);
        let approved = Written::new(Topic::Application, at, body, place)
            .with("customer", customer.as_str())
            .with("kind", "approved")
            .or("limit_minor", 1_000_000)
            .or("all_in_cost_ppm", 240_000)
            .or("term_months", 12)
            .or("repayment_method", "equal_instalment")
            .or("currency", "CNY")
            .or("risk_verdict", verdict);
        // At several partners the same: each with a limit of its own.
        let partners = match fields.find("partners") {
            Some(node) => events::texts(fields, node)?,
            None => vec![approved.text("partner").to_owned()],
        };
        let mut written = vec![person];
        for partner in partners {
            let at_partner = approved.clone().with("partner", partner);
            let application = application_id(&at_partner);
            written.push(at_partner.or("application", application));
        }
        Some(written)
    }

    /// A drawdown that is asked for, with an id of its own.
    fn draw(&mut self, fields: &Fields<'_, '_>, at: EventTime, place: Place) -> Option<Written> {
        let customer = fields.required("draw", token)?.to_string();
        self.drawn += 1;
        let written = Written::new(Topic::Application, at, self.body(fields, events::APPLICATION, at), place)
            .with("customer", customer.as_str())
            .with("kind", "drawdown_requested")
            .or("drawdown", format!("d{}", self.drawn))
            .or("amount_minor", 300_000);
        let application = application_id(&written);
        let written = written.or("application", application);
        let drawdown = (written.text("partner").to_owned(), written.text("drawdown").to_owned());
        self.drawdowns.insert(customer.clone(), drawdown);
        self.customer = customer;
        Some(written)
    }

    /// Drawdowns and applications of other customers that have ended, spread evenly over a span that ends at `at`.
    fn traffic(&self, fields: &Fields<'_, '_>, at: EventTime, place: Place) -> Option<Vec<Written>> {
        let partner = fields.required("traffic", token)?;
        let over = fields.or("over", 20 * 3_600_000, duration)?;
        let mut kinds = Vec::new();
        for (key, kind) in [
            ("disbursed", "drawdown_disbursed"),
            ("declined", "drawdown_declined"),
            ("cancelled", "drawdown_cancelled"),
            ("timed_out", "drawdown_timed_out"),
            ("approved", "approved"),
            ("refused", "declined"),
        ] {
            let count = fields.or(key, 0, whole(0, TRAFFIC_MAX))?;
            kinds.extend((0..count).map(|_| kind));
        }
        let every = over / (kinds.len() as i64 + 1);
        let events = kinds.iter().enumerate().map(|(index, kind)| {
            let (name, then) = (format!("t{}-{index}", self.events), at.plus_ms(-every * (kinds.len() - index) as i64));
            Written::new(Topic::Application, then, Map::new(), place)
                .with("kind", *kind)
                .with("customer", name.as_str())
                .with("partner", partner.as_str())
                .with("application", format!("a-{name}"))
                .with("drawdown", if kind.starts_with("drawdown") { json!(format!("d-{name}")) } else { Json::Null })
                .with("amount_minor", 300_000)
        });
        Some(events.collect())
    }
}

fn application_id(written: &Written) -> String {
    format!("a-{}-{}", written.text("customer"), written.text("partner"))
}

/// The first key of a step says what happens.
fn verb<'n>(node: &'n Node, problems: &Problems<'_>) -> Option<&'n Entry> {
    let first = match &node.value {
        Value::Group(entries) => entries.first(),
        _ => None,
    };
    let known = first.filter(|entry| VERBS.contains(&entry.key.as_str()));
    if known.is_none() {
        let (place, found) =
            first.map_or((node.place, node.describe()), |entry| (entry.place, format!("`{}`", entry.key)));
        let expected = format!("a step that begins with one of {}", VERBS.join(", "));
        problems.report(place, found, Wrong::new(expected, "put what happens first"));
    }
    known
}

/// A length in milliseconds: `800ms`, or a duration.
fn milliseconds(text: &str) -> Result<i64, Wrong> {
    match text.strip_suffix("ms").and_then(|number| number.parse::<i64>().ok()) {
        Some(ms) if (0..=DAY_MS).contains(&ms) => Ok(ms),
        _ => duration(text),
    }
}

fn fate(text: &str) -> Result<&'static str, Wrong> {
    const FATES: [&str; 5] = ["applied", "duplicate", "ignored", "late", "dead_lettered"];
    events::one_of(&FATES, text)
}
