//! The policies of a process, as the lanes see them: each batch begins with what is known then and keeps it to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::policy::PolicySet;

/// Longest wait for the log to come as far as somebody else has read it, seconds.
pub const BEHIND_SECS_MAX: u64 = 30;
/// Between two looks, milliseconds.
const LOOK_MS: u64 = 10;

/// The policies that are known now. Asked once per batch and shard.
#[derive(Debug)]
pub struct Policies {
    current: ArcSwap<PolicySet>,
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
        let (current, began) = (ArcSwap::from_pointee(set), Instant::now());
        Self { current, began, seen_ms: AtomicU64::new(0), silence_max }
    }

    /// What is known now; it does not change in the hands of who asked.
    pub fn current(&self) -> Arc<PolicySet> {
        self.current.load_full()
    }

    /// From now on this is known.
    pub fn replace(&self, set: PolicySet) {
        self.current.store(Arc::new(set));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_never_silent_and_a_log_is_until_its_end_is_seen() {
        let began = Instant::now();
        assert!(!Policies::fixed(PolicySet::default()).is_silent());
        let policies = Policies::of_log(PolicySet::of_log(), Duration::ZERO);
        while began.elapsed() < Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        assert!(policies.is_silent(), "nothing was seen for longer than it may be");
        let policies = Policies::of_log(PolicySet::of_log(), Duration::from_secs(3_600));
        policies.seen(Instant::now());
        assert!(!policies.is_silent());
    }

    #[test]
    fn a_shard_waits_for_the_log_and_says_how_far_it_came() {
        let policies = Policies::of_log(PolicySet::of_log(), Duration::ZERO);
        assert_eq!(policies.wait_for(0, || false), Ok(()));
        assert_eq!(policies.wait_for(1, || true), Err(0), "given up at once");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| policies.wait_for(2, || false));
            policies.replace(PolicySet::of_log().with(0, Err("junk".to_owned())));
            policies.replace(policies.current().with(1, Err("junk".to_owned())));
            assert_eq!(waiting.join().unwrap(), Ok(()));
        });
        assert_eq!(Policies::fixed(PolicySet::default()).wait_for(9, || true), Ok(()), "files have no log to wait for");
    }
}
