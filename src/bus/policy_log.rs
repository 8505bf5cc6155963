//! The policy log as it is read: one partition, from its first record to wherever it ends, and on.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::asking::watermarks;
use super::consumer::lost_offset;
use super::sampled::Voice;

/// Longest wait for the end of the log, seconds.
const QUERY_SECS_MAX: u64 = 5;

/// Where reading stands, seen from the log's two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Reading,
    /// Nothing lies in the log that was not read. Markers of transactions take offsets that are never read: then it is the same
    /// end twice, with nothing to read between.
    AtEnd,
    /// It begins at `low`, behind the `next` record to be read: what lies between is gone.
    Beheaded {
        next: i64,
        low: i64,
    },
    /// It ends at `end`, before what was read: it was made anew or has lost its end, unless a new leader does not know it yet.
    Shortened {
        next: i64,
        end: i64,
    },
}

/// A reader of the log.
pub struct PolicyLog {
    consumer: BaseConsumer<Voice>,
    topic: String,
    /// Next offset to come.
    next: i64,
    /// The client has nothing more to give, since the last record.
    drained: bool,
    /// It said so since the end was asked for last.
    fresh: bool,
    /// The end when it was asked for last.
    end: i64,
}

impl PolicyLog {
    /// Begins at the first record; `config` is that of a reader.
    pub fn open(config: &ClientConfig, topic: &str) -> Result<Self, KafkaError> {
        let mut config = config.clone();
        // A group id is only asked for by the client; nothing is committed under it.
        config.set("group.id", "reflow-policies").set("isolation.level", "read_committed");
        config.set("enable.partition.eof", "true");
        let consumer: BaseConsumer<Voice> = config.create_with_context(Voice::new("policy log"))?;
        let log = Self { consumer, topic: topic.to_owned(), next: 0, drained: false, fresh: false, end: -1 };
        log.begin()?;
        Ok(log)
    }

    /// Reads on with the next record.
    fn begin(&self) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, 0, Offset::Offset(self.next))?;
        self.consumer.assign(&list)
    }

    /// The next record, if one comes within `wait`: its offset and value. Errs when it cannot be read on.
    pub fn next(&mut self, wait: Duration) -> Result<Option<(i64, Option<Vec<u8>>)>, KafkaError> {
        match self.consumer.poll(wait) {
            None => Ok(None),
            Some(Ok(message)) => {
                (self.next, self.drained) = (message.offset() + 1, false);
                Ok(Some((message.offset(), message.payload().map(<[u8]>::to_vec))))
            }
            Some(Err(KafkaError::PartitionEOF(_))) => {
                (self.drained, self.fresh) = (true, true);
                Ok(None)
            }
            // The client reads on behind it, or not at all: it is told to try that record again, and the place says what is wrong.
            Some(Err(error)) if lost_offset(&error) => self.begin().and(Err(error)),
            Some(Err(error)) => {
                tracing::debug!(%error, "policy log");
                Ok(None)
            }
        }
    }

    /// Asks for both ends of the log.
    pub fn place(&mut self) -> Result<Place, KafkaError> {
        let (low, end) = watermarks(&self.consumer, &self.topic, 0, Duration::from_secs(QUERY_SECS_MAX))?;
        let before = std::mem::replace(&mut self.end, end);
        // An end of reading that was met before the last look says nothing of what has come since: it may lie there unread.
        let fresh = std::mem::replace(&mut self.fresh, false);
        self.drained &= fresh || before == end;
        let next = self.next;
        Ok(match () {
            () if low > next => Place::Beheaded { next, low },
            () if end < next => Place::Shortened { next, end },
            () if next == end || self.drained && before == end => Place::AtEnd,
            () => Place::Reading,
        })
    }
}
