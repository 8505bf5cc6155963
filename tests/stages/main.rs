//! The oracle's verdict on the real stages: shard runners of both over an in-memory log, with histories, bad records, lag,
//! aborts and restores. What a run wrote must agree with `docs/semantics.md` as the oracle reads it, in all three layers.

mod bench;
mod drive;
mod judge;
mod market;
#[path = "../oracle/mod.rs"]
mod oracle;
mod policy;
mod storm;

use std::collections::BTreeMap;

use drive::{Plan, Ran, run};
use judge::{Judged, judged};

/// All three layers, the first only where nobody is erased; gives what occurred.
#[track_caller]
fn clean(plan: &Plan) -> (Ran, Judged) {
    let ran = run(plan);
    let judged = judged(&ran);
    let mut verdict = judged.ordered_and_bounds(&ran);
    if plan.size.erased_percent == 0 {
        verdict = verdict.and(judged.order_free(&ran));
    }
    assert!(verdict.is_clean(), "seed {}: {verdict}", plan.seed);
    (ran, judged)
}

type Census = BTreeMap<String, usize>;

#[track_caller]
fn census(plans: impl IntoIterator<Item = Plan>) -> Census {
    let mut all = Census::new();
    for plan in plans {
        clean(&plan).1.census().into_iter().for_each(|(what, count)| *all.entry(what).or_default() += count);
    }
    println!("{all:#?}");
    all
}

#[test]
fn the_oracle_agrees_over_plausible_lives() {
    census((1..=4).flat_map(|seed| [Plan::long(seed), Plan::dense(seed)]));
}

#[test]
fn the_oracle_agrees_in_a_storm() {
    census((1..=30).map(Plan::storm));
}
