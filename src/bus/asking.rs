//! Questions to the cluster, asked again while what stands in the way passes by itself.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

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
