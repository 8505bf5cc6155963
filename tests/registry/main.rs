//! A real schema registry: our schemas in it, records that others wrote, ids that nobody knows, and a registry that is away.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests of processes"
)]

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod deployment;
mod records;
mod worker;

/// The launcher of the registry, for `./test`: what it needs is in the cache afterwards.
#[test]
fn the_registry_is_in_the_cache() {
    let home = reflow::ops::broker::fetch_apicurio(reflow::ops::broker::APICURIO_VERSION);
    let home = home.unwrap_or_else(|error| panic!("{error}"));
    assert!(home.join("lib").is_dir(), "{}", home.display());
}
