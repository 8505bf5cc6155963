//! The customer stage: everything about one customer in one place. Pure.

use crate::domain::candidate::Source;
use crate::domain::codec::CodecError;
use crate::domain::events::Event;
use crate::domain::{EventTime, Fate, Output, Reply};
use crate::policy::PolicySet;

/// What a customer shard is told about itself and its bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    pub shard: i32,
    pub shards: i32,
    pub partner_partitions: i32,
    /// Furthest an event may be ahead of `now`, seconds.
    pub future_event_secs_max: i64,
    /// Oldest an application event may be against its partner's clock, seconds.
    pub late_event_secs_max: i64,
    /// Oldest trigger that is still decided, seconds.
    pub decision_age_secs_max: i64,
    /// Days after submission within which a disbursement counts for `end_to_end`.
    pub end_to_end_days: i64,
    /// Longest silence of a shard's bundles, seconds.
    pub heartbeat_secs: i64,
}

/// One thing a shard is told.
pub enum Input<'a> {
    Event { event: &'a Event<'a>, source: &'a Source },
    Reply(&'a Reply),
    Tick,
}

/// One shard of the customer stage.
pub struct Shard {
    settings: Settings,
}

impl Shard {
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Takes one input; outputs of decisions go to `out`, deltas and proposals are kept for [`Shard::seal`].
    pub fn step(&mut self, _input: Input<'_>, _now: EventTime, _policies: &PolicySet, _out: &mut Vec<Output>) -> Fate {
        let _ = &self.settings;
        Fate::Applied
    }

    /// Ends the transaction: one bundle per partner-stage partition that has something to hear, or a heartbeat where owed.
    pub fn seal(&mut self, _now: EventTime, _backlog: i64, _policy_version: &str, _out: &mut Vec<Output>) {}

    /// True when the open batch holds a proposal or a settlement: somebody waits for it.
    pub fn proposes(&self) -> bool {
        false
    }

    /// True when a tick would do something: a heartbeat is owed.
    pub fn due(&self, _now: EventTime) -> bool {
        false
    }

    /// Changelog entries of the batch, absolute: key and value (`None`: gone).
    pub fn changes(&self, _entry: &mut dyn FnMut(&[u8], Option<&[u8]>)) {}

    /// Takes one changelog entry during restore.
    pub fn load(&mut self, _key: &[u8], _value: Option<&[u8]>) -> Result<(), CodecError> {
        Ok(())
    }

    pub fn commit(&mut self) {}

    pub fn undo(&mut self) {}
}
