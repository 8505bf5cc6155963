//! Input records as they were sent, and what can be said of one record alone: decode and validity (section 1, steps 1 to 3).

use reflow::domain::EventTime;
use reflow::domain::codec::{self, Avro};
use reflow::domain::events::{
    ApplicationEvent, ApplicationKind, CommandKind, Components, Event, RepaymentEvent, RepaymentKind,
};
use reflow::domain::fate::DeadLetterClass;

use super::Rules;

/// The input topics of the customer stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InputTopic {
    Applications,
    Repayments,
    Customers,
    Outcomes,
    Commands,
}

impl InputTopic {
    pub const ALL: [InputTopic; 5] =
        [Self::Applications, Self::Repayments, Self::Customers, Self::Outcomes, Self::Commands];

    /// The topic without prefix, as the journal says it.
    pub fn name(self) -> &'static str {
        ["applications", "repayments", "customers", "outcomes", "commands"][self as usize]
    }

    /// The topic of that name, with or without a prefix that ends in a dot.
    pub fn named(name: &str) -> Option<InputTopic> {
        let bare = name.rsplit('.').next().unwrap_or(name);
        Self::ALL.into_iter().find(|topic| topic.name() == bare)
    }
}

/// The value of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Tombstone,
    /// The event as one JSON object.
    Json(String),
    /// Confluent header and Avro body, or whatever else was sent.
    Confluent(Vec<u8>),
}

/// One record of an input topic, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedEvent {
    pub topic: InputTopic,
    pub key: Option<Vec<u8>>,
    pub body: Body,
}

/// Why a record is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    Tombstone,
    Dead(DeadLetterClass),
}

impl OwnedEvent {
    /// The record a producer would send for an event, keyed by its customer.
    pub fn of(event: &Event<'_>, rules: &Rules) -> OwnedEvent {
        let mut body = Vec::new();
        let topic = match event {
            Event::Application(e) => put(e, InputTopic::Applications, &mut body),
            Event::Repayment(e) => put(e, InputTopic::Repayments, &mut body),
            Event::Customer(e) => put(e, InputTopic::Customers, &mut body),
            Event::Outcome(e) => put(e, InputTopic::Outcomes, &mut body),
            Event::Command(e) => put(e, InputTopic::Commands, &mut body),
        };
        let mut bytes = vec![0];
        bytes.extend_from_slice(&rules.schema_ids[topic as usize].to_be_bytes());
        bytes.append(&mut body);
        let key = event.customer().map(|customer| customer.as_bytes().to_vec());
        OwnedEvent { topic, key, body: Body::Confluent(bytes) }
    }

    /// The same record with a JSON body, for tests by hand.
    pub fn json(topic: InputTopic, customer: &str, json: &str) -> OwnedEvent {
        OwnedEvent { topic, key: Some(customer.as_bytes().to_vec()), body: Body::Json(json.to_owned()) }
    }

    /// The event, when the record is a valid one whatever the time: steps 1 and 2 of section 1.
    pub fn read(&self, rules: &Rules) -> Result<Event<'_>, Unread> {
        let event = match &self.body {
            Body::Tombstone => return Err(Unread::Tombstone),
            Body::Json(json) => self.read_json(json).ok_or(Unread::Dead(DeadLetterClass::Decode))?,
            Body::Confluent(bytes) => self.read_confluent(bytes, rules).map_err(Unread::Dead)?,
        };
        if !valid(&event) {
            return Err(Unread::Dead(DeadLetterClass::Invalid));
        }
        match (&self.key, event.customer()) {
            (Some(key), Some(customer)) if key != customer.as_bytes() => Err(Unread::Dead(DeadLetterClass::Key)),
            _ => Ok(event),
        }
    }

    /// As [`Self::read`], and the event time is plausible and not too far ahead: step 3. `now` 0 is unknown.
    pub fn read_at(&self, now: EventTime, rules: &Rules) -> Result<Event<'_>, Unread> {
        let event = self.read(rules)?;
        let ahead_ms = event.event_time().ms_since(now);
        let too_far = now.0 > 0 && ahead_ms > rules.future_event_secs_max * 1_000;
        let said_too_far =
            said(&event).iter().any(|at| at.ms_since(event.event_time()) > rules.future_event_secs_max * 1_000);
        if too_far || said_too_far || !event.event_time().plausible() {
            return Err(Unread::Dead(DeadLetterClass::FutureTs));
        }
        Ok(event)
    }

    fn read_json<'a>(&self, json: &'a str) -> Option<Event<'a>> {
        match self.topic {
            InputTopic::Applications => serde_json::from_str(json).ok().map(Event::Application),
            InputTopic::Repayments => serde_json::from_str(json).ok().map(Event::Repayment),
            InputTopic::Customers => serde_json::from_str(json).ok().map(Event::Customer),
            InputTopic::Outcomes => serde_json::from_str(json).ok().map(Event::Outcome),
            InputTopic::Commands => serde_json::from_str(json).ok().map(Event::Command),
        }
    }

    fn read_confluent<'a>(&self, bytes: &'a [u8], rules: &Rules) -> Result<Event<'a>, DeadLetterClass> {
        let id = rules.schema_ids[self.topic as usize].to_be_bytes();
        let header = [0, id[0], id[1], id[2], id[3]];
        let body = bytes.strip_prefix(header.as_slice()).ok_or(DeadLetterClass::Framing)?;
        if bytes.len() > rules.value_bytes_max {
            return Err(DeadLetterClass::TooLarge);
        }
        match self.topic {
            InputTopic::Applications => codec::decode(body).map(Event::Application),
            InputTopic::Repayments => codec::decode(body).map(Event::Repayment),
            InputTopic::Customers => codec::decode(body).map(Event::Customer),
            InputTopic::Outcomes => codec::decode(body).map(Event::Outcome),
            InputTopic::Commands => codec::decode(body).map(Event::Command),
        }
        .map_err(|_| DeadLetterClass::Decode)
    }
}

