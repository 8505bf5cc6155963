//! The commands for people.

pub mod cli;
pub mod decisions;
pub mod exit;
pub mod load;
pub mod local;
pub mod moments;
pub mod partners;
pub mod policies;
pub mod reading;
pub mod run;
pub mod topics;
