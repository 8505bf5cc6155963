//! The table: which calls and errors, what is done, and why. It is read from the top and the first row that fits decides.
//!
//! It follows librdkafka 2.12.1 (`rdkafka_txnmgr.c`, `rdkafka_idempotence.c`, `rdkafka_request.c`); docs/errors.md holds the
//! same table for people, and a test compares them.

use rdkafka::error::RDKafkaErrorCode as Code;

use super::{Action, Call, Kind, Row};

/// Somebody, or the coordinator, has taken the transactional id.
pub(super) const FENCES: &[Code] = &[Code::Fenced, Code::ProducerFenced, Code::InvalidProducerEpoch];
/// The group has moved on.
pub(super) const GROUP_FENCES: [Code; 4] =
    [Code::IllegalGeneration, Code::UnknownMemberId, Code::RebalanceInProgress, Code::FencedInstanceId];
const NO_CALL: &[Call] = &[];
const NO_CODE: &[Code] = &[];
const NO_KIND: &[Kind] = &[];

const fn row(
    calls: &'static [Call],
    codes: &'static [Code],
    kinds: &'static [Kind],
    action: Action,
    why: &'static str,
) -> Row {
    Row { calls, codes, kinds, action, why }
}

/// Every call and every error, from the top; the last row takes what is left.
pub static TABLE: &[Row] = &[
    row(
        NO_CALL,
        &[
            Code::TopicAuthorizationFailed,
            Code::GroupAuthorizationFailed,
            Code::ClusterAuthorizationFailed,
            Code::TransactionalIdAuthorizationFailed,
            Code::Authentication,
            Code::SaslAuthenticationFailed,
        ],
        NO_KIND,
        Action::Exit,
        "a right is missing, and asking again changes nothing: give the worker's principal write, describe and describe-configs on its topics \
         and transactional ids (prefix `kafka.prefix`) and read on its groups and inputs, then start it again",
    ),
    row(
        NO_CALL,
        &[
            Code::InvalidTransactionTimeout,
            Code::UnsupportedFeature,
            Code::UnsupportedVersion,
            Code::UnsupportedForMessageFormat,
            Code::NotConfigured,
            Code::InvalidArgument,
        ],
        NO_KIND,
        Action::Exit,
        "broker and configuration do not fit: transaction.timeout_ms must not be above the broker's \
         transaction.max.timeout.ms, and the broker must know transactions with group metadata (Kafka 2.5 or later)",
    ),
    row(
        NO_CALL,
        &[Code::MessageSizeTooLarge, Code::MessageBatchTooLarge],
        NO_KIND,
        Action::Exit,
        "a record of the worker is larger than client or topic allow, and would be again: raise message.max.bytes in \
         kafka.properties and max.message.bytes of the topic",
    ),
    row(
        &[Call::Init],
        FENCES,
        NO_KIND,
        Action::Exit,
        "another process initialised the same transactional id in the same moment: two processes run with the same \
         `instance`; give each its own",
    ),
    row(
        NO_CALL,
        FENCES,
        NO_KIND,
        Action::Recreate,
        "the transaction was open longer than transaction.timeout_ms and the coordinator ended it, or another process has our \
         transactional id: the first is mended by a new producer, and the second is told by being fenced again soon (then: exit)",
    ),
    row(
        NO_CALL,
        &[
            Code::UnknownProducerId,
            Code::InvalidProducerIdMapping,
            Code::InvalidTransactionalState,
            Code::OutOfOrderSequenceNumber,
        ],
        NO_KIND,
        Action::Recreate,
        "coordinator and client disagree about the producer; an abort would first ask to raise the epoch of an id that the \
         coordinator does not know, and wait",
    ),
    row(&[Call::Produce], &[Code::QueueFull], NO_KIND, Action::Retry, "poll, and there is room again"),
    row(
        &[Call::SendOffsets],
        &GROUP_FENCES,
        NO_KIND,
        Action::Abort,
        "the group has moved on: the shards may be somebody else's by now, so nothing of this batch may land; the group says \
         soon what is ours",
    ),
    row(
        &[Call::Init],
        NO_CODE,
        &[Kind::Retriable],
        Action::Retry,
        "the coordinator is away, loading, or still ending our previous transaction; calling again resumes, within a bound",
    ),
    row(&[Call::Init], NO_CODE, NO_KIND, Action::Exit, "without a transactional id nothing can be written"),
    row(
        &[Call::Begin],
        NO_CODE,
        NO_KIND,
        Action::Recreate,
        "the client is not where we think it is: nothing was sent, and a new producer begins clean",
    ),
    row(NO_CALL, NO_CODE, &[Kind::Fatal], Action::Recreate, "this producer refuses everything from now on"),
    row(
        &[Call::Produce],
        NO_CODE,
        NO_KIND,
        Action::Abort,
        "the transaction failed in the background (`state`), or the record's partition is gone: nothing was committed",
    ),
    row(
        &[Call::SendOffsets],
        NO_CODE,
        &[Kind::Abortable],
        Action::Abort,
        "the client has given the transaction up: nothing was committed",
    ),
    row(
        &[Call::SendOffsets],
        NO_CODE,
        &[Kind::Retriable],
        Action::Retry,
        "sent anew as a whole; the same offsets twice in one transaction do no harm",
    ),
    row(
        &[Call::Commit],
        NO_CODE,
        &[Kind::Abortable],
        Action::Abort,
        "a delivery failed before the end was asked for, or the coordinator refused it: nothing was committed. Had it been, the \
         abort would be refused as an invalid state, which re-creates",
    ),
    row(
        &[Call::Commit],
        NO_CODE,
        NO_KIND,
        Action::Recreate,
        "the end was asked for and no answer came: it may have landed, may still be under way, and asking again could end the \
         next transaction. A new epoch fences it, then the committed offsets tell",
    ),
    row(
        &[Call::Abort],
        &[Code::OperationTimedOut],
        &[Kind::Retriable],
        Action::Retry,
        "deliveries are still outstanding; calling again resumes, within a bound",
    ),
    row(
        &[Call::Abort],
        NO_CODE,
        NO_KIND,
        Action::Recreate,
        "a new producer with the same id aborts what the old one left open",
    ),
    row(NO_CALL, NO_CODE, NO_KIND, Action::Recreate, "unknown: a new producer, and the committed offsets tell"),
];
