#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark stops where something is wrong"
)]
//! What the worker costs: raw client work on the same bytes, the whole worker, and latency end to end.
//!
//! One broker on the same machine, its CPU not counted. Throughput runs over a generated market's history with clock
//! `event`; latency is open-loop (an event's time begins when it should have been sent) with clock `wall`.

#[path = "parts/latency.rs"]
mod latency;
#[path = "parts/measure.rs"]
mod measure;
#[path = "parts/raw.rs"]
mod raw;
#[path = "parts/whole.rs"]
mod whole;

use reflow::bus::Topic;
use reflow::config::{ClockKind, Config, Shards};
use reflow::domain::partition::partition_of;
use reflow::ops::broker::{Broker, BrokerOptions};
use reflow::ops::demo::market::{Market, MarketSize};
use reflow::ops::topics::Admin;

/// One event of the load: topic, partition, key, value.
pub struct Load {
    pub topic: Topic,
    pub partition: i32,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

struct Asked {
    events: usize,
    latency_secs: u64,
    json: Option<String>,
}

fn asked() -> Asked {
    let mut asked = Asked { events: 400_000, latency_secs: 20, json: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_default();
        match word.as_str() {
            "--events" => asked.events = value().parse().expect("--events takes a number"),
            "--latency-secs" => asked.latency_secs = value().parse().expect("--latency-secs takes a number"),
            "--json" => asked.json = Some(value()),
            _ => {} // cargo passes --bench
        }
    }
    asked
}

fn main() {
    let asked = asked();
    let broker = Broker::start(BrokerOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let config = |prefix: &str| {
        let mut config = Config::default();
        config.kafka.bootstrap = broker.bootstrap();
        config.kafka.prefix = format!("{prefix}.");
        config.shards = Shards { customer: 8, partner: 2 };
        config.clock.kind = ClockKind::Event;
        config.http.listen = String::new();
        config
    };
    let create = |config: &Config| {
        let admin = Admin::open(config).expect("admin");
        admin.create(&admin.rows().expect("rows")).expect("topics");
    };
    let load = market(asked.events, config("x").shards.customer);
    let throughput = config("throughput");
    create(&throughput);
    raw::fill(&throughput, &load);
    let mut rows = vec![raw::consume(&throughput, load.len())];
    let whole = whole::run(&throughput, load.len());
    for transactions in [false, true] {
        let name = if transactions { "raw-transactions" } else { "raw-plain" };
        let copy = config(name);
        create(&copy);
        rows.push(raw::consume_and_produce(&throughput, &copy, load.len(), &whole, transactions));
    }
    rows.push(whole.figure());
    let latency = {
        let mut config = config("latency");
        config.clock.kind = ClockKind::Wall;
        create(&config);
        latency::run(config, asked.latency_secs)
    };
    measure::report(&rows, &whole, &latency, asked.json.as_deref());
}

/// A market's history, as much of it as is asked for.
fn market(events: usize, shards: i32) -> Vec<Load> {
    let defaults = MarketSize::default();
    let factor = (events / 100_000 + 1) as u32;
    let size = MarketSize {
        customers: defaults.customers * factor,
        history_drawdowns: defaults.history_drawdowns * factor,
        ..defaults
    };
    let mut market = Market::new(7, size);
    let load = market.history().filter_map(|record| {
        let topic = Topic::of_event(record.schema)?;
        let key = record.key.as_bytes().to_vec();
        Some(Load { topic, partition: partition_of(&key, shards), key, value: record.value })
    });
    load.take(events).collect()
}
