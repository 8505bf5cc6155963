//! What every run must satisfy: the oracle's three layers, and the journal's sums against what lies in the topics.

use std::collections::BTreeMap;

use apache_avro::reader::datum::GenericDatumReader;
use reflow::bus::Topic;
use reflow::domain::decision::StageName;
use reflow::domain::fate::IgnoreReason;
use reflow::domain::journal::JournalEntry;
use reflow::domain::words::Word;
use reflow::domain::{Decision, Fate};
use reflow::wire::Schema;
use reflow_oracle::contributions::decided;
use reflow_oracle::customer_shard::CustomerShard;
use reflow_oracle::inputs::OwnedEvent;
use reflow_oracle::journal::{self, Read};
use reflow_oracle::ordered::{self, Setup};
use reflow_oracle::tiles::{compare_tiles, expected_tiles};
use reflow_oracle::{Verdict, bounds};

use crate::deployment::CUSTOMER_SHARDS;
use crate::market;
use crate::readback::{OUTPUTS, Readback, decode};
use crate::support::Record;

/// All three layers of the oracle over what lies in the topics of a run under [`market::PATIENT`].
pub fn oracle(back: &Readback) -> Verdict {
    let (rules, policies) = (market::patient_rules(), [market::plain()]);
    let decided = decided(&back.written.decisions);
    let order_free = compare_tiles(&expected_tiles(&accepted(back), &decided, &rules), &back.written.panes);
    let in_order = ordered::check(&back.written, &back.log, &Setup::new(&rules, &policies));
    let bounds = bounds::check(&back.outputs, &market::quotas(), &market::partners());
    let consents = bounds::check_consents(&back.outputs, &back.events, None, i64::MAX, &rules);
    order_free.and(in_order).and(bounds).and(consents)
}

/// The records that were not rejected and not about something unknown when they came: only the journalled order can say.
fn accepted(back: &Readback) -> Vec<OwnedEvent> {
    let (rules, policies) = (market::patient_rules(), [market::plain()]);
    let mut accepted = Vec::new();
    for shard in 0..CUSTOMER_SHARDS {
        let mut twin = CustomerShard::new(&rules, &policies);
        for told in journal::told(&journal::of_shard(&back.written.journal, StageName::Customer, shard), &back.log) {
            match told.read {
                Some(Read::Reply(reply)) => drop(twin.reply(reply)),
                Some(Read::Event(event)) => {
                    let fate = twin.take(event, told.now);
                    let kept = matches!(fate, Fate::Applied | Fate::Duplicate | Fate::Ignored(IgnoreReason::Outdated));
                    accepted.extend(kept.then(|| event.clone()));
                }
                Some(Read::Bundle(_)) | None => {}
            }
        }
    }
    accepted
}

/// The journal says of every topic how many records were written, and of some in which bytes: a reader must find those and
/// no other, or an aborted transaction shows through.
pub fn sums(back: &Readback) -> Verdict {
    let mut verdict = Verdict::default();
    let mut said: BTreeMap<&str, i64> = BTreeMap::new();
    for output in back.written.journal.iter().flat_map(|entry| &entry.outputs) {
        *said.entry(output.topic.as_str()).or_default() += output.records;
    }
    for topic in OUTPUTS {
        let (said, found) = (said.get(topic.name()).copied().unwrap_or(0), back.records[&topic].len() as i64);
        verdict.expect(said == found, || format!("{topic}: the journal says {said} records, {found} lie there"));
    }
    for stage in [StageName::Customer, StageName::Partner] {
        let of_stage = back.written.journal.iter().filter(|entry| entry.stage == stage);
        let mut shards: BTreeMap<i32, Vec<&JournalEntry>> = BTreeMap::new();
        of_stage.for_each(|entry| shards.entry(entry.shard).or_default().push(entry));
        for (shard, mut entries) in shards {
            entries.sort_by_key(|entry| entry.sequence);
            let decisions = decisions_of(back, stage, shard);
            digests(&entries, Topic::Decisions, &decisions, &mut verdict);
            links(&entries, &decisions, &mut verdict);
            if stage == StageName::Customer {
                let letters = back.records[&Topic::DeadLetters].iter().filter(|record| record.partition == shard);
                digests(&entries, Topic::DeadLetters, &letters.collect::<Vec<_>>(), &mut verdict);
            }
        }
    }
    verdict
}

/// The records of a chain, in its order.
fn decisions_of(back: &Readback, stage: StageName, shard: i32) -> Vec<&Record> {
    let mut own: Vec<(i64, &Record)> = back.records[&Topic::Decisions]
        .iter()
        .map(|record| (decode::<Decision>(Schema::Decision, record), record))
        .filter(|(decision, _)| decision.stage == stage && decision.shard == shard)
        .map(|(decision, record)| (decision.sequence, record))
        .collect();
    own.sort_by_key(|(sequence, _)| *sequence);
    own.into_iter().map(|(_, record)| record).collect()
}

/// Transaction by transaction, the bytes that were written are the bytes that lie there.
fn digests(entries: &[&JournalEntry], topic: Topic, records: &[&Record], verdict: &mut Verdict) {
    let mut left = records;
    for entry in entries {
        for output in entry.outputs.iter().filter(|output| output.topic == topic.name()) {
            let (own, rest) = left.split_at((output.records as usize).min(left.len()));
            left = rest;
            let found = digest(own);
            verdict.expect(found == output.digest.as_str(), || {
                format!("{topic} of {} shard {} sequence {}: other bytes", entry.stage, entry.shard, entry.sequence)
            });
        }
    }
}

/// The decisions of a batch name what the journal says of the decisions before.
fn links(entries: &[&JournalEntry], records: &[&Record], verdict: &mut Verdict) {
    let (mut before, mut left) = ("", records.iter());
    for entry in entries {
        for output in entry.outputs.iter().filter(|output| output.topic == Topic::Decisions.name()) {
            for record in left.by_ref().take(output.records as usize) {
                let decision: Decision = decode(Schema::Decision, record);
                verdict.expect(decision.prev_hash == before, || {
                    let Decision { stage, shard, sequence, prev_hash, .. } = &decision;
                    format!("decision {sequence} of {stage} shard {shard} names {prev_hash}, the journal says {before}")
                });
            }
            before = &output.digest;
        }
    }
}

/// The hash that the journal carries: over all keys and values, then over their lengths.
fn digest(records: &[&Record]) -> String {
    let (mut hasher, mut lengths) = (blake3::Hasher::new(), Vec::new());
    for record in records {
        let (key, value) = (record.key.as_deref().unwrap_or_default(), record.value.as_deref());
        hasher.update(key).update(value.unwrap_or_default());
        lengths.extend((key.len() as u32).to_le_bytes());
        lengths.extend(value.map_or(u32::MAX, |value| value.len() as u32).to_le_bytes());
    }
    hasher.update(&lengths).finalize().to_hex().as_str()[..32].to_owned()
}

/// Every record of a topic with a schema, read by the authority that the worker does not use.
pub fn schemas(back: &Readback) {
    for topic in OUTPUTS.into_iter().chain([Topic::Journal]) {
        let schema = topic.layout().schema.unwrap().parsed().unwrap();
        let reader = GenericDatumReader::builder(&schema).build().unwrap();
        for record in &back.records[&topic] {
            let Some(value) = &record.value else { continue };
            let mut body = &value[5..];
            let place = format!("{topic}[{}] offset {}", record.partition, record.offset);
            reader.read_value(&mut body).unwrap_or_else(|error| panic!("{place}: {error}"));
            assert!(body.is_empty(), "{place}: {} bytes are left over", body.len());
        }
    }
}
