//! A closed horizon stays closed until its effect has come down by a margin: a guard on the edge must not flap.
//!
//! Which horizons are closed is part of the partner's record, so it rolls back with the undo log and survives a restart.

use super::Shard;
use super::admission::Contracts;
use super::guard::Judgement;
use crate::domain::time::MINUTE_MS;
use crate::domain::{EventTime, Text};
use crate::policy::GuardTerms;

impl Shard {
    /// Closes the horizons that a proposal found above their maximum, where the contract states a margin.
    pub(super) fn close_horizons(&mut self, partner: &Text, guard: &Judgement, terms: &GuardTerms, now: EventTime) {
        if terms.reopen_margin_ppm.is_none() {
            return;
        }
        let open = guard.readings.iter().filter(|reading| !reading.closed);
        let exceeding: Vec<Text> =
            open.filter(|reading| reading.exceeds(terms)).map(|reading| reading.horizon.name.clone()).collect();
        if !exceeding.is_empty() {
            let mut closed = self.partners.closed(partner).to_vec();
            closed.extend(exceeding);
            self.partners.close(partner, closed);
            self.edit_stage().looked_at = Some(now.floor(MINUTE_MS));
        }
    }

    /// True when some horizon is closed and was not looked at in this minute.
    pub(super) fn may_reopen(&self, now: EventTime) -> bool {
        let looked_at = self.stage_state().looked_at;
        self.partners.any_closed() && looked_at.is_none_or(|at| at < now.floor(MINUTE_MS))
    }

    /// With the first bundle or tick of a minute: opens the horizons that have come down far enough by the contract in
    /// force, before the bundle's facts are taken. A horizon that the contract no longer has is dropped.
    pub(super) fn reopen_horizons(&mut self, now: EventTime, contracts: &impl Contracts) {
        if !self.may_reopen(now) {
            return;
        }
        self.edit_stage().looked_at = Some(now.floor(MINUTE_MS));
        for partner in self.partners.with_closed() {
            let Some(contract) = contracts.in_force(now, &partner) else { continue };
            let terms = &contract.guard;
            let guard = self.guard(&partner, terms, now);
            let still = guard.readings.iter().filter(|reading| reading.closed && !reading.reopens(terms));
            let still: Vec<Text> = still.map(|reading| reading.horizon.name.clone()).collect();
            if still.len() != self.partners.closed(&partner).len() {
                self.partners.close(&partner, still);
                self.partners.changed(&partner, self.settings.view_every_ms, now);
            }
        }
    }
}
