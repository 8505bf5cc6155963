//! The parts of the ladder: what is run for which lines.

use std::time::Instant;

use clap::ValueEnum;
use reflow::config::{ClockKind, Config, Shards};
use reflow::domain::decision::StageName;
use reflow::ops::broker::{Broker, BrokerOptions};
use reflow::ops::topics::Admin;
use serde_json::json;

use crate::counting::{allocations, count_from_now};
use crate::fill;
use crate::latency::WARM_UP_SECS;
use crate::load::{PARTNERS, Shape};
use crate::machine::{Cost, available_bytes, configuration};
use crate::policies::policies;
use crate::recorded::Recorded;
use crate::table::Table;
use crate::{child, latency, raw, recovery, transactions, whole};

const SHARDS: Shards = Shards { customer: 8, partner: 2 };
/// As many as 5,000 events a second need, and more.
const FEW_SHARDS: Shards = Shards { customer: 4, partner: 1 };
const BOTH: [StageName; 2] = [StageName::Customer, StageName::Partner];
const CUSTOMER: [StageName; 1] = [StageName::Customer];

/// What can be asked for with `--only`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Allocations per event and bytes per customer
    Memory,
    /// L0 to L4, customer stage
    Rungs,
    /// Both stages: an even load, a hot partner, a hot shard
    Stages,
    Latency,
    /// Partitions, retries and allocations of the worker's transactions
    Transactions,
    /// Recovery, and the cost of an event with many customers
    Recovery,
}

/// How long the parts are.
#[derive(Clone, Copy, Debug, serde::Serialize)]
struct Size {
    rounds: usize,
    /// Turns of the worker and of its raw copies a round: short ones, so a slow moment of the machine spoils one of them.
    copies: usize,
    events: u64,
    customers: u64,
    warm_up_events: u64,
    latency_secs: u64,
    resident_customers: u64,
    allocation_events: u64,
    /// Events after a recovery.
    cost_events: u64,
}

const QUICK: Size = Size {
    rounds: 1,
    copies: 3,
    events: 2_000_000,
    customers: 1_000_000,
    warm_up_events: 500_000,
    latency_secs: 20,
    resident_customers: 1_000_000,
    allocation_events: 400_000,
    cost_events: 1_000_000,
};
const FULL: Size = Size {
    rounds: 3,
    copies: 1,
    events: 6_000_000,
    customers: 2_200_000,
    warm_up_events: 1_000_000,
    latency_secs: 60,
    resident_customers: 1_000_000,
    allocation_events: 1_000_000,
    cost_events: 3_000_000,
};

/// Everything a part needs.
pub struct Ladder {
    broker: Broker,
    size: Size,
    table: Table,
    /// Prefixes used so far: every run has topics of its own.
    runs: u32,
    warm: bool,
    began: Instant,
}

impl Ladder {
    pub fn start(quick: bool) -> Self {
        let broker = Broker::start(BrokerOptions { heap_mib: 1_024, ..BrokerOptions::default() });
        let broker = broker.unwrap_or_else(|error| panic!("{error}"));
        Self {
            broker,
            size: if quick { QUICK } else { FULL },
            table: Table::default(),
            runs: 0,
            warm: false,
            began: Instant::now(),
        }
    }

    pub fn finish(self) -> (Table, serde_json::Value) {
        let mut all = configuration();
        all["ladder"] = json!({
            "size": self.size, "shards": SHARDS, "latency_shards": FEW_SHARDS, "interval_ms": Config::default().transaction.interval_ms,
            "lanes": Config::default().lanes, "partners": PARTNERS,
        });
        (self.table, all)
    }

