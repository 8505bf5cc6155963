//! Named rates: hits of n, parts per million, with the Wilson interval; all in integers.

use super::codec::Cell;
use crate::domain::counter::Tally;
use crate::domain::view::{DataState, Rate};
use crate::domain::{CalendarDay, Counter, set_text};

/// One, in parts per million.
pub const ONE_PPM: i64 = 1_000_000;

/// Edges of the days-past-due buckets: 0, 1-30, 31-60, 61-90, 90 and more (the usual M0 to M3+).
pub const BUCKETS: [Bucket; 5] = [
    Bucket { name: "0", from: i32::MIN, to: 0 },
    Bucket { name: "1_30", from: 1, to: 30 },
    Bucket { name: "31_60", from: 31, to: 60 },
    Bucket { name: "61_90", from: 61, to: 90 },
    Bucket { name: "90_plus", from: 91, to: i32::MAX },
];

/// A bucket of days past due, both ends included.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    pub name: &'static str,
    pub from: i32,
    pub to: i32,
}

impl Bucket {
    /// The due dates whose days past due today lie in this bucket, first and last.
    pub fn due_dates(&self, today: CalendarDay) -> (CalendarDay, CalendarDay) {
        let back = |days: i32| CalendarDay(today.0.saturating_sub(days));
        (back(self.to), back(self.from))
    }

    /// The position of the bucket that holds this many days past due.
    pub fn position(days_past_due: i32) -> usize {
        BUCKETS.iter().rposition(|bucket| bucket.from <= days_past_due).unwrap_or(0)
    }
}

/// What a rate is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    pub hits: i64,
    pub n: i64,
    /// The number of cases behind `n`, which differs from it where amounts are compared.
    pub cases: i64,
}

impl Ratio {
    pub fn of(hits: i64, n: i64) -> Self {
        Self { hits, n, cases: n }
    }

    /// A part of an amount; the interval is that of as many cases as there are loans behind it.
    pub fn of_amount(part: i64, whole: Tally) -> Self {
        Self { hits: part, n: whole.amount_minor, cases: whole.count }
    }

    /// Says itself with its interval, over a rate that has its name already; `state` is what the partner's data can be
    /// trusted for.
    fn tell(self, rate: &mut Rate, state: DataState, min_n: i64) {
        let interval = share_of(self.hits, self.n, self.cases).and_then(|hits| wilson_ppm(hits, self.cases));
        (rate.hits, rate.n, rate.rate_ppm) = (self.hits, self.n, ppm_down(self.hits, self.n));
        (rate.low_ppm, rate.high_ppm) = (interval.map(|(low, _)| low), interval.map(|(_, high)| high));
        rate.state = if self.cases < min_n { DataState::TooFew } else { state };
    }
}

/// The rates of a view, written over those of another one.
pub struct Told<'v> {
    rates: &'v mut Vec<Rate>,
    told: usize,
    state: DataState,
    min_n: i64,
}

impl<'v> Told<'v> {
    pub fn new(rates: &'v mut Vec<Rate>, state: DataState, min_n: i64) -> Self {
        Self { rates, told: 0, state, min_n }
    }

    /// Appends a rate, whose name has two parts.
    pub fn push(&mut self, [name, end]: [&str; 2], window: &str, ratio: Ratio) {
        if self.told == self.rates.len() {
            self.rates.push(Rate::default());
        }
        let rate = &mut self.rates[self.told];
        set_text(&mut rate.name, name);
        rate.name.push_str(end);
        set_text(&mut rate.window, window);
        ratio.tell(rate, self.state, self.min_n);
        self.told += 1;
    }

    /// Forgets the rates of the other view.
    pub fn end(&mut self) {
        self.rates.truncate(self.told);
    }
}

/// `hits / n` in parts per million, rounded down; `None` when n is not positive.
pub fn ppm_down(hits: i64, n: i64) -> Option<i64> {
    let ppm = (i128::from(hits) * i128::from(ONE_PPM)).div_euclid((n > 0).then_some(i128::from(n))?);
    Some(ppm.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}

/// `hits / n` in parts per million, rounded up; `None` when n is not positive.
pub fn ppm_up(hits: i64, n: i64) -> Option<i64> {
    ppm_down(hits.checked_neg()?, n).and_then(i64::checked_neg)
}

/// How many of `cases` stand for `hits` of `n`, rounded to the nearest.
fn share_of(hits: i64, n: i64, cases: i64) -> Option<i64> {
    if n == cases {
        return Some(hits);
    }
    let n = (n > 0).then_some(i128::from(n))?;
    let cases_hit = (i128::from(hits.max(0)) * i128::from(cases.max(0)) + n / 2) / n;
    i64::try_from(cases_hit).ok()
}

/// The Wilson score interval (Wilson 1927) with z = 1.96, parts per million, rounded outwards; `None` when n is not positive.
///
/// (2h + z² ∓ z·√(z² + 4h(n − h)/n)) / (2(n + z²)), everything in millionths, with an integer square root.
pub fn wilson_ppm(hits: i64, n: i64) -> Option<(i64, i64)> {
    const ONE: i128 = 1_000_000;
    const Z_SQUARED: i128 = 3_841_600;
    if n <= 0 {
        return None;
    }
    // Beyond 2^40 cases the interval is narrower than a millionth: the halves lost here cannot be seen.
    let shift = (64 - n.leading_zeros()).saturating_sub(40);
    let (h, n) = (i128::from(hits.clamp(0, n) >> shift), i128::from(n >> shift));
    let under_root = Z_SQUARED * ONE + 4 * h * (n - h) * ONE * ONE / n;
    let spread = 196 * (under_root.isqrt() + 1) / 100 + 1;
    let centre = 2 * h * ONE + Z_SQUARED;
    let denominator = 2 * (n * ONE + Z_SQUARED);
    let low = ((centre - spread) * ONE).div_euclid(denominator).max(0);
    let high = ((centre + spread) * ONE + denominator - 1).div_euclid(denominator).min(ONE);
    Some((low as i64, high as i64))
}

/// Concluded drawdowns by outcome, from a cell of the drawdown cohort; counts that went negative by bad data count as zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drawdowns {
    pub disbursed: i64,
    pub declined: i64,
    pub diverted: i64,
    pub cancelled: i64,
    pub timed_out: i64,
}

