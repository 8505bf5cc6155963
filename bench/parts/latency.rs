//! Latency end to end at a fixed rate: from the moment a drawdown should have been sent to its decision, read committed.
//!
//! Open loop, so nothing is left out by coordination: a sender that is late lengthens what it measures.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use reflow::bus::Topic;
use reflow::bus::producer::drain;
use reflow::config::Config;
use reflow::domain::codec::Avro;
use reflow::domain::decision::{DecisionKind, StageName};
use reflow::domain::events::{ApplicationEvent, ApplicationKind, Consent, ConsentPurpose, CustomerEvent, RiskVerdict};
use reflow::domain::partition::partition_of;
use reflow::domain::{Decision, EventTime};
use reflow::policy::{Policy, PolicySet};
use reflow::wire::{Schema, SchemaIds};
use reflow::worker::clock::wall;
use reflow::worker::lane::Assignment;
use reflow::worker::models::PhaseTotals;
use reflow::worker::{Shared, start};

use crate::relay::Relay;

const RATE: u64 = 5_000;
/// Every how many events one is a drawdown that is decided.
const DRAWDOWN_EVERY: u64 = 10;
/// Consents are sent that many customers ahead, so that they are known when the drawdown comes.
const CONSENTS_AHEAD: u64 = 2_000;
/// After how many later drawdowns one ends: two seconds.
const ENDS_AFTER: u64 = 2 * RATE / DRAWDOWN_EVERY;
const POLICY: &str = include_str!("policy.yaml");
/// Before anything is counted: a broker's compiler is at work that long on two cores, and is not what is measured.
pub const WARM_UP_SECS: u64 = 45;

/// Longest latency that is told apart, microseconds.
const MICROS_MAX: u64 = 60_000_000;

pub struct Latency {
    /// Microseconds from when a drawdown was due to its decision by the partner stage: both stages were passed.
    pub micros: Histogram<u64>,
    /// Decisions that ended at the customer stage.
    pub one_stage: usize,
    /// Transactions of both stages, and what the parts of one took on average.
    pub transactions: u64,
    pub phases: String,
}

impl Latency {
    pub fn ms(&self, quantile: f64) -> f64 {
        self.micros.value_at_quantile(quantile) as f64 / 1_000.0
    }
}

