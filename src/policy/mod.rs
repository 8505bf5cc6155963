//! Policy documents: parse, check, compare, evaluate.
pub mod contract;
pub mod facts;
pub use contract::{Contract, Dates, GuardTerms};
pub use facts::Facts;
