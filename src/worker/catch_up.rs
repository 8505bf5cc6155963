//! When restored shards have caught up: what had gathered in their inputs is worked off, but for a bounded rest.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::bus::Topic;

/// Inputs that bring nothing for that long are read to their end, milliseconds.
const IDLE_MS: u64 = 500;

/// How far the inputs of a lane's shards still are to be read. Done at first: nothing was taken over.
#[derive(Debug, Default)]
pub(super) struct CatchUp {
    /// Records that a shard may be behind, over all its inputs.
    behind_max: i64,
    /// Ends of inputs that were not read to their end, by topic and shard.
    targets: BTreeMap<(Topic, i32), i64>,
    /// Since when nothing came. Ends are not always reached: transaction markers have offsets too.
    idle_since: Option<Instant>,
}

impl CatchUp {
    pub fn new(behind_max: i64) -> Self {
        Self { behind_max, ..Self::default() }
    }

    /// An input that ends at `end` and is read up to `next`.
    pub fn add(&mut self, topic: Topic, shard: i32, next: i64, end: i64) {
        if next < end {
            self.targets.insert((topic, shard), end);
        }
    }

    pub fn is_done(&self) -> bool {
        self.targets.is_empty()
    }

    /// True once, when no shard is further behind than it may be. `next` says how far an input is read and committed, `end`
    /// what its end is known to be by now: what came while the first ends were being reached counts too; `idle` that nothing is
    /// there to be read.
    pub fn ends(
        &mut self,
        idle: bool,
        next: impl Fn(Topic, i32) -> Option<i64>,
        end: impl Fn(Topic, i32) -> Option<i64>,
    ) -> bool {
        if self.is_done() {
            return false;
        }
        self.idle_since = if idle { self.idle_since.or_else(|| Some(Instant::now())) } else { None };
        let idle_long = self.idle_since.is_some_and(|since| since.elapsed() > Duration::from_millis(IDLE_MS));
        if !idle_long {
            if self.behind(&next) > self.behind_max {
                return false;
            }
            for ((topic, shard), known) in &mut self.targets {
                *known = end(*topic, *shard).map_or(*known, |end| end.max(*known));
            }
            if self.behind(&next) > self.behind_max {
                return false;
            }
        }
        self.targets.clear();
        true
    }

    /// Offsets between the furthest shard and the ends of its inputs.
    fn behind(&self, next: impl Fn(Topic, i32) -> Option<i64>) -> i64 {
        let mut behind: BTreeMap<i32, i64> = BTreeMap::new();
        for ((topic, shard), end) in &self.targets {
            // A shard that is not here any more is behind nothing.
            let left = next(*topic, *shard).map_or(0, |next| end.saturating_sub(next).max(0));
            let sum = behind.entry(*shard).or_default();
            *sum = sum.saturating_add(left);
        }
        behind.values().copied().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_the_bound_is_caught_up_and_only_once() {
        let mut catch_up = CatchUp::new(10);
        catch_up.add(Topic::Applications, 0, 0, 100);
        catch_up.add(Topic::Repayments, 0, 0, 50);
        catch_up.add(Topic::Repayments, 1, 7, 7);
        let read = |applications, repayments| {
            move |topic, _| Some(if topic == Topic::Applications { applications } else { repayments })
        };
        let unknown = |_, _| None;
        assert!(!catch_up.ends(false, read(89, 50), unknown));
        assert!(!catch_up.ends(false, read(94, 45), unknown), "both inputs of a shard count together");
        assert!(catch_up.ends(false, read(95, 45), unknown));
        assert!(!catch_up.ends(false, read(100, 50), unknown), "it is said once");
    }

    #[test]
    fn what_came_meanwhile_counts_too() {
        let mut catch_up = CatchUp::new(10);
        catch_up.add(Topic::Applications, 0, 0, 100);
        let later = |_, _| Some(1_000);
        assert!(!catch_up.ends(false, |_, _| Some(100), later));
        assert!(!catch_up.ends(false, |_, _| Some(989), later));
        assert!(catch_up.ends(false, |_, _| Some(990), later));
    }

    #[test]
    fn nothing_to_catch_up_with_is_done_at_once() {
        let mut catch_up = CatchUp::new(0);
        catch_up.add(Topic::Applications, 0, 5, 5);
        assert!(catch_up.is_done());
    }

    #[test]
    fn an_input_that_ends_with_a_marker_is_read_when_nothing_comes() {
        let mut catch_up = CatchUp::new(0);
        catch_up.add(Topic::Applications, 0, 0, 2);
        let began = Instant::now();
        // The last offset is a marker: it is never read.
        while !catch_up.ends(true, |_, _| Some(1), |_, _| Some(2)) {
            assert!(began.elapsed() < Duration::from_secs(30), "waited in vain");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        assert!(catch_up.is_done());
    }
}
