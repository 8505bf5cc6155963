//! What is wrong is said before anything starts; what is away is waited for; what is lost is told.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};
use reflow::bus::Topic;
use reflow::domain::alert::{Alert, AlertKind, Severity};
use reflow::domain::time::HOUR_MS;
use reflow::ops::broker::{Broker, BrokerOptions};

use crate::deployment::{CUSTOMER_SHARDS, Deployment, READY_SECS_MAX, by_kind, now};
use crate::market::{document, on_shard, submitted};
use crate::readback::{alerts, journal};
use crate::support::{CALL_SECS_MAX, client, kafka, run};

#[track_caller]
fn refused(deployment: &Deployment, expected: &[&str]) {
    let ended = run(&["run", "--config", deployment.path()], 60);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    for words in expected {
        assert!(said.contains(words), "{words:?} is not in:\n{said}");
    }
}

#[test]
fn a_wrong_configuration_starts_nothing() {
    let bootstrap = kafka().bootstrap();
    let wrong = Deployment::at(&bootstrap, "wrong", "partner: {min_ns: 3}", None);
    refused(&wrong, &["reflow.yaml:9:11", "min_ns"]);
    let policy = document().replace("quota_per_day: 2\n", "quota_per_day: two\n");
    refused(&Deployment::at(&bootstrap, "policy", "", Some(&policy)), &["policy.yaml:32:20: found `two`"]);
    let missing = Deployment::at(&bootstrap, "missing", "", None);
    refused(&missing, &["missing topics", "reflow topics apply", &missing.topic(Topic::Replies)]);
}

#[test]
fn a_broker_that_is_away_is_waited_for() {
    let mut broker = Broker::start(BrokerOptions::default()).unwrap();
    let deployment = Deployment::at(&broker.bootstrap(), "away", "", None);
    deployment.apply();
    broker.stop().unwrap();
    let mut worker = deployment.spawn();
    worker.wait_for_log("the broker is away", 10);
    let line = worker.log();
    assert!(line.contains(&broker.bootstrap()), "{line}");
    broker.restart().unwrap();
    worker.wait_for_log("ready lanes=", READY_SECS_MAX);
    assert_eq!(worker.get("/health/ready").0, 200);

    // Away while it runs: the worker goes on by itself when the broker is back.
    broker.kill();
    broker.restart().unwrap();
    let event = submitted(["client-1", "partner-00", "app-1"], now().plus_ms(-HOUR_MS));
    deployment.send_all([&event]);
    deployment.wait_until_drained(&mut worker, 120);
    deployment.stop(worker);
}

#[test]
fn records_deleted_before_they_were_read_are_told() {
    let deployment = Deployment::new("gap", "", None);
    let customer = on_shard("client", 1, CUSTOMER_SHARDS, 0);
    let told = |n: i64| submitted([&customer, "partner-00", &format!("app-{n}")], now().plus_ms(n - HOUR_MS));
    let mut worker = deployment.start();
    deployment.send_all(&[told(0), told(1)]);
    deployment.wait_until_drained(&mut worker, 60);
    deployment.stop(worker);

    deployment.send_all(&(2..10).map(told).collect::<Vec<_>>());
    delete_below(&deployment, 1, 7);
    let mut worker = deployment.start();
    deployment.send_all(&[told(10)]);
    deployment.wait_until_drained(&mut worker, 60);
    let fates = by_kind(&worker.get("/metrics").1, "reflow_records_total");
    assert_eq!(fates["applied"], 4, "offsets 7 to 10: {fates:?}");
    assert!(worker.log().contains("the log begins after the committed offset"), "{}", worker.log());
    deployment.stop(worker);

    let gaps = gaps(&deployment);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!((gaps[0].shard, gaps[0].severity, &*gaps[0].stage), (1, Severity::Critical, "customer"));
    assert!(gaps[0].detail.contains("offsets 2 to 6"), "{}", gaps[0].detail);
    assert!(gaps[0].at.ms_since(now()).abs() < HOUR_MS, "told as of {}", gaps[0].at);

    // While it runs, and is too slow to read what is deleted before its eyes: what is not consumed is told as lost.
    let mut worker = deployment.start();
    worker.pause();
    deployment.send_all(&(11..200).map(told).collect::<Vec<_>>());
    delete_below(&deployment, 1, 150);
    worker.resume();
    deployment.wait_until_drained(&mut worker, 60);
    deployment.stop(worker);
    let consumed: i64 = journal(&deployment).iter().map(|entry| entry.fates.consumed()).sum();
    assert_eq!(consumed + lost(&deployment), 200);
}

fn gaps(deployment: &Deployment) -> Vec<Alert> {
    alerts(deployment).into_iter().filter(|alert| alert.kind == AlertKind::Gap).collect()
}

/// How many records the gaps of a deployment say are lost: `…: offsets 2 to 6 were deleted …`.
fn lost(deployment: &Deployment) -> i64 {
    let of = |alert: Alert| {
        let mut words = alert.detail.split(' ').filter_map(|word| word.parse::<i64>().ok());
        let (from, to) = (words.next().unwrap(), words.next().unwrap());
        to - from + 1
    };
    gaps(deployment).into_iter().map(of).sum()
}

/// Deletes the records of a partition of the applications below an offset, as retention would.
fn delete_below(deployment: &Deployment, partition: i32, offset: i64) {
    let admin: AdminClient<DefaultClientContext> = client(&deployment.bootstrap).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&deployment.topic(Topic::Applications), partition, Offset::Offset(offset)).unwrap();
    let timeout = Some(Duration::from_secs(CALL_SECS_MAX));
    let options = AdminOptions::new().operation_timeout(timeout).request_timeout(timeout);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let deleted = runtime.block_on(admin.delete_records(&list, &options)).unwrap();
    deleted.elements().iter().for_each(|element| element.error().unwrap());
}
