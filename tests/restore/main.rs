//! Restore on a real broker: images and the changelog's tail, shards that come back, and every reason not to start.

// A helper fails its test by panicking.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests of processes"
)]

#[path = "../support/mod.rs"]
mod support;

mod images;
mod market;
mod refusals;
mod returning;
