//! The one place that knows all: shards, lanes, transactions, supervision, shutdown.
//!
//! ```text
//! Inbox (one queue per partition) ─► ShardRunner: open, take…, close ─► Outbox ─► Transactions::write ─► commit | undo
//!        ▲ urgent topics first          pure stage under its undo log     encoded     begin…commit, burst only
//!        └───────────────────────────── put back after an abort ◄──────────────────────────┘
//! ```

pub mod clock;
pub mod encode;
pub mod lane;
pub mod models;
pub mod progress;
pub mod shard;
pub mod stage;
pub mod supervisor;
mod takeover;

pub use shard::{ShardRunner, Shared};
pub use supervisor::{WorkerError, start};
