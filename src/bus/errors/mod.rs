//! What a client error means for the call that met it: one function, one [table].

mod fences;
mod table;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

pub use fences::Fences;
pub use table::TABLE;
use table::{FENCES, GROUP_FENCES};

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
    fn the_documentation_holds_this_table() {
        let list = |names: Vec<String>| if names.is_empty() { "any".to_owned() } else { names.join(", ") };
        let mut text = String::from("| call | code | kind | action | why |\n|---|---|---|---|---|\n");
        for row in TABLE {
            let calls = list(row.calls.iter().map(|call| call.name().to_owned()).collect());
            let codes = list(row.codes.iter().map(|code| format!("{code:?}")).collect());
            let kinds = list(row.kinds.iter().map(|kind| kind.name().to_owned()).collect());
            text.push_str(&format!("| {calls} | {codes} | {kinds} | **{}** | {} |\n", row.action, row.why));
        }
        let page = include_str!("../../../docs/errors.md");
        assert!(page.contains(&text), "docs/errors.md is behind the table; it should hold:\n{text}");
    }
}
