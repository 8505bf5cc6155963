//! The demo: a generated market, played in the process on the real worker, and what people see of it.
pub mod calendar;
pub mod market;
