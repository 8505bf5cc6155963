//! The records of one transaction, encoded into one buffer before the transaction is opened.

use super::topics::Topic;

/// One record to be produced.
#[derive(Clone, Debug)]
struct Entry {
    topic: Topic,
    is_tombstone: bool,
    partition: i32,
    /// Where key and value begin, and where the value ends.
    key: usize,
    value: usize,
    end: usize,
}

/// Records in the order in which they are produced. Cleared and reused: a steady state allocates nothing.
#[derive(Debug, Default)]
pub struct Outbox {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

/// A borrowed record of an outbox.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub topic: Topic,
    pub partition: i32,
    pub key: &'a [u8],
    pub value: Option<&'a [u8]>,
}

/// Records of one topic that follow each other in an outbox.
pub struct Run<'a> {
    pub topic: Topic,
    /// Key, value, key, value, …
    pub bytes: &'a [u8],
    entries: &'a [Entry],
}

impl Run<'_> {
    pub fn records(&self) -> usize {
        self.entries.len()
    }

    /// Lengths of key and value of each record; no value: a tombstone.
    pub fn lengths(&self) -> impl Iterator<Item = (usize, Option<usize>)> {
        let value = |entry: &Entry| (!entry.is_tombstone).then_some(entry.end - entry.value);
        self.entries.iter().map(move |entry| (entry.value - entry.key, value(entry)))
    }
}

impl Outbox {
    /// Appends a record; `value` writes the value's bytes.
    pub fn push(&mut self, topic: Topic, partition: i32, key: &[u8], value: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let middle = self.bytes.len();
        value(&mut self.bytes);
        let end = self.bytes.len();
        self.entries.push(Entry { topic, is_tombstone: false, partition, key: start, value: middle, end });
    }

    /// Appends a tombstone.
    pub fn push_tombstone(&mut self, topic: Topic, partition: i32, key: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let end = self.bytes.len();
        self.entries.push(Entry { topic, is_tombstone: true, partition, key: start, value: end, end });
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Encoded bytes so far, keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The records from position `from` on.
    pub fn since(&self, from: usize) -> impl Iterator<Item = Outgoing<'_>> + Clone {
        self.entries[from.min(self.entries.len())..].iter().map(|entry| Outgoing {
            topic: entry.topic,
            partition: entry.partition,
            key: &self.bytes[entry.key..entry.value],
            value: (!entry.is_tombstone).then(|| &self.bytes[entry.value..entry.end]),
        })
    }

    /// The records from position `from` on, as runs of one topic.
    pub fn runs(&self, from: usize) -> impl Iterator<Item = Run<'_>> {
        let entries = &self.entries[from.min(self.entries.len())..];
        entries.chunk_by(|one, next| one.topic == next.topic).filter_map(|run| {
            let (first, last) = (run.first()?, run.last()?);
            Some(Run { topic: first.topic, bytes: &self.bytes[first.key..last.end], entries: run })
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = Outgoing<'_>> + Clone {
        self.since(0)
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
    }
}
