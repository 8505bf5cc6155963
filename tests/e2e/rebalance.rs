//! Workers come and go under load: planned, by `kill -9`, frozen past their session. Nothing is lost and nothing is double.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use rdkafka::consumer::BaseConsumer;
use reflow::bus::Topic;
use reflow::bus::asking::watermarks;
use reflow::domain::EventTime;
use reflow::domain::decision::StageName;

use crate::deployment::{CUSTOMER_SHARDS, Deployment, READY_SECS_MAX, now};
use crate::readback::Readback;
use crate::support::{CALL_SECS_MAX, Worker, client, wait_until};
use crate::trade::{audited, deployment, deployment_with, under_load, wait_for_progress};

/// How long a phase without change lasts, milliseconds: shards that do not move make transactions all the while.
const WORK_MS: u64 = 1_000;
/// A frozen worker is given that many chances to commit after it was replaced.
const FREEZES_MAX: usize = 8;

/// Tries to freeze a worker inside of a transaction; one in a few hits.
const TRIES_MAX: u64 = 40;
/// A transaction that ends by itself does so within that time, milliseconds.
const OPEN_MS: u64 = 1_000;

/// A named stretch of time in which the workers changed.
struct Phase {
    name: &'static str,
    from: EventTime,
    to: EventTime,
}

/// The workers of a deployment by instance, and what was done to them.
struct Crew<'d> {
    deployment: &'d Deployment,
    workers: BTreeMap<u32, Worker>,
    phases: Vec<Phase>,
}

impl<'d> Crew<'d> {
    fn of(deployment: &'d Deployment) -> Self {
        Self { deployment, workers: BTreeMap::new(), phases: Vec::new() }
    }

    /// Does something to the crew, waits until every shard goes on, and works on for a while.
    fn phase(&mut self, name: &'static str, change: impl FnOnce(&mut Self)) {
        let from = now();
        change(self);
        wait_for_progress(self.deployment, READY_SECS_MAX);
        sleep(Duration::from_millis(WORK_MS));
        for (instance, worker) in &mut self.workers {
            assert!(worker.is_running(), "{name}: {instance} ended by itself; its log:\n{}", worker.log());
        }
        self.phases.push(Phase { name, from, to: now() });
    }

    fn start(&mut self, instances: &[u32]) {
        for instance in instances {
            self.workers.insert(*instance, self.deployment.spawn_as(*instance));
        }
        for instance in instances {
            self.workers.get_mut(instance).unwrap().wait_for_log("ready lanes=", READY_SECS_MAX);
        }
    }

    fn stop(&mut self, instances: &[u32]) {
        for instance in instances {
            self.deployment.stop(self.workers.remove(instance).unwrap());
        }
    }

    fn kill(&mut self, instances: &[u32]) {
        instances.iter().for_each(|instance| self.workers.remove(instance).unwrap().kill());
    }

    fn audited(self, sent: usize) -> Readback {
        let back = audited(self.deployment, self.workers.into_values().collect(), sent);
        self.phases.iter().for_each(|phase| println!("{}: {}", phase.name, longest_pause(&back, phase)));
        back
    }
}

/// The longest that a shard made no transaction in a phase. Under load that is how long it had no owner who worked.
fn longest_pause(back: &Readback, phase: &Phase) -> String {
    let mut pauses: Vec<(i64, StageName, i32)> = Vec::new();
    let mut shards: BTreeMap<(StageName, i32), Vec<EventTime>> = BTreeMap::new();
    for entry in &back.written.journal {
        shards.entry((entry.stage, entry.shard)).or_default().push(entry.now);
    }
    for ((stage, shard), mut times) in shards {
        times.sort();
        let within = times.windows(2).filter(|pair| pair[1] > phase.from && pair[0] < phase.to);
        let longest = within.map(|pair| pair[1].min(phase.to).ms_since(pair[0].max(phase.from))).max();
        pauses.push((longest.unwrap_or_else(|| phase.to.ms_since(phase.from)), stage, shard));
    }
    pauses.sort();
    let (median, (worst, stage, shard)) = (pauses[pauses.len() / 2].0, *pauses.last().unwrap());
    format!("a shard paused {worst} ms at most ({stage} {shard}), {median} ms in the median")
}

#[test]
fn workers_come_and_go_as_planned() {
    let deployment = deployment("planned");
    let mut crew = Crew::of(&deployment);
    let sent = under_load(&deployment, 31, || {
        crew.start(&[0]);
        crew.phase("planned 1 → 3", |crew| crew.start(&[1, 2]));
        crew.phase("planned 3 → 1", |crew| crew.stop(&[0, 2]));
        // More than there are partner shards, and as many as there are customer shards.
        crew.phase("planned 1 → 4", |crew| crew.start(&[0, 2, 3]));
        crew.phase("planned restart of one", |crew| {
            crew.stop(&[2]);
            crew.start(&[2]);
        });
        // More than there are shards of either stage.
        crew.phase("planned 4 → 5", |crew| crew.start(&[4]));
    });
    crew.audited(sent);
}

