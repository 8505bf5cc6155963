//! Bad input of every class: a dead letter with its true coordinates each, and the partition goes on.

use std::collections::BTreeMap;

use rdkafka::producer::BaseRecord;
use reflow::bus::Topic;
use reflow::domain::codec::Bytes;
use reflow::domain::fate::{DeadLetterClass, Header};
use reflow::domain::time::{DAY_MS, HOUR_MS};
use reflow::domain::{DeadLetter, EventTime};
use reflow_oracle::Rules;
use reflow_oracle::inputs::{Body, OwnedEvent};
use reflow_oracle::poison::poison;

use crate::deployment::{CUSTOMER_SHARDS, Deployment, by_kind, now};
use crate::market::{on_shard, submitted};
use crate::readback::dead_letters;
use crate::support::{Record, headers};

/// Small, so that a record can be too large for the worker and not for the broker.
const RECORD_BYTES_MAX: usize = 4_096;

/// What is sent to one partition: the record and what must become of it.
struct Sent {
    partition: i32,
    key: Option<Vec<u8>>,
    value: Vec<u8>,
    timestamp_ms: i64,
    class: Option<DeadLetterClass>,
}

fn sent(partition: i32, event: OwnedEvent, class: Option<DeadLetterClass>, timestamp_ms: i64) -> Sent {
    let Body::Confluent(value) = event.body else { panic!("poison is bytes") };
    Sent { partition, key: event.key, value, timestamp_ms, class }
}

/// A good record, all the bad ones, a late one, one without a key, and a good one behind them.
fn load(partition: i32, at: EventTime) -> Vec<Sent> {
    let rules = Rules { value_bytes_max: RECORD_BYTES_MAX, ..Rules::default() };
    let customer = on_shard("poisoned", partition, CUSTOMER_SHARDS, 0);
    let good = |n: i64| submitted([&customer, "partner-00", &format!("app-{n}")], at.plus_ms(n));
    let mut all = vec![sent(partition, good(1), None, at.0)];
    for (n, (event, class)) in (0..).zip(poison(&customer, at, &rules)) {
        all.push(sent(partition, event, Some(class), at.0 + n));
    }
    let late = submitted([&customer, "partner-00", "app-late"], at.plus_ms(-8 * DAY_MS));
    all.push(sent(partition, late, Some(DeadLetterClass::Late), at.0 - HOUR_MS));
    let bare = OwnedEvent { key: None, body: Body::Confluent(b"no header".to_vec()), ..good(2) };
    all.push(sent(partition, bare, Some(DeadLetterClass::Framing), at.0));
    all.push(sent(partition, good(3), None, at.0));
    all
}

#[test]
fn poison_of_every_class() {
    let more = format!("transaction: {{record_bytes_max: {RECORD_BYTES_MAX}}}");
    let deployment = Deployment::new("poison", &more, None);
    let mut worker = deployment.start();
    let topic = deployment.topic(Topic::Applications);
    let marks = headers(&[("trace", b"\x00\xff"), ("origin", b"core")]);
    let all: Vec<Sent> = (0..CUSTOMER_SHARDS).flat_map(|partition| load(partition, now())).collect();
    for record in &all {
        deployment.producer.send_record(BaseRecord {
            key: record.key.as_deref(),
            payload: Some(&record.value),
            headers: Some(marks.clone()),
            timestamp: Some(record.timestamp_ms),
            ..BaseRecord::to(&topic).partition(record.partition)
        });
    }
    // A tombstone is no event and no mistake.
    deployment.producer.send_to(&topic, 0, Some(b"gone"), None);
    deployment.producer.drain();
    deployment.wait_until_drained(&mut worker, 60);
    let fates = by_kind(&worker.get("/metrics").1, "reflow_records_total");
    deployment.stop(worker);

    let lying: BTreeMap<(i32, i64), Record> =
        deployment.read(Topic::Applications).into_iter().map(|r| ((r.partition, r.offset), r)).collect();
    let letters = dead_letters(&deployment);
    for letter in &letters {
        let record = &lying[&(letter.partition, letter.offset)];
        is_that_record(letter, record, &topic);
    }
    for partition in 0..CUSTOMER_SHARDS {
        let expected: Vec<(i64, DeadLetterClass)> = (0..)
            .zip(all.iter().filter(|record| record.partition == partition))
            .filter_map(|(offset, record)| Some((offset, record.class?)))
            .collect();
        let found: Vec<(i64, DeadLetterClass)> = letters
            .iter()
            .filter(|letter| letter.partition == partition)
            .map(|letter| (letter.offset, letter.class))
            .collect();
        assert_eq!(found, expected, "partition {partition}");
    }
    let late = CUSTOMER_SHARDS.into();
    let count = |kind: &str| fates.get(kind).copied().unwrap_or(0);
    assert_eq!(count("applied"), i64::from(2 * CUSTOMER_SHARDS), "{fates:?}");
    assert_eq!((count("late"), count("ignored"), count("duplicate")), (late, 1, 0), "{fates:?}");
    assert_eq!(count("dead_lettered"), letters.len() as i64 - late, "{fates:?}");
    assert_eq!(fates.values().sum::<i64>(), lying.len() as i64);
}

/// True coordinates, raw bytes and headers, and words about what was wrong.
fn is_that_record(letter: &DeadLetter, record: &Record, topic: &str) {
    assert_eq!(letter.topic, topic);
    assert_eq!(letter.timestamp.map(|at| at.0), record.timestamp_ms);
    assert_eq!(letter.key.as_ref().map(|key| &key.0), record.key.as_ref());
    assert_eq!(letter.value.as_ref().map(|value| &value.0), record.value.as_ref());
    let header = |(key, value): &(String, Vec<u8>)| Header { key: key.into(), value: Some(Bytes(value.clone())) };
    assert_eq!(letter.headers, record.headers.iter().map(header).collect::<Vec<_>>());
    assert_eq!(letter.stage, "customer");
    assert!(!letter.detail.is_empty());
}
