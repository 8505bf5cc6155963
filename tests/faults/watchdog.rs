//! The watchdog ends the process: when a call hangs, when a shard stands still, and when topics change.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaApiKey as Request;
use reflow::bus::Topic;
use reflow::bus::errors::Call;
use reflow::bus::producer::Ended;
use reflow::bus::vitals::Vitals;
use reflow::config::Config;
use reflow::domain::decision::StageName;
use reflow::ops::broker::{Broker, BrokerOptions};
use reflow::policy::PolicySet;
use reflow::worker::Shared;
use reflow::worker::models::{Models, ShardState};
use reflow::worker::watchdog::{Verdict, Watchdog};

use crate::deployment::{Deployment, PARTNER_SHARDS};
use crate::mock::{Mock, write};
use crate::support::{CALL_SECS_MAX, Producer, client, wait_until};

#[test]
fn a_call_that_hangs_ends_the_process_which_says_where() {
    let mut broker = Broker::start(BrokerOptions::default()).unwrap();
    let deployment = Deployment::at(&broker.bootstrap(), "hangs", "watchdog: {call_secs_max: 3}", None);
    deployment.apply();
    let mut worker = deployment.start();
    // Heartbeats alone bring a transaction every few seconds; this one gets no answer.
    broker.pause().unwrap();
    let code = worker.wait(60);
    broker.resume().unwrap();
    let log = worker.log();
    assert_eq!(code, 3, "{log}");
    let last = log.lines().last().unwrap();
    assert!(last.starts_with("reflow: ") && last.contains(" lane 0: `"), "{last}");
    assert!(last.contains("has not come back for") && last.contains("a restart is safe"), "{last}");
}

/// A restore that waits for an open transaction looks again and again; when no answer comes any more it does not go on.
#[test]
fn a_restore_that_hangs_ends_the_process_which_says_so() {
    let mut broker = Broker::start(BrokerOptions::default()).unwrap();
    let more = "stages: [customer]\nwatchdog: {call_secs_max: 3}\nrestore: {silence_secs_max: 12}";
    let deployment = Deployment::at(&broker.bootstrap(), "restore-hangs", more, None);
    // A lane that loses its membership gives its restore up, and waits for the group: not so soon here.
    let short = std::fs::read_to_string(deployment.path()).unwrap();
    let long = short.replace("session.timeout.ms: \"6000\"", "session.timeout.ms: \"120000\"");
    assert_ne!(short, long);
    std::fs::write(deployment.path(), long).unwrap();
    deployment.apply();
    let somebody = Producer::transactional_for(&deployment.bootstrap, "somebody", 120_000);
    somebody.begin();
    somebody.send_to(&deployment.topic(Topic::CustomerChangelog), 0, Some(b"never"), None);
    somebody.drain();
    let mut worker = deployment.spawn();
    // Not before it looks: what it asks the group first has bounds of its own, and would end first.
    worker.wait_for_log("restore waits for an open transaction", 60);
    broker.pause().unwrap();
    let code = worker.wait(60);
    broker.resume().unwrap();
    let log = worker.log();
    assert_eq!(code, 3, "{log}");
    let last = log.lines().last().unwrap();
    assert!(last.contains("customer lane 0: `restore` has not come back for 15 s"), "{last}");
}

/// librdkafka 2.12.1 forgets a call when the group's coordinator cannot be found a few times in a row
/// (`rd_kafka_coord_req_handle_FindCoordinator` does not look whether its retry was accepted): nothing but a watchdog ends it.
#[test]
fn a_call_that_the_client_has_forgotten_is_seen() {
    let mock = Mock::start();
    let vitals = Vitals::default();
    let mut transactions = mock.open_watched(vitals.clone()).unwrap();
    mock.fail(Request::FindCoordinator, Code::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 1_000);
    let ((done, ended), topics) = (sync_channel::<Ended>(1), mock.config.topics());
    // Nobody waits for this thread: it may never come back.
    std::thread::spawn(move || done.send(write(&topics, &mut transactions)));
    wait_until("offsets to be sent", 30, || vitals.look().call() == Some(Call::SendOffsets));
    let sign = vitals.look();
    // Three times as long as the client was told to take at most.
    let came_back = ended.recv_timeout(Duration::from_millis(3 * Mock::OPEN_MS));
    assert!(came_back.is_err(), "{came_back:?}: the client keeps its bound by now");
    assert_eq!(vitals.look(), sign, "the call is seen as one and the same");
}

#[test]
fn more_partitions_while_it_runs_end_the_process_which_names_the_topic() {
    let more = "watchdog: {topics_every_secs: 1}";
    let deployment = Deployment::new("repartitioned", more, None);
    let mut worker = deployment.start();
    let repayments = deployment.topic(Topic::Repayments);
    let admin: AdminClient<DefaultClientContext> = client(&deployment.bootstrap).create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(CALL_SECS_MAX)));
    let made = runtime.block_on(admin.create_partitions(&[NewPartitions::new(&repayments, 6)], &options));
    made.unwrap().into_iter().for_each(|made| drop(made.unwrap()));
    assert_eq!(worker.wait(60), 2, "{}", worker.log());
    let said = format!("{repayments} has 6 partitions, expected 4");
    assert!(worker.log().contains(&said), "{}", worker.log());
}

/// Shards that are said to be read and have no lane at all.
fn unread(deployment: &Deployment) -> (Shared, Arc<Models>) {
    let mut config = Config::default();
    config.kafka.bootstrap.clone_from(&deployment.bootstrap);
    config.kafka.prefix.clone_from(&deployment.prefix);
    config.shards.customer = crate::deployment::CUSTOMER_SHARDS;
    config.shards.partner = PARTNER_SHARDS;
    config.watchdog.stall_secs_max = 3;
    config.watchdog.positions_every_secs = 1;
    let models = Arc::new(Models::default());
    models.shards.insert((StageName::Customer, 1), ShardState::Running);
    (Shared::new(config, PolicySet::default()), models)
}

#[test]
fn a_shard_that_stands_still_before_a_record_ends_the_process_and_markers_alone_do_not() {
    let deployment = Deployment::new("stands", "", None);
    let repayments = deployment.topic(Topic::Repayments);
    let aborted = Producer::transactional(&deployment.bootstrap, &repayments);
    aborted.begin();
    aborted.send_to(&repayments, 1, Some(b"k"), Some(b"never committed"));
    aborted.abort();
    let (shared, models) = unread(&deployment);
    let (said, verdicts) = sync_channel(16);
    let watchdog = Watchdog::start(&shared, models, Vec::new(), move |verdict| drop(said.try_send(verdict))).unwrap();
    // Aborted records and markers: the log has grown and there is nothing to be read.
    assert!(verdicts.recv_timeout(Duration::from_secs(15)).is_err(), "nothing lies there to be read");
    deployment.producer.send_to(&repayments, 1, Some(b"k"), Some(b"record"));
    deployment.producer.drain();
    let verdict = verdicts.recv_timeout(Duration::from_secs(60)).unwrap();
    let Verdict::Stalled { stage, shard, topic, secs, .. } = &verdict else { panic!("{verdict}") };
    assert_eq!((*stage, *shard, *topic), (StageName::Customer, 1, Topic::Repayments));
    assert!(*secs >= 3, "{verdict}");
    drop(watchdog);
}
