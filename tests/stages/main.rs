//! The oracle's verdict on the real stages: shard runners of both over an in-memory log, with histories, bad records, lag,
//! aborts and restores. What a run wrote must agree with `docs/semantics.md` as the oracle reads it, in all three layers.

mod bench;
mod drive;
mod judge;
mod market;
#[path = "../oracle/mod.rs"]
mod oracle;
mod policy;

use drive::{Plan, run};
use judge::judged;
use policy::policies;

#[test]
fn the_oracle_agrees_with_both_stages() {
    let plan = Plan::new(1);
    let ran = run(&plan);
    let judged = judged(&ran);
    println!("{:#?}", judged.census());
    judged.verdict(&ran, &policies(plan.size.customers)).assert_clean();
}