/// When verdict, scores and consents of the event were made.
fn said(event: &Event<'_>) -> Vec<EventTime> {
    match event {
        Event::Application(e) => e.risk_verdict.iter().map(|verdict| verdict.decided_at).collect(),
        Event::Customer(e) => {
            let scores = [&e.risk, &e.response, &e.conversion, &e.value].into_iter().flatten();
            scores.map(|score| score.scored_at).chain(e.consents.iter().map(|consent| consent.given_at)).collect()
        }
        _ => vec![],
    }
}

fn put<'a, T: Avro<'a>>(event: &T, topic: InputTopic, out: &mut Vec<u8>) -> InputTopic {
    event.put(out);
    topic
}

/// Step 2 without the key: required ids, tokens, parts, amounts.
fn valid(event: &Event<'_>) -> bool {
    let (required, optional) = tokens(event);
    let token = |text: &&str| text.len() <= 128 && !text.contains('\0');
    required.iter().all(|id| !id.is_empty() && token(id))
        && optional.iter().all(token)
        && amounts(event).iter().all(|amount| (0..=1_000_000_000_000_000).contains(amount))
        && parts(event)
}

/// The ids an event cannot be without, and the other tokens it carries.
fn tokens<'a>(event: &Event<'a>) -> (Vec<&'a str>, Vec<&'a str>) {
    let flat = |list: &[Option<&'a str>]| list.iter().filter_map(|text| *text).collect::<Vec<_>>();
    match event {
        Event::Application(e) => {
            let verdict = e.risk_verdict.as_ref();
            let more = [
                e.drawdown,
                e.loan,
                e.product,
                e.currency,
                e.decline_reason,
                e.enhancer,
                e.region,
                e.employer.as_ref().map(|employer| employer.token),
                verdict.map(|v| v.model),
                verdict.map(|v| v.version),
                verdict.map(|v| v.band),
            ];
            (vec![e.event_id, e.customer, e.partner, e.application], flat(&more))
        }
        Event::Repayment(e) => (vec![e.event_id, e.customer, e.partner, e.loan], flat(&[e.payment, e.currency])),
        Event::Customer(e) => {
            let employer = e.employer.as_ref().map(|employer| employer.token);
            let mut more = flat(&[e.region, e.zone, employer, e.merged_into]);
            more.extend(&e.tags);
            let mut needed = vec![e.event_id, e.customer];
            needed.extend(e.income.map(|income| income.currency));
            for consent in &e.consents {
                needed.extend([consent.consent, consent.controller]);
                more.push(consent.text_version);
                more.extend(flat(&[consent.recipient, consent.collected_via]));
            }
            for score in [&e.risk, &e.response, &e.conversion, &e.value].into_iter().flatten() {
                more.extend([score.model, score.version]);
            }
            (needed, more)
        }
        Event::Outcome(e) => (vec![e.event_id, e.customer], flat(&[e.candidate, e.channel, e.currency])),
        Event::Command(e) => (vec![e.event_id], flat(&[e.customer, e.partner, e.campaign, e.candidate])),
    }
}

fn amounts(event: &Event<'_>) -> Vec<i64> {
    let split = |amounts: Option<Components>| {
        amounts.map_or(vec![], |c| vec![c.principal_minor, c.interest_minor, c.fee_minor])
    };
    match event {
        Event::Application(e) => e.amount_minor.into_iter().chain(e.limit_minor).collect(),
        Event::Repayment(e) => [split(e.due), split(e.paid)].concat(),
        Event::Customer(e) => {
            e.own_limit_minor.into_iter().chain(e.income.map(|income| income.monthly_minor)).collect()
        }
        Event::Outcome(e) => e.amount_minor.into_iter().collect(),
        Event::Command(_) => vec![],
    }
}

/// The parts that the kind of the event requires.
fn parts(event: &Event<'_>) -> bool {
    match event {
        Event::Application(e) => !is_drawdown(e) || e.drawdown.is_some_and(|id| !id.is_empty()),
        Event::Repayment(e) => repayment_parts(e),
        Event::Command(e) => {
            e.kind != CommandKind::RevokeCandidate || e.customer.is_some_and(|customer| !customer.is_empty())
        }
        Event::Customer(_) | Event::Outcome(_) => true,
    }
}

fn repayment_parts(e: &RepaymentEvent<'_>) -> bool {
    use RepaymentKind::{Closed, Disbursed, Due, Paid, PartiallyPaid, Rescheduled, Reversed, Scheduled, Waived};
    let numbered = e.instalment.is_some_and(|number| number >= 1);
    match e.kind {
        Disbursed => true,
        Scheduled | Due | Rescheduled => {
            numbered && e.due_date.is_some_and(|day| day.utc_start().plausible()) && e.due.is_some()
        }
        Paid | PartiallyPaid | Reversed => numbered && e.paid.is_some(),
        Waived => numbered,
        Closed => e.close_reason.is_some(),
    }
}

/// True for the kinds that speak of a drawdown.
pub fn is_drawdown(e: &ApplicationEvent<'_>) -> bool {
    use ApplicationKind as K;
    matches!(
        e.kind,
        K::DrawdownRequested
            | K::DrawdownRiskPassed
            | K::DrawdownDisbursed
            | K::DrawdownDeclined
            | K::DrawdownCancelled
            | K::DrawdownTimedOut
            | K::DrawdownRerouted
    )
}
