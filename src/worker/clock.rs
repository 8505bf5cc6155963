//! Where `now` comes from. Read once per transaction; everything below the worker is told the time.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::config::{Clock as Settings, ClockKind};
use crate::domain::EventTime;
use crate::domain::time::SECOND_MS;

/// The configured clock of a process.
#[derive(Debug)]
pub struct Clock {
    settings: Settings,
    /// When a scaled clock began to run; until then it stands at its start.
    started: OnceLock<Instant>,
}

impl Clock {
    /// A clock that, when it is scaled, stands still until it is released.
    pub fn held(settings: Settings) -> Self {
        Self { settings, started: OnceLock::new() }
    }

    /// Lets a held clock run.
    pub fn release(&self) {
        self.started.get_or_init(Instant::now);
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

    /// What the machine says, when its clock is the one that counts and clocks may not differ so much that it says that little.
    pub fn behind(&self, told: EventTime) -> Option<EventTime> {
        let most_ms = self.settings.skew_secs_max.saturating_mul(SECOND_MS);
        (self.settings.kind == ClockKind::Wall).then(wall).filter(|wall| told.ms_since(*wall) > most_ms)
    }

    /// True when time passes without records.
    pub fn runs_by_itself(&self) -> bool {
        self.settings.kind != ClockKind::Event
    }

    fn scaled(&self) -> EventTime {
        let elapsed = self.started.get().map(Instant::elapsed).unwrap_or_default();
        let passed = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::DAY_MS;

    #[test]
    fn only_a_wall_clock_is_behind_and_only_by_more_than_clocks_differ() {
        let behind = |kind, ahead_ms: i64| {
            let settings = Settings { kind, skew_secs_max: 300, ..Settings::default() };
            Clock::held(settings).behind(wall().plus_ms(ahead_ms)).is_some()
        };
        assert!(!behind(ClockKind::Wall, -DAY_MS) && !behind(ClockKind::Wall, 290 * SECOND_MS));
        assert!(behind(ClockKind::Wall, 400 * SECOND_MS) && behind(ClockKind::Wall, DAY_MS));
        assert!(!behind(ClockKind::Event, DAY_MS) && !behind(ClockKind::Scaled, DAY_MS));
        let ever = Clock::held(Settings { skew_secs_max: i64::MAX, ..Settings::default() });
        assert_eq!(ever.behind(EventTime(i64::MAX)), None, "nothing overflows");
    }
}
