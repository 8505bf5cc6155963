//! The decision chains: per stage and shard a sequence from 1; all decisions of a batch name the digest of those of the batch
//! before (layer 2).

use std::collections::BTreeMap;

use reflow::domain::decision::StageName;
use reflow::domain::{Decision, Text, codec};

use super::Verdict;

/// In front of every decision of a deployment without a registry: a zero byte, and the number of its schema, which is 8.
const HEADER: [u8; 5] = [0, 0, 0, 0, 8];

/// The digest by which the next batch of the chain names the decisions of this one: BLAKE3, 32 hexadecimal characters, of
/// their records' keys and values as they lie in the topic, and then of the lengths of each key and value.
pub fn digest(batch: &[&Decision]) -> Text {
    let (mut hasher, mut lengths) = (blake3::Hasher::new(), Vec::new());
    for decision in batch {
        let mut value = HEADER.to_vec();
        codec::encode(*decision, &mut value);
        hasher.update(decision.customer.as_bytes()).update(&value);
        lengths.extend([decision.customer.len(), value.len()].map(|length| length as u32).map(u32::to_le_bytes));
    }
    Text::from(&hasher.update(lengths.as_flattened()).finalize().to_hex().as_str()[..32])
}

/// Checks the chains of a deployment without a registry; decisions may come in any order across shards.
pub fn check(decisions: &[Decision]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut chains: BTreeMap<(StageName, i32), Vec<&Decision>> = BTreeMap::new();
    for decision in decisions {
        chains.entry((decision.stage, decision.shard)).or_default().push(decision);
    }
    for ((stage, shard), mut chain) in chains {
        let name = format!("decision chain of {stage} shard {shard}");
        chain.sort_by_key(|decision| decision.sequence);
        for (expected, decision) in (1..).zip(&chain) {
            verdict.expect(decision.sequence == expected, || {
                format!("{name}: sequence {} where {expected} was expected", decision.sequence)
            });
        }
        let mut before = Text::default();
        // Decisions differ in their sequence, so no two batches have the same digest.
        for batch in chain.chunk_by(|one, next| one.prev_hash == next.prev_hash) {
            verdict.expect(batch[0].prev_hash == before, || {
                format!("{name}: prev_hash of sequence {} is not the digest of the batch before", batch[0].sequence)
            });
            before = digest(batch);
        }
    }
    verdict
}

/// Gives decisions their chain, as a correct writer would whose batches have one decision each: for tests.
pub fn linked(mut decisions: Vec<Decision>) -> Vec<Decision> {
    let mut ends: BTreeMap<(StageName, i32), (i64, Text)> = BTreeMap::new();
    for decision in &mut decisions {
        let end = ends.entry((decision.stage, decision.shard)).or_default();
        decision.sequence = end.0 + 1;
        decision.prev_hash = end.1.clone();
        *end = (decision.sequence, digest(&[decision]));
    }
    decisions
}
