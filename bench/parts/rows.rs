//! The parts of the ladder: what is run for which lines.

use std::process::Command;

use clap::ValueEnum;
use reflow::config::{ClockKind, Config, Shards};
use reflow::domain::decision::StageName;
use reflow::ops::broker::{Broker, BrokerOptions};
use reflow::ops::topics::Admin;
use reflow::policy::{Policy, PolicySet};
use serde_json::json;

use crate::fill::{self, Kind};
use crate::load::{PARTNERS, Shape};
use crate::machine::{Cost, configuration};
use crate::recorded::Recorded;
use crate::table::Table;
use crate::{latency, memory, raw, recovery, transactions, whole};

const SHARDS: Shards = Shards { customer: 8, partner: 2 };
const POLICY: &str = include_str!("policy.yaml");
const BOTH: [StageName; 2] = [StageName::Customer, StageName::Partner];
const CUSTOMER: [StageName; 1] = [StageName::Customer];
/// Instalments of a borrower's loan.
const INSTALMENTS: i32 = 12;

/// What can be asked for with `--only`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// L0 to L4
    Rungs,
    /// A hot partner and a hot shard
    Hot,
    /// Partitions and retries per transaction
    Transactions,
    Latency,
    /// Allocations per event and bytes per customer
    Memory,
    /// Recovery, and the cost of an event with many customers
    Recovery,
}

impl Part {
    pub const ALL: [Self; 6] =
        [Self::Memory, Self::Rungs, Self::Hot, Self::Transactions, Self::Latency, Self::Recovery];
}

/// How long the parts are.
#[derive(Clone, Copy, Debug, serde::Serialize)]
struct Size {
    rounds: usize,
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
    events: 2_000_000,
    customers: 1_000_000,
    warm_up_events: 500_000,
    latency_secs: 20,
    resident_customers: 300_000,
    allocation_events: 400_000,
    cost_events: 1_000_000,
};
const FULL: Size = Size {
    rounds: 3,
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
}

impl Ladder {
    pub fn start(quick: bool) -> Self {
        let broker = Broker::start(BrokerOptions { heap_mib: 1_024, ..BrokerOptions::default() });
        let broker = broker.unwrap_or_else(|error| panic!("{error}"));
        Self { broker, size: if quick { QUICK } else { FULL }, table: Table::default(), runs: 0, warm: false }
    }

    pub fn finish(self) -> (Table, serde_json::Value) {
        let mut all = configuration();
        let shards = config(String::new()).shards;
        all["ladder"] = json!({
            "size": self.size, "shards": shards, "interval_ms": Config::default().transaction.interval_ms,
            "lanes": Config::default().lanes, "partners": PARTNERS,
        });
        (self.table, all)
    }

    pub fn measure(&mut self, part: Part) {
        match part {
            Part::Rungs => (0..self.size.rounds).for_each(|_| self.rungs()),
            Part::Hot => (0..self.size.rounds).for_each(|_| self.hot()),
            Part::Transactions => self.transactions(),
            Part::Latency => (0..self.size.rounds).for_each(|_| self.latency()),
            Part::Memory => self.memory(),
            Part::Recovery => self.recovery(),
        }
    }

    /// A configuration with empty topics of its own.
    fn topics(&mut self) -> Config {
        self.runs += 1;
        let mut config = config(self.broker.bootstrap());
        config.kafka.prefix = format!("run{}.", self.runs);
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
        let alone = whole::run(&from, &CUSTOMER, events, policies());
        self.put("l4", "l4.wall", alone.cost);
        let mut recorded = Recorded::read(&from, alone.produced);
        self.table.put("records", alone.produced as f64 / events as f64);
        self.table.put("bytes", alone.produced_bytes as f64 / events as f64);
        eprintln!(
            "         {} partitions, {} transactions, fates {:?}",
            recorded.partitions(),
            alone.transactions,
            alone.fates
        );
        self.table.put("raw.batch", raw::consume(raw::batches(&from), events).per_cpu());
        self.table.put("raw.poll", raw::consume(raw::polled(&from), events).per_cpu());
        let to = self.topics();
        let nothing = &mut raw::Nothing;
        let plain = raw::copy(raw::batches(&from), &to, events, &mut recorded, nothing, false);
        self.table.put("l0.plain", plain.per_cpu());
        let to = self.topics();
        let l0 = raw::copy(raw::batches(&from), &to, events, &mut recorded, nothing, true);
        self.put("l0", "l0.wall", l0);
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
        drop(recorded);
        let both = self.both(self.even());
        self.put("both", "both.wall", both.cost);
        self.table.put("transaction.events", events as f64 / both.transactions as f64);
        self.table.put("l4/l0", alone.cost.per_cpu() / l0.per_cpu());
        self.table.put("exactly-once", l0.per_cpu() / plain.per_cpu());
    }

    fn put(&mut self, per_cpu: &'static str, per_wall: &'static str, cost: Cost) {
        self.table.put(per_cpu, cost.per_cpu());
        self.table.put(per_wall, cost.per_wall());
    }

    fn both(&mut self, shape: Shape) -> whole::Whole {
        let (config, events) = self.filled(shape, self.size.events);
        whole::run(&config, &BOTH, events, policies())
    }

