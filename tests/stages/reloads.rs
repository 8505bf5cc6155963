//! A thousand policies read while records are taken, also between two records of one batch: no batch mixes two states of the
//! log, no decision names another version than the one in force at its event time, and nobody refuses for being behind.

use std::sync::Arc;
use std::time::Duration;

use reflow::bus::{Outbox, Topic};
use reflow::config::{ClockKind, Config};
use reflow::domain::decision::{Decision, DecisionKind, StageName};
use reflow::domain::journal::JournalEntry;
use reflow::domain::policy_record::PolicyFile;
use reflow::domain::time::MINUTE_MS;
use reflow::domain::{EventTime, FactBundle, PolicyRecord};
use reflow::policy::{Document, Part, PolicySet};
use reflow::wire::Schema;
use reflow::worker::policies::Policies;
use reflow::worker::stage::Raw;
use reflow::worker::{ShardRunner, Shared};
use reflow_oracle::dice::Dice;

use crate::bench::{Bench, Faults, Produced};
use crate::drive::{Plan, Ran, run_on};
use crate::policy::wide_text;

const RELOADS: i64 = 1_000;
/// One record in so many is preceded by a new policy.
const EVERY: i64 = 4;

/// Publishes while others read, and keeps every state of the log.
pub struct Reloads {
    policies: Arc<Policies>,
    dice: Dice,
    newest: EventTime,
    pub sets: Vec<PolicySet>,
}

impl Reloads {
    fn new(policies: &Arc<Policies>) -> Self {
        let set = PolicySet::of_log();
        let mut reloads =
            Self { policies: policies.clone(), dice: Dice::new(99), newest: EventTime(0), sets: vec![set] };
        reloads.publish(EventTime(0));
        reloads
    }

    /// Maybe one more version, in force at once for all that happened in the last minutes: whoever judged the rest of a batch
    /// by it would be seen.
    pub fn maybe(&mut self, now: EventTime) {
        if self.sets.len() as i64 <= RELOADS && self.dice.between(0, EVERY) == 0 {
            self.newest = self.newest.plus_ms(1).max(now.plus_ms(-10 * MINUTE_MS));
            self.publish(self.newest);
        }
    }

    fn publish(&mut self, effective_from: EventTime) {
        let offset = self.sets.len() as i64 - 1;
        let text = wide_text().replacen("version: v1", &format!("version: v{offset}"), 1).replacen(
            "2025-01-01T00:00:00Z",
            &effective_from.to_string(),
            1,
        );
        let hash = Document::of(vec![Part::new("p.yaml", text.clone())]).hash();
        let record = PolicyRecord {
            version: format!("v{offset}").into(),
            hash,
            effective_from,
            files: vec![PolicyFile { file: "p.yaml".to_owned(), text }],
            head: None,
            again: None,
            published_at: effective_from,
        };
        let set = self.sets.last().unwrap().with(offset, Ok(record));
        self.policies.replace(set.clone());
        self.sets.push(set);
    }

    /// What was known up to an offset.
    fn at(&self, next: Option<i64>) -> &PolicySet {
        &self.sets[next.unwrap() as usize]
    }
}

fn following() -> Arc<Policies> {
    Arc::new(Policies::of_log(PolicySet::of_log(), Duration::from_secs(3_600)))
}

/// A run of a storm in which shards lag, under a log that goes on.
fn reloaded() -> (Ran, Reloads) {
    let policies = following();
    let plan = Plan { seed: 7, ..Plan::lagging(7) };
    let mut config = Config::default();
    config.shards.customer = plan.customer_shards;
    config.shards.partner = plan.partner_shards;
    let shared = Shared { policies: policies.clone(), ..Shared::new(config, PolicySet::default()) };
    let mut bench = Bench::on(shared, Faults::default(), plan.seed);
    bench.reloads = Some(Reloads::new(&policies));
    let mut ran = run_on(&plan, bench);
    let reloads = ran.bench.reloads.take().unwrap();
    (ran, reloads)
}

