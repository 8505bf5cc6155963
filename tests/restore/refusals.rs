//! Every reason not to start, provoked: it names what was found, what was expected, and what to do.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use reflow::bus::Topic;
use reflow::bus::asking::ask;
use reflow::bus::restore::Course;
use reflow::domain::decision::StageName;
use reflow::policy::PolicySet;
use reflow::worker::parking::Parking;
use reflow::worker::progress::{PROGRESS_KEY, Progress};
use reflow::worker::recovery::{Recovery, Wanted};
use reflow::worker::{ShardRunner, Shared};

use crate::market::{Market, SHARDS, now, recover};
use crate::support::{
    Isolation, Producer, client, committed, delete_group, delete_records, delete_topic, kafka, make_anew, read_all,
    run, unique, wait_until,
};

/// A deployment that was stopped with some customers in it.
fn stopped(name: &str) -> Market {
    let market = Market::new(name, "");
    let worker = market.start();
    market.approve(0..40);
    market.wait_for_customers(40);
    market.stop(worker);
    market
}

/// Says of the ended worker what it must say.
#[track_caller]
fn refuses(market: &Market, config: &str, words: &[&str]) {
    ends(market, config, 2, words);
}

#[track_caller]
fn ends(market: &Market, config: &str, code: i32, words: &[&str]) {
    let ended = run(&["run", "--config", config], 60);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{} is refused without {word:?}: {said}", market.prefix);
    }
}

fn commit(market: &Market, topic: Topic, offset: Offset) {
    let mut settings = client(&kafka().bootstrap());
    settings.set("group.id", format!("{}customer", market.prefix)).set("enable.auto.commit", "false");
    let group: BaseConsumer = settings.create().unwrap();
    let mut list = TopicPartitionList::new();
    for shard in 0..SHARDS {
        list.add_partition_offset(&market.topic(topic), shard, offset).unwrap();
    }
    ask(Duration::from_secs(30), || group.commit(&list, CommitMode::Sync)).unwrap();
}

#[test]
fn offsets_that_somebody_moved() {
    let market = stopped("torn");
    commit(&market, Topic::Applications, Offset::Offset(1));
    refuses(&market, market.path(), &["the changelog says the next offset of applications", "--reset-offsets"]);
}

#[test]
fn a_changelog_that_is_gone_while_the_group_has_offsets() {
    let market = stopped("empty");
    let name = market.topic(Topic::CustomerChangelog);
    make_anew(&kafka().bootstrap(), &name, SHARDS, &[("cleanup.policy", "compact")]);
    refuses(&market, market.path(), &["holds no state", "forget every customer", "Put the changelog back"]);
}

#[test]
fn another_number_of_shards() {
    let market = stopped("counts");
    let other = market.configure("other.yaml", SHARDS, "");
    let text = std::fs::read_to_string(&other).unwrap().replace("partner: 2", "partner: 3");
    std::fs::write(&other, text).unwrap();
    let said = market.refusal(&other);
    assert!(said.contains("4 customer and 2 partner shards; configured are 4 and 3"), "{said}");
    assert!(said.contains("set shards.customer and shards.partner back"), "{said}");
}

/// As `docs/operations.md` says it is done. What lies between the stages goes with the changelogs: the partner stage would take the bundles
/// that are said anew for repetitions of those that were said before.
#[test]
fn a_state_is_rebuilt_in_place() {
    let market = stopped("rebuilt");
    let bootstrap = kafka().bootstrap();
    for topic in [Topic::CustomerChangelog, Topic::PartnerChangelog, Topic::PartnerFacts, Topic::Replies] {
        delete_topic(&bootstrap, &market.topic(topic));
    }
    let partners = format!("{}partner", market.prefix);
    delete_group(&bootstrap, &format!("{}customer", market.prefix));
    delete_group(&bootstrap, &partners);
    let applied = run(&["topics", "apply", "--config", market.path()], 60);
    assert_eq!(applied.status.code(), Some(0), "{}", String::from_utf8_lossy(&applied.stderr));

    let worker = market.start();
    market.wait_for_customers(40);
    wait_until("bundles to be taken", 60, || {
        let taken = committed(&bootstrap, &partners, &market.topic(Topic::PartnerFacts));
        taken.into_iter().flatten().sum::<i64>() > 0
    });
    market.stop(worker);
    let alerts = read_all(&bootstrap, &market.topic(Topic::Alerts), Isolation::Committed, 30);
    let repeated = |value: &[u8]| String::from_utf8_lossy(value).contains("was taken before");
    assert!(
        !alerts.iter().any(|alert| alert.value.as_deref().is_some_and(repeated)),
        "bundles are taken for repetitions"
    );
}

