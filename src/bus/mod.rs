//! Kafka: the topic table, consumers, transactional producers, restore.

pub mod asking;
pub mod consumer;
pub mod errors;
pub mod identity;
pub mod memory;
pub mod native;
pub mod outbox;
pub mod policy_log;
pub mod producer;
pub mod registry;
pub mod restore;
pub mod sampled;
pub mod topics;
pub mod vitals;

pub use outbox::{Outbox, Outgoing};
pub use topics::{Topic, Topics};