    /// Measures the parts that are asked for; those that a slow moment of the machine can spoil take turns, in rounds.
    pub fn measure(&mut self, asked: impl Fn(Part) -> bool) {
        let rounds = [Part::Rungs, Part::Stages, Part::Latency].repeat(self.size.rounds);
        let once = [Part::Transactions, Part::Recovery];
        for part in [Part::Memory].into_iter().chain(rounds).chain(once).filter(|part| asked(*part)) {
            self.say(&format!("{part:?}"));
            match part {
                Part::Memory => self.memory(),
                Part::Rungs => self.rungs(),
                Part::Stages => self.stages(),
                Part::Latency => self.latency(),
                Part::Transactions => self.transactions(),
                Part::Recovery => self.recovery(),
            }
        }
    }

    fn say(&self, text: &str) {
        eprintln!("[{:>4.0} s] {text}", self.began.elapsed().as_secs_f64());
    }

    /// A configuration with empty topics of its own.
    fn topics(&mut self) -> Config {
        self.topics_for(SHARDS)
    }

    fn topics_for(&mut self, shards: Shards) -> Config {
        self.runs += 1;
        let config = Config { shards, ..config(&self.broker.bootstrap(), &format!("run{}.", self.runs)) };
        create(&config);
        config
    }

    /// Topics filled with the load.
    fn filled(&mut self, shape: Shape, events: u64) -> (Config, u64) {
        let config = self.topics();
        let (sent, bytes) = fill::load(&config, shape, events);
        self.table.put("input.bytes", bytes as f64 / sent as f64);
        (config, sent)
    }

    fn even(&self) -> Shape {
        Shape::even(self.size.customers, SHARDS.customer)
    }

    /// The broker's code is compiled while it runs: the first run is for that.
    fn warm_up(&mut self) {
        if !std::mem::replace(&mut self.warm, true) {
            let (config, events) = self.filled(self.even(), self.size.warm_up_events);
            whole::run(&config, &BOTH, events, policies());
        }
    }

    fn rungs(&mut self) {
        self.warm_up();
        let (from, events) = self.filled(self.even(), self.size.events);
        let mut alone = whole::run(&from, &CUSTOMER, events, policies());
        let mut recorded = Recorded::read(&from, alone.produced);
        self.table.put("records", alone.produced as f64 / events as f64);
        self.table.put("bytes", alone.produced_bytes as f64 / events as f64);
        self.say(&format!("  {} partitions written, {:?}", recorded.partitions(), alone.fates));
        self.table.put("raw.batch", raw::consume(raw::batches(&from), events).per_cpu());
        self.table.put("raw.poll", raw::consume(raw::polled(&from), events).per_cpu());
        let nothing = &mut raw::Nothing;
        for turn in 0..self.size.copies {
            if turn > 0 {
                let (again, events) = self.filled(self.even(), self.size.events);
                alone = whole::run(&again, &CUSTOMER, events, policies());
            }
            self.put("l4", "l4.wall", alone.cost);
            // Each goes first in turn: what the broker still does for the first is done beside the second.
            let mut copied = [turn % 2 == 0, turn % 2 == 1].map(|transactions| {
                let to = self.topics();
                (transactions, raw::copy(raw::batches(&from), &to, events, &mut recorded, nothing, transactions))
            });
            copied.sort_by_key(|(transactions, _)| *transactions);
            let [(_, plain), (_, l0)] = copied;
            self.table.put("l0.plain", plain.per_cpu());
            self.put("l0", "l0.wall", l0);
            self.table.put("l4/l0", alone.cost.per_cpu() / l0.per_cpu());
            self.table.put("exactly-once", l0.per_cpu() / plain.per_cpu());
        }
        let to = self.topics();
        let l1 = raw::copy(raw::polled(&from), &to, events, &mut recorded, nothing, true);
        self.table.put("l1", l1.per_cpu());
        let to = self.topics();
        let decoding = &mut raw::Decoding::default();
        let l2 = raw::copy(raw::batches(&from), &to, events, &mut recorded, decoding, true);
        self.table.put("l2", l2.per_cpu());
        let to = self.topics();
        let stepping = &mut raw::Stepping::new(&from, policies());
        let l3 = raw::copy(raw::batches(&from), &to, events, &mut recorded, stepping, true);
        self.table.put("l3", l3.per_cpu());
    }