/// Two minutes of a difference are within what is allowed, a day is not.
#[test]
fn a_shard_whose_time_is_ahead_of_this_machines_clock() {
    let ahead = |name: &str, seconds: i64| {
        let wall = now().plus_ms(seconds * 1_000);
        let market = Market::new(name, &format!("clock: {{kind: scaled, scaled_from_ms: {}, scale: 1}}", wall.0));
        let worker = market.start();
        market.approve(0..40);
        market.wait_for_customers(40);
        market.stop(worker);
        market.configure("reflow.yaml", SHARDS, "");
        market
    };
    let market = ahead("ahead", 24 * 3_600);
    // Time cures it: whoever restarts the worker may go on doing so.
    ends(&market, market.path(), 3, &["its last transaction says it is", "clock.skew_secs_max (300 s", "rebuild"]);
    let market = ahead("nearly", 120);
    market.stop(market.start());
}

/// A changelog with one entry in it, written by hand.
fn written(name: &str, key: &[u8], value: &[u8]) -> String {
    let market = Market::new(name, "");
    let changelog = market.topic(Topic::CustomerChangelog);
    market.producer.send_to(&changelog, 0, Some(key), Some(value));
    market.producer.drain();
    market.refusal(&market.config)
}

#[test]
fn a_state_of_another_format() {
    let shared = Shared::new(reflow::config::Config::default(), PolicySet::default());
    let fresh = ShardRunner::new(StageName::Customer, 0, &shared);
    let newer = Progress { state_format: 99, sequence: 7, ..fresh.committed().clone() };
    let mut value = Vec::new();
    newer.encode(&mut value);
    let said = written("format", PROGRESS_KEY, &value);
    assert!(said.contains("its state is in format 99") && said.contains("Start the build that wrote it"), "{said}");
    value[0] = 77;
    let said = written("form", PROGRESS_KEY, &value);
    assert!(said.contains("format 77"), "{said}");
}

#[test]
fn entries_without_a_progress_record() {
    let said = written("partial", b"k", &[reflow::customer::FORMAT, 2]);
    assert!(said.contains("holds entries and no progress record"), "{said}");
}

#[test]
fn a_changelog_that_lost_its_beginning() {
    let (market, bootstrap) = (Market::new("beheaded", ""), kafka().bootstrap());
    let changelog = market.topic(Topic::CustomerChangelog);
    // Nothing can be deleted by hand from a topic that is compacted alone.
    make_anew(&bootstrap, &changelog, SHARDS, &[("cleanup.policy", "delete")]);
    for key in [b"k1", b"k2", b"k3", b"k4"] {
        market.producer.send_to(&changelog, 0, Some(key), Some(&[1, 2]));
    }
    market.producer.drain();
    delete_records(&bootstrap, &changelog, 0, 3);
    let said = market.refusal(&market.config);
    assert!(said.contains("begins at offset 3") && said.contains("cleanup.policy=compact"), "{said}");
}

#[test]
fn a_transaction_that_stays_open() {
    let market = Market::new("stuck", "restore: {silence_secs_max: 2}\n");
    let open = Producer::transactional(&kafka().bootstrap(), &unique("open"));
    open.begin();
    open.send_to(&market.topic(Topic::CustomerChangelog), 1, Some(b"c"), None);
    // Unacknowledged it would not lie in the log yet.
    open.drain();
    let said = market.refusal(&market.config);
    assert!(said.contains("partition 1: offset 0 is not passed for 2 s, the end is 1"), "{said}");
    assert!(said.contains("find-hanging") && said.contains("transaction.timeout.ms"), "{said}");
    open.abort();
    recover(reflow::config::load(Some(&market.config), std::iter::empty()).unwrap()).unwrap();
}

#[test]
fn a_changelog_that_is_not_compacted() {
    let market = Market::new("deleting", "");
    let name = market.topic(Topic::CustomerChangelog);
    make_anew(&kafka().bootstrap(), &name, SHARDS, &[("cleanup.policy", "delete")]);
    refuses(&market, market.path(), &["cleanup.policy is delete, expected compact", "kafka-configs.sh"]);
}

/// What a stage has not read yet is nowhere else.
#[test]
fn increments_that_expire() {
    let market = Market::new("expiring", "");
    let name = market.topic(Topic::PartnerFacts);
    make_anew(&kafka().bootstrap(), &name, 2, &[("cleanup.policy", "delete"), ("retention.ms", "60000")]);
    refuses(&market, market.path(), &["partner-facts", "retention.ms is 60000, expected -1", "kafka-configs.sh"]);
}

