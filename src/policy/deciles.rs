//! The tenths of the population that a model was made on, and how far another population has moved away from it.

/// The tenths of a reference population.
pub const TENTHS: usize = 10;
/// All of a population, parts per million.
pub const ALL_PPM: i64 = 1_000_000;
/// Below it a population counts as stable, parts per million. This and [`ALERT_PPM`] are the customary lines: below 0.1 no
/// significant change, from 0.25 on a significant one (N. Siddiqi, Credit Risk Scorecards, Wiley 2006, on scorecard monitoring).
pub const STABLE_BELOW_PPM: i64 = 100_000;
/// From here on somebody is told, where a model says nothing else, parts per million.
pub const ALERT_PPM: i64 = 250_000;
/// Cases below which an index says nothing. By chance alone it comes to about nine parts in n (B. Yurdakul, Statistical
/// Properties of Population Stability Index, Western Michigan University 2018: chi-square with nine degrees of freedom,
/// divided by n): with 300 cases 0.03, and more than 0.06 less than one time in twenty.
pub const PSI_MIN_N: i64 = 300;
/// A share of all, as it is reckoned with: parts in 10^12.
const ONE: i128 = 1_000_000_000_000;
/// Least share of a tenth, one in ten thousand: an empty one would make the index endless.
const SHARE_MIN: i128 = ONE / 10_000;
/// Bits behind the point of a logarithm.
const BITS: u32 = 40;
/// The natural logarithm of two, with so many bits.
const LN_2: i128 = 762_123_384_786;

/// Where a model's scores fell when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deciles {
    /// Growing; a score on an edge belongs to the tenth above it.
    pub edges: [i64; TENTHS - 1],
    /// The share of each tenth, parts per million; they add up to all.
    pub reference_ppm: [i64; TENTHS],
    /// From which index on somebody is told, parts per million.
    pub alert_ppm: i64,
}

impl Deciles {
    /// The tenth that a score falls into, from 0.
    pub fn tenth(&self, score: i64) -> usize {
        self.edges.partition_point(|edge| *edge <= score)
    }

    /// The population stability index of these counts against the reference, parts per million; `None` when nothing was
    /// counted.
    pub fn psi_ppm(&self, counts: &[i64; TENTHS]) -> Option<i64> {
        psi_ppm(counts, &self.reference_ppm)
    }
}

/// Σ (a − e)·ln(a / e) over the tenths, with a the share counted and e that of the reference, neither below a ten-thousandth;
/// to the nearest part per million, in whole numbers, so that every machine says the same.
pub fn psi_ppm(counts: &[i64; TENTHS], reference_ppm: &[i64; TENTHS]) -> Option<i64> {
    let counts = counts.map(|count| count.max(0));
    let n = counts.iter().map(|count| i128::from(*count)).sum::<i128>();
    if n == 0 {
        return None;
    }
    let share = |part: i64, whole: i128| (i128::from(part) * ONE / whole).clamp(SHARE_MIN, ONE);
    let terms = counts.iter().zip(reference_ppm).map(|(count, reference)| {
        let (a, e) = (share(*count, n), share(*reference, i128::from(ALL_PPM)));
        (a - e) * (log2(a) - log2(e))
    });
    // Shares are parts of 10^12 and logarithms have 40 bits, twice with that of two.
    let one_ppm = (ONE / i128::from(ALL_PPM)) << (2 * BITS);
    i64::try_from((terms.sum::<i128>() * LN_2 + one_ppm / 2) / one_ppm).ok()
}

/// The binary logarithm of a number from 1 to 10^12, rounded down: each squaring of what is left of it gives one bit more.
fn log2(number: i128) -> i128 {
    const TWO: i128 = 1 << 63;
    let whole = number.max(1).ilog2();
    let (mut left, mut bits) = (number.max(1) << (62 - whole), i128::from(whole));
    for _ in 0..BITS {
        left = left * left >> 62;
        bits <<= 1;
        if left >= TWO {
            left >>= 1;
            bits |= 1;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EVEN: [i64; TENTHS] = [100_000; TENTHS];

    fn deciles() -> Deciles {
        let edges = [10, 20, 30, 40, 50, 60, 70, 80, 90];
        Deciles { edges, reference_ppm: EVEN, alert_ppm: ALERT_PPM }
    }

    #[test]
    fn a_score_on_an_edge_belongs_to_the_tenth_above() {
        let tenths = [i64::MIN, 9, 10, 19, 20, 89, 90, i64::MAX].map(|score| deciles().tenth(score));
        assert_eq!(tenths, [0, 0, 1, 1, 2, 8, 9, 9]);
    }

    #[test]
    fn known_indexes() {
        assert_eq!(psi_ppm(&[0; TENTHS], &EVEN), None);
        assert_eq!(psi_ppm(&[7; TENTHS], &EVEN), Some(0));
        // Half of the first tenth moved to the last: (0.05 − 0.1)·ln(0.5) + (0.15 − 0.1)·ln(1.5) = 0.034657 + 0.020273.
        let moved = [5, 10, 10, 10, 10, 10, 10, 10, 10, 15];
        assert_eq!(deciles().psi_ppm(&moved), Some(54_931));
        // All in one: 9·(0.1 − 0.0001)·ln(1000) + 0.9·ln(10) = 6.210763 + 2.072327.
        let one = [300, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(psi_ppm(&one, &EVEN), Some(8_283_089));
        // Against a reference of other shares the same counts are stable.
        let skewed = [400_000, 200_000, 50_000, 50_000, 50_000, 50_000, 50_000, 50_000, 50_000, 50_000];
        assert_eq!(psi_ppm(&[80, 40, 10, 10, 10, 10, 10, 10, 10, 10], &skewed), Some(0));
    }

    proptest! {
        #[test]
        fn an_index_is_never_negative_and_grows_with_no_number(counts in prop::array::uniform10(any::<i64>())) {
            let psi = psi_ppm(&counts, &EVEN);
            prop_assert!(psi.is_none_or(|ppm| (0..=9_300_000).contains(&ppm)), "{psi:?}");
        }

        /// Against the same formula in floating point.
        #[test]
        fn the_index_is_the_formula(counts in prop::array::uniform10(0i64..1_000), reference in prop::array::uniform10(0i64..100)) {
            let (n, all) = (counts.iter().sum::<i64>().max(1), reference.iter().sum::<i64>().max(1));
            let mut reference_ppm = reference.map(|part| part * ALL_PPM / all);
            reference_ppm[0] += ALL_PPM - reference_ppm.iter().sum::<i64>();
            let share = |part: i64, whole: i64| (part as f64 / whole as f64).max(0.000_1);
            let terms = counts.iter().zip(&reference_ppm).map(|(count, reference)| {
                let (a, e) = (share(*count, n), share(*reference, ALL_PPM));
                (a - e) * (a / e).ln() * 1e6
            });
            let expected = terms.sum::<f64>();
            let found = psi_ppm(&counts, &reference_ppm);
            prop_assert!(found.is_none_or(|found| (found as f64 - expected).abs() < 0.6), "{found:?} {expected}");
        }

        /// Ten times as many cases in the same shares are the same population.
        #[test]
        fn only_shares_count(counts in prop::array::uniform10(0i64..1_000)) {
            let tenfold = counts.map(|count| count * 10);
            prop_assert_eq!(psi_ppm(&counts, &EVEN), psi_ppm(&tenfold, &EVEN));
        }
    }
}
