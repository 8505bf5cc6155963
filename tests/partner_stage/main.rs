//! The partner stage from outside: bundles and ticks in, outputs and changelog out.

mod alerts;
mod market;
mod promises;
mod replicas;
mod scenes;
