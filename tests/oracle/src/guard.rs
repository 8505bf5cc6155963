//! The guard of section 5: counts per horizon, the counterfactual, the effect; integer arithmetic that rounds against us.

use std::collections::{BTreeMap, BTreeSet};

use reflow::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use reflow::domain::{Counter, Delta, EventTime, ReasonCode, Text};

use super::plain_policy::OracleGuard;

/// How long panes keep their resolution, milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    pub minutes_ms: i64,
    pub hours_ms: i64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { minutes_ms: 2 * HOUR_MS, hours_ms: 35 * DAY_MS }
    }
}

/// Counts of the drawdown cohort and of decisions by partner, counter and minute: every delta ever heard, never folded.
#[derive(Clone, Debug, Default)]
pub struct Cohort(BTreeMap<(Text, Counter), BTreeMap<i64, i64>>);

/// Concluded drawdowns of one window; of the control group none is diverted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub disbursed: i64,
    pub declined: i64,
    pub diverted: i64,
    pub cancelled: i64,
    pub timed_out: i64,
}

impl Counts {
    pub fn concluded(self) -> i64 {
        self.disbursed + self.declined + self.diverted + self.cancelled + self.timed_out
    }

    /// The pass of those that were not diverted, ppm, rounded up; all of them when there are none.
    pub fn counterfactual_ppm(self) -> i64 {
        match self.concluded() - self.diverted {
            undiverted if undiverted > 0 => divided_up(self.disbursed * 1_000_000, undiverted),
            _ => 1_000_000,
        }
    }
}

fn divided_up(numerator: i64, denominator: i64) -> i64 {
    numerator.div_euclid(denominator) + i64::from(numerator.rem_euclid(denominator) > 0)
}

/// True when a minute counts in the window of `length_ms` that ends at `now`: by its minute, or, where its pane has been
/// folded into an hour or a day, when any part of that pane is in the window.
pub fn in_window(minute: i64, now: EventTime, length_ms: i64, retention: Retention) -> bool {
    let floor = |width: i64| now.0.div_euclid(width) * width;
    let this_minute = floor(MINUTE_MS);
    let start = this_minute - length_ms + MINUTE_MS;
    let width = match () {
        _ if minute >= this_minute - retention.minutes_ms => MINUTE_MS,
        _ if minute.div_euclid(HOUR_MS) * HOUR_MS >= floor(HOUR_MS) - retention.hours_ms => HOUR_MS,
        _ => DAY_MS,
    };
    let pane = minute.div_euclid(width) * width;
    pane + width > start && pane <= this_minute
}

impl Cohort {
    pub fn take(&mut self, delta: &Delta) {
        let minutes = self.0.entry((delta.partner.clone(), delta.counter)).or_default();
        *minutes.entry(delta.at).or_default() += delta.change.count;
    }

    fn count(&self, partner: &Text, counter: Counter, now: EventTime, length_ms: i64, retention: Retention) -> i64 {
        let minutes = self.0.get(&(partner.clone(), counter));
        // Nothing older can share a pane with the window; a pane is a day at most.
        let recent = minutes.into_iter().flat_map(|m| m.range(now.0 - length_ms - 2 * DAY_MS..));
        let counted = recent.filter(|(at, _)| in_window(**at, now, length_ms, retention));
        counted.map(|(_, count)| *count).sum()
    }

    pub fn counts(&self, partner: &Text, now: EventTime, length_ms: i64, retention: Retention) -> Counts {
        let sum = |counter: Counter| self.count(partner, counter, now, length_ms, retention);
        Counts {
            disbursed: sum(Counter::DrawdownDisbursed),
            declined: sum(Counter::DrawdownDeclined),
            diverted: sum(Counter::DrawdownDiverted),
            cancelled: sum(Counter::DrawdownCancelled),
            timed_out: sum(Counter::DrawdownTimedOut),
        }
    }

    /// Concluded drawdowns of the control group.
    fn held_out(&self, at: &At<'_>, length_ms: i64) -> Counts {
        let sum = |counter: Counter| self.count(at.partner, counter, at.now, length_ms, at.retention);
        Counts {
            disbursed: sum(Counter::HeldOutDisbursed),
            declined: sum(Counter::HeldOutDeclined),
            diverted: 0,
            cancelled: sum(Counter::HeldOutCancelled),
            timed_out: sum(Counter::HeldOutTimedOut),
        }
    }

    /// q: of the control group when it has enough in 28 days, else of everybody who was not diverted.
    fn counterfactual_ppm(&self, at: &At<'_>) -> i64 {
        let control = self.held_out(at, 28 * DAY_MS);
        let enough = at.guard.holdout_min_n.unwrap_or(at.guard.min_n).max(1);
        if control.concluded() >= enough {
            return control.counterfactual_ppm();
        }
        self.counts(at.partner, at.now, 28 * DAY_MS, at.retention).counterfactual_ppm()
    }