    fn put(&mut self, per_cpu: &'static str, per_wall: &'static str, cost: Cost) {
        self.table.put(per_cpu, cost.per_cpu());
        self.table.put(per_wall, cost.per_wall());
    }

    fn both(&mut self, shape: Shape) -> whole::Whole {
        let (config, events) = self.filled(shape, self.size.events);
        whole::run(&config, &BOTH, events, policies())
    }

    fn stages(&mut self) {
        self.warm_up();
        let even = self.both(self.even());
        self.put("both", "both.wall", even.cost);
        self.table.put("transaction.events", even.fates.consumed() as f64 / even.transactions as f64);
        let partner = self.both(Shape { hot_partner_percent: 60, ..self.even() }).cost.per_cpu();
        let shard = self.both(Shape { hot_shard_percent: 70, ..self.even() }).cost.per_cpu();
        self.table.put("hot.partner", partner);
        self.table.put("hot.shard", shard);
        self.table.put("hot.partner/even", partner / even.cost.per_cpu());
        self.table.put("hot.shard/even", shard / even.cost.per_cpu());
    }

    fn transactions(&mut self) {
        for (stages, partitions, concurrent) in [
            (&CUSTOMER[..], "transaction.partitions.customer", "transaction.concurrent.customer"),
            (&BOTH[..], "transaction.partitions", "transaction.concurrent"),
        ] {
            let (config, events) = self.filled(self.even(), self.size.warm_up_events);
            let told = transactions::told(&config);
            let (_, counted) = transactions::counted(|| whole::run(&told, stages, events, policies()));
            let per = |count: u64| count as f64 / counted.transactions.max(1) as f64;
            self.table.put(partitions, per(counted.partitions));
            self.table.put(concurrent, per(counted.concurrent));
        }
        let (config, events) = self.filled(self.even(), self.size.warm_up_events);
        let before = allocations();
        count_from_now(true);
        whole::run(&config, &BOTH, events, policies());
        count_from_now(false);
        self.table.put("allocations.worker", (allocations() - before) as f64 / events as f64);
    }

    /// With as many shards as everything else here, and with as few as that rate needs: a transaction waits for each of its
    /// partitions. The first run is preceded by a long warm-up of the broker.
    fn latency(&mut self) {
        self.warm_up();
        for (shards, warm_up_secs, p50, p99, max) in [
            (SHARDS, WARM_UP_SECS, "latency.wide.p50", "latency.wide.p99", "latency.wide.max"),
            (FEW_SHARDS, WARM_UP_SECS / 4, "latency.p50", "latency.p99", "latency.max"),
        ] {
            let mut config = self.topics_for(shards);
            config.clock.kind = ClockKind::Wall;
            let latency = latency::run(config, warm_up_secs, self.size.latency_secs);
            self.say(&format!("  {} decisions, {} of one stage", latency.micros.len(), latency.one_stage));
            self.say(&format!("  {} transactions: {}", latency.transactions, latency.phases));
            self.table.put(p50, latency.ms(0.5));
            self.table.put(p99, latency.ms(0.99));
            self.table.put(max, latency.ms(1.0));
        }
        let mut config = self.topics_for(FEW_SHARDS);
        config.clock.kind = ClockKind::Wall;
        let bare = latency::bare(&config, WARM_UP_SECS / 4, self.size.latency_secs);
        self.say(&format!("  two raw hops: {} decisions, {} transactions", bare.micros.len(), bare.transactions));
        self.table.put("latency.bare.p50", bare.ms(0.5));
        self.table.put("latency.bare.p99", bare.ms(0.99));
    }

