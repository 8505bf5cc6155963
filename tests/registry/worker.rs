//! The worker with a registry: other versions are read, an unknown id holds its shard only, and an absent registry nobody for ever.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reflow::bus::Topic;
use reflow::domain::DeadLetter;
use reflow::domain::fate::DeadLetterClass;
use reflow::wire::{Schema, SchemaIds};
use serde_json::Value as Json;

use crate::deployment::{Deployment, fate, metric, register, registry, wait_for_fate, wait_for_metric};
use crate::records::{PARTNER, customer, evolved, submitted};
use crate::support::{Isolation, Producer, kafka, read_all, wait_until};

/// How long an unknown id holds its shard here, seconds.
const UNKNOWN_SECS: u64 = 8;
const NOBODY_KNOWS: u32 = 7_654_321;
const WAITING: &str = "reflow_shards_waiting_for_schema";
const UP: &str = "reflow_schema_registry_up";

struct Sender {
    producer: Producer,
    topic: String,
    own_id: u32,
    sent: i32,
    /// Count and amount of what can be read.
    readable: (i64, i64),
}

impl Sender {
    /// One application in that version of the schema; each has another amount.
    fn send(&mut self, schema: &str, id: u32, shard: i32) {
        self.sent += 1;
        let amount = 1_000 + self.sent;
        let value = submitted(schema, id, shard, &format!("app-{}", self.sent), amount);
        if id != NOBODY_KNOWS {
            self.readable = (self.readable.0 + 1, self.readable.1 + i64::from(amount));
        }
        self.producer.send_to(&self.topic, shard, Some(customer(shard).as_bytes()), Some(&value));
        self.producer.drain();
    }

    fn send_ours(&mut self, shard: i32) {
        self.send(Schema::Application.text(), self.own_id, shard);
    }
}

#[test]
fn other_versions_unknown_ids_and_an_absent_registry() {
    let (kafka, mut registry) = (kafka(), registry());
    let url = registry.url();
    let settings = format!("url: \"{url}\", unknown_id_wait_secs: {UNKNOWN_SECS}");
    let deployment = Deployment::new(&kafka.bootstrap(), "versions", &settings);
    assert_eq!(deployment.run(&["topics", "apply"]).code, 0);

    // Nothing is registered silently: without our schemas there is no start.
    let mut refused = deployment.spawn("versions-unregistered");
    assert_eq!(refused.wait(60), 2, "{}", refused.log());
    assert!(refused.log().contains("reflow schemas register"), "{}", refused.log());

    let registered = deployment.run(&["schemas", "register", "--json"]);
    assert_eq!(registered.code, 0, "{}", registered.err);
    let ids: BTreeMap<String, u32> = serde_json::from_str::<Vec<Json>>(&registered.out)
        .unwrap()
        .iter()
        .map(|row| (row["subject"].as_str().unwrap().to_owned(), row["id"].as_u64().unwrap() as u32))
        .collect();
    let id = |topic: Topic| ids[&format!("{}-value", deployment.topic(topic))];
    let (first, second) = (evolved("first"), evolved("second"));
    let (first_id, second_id) = (register(&url, "core-first", &first), register(&url, "core-second", &second));

    let mut worker = deployment.spawn("versions");
    worker.wait_for_log("ready lanes=", 60);
    let mut sender = Sender {
        producer: Producer::new(&kafka.bootstrap()),
        topic: deployment.topic(Topic::Applications),
        own_id: id(Topic::Applications),
        sent: 0,
        readable: (0, 0),
    };

    // Ours and another version, side by side.
    for shard in [0, 1] {
        sender.send_ours(shard);
        sender.send(&first, first_id, shard);
    }
    wait_for_fate(&mut worker, "applied", 4, 60);
    assert_eq!(metric(&worker, WAITING), 0);

    // An id that nobody knows holds its own shard, and what comes behind it there, and nothing else.
    sender.send(&first, NOBODY_KNOWS, 0);
    sender.send_ours(0);
    wait_for_metric(&mut worker, WAITING, 1, 30);
    sender.send_ours(1);
    sender.send(&first, first_id, 1);
    wait_for_fate(&mut worker, "applied", 6, 30);
    assert_eq!((fate(&worker, "dead_lettered"), metric(&worker, WAITING)), (0, 1), "{}", worker.log());
    wait_for_fate(&mut worker, "dead_lettered", 1, 60);
    wait_for_fate(&mut worker, "applied", 7, 30);
    wait_for_metric(&mut worker, WAITING, 0, 30);
    // What is known to be unknown is not waited for again, and fetching goes on where it was stopped.
    sender.send(&first, NOBODY_KNOWS, 0);
    sender.send_ours(0);
    wait_for_fate(&mut worker, "applied", 8, 30);
    assert_eq!(fate(&worker, "dead_lettered"), 2);

    // The registry goes away: what is known goes on, the rest waits for as long as it takes.
    registry.stop().unwrap();
    sender.send(&second, second_id, 0);
    wait_for_metric(&mut worker, UP, 0, 60);
    wait_for_metric(&mut worker, WAITING, 1, 30);
    let away = Instant::now();
    let mut others = 0;
    wait_until("the time after which an unknown id would be a dead letter", 120, || {
        sender.send(&first, first_id, 1);
        others += 1;
        away.elapsed() > Duration::from_secs(UNKNOWN_SECS + 4)
    });
    sender.send_ours(0);
    wait_for_fate(&mut worker, "applied", 8 + others, 60);
    assert_eq!((fate(&worker, "dead_lettered"), metric(&worker, WAITING)), (2, 1), "{}", worker.log());
    assert_eq!(worker.log().matches("the schema registry does not answer").count(), 1, "{}", worker.log());

    // And comes back.
    registry.restart().unwrap();
    wait_for_fate(&mut worker, "applied", 8 + others + 2, 60);
    wait_for_metric(&mut worker, WAITING, 0, 30);
    assert_eq!((fate(&worker, "dead_lettered"), metric(&worker, UP)), (2, 1));
    assert_eq!(fate(&worker, "duplicate"), 0);
    every_amount_arrived(&deployment, sender.readable);
    worker.terminate();
    assert_eq!(worker.wait(60), 0, "{}", worker.log());
    dead_letters_name_the_id(&deployment, &kafka.bootstrap(), id(Topic::DeadLetters));
}