pub fn run(config: Config, warm_up_secs: u64, secs: u64) -> Latency {
    let policy = Policy::parse("policy.yaml", POLICY).unwrap_or_else(|found| panic!("{}", found[0]));
    let shared =
        Shared::new(config.clone(), PolicySet::new(vec![policy]).unwrap_or_else(|found| panic!("{}", found[0])));
    let worker = start(&shared, |_| Assignment::Group).expect("worker");
    let began = Instant::now();
    while !worker.models.ready(worker.lanes()) {
        if worker.stopping() {
            worker.join().expect("worker");
            unreachable!("a worker that stops by itself says why");
        }
        assert!(began.elapsed() < Duration::from_secs(60), "the worker does not become ready");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let mut latency = measure(&config, warm_up_secs, secs, by_the_worker);
    latency.transactions = worker.models.transactions.load(Relaxed);
    latency.phases = phases(&worker.models.phases, latency.transactions);
    worker.join().expect("worker ends well");
    latency
}

/// The same without a worker: two hops of a raw transactional copy.
pub fn bare(config: &Config, warm_up_secs: u64, secs: u64) -> Latency {
    let relay = Relay::start(config);
    let mut latency = measure(config, warm_up_secs, secs, by_the_relay);
    latency.transactions = relay.stop();
    latency
}

/// Sends at the rate and reads what is decided.
fn measure(config: &Config, warm_up_secs: u64, secs: u64, said: fn(&[u8]) -> Said) -> Latency {
    let all = (warm_up_secs + secs) * RATE;
    let started = Instant::now() + Duration::from_millis(200);
    let reading = config.clone();
    let counted = Duration::from_secs(warm_up_secs);
    let reader = std::thread::spawn(move || read(&reading, started, counted, all, said));
    send(config, started, all);
    reader.join().expect("reader")
}

/// What a record of `decisions` says.
enum Said {
    /// Both stages have decided upon the event of this number.
    Decided(u64),
    OneStage,
    /// Something that no drawdown waits for.
    Aside,
}

fn by_the_worker(value: &[u8]) -> Said {
    let decision: Decision = SchemaIds::default().decode(Schema::Decision, value).expect("a decision");
    if matches!(decision.kind, DecisionKind::Proposed | DecisionKind::Revoked | DecisionKind::Expired) {
        Said::Aside
    } else if decision.stage == StageName::Customer {
        Said::OneStage
    } else {
        Said::Decided(number(&decision.source.event_id))
    }
}

fn by_the_relay(value: &[u8]) -> Said {
    let end = value.iter().position(|byte| *byte == 0).expect("an id and zeros");
    Said::Decided(number(std::str::from_utf8(&value[..end]).expect("an id")))
}

fn number(event_id: &str) -> u64 {
    event_id.trim_start_matches("e-").parse().expect("our event id")
}

fn phases(total: &PhaseTotals, transactions: u64) -> String {
    let rows = [
        ("produce", &total.produce),
        ("offsets", &total.offsets),
        ("acknowledge", &total.acknowledge),
        ("commit", &total.commit),
    ];
    let average = |micros: &AtomicU64| micros.load(Relaxed) as f64 / 1_000.0 / transactions.max(1) as f64;
    rows.map(|(name, micros)| format!("{name} {:.1} ms", average(micros))).join(", ")
}

fn due(n: u64) -> Duration {
    Duration::from_nanos(n * 1_000_000_000 / RATE)
}

/// The producer of both inputs that matter here.
struct Sender<'c> {
    config: &'c Config,
    producer: BaseProducer,
    ids: SchemaIds,
    value: Vec<u8>,
}

impl Sender<'_> {
    fn send<'a, T: Avro<'a>>(&mut self, topic: Topic, schema: Schema, customer: &str, event: &T) {
        self.value.clear();
        self.ids.encode(schema, event, &mut self.value);
        let topics = self.config.topics();
        let (name, key) = (topics.name(topic), customer.as_bytes());
        let partition = partition_of(key, topics.partitions(topic));
        let record = BaseRecord::to(&name).partition(partition).key(key).payload(self.value.as_slice());
        self.producer.send(record).map_err(|(error, _)| error).expect("send");
    }

    /// The customer of number `k` agrees to cross-marketing.
    fn consent(&mut self, k: u64) {
        let (id, customer) = (format!("consent-{k}"), format!("c-{k}"));
        self.send(Topic::Customers, Schema::Customer, &customer, &agreeing(&id, &customer));
    }
}

fn send(config: &Config, started: Instant, all: u64) {
    // The client gathers 5 ms, as it does when nobody tells it otherwise: sent one by one, the events alone would fill the broker.
    let mut settings = config.loader();
    settings.set("linger.ms", "5");
    let producer: BaseProducer = settings.create().expect("producer");
    let mut sender = Sender { config, producer, ids: SchemaIds::default(), value: Vec::new() };
    (0..CONSENTS_AHEAD).for_each(|k| sender.consent(k));
    for n in 0..all {
        loop {
            let left = (started + due(n)).saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            // Not in a poll of the client: one that is told to wait spins, and would take a processor from what is measured.
            sender.producer.poll(Duration::ZERO);
            std::thread::park_timeout(left);
        }
        let (k, id) = (n / DRAWDOWN_EVERY, format!("e-{n}"));
        match n % DRAWDOWN_EVERY {
            0 => {
                let customer = format!("c-{k}");
                let event = event(&id, &customer, ApplicationKind::DrawdownRequested, Some(&id));
                sender.send(Topic::Applications, Schema::Application, &customer, &event);
            }
            // Drawdowns end: the one of two seconds ago goes through, and its candidate is revoked.
            2 if k >= ENDS_AFTER => {
                let (customer, drawdown) =
                    (format!("c-{}", k - ENDS_AFTER), format!("e-{}", (k - ENDS_AFTER) * DRAWDOWN_EVERY));
                let event = event(&id, &customer, ApplicationKind::DrawdownDisbursed, Some(&drawdown));
                sender.send(Topic::Applications, Schema::Application, &customer, &event);
            }
            1 => sender.consent(k + CONSENTS_AHEAD),
            _ => {
                let customer = format!("other-{n}");
                let event = event(&id, &customer, ApplicationKind::Submitted, None);
                sender.send(Topic::Applications, Schema::Application, &customer, &event);
            }
        }
    }
    drain(&sender.producer, Duration::from_secs(30));
}