    fn hot(&mut self) {
        self.warm_up();
        // Interleaved with an even run of its own: a machine that slows down must not look like heat.
        let even = self.both(self.even()).cost.per_cpu();
        let partner = self.both(Shape { hot_partner_percent: 60, ..self.even() }).cost.per_cpu();
        let shard = self.both(Shape { hot_shard_percent: 70, ..self.even() }).cost.per_cpu();
        self.table.put("hot.partner", partner);
        self.table.put("hot.shard", shard);
        self.table.put("hot.partner/even", partner / even);
        self.table.put("hot.shard/even", shard / even);
    }

    fn transactions(&mut self) {
        let (config, events) = self.filled(self.even(), self.size.warm_up_events);
        let told = transactions::told(&config);
        let (_, counted) = transactions::counted(|| whole::run(&told, &BOTH, events, policies()));
        let per = |count: u64| count as f64 / counted.transactions.max(1) as f64;
        self.table.put("transaction.partitions", per(counted.partitions));
        self.table.put("transaction.concurrent", per(counted.concurrent));
        let (config, events) = self.filled(self.even(), self.size.warm_up_events);
        let before = crate::counting::allocations();
        crate::counting::count_from_now(true);
        whole::run(&config, &BOTH, events, policies());
        crate::counting::count_from_now(false);
        let counted = crate::counting::allocations() - before;
        self.table.put("allocations.worker", counted as f64 / events as f64);
    }

    fn latency(&mut self) {
        self.warm_up();
        let mut config = self.topics();
        config.clock.kind = ClockKind::Wall;
        let latency = latency::run(config, self.size.latency_secs);
        eprintln!("         {} decisions, {} of one stage", latency.micros.len(), latency.one_stage);
        self.table.put("latency.p50", latency.ms(0.5));
        self.table.put("latency.p99", latency.ms(0.99));
        self.table.put("latency.max", latency.ms(1.0));
    }

    fn memory(&mut self) {
        let config = config(String::new());
        let (customer, partner) = memory::allocations_per_event(&config, policies(), self.size.allocation_events);
        self.table.put("allocations", customer + partner);
        self.table.put("allocations.customer", customer);
        for (kind, resident, heap) in
            [("dormant", "resident.dormant", "heap.dormant"), ("loan", "resident.loan", "heap.loan")]
        {
            let customers = self.size.resident_customers.to_string();
            let program = std::env::current_exe().expect("this program");
            let output = Command::new(program).args(["--resident", kind, &customers]).output().expect("child");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let said: (f64, f64) = serde_json::from_slice(&output.stdout).expect("two numbers");
            self.table.put(resident, said.0);
            self.table.put(heap, said.1);
        }
    }

    fn recovery(&mut self) {
        const MILLION: u64 = 1_000_000;
        let sizes: [(u64, &str, Option<(&str, &str)>); 3] = [
            (MILLION / 10, "cost.0.1M", None),
            (MILLION, "cost.1M", Some(("recovery.changelog.1M", "recovery.image.1M"))),
            (10 * MILLION, "cost.10M", Some(("recovery.changelog.10M", "recovery.image.10M"))),
        ];
        self.warm_up();
        for (customers, cost, recoveries) in sizes {
            let began = std::time::Instant::now();
            let config = self.topics();
            let records = fill::population(&config, customers, Kind::Dormant);
            eprintln!("         {customers} customers, {records} records: {:.1} s", began.elapsed().as_secs_f64());
            let (secs, grown) = recovery::ready(&config);
            if let Some((changelog, _image)) = recoveries {
                self.table.put(changelog, secs);
            }
            if customers == 10 * MILLION {
                self.table.put("recovery.resident.10M", grown as f64 / customers as f64);
            }
            let (sent, _) = fill::load(&config, Shape::even(customers, SHARDS.customer), self.size.cost_events);
            let whole = whole::run(&config, &CUSTOMER, sent, policies());
            self.table.put(cost, whole.cost.micros_per_event());
        }
        if let (Some(few), Some(many)) = (self.table.get("cost.0.1M"), self.table.get("cost.10M")) {
            self.table.put("cost", many / few);
        }
    }
}

/// Prints what `--resident` asks for.
pub fn resident_child(kind: &str, customers: u64) {
    let kind = if kind == "loan" { Kind::Borrowers(INSTALMENTS) } else { Kind::Dormant };
    let measured = memory::bytes_per_customer(&config(String::new()), kind, customers);
    println!("{}", json!(measured));
}

fn config(bootstrap: String) -> Config {
    let mut config = Config::default();
    config.kafka.bootstrap = bootstrap;
    config.shards = SHARDS;
    config.clock.kind = ClockKind::Event;
    config.http.listen = String::new();
    config
}

fn create(config: &Config) {
    let admin = Admin::open(config).expect("admin");
    admin.create(&admin.rows().expect("rows")).expect("topics");
}

/// The policy with the one contract given to every partner of the load.
fn policies() -> PolicySet {
    let (head, rest) = POLICY.split_once("  - partner: p01\n").expect("a contract");
    let (contract, tail) = rest.split_once("exclusions:").expect("exclusions");
    let contracts: String =
        (0..PARTNERS).map(|partner| format!("  - partner: partner-{partner:02}\n{contract}")).collect();
    let text = format!("{head}{contracts}exclusions:{tail}");
    let policy = Policy::parse("policy.yaml", &text).unwrap_or_else(|found| panic!("{}", found[0]));
    PolicySet::new(vec![policy]).unwrap_or_else(|found| panic!("{}", found[0]))
}
