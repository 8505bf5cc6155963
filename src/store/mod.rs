//! Keyed state with an undo log: what a batch touched can be put back, and what it changed can be written out.
//!
//! Both tables work the same way: the first touch of a key in a batch saves the value before; [`Slots::undo`] /
//! [`Sorted::undo`] put the saved values back; `commit` forgets them; `changed` lists the touched keys with their absolute
//! values for the changelog. Pure: no IO, no clock.

mod slots;
mod sorted;

pub use slots::Slots;
pub use sorted::Sorted;