    /// One horizon with one more candidate after `reserved`, the request times of the partner's live reservations.
    fn sight(&self, at: &At<'_>, length_ms: i64, reserved: &[EventTime]) -> Sight {
        let baseline_ppm = self.counterfactual_ppm(at);
        let counts = self.counts(at.partner, at.now, length_ms, at.retention);
        let live = |requested: &&EventTime| in_window(requested.floor(MINUTE_MS).0, at.now, length_ms, at.retention);
        let held = reserved.iter().filter(live).count() as i64;
        let (ours, all) = (counts.diverted + held + 1, counts.concluded() + held + 1);
        Sight {
            judged: counts.concluded() >= at.guard.min_n,
            ours,
            effect_ppm: divided_up(baseline_ppm * ours, all),
            share_ppm: divided_up(1_000_000 * ours, all),
            projected_ppm: (counts.disbursed * 1_000_000).div_euclid(all),
        }
    }

    /// The horizons that are above their maximum.
    pub fn above(&self, at: &At<'_>, reserved: &[EventTime]) -> Vec<i64> {
        self.above_by(at, reserved, at.guard.reflow_effect_max_ppm)
    }

    /// The horizons that have not come down by the margin.
    pub fn not_low_enough(&self, at: &At<'_>, reserved: &[EventTime]) -> Vec<i64> {
        self.above_by(at, reserved, at.guard.reflow_effect_max_ppm - at.guard.reopen_margin_ppm.unwrap_or(0))
    }

    fn above_by(&self, at: &At<'_>, reserved: &[EventTime], most_ppm: i64) -> Vec<i64> {
        let above = |length_ms: &i64| {
            let sight = self.sight(at, *length_ms, reserved);
            sight.judged && sight.effect_ppm > most_ppm
        };
        at.guard.horizons_ms.iter().copied().filter(above).collect()
    }

    /// `limit_approval` is below what the contract asks for, or not known.
    fn approval_holds(&self, at: &At<'_>, least_ppm: i64) -> bool {
        let decided = |length_ms| {
            let count = |counter| self.count(at.partner, counter, at.now, length_ms, at.retention);
            (count(Counter::Approved), count(Counter::Declined))
        };
        let read = [DAY_MS, 28 * DAY_MS].map(decided).into_iter().find(|(yes, no)| yes + no >= at.guard.min_n);
        read.is_none_or(|(yes, no)| (yes * 1_000_000).div_euclid(yes + no) < least_ppm)
    }

    /// The failing codes for one more admission, in the order of section 5. `closed`: horizons that wait for their margin.
    pub fn judge(&self, at: &At<'_>, reserved: &[EventTime], closed: &BTreeSet<i64>) -> Vec<ReasonCode> {
        let guard = at.guard;
        // Room in the ledger is counted over all horizons.
        let mut effect = reserved.len() as i64 + 1 > guard.reserved_max;
        let (mut share, mut floor, mut few) = (false, false, false);
        for length_ms in &guard.horizons_ms {
            let sight = self.sight(at, *length_ms, reserved);
            if !sight.judged {
                few |= sight.ours > guard.below_min_n_max;
                continue;
            }
            effect |= sight.effect_ppm > guard.reflow_effect_max_ppm;
            effect |= guard.reopen_margin_ppm.is_some() && closed.contains(length_ms);
            share |= guard.diverted_share_max_ppm.is_some_and(|most| sight.share_ppm > most);
            floor |= guard.drawdown_pass_floor_ppm.is_some_and(|least| sight.projected_ppm < least);
        }
        [
            (effect, ReasonCode::HoldReflowEffect),
            (share, ReasonCode::HoldDivertedShare),
            (floor, ReasonCode::HoldDrawdownPassFloor),
            (few, ReasonCode::HoldMinN),
            (
                guard.limit_approval_min_ppm.is_some_and(|least| self.approval_holds(at, least)),
                ReasonCode::HoldLimitApproval,
            ),
        ]
        .into_iter()
        .filter_map(|(fails, code)| fails.then_some(code))
        .collect()
    }

    /// How many more would be admitted one after the other if nothing else happened.
    pub fn room(&self, at: &At<'_>, reserved: &[EventTime], closed: &BTreeSet<i64>) -> i64 {
        let mut reserved = reserved.to_vec();
        let before = reserved.len();
        while self.judge(at, &reserved, closed).is_empty() {
            reserved.push(at.now);
        }
        (reserved.len() - before) as i64
    }
}

/// Where and when the guard is read, and by which terms.
pub struct At<'a> {
    pub partner: &'a Text,
    pub guard: &'a OracleGuard,
    pub now: EventTime,
    pub retention: Retention,
}

/// One horizon with one more candidate.
struct Sight {
    judged: bool,
    ours: i64,
    effect_ppm: i64,
    share_ppm: i64,
    projected_ppm: i64,
}