impl Drawdowns {
    pub fn of(cell: &Cell) -> Self {
        let count = |counter| cell.get(counter).count.max(0);
        Self {
            disbursed: count(Counter::DrawdownDisbursed),
            declined: count(Counter::DrawdownDeclined),
            diverted: count(Counter::DrawdownDiverted),
            cancelled: count(Counter::DrawdownCancelled),
            timed_out: count(Counter::DrawdownTimedOut),
        }
    }

    /// Those of the control group, from a cell of theirs.
    pub fn held_out(cell: &Cell) -> Self {
        let count = |counter| cell.get(counter).count.max(0);
        Self {
            disbursed: count(Counter::HeldOutDisbursed),
            declined: count(Counter::HeldOutDeclined),
            diverted: 0,
            cancelled: count(Counter::HeldOutCancelled),
            timed_out: count(Counter::HeldOutTimedOut),
        }
    }

    /// What the partner divides by in `drawdown_pass`.
    pub fn concluded(&self) -> i64 {
        self.undiverted().saturating_add(self.diverted)
    }

    /// Concluded without our diversions: what the counterfactual is measured on.
    pub fn undiverted(&self) -> i64 {
        [self.declined, self.cancelled, self.timed_out].iter().fold(self.disbursed, |sum, n| sum.saturating_add(*n))
    }

    pub fn pass(&self) -> Ratio {
        Ratio::of(self.disbursed, self.concluded())
    }

    /// The lender's own reading: cancelled and timed out are nobody's decision.
    pub fn pass_own(&self) -> Ratio {
        Ratio::of(self.disbursed, self.disbursed.saturating_add(self.declined).saturating_add(self.diverted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn agrees_with_published_intervals() {
        // 15 of 148: Newcombe 1998, table I, method 3 (score): 0.0624 to 0.1605. 0 of 20: 0.0000 to 0.1611.
        let (low, high) = wilson_ppm(15, 148).unwrap();
        assert!((low - 62_400).abs() < 60 && (high - 160_500).abs() < 60, "{low} {high}");
        let (low, high) = wilson_ppm(0, 20).unwrap();
        assert!(low == 0 && (high - 161_100).abs() < 60, "{high}");
        assert_eq!(wilson_ppm(1, 0), None);
    }

    #[test]
    fn buckets_have_no_gap() {
        for days in -3..200 {
            let bucket = BUCKETS[Bucket::position(days)];
            assert!(bucket.from <= days && days <= bucket.to, "{days}");
        }
    }

    #[test]
    fn rounds_to_the_named_side() {
        assert_eq!((ppm_down(1, 3), ppm_up(1, 3), ppm_up(1, 4)), (Some(333_333), Some(333_334), Some(250_000)));
        assert_eq!((ppm_down(1, 0), ppm_up(1, -1)), (None, None));
    }

    #[test]
    fn an_amount_has_the_interval_of_its_loans() {
        let mut rates = vec![Rate { name: "another".into(), ..Rate::default() }; 2];
        let mut told = Told::new(&mut rates, DataState::Live, 30);
        told.push(["r_", "0"], "now", Ratio::of_amount(250_000, Tally { count: 40, amount_minor: 1_000_000 }));
        told.end();
        let rate = &rates[0];
        assert_eq!((rates.len(), rate.name.as_str(), rate.window.as_str()), (1, "r_0", "now"));
        assert_eq!((rate.rate_ppm, rate.n, rate.state), (Some(250_000), 1_000_000, DataState::Live));
        assert_eq!(rate.low_ppm.zip(rate.high_ppm), wilson_ppm(10, 40));
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_rate(hits in 0i64.., more in 0i64..1_000_000_000) {
            let n = hits.saturating_add(more).max(1);
            let (low, high) = wilson_ppm(hits, n).unwrap();
            let rate = ppm_down(hits, n).unwrap();
            prop_assert!(0 <= low && low <= rate && rate <= high && high <= ONE_PPM, "{low} {rate} {high}");
        }

        /// Against the same formula in floating point, where that is exact enough.
        #[test]
        fn the_interval_is_wilson(n in 1i64..1_000_000, part in 0.0f64..=1.0) {
            let hits = (n as f64 * part) as i64;
            let (h, m, z) = (hits as f64, n as f64, 1.96f64);
            let spread = z * (z * z + 4.0 * h * (m - h) / m).sqrt();
            let (low, high) = wilson_ppm(hits, n).unwrap();
            let expect = |sign: f64| (2.0 * h + z * z + sign * spread) / (2.0 * (m + z * z)) * 1e6;
            prop_assert!((low as f64 - expect(-1.0)).abs() < 2.1 && (high as f64 - expect(1.0)).abs() < 2.1);
        }
    }
}
