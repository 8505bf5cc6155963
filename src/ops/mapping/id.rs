//! Event ids that stay the same whenever the same file is read again.

use std::borrow::Cow;

use crate::domain::{EventTime, Text, content_id};

/// What identifies an event beside the ids of the things it is about.
pub(super) struct Identity<'a> {
    mapping: &'a str,
    event: &'a str,
    kind: &'a str,
    time: Text,
    customer: &'a str,
}

impl<'a> Identity<'a> {
    pub fn of(mapping: &'a str, event: &'a str, kind: &'a str, time: EventTime, customer: &'a str) -> Self {
        Self { mapping, event, kind, time: compact_str::format_compact!("{}", time.0), customer }
    }

    /// The row's own event id, or the content id of mapping, event, kind, time, customer and the ids of the things.
    pub fn id<'r>(&self, own: Option<Cow<'r, str>>, things: &[Option<&str>]) -> Cow<'r, str> {
        if let Some(own) = own {
            return own;
        }
        let fixed = [self.mapping, self.event, self.kind, &self.time, self.customer];
        let parts: Vec<&[u8]> =
            fixed.into_iter().chain(things.iter().map(|thing| thing.unwrap_or(""))).map(str::as_bytes).collect();
        Cow::Owned(content_id(&parts).to_string())
    }
}
