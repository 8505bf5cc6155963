//! Tests of the oracle itself.
mod oracle;
