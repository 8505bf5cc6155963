//! The commands for people, and the launcher of a real broker for tests and the demo.

pub mod broker;
pub mod cli;
pub mod decisions;
pub mod demo;
pub mod exit;
pub mod explain;
pub mod load;
pub mod local;
pub mod mapping;
pub mod moments;
pub mod partners;
pub mod policies;
pub mod policy;
pub mod reading;
pub mod run;
pub mod scene;
pub mod schemas;
pub mod source;
pub mod sources;
pub mod topics;
pub mod wording;
