//! The policy that the benchmarks judge by.

use reflow::policy::{Policy, PolicySet};

use crate::load::PARTNERS;

const POLICY: &str = include_str!("policy.yaml");

/// The policy with the one contract given to every partner of the load.
pub fn policies() -> PolicySet {
    let (head, rest) = POLICY.split_once("  - partner: p01\n").expect("a contract");
    let (contract, tail) = rest.split_once("exclusions:").expect("exclusions");
    let contracts: String =
        (0..PARTNERS).map(|partner| format!("  - partner: partner-{partner:02}\n{contract}")).collect();
    let text = format!("{head}{contracts}exclusions:{tail}");
    let policy = Policy::parse("policy.yaml", &text).unwrap_or_else(|found| panic!("{}", found[0]));
    PolicySet::new(vec![policy]).unwrap_or_else(|found| panic!("{}", found[0]))
}
