//! The partner stage from outside: bundles and ticks in, outputs and changelog out.

mod alerts;
mod both;
mod limits;
mod market;
mod model;
mod promises;
mod replicas;
mod scenes;
