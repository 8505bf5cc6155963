//! Being fenced once is mended by a new producer; being fenced again and again is somebody else with our transactional id.

use std::time::{Duration, Instant};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_one_after_the_other_are_somebody_else() {
        let (start, timeout) = (Instant::now(), Duration::from_secs(30));
        let mut own = Fences::new(timeout);
        assert!((0..10).all(|time| !own.note(start + timeout * time)), "a coordinator's time-outs");
        let mut two = Fences::new(timeout);
        let noted: Vec<bool> = (0..3).map(|second| two.note(start + Duration::from_secs(second))).collect();
        assert_eq!(noted, [false, false, true]);
    }
}
