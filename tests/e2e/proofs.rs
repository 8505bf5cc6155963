//! What is committed with what: promises of one transaction, each looked at by itself.

use reflow::bus::Topic;
use reflow::domain::EventTime;
use reflow::domain::time::HOUR_MS;

use crate::deployment::{CUSTOMER_SHARDS, Deployment, READY_SECS_MAX, now};
use crate::market::{on_shard, submitted};
use crate::support::Producer;

/// One application for each customer shard.
fn round(n: i64, at: EventTime) -> Vec<reflow_oracle::inputs::OwnedEvent> {
    let told = |shard| {
        let customer = on_shard("client", shard, CUSTOMER_SHARDS, 0);
        submitted([&customer, "partner-00", &format!("app-{n}")], at.plus_ms(n))
    };
    (0..CUSTOMER_SHARDS).map(told).collect()
}

/// Somebody's transaction in all customer changelogs, which the broker aborts after that time.
fn open_transaction(deployment: &Deployment, timeout_ms: u32) -> Producer {
    let name = format!("{}somebody", deployment.prefix);
    let somebody = Producer::transactional_for(&deployment.bootstrap, &name, timeout_ms);
    somebody.begin();
    for shard in 0..CUSTOMER_SHARDS {
        somebody.send_to(&deployment.topic(Topic::CustomerChangelog), shard, Some(b"never"), None);
    }
    somebody.drain();
    somebody
}

#[test]
fn offsets_are_committed_with_the_work() {
    let deployment = Deployment::new("offsets", "", None);
    let mut worker = deployment.start();
    deployment.send_all(&round(1, now().plus_ms(-HOUR_MS)));
    deployment.wait_until_drained(&mut worker, 20);
    deployment.stop(worker);
    let committed = deployment.committed(Topic::Applications);
    assert_eq!(committed, [Some(1); CUSTOMER_SHARDS as usize]);
}

/// Somebody's transaction stands open in the changelogs while a worker commits above it and ends.
#[test]
fn a_restore_waits_for_an_open_transaction() {
    let deployment = Deployment::new("pinned", "", None);
    let start = now().plus_ms(-HOUR_MS);
    let mut worker = deployment.start();
    deployment.send_all(&round(1, start));
    deployment.wait_until_drained(&mut worker, 60);
    let _open = open_transaction(&deployment, 20_000);
    deployment.send_all(&round(2, start));
    deployment.wait_until_drained(&mut worker, 60);
    deployment.stop(worker);

    // The broker ends it when its time is over; until then nobody can know what lies above.
    let mut worker = deployment.spawn();
    worker.wait_for_log("ready lanes=", READY_SECS_MAX);
    deployment.send_all(&round(3, start));
    deployment.wait_until_drained(&mut worker, 60);
    deployment.stop(worker);
}

/// A worker whose restore takes its time does not hold up the others: the group gives them shards meanwhile, and the worker may
/// be stopped.
#[test]
fn a_restore_does_not_hold_up_the_group() {
    let deployment = Deployment::new("held-up", "", None);
    let start = now().plus_ms(-HOUR_MS);
    let mut worker = deployment.start();
    deployment.send_all(&round(1, start));
    deployment.wait_until_drained(&mut worker, 60);
    deployment.stop(worker);
    // Nobody ends this transaction before the test does, and no restore of the customer stage is over before that.
    let somebody = open_transaction(&deployment, 300_000);

    let mut first = deployment.spawn_as(0);
    first.wait_for_log("restore waits for an open transaction", READY_SECS_MAX);
    let mut second = deployment.spawn_as(1);
    second.wait_for_log("restore waits for an open transaction", READY_SECS_MAX);
    deployment.stop(first);
    let all = format!("shards assigned stage=customer lane=0 shards={CUSTOMER_SHARDS}");
    second.wait_for_log(&all, READY_SECS_MAX);
    somebody.abort();
    second.wait_for_log("ready lanes=", READY_SECS_MAX);
    deployment.send_all(&round(2, start));
    deployment.wait_until_drained(&mut second, 60);
    deployment.stop(second);
}
