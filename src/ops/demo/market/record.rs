//! One record of the market as a producer would send it, and what the market knows about it.

use crate::domain::fate::DeadLetterClass;
use crate::domain::{EventTime, Text};
use crate::wire::Schema;

/// What is wrong with a record, as only its maker knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trouble {
    None,
    /// The bytes of an earlier record again.
    Duplicate,
    /// So old that no pane takes it.
    Late,
    /// Belongs into the dead-letter topic, with this class.
    Broken(DeadLetterClass),
}

/// A record ready to be produced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketRecord {
    /// Says the topic too.
    pub schema: Schema,
    /// The record key.
    pub key: Text,
    /// When the market says it: records come in this order.
    pub at: EventTime,
    /// The event time inside the record; `at`, but for late and future ones.
    pub event_time: EventTime,
    /// Confluent framed, or deliberately broken.
    pub value: Vec<u8>,
    pub truth: Trouble,
}
