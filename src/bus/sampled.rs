//! What the client says of itself, at most so often per kind of thing: while a broker is away it says the same many times a
//! second.

use std::num::NonZeroU32;
use std::time::Duration;

use dashmap::DashMap;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel as Level;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Lines of one kind in one go, and then one line in that many seconds.
const BURST: NonZeroU32 = NonZeroU32::new(3).unwrap();
const EVERY_SECS: u64 = 10;
/// Kinds that are told apart; what comes beyond shares one.
const KINDS_MAX: usize = 256;

/// A client's voice.
pub struct Sampled {
    /// Whose it is: `consumer`, `producer`.
    who: &'static str,
    limit: DefaultKeyedRateLimiter<String>,
    /// Lines left out since the last one of that kind.
    left_out: DashMap<String, u64>,
}

impl std::fmt::Debug for Sampled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sampled({})", self.who)
    }
}

impl Sampled {
    pub fn new(who: &'static str) -> Self {
        let quota = Quota::with_period(Duration::from_secs(EVERY_SECS)).map_or(Quota::per_minute(BURST), |q| q);
        Self { who, limit: RateLimiter::keyed(quota.allow_burst(BURST)), left_out: DashMap::new() }
    }

    /// Says an error of the client. That a partition has come to its end is none, for who asks to be told.
    pub fn error(&self, error: &KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        let kind = error.rdkafka_error_code().map_or_else(|| "other".to_owned(), |code| format!("{code:?}"));
        if let Some(left_out) = self.admit(kind) {
            tracing::warn!(%error, reason, left_out, "kafka {}", self.who);
        }
    }

    /// Says a line of the client's own log. What it says for debugging was asked for (`debug` in `kafka.properties`), and comes
    /// whole.
    pub fn log(&self, level: Level, facility: &str, line: &str) {
        if matches!(level, Level::Debug) {
            tracing::debug!(facility, line, "kafka {}", self.who);
            return;
        }
        if let Some(left_out) = self.admit(facility.to_owned()) {
            match level {
                Level::Emerg | Level::Alert | Level::Critical | Level::Error => {
                    tracing::error!(facility, line, left_out, "kafka {}", self.who);
                }
                Level::Warning => tracing::warn!(facility, line, left_out, "kafka {}", self.who),
                Level::Notice | Level::Info | Level::Debug => {
                    tracing::debug!(facility, line, left_out, "kafka {}", self.who);
                }
            }
        }
    }

    /// How many were left out before this one; none when this one is left out too.
    fn admit(&self, kind: String) -> Option<u64> {
        let known = self.left_out.len() < KINDS_MAX || self.left_out.contains_key(&kind);
        let kind = if known { kind } else { "other".to_owned() };
        if self.limit.check_key(&kind).is_ok() {
            return Some(self.left_out.insert(kind, 0).unwrap_or(0));
        }
        *self.left_out.entry(kind).or_insert(0) += 1;
        None
    }
}

/// A context for consumers that only have something to say.
pub struct Voice(Sampled);

impl Voice {
    pub fn new(who: &'static str) -> Self {
        Self(Sampled::new(who))
    }
}

impl ClientContext for Voice {
    fn log(&self, level: Level, facility: &str, line: &str) {
        self.0.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(&error, reason);
    }
}

impl ConsumerContext for Voice {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_handful_of_lines_and_other_kinds_are_still_heard() {
        let sampled = Sampled::new("test");
        let said = (0..1_000).filter(|_| sampled.admit("flood".to_owned()).is_some()).count();
        assert_eq!(said, BURST.get() as usize);
        assert_eq!(sampled.admit("other kind".to_owned()), Some(0));
        assert_eq!(sampled.left_out.get("flood").map(|count| *count), Some(1_000 - u64::from(BURST.get())));
    }

    #[test]
    fn kinds_without_end_share_one_place() {
        let sampled = Sampled::new("test");
        let said = (0..10_000).filter(|kind| sampled.admit(format!("{kind}")).is_some()).count();
        assert!(said <= KINDS_MAX + BURST.get() as usize, "{said}");
        assert!(sampled.left_out.len() <= KINDS_MAX + 1);
    }
}