    fn memory(&mut self) {
        let (warm_up, events) = (self.size.warm_up_events, self.size.allocation_events);
        let (customer, partner) = child::allocations(warm_up, events);
        self.table.put("allocations", customer + partner);
        self.table.put("allocations.customer", customer);
        // A borrower takes seven times as many events to make.
        let (dormant, borrowers) = (self.size.resident_customers, self.size.resident_customers / 4);
        for (kind, customers, resident, heap) in [
            ("dormant", dormant, "resident.dormant", "heap.dormant"),
            ("loan", borrowers, "resident.loan", "heap.loan"),
        ] {
            let measured = child::resident(kind, customers);
            self.table.put(resident, measured.0);
            self.table.put(heap, measured.1);
        }
    }

    fn recovery(&mut self) {
        self.warm_up();
        let (per_customer, _) = child::resident("dormant", RECOVERIES[0].customers);
        for population in &RECOVERIES {
            let (needed, there) = (per_customer * population.customers as f64 * SPARE, available_bytes());
            if needed < there {
                self.recover(population);
                continue;
            }
            let why = format!("needs {:.1} GB of memory, {:.1} GB are free", needed / 1e9, there / 1e9);
            let cost = (population.cost == MOST).then_some("cost");
            let lines = [Some(population.cost), population.changelog, population.image, cost];
            lines.into_iter().flatten().for_each(|key| self.table.leave_out(key, &why));
        }
        if let (Some(few), Some(many)) = (self.table.get(RECOVERIES[0].cost), self.table.get(MOST)) {
            self.table.put("cost", many / few);
        }
    }

    fn recover(&mut self, population: &Population) {
        let (mut config, customers) = (self.topics(), population.customers);
        let dir = tempfile::tempdir().expect("a directory for images");
        config.images.dir = dir.path().to_owned();
        let records = child::populate(&config, customers);
        self.say(&format!("  {customers} customers, {records} records in the changelog"));
        let (from_changelog, grown) = recovery::from_changelog(&config);
        self.say(&format!("  ready from the changelog after {from_changelog:.2} s; there are images"));
        let from_images = recovery::from_images(&config);
        self.say(&format!("  ready from images after {from_images:.2} s"));
        if let (Some(changelog), Some(image)) = (population.changelog, population.image) {
            self.table.put(changelog, from_changelog);
            self.table.put(image, from_images);
        }
        if population.cost == MOST {
            self.table.put("recovery.resident.10M", grown as f64 / customers as f64);
        }
        let (sent, _) = fill::load(&config, Shape::even(customers, SHARDS.customer), self.size.cost_events);
        let whole = whole::run(&recovery::without_new_images(&config), &CUSTOMER, sent, policies());
        self.table.put(population.cost, whole.cost.micros_per_event());
    }
}

/// A population that a worker recovers, and the lines that this is for.
struct Population {
    customers: u64,
    cost: &'static str,
    changelog: Option<&'static str>,
    image: Option<&'static str>,
}

const RECOVERIES: [Population; 3] = [
    Population { customers: 100_000, cost: "cost.0.1M", changelog: None, image: None },
    Population {
        customers: 1_000_000,
        cost: "cost.1M",
        changelog: Some("recovery.changelog.1M"),
        image: Some("recovery.image.1M"),
    },
    Population {
        customers: 10_000_000,
        cost: MOST,
        changelog: Some("recovery.changelog.10M"),
        image: Some("recovery.image.10M"),
    },
];

/// The line of the largest one.
const MOST: &str = "cost.10M";

/// How much more memory must be free than the customers alone take: events, buffers, the broker's cache.
const SPARE: f64 = 1.3;

/// What every run has in common.
pub fn config(bootstrap: &str, prefix: &str) -> Config {
    let mut config = Config::default();
    (config.kafka.bootstrap, config.kafka.prefix) = (bootstrap.to_owned(), prefix.to_owned());
    config.shards = SHARDS;
    config.clock.kind = ClockKind::Event;
    config.http.listen = String::new();
    config
}

fn create(config: &Config) {
    let admin = Admin::open(config).expect("admin");
    admin.create(&admin.rows().expect("rows")).expect("topics");
}
