//! The records that a lender sends: five schemas, one [`Event`].

use std::mem::take;

use super::{Schema, SchemaIds, WireError, decode_body, decode_body_over};
use crate::domain::events::{Consent, CustomerEvent, Event, FlagValue};

/// Reads the record value of an input topic whose schema is `schema`. The event borrows from `bytes`.
pub fn decode_event<'a>(schema: Schema, bytes: &'a [u8], ids: &SchemaIds) -> Result<Event<'a>, WireError> {
    match ids.body(schema, bytes) {
        Ok(body) => decode_event_body(schema, body),
        Err(_) if schema >= Schema::FactBundle => Err(WireError::NotAnEvent(schema)),
        Err(error) => Err(error),
    }
}

/// Reads the body of such a record, in our layout.
pub fn decode_event_body(schema: Schema, body: &[u8]) -> Result<Event<'_>, WireError> {
    match schema {
        Schema::Application => decode_body(schema, body).map(Event::Application),
        Schema::Repayment => decode_body(schema, body).map(Event::Repayment),
        Schema::Customer => decode_body(schema, body).map(Event::Customer),
        Schema::Outcome => decode_body(schema, body).map(Event::Outcome),
        Schema::Command => decode_body(schema, body).map(Event::Command),
        Schema::FactBundle
        | Schema::Reply
        | Schema::Decision
        | Schema::Candidate
        | Schema::PartnerView
        | Schema::PartnerPane
        | Schema::Alert
        | Schema::DeadLetter
        | Schema::Journal
        | Schema::Policy => Err(WireError::NotAnEvent(schema)),
    }
}

/// Most events whose lists are kept.
const LISTS_MAX: usize = 32;

/// Lists of events that were taken, emptied for the next ones: an event borrows from its record, its lists need not.
#[derive(Debug, Default)]
pub struct Lists {
    kept: Vec<Emptied>,
}

#[derive(Debug, Default)]
struct Emptied {
    tags: Vec<&'static str>,
    consents: Vec<Consent<'static>>,
    flags: Vec<FlagValue>,
}

impl Lists {
    /// Reads like [`decode_event_body`], and lends an event its lists.
    pub fn decode<'a>(&mut self, schema: Schema, body: &'a [u8]) -> Result<Event<'a>, WireError> {
        if schema != Schema::Customer {
            return decode_event_body(schema, body);
        }
        let Emptied { tags, consents, flags } = self.kept.pop().unwrap_or_default();
        let mut event = CustomerEvent { tags, consents, flags, ..CustomerEvent::default() };
        decode_body_over(schema, &mut event, body)?;
        Ok(Event::Customer(event))
    }

    /// Takes the lists of an event back.
    pub fn take_back(&mut self, event: &mut Event<'_>) {
        if let Event::Customer(CustomerEvent { tags, consents, flags, .. }) = event
            && self.kept.len() < LISTS_MAX
        {
            flags.clear();
            let (tags, consents) = (emptied(take(tags)), emptied(take(consents)));
            self.kept.push(Emptied { tags, consents, flags: take(flags) });
        }
    }
}

/// An empty list of what may live otherwise, in the room of a list: the standard library collects in place.
fn emptied<T, U>(list: Vec<T>) -> Vec<U> {
    list.into_iter().filter_map(|_| None).collect()
}

/// Appends the record value of an event and says which schema it has.
pub fn encode_event(event: &Event<'_>, ids: &SchemaIds, out: &mut Vec<u8>) -> Schema {
    let schema = schema_of(event);
    match event {
        Event::Application(e) => ids.encode(schema, e, out),
        Event::Repayment(e) => ids.encode(schema, e, out),
        Event::Customer(e) => ids.encode(schema, e, out),
        Event::Outcome(e) => ids.encode(schema, e, out),
        Event::Command(e) => ids.encode(schema, e, out),
    }
    schema
}

/// The schema an event is written in.
pub fn schema_of(event: &Event<'_>) -> Schema {
    match event {
        Event::Application(_) => Schema::Application,
        Event::Repayment(_) => Schema::Repayment,
        Event::Customer(_) => Schema::Customer,
        Event::Outcome(_) => Schema::Outcome,
        Event::Command(_) => Schema::Command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::EventTime;
    use crate::domain::codec::CodecError;
    use crate::domain::events::{Command, CommandKind, Outcome, OutcomeKind};
    use crate::domain::words::Word;

    fn outcome() -> Event<'static> {
        Event::Outcome(Outcome {
            event_id: "oc-1",
            event_time: EventTime(1_773_540_000_000),
            customer: "cu-1",
            candidate: None,
            kind: OutcomeKind::Accepted,
            channel: Some("push"),
            amount_minor: Some(500_000),
            currency: Some("CNY"),
        })
    }

    #[test]
    fn come_back_as_they_were() {
        let ids = SchemaIds::default().with(Schema::Outcome, 70_001);
        let mut bytes = Vec::new();
        assert_eq!(encode_event(&outcome(), &ids, &mut bytes), Schema::Outcome);
        assert_eq!(bytes[..5], [0, 0, 1, 0x11, 0x71]);
        assert_eq!(decode_event(Schema::Outcome, &bytes, &ids), Ok(outcome()));
    }

    #[test]
    fn are_read_by_the_schema_of_their_topic_only() {
        let ids = SchemaIds::default();
        let mut bytes = Vec::new();
        encode_event(&outcome(), &ids, &mut bytes);
        for schema in Schema::ALL.iter().copied().filter(|s| *s != Schema::Outcome) {
            let refused = decode_event(schema, &bytes, &ids);
            match schema as usize {
                0..5 => assert_eq!(
                    refused,
                    Err(WireError::SchemaId { schema, expected: ids.id(schema), found: ids.id(Schema::Outcome) })
                ),
                _ => assert_eq!(refused, Err(WireError::NotAnEvent(schema))),
            }
        }
    }

    #[test]
    fn leave_no_byte_over() {
        let ids = SchemaIds::default();
        let command = Event::Command(Command {
            event_id: "cm-1",
            event_time: EventTime(0),
            kind: CommandKind::PausePartner,
            customer: None,
            partner: Some("harbour"),
            campaign: None,
            candidate: None,
            ordered_by: "desk",
            reason: "",
        });
        let mut bytes = Vec::new();
        encode_event(&command, &ids, &mut bytes);
        bytes.push(0);
        let at = bytes.len() - 6;
        assert_eq!(
            decode_event(Schema::Command, &bytes, &ids),
            Err(WireError::Decode { schema: Schema::Command, error: CodecError::Trailing { at, left: 1 } })
        );
    }
}
