//! The built worker on a real broker, as separate processes: what one transaction promises holds from end to end.
//!
//! Every test has a deployment of its own (a prefix, a configuration, topics) on the one broker of this binary.

// A helper fails its test by panicking; threads, files and clocks are what these tests are about.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests of processes"
)]

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod configuration;
mod deployment;
mod explain;
mod history;
mod independent;
mod killing;
mod market;
mod nightly;
mod partners;
mod policies;
#[cfg(feature = "planted")]
mod planted;
mod poison;
mod proofs;
mod readback;
mod real_data;
mod rebalance;
mod trade;
