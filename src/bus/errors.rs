//! What a client error means for the call that met it: one function, one table.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// What the lane does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Call again.
    Retry,
    /// Abort the transaction, undo the batch, put the consumer back.
    Abort,
    /// The producer is no longer usable or the outcome is unknown: make a new one with the same transactional id; the
    /// committed offsets say what landed.
    Recreate,
    /// Nothing here can mend it: leave, state is in Kafka.
    Exit,
}

/// The transactional call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Init,
    Begin,
    Produce,
    SendOffsets,
    Commit,
    Abort,
}

/// Maps an error of a call to what is done about it.
pub fn action(call: Call, error: &KafkaError) -> Action {
    if let KafkaError::Transaction(detail) = error {
        return match () {
            _ if detail.is_fatal() && fenced(detail.code()) && call == Call::Init => Action::Exit,
            _ if detail.is_fatal() => Action::Recreate,
            _ if detail.txn_requires_abort() && call != Call::Abort => Action::Abort,
            _ if detail.is_retriable() && call != Call::Begin => Action::Retry,
            _ if call == Call::Init => Action::Exit,
            _ => Action::Recreate,
        };
    }
    match (call, error.rdkafka_error_code()) {
        (Call::Produce, Some(Code::QueueFull)) => Action::Retry,
        (Call::Produce, Some(Code::MessageSizeTooLarge)) => Action::Exit,
        (Call::Produce | Call::SendOffsets | Call::Begin, Some(code)) if !fatal(code) => Action::Abort,
        (Call::Init, Some(Code::OperationTimedOut | Code::RequestTimedOut)) => Action::Retry,
        (Call::Init, _) => Action::Exit,
        _ => Action::Recreate,
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

/// True for what passes by itself: a leader that moves, a coordinator that loads, a broker that comes back.
fn passes(error: &KafkaError) -> bool {
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
                | Code::RequestTimedOut
                | Code::BrokerTransportFailure
                | Code::AllBrokersDown
        )
    )
}

fn fatal(code: Code) -> bool {
    fenced(code) || matches!(code, Code::Fatal | Code::TransactionalIdAuthorizationFailed)
}

fn fenced(code: Code) -> bool {
    matches!(code, Code::ProducerFenced | Code::InvalidProducerEpoch | Code::Fenced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_is_tried_again_and_an_unknown_commit_is_never_guessed() {
        assert_eq!(action(Call::Produce, &KafkaError::MessageProduction(Code::QueueFull)), Action::Retry);
        assert_eq!(action(Call::Commit, &KafkaError::Flush(Code::OperationTimedOut)), Action::Recreate);
        assert_eq!(action(Call::Produce, &KafkaError::MessageProduction(Code::Fenced)), Action::Recreate);
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
}
