//! Undo, changelog and restore: a batch that was taken back never was, and a copy is the original.

use proptest::prelude::*;
use reflow::domain::{FactBundle, Output};
use reflow::partner::Input;

use crate::market::Stage;
use crate::promises::{Op, op};

/// Everything that leaves a step, and what it wrote.
fn told(stage: &mut Stage, out: &[Output]) -> String {
    let mut entries = Vec::new();
    stage.shard.changes(&mut |key, value| entries.push((key.to_vec(), value.map(<[u8]>::to_vec))));
    format!("{out:?} {entries:?} {}", stage.shard.due(stage.now))
}

fn input_of(bundle: &Option<FactBundle>) -> Input<'_> {
    bundle.as_ref().map_or(Input::Tick, Input::Bundle)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each batch is stepped, undone and stepped again, and stepped by a copy made from the changelog: all say the same.
    #[test]
    fn undo_and_copy_say_the_same(ops in prop::collection::vec(op(), 1..40)) {
        let mut stage = Stage::new();
        let mut ids = 0;
        for (n, op) in ops.iter().enumerate() {
            let bundle = match op {
                Op::Bundle(content) => Some(content.bundle(&mut stage, &mut ids)),
                Op::Pass(_) | Op::MonthEnds(_) => {
                    let ms = op.passes(stage.now).unwrap();
                    stage.pass(ms);
                    continue;
                }
                Op::Tick => None,
            };
            let input = || bundle.as_ref().map_or(Input::Tick, Input::Bundle);
            let (_, first) = stage.attempt(input());
            let first = told(&mut stage, &first);
            stage.shard.undo();
            let mut nothing = Vec::new();
            stage.shard.changes(&mut |key, _| nothing.push(key.to_vec()));
            prop_assert!(nothing.is_empty());
            let (_, second) = stage.attempt(input());
            prop_assert_eq!(&first, &told(&mut stage, &second));
            if n % 3 == 0 {
                stage.shard.undo();
                let restored = stage.restored();
                let original = std::mem::replace(&mut stage.shard, restored);
                let (_, third) = stage.attempt(input());
                prop_assert_eq!(&first, &told(&mut stage, &third));
                if n % 2 == 0 {
                    stage.shard = original;
                    stage.attempt(input());
                }
            }
            stage.keep();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A batch is stepped while the one before is in flight; when that fails, both are undone and stepped again one by one.
    #[test]
    fn a_batch_in_flight_is_undone_with_the_next(ops in prop::collection::vec(op(), 2..40)) {
        let mut stage = Stage::new();
        let mut ids = 0;
        let mut bundles = Vec::new();
        for op in &ops {
            match op {
                Op::Bundle(content) => bundles.push(Some(content.bundle(&mut stage, &mut ids))),
                Op::Pass(ms) => stage.pass(*ms),
                // The bundles are stepped together afterwards: a month later all of them would be too late.
                Op::MonthEnds(_) => {}
                Op::Tick => bundles.push(None),
            }
        }
        for pair in bundles.chunks_exact(2) {
            let mut said = Vec::new();
            for again in [false, true] {
                let (_, first) = stage.attempt(input_of(&pair[0]));
                let (first, log) = (told(&mut stage, &first), stage.log_after());
                stage.shard.hand_over();
                prop_assert_eq!(&stage.log_after(), &stage.log, "nothing is changed in the next batch");
                if again {
                    stage.shard.commit();
                    stage.log = log;
                }
                let (_, second) = stage.attempt(input_of(&pair[1]));
                said.push((first, told(&mut stage, &second)));
                if again {
                    stage.keep();
                } else {
                    stage.shard.undo();
                }
            }
            prop_assert_eq!(&said[0], &said[1]);
            // What a copy says next is what the original says.
            let (_, original) = stage.attempt(Input::Tick);
            let original = told(&mut stage, &original);
            stage.shard.undo();
            stage.shard = stage.restored();
            let (_, copy) = stage.attempt(Input::Tick);
            prop_assert_eq!(&original, &told(&mut stage, &copy));
            stage.shard.undo();
        }
    }
}

#[test]
fn bytes_that_are_no_entry_are_refused() {
    let mut stage = Stage::new();
    stage.propose("p0", "a");
    let entries: Vec<_> = stage.log.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    for (key, value) in entries {
        assert!(stage.shard.load(&key, Some(&value[..value.len() - 1])).is_err());
        assert!(stage.shard.load(&key[..key.len() - 1], Some(&value)).is_err());
        assert!(stage.shard.load(&key, Some(&[&value[..], &[0]].concat())).is_err());
    }
    assert!(stage.shard.load(b"", None).is_err() && stage.shard.load(b"?", None).is_err());
}
