//! Stale data: a customer shard that is silent makes every partner's figures doubtful, and closes admission.

use super::Shard;
use super::saying::alert;
use crate::domain::alert::{AlertKind, Severity};
use crate::domain::time::SECOND_MS;
use crate::domain::{CalendarDay, EventTime, Output};
use crate::record;

/// What is remembered of the shard itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageState {
    /// The first `now` this shard was told: a shard that just began is not reported as stale at once.
    pub began_at: Option<EventTime>,
    /// All customer shards were current when last looked at.
    pub current: bool,
    /// Staleness was reported and its end was not yet.
    pub reported: bool,
    /// The day of the last stock snapshot, UTC.
    pub snapshot_day: Option<CalendarDay>,
}
record!(StageState { began_at, current, reported, snapshot_day });

impl Shard {
    pub(super) fn stage_state(&self) -> StageState {
        self.stage.get(&self.settings.shard).copied().unwrap_or_default()
    }

    pub(super) fn edit_stage(&mut self) -> &mut StageState {
        self.stage.edit_or(&self.settings.shard, StageState::default)
    }

    /// True when a customer shard was never heard or not lately: no proposal is admitted then.
    pub(super) fn is_stale(&self, now: EventTime) -> bool {
        self.clocks.silent(&self.settings, now).next().is_some()
    }

    /// What the shard's state should be by `now`.
    fn looked_at(&self, now: EventTime) -> StageState {
        let known = self.stage_state();
        let began_at = known.began_at.unwrap_or(now);
        let current = !self.is_stale(now);
        let patience_ms = self.settings.heartbeat_stale_secs.saturating_mul(SECOND_MS);
        // A shard that was current, or has waited as long as a heartbeat may take, does not wait for anybody's start.
        let waited = known.current || now.ms_since(began_at) > patience_ms;
        let reported = !current && (known.reported || waited);
        StageState { began_at: Some(began_at), current, reported, ..known }
    }

    pub(super) fn staleness_changes(&self, now: EventTime) -> bool {
        let (known, next) = (self.stage_state(), self.looked_at(now));
        known.current != next.current || known.reported != next.reported
    }

    /// Says once that the data became stale, and once that it is current again; every partner's view is owed then.
    pub(super) fn report_staleness(&mut self, now: EventTime, out: &mut Vec<Output>) {
        let (known, next) = (self.stage_state(), self.looked_at(now));
        if known == next {
            return;
        }
        *self.edit_stage() = next;
        if known.reported != next.reported {
            let (severity, detail) = if next.reported {
                let silent: Vec<String> =
                    self.clocks.silent(&self.settings, now).map(|shard| shard.to_string()).collect();
                (Severity::Warning, format!("stale: nothing current from customer shards {}", silent.join(", ")))
            } else {
                (Severity::Info, "current again".to_string())
            };
            out.push(alert(AlertKind::PartnerStale, severity, None, self.settings.shard, now, detail));
        }
        if known.current != next.current {
            for partner in self.partners.names() {
                self.partners.changed(&partner, self.settings.view_every_ms, now);
            }
        }
    }
}
