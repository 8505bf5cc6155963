//! Keyed state with an undo log: what a batch touched can be put back, and what it changed can be written out.
//!
//! Both tables work the same way and know two *generations* of changes: the open one, which takes the edits, and one in
//! flight, whose batch is closed and not yet known to be in the log. The first touch of a key in a generation saves the value
//! before; `hand_over` sends the open generation into flight; `commit` accepts the one in flight; `undo` puts everything back
//! as it was at the last commit, the open generation first; `changed` lists what the open generation touched, with absolute
//! values for the changelog. An [image] is written by `walk`ing over what is committed, [cursor](Cursor) in hand.
//! Pure: no IO, no clock.

mod batch;
mod blocks;
mod cell;
mod cursor;
pub mod image;
mod names;
pub mod packed;
pub mod prefixed;
mod records;
mod slab;
mod sorted;
mod spares;

#[cfg(test)]
mod image_tests;

pub use cursor::Cursor;
pub use names::{Names, Number};
pub use packed::{Packed, Sections};
pub use records::{At, Records, SLOTS_MAX, TOGETHER_MAX, Wanted};
pub use sorted::Sorted;
pub use spares::Spares;
