//! Random evolutions of every schema: the plan makes of each record what apache-avro's resolution makes of it.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reflow::domain::words::Word;
use reflow::wire::{Plan, Schema};

use crate::judge::Judge;
use crate::mutate::{Dice, Pair, pair};

const PAIRS: u32 = 150;
const RECORDS: usize = 6;

/// One evolution with records and what we made of each.
pub struct Case {
    pub pair: Pair,
    /// None where the plan was refused.
    pub plan: Option<Plan>,
    pub bodies: Vec<Vec<u8>>,
}

pub fn case(schema: Schema, seed: u64) -> (Case, Judge) {
    let mut dice = Dice(seed);
    let pair = pair(schema.text(), &mut dice);
    let judge = Judge::of(&pair);
    let plan = Plan::between(&pair.writer, &pair.reader).ok();
    let bodies = (0..RECORDS).map(|_| judge.record(&mut dice)).collect();
    (Case { pair, plan, bodies }, judge)
}

pub fn transcoded(plan: &Plan, body: &[u8]) -> Result<Vec<u8>, String> {
    let mut buffer = vec![0xee; 3];
    plan.apply(body, &mut buffer).map(<[u8]>::to_vec).map_err(|error| error.to_string())
}

#[derive(Default)]
struct Counts {
    refused: usize,
    untouched: usize,
    read: usize,
    records_refused: usize,
    /// Refused by us alone: a branch whose type ours cannot read, with a value that does not show it (an empty array of what
    /// cannot be read). The library looks at values, the specification and we at types.
    types_refused: usize,
}

fn agree(schema: Schema, seed: u64, counts: &mut Counts) -> Result<(), TestCaseError> {
    let (case, judge) = case(schema, seed);
    let Some(plan) = &case.plan else {
        counts.refused += 1;
        prop_assert!(!judge.reads_all(), "refused: {} as {}", case.pair.writer, case.pair.reader);
        return Ok(());
    };
    counts.untouched += usize::from(plan.is_identity());
    for body in &case.bodies {
        match (transcoded(plan, body), judge.read(body)) {
            (Ok(ours), Ok(theirs)) => {
                counts.read += 1;
                prop_assert_eq!(ours, theirs, "{} as {}: {:?}", case.pair.writer, case.pair.reader, body);
            }
            (Err(_), Err(_)) => counts.records_refused += 1,
            (Err(ours), Ok(_)) if ours.contains("no counterpart") && !judge.reads_all() => counts.types_refused += 1,
            (ours, theirs) => {
                return Err(TestCaseError::fail(format!(
                    "we say {ours:?}, apache-avro says {theirs:?}: {} as {}: {body:?}",
                    case.pair.writer, case.pair.reader
                )));
            }
        }
    }
    Ok(())
}

#[test]
fn plans_and_apache_avro_agree() {
    let mut counts = Counts::default();
    for schema in Schema::ALL.iter().copied() {
        let config = Config { cases: PAIRS, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
        let mut runner = TestRunner::new(config);
        let counts = std::cell::RefCell::new(&mut counts);
        let outcome = runner.run(&any::<u64>(), |seed| agree(schema, seed, &mut counts.borrow_mut()));
        outcome.unwrap_or_else(|error| panic!("{schema}: {error}"));
    }
    let Counts { refused, untouched, read, records_refused, types_refused } = counts;
    println!("{read} records read, {records_refused} refused; {refused} plans refused, {untouched} untouched");
    println!("{types_refused} records refused by their types alone");
    assert!(types_refused * 50 < read, "{types_refused} of {read}");
    // The evolutions must be worth something: most are read, and each kind is among them.
    assert!(read > 5_000 && records_refused > 500 && refused > 100, "{read} {records_refused} {refused}");
}
