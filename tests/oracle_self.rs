//! Tests of the oracle itself: known answers made by hand, one group per rule, and planted errors that it must find.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails its test by panicking")]

mod oracle;

#[path = "oracle/self_bounds.rs"]
mod self_bounds;
#[path = "oracle/self_decisions.rs"]
mod self_decisions;
#[path = "oracle/self_known.rs"]
mod self_known;
#[path = "oracle/self_planted.rs"]
mod self_planted;
