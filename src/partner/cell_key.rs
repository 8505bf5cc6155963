//! Which cell of a partner's panes: partner, family and width with the start.

use std::cmp::Ordering;

use crate::domain::EventTime;
use crate::domain::counter::Family;
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use crate::domain::words::Word;
use crate::store::Number;
use crate::words;

words! {
    /// How much time a pane spans.
    pub enum Width {
        Minute = "minute",
        Hour = "hour",
        Day = "day",
        /// Everything beyond retention in one cell, whose start is 0.
        Older = "older",
    }
}

impl Width {
    /// The start of the pane of this width that holds `at`.
    pub fn start_of(self, at: i64) -> i64 {
        // Flooring the smallest number would leave the range.
        let at = EventTime(at.max(i64::MIN / 2));
        // By constants, which divide fast.
        match self {
            Width::Minute => at.floor(MINUTE_MS).0,
            Width::Hour => at.floor(HOUR_MS).0,
            Width::Day => at.floor(DAY_MS).0,
            Width::Older => 0,
        }
    }
}

/// Which cell; the order keeps the panes of one partner, family and width together, in time order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellKey {
    /// Partner, family and width as one number: cells are looked up with every change of a counter.
    pane: u64,
    /// UTC milliseconds.
    pub start: i64,
}

impl CellKey {
    /// The partner has its number among the names of the panes.
    pub fn new(partner: Number, family: Family, width: Width, start: i64) -> Self {
        Self { pane: u64::from(partner.get()) << 16 | (family as u64) << 8 | width as u64, start }
    }

    pub fn partner(&self) -> Number {
        Number::of((self.pane >> 16) as u32)
    }

    pub fn family(&self) -> Family {
        Family::ALL[self.pane as usize >> 8 & 0xff]
    }

    pub fn width(&self) -> Width {
        Width::ALL[self.pane as usize & 0xff]
    }

    /// The same of another pane of the family.
    pub fn moved(&self, width: Width, start: i64) -> Self {
        Self::new(self.partner(), self.family(), width, start)
    }

    /// One number that sorts like the name of the partner, by its rank, and then like the key.
    pub fn order(&self, rank: u32) -> u128 {
        self.number(u64::from(rank) << 16 | self.pane & 0xffff)
    }

    #[inline]
    fn number(&self, pane: u64) -> u128 {
        u128::from(pane) << 64 | u128::from(self.start.wrapping_sub(i64::MIN) as u64)
    }
}

/// As one number, which is compared in fewer steps than two.
impl Ord for CellKey {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.number(self.pane).cmp(&other.number(other.pane))
    }
}

impl PartialOrd for CellKey {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
