//! What our code asks of the allocator: per event, and to keep a customer.
//!
//! Both stages are driven without a client, as the file runner drives them, so everything that is counted is ours.

use std::collections::VecDeque;

use reflow::bus::{Outbox, Topic};
use reflow::config::Config;
use reflow::domain::decision::StageName;
use reflow::domain::words::Word;
use reflow::policy::PolicySet;
use reflow::worker::stage::Raw;
use reflow::worker::{ShardRunner, Shared};

use crate::counting::{allocations, bytes, count_from_now};
use crate::fill::{Kind, before_the_beginning, scribe};
use crate::load::{Load, Shape};
use crate::machine::resident_bytes;

/// Records of a batch.
const BATCH_RECORDS: usize = 20_000;

/// A record of the load or of a topic between the stages.
struct Kept {
    topic: Topic,
    partition: i32,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// One stage's shards and what they are to read.
struct Stage {
    runners: Vec<ShardRunner>,
    waiting: VecDeque<Kept>,
    offset: i64,
    outbox: Outbox,
    counted: u64,
    records: u64,
}

impl Stage {
    fn new(stage: StageName, shards: i32, shared: &Shared) -> Self {
        let runners = (0..shards).map(|shard| ShardRunner::new(stage, shard, shared)).collect();
        Self { runners, waiting: VecDeque::new(), offset: 0, outbox: Outbox::default(), counted: 0, records: 0 }
    }

    /// One batch; what it says to the other stage comes back.
    fn batch(&mut self) -> Vec<Kept> {
        let records: Vec<Kept> = self.waiting.drain(..self.waiting.len().min(BATCH_RECORDS)).collect();
        self.outbox.clear();
        let before = allocations();
        count_from_now(true);
        for record in &records {
            let runner = &mut self.runners[record.partition as usize];
            runner.open();
            runner.take(Raw {
                topic: record.topic,
                topic_name: record.topic.name(),
                partition: record.partition,
                offset: self.offset,
                timestamp: None,
                key: Some(&record.key),
                value: Some(&record.value),
                headers: &Vec::new,
            });
            self.offset += 1;
        }
        for runner in self.runners.iter_mut().filter(|runner| runner.is_open()) {
            runner.close(&mut self.outbox, Some);
            runner.hand_over();
            runner.commit();
        }
        count_from_now(false);
        self.counted += allocations() - before;
        self.records += records.len() as u64;
        let between = |topic| matches!(topic, Topic::PartnerFacts | Topic::Replies);
        let said = self.outbox.iter().filter(|record| between(record.topic));
        let kept = said.map(|record| Kept {
            topic: record.topic,
            partition: record.partition,
            key: record.key.to_vec(),
            value: record.value.unwrap_or_default().to_vec(),
        });
        kept.collect()
    }
}

/// Allocations per event of the customer stage, and of the partner stage per event of the customer stage.
pub fn allocations_per_event(config: &Config, policies: PolicySet, events: u64) -> (f64, f64) {
    let shared = Shared::new(config.clone(), policies);
    let mut customers = Stage::new(StageName::Customer, config.shards.customer, &shared);
    let mut partners = Stage::new(StageName::Partner, config.shards.partner, &shared);
    let mut load = Load::new(Shape::even(events / 4, config.shards.customer));
    // The first half makes the buffers and most customers; the second half is counted.
    let mut counted = 0;
    for warm in [true, false] {
        load.send(events / 2, |record| {
            let (key, value) = (record.key.to_vec(), record.value.to_vec());
            customers.waiting.push_back(Kept { topic: record.topic, partition: record.partition, key, value });
        });
        if !warm {
            (customers.counted, partners.counted) = (0, 0);
            counted = customers.waiting.len();
        }
        while !customers.waiting.is_empty() || !partners.waiting.is_empty() {
            partners.waiting.extend(customers.batch());
            // Replies are urgent: they come before what waits.
            let replies = partners.batch();
            replies.into_iter().rev().for_each(|reply| customers.waiting.push_front(reply));
        }
    }
    let per = |count: u64| count as f64 / counted as f64;
    (per(customers.counted), per(partners.counted))
}

/// Bytes per customer of a population: resident in this process, and asked for from the allocator.
pub fn bytes_per_customer(config: &Config, kind: Kind, customers: u64) -> (f64, f64) {
    let shared = Shared::new(config.clone(), PolicySet::default());
    let mut load = scribe(config.shards.customer);
    let (before, asked) = (resident_bytes(), bytes());
    count_from_now(true);
    let mut stage = Stage::new(StageName::Customer, config.shards.customer, &shared);
    let mut outbox = Outbox::default();
    let mut records = 0;
    for customer in 0..customers {
        kind.events(&mut load, customer, |record| {
            let runner = &mut stage.runners[record.partition as usize];
            runner.open();
            runner.take(before_the_beginning(&record));
            records += 1;
        });
        // As full as a batch of the worker may be.
        if records >= config.transaction.records_max || customer + 1 == customers {
            records = 0;
            for runner in stage.runners.iter_mut().filter(|runner| runner.is_open()) {
                runner.close(&mut outbox, Some);
                runner.hand_over();
                runner.commit();
                outbox.clear();
            }
        }
    }
    count_from_now(false);
    let per = |bytes: i64| bytes as f64 / customers as f64;
    (per(resident_bytes() - before), per(bytes() - asked))
}
