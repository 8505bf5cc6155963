//! The policies of a process, as the lanes see them: each batch begins with what is known then and keeps it to its end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::policy::PolicySet;

/// Longest wait for the log to come as far as somebody else has read it, seconds.
pub const BEHIND_SECS_MAX: u64 = 30;
/// Between two looks, milliseconds.
const LOOK_MS: u64 = 10;

/// The policies that are known now. Asked once per batch and shard.
#[derive(Debug)]
pub struct Policies {
    current: RwLock<Arc<PolicySet>>,
    began: Instant,
    /// When the end of the log was seen last, milliseconds since `began`.
    seen_ms: AtomicU64,
    /// How long the log may be silent before nothing is decided any more; none where policies come from files.
    silence_max: Option<Duration>,
}

impl Policies {
    /// Policies that never change: from files.
    pub fn fixed(set: PolicySet) -> Self {
        Self::new(set, None)
    }

    /// Policies of a log that goes on. A policy is published that long before its effective time at least, so who has seen
    /// the log's end within it knows every policy that is in force.
    pub fn of_log(set: PolicySet, silence_max: Duration) -> Self {
        Self::new(set, Some(silence_max))
    }

    fn new(set: PolicySet, silence_max: Option<Duration>) -> Self {
        let (current, began) = (RwLock::new(Arc::new(set)), Instant::now());
        Self { current, began, seen_ms: AtomicU64::new(0), silence_max }
    }

    /// What is known now; it does not change in the hands of who asked.
    pub fn current(&self) -> Arc<PolicySet> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on this is known.
    pub fn replace(&self, set: PolicySet) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
    }

    /// The end of the log was seen, at or after that moment.
    pub fn seen(&self, asked: Instant) {
        let since = asked.saturating_duration_since(self.began);
        self.seen_ms.fetch_max(u64::try_from(since.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// True where a log is followed.
    pub fn is_followed(&self) -> bool {
        self.silence_max.is_some()
    }

    /// True when a policy may be in force that is not known here.
    pub fn is_silent(&self) -> bool {
        let seen = self.began + Duration::from_millis(self.seen_ms.load(Ordering::Relaxed));
        self.silence_max.is_some_and(|most| seen.elapsed() > most)
    }

    /// Waits until the log is known up to that offset; how far it is known when that takes too long, or `ends` says so.
    pub fn wait_for(&self, next: i64, ends: impl Fn() -> bool) -> Result<(), i64> {
        let began = Instant::now();
        loop {
            let known = self.current().next().unwrap_or(i64::MAX);
            if known >= next {
                return Ok(());
            }
            if began.elapsed() > Duration::from_secs(BEHIND_SECS_MAX) || ends() {
                return Err(known);
            }
            std::thread::park_timeout(Duration::from_millis(LOOK_MS));
        }
    }
}
