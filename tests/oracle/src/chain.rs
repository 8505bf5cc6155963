//! The decision chains: per stage and shard a sequence from 1 and the hash of the decision before (layer 2).

use std::collections::BTreeMap;

use reflow::domain::decision::StageName;
use reflow::domain::{Decision, Text, codec};

use super::Verdict;

/// The hash by which the next decision of the chain names this one: BLAKE3 of the Avro body, 32 hexadecimal characters.
pub fn hash(decision: &Decision) -> Text {
    let mut body = Vec::new();
    codec::encode(decision, &mut body);
    Text::from(&blake3::hash(&body).to_hex().as_str()[..32])
}

/// Checks the chains; decisions may come in any order across shards.
pub fn check(decisions: &[Decision]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut chains: BTreeMap<(StageName, i32), Vec<&Decision>> = BTreeMap::new();
    for decision in decisions {
        chains.entry((decision.stage, decision.shard)).or_default().push(decision);
    }
    for ((stage, shard), mut chain) in chains {
        chain.sort_by_key(|decision| decision.sequence);
        let mut before = Text::default();
        for (expected, decision) in (1..).zip(chain) {
            let name = format!("decision chain of {stage} shard {shard}");
            verdict.expect(decision.sequence == expected, || {
                format!("{name}: sequence {} where {expected} was expected", decision.sequence)
            });
            verdict.expect(decision.prev_hash == before, || {
                format!("{name}: prev_hash of sequence {} is not the hash of the one before", decision.sequence)
            });
            before = hash(decision);
        }
    }
    verdict
}

/// Gives decisions their chain, as a correct writer would: for tests.
pub fn linked(mut decisions: Vec<Decision>) -> Vec<Decision> {
    let mut ends: BTreeMap<(StageName, i32), (i64, Text)> = BTreeMap::new();
    for decision in &mut decisions {
        let end = ends.entry((decision.stage, decision.shard)).or_default();
        decision.sequence = end.0 + 1;
        decision.prev_hash = end.1.clone();
        *end = (decision.sequence, hash(decision));
    }
    decisions
}
