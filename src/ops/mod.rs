//! To come.

pub mod broker;
pub mod guarded;
pub mod kafka_jars;
