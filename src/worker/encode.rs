//! From what a stage says to records of topics: the only place that knows which output goes where.

use compact_str::format_compact;
use smallvec::SmallVec;

use crate::bus::outbox::Run;
use crate::bus::{Outbox, Topic, Topics};
use crate::domain::candidate::{CandidateKind, CandidateStatus};
use crate::domain::journal::OutputDigest;
use crate::domain::partition::partition_of;
use crate::domain::words::Word;
use crate::domain::{Candidate, Output, Text, set_text};
use crate::wire::{Schema, SchemaIds};

/// Appends one output.
pub fn output(output: &Output, shard: i32, topics: &Topics, ids: &SchemaIds, outbox: &mut Outbox) {
    let keyed = |topic: Topic, key: &str| (topic, partition_of(key.as_bytes(), topics.partitions(topic)));
    match output {
        Output::Bundle { partition, bundle } => {
            let key = format_compact!("{shard}");
            let encode = |out: &mut Vec<u8>| ids.encode(Schema::FactBundle, bundle.as_ref(), out);
            outbox.push(Topic::PartnerFacts, *partition, key.as_bytes(), encode);
        }
        Output::Reply { shard, reply } => {
            outbox.push(Topic::Replies, *shard, reply.customer.as_bytes(), |out| ids.encode(Schema::Reply, reply, out));
        }
        Output::Candidate(candidate) => self::candidate(candidate, topics, ids, outbox),
        Output::Decision(decision) => {
            let (topic, partition) = keyed(Topic::Decisions, &decision.customer);
            let encode = |out: &mut Vec<u8>| ids.encode(Schema::Decision, decision.as_ref(), out);
            outbox.push(topic, partition, decision.customer.as_bytes(), encode);
        }
        Output::View(view) => {
            let (topic, partition) = keyed(Topic::Partners, &view.partner);
            let encode = |out: &mut Vec<u8>| ids.encode(Schema::PartnerView, view.as_ref(), out);
            outbox.push(topic, partition, view.partner.as_bytes(), encode);
        }
        Output::Pane(pane) => {
            let mut key = SmallVec::<[u8; 64]>::from_slice(pane.partner.as_bytes());
            for part in [pane.tile.name(), &format_compact!("{}", pane.start.0)] {
                key.push(0);
                key.extend_from_slice(part.as_bytes());
            }
            let (topic, partition) = keyed(Topic::PartnerPanes, &pane.partner);
            let encode = |out: &mut Vec<u8>| ids.encode(Schema::PartnerPane, pane.as_ref(), out);
            outbox.push(topic, partition, &key, encode);
        }
        Output::Alert(alert) => {
            let key = alert.partner.as_ref().map_or_else(|| alert.shard.to_string(), ToString::to_string);
            let (topic, partition) = keyed(Topic::Alerts, &key);
            let encode = |out: &mut Vec<u8>| ids.encode(Schema::Alert, alert.as_ref(), out);
            outbox.push(topic, partition, key.as_bytes(), encode);
        }
    }
}

/// The candidate itself, and what is valid now for its customer.
fn candidate(candidate: &Candidate, topics: &Topics, ids: &SchemaIds, outbox: &mut Outbox) {
    let key = candidate.customer.as_bytes();
    let topic = match candidate.kind {
        CandidateKind::NewRt | CandidateKind::ReturningRt | CandidateKind::UseOwnLimit => Topic::CandidatesRealtime,
        CandidateKind::Referral => Topic::CandidatesReferral,
        CandidateKind::Offline | CandidateKind::HomeComing | CandidateKind::Awaken | CandidateKind::Treatment => {
            Topic::CandidatesOffline
        }
    };
    let partition = partition_of(key, topics.partitions(topic));
    outbox.push(topic, partition, key, |out| ids.encode(Schema::Candidate, candidate, out));
    match candidate.status {
        CandidateStatus::Active => {
            let encode = |out: &mut Vec<u8>| ids.encode(Schema::Candidate, candidate, out);
            outbox.push(Topic::CandidatesActive, partition, key, encode);
        }
        CandidateStatus::Superseded | CandidateStatus::Revoked | CandidateStatus::Expired => {
            outbox.push_tombstone(Topic::CandidatesActive, partition, key);
        }
    }
}

/// Counts and digests what a batch writes, topic by topic. A digest hashes all keys and values, record by record, and then
/// their lengths: so long stretches are hashed in one go. Used again for every batch.
#[derive(Default)]
pub struct Digests {
    /// In topic order: all that were ever written to.
    sums: Vec<Sum>,
}

struct Sum {
    topic: Topic,
    records: i64,
    hasher: blake3::Hasher,
    lengths: Vec<u8>,
}

impl Digests {
    /// Of the records from `first` on, in topic order; written over those of the last batch.
    pub fn take(&mut self, outbox: &Outbox, first: usize, digests: &mut Vec<OutputDigest>) {
        outbox.runs(first).for_each(|run| self.of(run.topic).add(&run));
        let mut told = 0;
        for sum in self.sums.iter_mut().filter(|sum| sum.records > 0) {
            if told == digests.len() {
                digests.push(OutputDigest { topic: Text::default(), records: 0, digest: Text::default() });
            }
            sum.tell(&mut digests[told]);
            told += 1;
        }
        digests.truncate(told);
    }

    fn of(&mut self, topic: Topic) -> &mut Sum {
        let at = self.sums.binary_search_by_key(&topic, |sum| sum.topic).unwrap_or_else(|at| {
            self.sums.insert(at, Sum { topic, records: 0, hasher: blake3::Hasher::new(), lengths: Vec::new() });
            at
        });
        &mut self.sums[at]
    }
}

impl Sum {
    fn add(&mut self, run: &Run<'_>) {
        self.records += run.records() as i64;
        self.hasher.update(run.bytes);
        for (key, value) in run.lengths() {
            self.lengths.extend_from_slice(&(key as u32).to_le_bytes());
            self.lengths.extend_from_slice(&value.map_or(u32::MAX, |value| value as u32).to_le_bytes());
        }
    }

    /// Says what was added, and begins anew.
    fn tell(&mut self, digest: &mut OutputDigest) {
        digest.topic = Text::const_new(self.topic.name());
        digest.records = std::mem::take(&mut self.records);
        set_text(&mut digest.digest, &self.hasher.update(&self.lengths).finalize().to_hex().as_str()[..32]);
        self.hasher.reset();
        self.lengths.clear();
    }
}
