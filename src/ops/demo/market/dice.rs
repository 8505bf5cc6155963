//! Chance that is no chance: every draw is a function of the seed, what it is for, and whom it concerns.

/// What a draw is for, so that draws for different things never depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Token,
    Person,
    Membership,
    Arrival,
    Takeover,
    Application,
    Limit,
    Verdict,
    Draw,
    Drawdown,
    Loan,
    Instalment,
    Stir,
    Trouble,
    Repeat,
    Answer,
}

/// Sequence of draws: splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of splitmix64.
fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Dice {
    /// The draws about one thing. Asking again gives the same draws.
    pub fn of(seed: u64, purpose: Purpose, about: u64) -> Self {
        let purposed = mix(seed.wrapping_add(GOLDEN_GAMMA.wrapping_mul(purpose as u64 + 1)));
        Self(mix(purposed ^ about.wrapping_mul(GOLDEN_GAMMA)))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN_GAMMA);
        mix(self.0)
    }

    /// Uniform in `0..bound` (0 when the bound is 0).
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// Uniform in `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high.abs_diff(low) + 1) as i64
    }

    /// True in `ppm` of a million cases.
    pub fn happens(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < u64::from(ppm)
    }

    /// The position drawn in proportion to the weights.
    pub fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let total: u64 = weights.clone().map(u64::from).sum();
        let mut left = self.below(total);
        for (position, weight) in weights.enumerate() {
            match left.checked_sub(u64::from(weight)) {
                Some(rest) => left = rest,
                None => return position,
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of the reference implementation for the state 1234567.
    #[test]
    fn is_splitmix64() {
        let mut dice = Dice(1_234_567);
        assert_eq!(dice.next(), 6_457_827_717_110_365_317);
        assert_eq!(dice.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn draws_follow_weights_and_bounds() {
        let mut dice = Dice::of(7, Purpose::Draw, 1);
        let mut hits = [0u32; 3];
        for _ in 0..10_000 {
            hits[dice.weighted([1, 0, 3].into_iter())] += 1;
            assert!((-2..=2).contains(&dice.between(-2, 2)));
        }
        assert_eq!(hits[1], 0);
        assert!((2_200..2_800).contains(&hits[0]), "{hits:?}");
        assert_eq!(dice.below(0), 0);
        assert_ne!(Dice::of(7, Purpose::Draw, 1).next(), Dice::of(7, Purpose::Loan, 1).next());
    }
}
