//! What is logged and counted: one function per thing that happens.

pub mod events;
