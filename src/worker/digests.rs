//! Count and digest of what a batch writes, topic by topic, for its journal entry.
//!
//! A digest is compared with that of a replay, finds a transaction that is torn, and, of the decisions, is the link by which
//! the next batch of the shard names this one: so it is a cryptographic hash, and the only one that outputs are put through.

use crate::bus::outbox::Run;
use crate::bus::{Outbox, Topic};
use crate::domain::journal::OutputDigest;
use crate::domain::words::Word;
use crate::domain::{Text, set_text};
use crate::store::Spares;

/// Most bytes that are gathered before they are hashed. A processor hashes up to 16 KiB side by side; the short stretches
/// that topics write in turns it would hash one after the other, at a fraction of the speed.
const GATHERED_BYTES: usize = 16 << 10;

/// A digest hashes all keys and values, record by record, and then their lengths. Used again for every batch.
pub struct Digests {
    /// In topic order: all that were ever written to.
    sums: Vec<Sum>,
    /// What was said of a topic, when a batch writes to fewer of them than the one before.
    spares: Spares<OutputDigest>,
}

struct Sum {
    topic: Topic,
    records: i64,
    hash: Gathered,
    lengths: Vec<u8>,
}

/// A hash of bytes that come in pieces of any length.
#[derive(Default)]
struct Gathered {
    hasher: blake3::Hasher,
    /// Not hashed yet.
    bytes: Vec<u8>,
}

impl Default for Digests {
    fn default() -> Self {
        Self { sums: Vec::new(), spares: Spares::new(Topic::ALL.len(), 1) }
    }
}

impl Digests {
    /// Of the records from `first` on, in topic order; written over those of the last batch.
    pub fn take(&mut self, outbox: &Outbox, first: usize, digests: &mut Vec<OutputDigest>) {
        outbox.runs(first).for_each(|run| self.of(run.topic).add(&run));
        let mut told = 0;
        for sum in self.sums.iter_mut().filter(|sum| sum.records > 0) {
            if told == digests.len() {
                digests.push(self.spares.take_or(OutputDigest::default));
            }
            sum.tell(&mut digests[told]);
            told += 1;
        }
        digests.drain(told..).for_each(|spare| self.spares.keep(spare));
    }

    fn of(&mut self, topic: Topic) -> &mut Sum {
        let at = self.sums.binary_search_by_key(&topic, |sum| sum.topic).unwrap_or_else(|at| {
            self.sums.insert(at, Sum { topic, records: 0, hash: Gathered::default(), lengths: Vec::new() });
            at
        });
        &mut self.sums[at]
    }
}

impl Sum {
    fn add(&mut self, run: &Run<'_>) {
        self.records += run.records() as i64;
        self.hash.add(run.bytes);
        for (key, value) in run.lengths() {
            self.lengths.extend_from_slice(&(key as u32).to_le_bytes());
            self.lengths.extend_from_slice(&value.map_or(u32::MAX, |value| value as u32).to_le_bytes());
        }
    }

    /// Says what was added, and begins anew.
    fn tell(&mut self, digest: &mut OutputDigest) {
        digest.topic = Text::const_new(self.topic.name());
        digest.records = std::mem::take(&mut self.records);
        self.hash.add(&self.lengths);
        self.lengths.clear();
        set_text(&mut digest.digest, &self.hash.end().to_hex().as_str()[..32]);
    }
}

impl Gathered {
    fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (next, rest) = bytes.split_at(bytes.len().min(GATHERED_BYTES - self.bytes.len()));
            if next.len() == GATHERED_BYTES {
                // They lie in one piece already.
                self.hasher.update(next);
            } else {
                self.bytes.extend_from_slice(next);
                if self.bytes.len() == GATHERED_BYTES {
                    self.hash();
                }
            }
            bytes = rest;
        }
    }

    fn hash(&mut self) {
        self.hasher.update(&self.bytes);
        self.bytes.clear();
    }

    /// The hash of all that was added; begins anew.
    fn end(&mut self) -> blake3::Hash {
        self.hash();
        let hash = self.hasher.finalize();
        self.hasher.reset();
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::{GATHERED_BYTES, Gathered};

    #[test]
    fn pieces_of_any_length_have_the_hash_of_the_whole() {
        let whole: Vec<u8> = (0..3 * GATHERED_BYTES + 77).map(|at| (at % 251) as u8).collect();
        let mut gathered = Gathered::default();
        for piece in [1, 40, 1_000, GATHERED_BYTES - 1, GATHERED_BYTES, GATHERED_BYTES + 1, whole.len()] {
            whole.chunks(piece).for_each(|bytes| gathered.add(bytes));
            assert_eq!(gathered.end(), blake3::hash(&whole), "pieces of {piece} bytes");
        }
        assert_eq!(gathered.end(), blake3::hash(b""));
    }
}
