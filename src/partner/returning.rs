//! The guard of offline candidates: how much they may lower the share of returning customers among a partner's drawdowns.
//!
//! An offline candidate moves no rate at once; who takes the own offer later does not come back through the partner. Per
//! partner and day, with N drawdowns, B of them by returning customers, A customers addressed, and h the returning
//! drawdowns a day of a customer who was held out (the counterfactual): missing = h·(A+1);
//! share = B/N; without = (B + missing)/(N + missing); effect = without − share = missing·(N−B) / (N·(N+missing)).
//! Everything is parts per million in integers and rounds against us (`docs/semantics.md`, section 5).

use super::rates::{ONE_PPM, ppm_down, ppm_up, wilson_ppm};
use crate::domain::{CalendarDay, ReasonCode};

/// Counts beyond this are taken for it, so that products have room.
const COUNT_MAX: i64 = 1_000_000_000_000;

/// One partner's traffic on one day of the contract's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    pub day: CalendarDay,
    /// Drawdowns requested at the partner.
    pub drawdowns: i64,
    /// Of these by customers who had a disbursement before.
    pub returning: i64,
    /// Customers of this partner with an offline candidate that was live on the day, or that they took before.
    pub addressed: i64,
}

/// What customers do whom no candidate reaches: the holdout of the same selection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldOut {
    /// Customers times days.
    pub customer_days: i64,
    /// Returning drawdowns of theirs at the partner.
    pub drawdowns: i64,
}

impl HeldOut {
    /// Returning drawdowns of a customer and day, at most one, rounded up; with nobody held out everyone is one who would
    /// have come back.
    pub fn returns_ppm(self) -> i64 {
        ppm_up(self.drawdowns.max(0), self.customer_days).map_or(ONE_PPM, |ppm| ppm.min(ONE_PPM))
    }
}

/// What a contract promises about returning customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturningTerms {
    /// Most points by which the share of returning drawdowns may fall on a day, parts per million.
    pub effect_max_ppm: i64,
    /// Drawdowns of a day below which its share is not judged.
    pub min_n: i64,
    /// Below `min_n`: most customers addressed.
    pub below_min_n_max: i64,
}

/// One day as it would stand with one customer more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    pub traffic: Traffic,
    pub share_ppm: Option<i64>,
    /// The Wilson interval of the share.
    pub interval_ppm: Option<(i64, i64)>,
    pub without_ppm: i64,
    pub effect_ppm: i64,
}

impl Reading {
    pub fn new(traffic: Traffic, held_out: HeldOut) -> Self {
        let bounded = |count: i64| i128::from(count.clamp(0, COUNT_MAX));
        let one = i128::from(ONE_PPM);
        let all = bounded(traffic.drawdowns);
        let returning = bounded(traffic.returning).min(all);
        let missing = i128::from(held_out.returns_ppm()) * (bounded(traffic.addressed) + 1);
        let parts = all * one + missing;
        // Nobody came: all that could be missing is missing.
        let up = |part: i128, whole: i128| if whole == 0 { one } else { (part + whole - 1) / whole };
        Self {
            traffic,
            share_ppm: ppm_down(traffic.returning, traffic.drawdowns),
            interval_ppm: wilson_ppm(traffic.returning, traffic.drawdowns),
            without_ppm: up((returning * one + missing) * one, parts) as i64,
            effect_ppm: up(missing * (all - returning) * one, all * parts) as i64,
        }
    }

    /// Why this day does not hold; `None` when it does.
    pub fn failing(&self, terms: &ReturningTerms) -> Option<ReasonCode> {
        if self.traffic.drawdowns < terms.min_n {
            return (self.traffic.addressed >= terms.below_min_n_max).then_some(ReasonCode::HoldMinN);
        }
        (self.effect_ppm > terms.effect_max_ppm).then_some(ReasonCode::HoldReturningShare)
    }
}