#[test]
fn inputs_that_are_not_co_partitioned() {
    let market = Market::new("partitions", "");
    make_anew(&kafka().bootstrap(), &market.topic(Topic::Outcomes), SHARDS + 1, &[]);
    refuses(&market, market.path(), &["outcomes has 5 partitions, expected 4", "shards.customer"]);
}

#[test]
fn topics_that_are_missing() {
    let market = Market::new("missing", "");
    delete_topic(&kafka().bootstrap(), &market.topic(Topic::CustomerChangelog));
    refuses(&market, market.path(), &["missing topics", "customer-changelog", "topics apply"]);
}

#[test]
fn offsets_that_are_gone_are_no_reason_to_stop() {
    let (market, bootstrap) = (stopped("gone"), kafka().bootstrap());
    let (commands, group) = (market.topic(Topic::Commands), format!("{}customer", market.prefix));
    // An input that has something to say before and nothing afterwards.
    (0..SHARDS).for_each(|shard| market.producer.send_to(&commands, shard, Some(b"key"), Some(b"no command")));
    market.producer.drain();
    let told = || committed(&bootstrap, &group, &commands);
    let worker = market.start();
    wait_until("the commands to be read", 60, || told().iter().all(|offset| *offset == Some(1)));
    market.stop(worker);
    delete_group(&bootstrap, &group);
    let mut worker = market.start();
    worker.wait_for_log("the group has no committed offsets for this shard", 30);
    market.approve(40..60);
    market.wait_for_customers(60);
    wait_until("the group to know of all inputs again", 60, || told().iter().all(|offset| *offset == Some(1)));
    assert!(worker.is_running());
    market.stop(worker);
    // It would take inputs that the group does not know for others than were read.
    let worker = market.start();
    market.stop(worker);
}

#[test]
fn an_input_that_ends_before_what_was_read() {
    let market = stopped("shortened");
    make_anew(&kafka().bootstrap(), &market.topic(Topic::Applications), SHARDS, &[]);
    refuses(&market, market.path(), &["the next offset of applications is", "the log ends at 0", "Put the log back"]);
}

#[test]
fn an_input_that_was_made_anew_and_has_grown() {
    let market = stopped("grown");
    make_anew(&kafka().bootstrap(), &market.topic(Topic::Applications), SHARDS, &[]);
    // More in every partition than was read of the old one.
    market.approve(40..400);
    let words = ["the next offset of applications is", "has committed none for it", "made anew", "delete the group"];
    refuses(&market, market.path(), &words);
}

#[test]
fn a_gap_is_no_reason_to_stop_and_none_to_refuse_the_next_start() {
    let (market, bootstrap) = (stopped("gap"), kafka().bootstrap());
    let (commands, group) = (market.topic(Topic::Commands), format!("{}customer", market.prefix));
    for _ in 0..2 {
        market.producer.send_to(&commands, 1, Some(b"key"), Some(b"never read"));
    }
    market.producer.drain();
    delete_records(&bootstrap, &commands, 1, 2);
    let mut worker = market.start();
    // Nothing comes on that partition: heartbeats alone commit, and with them what is beyond the gap.
    wait_until("the group to be beyond the gap", 60, || committed(&bootstrap, &group, &commands)[1] == Some(2));
    worker.kill();
    let alerts = read_all(&bootstrap, &market.topic(Topic::Alerts), Isolation::Committed, 60);
    assert_eq!(alerts.len(), 1, "the gap is told once");
    let worker = market.start();
    market.stop(worker);
}

/// A rebalance that comes while shards are restored costs no shard its state that had stayed here.
#[test]
fn states_that_stayed_survive_a_restore_that_is_given_up() {
    let market = stopped("given-up");
    let config = || reflow::config::load(Some(&market.config), std::iter::empty()).unwrap();
    let (shared, parking) = (Shared::new(config(), PolicySet::default()), Parking::new(8, Duration::from_secs(600)));
    for one in recover(config()).unwrap() {
        parking.park(StageName::Customer, one.runner, one.known);
    }
    let course = Course::default();
    course.give_up();
    let recovery = Recovery { shared: &shared, stage: StageName::Customer, course: &course, parking: &parking };
    let wanted = |shard| Wanted { shard, kept: parking.take(StageName::Customer, shard) };
    let refusal = recovery.run((0..SHARDS).map(wanted).collect()).err().expect("it was given up");
    assert!(refusal.is_cancelled(), "{refusal}");
    assert_eq!(parking.len(), SHARDS as usize, "they went back to where they were");
}
