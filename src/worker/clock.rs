//! Where `now` comes from. Read once per transaction; everything below the worker is told the time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::config::{Clock as Settings, ClockKind};
use crate::domain::EventTime;

/// The configured clock of a process.
#[derive(Clone, Debug)]
pub struct Clock {
    settings: Settings,
    started: Instant,
}

impl Clock {
    pub fn new(settings: Settings) -> Self {
        Self { settings, started: Instant::now() }
    }

    /// `now` for a shard whose highest accepted event time is `high` and whose last `now` was `before`; never goes back.
    pub fn now(&self, high: EventTime, before: EventTime) -> EventTime {
        let now = match self.settings.kind {
            ClockKind::Wall => wall(),
            ClockKind::Scaled => self.scaled(),
            ClockKind::Event => high,
        };
        now.max(before)
    }

    /// True when time passes without records.
    pub fn runs_by_itself(&self) -> bool {
        self.settings.kind != ClockKind::Event
    }

    pub fn kind(&self) -> ClockKind {
        self.settings.kind
    }

    fn scaled(&self) -> EventTime {
        let passed = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        let scaled_ms = passed.saturating_mul(i64::from(self.settings.scale)) / 1_000;
        EventTime(self.settings.scaled_from_ms).plus_ms(scaled_ms)
    }
}

/// The machine's clock.
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
pub fn wall() -> EventTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    EventTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
