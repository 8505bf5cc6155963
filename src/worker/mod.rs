//! The one place that knows all: shards, lanes, transactions, supervision, shutdown.
//!
//! ```text
//! Inbox (two queues) ─► ShardRunner: open, take…, close ─► Outbox ─► Writer: begin…commit ─► commit | undo
//!    ▲ urgent topics first   pure stage under its undo log    encoded     its own thread, meanwhile the next batch is stepped
//!    └────────────────────── put back after an abort ◄─────────────────────────┘
//! ```

mod burial;
mod catch_up;
pub mod clock;
mod digests;
mod draughtsman;
pub mod encode;
pub mod follower;
pub mod images;
mod imaging;
mod knowing;
pub mod lane;
pub mod models;
pub mod open_batch;
pub mod parking;
mod placed;
pub mod policies;
pub mod progress;
pub mod reading;
pub mod recovery;
pub mod refusal;
pub mod shard;
pub mod shared;
pub mod stage;
pub mod supervisor;
mod takeover;
pub mod watchdog;
mod turn;
pub mod writer;

pub use shard::ShardRunner;
pub use shared::Shared;
pub use supervisor::{Worker, WorkerError, start};
