//! A whole lane on the mock cluster: it goes on after what can be mended, and leaves with the reason after what cannot.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::types::RDKafkaApiKey as Request;
use reflow::bus::Topic;
use reflow::domain::decision::StageName;
use reflow::policy::PolicySet;
use reflow::worker::lane::Assignment;
use reflow::worker::policies::Policies;
use reflow::worker::{self, Shared, Worker};

use crate::mock::Mock;
use crate::support::{Producer, wait_until};

/// A customer stage of one shard; its heartbeats alone bring a transaction a second.
fn start() -> (Mock, Worker) {
    start_with(Policies::fixed(PolicySet::default()))
}

fn start_with(policies: Policies) -> (Mock, Worker) {
    let mut mock = Mock::start();
    mock.config.stages = vec![StageName::Customer];
    mock.config.customer.heartbeat_secs = 1;
    let policies = Arc::new(policies);
    let shared = Shared { policies: policies.clone(), ..Shared::new(mock.config.clone(), PolicySet::default()) };
    let worker = worker::start(&shared, |_| Assignment::Fixed(vec![0])).unwrap();
    wait_until("the first transactions", 60, || {
        policies.seen(Instant::now());
        worker.models.transactions.load(Ordering::Relaxed) >= 2
    });
    (mock, worker)
}

fn goes_on_after(request: Request, code: Code) {
    let (mock, worker) = start();
    mock.fail(request, code, 1);
    wait_until("a transaction to fail", 60, || worker.models.aborted.load(Ordering::Relaxed) >= 1);
    let before = worker.models.transactions.load(Ordering::Relaxed);
    wait_until("transactions after it", 60, || worker.models.transactions.load(Ordering::Relaxed) >= before + 2);
    // And it still reads: a partition that was put back must not fall silent.
    let producer = Producer::new(&mock.config.kafka.bootstrap);
    producer.send_to(&mock.config.topics().name(Topic::Repayments), 0, Some(b"key"), Some(b"no framing"));
    producer.drain();
    wait_until("a record to be read", 60, || worker.models.fates().dead_lettered == 1);
    worker.join().unwrap();
}

#[test]
fn a_lane_goes_on_after_a_fence_by_the_group() {
    goes_on_after(Request::TxnOffsetCommit, Code::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
}

#[test]
fn a_lane_goes_on_after_one_fence_of_its_producer() {
    goes_on_after(Request::AddPartitionsToTxn, Code::RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
}

#[test]
fn a_lane_goes_on_after_a_refused_delivery() {
    goes_on_after(Request::Produce, Code::RD_KAFKA_RESP_ERR_POLICY_VIOLATION);
}

/// Nobody knows whether such a commit landed: the lane makes its producer anew and takes its state from the log.
#[test]
fn a_lane_goes_on_after_a_commit_without_an_answer() {
    let (mock, worker) = start();
    mock.fail(Request::EndTxn, Code::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 100_000);
    wait_until("a commit to be given up", 60, || worker.models.aborted.load(Ordering::Relaxed) >= 1);
    mock.heal(Request::EndTxn);
    let before = worker.models.transactions.load(Ordering::Relaxed);
    wait_until("transactions after a commit without an answer", 60, || {
        assert!(!worker.stopping(), "no transaction after a commit without an answer: the lane has left");
        worker.models.transactions.load(Ordering::Relaxed) >= before + 2
    });
    worker.join().unwrap();
}

#[test]
fn a_lane_leaves_without_a_right_and_says_which() {
    let (mock, worker) = start();
    mock.fail(Request::TxnOffsetCommit, Code::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 1);
    wait_until("the lane to leave", 60, || worker.stopping());
    let said = worker.join().unwrap_err().to_string();
    assert!(said.contains("Group authorization failed") && said.contains("a right is missing"), "{said}");
}

#[test]
fn a_lane_whose_id_somebody_else_has_leaves_and_names_the_setting() {
    let (mock, worker) = start();
    mock.fail(Request::AddPartitionsToTxn, Code::RD_KAFKA_RESP_ERR_PRODUCER_FENCED, 1_000);
    wait_until("the lane to leave", 60, || worker.stopping());
    let said = worker.join().unwrap_err().to_string();
    assert!(said.contains("same `instance`") && said.contains("customer-000-00"), "{said}");
}

/// A policy may be in force that it does not know: it takes nothing, and does not say that its data are current either.
#[test]
fn a_lane_takes_nothing_while_the_policy_log_is_silent() {
    let (mock, worker) = start_with(Policies::of_log(PolicySet::of_log(), Duration::from_secs(1)));
    let policies = worker.models.policies.get().unwrap().clone();
    wait_until("the log to be silent", 60, || policies.is_silent());
    let producer = Producer::new(&mock.config.kafka.bootstrap);
    producer.send_to(&mock.config.topics().name(Topic::Repayments), 0, Some(b"key"), Some(b"no framing"));
    producer.drain();
    let transactions = || worker.models.transactions.load(Ordering::Relaxed);
    // What was under way when the log fell silent still lands. A heartbeat is due every second.
    let (mut before, mut since) = (transactions(), Instant::now());
    wait_until("the heartbeats to end", 60, || {
        if transactions() != before {
            (before, since) = (transactions(), Instant::now());
        }
        since.elapsed() > Duration::from_secs(5)
    });
    assert_eq!(worker.models.fates().dead_lettered, 0, "it took a record");
    wait_until("a record to be read", 60, || {
        policies.seen(Instant::now());
        worker.models.fates().dead_lettered == 1
    });
    worker.join().unwrap();
}
