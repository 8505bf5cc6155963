//! The partner stage: one owner per partner, who holds panes, windows, guard, quota and ledger. Pure.

use crate::domain::codec::CodecError;
use crate::domain::{EventTime, FactBundle, Fate, Output, Text};
use crate::policy::PolicySet;

/// What a partner shard is told about itself and its bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    pub shard: i32,
    pub customer_shards: i32,
    /// Windows by name and length in milliseconds.
    pub windows: Vec<(Text, i64)>,
    pub minutes_keep_ms: i64,
    pub hours_keep_ms: i64,
    pub days_keep_ms: i64,
    /// Cases below which a rate is `too_few`.
    pub min_n: i64,
    pub heartbeat_stale_secs: i64,
    pub idle_after_secs: i64,
    /// Least time between two views of one partner, milliseconds.
    pub view_every_ms: i64,
}

/// One thing a shard is told.
pub enum Input<'a> {
    Bundle(&'a FactBundle),
    Tick,
}

/// One shard of the partner stage.
pub struct Shard {
    settings: Settings,
}

impl Shard {
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    pub fn step(&mut self, _input: Input<'_>, _now: EventTime, _policies: &PolicySet, _out: &mut Vec<Output>) -> Fate {
        let _ = &self.settings;
        Fate::Applied
    }

    /// Ends the transaction: changed tiles as panes, views of changed partners at most every `view_every_ms`.
    pub fn seal(&mut self, _now: EventTime, _policies: &PolicySet, _out: &mut Vec<Output>) {}

    /// True when a tick would do something: an expiry is due, or a view is owed.
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
