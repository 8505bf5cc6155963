//! What a client error means for the call that met it: one function, one table.
//!
//! The table is read from the top and the first row that fits decides. It follows librdkafka 2.12.1 (`rdkafka_txnmgr.c`,
//! `rdkafka_idempotence.c`, `rdkafka_request.c`); docs/errors.md holds the same table for people, and a test compares them.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::words;

words! {
    /// What the lane does next.
    pub enum Action {
        /// Call again.
        Retry = "retry",
        /// Abort the transaction, undo the batch, put the consumer back: nothing of it landed.
        Abort = "abort",
        /// The producer is no longer usable or the outcome is unknown: make a new one with the same transactional id; the
        /// committed offsets say what landed.
        Recreate = "re-create",
        /// Nothing here can mend it: leave, state is in Kafka.
        Exit = "exit",
    }
}

words! {
    /// The transactional call that failed; and what is watched beside them.
    pub enum Call {
        Init = "init",
        Begin = "begin",
        Produce = "produce",
        SendOffsets = "send-offsets",
        Commit = "commit",
        Abort = "abort",
        /// Taking shards over, as a whole: it goes forward in steps, each with bounds of its own.
        Restore = "restore",
    }
}

words! {
    /// What the client says of an error besides its code.
    pub enum Kind {
        /// The producer will refuse every further call.
        Fatal = "fatal",
        /// The transaction can only be aborted.
        Abortable = "abortable",
        /// The same call may be made again.
        Retriable = "retriable",
        /// None of these.
        Plain = "plain",
    }
}

/// An error as the table sees it. The client's own type cannot be made by hand, and a table wants tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub code: Code,
    pub kind: Kind,
}

impl Fault {
    /// Reads code and kind off an error. `fatal` is the code behind a producer's state when the error says only "fatal".
    pub fn of(error: &KafkaError, fatal: Option<Code>) -> Self {
        let code = match error.rdkafka_error_code().unwrap_or(Code::Fail) {
            Code::Fatal => fatal.unwrap_or(Code::Fatal),
            code => code,
        };
        let kind = match error {
            KafkaError::Transaction(detail) if detail.is_fatal() => Kind::Fatal,
            KafkaError::Transaction(detail) if detail.txn_requires_abort() => Kind::Abortable,
            KafkaError::Transaction(detail) if detail.is_retriable() => Kind::Retriable,
            _ if error.rdkafka_error_code() == Some(Code::Fatal) => Kind::Fatal,
            _ => Kind::Plain,
        };
        Self { code, kind }
    }

    /// True when the group has moved on, which says nothing about what was delivered.
    pub fn is_group_fence(self) -> bool {
        GROUP_FENCES.contains(&self.code)
    }

    /// True when somebody, or the coordinator, has taken the transactional id from this producer.
    pub fn is_fence(self) -> bool {
        FENCES.contains(&self.code)
    }
}

/// One row: which calls and errors it is about, what is done, and why.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Empty: every call.
    pub calls: &'static [Call],
    /// Empty: every code.
    pub codes: &'static [Code],
    /// Empty: every kind.
    pub kinds: &'static [Kind],
    pub action: Action,
    /// Why; for `exit`, also what a person should do.
    pub why: &'static str,
}

const FENCES: &[Code] = &[Code::Fenced, Code::ProducerFenced, Code::InvalidProducerEpoch];
const GROUP_FENCES: [Code; 4] =
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
        "a right is missing, and asking again changes nothing: give the worker's principal write and describe on its topics \
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

/// The row that an error of a call falls under.
pub fn verdict(call: Call, fault: Fault) -> &'static Row {
    fn names<T: PartialEq>(these: &[T], one: &T) -> bool {
        these.is_empty() || these.contains(one)
    }
    let fits = |row: &&Row| names(row.calls, &call) && names(row.codes, &fault.code) && names(row.kinds, &fault.kind);
    TABLE.iter().find(fits).unwrap_or(&TABLE[TABLE.len() - 1])
}

/// Maps an error of a call to what is done about it.
pub fn action(call: Call, error: &KafkaError) -> Action {
    verdict(call, Fault::of(error, None)).action
}

