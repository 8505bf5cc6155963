//! The demo: a generated market, played in the process on the real worker, and what people see of it.
//!
//! [`market`] makes the events and reacts to candidates; [`chronicle`] keeps what the worker answered; [`view`] shows it
//! while it runs, [`summary`] when it has ended. The wiring to a cluster and a worker is the command's.

pub mod banner;
pub mod calendar;
pub mod chronicle;
mod cluster;
mod feeder;
mod play;
pub mod latency;
pub mod market;
pub mod summary;
pub mod view;
mod words;

#[cfg(test)]
mod summary_tests;

pub use play::{Options, demo};

/// The policy of the demo's lender for the market's partners.
pub const POLICY: &str = include_str!("demo-policy.yaml");
/// The file name by which problems of [`POLICY`] are reported.
pub const POLICY_FILE: &str = "demo-policy.yaml";
/// The seed of the market when nothing else is asked for.
pub const SEED_DEFAULT: u64 = 1;