/// The two records of the unknown id lie there, with the bytes they came with.
fn dead_letters_name_the_id(deployment: &Deployment, bootstrap: &str, id: u32) {
    let ids = SchemaIds::default().with(Schema::DeadLetter, id);
    let letters: Vec<DeadLetter> = read_all(bootstrap, &deployment.topic(Topic::DeadLetters), Isolation::Committed, 60)
        .iter()
        .map(|record| ids.decode(Schema::DeadLetter, record.value.as_deref().unwrap()).unwrap())
        .collect();
    assert_eq!(letters.len(), 2);
    for letter in letters {
        assert_eq!((letter.class, letter.partition), (DeadLetterClass::Decode, 0));
        assert!(letter.detail.contains(&NOBODY_KNOWS.to_string()), "{}", letter.detail);
        assert_eq!(letter.value.unwrap().0[1..5], NOBODY_KNOWS.to_be_bytes());
    }
}

/// Each record but the two was applied once, with its amount: read by a command that asks the registry too.
fn every_amount_arrived(deployment: &Deployment, readable: (i64, i64)) {
    let mut found = (0, 0);
    wait_until(&format!("panes to hold {readable:?} (count, amount)"), 60, || {
        let history = ["history", "--from", "3h", "--step", "1h", "--partner", PARTNER];
        let said = deployment.run(&[&["partners", "--json"][..], &history].concat());
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        let submitted = said.out.lines().map(|line| {
            let row: Json = serde_json::from_str(line).unwrap();
            let tally = &row["counters"]["submitted"];
            (tally["count"].as_i64().unwrap(), tally["amount_minor"].as_i64().unwrap())
        });
        found = submitted.fold((0, 0), |sum, row| (sum.0 + row.0, sum.1 + row.1));
        found.0 >= readable.0
    });
    assert_eq!(found, readable);
}
