//! Tests of the oracle itself: known answers made by hand, one group per rule, and planted errors that it must find.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails its test by panicking")]

mod bounds;
mod decisions;
mod known;
mod planted;
