//! From what a stage says to records of topics: the only place that knows which output goes where.

use compact_str::ToCompactString;
use smallvec::SmallVec;

use crate::bus::{Outbox, Topic, Topics};
use crate::domain::candidate::{CandidateKind, CandidateStatus};
use crate::domain::partition::partition_of;
use crate::domain::words::Word;
use crate::domain::{Candidate, Output};
use crate::wire::{Schema, SchemaIds};

/// Appends one output.
pub fn output(output: &Output, shard: i32, topics: &Topics, ids: &SchemaIds, outbox: &mut Outbox) {
    let keyed = |topic: Topic, key: &str| (topic, partition_of(key.as_bytes(), topics.partitions(topic)));
    match output {
        Output::Bundle { partition, bundle } => {
            let key = shard.to_compact_string();
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
            for part in [pane.tile.name(), &pane.start.0.to_compact_string()] {
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
