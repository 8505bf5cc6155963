//! Starting, watching and stopping the lanes of a process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::lane::{Assignment, Lane, LaneError};
use super::models::Models;
use super::parking::Parking;
use super::shared::Shared;
use super::watchdog::Watched;
use crate::bus::native::keep_freed_memory;
use crate::bus::vitals::Vitals;
use crate::domain::decision::StageName;
use crate::telemetry::events;

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("{stage} lane {lane}: {error}")]
    Lane { stage: StageName, lane: u32, error: LaneError },
    #[error("{stage} lane {lane} panicked")]
    Panicked { stage: StageName, lane: u32 },
    #[error("a thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

impl WorkerError {
    /// True when starting again changes nothing: what is there does not fit to what is configured.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Lane { error: LaneError::NotTaken(refusal), .. } if !refusal.may_pass())
    }
}

/// A running worker; dropping it stops the lanes.
pub struct Worker {
    pub models: Arc<Models>,
    /// What the lanes' threads are doing, for a watchdog.
    pub watched: Watched,
    /// Shards that were given back and stay in the process for a while.
    pub parking: Arc<Parking>,
    stop: Arc<AtomicBool>,
    lanes: Vec<(StageName, u32, JoinHandle<Result<(), LaneError>>)>,
}

/// Starts every lane of the configured stages.
pub fn start(shared: &Shared, assignment: impl Fn(StageName) -> Assignment) -> Result<Worker, WorkerError> {
    keep_freed_memory();
    let restore = shared.config.restore;
    let parking = Parking::new(restore.parked_shards_max, Duration::from_secs(restore.parked_secs_max));
    let mut worker = Worker {
        models: Arc::default(),
        watched: Vec::new(),
        parking: Arc::new(parking),
        stop: Arc::default(),
        lanes: Vec::new(),
    };
    if let Some(registry) = &shared.registry {
        let _ = worker.models.registry.set(registry.clone());
    }
    let _ = worker.models.policies.set(shared.policies.clone());
    for stage in &shared.config.stages {
        let lanes = match stage {
            StageName::Customer => shared.config.lanes.customer,
            StageName::Partner => shared.config.lanes.partner,
        };
        for lane in 0..lanes {
            let vitals = Vitals::default();
            worker.watched.push((*stage, lane, vitals.clone()));
            worker.lanes.push((*stage, lane, worker.spawn(shared, *stage, lane, assignment(*stage), vitals)?));
        }
    }
    Ok(worker)
}

impl Worker {
    fn spawn(
        &self,
        shared: &Shared,
        stage: StageName,
        lane: u32,
        assignment: Assignment,
        vitals: Vitals,
    ) -> Result<JoinHandle<Result<(), LaneError>>, std::io::Error> {
        let (shared, models, stop) = (shared.clone(), self.models.clone(), self.stop.clone());
        let parking = self.parking.clone();
        std::thread::Builder::new().name(format!("{stage}-{lane}")).spawn(move || {
            let _fallen = Fallen(stop.clone());
            let ended = Lane::open(&shared, stage, lane, models, parking, stop.clone(), vitals)
                .and_then(|mut running| running.run(&assignment));
            if let Err(error) = &ended {
                events::lane_ended(stage, lane, error);
                // One lane gone: the process ends, so that its shards go to a healthy one.
                stop.store(true, Ordering::Relaxed);
            }
            ended
        })
    }

    pub fn lanes(&self) -> u64 {
        self.lanes.len() as u64
    }

    /// True once a lane has ended or `stop` was asked for.
    pub fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Stops the lanes and waits for them; the first error wins, before others one that a new start would meet again.
    pub fn join(mut self) -> Result<(), WorkerError> {
        self.stop.store(true, Ordering::Relaxed);
        let mut first: Result<(), WorkerError> = Ok(());
        for (stage, lane, thread) in self.lanes.drain(..) {
            thread.thread().unpark();
            let ended = match thread.join() {
                Ok(ended) => ended.map_err(|error| WorkerError::Lane { stage, lane, error }),
                Err(_) => Err(WorkerError::Panicked { stage, lane }),
            };
            first = match (first, ended) {
                (Err(first), Err(other)) if other.is_final() && !first.is_final() => Err(other),
                (first, ended) => first.and(ended),
            };
        }
        first
    }
}

/// Stops the process when the lane that keeps it panics: one that went on without a lane would say that it is ready.
struct Fallen(Arc<AtomicBool>);

impl Drop for Fallen {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_panics_stops_the_process() {
        for panics in [false, true] {
            let stop = Arc::new(AtomicBool::new(false));
            let fallen = Fallen(stop.clone());
            let lane = std::thread::spawn(move || {
                let _fallen = fallen;
                assert!(!panics, "on purpose");
            });
            assert_eq!(lane.join().is_err(), panics);
            assert_eq!(stop.load(Ordering::Relaxed), panics);
        }
    }
}
