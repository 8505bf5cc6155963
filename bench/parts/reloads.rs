//! A thousand versions of a policy become known while drawdowns are judged: each answer is by one version alone, and every
//! answer of a batch by the one that was the newest when the batch began.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use reflow::bus::{Outbox, Topic};
use reflow::domain::decision::StageName;
use reflow::domain::policy_record::PolicyFile;
use reflow::domain::time::SECOND_MS;
use reflow::domain::{Candidate, Decision, EventTime, FactBundle, PolicyRecord, Text};
use reflow::policy::{PolicySet, set};
use reflow::wire::{Schema, SchemaIds};
use reflow::worker::policies::Policies;

use crate::cpu::thread_nanos;
use crate::drive::{Records, Shards};
use crate::load::BEGINS;
use crate::quiet::{SHARDS, load, shared};

pub const RELOADS: usize = 1_000;
/// Events of a batch: short ones, so that many versions are met.
const BATCH_RECORDS: usize = 512;
/// Events made at once.
const EVENTS: u64 = 20_000;
/// Most lenders of the first version; one more in each that follows.
const LENDERS_FROM: usize = 100;
/// Versions that have to be met at least, or the load was none.
const MET_MIN: usize = 20;

/// What was measured; times are CPU nanoseconds of a switch.
pub struct Found {
    pub read: f64,
    pub swap: f64,
    pub proposals: usize,
    pub noes: usize,
    pub versions_met: usize,
}

/// Version `n` of the document: its number stands in its offers' codes, in a text and in the most lenders it allows.
fn record(text: &str, n: usize) -> PolicyRecord {
    let version = format!("v{n}");
    let from = BEGINS.plus_ms((n as i64 - 2 * RELOADS as i64) * SECOND_MS);
    let text = text
        .replace("version: rules-1\n", &format!("version: {version}\n"))
        .replace("effective_from: 2024-01-01T00:00:00Z", &format!("effective_from: {from}"))
        .replace("-01\n    product:", &format!("-{n}\n    product:"))
        .replace("You agreed to offers of our own.", &format!("By version {n}."))
        .replace("max_lenders: 6", &format!("max_lenders: {}", LENDERS_FROM + n));
    let record = PolicyRecord {
        version: Text::from(version),
        hash: Text::default(),
        effective_from: from,
        files: vec![PolicyFile { file: "policy.yaml".to_owned(), text }],
        head: None,
        again: None,
        published_at: EventTime(0),
    };
    PolicyRecord { hash: set::document(&record).hash(), ..record }
}

/// Publishes and judges at the same time, each on a thread of its own.
pub fn measure(text: &str) -> Found {
    let records: Vec<PolicyRecord> = (0..=RELOADS).map(|n| record(text, n)).collect();
    let hashes: Vec<Text> = records.iter().map(|record| record.hash.clone()).collect();
    let mut records = records.into_iter();
    let first = records.next().expect("a version");
    let shared = shared(PolicySet::of_log().with(0, Ok(first)));
    let done = AtomicBool::new(false);
    let (policies, done) = (&*shared.policies, &done);
    std::thread::scope(|scope| {
        let publisher = scope.spawn(move || {
            let times = publish(policies, records);
            done.store(true, Relaxed);
            times
        });
        let mut seen = Seen { ids: SchemaIds::default(), hashes, met: BTreeSet::new(), proposals: 0, noes: 0 };
        let (mut shards, mut load) = (Shards::new(StageName::Customer, SHARDS.customer, &shared), load());
        // The last batches begin when the last version is known.
        let mut last = false;
        while !last {
            last = done.load(Relaxed);
            let mut made = Records::default();
            load.send(EVENTS, |record| made.push(record));
            shards.read(&made, BATCH_RECORDS, |outbox| seen.batch(outbox));
        }
        let (read, swap) = publisher.join().expect("the publisher");
        assert!(seen.met.contains(&RELOADS), "the last version was never met");
        assert!(seen.met.len() >= MET_MIN, "{} versions met", seen.met.len());
        Found { read, swap, proposals: seen.proposals, noes: seen.noes, versions_met: seen.met.len() }
    })
}

/// CPU nanoseconds to read one version into the set that is known, and to put that set in the place of the old one.
fn publish(policies: &Policies, records: impl Iterator<Item = PolicyRecord>) -> (f64, f64) {
    let (mut swaps, began) = (0, thread_nanos());
    for (offset, record) in (1..).zip(records) {
        let set = policies.current().with(offset, Ok(record));
        let begun = Instant::now();
        policies.replace(set);
        swaps += begun.elapsed().as_nanos();
    }
    let nanos = (thread_nanos() - began) as f64;
    assert_eq!(policies.current().versions().count(), RELOADS + 1, "a version was refused");
    (nanos / RELOADS as f64, swaps as f64 / RELOADS as f64)
}

struct Seen {
    ids: SchemaIds,
    hashes: Vec<Text>,
    met: BTreeSet<usize>,
    proposals: usize,
    noes: usize,
}

impl Seen {
    /// Everything that a batch says was judged by one version: that of the newest record its shard knew when it began.
    fn batch(&mut self, outbox: &Outbox) {
        let mut by_shard: BTreeMap<i32, usize> = BTreeMap::new();
        for record in outbox.iter() {
            let value = record.value.unwrap_or_default();
            let (shard, version) = match record.topic {
                Topic::PartnerFacts => {
                    let bundle: FactBundle = self.ids.decode(Schema::FactBundle, value).expect("a bundle");
                    let newest = bundle.header.policy_offset.expect("a log") as usize - 1;
                    assert_eq!(bundle.header.policy_version, format!("v{newest}"));
                    bundle.proposals.iter().for_each(|proposal| self.proposal(&proposal.candidate, newest));
                    (bundle.header.source_shard, newest)
                }
                Topic::Decisions => {
                    let decision: Decision = self.ids.decode(Schema::Decision, value).expect("a decision");
                    (decision.shard, self.no(&decision))
                }
                _ => continue,
            };
            let known = *by_shard.entry(shard).or_insert(version);
            assert_eq!(known, version, "two versions in one batch of shard {shard}");
            self.met.insert(version);
        }
    }

    fn proposal(&mut self, candidate: &Candidate, n: usize) {
        let (grounds, offer) = (&candidate.grounds, &candidate.offer);
        assert_eq!((&grounds.policy_version, &grounds.policy_hash), (&Text::from(format!("v{n}")), &self.hashes[n]));
        assert!(offer.code.ends_with(&format!("-{n}")), "{} by version {n}", offer.code);
        assert_eq!(candidate.right_to_act.source_disclosure, Some(Text::from(format!("By version {n}."))));
        self.proposals += 1;
    }

    fn no(&mut self, decision: &Decision) -> usize {
        let n: usize = decision.policy_version[1..].parse().expect("a version");
        assert_eq!(decision.policy_hash, self.hashes[n]);
        let lenders = decision.checks.iter().find(|check| check.code == "EXC_MULTI_LENDER");
        let most = lenders.and_then(|check| check.required);
        assert!(most.is_none_or(|most| most == (LENDERS_FROM + n) as i64), "{most:?} by version {n}");
        self.noes += 1;
        n
    }
}
