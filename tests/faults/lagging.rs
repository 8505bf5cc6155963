//! A changelog is read from a replica that knows less of its end than the one that was asked for it.

use std::time::Duration;

use rdkafka::mocking::MockCluster;
use reflow::bus::restore::{Course, Restorer, Stretch};

use crate::support::{Producer, client};

const TOPIC: &str = "changelog";
const ENTRIES: i64 = 10;
/// How far the replica says that it goes.
const KNOWN: i64 = 5;

#[test]
fn an_end_below_the_watermark_is_not_the_end() {
    let cluster = MockCluster::new(2).unwrap();
    cluster.create_topic(TOPIC, 1, 2).unwrap();
    cluster.partition_leader(TOPIC, 0, Some(1)).unwrap();
    let bootstrap = cluster.bootstrap_servers();
    let producer = Producer::new(&bootstrap);
    for _ in 0..ENTRIES {
        // One by one: a batch would be read as a whole.
        producer.send_to(TOPIC, 0, Some(b"key"), Some(b"value"));
        producer.drain();
    }
    cluster.partition_follower(TOPIC, 0, 2).unwrap();
    cluster.follower_watermarks(TOPIC, 0, None, Some(KNOWN)).unwrap();

    let course = Course::default();
    let config = client(&bootstrap);
    let restorer = Restorer::open(&config, TOPIC, Duration::from_secs(30), &course).unwrap();
    let high = restorer.extent(0).unwrap().high;
    assert_eq!(high, ENTRIES);
    let stretch = Stretch { shard: 0, from: 0, high };
    let read = restorer.read(&[stretch], |entry| {
        if entry.offset == KNOWN {
            // It is handed over after the end that was none; the replica learns the rest.
            cluster.follower_watermarks(TOPIC, 0, None, None).map_err(|error| error.to_string())?;
        }
        Ok(())
    });
    assert_eq!(read.unwrap(), ENTRIES as u64);
}