#[test]
fn workers_are_killed_and_come_back() {
    let deployment = deployment("killed");
    let mut crew = Crew::of(&deployment);
    let sent = under_load(&deployment, 32, || {
        crew.start(&[0]);
        crew.phase("start 1 → 3", |crew| crew.start(&[1, 2]));
        crew.phase("kill -9 and the same slot again", |crew| {
            crew.kill(&[1]);
            crew.start(&[1]);
        });
        crew.phase("kill -9 of all and the same slots again", |crew| {
            crew.kill(&[0, 1, 2]);
            crew.start(&[0, 1, 2]);
        });
        crew.phase("kill -9 3 → 1, for good", |crew| crew.kill(&[0, 2]));
        crew.phase("start 1 → 4", |crew| crew.start(&[0, 2, 3]));
    });
    crew.audited(sent);
}

#[test]
fn a_worker_frozen_past_its_session_commits_nothing() {
    const REFUSED: &str = "the batch is undone";
    // One transaction after the other: wherever it freezes, there is one that it wakes up in.
    let deployment = deployment_with("frozen", ", interval_ms: 1, interval_busy_ms: 1");
    let mut crew = Crew::of(&deployment);
    let sent = under_load(&deployment, 33, || {
        crew.start(&[0, 1]);
        for _ in 0..FREEZES_MAX {
            crew.phase("frozen past its session and woken", |crew| {
                let frozen = &crew.workers[&0];
                let left = frozen.log().matches("shards revoked").count();
                crew.workers.get_mut(&0).unwrap().pause();
                // The other one has all shards: those of the frozen one go on.
                wait_for_progress(crew.deployment, READY_SECS_MAX);
                let worker = crew.workers.get_mut(&0).unwrap();
                worker.resume();
                wait_until("the woken worker to notice", READY_SECS_MAX, || {
                    assert!(worker.is_running(), "the woken worker ended; its log:\n{}", worker.log());
                    worker.log().matches("shards revoked").count() > left
                });
            });
            if crew.workers[&0].log().contains(REFUSED) {
                break;
            }
        }
        let log = crew.workers[&0].log();
        assert!(log.contains(REFUSED), "it was frozen {FREEZES_MAX} times and never tried to commit:\n{log}");
    });
    crew.audited(sent);
}

/// Where the stable part of every customer changelog ends that an open transaction ends it.
fn open_at(deployment: &Deployment, stable: &BaseConsumer, all: &BaseConsumer) -> Vec<(i32, i64)> {
    let (topic, call) = (deployment.topic(Topic::CustomerChangelog), Duration::from_secs(CALL_SECS_MAX));
    let end = |of, shard| watermarks(of, &topic, shard, call).unwrap().1;
    let stable = (0..CUSTOMER_SHARDS).map(|shard| (shard, end(stable, shard)));
    stable.filter(|(shard, stable)| *stable < end(all, *shard)).collect()
}

/// The end of such a transaction is not known to who was frozen in it, and its shards are somebody else's by then, who writes:
/// group and changelog are never seen as of the same moment.
#[test]
fn a_worker_frozen_in_a_transaction_does_not_look_at_what_is_no_longer_its_own() {
    let deployment = deployment("mid-transaction");
    let reader = |level| client(&deployment.bootstrap).set("isolation.level", level).create::<BaseConsumer>().unwrap();
    let (stable, all) = (reader("read_committed"), reader("read_uncommitted"));
    let mut crew = Crew::of(&deployment);
    let sent = under_load(&deployment, 34, || {
        crew.start(&[0, 1]);
        crew.phase("frozen in a transaction past its session and woken", |crew| {
            let left = crew.workers[&0].log().matches("shards revoked").count();
            let frozen = (0..TRIES_MAX).any(|tried| {
                // Somewhere in the transactions that follow.
                sleep(Duration::from_millis(3 + 7 * tried));
                crew.workers.get_mut(&0).unwrap().pause();
                let before = open_at(&deployment, &stable, &all);
                sleep(Duration::from_millis(if before.is_empty() { 0 } else { OPEN_MS }));
                let after = open_at(&deployment, &stable, &all);
                let stays = before.iter().any(|open| after.contains(open));
                if !stays {
                    crew.workers.get_mut(&0).unwrap().resume();
                    wait_for_progress(&deployment, READY_SECS_MAX);
                }
                stays
            });
            assert!(frozen, "it was frozen {TRIES_MAX} times and never in a transaction");
            wait_for_progress(&deployment, READY_SECS_MAX);
            let worker = crew.workers.get_mut(&0).unwrap();
            worker.resume();
            wait_until("the woken worker to notice", READY_SECS_MAX, || {
                assert!(worker.is_running(), "the woken worker ended; its log:\n{}", worker.log());
                worker.log().matches("shards revoked").count() > left
            });
        });
        let log = crew.workers[&0].log();
        println!("{}", log.lines().filter(|line| line.contains("WARN")).collect::<Vec<_>>().join("\n"));
    });
    crew.audited(sent);
}
