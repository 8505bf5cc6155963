//! What the tests on a real broker share: one Kafka per test binary, producing and reading with bounds, the built worker.
//!
//! Nothing here sleeps and hopes: every wait is for a condition, and says what it waited for when it gives up.

// Each test binary uses a part of this, and a helper fails its test by panicking.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods
)]

mod records;
mod worker;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use reflow::ops::broker::{Broker, BrokerOptions};

pub use records::{Isolation, Producer, Reader, Record, committed, headers, read_all, reader};
pub use worker::{Worker, reflow, run};

/// The longest that any single call to the broker may take.
pub const CALL_SECS_MAX: u64 = 30;

/// The shared broker of this test binary, started by the first test that asks. It ends with the process.
pub fn kafka() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(|| Broker::start(BrokerOptions::default()).unwrap_or_else(|error| panic!("{error}")))
}

/// A prefix for topics, groups and transactional ids that no other test of this binary has.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Waits until the condition holds; fails the test after `secs`, saying what did not come.
#[track_caller]
pub fn wait_until(what: &str, secs: u64, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(secs), "waited {secs} s in vain: {what}");
        sleep(Duration::from_millis(20));
    }
}

/// Like [`wait_until`] for something that brings a value.
#[track_caller]
pub fn wait_for<T>(what: &str, secs: u64, mut condition: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    wait_until(what, secs, || {
        found = condition();
        found.is_some()
    });
    found.expect("the wait ended with a value")
}

/// Says loudly that a test was left out, and why; `./test` counts these lines.
pub fn skip(why: &str) {
    use std::io::Write;
    // Straight to the stream: the test harness keeps what `eprintln!` writes to itself when a test passes. On a line of
    // its own, because the harness may have begun one.
    let mut stream = std::io::stderr().lock();
    writeln!(stream, "\nSKIP {}: {why}", std::thread::current().name().unwrap_or("test")).unwrap();
}

/// Client settings for a broker; every client of a test begins with these.
pub fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("allow.auto.create.topics", "false");
    config.set("reconnect.backoff.max.ms", "500").set("retry.backoff.ms", "10");
    config
}

/// Creates a topic with settings such as `("cleanup.policy", "compact")`.
pub fn create_topic(bootstrap: &str, name: &str, partitions: i32, settings: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> = client(bootstrap).create().unwrap();
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    for (name, value) in settings {
        topic = topic.set(name, value);
    }
    let timeout = Some(Duration::from_secs(CALL_SECS_MAX));
    let options = AdminOptions::new().operation_timeout(timeout).request_timeout(timeout);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let created = runtime.block_on(admin.create_topics(&[topic], &options)).unwrap();
    created.into_iter().next().unwrap().unwrap_or_else(|(name, error)| panic!("topic {name}: {error}"));
}

/// Deletes a topic and waits until the broker no longer knows it.
pub fn delete_topic(bootstrap: &str, name: &str) {
    let admin: AdminClient<DefaultClientContext> = client(bootstrap).create().unwrap();
    let timeout = Some(Duration::from_secs(CALL_SECS_MAX));
    let options = AdminOptions::new().operation_timeout(timeout).request_timeout(timeout);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(admin.delete_topics(&[name], &options)).unwrap().remove(0).unwrap();
    wait_until("the topic to be gone", CALL_SECS_MAX, || {
        let known = admin.inner().fetch_metadata(None, Duration::from_secs(CALL_SECS_MAX)).unwrap();
        known.topics().iter().all(|topic| topic.name() != name)
    });
}

/// Deletes a topic and makes it again, as another one of that name; waits until the broker knows it.
pub fn make_anew(bootstrap: &str, name: &str, partitions: i32, settings: &[(&str, &str)]) {
    delete_topic(bootstrap, name);
    create_topic(bootstrap, name, partitions, settings);
    let admin: AdminClient<DefaultClientContext> = client(bootstrap).create().unwrap();
    wait_until("the new topic to be known", CALL_SECS_MAX, || {
        let known = admin.inner().fetch_metadata(None, Duration::from_secs(CALL_SECS_MAX)).unwrap();
        known.topics().iter().any(|topic| topic.name() == name && topic.partitions().len() == partitions as usize)
    });
}

/// Deletes a group that has no members, with its offsets.
pub fn delete_group(bootstrap: &str, group: &str) {
    let admin: AdminClient<DefaultClientContext> = client(bootstrap).create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(CALL_SECS_MAX)));
    wait_until("the group to be deleted", CALL_SECS_MAX, || {
        let deleted = runtime.block_on(admin.delete_groups(&[group], &options)).unwrap();
        deleted.iter().all(Result::is_ok)
    });
}

/// Deletes the records of a partition below `before`.
pub fn delete_records(bootstrap: &str, topic: &str, partition: i32, before: i64) {
    let admin: AdminClient<DefaultClientContext> = client(bootstrap).create().unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_offset(topic, partition, rdkafka::Offset::Offset(before)).unwrap();
    let timeout = Some(Duration::from_secs(CALL_SECS_MAX));
    let options = AdminOptions::new().operation_timeout(timeout).request_timeout(timeout);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let deleted = runtime.block_on(admin.delete_records(&list, &options)).unwrap();
    deleted.elements().iter().for_each(|element| element.error().unwrap());
}