/// Journal entries, each with the decisions of its batch: a journal record ends what one shard wrote in one transaction.
fn batches(ran: &Ran) -> Vec<(JournalEntry, Vec<Decision>)> {
    let (ids, mut found, mut decisions) = (&ran.bench.shared.ids, Vec::new(), Vec::new());
    for Produced { topic, value, .. } in &ran.bench.produced {
        match (topic, value) {
            (Topic::Decisions, Some(value)) => decisions.push(ids.decode(Schema::Decision, value).unwrap()),
            (Topic::Journal, Some(value)) => {
                found.push((ids.decode(Schema::Journal, value).unwrap(), std::mem::take(&mut decisions)));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn a_thousand_reloads_mix_no_version_on_any_decision() {
    let (ran, reloads) = reloaded();
    assert!(reloads.sets.len() as i64 > RELOADS, "only {} reloads", reloads.sets.len());
    let (mut judged, mut versions) = ([0; 2], std::collections::BTreeSet::new());
    let mut known = std::collections::BTreeMap::new();
    for (entry, decisions) in batches(&ran) {
        let before = known.insert((entry.stage, entry.shard), entry.policy_offset).flatten();
        assert!(before <= entry.policy_offset, "{} {}: the log goes back", entry.stage, entry.shard);
        let set = reloads.at(entry.policy_offset);
        assert_eq!(entry.policy_digest.as_ref(), Some(set.digest()));
        for decision in decisions {
            let stamp = (decision.policy_version.as_str(), decision.policy_hash.as_str());
            assert!(set.version(stamp.0, stamp.1).is_some(), "{decision:?} under what its batch did not know");
            assert!(!decision.reasons.iter().any(|code| code == "DATA_POLICY_CHANGED"), "{decision:?}");
            if entry.stage == StageName::Customer {
                let policy = set.in_force(decision.event_time).unwrap();
                assert_eq!(stamp, (policy.version.as_str(), policy.hash.as_str()), "{decision:?}");
            }
            judged[entry.stage as usize] += 1;
            versions.insert(decision.policy_version);
        }
    }
    println!("{judged:?} decisions under {} versions", versions.len());
    assert!(judged[0] > 100 && judged[1] > 40 && versions.len() > 50, "{judged:?} under {}", versions.len());
}

/// A proposal under a version that only its proposer knew yet.
fn ahead(ran: &Ran, reloads: &Reloads) -> (Produced, i64, i64) {
    let ids = &ran.bench.shared.ids;
    let mut found = ran.bench.produced.iter().filter(|record| record.topic == Topic::PartnerFacts);
    found
        .find_map(|record| {
            let bundle: FactBundle = ids.decode(Schema::FactBundle, record.value.as_deref().unwrap()).unwrap();
            let (told, grounds) = (bundle.header.policy_offset.unwrap(), &bundle.proposals.first()?.candidate.grounds);
            let without = (0..told).rev().find(|next| {
                reloads.at(Some(*next)).version(&grounds.policy_version, &grounds.policy_hash).is_none()
            })?;
            Some((record.clone(), without, told))
        })
        .unwrap()
}

/// Lets a partner shard that knows the log up to `known` take a record and, when it is put aside, learns the rest.
fn taken_by_one_behind(record: &Produced, reloads: &Reloads, known: i64, told: i64, waits: bool) -> Vec<Decision> {
    let policies = following();
    policies.replace(reloads.at(Some(known)).clone());
    let mut config = Config::default();
    config.clock.kind = ClockKind::Event;
    let shared = Shared { policies: policies.clone(), ..Shared::new(config, PolicySet::default()) };
    let mut runner = ShardRunner::new(StageName::Partner, record.partition, &shared);
    let raw = Raw {
        topic: Topic::PartnerFacts,
        topic_name: shared.topic_name(Topic::PartnerFacts),
        partition: record.partition,
        offset: 0,
        timestamp: None,
        key: Some(&record.key),
        value: record.value.as_deref(),
        headers: &Vec::new,
    };
    if waits {
        assert!(runner.has_to_wait(&raw), "it is behind and does not take the record");
        runner.hold(raw);
        assert_eq!((runner.release(), runner.held()), (0, 1), "nothing more is known");
        policies.replace(reloads.at(Some(told)).clone());
        assert_eq!((runner.release(), runner.held()), (1, 0));
    } else {
        runner.open();
        runner.take(&[raw]);
    }
    let mut outbox = Outbox::default();
    runner.close(&mut outbox, Some);
    let decisions = outbox.iter().filter(|record| record.topic == Topic::Decisions);
    decisions.map(|record| shared.ids.decode(Schema::Decision, record.value.unwrap()).unwrap()).collect()
}

#[test]
fn a_partner_shard_that_is_behind_waits_instead_of_refusing() {
    let (ran, reloads) = reloaded();
    let (record, known, told) = ahead(&ran, &reloads);
    let changed = |decisions: &[Decision]| {
        decisions.iter().filter(|decision| decision.reasons.iter().any(|code| code == "DATA_POLICY_CHANGED")).count()
    };
    let rash = taken_by_one_behind(&record, &reloads, known, told, false);
    assert!(changed(&rash) > 0, "without waiting it would refuse: {rash:?}");
    let patient = taken_by_one_behind(&record, &reloads, known, told, true);
    assert!(!patient.is_empty() && changed(&patient) == 0, "{patient:?}");
    assert!(patient.iter().all(|decision| decision.kind != DecisionKind::Revoked));
}
