//! What the worker does when a client call fails: row by row on the in-process mock cluster, and on a real broker where
//! the end of a transaction is unknown, a call hangs, or topics change.

// A helper fails its test by panicking; threads, files and clocks are what these tests are about.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests of processes, with helpers of another target"
)]

#[path = "../e2e/audit.rs"]
mod audit;
#[path = "../e2e/deployment.rs"]
mod deployment;
#[path = "../e2e/market.rs"]
mod market;
#[path = "../e2e/readback.rs"]
mod readback;
#[path = "../support/mod.rs"]
mod support;

mod indefinite;
mod lagging;
mod lane;
mod mock;
#[cfg(feature = "planted")]
mod planted;
mod rows;
mod same_instance;
mod watchdog;
