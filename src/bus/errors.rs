//! What a client error means for the call that met it: one function, one table.

use std::time::Duration;

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

/// Most tries of a question that a cluster in motion (a new leader, a coordinator that loads) cannot answer yet.
const QUERY_TRIES_MAX: u32 = 120;
/// Pause between two tries, milliseconds.
const QUERY_PAUSE_MS: u64 = 250;

/// Asks the cluster again while its answer is only "not yet"; blocks the lane, which has nothing to do without the answer.
pub fn patiently<T>(what: &str, mut ask: impl FnMut() -> Result<T, KafkaError>) -> Result<T, KafkaError> {
    let mut tries = 1;
    loop {
        match ask() {
            Err(error) if passing(&error) && tries < QUERY_TRIES_MAX => {
                if tries.is_power_of_two() {
                    tracing::warn!(%error, what, tries, "asking again");
                }
                tries += 1;
                std::thread::park_timeout(Duration::from_millis(QUERY_PAUSE_MS));
            }
            answer => return answer,
        }
    }
}

/// Conditions that pass by themselves.
fn passing(error: &KafkaError) -> bool {
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
}
