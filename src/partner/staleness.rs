//! Stale data: a customer shard that is silent makes every partner's figures doubtful, and closes admission.

use super::Shard;
use super::admission::Contracts;
use super::saying::alert;
use crate::domain::alert::{AlertKind, Severity};
use crate::domain::time::{HOUR_MS, SECOND_MS};
use crate::domain::{CalendarDay, EventTime, Output, Text};
use crate::policy::Contract;
use crate::record;

/// How long stale data may hold the last current reading, where a contract says `hold`: the shortest horizon, milliseconds.
pub const STALE_HOLD_MS_MAX: i64 = HOUR_MS;

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
    /// The minute in which closed horizons were last looked at.
    pub looked_at: Option<EventTime>,
    /// Since when the data are stale, when they are.
    pub stale_since: Option<EventTime>,
}
record!(StageState { began_at, current, reported, snapshot_day, looked_at, stale_since });

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
        let stale_since = if current { None } else { known.stale_since.or(Some(now)) };
        StageState { began_at: Some(began_at), current, reported, stale_since, ..known }
    }

    pub(super) fn staleness_changes(&self, now: EventTime) -> bool {
        let (known, next) = (self.stage_state(), self.looked_at(now));
        known.current != next.current || known.reported != next.reported
    }

    /// Says once that the data became stale, and once that it is current again; every partner's view is owed then.
    pub(super) fn report_staleness(&mut self, now: EventTime, contracts: &impl Contracts, out: &mut Vec<Output>) {
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
                self.keep_room(&partner, next.current, now, contracts);
            }
        }
    }

    /// As data become stale: notes what the guard would still admit, where the contract in force holds on to that. As they
    /// are current again: forgets it.
    fn keep_room(&mut self, partner: &Text, current: bool, now: EventTime, contracts: &impl Contracts) {
        let terms = contracts.in_force(now, partner).map(|contract| &contract.guard);
        let room = match terms.filter(|terms| terms.stale_holds && !current) {
            Some(terms) => self.guard(partner, terms, now).room(terms),
            None => 0,
        };
        if self.partners.get(partner).is_some_and(|state| state.stale_room != room) {
            self.partners.edit(partner).stale_room = room;
        }
    }

    /// True when nobody is admitted because the data are stale: always, unless the contract holds on to the last current
    /// reading, that is recent enough, and something is left of what it allowed.
    pub(super) fn closed_as_stale(&self, partner: &Text, contract: Option<&Contract>, now: EventTime) -> bool {
        let holds = || {
            let since = self.stage_state().stale_since;
            contract.is_some_and(|contract| contract.guard.stale_holds)
                && since.is_some_and(|since| now.ms_since(since) <= STALE_HOLD_MS_MAX)
                && self.partners.get(partner).is_some_and(|state| state.stale_room > 0)
        };
        self.is_stale(now) && !holds()
    }

    /// Takes an admission out of what stale data still allow.
    pub(super) fn use_stale_room(&mut self, partner: &Text, now: EventTime) {
        if self.is_stale(now) {
            let state = self.partners.edit(partner);
            state.stale_room = state.stale_room.saturating_sub(1).max(0);
        }
    }
}