/// A call that failed beyond repair, with what a person should do.
#[derive(Debug, thiserror::Error)]
#[error("{call}: {error}; {advice}")]
pub struct Refused {
    pub call: Call,
    pub error: KafkaError,
    pub advice: &'static str,
}

impl Refused {
    pub fn new(call: Call, error: KafkaError, fault: Fault) -> Self {
        Self { call, error, advice: verdict(call, fault).why }
    }
}

/// Fences in one stretch of time that say "somebody else has our id".
const FENCES_MAX: usize = 3;

/// When this lane's producer was fenced lately.
///
/// A coordinator that ends our transaction for being too old cannot do so more than twice within two of its time-outs; another
/// process with the same transactional id does it with every turn of its own.
#[derive(Debug)]
pub struct Fences {
    within: Duration,
    seen: Vec<Instant>,
}

impl Fences {
    pub fn new(transaction_timeout: Duration) -> Self {
        Self { within: transaction_timeout * 2, seen: Vec::new() }
    }

    /// Notes a fence; true when there were so many lately that somebody else must have our id.
    pub fn note(&mut self, at: Instant) -> bool {
        self.seen.retain(|seen| at.saturating_duration_since(*seen) < self.within);
        self.seen.push(at);
        self.seen.len() >= FENCES_MAX
    }
}

/// How long to wait before asking again, milliseconds.
const ASK_AGAIN_MS: u64 = 100;

/// Asks the cluster something, again while the error is one that passes, at most that long altogether.
///
/// The client retries most requests by itself, but hands over what these queries meet when topics are new or a broker returns.
pub fn ask<T>(most: Duration, ask: impl Fn() -> Result<T, KafkaError>) -> Result<T, KafkaError> {
    let began = Instant::now();
    loop {
        match ask() {
            Err(error) if passes(&error) && began.elapsed() < most => {
                tracing::debug!(%error, "asking again");
                std::thread::park_timeout(Duration::from_millis(ASK_AGAIN_MS));
            }
            answered => return answered,
        }
    }
}

/// First and next offset of a partition, as the handle's isolation sees them.
///
/// A broker that comes back is known before it leads again. A handle that hears so keeps "no leader" for minutes, and calls the
/// partition unknown without asking anybody: it is told to look anew.
pub fn watermarks<C: ConsumerContext>(
    handle: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    most: Duration,
) -> Result<(i64, i64), KafkaError> {
    ask(most, || {
        let answered = handle.fetch_watermarks(topic, partition, most);
        if matches!(&answered, Err(error) if error.rdkafka_error_code() == Some(Code::UnknownPartition)) {
            handle.fetch_metadata(Some(topic), most)?;
        }
        answered
    })
}

