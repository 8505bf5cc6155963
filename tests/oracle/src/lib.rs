//! An independent oracle: single-threaded, naive, straight from `docs/semantics.md`.
//!
//! It shares the domain types with the product and nothing else: no stage, no store, no policy evaluation. It keeps every
//! fact ever accepted, sorts, and recomputes from scratch. Three layers, as what depends on the interleaving of topics
//! cannot be said from the inputs alone:
//!
//! 1. order-free, from the multiset of inputs: [`inputs`], [`record`], [`instalments`], [`contributions`], [`tiles`];
//! 2. given the journalled order: [`journal`], [`chain`], [`customer_shard`], [`eligibility`], [`ordered`], [`guard`], [`partner_shard`];
//! 3. bounds in every prefix: [`bounds`].
//!
//! [`random`] makes histories to feed both sides with, [`poison`] bad input; [`world`] is a pretend product for the oracle's own tests.

pub mod accounts;
pub mod blank;
pub mod bounds;
pub mod chain;
pub mod contributions;
pub mod customer_shard;
pub mod dice;
pub mod eligibility;
pub mod guard;
pub mod inputs;
pub mod instalments;
pub mod journal;
pub mod life;
pub mod ordered;
pub mod partner_shard;
pub mod plain_policy;
pub mod poison;
pub mod random;
pub mod record;
pub mod standing;
pub mod tiles;
pub mod world;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use reflow::domain::time::DAY_MS;
use reflow::domain::{CalendarDay, EventTime};

/// Most problems that are printed; the others are only counted.
const PRINTED_PROBLEMS_MAX: usize = 20;

/// What the oracle found wrong, in words; empty when all is well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub problems: Vec<String>,
}

impl Verdict {
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    pub fn say(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// Adds a problem unless the condition holds; the words are made only when needed.
    pub fn expect(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.problems.push(problem());
        }
    }

    pub fn and(mut self, other: Verdict) -> Verdict {
        self.problems.extend(other.problems);
        self
    }

    /// Fails the test with the problems, if there are any.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "{self}");
    }

    /// True when some problem contains these words.
    pub fn mentions(&self, words: &str) -> bool {
        self.problems.iter().any(|problem| problem.contains(words))
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_clean() {
            return f.write_str("the oracle agrees");
        }
        writeln!(f, "the oracle found {} problems:", self.problems.len())?;
        for problem in self.problems.iter().take(PRINTED_PROBLEMS_MAX) {
            writeln!(f, "  - {problem}")?;
        }
        match self.problems.len().saturating_sub(PRINTED_PROBLEMS_MAX) {
            0 => Ok(()),
            more => writeln!(f, "  … and {more} more"),
        }
    }
}

/// The numbers and zones that the semantics leave to configuration and contract.
#[derive(Clone, Debug)]
pub struct Rules {
    pub future_event_secs_max: i64,
    pub late_event_secs_max: i64,
    pub decision_age_secs_max: i64,
    pub end_to_end_days: i64,
    /// Largest record value that is read, bytes.
    pub value_bytes_max: usize,
    /// Schema ids of application, repayment, customer, outcome and command in the Confluent header.
    pub schema_ids: [u32; 5],
    /// The contract's zone by partner; UTC for a partner that is not here.
    pub zones: BTreeMap<String, TimeZone>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            future_event_secs_max: 3_600,
            late_event_secs_max: 7 * 86_400,
            decision_age_secs_max: 86_400,
            end_to_end_days: 30,
            value_bytes_max: 1 << 20,
            schema_ids: [1, 2, 3, 4, 5],
            zones: BTreeMap::new(),
        }
    }
}

impl Rules {
    /// The calendar day of a moment in the partner's contract zone.
    pub fn day(&self, partner: &str, at: EventTime) -> CalendarDay {
        local_day(self.zones.get(partner), at)
    }
}

/// The calendar day of a moment in a zone; without one in UTC.
pub fn local_day(zone: Option<&TimeZone>, at: EventTime) -> CalendarDay {
    let offset_ms = zone
        .and_then(|zone| Some(zone.to_offset(jiff::Timestamp::from_millisecond(at.0).ok()?)))
        .map_or(0, |offset| i64::from(offset.seconds()) * 1_000);
    CalendarDay((at.0 + offset_ms).div_euclid(DAY_MS) as i32)
}
