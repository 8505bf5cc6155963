//! Bad input of every class.

use reflow::domain::EventTime;
use reflow::domain::events::{ApplicationKind, Event};
use reflow::domain::fate::DeadLetterClass;

use super::inputs::{Body, InputTopic, OwnedEvent};
use super::{Rules, blank};

/// One record of every class of bad input that a producer can send, and the class it must end in. `now` is the clock
/// against which the one from the year 2099 is ahead.
pub fn poison(customer: &str, at: EventTime, rules: &Rules) -> Vec<(OwnedEvent, DeadLetterClass)> {
    let good = |change: &dyn Fn(&mut reflow::domain::ApplicationEvent<'_>)| {
        let mut event = blank::application("bad", at, [customer, "partner-00", "app-bad"], ApplicationKind::Submitted);
        change(&mut event);
        OwnedEvent::of(&Event::Application(event), rules)
    };
    let raw = |bytes: Vec<u8>| OwnedEvent {
        topic: InputTopic::Applications,
        key: Some(customer.as_bytes().to_vec()),
        body: Body::Confluent(bytes),
    };
    let id = rules.schema_ids[0].to_be_bytes();
    let mut giant = vec![0, id[0], id[1], id[2], id[3]];
    giant.resize(rules.value_bytes_max + 1, 0);
    let other_key = OwnedEvent { key: Some(b"somebody-else".to_vec()), ..good(&|_| {}) };
    vec![
        (raw(b"{}".to_vec()), DeadLetterClass::Framing),
        (raw(vec![0, 0, 0, 0, 99, 1, 2]), DeadLetterClass::Framing),
        (raw(vec![0, id[0], id[1], id[2], id[3], 0xff]), DeadLetterClass::Decode),
        (raw(giant), DeadLetterClass::TooLarge),
        (good(&|e| e.partner = ""), DeadLetterClass::Invalid),
        (good(&|e| e.amount_minor = Some(-1)), DeadLetterClass::Invalid),
        (good(&|e| e.amount_minor = Some(i64::MAX)), DeadLetterClass::Invalid),
        (good(&|e| e.kind = ApplicationKind::DrawdownRequested), DeadLetterClass::Invalid),
        (other_key, DeadLetterClass::Key),
        (good(&|e| e.event_time = EventTime(4_070_908_800_000)), DeadLetterClass::FutureTs),
        (good(&|e| e.event_time = EventTime(0)), DeadLetterClass::FutureTs),
    ]
}