/// True for what passes by itself: a leader that moves, a coordinator that loads, a broker that comes back.
pub fn passes(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                | Code::UnknownTopicOrPartition
                | Code::UnknownPartition
                | Code::CoordinatorLoadInProgress
                | Code::CoordinatorNotAvailable
                | Code::NotCoordinator
                | Code::UnstableOffsetCommit
                | Code::OperationTimedOut
                | Code::TimedOutQueue
                | Code::RequestTimedOut
                | Code::BrokerTransportFailure
                | Code::AllBrokersDown
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::words::Word;

    fn at(call: Call, code: Code, kind: Kind) -> Action {
        verdict(call, Fault { code, kind }).action
    }

    #[test]
    fn every_row_is_reached() {
        let codes: Vec<Code> = TABLE.iter().flat_map(|row| row.codes.iter().copied()).chain([Code::Fail]).collect();
        let mut reached = vec![false; TABLE.len()];
        for call in Call::ALL {
            for kind in Kind::ALL {
                for code in &codes {
                    let row = verdict(*call, Fault { code: *code, kind: *kind });
                    let place = TABLE.iter().position(|other| std::ptr::eq(other, row)).unwrap();
                    reached[place] = true;
                }
            }
        }
        let missed: Vec<usize> = (0..TABLE.len()).filter(|place| !reached[*place]).collect();
        assert!(missed.is_empty(), "rows that nothing reaches: {missed:?}");
    }

    #[test]
    fn an_unknown_end_is_never_guessed_and_never_asked_for_twice() {
        for kind in [Kind::Retriable, Kind::Plain, Kind::Fatal] {
            for code in [Code::OperationTimedOut, Code::BrokerTransportFailure, Code::ConcurrentTransactions] {
                assert_eq!(at(Call::Commit, code, kind), Action::Recreate, "{code} {kind}");
            }
        }
        assert_eq!(action(Call::Commit, &KafkaError::Flush(Code::OperationTimedOut)), Action::Recreate);
    }

    #[test]
    fn a_full_queue_is_tried_again_and_a_failed_transaction_is_aborted() {
        assert_eq!(action(Call::Produce, &KafkaError::MessageProduction(Code::QueueFull)), Action::Retry);
        assert_eq!(action(Call::Produce, &KafkaError::MessageProduction(Code::State)), Action::Abort);
        assert_eq!(action(Call::Produce, &KafkaError::MessageProduction(Code::Fatal)), Action::Recreate);
        let behind =
            Fault::of(&KafkaError::MessageProduction(Code::Fatal), Some(Code::TransactionalIdAuthorizationFailed));
        assert_eq!(verdict(Call::Produce, behind).action, Action::Exit);
    }

    #[test]
    fn a_fence_is_mended_once_whatever_the_client_calls_it() {
        for code in FENCES {
            for kind in Kind::ALL {
                assert_eq!(at(Call::SendOffsets, *code, *kind), Action::Recreate);
                assert_eq!(at(Call::Init, *code, *kind), Action::Exit);
            }
        }
    }

    #[test]
    fn fences_one_after_the_other_are_somebody_else() {
        let (start, timeout) = (Instant::now(), Duration::from_secs(30));
        let mut own = Fences::new(timeout);
        assert!((0..10).all(|time| !own.note(start + timeout * time)), "a coordinator's time-outs");
        let mut two = Fences::new(timeout);
        let noted: Vec<bool> = (0..3).map(|second| two.note(start + Duration::from_secs(second))).collect();
        assert_eq!(noted, [false, false, true]);
    }

    #[test]
    fn the_documentation_holds_this_table() {
        let list = |names: Vec<String>| if names.is_empty() { "any".to_owned() } else { names.join(", ") };
        let mut text = String::from("| call | code | kind | action | why |\n|---|---|---|---|---|\n");
        for row in TABLE {
            let calls = list(row.calls.iter().map(|call| call.name().to_owned()).collect());
            let codes = list(row.codes.iter().map(|code| format!("{code:?}")).collect());
            let kinds = list(row.kinds.iter().map(|kind| kind.name().to_owned()).collect());
            text.push_str(&format!("| {calls} | {codes} | {kinds} | **{}** | {} |\n", row.action, row.why));
        }
        let page = include_str!("../../docs/errors.md");
        assert!(page.contains(&text), "docs/errors.md is behind the table; it should hold:\n{text}");
    }

    #[test]
    fn a_question_is_asked_again_while_the_leader_moves() {
        let asked = std::cell::Cell::new(0);
        let answer = ask(Duration::from_secs(30), || {
            asked.set(asked.get() + 1);
            if asked.get() < 3 { Err(KafkaError::MetadataFetch(Code::NotLeaderForPartition)) } else { Ok(7) }
        });
        assert_eq!((answer, asked.get()), (Ok(7), 3));
        let refused = ask(Duration::from_secs(30), || {
            asked.set(asked.get() + 1);
            Err::<(), _>(KafkaError::MetadataFetch(Code::TopicAuthorizationFailed))
        });
        assert_eq!((refused.is_err(), asked.get()), (true, 4));
    }

    #[test]
    fn a_broker_that_does_not_answer_passes_and_a_missing_right_does_not() {
        // The client says the first of a request that it could not send in time, the second of one without an answer.
        for code in [Code::TimedOutQueue, Code::OperationTimedOut, Code::AllBrokersDown] {
            assert!(passes(&KafkaError::MetadataFetch(code)), "{code}");
        }
        for code in [Code::TopicAuthorizationFailed, Code::GroupAuthorizationFailed, Code::InvalidTopic] {
            assert!(!passes(&KafkaError::MetadataFetch(code)), "{code}");
        }
    }
}
