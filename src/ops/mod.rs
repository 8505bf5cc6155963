//! To come.

pub mod demo;
