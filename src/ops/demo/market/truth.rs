//! What the market knows about what it said: the oracle of the demo's summary.

use std::collections::BTreeMap;

use super::partners::PARTNERS_COUNT;
use super::record::{MarketRecord, Trouble};
use crate::domain::fate::{DeadLetterClass, FateCounts};

/// Drawdowns of one partner by what really became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartnerTruth {
    pub requested: i64,
    pub disbursed: i64,
    pub declined: i64,
    /// Cancelled because the customer took the own offer.
    pub diverted: i64,
    pub cancelled: i64,
    pub timed_out: i64,
    pub rerouted: i64,
    /// Instalments that the guarantor paid.
    pub compensated: i64,
}

/// Records by expected fate, and what happened at each partner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Records that are in order; the worker applies them, or ignores what concerns it not.
    pub sound: i64,
    pub duplicate: i64,
    pub late: i64,
    pub broken: BTreeMap<DeadLetterClass, i64>,
    /// By position in [`super::partners::PARTNERS`].
    pub partners: [PartnerTruth; PARTNERS_COUNT],
}

impl Truth {
    pub(super) fn count(&mut self, record: &MarketRecord) {
        match record.truth {
            Trouble::None => self.sound += 1,
            Trouble::Duplicate => self.duplicate += 1,
            Trouble::Late => self.late += 1,
            Trouble::Broken(class) => *self.broken.entry(class).or_default() += 1,
        }
    }

    /// Every record said so far.
    pub fn said(&self) -> i64 {
        self.sound + self.duplicate + self.late + self.dead_lettered()
    }

    pub fn dead_lettered(&self) -> i64 {
        self.broken.values().sum()
    }

    /// Where the worker's counts cannot be right, in words; empty when they can. A sound record may rightly change nothing,
    /// and a repetition may be outdated by then, so these are compared from below.
    pub fn contradictions(&self, counted: &FateCounts) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, counted: i64, said: i64| {
            if counted != said {
                found.push(format!("{what}: the worker counted {counted}, the market said {said}"));
            }
        };
        compare("consumed", counted.consumed(), self.said());
        compare("late", counted.late, self.late);
        compare("dead letters", counted.dead_lettered, self.dead_lettered());
        let without_effect = counted.duplicate + counted.ignored;
        if without_effect < self.duplicate {
            found.push(format!(
                "duplicates: {without_effect} events were without effect, the market repeated {}",
                self.duplicate
            ));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_count_is_named() {
        let truth =
            Truth { sound: 10, duplicate: 2, late: 1, broken: [(DeadLetterClass::Key, 3)].into(), ..Truth::default() };
        let right = FateCounts { applied: 9, duplicate: 2, late: 1, ignored: 1, dead_lettered: 3 };
        assert_eq!(truth.contradictions(&right), Vec::<String>::new());
        let wrong = FateCounts { applied: 10, duplicate: 1, late: 2, ignored: 0, dead_lettered: 2 };
        let found = truth.contradictions(&wrong).join("\n");
        for what in ["late: ", "dead letters: ", "duplicates: "] {
            assert!(found.contains(what), "{found}");
        }
    }
}
