//! How long things took, in a fixed number of buckets: each doubling is cut into sixteen, so a quantile is right to 6 %.

/// Buckets of one doubling, as a power of two.
const CUT_BITS: u32 = 4;
const CUTS: usize = 1 << CUT_BITS;
const BUCKETS_COUNT: usize = CUTS * (64 - CUT_BITS as usize + 1);

/// Durations in microseconds.
#[derive(Clone, Debug)]
pub struct Latencies {
    buckets: Box<[u64; BUCKETS_COUNT]>,
    count: u64,
    max_us: u64,
}

/// What is shown of them, microseconds; all zero when nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    pub p50_us: u64,
    pub p99_us: u64,
    pub max_us: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { buckets: Box::new([0; BUCKETS_COUNT]), count: 0, max_us: 0 }
    }
}

/// Below [`CUTS`] a bucket is one microsecond wide.
fn bucket(us: u64) -> usize {
    let doublings = us.checked_ilog2().unwrap_or(0).saturating_sub(CUT_BITS);
    doublings as usize * CUTS + (us >> doublings) as usize
}

/// The highest duration of a bucket.
fn upper_us(bucket: usize) -> u64 {
    let doublings = (bucket / CUTS).saturating_sub(1) as u32;
    let within = (bucket - doublings as usize * CUTS) as u128;
    u64::try_from(((within + 1) << doublings) - 1).unwrap_or(u64::MAX)
}

impl Latencies {
    pub fn record(&mut self, us: u64) {
        self.buckets[bucket(us)] += 1;
        self.count += 1;
        self.max_us = self.max_us.max(us);
    }

    pub fn quantiles(&self) -> Quantiles {
        Quantiles { p50_us: self.quantile(500), p99_us: self.quantile(990), max_us: self.max_us }
    }

    fn quantile(&self, per_mille: u64) -> u64 {
        let rank = (self.count * per_mille).div_ceil(1_000).max(1);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return upper_us(bucket).min(self.max_us);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_measured_is_zero() {
        assert_eq!(Latencies::default().quantiles(), Quantiles::default());
    }

    proptest! {
        #[test]
        fn quantiles_are_right_to_a_sixteenth(mut all in prop::collection::vec(prop_oneof![0u64..100, 0u64..5_000_000, any::<u64>()], 1..200)) {
            let mut latencies = Latencies::default();
            all.iter().for_each(|us| latencies.record(*us));
            all.sort_unstable();
            let exact = |per_mille: usize| all[((all.len() * per_mille).div_ceil(1_000)).max(1) - 1];
            let got = latencies.quantiles();
            for (got, exact) in [(got.p50_us, exact(500)), (got.p99_us, exact(990))] {
                prop_assert!(got >= exact && u128::from(got) <= u128::from(exact) * 17 / 16 + 1, "{got} for {exact}");
            }
            prop_assert_eq!(got.max_us, all[all.len() - 1]);
        }
    }
}
