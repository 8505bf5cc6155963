//! Scenarios: a policy, events and passing time, and what should come of them, played through both pure stages in memory.
//!
//! [`read`] turns a file into a [`Scene`] with all times settled; [`play`] wires the stages ([`world`]) and compares what
//! they say with what is expected. Nothing here knows a clock: the same file always gives the same answer.

mod change;
mod document;
pub mod events;
pub mod expect;
pub mod play;
pub mod steps;
pub mod times;
pub mod world;

pub use document::{Scene, read};
pub use expect::Difference;
pub use play::{Played, play};
