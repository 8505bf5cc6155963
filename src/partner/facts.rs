//! What a bundle's deltas and clocks change, and the alerts about them.

use smallvec::SmallVec;

use super::Shard;
use super::panes::CellKey;
use super::saying::alert;
use crate::domain::alert::{AlertKind, Severity};
use crate::domain::deltas::{CellChanges, CounterDelta};
use crate::domain::fact::{BundleHeader, PartnerClock};
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use crate::domain::view::DataState;
use crate::domain::{Counter, EventTime, FactBundle, Output, ReasonCode, Text};

use super::clocks::Heard;
use super::guard::{self, standing_effect_ppm};
use super::rates::ppm_down;
use crate::planted::{self, Bug};
use crate::policy::GuardTerms;

/// Least time between two alerts of one kind about one partner's data, milliseconds.
pub const DATA_ALERT_EVERY_MS: i64 = HOUR_MS;
/// Least time between two reports of the guard's side, milliseconds.
pub const GUARD_ALERT_EVERY_MS: i64 = MINUTE_MS;
/// A fall of `drawdown_pass` from 28 days to 24 hours that is worth a look, parts per million.
pub const FOREIGN_FALL_PPM: i64 = 100_000;
/// Our effect explains less than one part in this many of such a fall: it is foreign.
pub const FOREIGN_SHARE: i64 = 10;

impl Shard {
    /// Notes who speaks; false when the bundle was taken before.
    pub(super) fn hear(&mut self, header: &BundleHeader, now: EventTime, out: &mut Vec<Output>) -> bool {
        // A customer shard that falls silent after its clock ran ahead is missed as soon as any other.
        let said_at = if self.settings.time_passes { now } else { header.now };
        let (heard, shard) = (self.clocks.hear(header, said_at), header.source_shard);
        let detail = match heard {
            Heard::Next | Heard::Repeated { first: false } => None,
            Heard::Gap { expected } => Some(format!(
                "customer shard {shard}: bundle {} where {expected} was expected; the bundles between are missing",
                header.sequence
            )),
            Heard::Repeated { first: true } => Some(format!(
                "customer shard {shard}: bundle {} was taken before; repetitions are ignored",
                header.sequence
            )),
        };
        if let Some(detail) = detail {
            out.push(alert(AlertKind::Sequence, Severity::Critical, None, self.settings.shard, now, detail));
        }
        !matches!(heard, Heard::Repeated { .. })
    }

    pub(super) fn take_clocks(&mut self, clocks: &[PartnerClock], now: EventTime) {
        for clock in clocks {
            let state = self.partners.edit(&clock.partner);
            state.newest_event_at = state.newest_event_at.max(Some(clock.event_time));
            self.partners.changed(&clock.partner, self.settings.view_every_ms, now);
        }
    }

    /// Adds the deltas to panes and running totals.
    pub(super) fn take_deltas(&mut self, bundle: &FactBundle, now: EventTime, out: &mut Vec<Output>) {
        let mut below_zero: SmallVec<[(CellKey, Counter); 4]> = SmallVec::new();
        for (partner, cells) in bundle.deltas.by_partner() {
            self.partners.changed(partner, self.settings.view_every_ms, now);
            let number = self.panes.names.number(partner);
            for CellChanges { at, changes } in cells {
                if planted::is(Bug::LateJudgedTwice) && now.ms_since(EventTime(at)) > DAY_MS {
                    continue;
                }
                // At a midnight cells of several families begin.
                for changes in changes.chunk_by(|one, next| one.counter.family() == next.counter.family()) {
                    let Some(CounterDelta { counter, .. }) = changes.first() else { continue };
                    let Some(placed) = self.panes.add(number, counter.family(), at, changes, now) else {
                        changes.iter().for_each(|one| self.report_unplaced(partner, one.counter, at, now, out));
                        continue;
                    };
                    self.windows.add(&placed.key, changes);
                    if placed.negative {
                        below_zero.extend(changes.iter().map(|one| (placed.key, one.counter)));
                    }
                }
            }
        }
        for (key, counter) in below_zero {
            let count = self.panes.count(&key, counter);
            if count < 0 {
                self.report_negative(&key, counter, count, now, out);
            }
        }
    }

