//! The state from an image and the changelog's tail is the state from the changelog alone; an image that does not fit is not
//! used.

use reflow::bus::identity::Identity;
use reflow::worker::recovery::Origin;

use crate::market::{Market, SHARDS};
use crate::support::{client, create_topic, kafka, make_anew, unique, wait_until};

const IMAGES: &str = "images: {dir: images, every_secs: 1}\n";
/// Another process of the same deployment that has no images.
const WITHOUT: &str = "\n";

/// Files with that ending, and how many they are.
fn files(market: &Market, ending: &str) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(market.images()) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = paths.filter(|path| path.extension().is_some_and(|own| own == ending)).collect();
    found.sort();
    found
}

fn customer_images(market: &Market, ending: &str) -> Vec<std::path::PathBuf> {
    let of_customers = |path: &std::path::PathBuf| path.to_string_lossy().contains(".customer-");
    files(market, ending).into_iter().filter(of_customers).collect()
}

#[test]
fn a_restart_takes_the_image_and_reads_the_tail() {
    let market = Market::new("images", IMAGES);
    let mut worker = market.start();
    market.approve(0..2_000);
    market.wait_for_customers(2_000);
    // Two generations of every shard, both stages; more customers while images are written.
    for round in 0..5 {
        market.approve(2_000 + round * 100..2_100 + round * 100);
        let written = worker.log().matches("image written").count();
        wait_until("further images", 60, || worker.log().matches("image written").count() > written + 6);
    }
    market.wait_for_customers(2_500);
    assert_eq!(customer_images(&market, "previous").len(), SHARDS as usize, "{}", worker.log());
    worker.kill();

    let without = market.configure("without.yaml", SHARDS, WITHOUT);
    let alone = market.states(without.to_str().unwrap()).unwrap();
    let imaged = market.states(market.path()).unwrap();
    assert!(alone.iter().all(|(origin, _)| *origin == Origin::Changelog));
    assert!(imaged.iter().all(|(origin, _)| *origin == Origin::ImageAndTail), "{:?}", worker.log());
    assert!(alone.iter().zip(&imaged).all(|((_, alone), (_, imaged))| alone == imaged), "the states differ");

    // A damaged current image: the previous one is taken, and gives the same state.
    for path in customer_images(&market, "image") {
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    let previous = market.states(market.path()).unwrap();
    assert!(previous.iter().all(|(origin, _)| *origin == Origin::ImageAndTail));
    assert!(alone.iter().zip(&previous).all(|((_, alone), (_, previous))| alone == previous), "the states differ");

    // Both torn: the changelog alone.
    for path in customer_images(&market, "image").into_iter().chain(customer_images(&market, "previous")) {
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    }
    let torn = market.states(market.path()).unwrap();
    assert!(torn.iter().all(|(origin, _)| *origin == Origin::Changelog));

    // And the worker itself starts from all of that.
    let worker = market.start();
    let log = worker.log();
    assert!(log.contains("image not used") && log.contains("it is torn"), "{log}");
    assert!(files(&market, "unfinished").len() <= 2, "one per lane at most");
    market.stop(worker);
}

#[test]
fn images_that_cannot_be_written_stop_nothing() {
    let market = Market::new("no-images", "images: {dir: images, every_secs: 1}\n");
    // A file where the directory should be.
    std::fs::write(market.images(), "in the way").unwrap();
    let mut worker = market.start();
    worker.wait_for_log("no image written", 60);
    market.approve(0..50);
    market.wait_for_customers(50);
    market.stop(worker);
}

/// What the cluster says of a topic; right after it was made, not every part of the cluster knows it.
fn identity(bootstrap: &str, name: &str) -> Identity {
    let mut found = None;
    wait_until("the topic to be known", 60, || {
        found = Identity::of(&client(bootstrap), name).ok().flatten();
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn a_topic_that_was_made_anew_is_another_one() {
    let (bootstrap, name) = (kafka().bootstrap(), unique("identity"));
    let settings = [("cleanup.policy", "compact"), ("delete.retention.ms", "123456")];
    create_topic(&bootstrap, &name, 1, &settings);
    let first = identity(&bootstrap, &name);
    assert_eq!(first.tombstones_ms, 123_456);
    assert_eq!(identity(&bootstrap, &name), first);
    make_anew(&bootstrap, &name, 1, &settings);
    let second = identity(&bootstrap, &name);
    assert_eq!(second.cluster, first.cluster);
    assert_ne!(second.topic_id, first.topic_id);
}
