//! The guard: how much our candidates may lower a partner's `drawdown_pass`, judged per horizon before each admission.
//!
//! With C disbursed, D declined, X diverted, K cancelled, T timed out, R reserved and q the pass of undiverted drawdowns
//! (the counterfactual): N = C+D+X+K+T+R+1, projected = C/N, effect = q·(X+R+1)/N (`docs/semantics.md`, section 5).
//! Everything is parts per million in integers and rounds against us.

use compact_str::format_compact;

use super::rates::{Drawdowns, ONE_PPM, ppm_down, ppm_up};
use crate::domain::check::{Check, Relation, Unit};
use crate::domain::time::DAY_MS;
use crate::domain::view::{GuardReading, GuardState};
use crate::domain::{ReasonCode, Text};
use crate::policy::{GuardTerms, Horizon};

/// The window over which the counterfactual pass is measured.
pub const BASELINE_MS: i64 = 28 * DAY_MS;

/// The pass of drawdowns that we did not divert, rounded up; with none concluded every one of ours counts in full.
pub fn baseline_ppm(last_28_days: &Drawdowns) -> i64 {
    ppm_up(last_28_days.disbursed, last_28_days.undiverted()).unwrap_or(ONE_PPM)
}

/// `q·ours/n` rounded up, at most one.
fn effect_ppm(baseline_ppm: i64, ours: i64, n: i64) -> i64 {
    let n = i128::from(n.max(1));
    let lost = i128::from(baseline_ppm) * i128::from(ours.max(0));
    ((lost + n - 1) / n).min(i128::from(ONE_PPM)) as i64
}

/// What has been lowered already, without a further candidate: `q·(X+R)/(concluded+R)`.
pub fn standing_effect_ppm(baseline_ppm: i64, drawdowns: &Drawdowns, reserved: i64) -> i64 {
    let ours = drawdowns.diverted.saturating_add(reserved);
    effect_ppm(baseline_ppm, ours, drawdowns.concluded().saturating_add(reserved))
}

/// One horizon as it would stand with one candidate more.
#[derive(Clone, Debug)]
pub struct Reading {
    pub horizon: Text,
    /// Most points that the contract allows in this horizon, parts per million.
    pub effect_max_ppm: i64,
    pub drawdowns: Drawdowns,
    pub reserved: i64,
    pub projected_ppm: i64,
    pub effect_ppm: i64,
}

impl Reading {
    pub fn new(horizon: &Horizon, drawdowns: Drawdowns, reserved: i64, baseline_ppm: i64) -> Self {
        let n = drawdowns.concluded().saturating_add(reserved).saturating_add(1);
        let ours = drawdowns.diverted.saturating_add(reserved).saturating_add(1);
        let projected_ppm = ppm_down(drawdowns.disbursed, n).unwrap_or(0);
        Self {
            horizon: horizon.name.clone(),
            effect_max_ppm: horizon.effect_max_ppm,
            drawdowns,
            reserved,
            projected_ppm,
            effect_ppm: effect_ppm(baseline_ppm, ours, n),
        }
    }

    /// Diversions and reservations with one more.
    fn ours(&self) -> i64 {
        self.drawdowns.diverted.saturating_add(self.reserved).saturating_add(1)
    }

    fn is_judged(&self, terms: &GuardTerms) -> bool {
        self.drawdowns.concluded() >= terms.min_n
    }

    /// Why this horizon does not hold; empty when it does.
    pub fn failing(&self, terms: &GuardTerms) -> Vec<ReasonCode> {
        if !self.is_judged(terms) {
            return if self.ours() > terms.below_min_n_max { vec![ReasonCode::HoldMinN] } else { Vec::new() };
        }
        let mut failing = Vec::new();
        if self.effect_ppm > self.effect_max_ppm {
            failing.push(ReasonCode::HoldReflowEffect);
        }
        if terms.drawdown_pass_floor_ppm.is_some_and(|floor| self.projected_ppm < floor) {
            failing.push(ReasonCode::HoldDrawdownPassFloor);
        }
        failing
    }

    /// The checks of this horizon; their subjects end with its name.
    pub fn checks(&self, terms: &GuardTerms) -> Vec<Check> {
        let subject = |name: &str| format_compact!("{name}_{}", self.horizon);
        if !self.is_judged(terms) {
            let (ours, most) = (self.ours(), terms.below_min_n_max);
            let ours = Check::number(ReasonCode::HoldMinN, subject("ours"), Unit::Count, ours, Relation::AtMost, most);
            return vec![ours];
        }
        let (effect, most) = (self.effect_ppm, self.effect_max_ppm);
        let code = ReasonCode::HoldReflowEffect;
        let mut checks = vec![Check::number(code, subject("reflow_effect"), Unit::Ppm, effect, Relation::AtMost, most)];
        if let Some(floor) = terms.drawdown_pass_floor_ppm {
            let (code, projected) = (ReasonCode::HoldDrawdownPassFloor, self.projected_ppm);
            let name = subject("projected_pass");
            checks.push(Check::number(code, name, Unit::Ppm, projected, Relation::AtLeast, floor));
        }
        checks
    }

    fn view(&self, terms: &GuardTerms, room: bool) -> GuardReading {
        let open = room && self.failing(terms).is_empty();
        let pass = self.drawdowns.pass();
        GuardReading {
            horizon: self.horizon.clone(),
            state: if open { GuardState::Open } else { GuardState::Closed },
            n: pass.n,
            reserved: self.reserved,
            observed_ppm: ppm_down(pass.hits, pass.n),
            projected_ppm: Some(self.projected_ppm),
            without_reflow_ppm: Some(self.projected_ppm.saturating_add(self.effect_ppm)),
            effect_ppm: Some(self.effect_ppm),
            effect_max_ppm: Some(self.effect_max_ppm),
        }
    }
}

