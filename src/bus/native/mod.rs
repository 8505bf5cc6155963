//! The one module with `unsafe`: calls of C libraries that no safe crate offers and that a stateful worker lives from.
//!
//! - [`LaneQueue`]: many partitions forwarded into one queue of our own, read a batch at a time. The safe client hands over one
//!   record per call with several readings of the clock and an allocation each. The queue is never the group's own: on that
//!   one a batch call would swallow rebalances.
//! - [`TopicHandles`]: records are handed to the producer in runs of one partition, without looking their topic up by name.
//! - [`topic_id`]: which topic it is that has a name, for images that are tied to it.
//! - [`keep_freed_memory`]: how long the allocator keeps what was given back.
//!
//! What makes each call sound is said beside it. Pointers never leave this module.
#![allow(unsafe_code, reason = "bindings to C libraries; every block says why it is sound")]

mod allocator;
mod handles;
mod known;
mod queue;
mod record;
mod topic_id;

pub use allocator::keep_freed_memory;
pub use handles::TopicHandles;
pub use known::{group_events, is_member, known_end};
pub use queue::{Delivery, LaneQueue};
pub use record::Record;
pub use topic_id::topic_id;
