//! Who was heard when: the sequence and last word of each customer shard.

use super::Settings;
use super::codec::{self, Entry, Teller, tag};
use crate::domain::EventTime;
use crate::domain::fact::BundleHeader;
use crate::domain::time::SECOND_MS;
use crate::record;
use crate::store::Sorted;

/// What is known of one customer shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardClock {
    /// The sequence of its last bundle, 0 before the first.
    pub sequence: i64,
    /// The `now` of its last bundle.
    pub now: EventTime,
    /// The last thing it said was a repetition, which was reported.
    pub repeating: bool,
}
record!(ShardClock { sequence, now, repeating });

/// How a bundle stands against what was heard before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Next,
    /// Bundles are missing: this was expected.
    Gap {
        expected: i64,
    },
    /// It was taken before.
    Repeated {
        /// The first repetition since a bundle that was taken.
        first: bool,
    },
}

/// The clocks of the customer shards.
#[derive(Clone, Debug, Default)]
pub struct Clocks {
    pub(super) shards: Sorted<i32, ShardClock>,
}

impl Clocks {
    /// Notes a bundle's header, that was said at `said_at` at the latest.
    pub fn hear(&mut self, header: &BundleHeader, said_at: EventTime) -> Heard {
        let clock = self.shards.edit_or(&header.source_shard, ShardClock::default);
        let expected = clock.sequence.saturating_add(1);
        if header.sequence < expected {
            let first = !std::mem::replace(&mut clock.repeating, true);
            return Heard::Repeated { first };
        }
        *clock =
            ShardClock { sequence: header.sequence, now: clock.now.max(header.now.min(said_at)), repeating: false };
        if header.sequence == expected { Heard::Next } else { Heard::Gap { expected } }
    }

    /// The customer shards that were never heard or whose last bundle is too old by `now`.
    pub fn silent(&self, settings: &Settings, now: EventTime) -> impl Iterator<Item = i32> {
        let oldest = now.plus_ms(-settings.heartbeat_stale_secs.saturating_mul(SECOND_MS));
        let silent = move |shard: &i32| self.shards.get(shard).is_none_or(|clock| clock.now < oldest);
        (0..settings.customer_shards).filter(silent)
    }

    pub fn changes(&mut self, teller: &mut Teller, entry: &mut Entry<'_>) {
        codec::changes(tag::SHARD_CLOCK, &mut self.shards, teller, entry);
    }
}
