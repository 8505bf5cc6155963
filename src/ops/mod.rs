//! To come.
pub mod mapping;
pub mod source;
