//! What a shard remembers of its own work, written inside each transaction and checked against the committed offsets on restore.

use crate::bus::Topic;
use crate::domain::codec::{self, Avro, CodecError};
use crate::domain::{EventTime, Text, set_text};
use crate::record;

/// First byte of the changelog key of the progress entry; the tables of a stage use other tags.
pub const PROGRESS_KEY: &[u8] = b"p";

/// Next offset of one input topic of the shard, or of the policy log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub topic: Topic,
    pub next: i64,
}
record!(Position { topic, next });

/// A shard's progress as of its last transaction.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Journal sequence, from 1 without gaps.
    pub sequence: i64,
    pub decisions: i64,
    /// Digest of the decisions of the last batch that said any, as its journal entry has it; empty before the first.
    pub decision_hash: Text,
    /// Per shard, time never goes back.
    pub now: EventTime,
    /// Highest accepted event time.
    pub high: EventTime,
    pub positions: Vec<Position>,
    /// Partition counts the state was made under.
    pub customer_shards: i32,
    pub partner_shards: i32,
    /// Format of the values of the stage's tables.
    pub state_format: i32,
}
record!(Progress {
    sequence,
    decisions,
    decision_hash,
    now,
    high,
    positions,
    customer_shards,
    partner_shards,
    state_format
});

impl Clone for Progress {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        copy.clone_from(self);
        copy
    }

    /// Uses the room that is there: there is a copy of every batch.
    fn clone_from(&mut self, other: &Self) {
        set_text(&mut self.decision_hash, &other.decision_hash);
        self.positions.clone_from(&other.positions);
        let (decision_hash, positions) = (std::mem::take(&mut self.decision_hash), std::mem::take(&mut self.positions));
        *self = Self { decision_hash, positions, ..*other };
    }
}

impl Progress {
    /// Version of the progress record's own form, its first byte; the second one knows the state's format, the third one the
    /// digest of a batch's decisions where the hash of the last decision was.
    pub const FORM: u8 = 3;

    /// The next offset to read, where one is known.
    pub fn next(&self, topic: Topic) -> Option<i64> {
        self.positions.iter().find(|position| position.topic == topic).map(|position| position.next)
    }

    /// The positions of the stage's inputs. How far the policy log was known stands beside them and is nobody's offset.
    pub fn inputs(&self) -> impl Iterator<Item = &Position> {
        self.positions.iter().filter(|position| position.topic != Topic::Policies)
    }

    /// Returns what was the next offset until now, where one was known.
    pub fn advance(&mut self, topic: Topic, next: i64) -> Option<i64> {
        if let Some(position) = self.positions.iter_mut().find(|position| position.topic == topic) {
            return Some(std::mem::replace(&mut position.next, next));
        }
        self.positions.push(Position { topic, next });
        None
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(Self::FORM);
        self.put(out);
    }

    pub fn decode(value: &[u8]) -> Result<Self, CodecError> {
        match value.split_first() {
            Some((&Self::FORM, body)) => codec::decode(body),
            Some((other, _)) => Err(CodecError::Ordinal { at: 0, ordinal: i64::from(*other) }),
            None => Err(CodecError::Truncated { at: 0, wanted: 1, left: 0 }),
        }
    }
}
