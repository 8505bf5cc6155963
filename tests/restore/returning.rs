//! A shard that comes back to a process continues at once; one that was elsewhere meanwhile reads only what was written there.

use crate::market::{Market, SHARDS};
use crate::support::{Worker, wait_until};

/// How often a customer shard was taken over from there.
fn taken(worker: &Worker, origin: &str) -> usize {
    let line = |line: &&str| {
        line.contains("shard restored")
            && line.contains("stage=customer")
            && line.contains(&format!("origin={origin} "))
    };
    worker.log().lines().filter(line).count()
}

#[test]
fn a_shard_that_comes_back_is_there_already() {
    let market = Market::new("returning", "");
    let mut first = market.start();
    market.approve(0..500);
    market.wait_for_customers(500);
    assert_eq!(taken(&first, "changelog"), SHARDS as usize, "{}", first.log());

    // Another worker takes a half; what stays goes on at once.
    let second = market.configure("second.yaml", SHARDS, "instance: 1\n");
    let mut second = Worker::spawn("restore-second", &["run", "--config", second.to_str().unwrap()]);
    second.wait_for_log("ready lanes=", 60);
    wait_until("the first worker to keep its half", 60, || taken(&first, "kept") >= SHARDS as usize / 2);
    market.approve(500..1_000);
    market.wait_for_customers(1_000);

    // It leaves: its half comes back, and with it only what it wrote.
    second.terminate();
    assert_eq!(second.wait(60), 0, "{}", second.log());
    wait_until("the other half to come back", 60, || taken(&first, "kept_and_tail") >= SHARDS as usize / 2);
    assert_eq!(taken(&first, "changelog"), SHARDS as usize, "{}", first.log());
    market.approve(1_000..1_200);
    market.wait_for_customers(1_200);
    assert!(first.is_running(), "{}", first.log());
    market.stop(first);
}
