//! The published schemas against the domain types, with apache-avro as the authority on what Avro says.
//!
//! `published` reads the files as text, `examples` takes every example through both implementations, `random` does so with
//! values drawn from the schemas themselves, `hostile` with damaged bytes.

mod authority;
mod ours;
mod published;
mod examples;
mod random;
mod hostile;
