//! The policies that the benchmarks judge by.

use reflow::policy::{Policy, PolicySet};

use crate::load::PARTNERS;

const POLICY: &str = include_str!("policy.yaml");

/// The policy with the one contract given to every partner of the load.
pub fn policies() -> PolicySet {
    set(&document(POLICY, PARTNERS))
}

/// A document whose one contract is given to so many partners, named as in the load.
pub fn document(text: &str, partners: u64) -> String {
    let (head, rest) = text.split_once("  - partner: p01\n").expect("a contract");
    let (contract, tail) = rest.split_once("exclusions:").expect("exclusions");
    let contracts: String =
        (0..partners).map(|partner| format!("  - partner: partner-{partner:02}\n{contract}")).collect();
    format!("{head}{contracts}exclusions:{tail}")
}

/// The one policy of a text.
pub fn set(text: &str) -> PolicySet {
    let policy = Policy::parse("policy.yaml", text).unwrap_or_else(|found| panic!("{}", found[0]));
    PolicySet::new(vec![policy]).unwrap_or_else(|found| panic!("{}", found[0]))
}
