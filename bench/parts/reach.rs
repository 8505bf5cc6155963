//! The lines of the table, with what is asked of them: the one place where floors and ambitions stand.

/// Which way is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Better {
    More,
    Less,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Reach {
    pub floor: f64,
    pub ambition: f64,
    pub better: Better,
}

impl Reach {
    pub fn floor_reached(&self, value: f64) -> bool {
        self.reached(self.floor, value)
    }
    pub fn ambition_reached(&self, value: f64) -> bool {
        self.reached(self.ambition, value)
    }
    fn reached(&self, asked: f64, value: f64) -> bool {
        match self.better {
            Better::More => value >= asked,
            Better::Less => value <= asked,
        }
    }
    /// How far the value is from the floor: 1 and above is reached.
    pub fn of_floor(&self, value: f64) -> f64 {
        match self.better {
            Better::More => value / self.floor,
            Better::Less => self.floor / value,
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub key: &'static str,
    pub what: &'static str,
    pub unit: &'static str,
    /// Digits after the point.
    pub digits: usize,
    pub reach: Option<Reach>,
}

const PER_CPU: &str = "events/CPU-s";
const PER_WALL: &str = "events/s";
const MICROS: &str = "CPU-µs/event";

const fn line(key: &'static str, what: &'static str, unit: &'static str, digits: usize) -> Line {
    Line { key, what, unit, digits, reach: None }
}

impl Line {
    const fn at_least(self, floor: f64, ambition: f64) -> Self {
        Self { reach: Some(Reach { floor, ambition, better: Better::More }), ..self }
    }
    const fn at_most(self, floor: f64, ambition: f64) -> Self {
        Self { reach: Some(Reach { floor, ambition, better: Better::Less }), ..self }
    }
}

pub const LINES: &[Line] = &[
    line("raw.batch", "consume only, batch calls", PER_CPU, 0),
    line("raw.poll", "consume only, BaseConsumer::poll", PER_CPU, 0),
    line("l0.plain", "L0 without transactions", PER_CPU, 0),
    line("l0", "L0 raw copy of the worker's bytes, transactions", PER_CPU, 0),
    line("l1", "L1 the same with BaseConsumer::poll", PER_CPU, 0),
    line("l2", "L2 = L0 + decode", PER_CPU, 0),
    line("l3", "L3 = L2 + state of the customer stage", PER_CPU, 0),
    line("l4", "L4 the whole worker, customer stage", PER_CPU, 0),
    line("both", "L4 the whole worker, both stages", PER_CPU, 0).at_least(300_000.0, 650_000.0),
    line("l0.wall", "L0", PER_WALL, 0),
    line("l4.wall", "L4 customer stage", PER_WALL, 0),
    line("both.wall", "L4 both stages", PER_WALL, 0),
    line("l4/l0", "L4 (customer stage) ÷ L0", "", 2).at_least(0.5, 0.8),
    line("exactly-once", "exactly-once at 100 ms ÷ without transactions (L0)", "", 2).at_least(0.90, 0.98),
    line("records", "records written per event, customer stage", "", 2),
    line("bytes", "bytes written per event, customer stage", "B", 0),
    line("input.bytes", "bytes read per event", "B", 0),
    line("transaction.events", "events per transaction, both stages", "", 0),
    line("transaction.partitions.customer", "partitions per transaction, customer stage", "", 1),
    line("transaction.partitions", "partitions per transaction, both stages", "", 1),
    line("transaction.concurrent.customer", "CONCURRENT_TRANSACTIONS per transaction, customer stage", "", 2),
    line("transaction.concurrent", "CONCURRENT_TRANSACTIONS per transaction, both stages", "", 2),
    line("latency.p50", "latency p50, two stages, 5,000 events/s, 4 + 1 shards", "ms", 0),
    line("latency.p99", "latency p99, two stages, 5,000 events/s, 4 + 1 shards", "ms", 0).at_most(120.0, 60.0),
    line("latency.max", "latency max, 4 + 1 shards", "ms", 0),
    line("latency.bare.p50", "latency p50, two raw transactional hops, 4 + 1 shards", "ms", 0),
    line("latency.bare.p99", "latency p99, two raw transactional hops, 4 + 1 shards", "ms", 0),
    line("latency.wide.p50", "latency p50, 8 + 2 shards", "ms", 0),
    line("latency.wide.p99", "latency p99, 8 + 2 shards", "ms", 0),
    line("latency.wide.max", "latency max, 8 + 2 shards", "ms", 0),
    line("hot.partner", "a hot partner (60 %)", PER_CPU, 0),
    line("hot.partner/even", "hot partner ÷ uniform", "", 2).at_least(0.90, 0.98),
    line("hot.shard", "a hot shard (70 %)", PER_CPU, 0),
    line("hot.shard/even", "hot shard ÷ uniform", "", 2),
    line("allocations", "allocations per event in our code, both stages", "", 3).at_most(0.01, 0.0),
    line("allocations.customer", "of these, customer stage", "", 3),
    line("allocations.worker", "allocations per event in the worker, rust-rdkafka's and the lanes' too", "", 3),
    line("resident.dormant", "resident bytes, dormant customer", "B", 0).at_most(200.0, 150.0),
    line("resident.loan", "resident bytes, one open loan of 12 instalments", "B", 0).at_most(450.0, 300.0),
    line("heap.dormant", "bytes asked for, dormant customer", "B", 0),
    line("heap.loan", "bytes asked for, one open loan of 12 instalments", "B", 0),
    line("recovery.changelog.1M", "1 million customers ready again, changelog only", "s", 1),
    line("recovery.image.1M", "1 million customers ready again, image", "s", 1),
    line("recovery.changelog.10M", "10 million customers ready again, changelog only", "s", 1).at_most(20.0, 7.0),
    line("recovery.image.10M", "10 million customers ready again, image", "s", 1).at_most(8.0, 2.5),
    line("recovery.resident.10M", "resident bytes a customer after restoring 10 million", "B", 0),
    line("cost.0.1M", "L4 customer stage, 0.1 million customers", MICROS, 2),
    line("cost.1M", "L4 customer stage, 1 million customers", MICROS, 2),
    line("cost.10M", "L4 customer stage, 10 million customers", MICROS, 2),
    line("cost", "cost per event, 10 ÷ 0.1 million customers", "", 2).at_most(2.0, 1.3),
];
