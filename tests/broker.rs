//! The launcher of the real broker does what its users rely on.

mod support;

use std::process::Command;

use reflow::ops::broker::{Broker, BrokerOptions, Guarded, KAFKA_VERSION, Signal, fetch_jars};
use support::{Isolation, Producer, Worker, create_topic, kafka, read_all, reader, unique, wait_for, wait_until};

/// Set for the copy of this binary that starts a broker and waits to be killed.
const CHILD: &str = "REFLOW_TEST_BROKER_CHILD";

#[test]
fn the_jars_are_in_the_cache() {
    let lib = fetch_jars(KAFKA_VERSION).unwrap_or_else(|error| panic!("{error}"));
    let jars = std::fs::read_dir(&lib).unwrap().count();
    assert!(jars > 40, "{jars} jars in {}", lib.display());
    assert!(lib.join(format!("kafka_2.13-{KAFKA_VERSION}.jar")).exists());
}

#[test]
fn a_committed_reader_sees_no_aborted_record() {
    let (bootstrap, topic) = (kafka().bootstrap(), unique("aborted"));
    create_topic(&bootstrap, &topic, 2, &[]);
    let producer = Producer::transactional(&bootstrap, &topic);
    for round in 0..3u8 {
        producer.begin();
        for partition in 0..2 {
            producer.send_to(&topic, partition, None, Some(&[round]));
        }
        if round == 1 { producer.abort() } else { producer.commit() }
    }
    let values = |isolation| -> Vec<u8> {
        read_all(&bootstrap, &topic, isolation, 30).iter().map(|record| record.value.as_ref().unwrap()[0]).collect()
    };
    assert_eq!(values(Isolation::Committed), [0, 2, 0, 2]);
    assert_eq!(values(Isolation::Uncommitted), [0, 1, 2, 0, 1, 2]);
}

#[test]
fn an_open_transaction_hides_what_lies_above_it_until_it_is_swept() {
    let (bootstrap, topic) = (kafka().bootstrap(), unique("open"));
    create_topic(&bootstrap, &topic, 1, &[]);
    let open = Producer::transactional_for(&bootstrap, &topic, 3_000);
    open.begin();
    open.send(&topic, b"k", b"never committed");
    open.drain();
    let other = Producer::new(&bootstrap);
    other.send(&topic, b"k", b"plain");
    other.drain();
    // Nobody ends the transaction: the broker does, three seconds of time-out and about one of its sweep later.
    let seen = reader(&bootstrap, &topic, Isolation::Committed).read_until("the plain record", 20, |r| !r.is_empty());
    assert_eq!(seen[0].value.as_deref(), Some(b"plain".as_slice()));
    assert_eq!(seen.len(), 1);
}

#[test]
fn data_outlives_stop_kill_and_a_pause() {
    let mut broker = Broker::start(BrokerOptions::default()).unwrap();
    let (bootstrap, topic) = (broker.bootstrap(), unique("kept"));
    create_topic(&bootstrap, &topic, 1, &[]);
    let producer = Producer::transactional(&bootstrap, &topic);
    producer.begin();
    producer.send(&topic, b"k", b"before");
    producer.commit();

    let first = broker.pid().unwrap();
    broker.restart().unwrap();
    assert_eq!(broker.bootstrap(), bootstrap);
    assert_ne!(broker.pid().unwrap(), first);
    assert_eq!(read_all(&bootstrap, &topic, Isolation::Committed, 30).len(), 1);

    broker.kill();
    assert!(broker.pid().is_none());
    broker.restart().unwrap();
    assert_eq!(read_all(&bootstrap, &topic, Isolation::Committed, 30).len(), 1);

    broker.pause().unwrap();
    let plain = Producer::new(&bootstrap);
    plain.send(&topic, b"k", b"after");
    assert!(!plain.drained_within(500), "a frozen broker acknowledged");
    broker.resume().unwrap();
    plain.drain();
    assert_eq!(read_all(&bootstrap, &topic, Isolation::Committed, 30).len(), 2);

    let (pid, dir) = (broker.pid().unwrap(), broker.log_dir().to_owned());
    drop(broker);
    assert!(!alive(pid));
    assert!(!dir.exists());
}

#[test]
fn a_broker_that_cannot_start_says_why() {
    let properties = vec![("num.partitions".to_owned(), "many".to_owned())];
    let error = Broker::start(BrokerOptions { properties, ..BrokerOptions::default() }).unwrap_err().to_string();
    assert!(error.contains("num.partitions"), "{error}");
}

/// The copy of this binary runs only this test, starts a broker, says its process id and directory, and waits.
#[test]
fn the_broker_dies_when_its_owner_is_killed() {
    if std::env::var_os(CHILD).is_some() {
        let broker = kafka();
        eprintln!("broker {} {}", broker.pid().unwrap(), broker.log_dir().display());
        wait_until("to be killed", 120, || false);
    }
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let mut copy = Command::new(std::env::current_exe().unwrap());
    copy.args(["--exact", "--nocapture", "the_broker_dies_when_its_owner_is_killed"]).env(CHILD, "1");
    let mut owner = Guarded::spawn(&copy, &log, None).unwrap();
    let (pid, scratch) = wait_for("the copy to start its broker", 90, || {
        assert!(owner.exited().unwrap().is_none(), "{}", std::fs::read_to_string(&log).unwrap());
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        let line = said.lines().find(|line| line.starts_with("broker "))?;
        let mut words = line.split(' ').skip(1);
        Some((words.next()?.parse::<u32>().ok()?, std::path::PathBuf::from(words.next()?)))
    });
    assert!(alive(pid) && scratch.exists());
    owner.signal(Signal::Kill).unwrap();
    wait_until("the broker to die with its owner", 20, || !alive(pid));
    wait_until("its directory to be removed", 20, || !scratch.exists());
}

#[test]
fn the_built_worker_runs_and_is_waited_for() {
    let mut worker = Worker::spawn("help", &["--help"]);
    assert_eq!(worker.wait(30), 0);
    assert!(!worker.is_running());
}

fn alive(pid: u32) -> bool {
    Command::new("sh").arg("-c").arg(format!("kill -0 {pid} 2>/dev/null")).status().unwrap().success()
}
