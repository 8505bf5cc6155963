//! What our code asks of the allocator: per event, and to keep a customer.
//!
//! Both stages are driven without a client, as the file runner drives them, so everything that is counted is ours.

use reflow::bus::Outbox;
use reflow::config::Config;
use reflow::domain::decision::StageName;
use reflow::policy::PolicySet;
use reflow::worker::{ShardRunner, Shared};

use crate::counting::{allocations, bytes, count_from_now};
use crate::drive::{Both, Records};
use crate::fill::{Kind, before_the_beginning, scribe};
use crate::load::{Load, Shape};
use crate::machine::resident_bytes;

/// Records of a batch.
const BATCH_RECORDS: usize = 20_000;

/// Allocations per event of the customer stage, and of the partner stage per event of the customer stage, over so many
/// events behind as many as warm everything up: then buffers are made, and there are about as many customers, reservations
/// and answers as there will be.
pub fn allocations_per_event(config: &Config, policies: PolicySet, warm_up: u64, events: u64) -> (f64, f64) {
    let mut stages = Both::new(&Shared::new(config.clone(), policies));
    let mut load = Load::new(Shape::even(events / 4, config.shards.customer));
    let (mut counted, mut calls) = (0, [0; 2]);
    for many in [warm_up, events] {
        let mut sent = Records::default();
        load.send(many, |record| sent.push(record));
        (calls, counted) = ([0; 2], sent.len());
        for batch in sent.batches(BATCH_RECORDS) {
            stages.batch(&sent, batch, |stage, shards, records, batch| {
                let before = allocations();
                count_from_now(true);
                shards.batch(records, batch);
                count_from_now(false);
                calls[usize::from(stage == StageName::Partner)] += allocations() - before;
            });
        }
    }
    let per = |count: u64| count as f64 / counted as f64;
    (per(calls[0]), per(calls[1]))
}

/// Bytes per customer of a population: resident in this process, and asked for from the allocator.
pub fn bytes_per_customer(config: &Config, kind: Kind, customers: u64) -> (f64, f64) {
    let shared = Shared::new(config.clone(), PolicySet::default());
    let mut load = scribe(config.shards.customer);
    let (before, asked) = (resident_bytes(), bytes());
    count_from_now(true);
    let shards = 0..config.shards.customer;
    let mut runners: Vec<_> = shards.map(|shard| ShardRunner::new(StageName::Customer, shard, &shared)).collect();
    let mut outbox = Outbox::default();
    let mut records = 0;
    for customer in 0..customers {
        kind.events(&mut load, customer, |record| {
            let runner = &mut runners[record.partition as usize];
            runner.open();
            runner.take(&[before_the_beginning(&record)]);
            records += 1;
        });
        // As full as a batch of the worker may be.
        if records >= config.transaction.records_max || customer + 1 == customers {
            records = 0;
            for runner in runners.iter_mut().filter(|runner| runner.is_open()) {
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
