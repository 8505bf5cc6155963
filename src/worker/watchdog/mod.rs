//! A thread that looks at the lanes from outside, and ends the process when waiting is of no use any more.
//!
//! Three things are looked at: calls of the client, and restores, that do not come back (librdkafka's own bounds do not cover all),
//! shards that stand still while their log goes on (a consumer whose partition fell silent), and topics whose partitions are no
//! longer the configured ones. State is in Kafka, so ending is always safe; a supervisor starts the process again.

mod judge;
mod look;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use judge::{Judge, Limits, Position, Verdict};

use super::models::{Models, ShardState};
use super::shared::Shared;
use crate::bus::vitals::Vitals;
use crate::domain::decision::StageName;
use look::Look;

/// How often calls are looked at, milliseconds.
const LOOK_MS: u64 = 500;

/// The lanes' threads that call the client.
pub type Watched = Vec<(StageName, u32, Vitals)>;

/// A running watchdog; dropping it lets it end by itself.
pub struct Watchdog {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watchdog {
    /// Starts the thread; `end` is called with every verdict there is, and is expected to end the process.
    pub fn start(
        shared: &Shared,
        models: Arc<Models>,
        watched: Watched,
        end: impl Fn(Verdict) + Send + 'static,
    ) -> Result<Self, std::io::Error> {
        let (stop, shared) = (Arc::new(AtomicBool::new(false)), shared.clone());
        let flag = stop.clone();
        let thread = std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            let look = Look::open(&shared.config)
                .inspect_err(|error| tracing::warn!(%error, "watchdog: only calls are watched"))
                .ok();
            let settings = shared.config.watchdog;
            let call_ms = settings.call_secs_max * 1_000;
            let restore_ms = shared.config.restore.silence_secs_max * 1_000 + call_ms;
            let limits = Limits { call_ms, restore_ms, stall_ms: settings.stall_secs_max * 1_000 };
            let mut round = Round { judge: Judge::new(limits), look, models, watched, began: Instant::now() };
            let (mut positions, mut topics) = (Instant::now(), Instant::now());
            while !flag.load(Ordering::Relaxed) {
                std::thread::park_timeout(Duration::from_millis(LOOK_MS));
                round.calls().into_iter().for_each(&end);
                if positions.elapsed().as_secs() >= settings.positions_every_secs {
                    round.positions().into_iter().for_each(&end);
                    positions = Instant::now();
                }
                if topics.elapsed().as_secs() >= settings.topics_every_secs {
                    round.topics().into_iter().for_each(&end);
                    topics = Instant::now();
                }
            }
        })?;
        Ok(Self { stop, thread })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
    }
}

struct Round {
    judge: Judge,
    look: Option<Look>,
    models: Arc<Models>,
    watched: Watched,
    began: Instant,
}

impl Round {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn calls(&mut self) -> Option<Verdict> {
        let signs: Vec<_> = self.watched.iter().map(|(stage, lane, vitals)| (*stage, *lane, vitals.look())).collect();
        self.judge.calls(self.now_ms(), &signs)
    }

    fn positions(&mut self) -> Option<Verdict> {
        let look = self.look.as_ref()?;
        let positions = match look.positions(&self.reading()) {
            Ok(positions) => positions,
            Err(error) => {
                tracing::debug!(%error, "watchdog: positions are not known");
                return None;
            }
        };
        let suspect = self.judge.positions(self.now_ms(), &positions).into_iter().next()?;
        match look.has_record(&suspect) {
            Ok(true) => Some(self.judge.convict(&suspect)),
            Ok(false) => {
                self.judge.acquit(&suspect);
                None
            }
            Err(error) => {
                tracing::debug!(%error, "watchdog: a position could not be read");
                None
            }
        }
    }

    /// Shards that are being read: not those that wait for a writer's schema on purpose, and none while the policy log is silent.
    /// While a lane of a stage restores, its other shards may wait for it.
    fn reading(&self) -> Vec<(StageName, i32)> {
        if self.models.policies.get().is_some_and(|policies| policies.is_silent()) {
            return Vec::new();
        }
        let restoring = |stage: StageName| {
            self.models.shards.iter().any(|shard| shard.key().0 == stage && *shard == ShardState::Restoring)
        };
        let mut reading: Vec<(StageName, i32)> = Vec::new();
        for shard in &self.models.shards {
            if matches!(*shard, ShardState::Running | ShardState::CatchingUp) {
                reading.push(*shard.key());
            }
        }
        reading.retain(|shard| !restoring(shard.0) && !self.models.waiting.contains(shard));
        reading
    }

    fn topics(&mut self) -> Option<Verdict> {
        match self.look.as_ref()?.differing_topics() {
            Ok(differing) => self.judge.topics(&differing),
            Err(error) => {
                tracing::debug!(%error, "watchdog: topics are not known");
                None
            }
        }
    }
}