/// All horizons of a partner, and how many reservations are live over all of them.
#[derive(Clone, Debug)]
pub struct Judgement {
    pub readings: Vec<Reading>,
    pub live: i64,
}

impl Judgement {
    fn has_room(&self, terms: &GuardTerms) -> bool {
        self.live < terms.reserved_max
    }

    /// Every failing code once, in the order of `docs/semantics.md`; empty: the guard is open.
    pub fn failing(&self, terms: &GuardTerms) -> Vec<ReasonCode> {
        let mut found: Vec<ReasonCode> = self.readings.iter().flat_map(|reading| reading.failing(terms)).collect();
        if !self.has_room(terms) {
            found.push(ReasonCode::HoldReflowEffect);
        }
        let order = [ReasonCode::HoldReflowEffect, ReasonCode::HoldDrawdownPassFloor, ReasonCode::HoldMinN];
        order.into_iter().filter(|code| found.contains(code)).collect()
    }

    pub fn checks(&self, terms: &GuardTerms) -> Vec<Check> {
        let mut checks: Vec<Check> = self.readings.iter().flat_map(|reading| reading.checks(terms)).collect();
        let (with_one_more, most) = (self.live.saturating_add(1), terms.reserved_max);
        let code = ReasonCode::HoldReflowEffect;
        checks.push(Check::number(code, "reserved", Unit::Count, with_one_more, Relation::AtMost, most));
        checks
    }

    pub fn view(&self, terms: &GuardTerms) -> Vec<GuardReading> {
        let room = self.has_room(terms);
        self.readings.iter().map(|reading| reading.view(terms, room)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn terms() -> GuardTerms {
        GuardTerms {
            drawdown_pass_floor_ppm: Some(700_000),
            min_n: 30,
            below_min_n_max: 2,
            reserved_max: 50,
            ..GuardTerms::default()
        }
    }

    fn reading(disbursed: i64, declined: i64, diverted: i64, reserved: i64, q: i64) -> Reading {
        let drawdowns = Drawdowns { disbursed, declined, diverted, ..Drawdowns::default() };
        Reading::new(&Horizon::named("24h", 20_000).unwrap(), drawdowns, reserved, q)
    }

    #[test]
    fn the_effect_is_the_share_we_would_have_passed() {
        // 100 concluded, one more: q·1/101 = 0.8/101 = 0.00792…, rounded up.
        let r = reading(80, 20, 0, 0, 800_000);
        assert_eq!((r.effect_ppm, r.projected_ppm), (7_921, 792_079));
        assert!(r.failing(&terms()).is_empty());
        assert_eq!(reading(80, 20, 0, 2, 800_000).failing(&terms()), [ReasonCode::HoldReflowEffect]);
        assert_eq!(reading(70, 30, 0, 0, 800_000).failing(&terms()), [ReasonCode::HoldDrawdownPassFloor]);
    }

    #[test]
    fn below_min_n_only_a_few() {
        assert!(reading(10, 0, 0, 1, ONE_PPM).failing(&terms()).is_empty());
        assert_eq!(reading(10, 0, 0, 2, ONE_PPM).failing(&terms()), [ReasonCode::HoldMinN]);
        assert_eq!(reading(0, 0, 1, 1, ONE_PPM).failing(&terms()), [ReasonCode::HoldMinN]);
    }

    #[test]
    fn reservations_have_a_maximum_of_their_own() {
        let full = Judgement { readings: vec![reading(100_000, 0, 0, 50, ONE_PPM)], live: 50 };
        assert_eq!(full.failing(&terms()), [ReasonCode::HoldReflowEffect]);
        assert_eq!(full.view(&terms())[0].state, GuardState::Closed);
        assert!(Judgement { live: 49, ..full }.failing(&terms()).is_empty());
    }

    proptest! {
        /// Against exact fractions: never better for us than the truth, and by less than a step of the rounding worse.
        #[test]
        fn rounds_against_us(c in 0i64..1_000_000, d in 0i64..1_000_000, x in 0i64..1_000_000, r in 0i64..10_000, base in (0i64..1_000_000, 0i64..1_000_000)) {
            let q = baseline_ppm(&Drawdowns { disbursed: base.0, declined: base.1, ..Drawdowns::default() });
            let got = reading(c, d, x, r, q);
            let one = i128::from(ONE_PPM);
            let (n, ours) = (i128::from(c + d + x + r + 1), i128::from(x + r + 1));
            // effect = base.0·ours / ((base.0 + base.1)·n) where something was concluded, else ours / n.
            let (num, den) = match i128::from(base.0 + base.1) {
                0 => (ours * one, n),
                all => (i128::from(base.0) * ours * one, all * n),
            };
            let effect = i128::from(got.effect_ppm);
            prop_assert!(effect * den >= num.min(one * den), "{effect} below {num}/{den}");
            prop_assert!((effect - 2) * den < num, "{effect} far above {num}/{den}");
            let projected = i128::from(got.projected_ppm);
            prop_assert!(projected * n <= i128::from(c) * one && (projected + 1) * n > i128::from(c) * one);
        }

        #[test]
        fn holds_at_any_numbers(c in 0i64.., d in 0i64.., x in 0i64.., r in 0i64.., q in 0i64..=ONE_PPM) {
            let got = reading(c, d, x, r, q);
            prop_assert!((0..=ONE_PPM).contains(&got.effect_ppm) && (0..=ONE_PPM).contains(&got.projected_ppm));
        }
    }
}
