//! Every request of a transaction × every code that matters: how it ends, and that the lane can go on from there.

use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::types::RDKafkaApiKey as Request;
use reflow::bus::errors::{Call, Refused};
use reflow::bus::producer::Ended;

use crate::mock::Mock;

/// More errors than any bound asks for.
const FOR_EVER: usize = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client or we tried again, and it went through.
    Committed,
    /// Aborted for certain; the same producer goes on.
    Aborted,
    /// The producer is made anew.
    Recreated,
    /// The same, and it counts as a fence.
    Fenced,
    /// The lane leaves with advice.
    Left,
}
use End::{Aborted, Committed, Fenced, Left, Recreated};

/// One row: what is answered with which error how often, and how a transaction ends then.
type Row = (Request, &'static str, Code, usize, End);

macro_rules! row {
    ($request:ident, $code:ident, $times:expr, $end:expr) => {
        (Request::$request, stringify!($code), Code::$code, $times, $end)
    };
}

fn check(rows: &[Row]) {
    let wrong: Vec<String> = rows.iter().filter_map(|row| run(*row).err()).collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// Runs one row on a cluster of its own.
fn run((request, name, code, times, expected): Row) -> Result<(), String> {
    let mock = Mock::start();
    let what = format!("{request:?} × {name} × {times}");
    let started = std::time::Instant::now();
    let failing_init = matches!(request, Request::InitProducerId);
    if failing_init {
        mock.fail(request, code, times);
    }
    let mut transactions = match mock.open() {
        Ok(transactions) => transactions,
        Err(refused) if expected == Left => return left(&what, Call::Init, &refused),
        Err(refused) => return Err(format!("{what}: {refused}")),
    };
    if !failing_init {
        mock.fail(request, code, times);
    }
    let opened = started.elapsed();
    let began = std::time::Instant::now();
    let ended = mock.write(&mut transactions);
    eprintln!("{what}: {ended:?} after {:?} (opened in {opened:?})", began.elapsed());
    mock.heal(request);
    let found = match &ended {
        Ended::Committed => Committed,
        Ended::Aborted { .. } => Aborted,
        Ended::Unknown { fenced: true, .. } => Fenced,
        Ended::Unknown { fenced: false, .. } => Recreated,
        Ended::Hopeless(_) => Left,
    };
    if found != expected {
        return Err(format!("{what}: expected {expected:?}, ended as {ended:?}"));
    }
    if let Ended::Hopeless(refused) = &ended {
        return left(&what, refused.call, refused);
    }
    // From there the lane goes on: with the same producer, or with a new one of the same id.
    let mut transactions = match found {
        // The mock lies when it calls a batch a duplicate: it has never stored it.
        _ if code == Code::RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER => {
            mock.open().map_err(|refused| format!("{what}, then: {refused}"))?
        }
        Recreated | Fenced => mock.open().map_err(|refused| format!("{what}, then: {refused}"))?,
        Committed | Aborted | Left => transactions,
    };
    match mock.write(&mut transactions) {
        Ended::Committed => Ok(()),
        ended => Err(format!("{what}, then a transaction that should go through: {ended:?}")),
    }
}

fn left(what: &str, call: Call, refused: &Refused) -> Result<(), String> {
    let said = refused.to_string();
    if refused.call == call && said.contains(refused.advice) && !refused.advice.is_empty() {
        return Ok(());
    }
    Err(format!("{what}: does not say what to do: {said}"))
}

#[test]
fn init_producer_id() {
    check(&[
        row!(InitProducerId, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, 2, Committed),
        row!(InitProducerId, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 2, Committed),
        row!(InitProducerId, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 2, Committed),
        row!(InitProducerId, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 3, Committed),
        row!(InitProducerId, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 1, Committed),
        row!(InitProducerId, RD_KAFKA_RESP_ERR__TRANSPORT, 1, Committed),
        row!(InitProducerId, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, 1, Left),
        row!(InitProducerId, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, 1, Left),
        row!(InitProducerId, RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, 1, Left),
        row!(InitProducerId, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 1, Left),
        row!(InitProducerId, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, 1, Left),
    ]);
}

#[test]
fn add_partitions_to_txn() {
    check(&[
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 5, Committed),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 1, Committed),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, 1, Committed),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 1, Committed),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, 1, Committed),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR__TRANSPORT, 1, Committed),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, FOR_EVER, Aborted),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_OPERATION_NOT_ATTEMPTED, 1, Aborted),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, 1, Aborted),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, 1, Fenced),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, 1, Fenced),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, 1, Recreated),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, 1, Recreated),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, 1, Recreated),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1, Left),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 1, Left),
        row!(AddPartitionsToTxn, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, 1, Left),
    ]);
}

