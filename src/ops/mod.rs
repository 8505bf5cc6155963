//! To come.

pub mod broker;
mod guarded;
mod kafka_jars;
