//! `reflow run`: the worker, with health and metrics beside it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::exit::{Ended, Failure};
use super::{policies, schemas, topics};
use crate::bus::registry::Registry;
use crate::config::{Config, redacted_yaml};
use crate::console;
use crate::telemetry::events;
use crate::wire::SchemaIds;
use crate::worker::follower::{FollowError, Follower};
use crate::worker::lane::Assignment;
use crate::worker::watchdog::{Verdict, Watchdog};
use crate::worker::{self, Shared, Worker};

/// First wait for the broker's answer, seconds; each further attempt waits as much longer as it paused before.
const FIRST_ANSWER_SECS_MAX: u64 = 2;
/// Longest pause between two attempts to reach the broker, seconds.
const BACK_OFF_SECS_MAX: u64 = 30;

/// Prints the effective configuration after checking everything that can be checked without a broker.
pub fn check(config: &Config) -> Ended {
    let loaded = policies::load(&config.policies)?;
    print!("{}", redacted_yaml(config));
    let policy = loaded.newest().map_or_else(
        || "no policy files: policies come from the policy log (`reflow policy status`)".to_owned(),
        |policy| format!("policy {} ({}) in force from {}", policy.version, policy.hash, policy.effective_from),
    );
    eprintln!("{policy}");
    Ok(())
}

/// Runs until a signal or a failure beyond repair.
pub fn run(config: Config) -> Ended {
    let files = policies::load(&config.policies)?;
    let stop = stop_on_signals()?;
    wait_for("the broker", &stop, |wait| topics::require_within(&config, wait))?;
    let (ids, registry) = wait_for("the schema registry", &stop, |_| schemas::known(&config))?;
    let ids = Arc::new(ids);
    let follower = match config.policies.is_empty() {
        true => Some(wait_for("the policy log", &stop, |_| follow(&config, &ids, &registry))?),
        false => None,
    };
    let began = Instant::now();
    let listen = config.http.listen.clone();
    let mut shared = Shared { ids, registry, ..Shared::new(config, files) };
    if let Some(follower) = &follower {
        shared.policies = follower.policies();
    }
    let worker = worker::start(&shared, |_| Assignment::Group).map_err(Failure::reach)?;
    let differ = Arc::new(OnceLock::new());
    let _watchdog = watch(&shared, &worker, &stop, &differ)?;
    let server = console::serve(&listen, worker.models.clone(), worker.lanes()).map_err(Failure::reach)?;
    let mut ready = false;
    while !stop.load(Ordering::Relaxed) && !worker.stopping() && !has_fallen(&shared, follower.as_ref()) {
        if !ready && worker.models.ready(worker.lanes()) {
            ready = true;
            events::worker_ready(worker.lanes(), began.elapsed());
        }
        worker.parking.sweep();
        std::thread::park_timeout(Duration::from_millis(50));
    }
    drop(server);
    let failed =
        |error: worker::WorkerError| if error.is_final() { Failure::input(error) } else { Failure::reach(error) };
    let ended = worker.join().map_err(failed);
    let followed = follower.map_or(Ok(()), |follower| follower.end().map_err(unfollowed));
    // What a new start would meet again is said before what may pass: the one may have brought the other about.
    let ended = match (ended, followed) {
        (Err(_), Err(followed)) if followed.code == 2 => Err(followed),
        (ended, followed) => ended.and(followed).and(registry_stands(&shared)),
    };
    differ.get().map_or(ended, |said: &String| Err(Failure::input(said)))
}

/// Reads the policy log and goes on reading it.
fn follow(config: &Config, ids: &Arc<SchemaIds>, registry: &Option<Arc<Registry>>) -> Result<Follower, Failure> {
    Follower::start(config, ids.clone(), registry.clone()).map_err(unfollowed)
}

fn unfollowed(error: FollowError) -> Failure {
    if error.is_final() { Failure::input(error) } else { Failure::reach(error) }
}

/// True when a thread beside the lanes is gone without which they would wait for ever.
fn has_fallen(shared: &Shared, follower: Option<&Follower>) -> bool {
    follower.is_some_and(Follower::has_ended) || registry_stands(shared).is_err()
}

fn registry_stands(shared: &Shared) -> Ended {
    match shared.registry.as_ref().is_some_and(|registry| registry.has_fallen()) {
        true => Err(Failure::reach("the thread that asks the schema registry panicked")),
        false => Ok(()),
    }
}

/// Starts the watchdog. A lane that hangs cannot be waited for, so the process ends at once; topics that changed let it end
/// in good order.
fn watch(
    shared: &Shared,
    worker: &Worker,
    stop: &Arc<AtomicBool>,
    differ: &Arc<OnceLock<String>>,
) -> Result<Watchdog, Failure> {
    let (stop, differ) = (stop.clone(), differ.clone());
    let end = move |verdict: Verdict| match verdict {
        Verdict::Topics(_) => {
            let _ = differ.set(verdict.to_string());
            stop.store(true, Ordering::Relaxed);
        }
        Verdict::Hung { .. } | Verdict::Stalled { .. } => leave(&verdict),
    };
    Watchdog::start(shared, worker.models.clone(), worker.watched.clone(), end).map_err(Failure::reach)
}

#[expect(clippy::disallowed_methods, reason = "a call that hangs would hang every destructor too; state is in Kafka")]
fn leave(verdict: &Verdict) {
    tracing::error!(%verdict, "the watchdog ends the process");
    eprintln!("reflow: {verdict}");
    std::process::exit(3);
}

/// Asks until it is answered, whatever the answer says; tells at once when it is not.
fn wait_for<T>(whom: &str, stop: &AtomicBool, ask: impl Fn(Duration) -> Result<T, Failure>) -> Result<T, Failure> {
    let mut pause = 1;
    loop {
        match ask(Duration::from_secs(FIRST_ANSWER_SECS_MAX * pause)) {
            Err(failure) if failure.code == 3 => {
                tracing::error!(error = failure.message, retry_secs = pause, "{whom} is away");
                let until = Instant::now() + Duration::from_secs(pause);
                while Instant::now() < until {
                    if stop.load(Ordering::Relaxed) {
                        return Err(failure);
                    }
                    std::thread::park_timeout(Duration::from_millis(100));
                }
                pause = (pause * 2).min(BACK_OFF_SECS_MAX);
            }
            ended => return ended,
        }
    }
}

/// A flag that SIGINT and SIGTERM set.
pub fn stop_on_signals() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::reach)?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                use tokio::signal::unix::{SignalKind, signal};
                let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminate.recv() => {}
                }
                flag.store(true, Ordering::Relaxed);
            });
        })
        .map_err(Failure::reach)?;
    Ok(stop)
}
