//! What the worker does when a client call fails: row by row on the in-process mock cluster, and on a real broker where
//! the end of a transaction is unknown.

// A helper fails its test by panicking; threads, files and clocks are what these tests are about.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests of processes"
)]

mod mock;
mod rows;