    fn report_unplaced(&mut self, partner: &Text, counter: Counter, at: i64, now: EventTime, out: &mut Vec<Output>) {
        let state = self.partners.edit(partner);
        state.unplaced = state.unplaced.saturating_add(1);
        if !rests(state.unplaced_alert_at, DATA_ALERT_EVERY_MS, now) {
            state.unplaced_alert_at = Some(now);
            let (at, all) = (EventTime(at), state.unplaced);
            let detail = format!("{counter} at {at} is older than every pane; {all} so far");
            out.push(alert(AlertKind::Unplaced, Severity::Warning, Some(partner), self.settings.shard, now, detail));
        }
    }

    fn report_negative(&mut self, key: &CellKey, counter: Counter, count: i64, now: EventTime, out: &mut Vec<Output>) {
        let partner = self.panes.names.text(key.partner());
        let state = self.partners.edit(partner);
        if !rests(state.negative_alert_at, DATA_ALERT_EVERY_MS, now) {
            state.negative_alert_at = Some(now);
            let detail = format!("{counter} is {count} in the {} pane at {}", key.width(), EventTime(key.start));
            out.push(alert(
                AlertKind::NegativeCount,
                Severity::Critical,
                Some(partner),
                self.settings.shard,
                now,
                detail,
            ));
        }
    }

    /// Reports the guard's side when it is another one than last reported.
    pub(super) fn report_guard(
        &mut self,
        partner: &Text,
        failing: &[ReasonCode],
        now: EventTime,
        out: &mut Vec<Output>,
    ) {
        let closed = !failing.is_empty();
        let known = self.partners.get(partner);
        let reported = known.is_some_and(|state| state.guard_closed);
        if closed == reported || known.is_some_and(|state| rests(state.guard_alert_at, GUARD_ALERT_EVERY_MS, now)) {
            return;
        }
        let state = self.partners.edit(partner);
        state.guard_closed = closed;
        state.guard_alert_at = Some(now);
        let codes: Vec<String> = failing.iter().map(|code| code.to_string()).collect();
        let detail = if closed { format!("closed: {}", codes.join(", ")) } else { "opened".to_string() };
        out.push(alert(AlertKind::Guard, Severity::Warning, Some(partner), self.settings.shard, now, detail));
    }

    /// Reports a fall of the partner's `drawdown_pass` that our own effect does not explain; once, when it begins.
    pub(super) fn report_foreign_decline(
        &mut self,
        partner: &Text,
        terms: Option<&GuardTerms>,
        now: EventTime,
        out: &mut Vec<Output>,
    ) {
        let (month, day) = (self.drawdowns(partner, guard::BASELINE_MS, now), self.drawdowns(partner, DAY_MS, now));
        let pass = |drawdowns: &super::rates::Drawdowns| {
            let ratio = drawdowns.pass();
            ppm_down(ratio.hits, ratio.n).filter(|_| ratio.n >= self.settings.min_n)
        };
        let fall = pass(&month).zip(pass(&day)).map_or(0, |(before, lately)| before - lately);
        let effect = standing_effect_ppm(self.baseline(partner, terms, now), &day, self.reserved(partner, DAY_MS, now));
        let foreign = fall > FOREIGN_FALL_PPM && effect.saturating_mul(FOREIGN_SHARE) <= fall;
        if self.partners.get(partner).is_some_and(|state| state.foreign_decline) == foreign {
            return;
        }
        self.partners.edit(partner).foreign_decline = foreign;
        if foreign {
            let detail = format!("drawdown_pass of 24 h is {fall} ppm below 28 d, our effect is {effect} ppm");
            out.push(alert(
                AlertKind::ForeignDecline,
                Severity::Warning,
                Some(partner),
                self.settings.shard,
                now,
                detail,
            ));
        }
    }

    /// What the partner's data can be trusted for.
    pub(super) fn data_state(&self, partner: &Text, now: EventTime) -> DataState {
        let newest = self.partners.get(partner).and_then(|state| state.newest_event_at);
        let idle_ms = self.idle_after_ms();
        match () {
            _ if self.is_stale(now) => DataState::Stale,
            _ if newest.is_none_or(|newest| now.ms_since(newest) > idle_ms) => DataState::Idle,
            _ => DataState::Live,
        }
    }
}

/// True while an alert that was given at `last` keeps the next one back.
fn rests(last: Option<EventTime>, every_ms: i64, now: EventTime) -> bool {
    last.is_some_and(|last| now.ms_since(last) < every_ms)
}