fn agreeing<'a>(id: &'a str, customer: &'a str) -> CustomerEvent<'a> {
    let now = wall();
    let consent = Consent {
        consent: id,
        purpose: ConsentPurpose::MarketingCross,
        controller: "lender",
        recipient: None,
        text_version: "1",
        given_at: now.plus_ms(-1_000),
        withdrawn_at: None,
        collected_via: None,
    };
    CustomerEvent {
        event_id: id,
        event_time: now,
        customer,
        region: None,
        zone: None,
        employer: None,
        risk: None,
        response: None,
        conversion: None,
        value: None,
        tags: Vec::new(),
        lenders: None,
        debt_burden_ppm: None,
        consents: vec![consent],
        flags: Vec::new(),
        own_product: None,
        own_limit_minor: None,
        merged_into: None,
        erased: false,
        income: None,
    }
}

fn event<'a>(id: &'a str, customer: &'a str, kind: ApplicationKind, drawdown: Option<&'a str>) -> ApplicationEvent<'a> {
    let now: EventTime = wall();
    ApplicationEvent {
        event_id: id,
        event_time: now,
        customer,
        partner: "p01",
        application: id,
        drawdown,
        loan: None,
        kind,
        product: None,
        product_kind: None,
        amount_minor: Some(500_000),
        limit_minor: Some(1_000_000),
        currency: Some("CNY"),
        all_in_cost_ppm: None,
        term_months: None,
        repayment_method: None,
        decline_reason: None,
        cancel_reason: None,
        risk_verdict: drawdown.map(|_| RiskVerdict {
            model: "m",
            version: "1",
            band: "A",
            decided_at: now,
            valid_days: 30,
        }),
        risk_bearing: None,
        enhancer: None,
        funder_share_ppm: None,
        staff: false,
        test_order: false,
        region: None,
        employer: None,
    }
}

/// Reads decisions as they are committed; drawdowns that were due before `counted` are not counted.
fn read(config: &Config, started: Instant, counted: Duration, all: u64, said: fn(&[u8]) -> Said) -> Latency {
    let mut settings = config.reader();
    settings.set("group.id", "latency-reader").set("isolation.level", "read_committed").set("fetch.wait.max.ms", "5");
    let consumer: BaseConsumer = settings.create().expect("consumer");
    let (topics, mut list) = (config.topics(), TopicPartitionList::new());
    for partition in 0..topics.partitions(Topic::Decisions) {
        list.add_partition_offset(&topics.name(Topic::Decisions), partition, Offset::Beginning).expect("offset");
    }
    consumer.assign(&list).expect("assign");
    let micros = Histogram::new_with_bounds(1, MICROS_MAX, 3).expect("bounds");
    let (mut seen, mut latency) = (0, Latency { micros, one_stage: 0, transactions: 0, phases: String::new() });
    let last = due(all) + Duration::from_secs(30);
    while seen < all / DRAWDOWN_EVERY && started.elapsed() < last {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(20)) else { continue };
        let arrived = started.elapsed();
        let n = match said(message.payload().expect("a decision")) {
            Said::Aside => continue,
            Said::OneStage => {
                (seen, latency.one_stage) = (seen + 1, latency.one_stage + 1);
                continue;
            }
            Said::Decided(n) => n,
        };
        seen += 1;
        if due(n) >= counted {
            latency.micros.saturating_record(arrived.saturating_sub(due(n)).as_micros() as u64);
        }
    }
    latency
}
