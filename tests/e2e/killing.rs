//! `kill -9` at random moments, round after round: nothing is lost and nothing is double.

use std::thread::sleep;
use std::time::Duration;

use reflow_oracle::dice::Dice;

use crate::deployment::{PARTNER_SHARDS, READY_SECS_MAX};
use crate::trade::{audited, deployment, under_load, wait_for_progress};

/// Rounds of `kill -9` and restart, unless `REFLOW_TEST_KILL_ROUNDS` says another number.
const ROUNDS: usize = 10;
const WORKERS: u32 = 3;
const SEED: u64 = 20_261_122;

#[test]
fn kill_nine() {
    let rounds = std::env::var("REFLOW_TEST_KILL_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let deployment = deployment("kill-nine");
    let mut workers = Vec::new();
    let sent = under_load(&deployment, SEED, || {
        workers = (0..WORKERS).map(|instance| deployment.spawn_as(instance)).collect();
        let mut dice = Dice::new(SEED);
        for round in 0..rounds {
            // Most rounds end in the middle of work, some while workers join and restore.
            if dice.chance(75) {
                wait_for_progress(&deployment, READY_SECS_MAX);
            }
            sleep(Duration::from_millis(dice.between(0, 1_500) as u64));
            let mut instances: Vec<u32> = (0..WORKERS).collect();
            dice.shuffle(&mut instances);
            // One of them, two, or all at once.
            instances.truncate(*dice.pick(&[1, 1, 2, 3]));
            for instance in &instances {
                let worker = &mut workers[*instance as usize];
                assert!(worker.is_running(), "round {round}: {instance} ended by itself; its log:\n{}", worker.log());
                worker.kill();
            }
            for instance in instances {
                workers[instance as usize] = deployment.spawn_as(instance);
            }
        }
        wait_for_progress(&deployment, READY_SECS_MAX);
    });
    let back = audited(&deployment, workers, sent);
    let writers: std::collections::BTreeSet<_> = back.written.journal.iter().map(|entry| &entry.writer).collect();
    println!("{rounds} rounds of kill -9 over {WORKERS} workers; {} transactions", back.written.journal.len());
    // Every lane of customers has written, and at least as many of the partner stage as it has shards: which of them carried
    // one is chance.
    let least = (WORKERS as i32 + PARTNER_SHARDS) as usize;
    assert!(writers.len() >= least, "{} writers, at least {least} expected: {writers:?}", writers.len());
}
