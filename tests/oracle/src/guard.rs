//! The guard of section 5: counts per horizon, the counterfactual, the effect; integer arithmetic that rounds against us.

use std::collections::BTreeMap;

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

/// Counts of the drawdown cohort by partner, counter and minute: every delta ever heard, never folded.
#[derive(Clone, Debug, Default)]
pub struct Cohort(BTreeMap<(Text, Counter), BTreeMap<i64, i64>>);

/// Concluded drawdowns of one window.
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

    /// The pass of undiverted drawdowns, ppm, rounded up; all of them when there are none.
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

    pub fn counts(&self, partner: &Text, now: EventTime, length_ms: i64, retention: Retention) -> Counts {
        let sum = |counter: Counter| {
            let minutes = self.0.get(&(partner.clone(), counter));
            // Nothing older can share a pane with the window; a pane is a day at most.
            let recent = minutes.into_iter().flat_map(|m| m.range(now.0 - length_ms - 2 * DAY_MS..));
            let counted = recent.filter(|(at, _)| in_window(**at, now, length_ms, retention));
            counted.map(|(_, count)| *count).sum()
        };
        Counts {
            disbursed: sum(Counter::DrawdownDisbursed),
            declined: sum(Counter::DrawdownDeclined),
            diverted: sum(Counter::DrawdownDiverted),
            cancelled: sum(Counter::DrawdownCancelled),
            timed_out: sum(Counter::DrawdownTimedOut),
        }
    }

    /// The failing codes for one more admission, in the order of section 5. `reserved`: request times of the partner's
    /// live reservations.
    pub fn judge(
        &self,
        partner: &Text,
        guard: &OracleGuard,
        reserved: &[EventTime],
        now: EventTime,
        retention: Retention,
    ) -> Vec<ReasonCode> {
        let baseline_ppm = self.counts(partner, now, 28 * DAY_MS, retention).counterfactual_ppm();
        // Room in the ledger is counted over all horizons.
        let mut effect = reserved.len() as i64 + 1 > guard.reserved_max;
        let (mut floor, mut few) = (false, false);
        for length_ms in &guard.horizons_ms {
            let counts = self.counts(partner, now, *length_ms, retention);
            let live = |at: &&EventTime| in_window(at.floor(MINUTE_MS).0, now, *length_ms, retention);
            let held = reserved.iter().filter(live).count() as i64;
            let ours = counts.diverted + held + 1;
            let all = counts.concluded() + held + 1;
            if counts.concluded() < guard.min_n {
                few |= ours > guard.below_min_n_max;
                continue;
            }
            effect |= divided_up(baseline_ppm * ours, all) > guard.reflow_effect_max_ppm;
            let projected_ppm = (counts.disbursed * 1_000_000).div_euclid(all);
            floor |= guard.drawdown_pass_floor_ppm.is_some_and(|least| projected_ppm < least);
        }
        [
            (effect, ReasonCode::HoldReflowEffect),
            (floor, ReasonCode::HoldDrawdownPassFloor),
            (few, ReasonCode::HoldMinN),
        ]
        .into_iter()
        .filter_map(|(fails, code)| fails.then_some(code))
        .collect()
    }
}