/// Every code that keeps one more customer from being addressed, each once; every day must hold, and no day is no data.
pub fn failing(days: &[Traffic], held_out: HeldOut, terms: &ReturningTerms) -> Vec<ReasonCode> {
    if days.is_empty() {
        return vec![ReasonCode::DataMissing];
    }
    let found: Vec<_> = days.iter().filter_map(|day| Reading::new(*day, held_out).failing(terms)).collect();
    let order = [ReasonCode::HoldReturningShare, ReasonCode::HoldMinN];
    order.into_iter().filter(|code| found.contains(code)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TERMS: ReturningTerms = ReturningTerms { effect_max_ppm: 20_000, min_n: 30, below_min_n_max: 5 };

    fn day(drawdowns: i64, returning: i64, addressed: i64) -> Traffic {
        Traffic { day: CalendarDay(20_000), drawdowns, returning, addressed }
    }

    #[test]
    fn who_was_addressed_is_missed_as_often_as_the_holdout_comes_back() {
        // 1,000 drawdowns, 400 of returning customers; one of 20 held out comes back on a day, 399 were addressed:
        // missing = 20, without = 420/1,020, effect = 20·600/(1,000·1,020) = 0.011764…
        let held_out = HeldOut { customer_days: 2_000, drawdowns: 100 };
        let reading = Reading::new(day(1_000, 400, 399), held_out);
        assert_eq!((reading.share_ppm, reading.without_ppm, reading.effect_ppm), (Some(400_000), 411_765, 11_765));
        assert_eq!(reading.interval_ppm, wilson_ppm(400, 1_000));
        assert_eq!(reading.failing(&TERMS), None);
        assert_eq!(Reading::new(day(1_000, 400, 799), held_out).failing(&TERMS), Some(ReasonCode::HoldReturningShare));
    }

    #[test]
    fn without_a_holdout_everybody_would_have_come() {
        assert_eq!(HeldOut::default().returns_ppm(), ONE_PPM);
        assert_eq!(failing(&[day(1_000, 400, 35)], HeldOut::default(), &TERMS), [ReasonCode::HoldReturningShare]);
    }

    #[test]
    fn a_day_with_few_drawdowns_allows_a_few_and_every_day_must_hold() {
        let held_out = HeldOut { customer_days: 2_000, drawdowns: 100 };
        assert!(failing(&[day(29, 3, 4), day(1_000, 400, 10)], held_out, &TERMS).is_empty());
        assert_eq!(failing(&[day(1_000, 400, 10), day(29, 3, 5)], held_out, &TERMS), [ReasonCode::HoldMinN]);
        assert_eq!(failing(&[], held_out, &TERMS), [ReasonCode::DataMissing]);
    }

    proptest! {
        /// Against exact fractions: never better for us than the truth, and by a step of the rounding worse at most.
        #[test]
        fn rounds_against_us(all in 1i64..1_000_000, part in 0i64..=1_000_000, addressed in 0i64..100_000, held in (1i64..100_000, 0i64..100_000)) {
            let returning = all * part / 1_000_000;
            let held_out = HeldOut { customer_days: held.0, drawdowns: held.1.min(held.0) };
            let reading = Reading::new(day(all, returning, addressed), held_out);
            let h = held_out.returns_ppm() as f64 / 1e6;
            let missing = h * (addressed + 1) as f64;
            let without = (returning as f64 + missing) / (all as f64 + missing);
            let truth = (without - returning as f64 / all as f64) * 1e6;
            prop_assert!(reading.effect_ppm as f64 >= truth - 0.01 && (reading.effect_ppm as f64) < truth + 1.01);
        }

        #[test]
        fn holds_at_any_numbers(a in any::<i64>(), b in any::<i64>(), c in any::<i64>(), d in any::<i64>(), e in any::<i64>()) {
            let reading = Reading::new(day(a, b, c), HeldOut { customer_days: d, drawdowns: e });
            prop_assert!((0..=ONE_PPM).contains(&reading.effect_ppm) && (0..=ONE_PPM).contains(&reading.without_ppm));
        }
    }
}