#[test]
fn produce() {
    check(&[
        row!(Produce, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 1, Committed),
        row!(Produce, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, 1, Committed),
        row!(Produce, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, 1, Committed),
        row!(Produce, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 1, Committed),
        row!(Produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, 1, Committed),
        row!(Produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, 1, Committed),
        row!(Produce, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, 1, Committed),
        row!(Produce, RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER, 1, Committed),
        row!(Produce, RD_KAFKA_RESP_ERR__TRANSPORT, 1, Committed),
        row!(Produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, FOR_EVER, Aborted),
        row!(Produce, RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, 1, Aborted),
        row!(Produce, RD_KAFKA_RESP_ERR_POLICY_VIOLATION, 1, Aborted),
        row!(Produce, RD_KAFKA_RESP_ERR_INVALID_RECORD, 1, Aborted),
        row!(Produce, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, 1, Fenced),
        row!(Produce, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, 1, Recreated),
        row!(Produce, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 1, Recreated),
        row!(Produce, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1, Left),
        row!(Produce, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, 1, Left),
        row!(Produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1, Left),
    ]);
}

#[test]
fn add_offsets_to_txn() {
    check(&[
        row!(AddOffsetsToTxn, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 3, Committed),
        row!(AddOffsetsToTxn, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 2, Committed),
        row!(AddOffsetsToTxn, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, 1, Committed),
        row!(AddOffsetsToTxn, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 1, Committed),
        row!(AddOffsetsToTxn, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 1, Committed),
        row!(AddOffsetsToTxn, RD_KAFKA_RESP_ERR__TRANSPORT, 1, Committed),
        row!(AddOffsetsToTxn, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, FOR_EVER, Recreated),
        row!(AddOffsetsToTxn, RD_KAFKA_RESP_ERR_UNKNOWN, 1, Aborted),
        row!(AddOffsetsToTxn, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, 1, Fenced),
        row!(AddOffsetsToTxn, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, 1, Fenced),
        row!(AddOffsetsToTxn, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, 1, Recreated),
        row!(AddOffsetsToTxn, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, 1, Recreated),
        row!(AddOffsetsToTxn, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 1, Left),
        row!(AddOffsetsToTxn, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 1, Left),
        row!(AddOffsetsToTxn, RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, 1, Left),
    ]);
}

#[test]
fn txn_offset_commit() {
    check(&[
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 1, Committed),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, 1, Committed),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 1, Committed),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 1, Committed),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 1, Committed),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, 1, Committed),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR__TRANSPORT, 1, Committed),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, FOR_EVER, Aborted),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, 1, Aborted),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, 1, Aborted),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, 1, Aborted),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, 1, Aborted),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, 1, Aborted),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, 1, Fenced),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, 1, Fenced),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, 1, Recreated),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, 1, Recreated),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 1, Left),
        row!(TxnOffsetCommit, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1, Left),
    ]);
}

#[test]
fn end_txn() {
    check(&[
        row!(EndTxn, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 3, Committed),
        row!(EndTxn, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 2, Committed),
        row!(EndTxn, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, 1, Committed),
        row!(EndTxn, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 1, Committed),
        row!(EndTxn, RD_KAFKA_RESP_ERR__TRANSPORT, 1, Committed),
        // No answer within the life of a transaction: the end is unknown.
        row!(EndTxn, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, FOR_EVER, Recreated),
        row!(EndTxn, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, FOR_EVER, Recreated),
        // The commit is refused, the abort goes through.
        row!(EndTxn, RD_KAFKA_RESP_ERR_UNKNOWN, 1, Aborted),
        row!(EndTxn, RD_KAFKA_RESP_ERR_INVALID_REQUEST, 1, Aborted),
        // The abort is refused too.
        row!(EndTxn, RD_KAFKA_RESP_ERR_UNKNOWN, 2, Recreated),
        row!(EndTxn, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, 1, Fenced),
        row!(EndTxn, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, 1, Fenced),
        row!(EndTxn, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, 1, Recreated),
        row!(EndTxn, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, 1, Recreated),
        row!(EndTxn, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, 1, Recreated),
        row!(EndTxn, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 1, Left),
        row!(EndTxn, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, 1, Left),
    ]);
}

/// The group's coordinator is looked for when the first offsets are sent.
#[test]
fn find_coordinator() {
    check(&[
        // More than two in a row hang for ever: see `watchdog::a_call_that_the_client_has_forgotten_is_seen`.
        row!(FindCoordinator, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, 2, Committed),
        row!(FindCoordinator, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 2, Committed),
        row!(FindCoordinator, RD_KAFKA_RESP_ERR__TRANSPORT, 1, Committed),
        row!(FindCoordinator, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 1, Left),
    ]);
}
