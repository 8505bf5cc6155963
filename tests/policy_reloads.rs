//! Versions of a policy become known while drawdowns are judged: no answer is by two of them. The benchmark of policies
//! measures the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop where it stands")]
#![allow(dead_code, reason = "the benchmark uses more of its parts")]

#[path = "../bench/parts/cpu.rs"]
mod cpu;
#[path = "../bench/parts/drive.rs"]
mod drive;
#[path = "../bench/parts/load.rs"]
mod load;
#[path = "../bench/parts/policies.rs"]
mod policies;
#[path = "../bench/parts/quiet.rs"]
mod quiet;
#[path = "../bench/parts/reloads.rs"]
mod reloads;

const RULES: &str = include_str!("../bench/parts/rules.yaml");

#[test]
fn a_thousand_reloads_under_load_mix_no_two_versions() {
    let found = reloads::measure(&policies::document(RULES, load::PARTNERS));
    println!("{} versions met by {} proposals and {} noes", found.versions_met, found.proposals, found.noes);
    assert!(found.proposals > 0 && found.noes > 0);
}
