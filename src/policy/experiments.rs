//! Who is left alone so that the effect can be measured, and who is offered a variation: stable, salted, by share.

use super::Policy;
use super::findings::Words;
use crate::domain::Text;
use crate::domain::candidate::Arm;

/// The stable part of the customers who are never approached.
#[derive(Clone, Debug)]
pub(super) struct Holdout {
    pub salt: Text,
    pub share_ppm: i64,
}

/// The part of the customers whom one campaign leaves alone.
#[derive(Clone, Debug)]
pub struct CampaignHoldout {
    pub campaign: Text,
    pub share_ppm: i64,
}

/// A variation on trial: some offers are made to its share of the customers only.
#[derive(Clone, Debug)]
pub struct Challenger {
    pub challenger: Text,
    pub share_ppm: i64,
    pub offers: Words,
}

/// What a document tries out.
#[derive(Clone, Debug, Default)]
pub struct Experiments {
    pub salt: Text,
    pub campaigns: Vec<CampaignHoldout>,
    pub challengers: Vec<Challenger>,
}

impl Experiments {
    /// The challenger whose share the customer is in; none: the champion. Shares are taken one after the other.
    pub fn challenger(&self, customer: &str) -> Option<&Challenger> {
        if self.challengers.is_empty() {
            return None;
        }
        let place = place_ppm(&[self.salt.as_bytes(), b"challenger", customer.as_bytes()]);
        let mut until = 0;
        self.challengers.iter().find(|challenger| {
            until += challenger.share_ppm;
            place < until
        })
    }

    /// Whether an offer may be made in an arm: one that belongs to a challenger only in its own.
    pub(super) fn admits(&self, offer: &str, challenger: Option<&Challenger>) -> bool {
        let own = challenger.is_some_and(|challenger| challenger.offers.has(offer));
        own || self.challengers.iter().all(|other| !other.offers.has(offer))
    }
}

impl Policy {
    /// The arm of a customer in a campaign; the holdout of all campaigns comes first.
    pub fn campaign_arm(&self, campaign: &str, customer: &str) -> Arm {
        let experiments = &self.experiments;
        let held = experiments.campaigns.iter().find(|held| held.campaign == campaign).is_some_and(|held| {
            place_ppm(&[experiments.salt.as_bytes(), campaign.as_bytes(), customer.as_bytes()]) < held.share_ppm
        });
        let everywhere = self.holdout.as_ref().is_some_and(|holdout| holdout.holds(customer));
        if held || everywhere { Arm::Holdout } else { Arm::Treatment }
    }
}

/// Where the parts lie among all, parts per million: the first eight bytes of BLAKE3 of the parts with a zero byte between
/// them, big-endian, as a share of all values. The same for ever.
fn place_ppm(parts: &[&[u8]]) -> i64 {
    let mut bytes = smallvec::SmallVec::<[u8; 256]>::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            bytes.push(0);
        }
        bytes.extend_from_slice(part);
    }
    let head = blake3::hash(&bytes).as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    i64::try_from((u128::from(head) * 1_000_000) >> 64).unwrap_or(i64::MAX)
}

impl Holdout {
    pub fn holds(&self, customer: &str) -> bool {
        place_ppm(&[self.salt.as_bytes(), customer.as_bytes()]) < self.share_ppm
    }
}

/// Whether customers fell into the arms as their shares say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleRatio {
    /// Pearson's chi-square of the counts, in thousandths, rounded down.
    pub chi_square_milli: i64,
    /// Above this the counts are not chance any more, in thousandths.
    pub critical_milli: i64,
}

impl SampleRatio {
    /// Upper critical values of the chi-square distribution at 0.001 for 1 to 7 degrees of freedom, in thousandths (NIST/SEMATECH
    /// e-Handbook of Statistical Methods, table 1.3.6.7.4).
    const CRITICAL_MILLI: [i64; 7] = [10_828, 13_816, 16_266, 18_467, 20_515, 22_458, 24_322];

    /// Compares the counts of two to eight arms with their shares, in parts of any whole. None: nothing was counted, an arm has
    /// no share, or the lists differ in length.
    pub fn of(counts: &[u32], shares: &[u32]) -> Option<Self> {
        let critical_milli = *Self::CRITICAL_MILLI.get(counts.len().checked_sub(2)?)?;
        let sum = |numbers: &[u32]| numbers.iter().map(|n| i128::from(*n)).sum::<i128>();
        let (total, whole) = (sum(counts), sum(shares));
        if counts.len() != shares.len() || total == 0 || shares.contains(&0) {
            return None;
        }
        // With E = total * share / whole, (O - E)^2 / E = (O * whole - total * share)^2 / (total * share * whole).
        let terms = counts.iter().zip(shares).map(|(count, share)| {
            let expected = total * i128::from(*share);
            let apart = i128::from(*count) * whole - expected;
            // Beyond 128 bits the counts are as far apart as can be.
            let square = apart.checked_mul(apart).and_then(|square| square.checked_mul(1_000));
            square.map_or(i128::MAX / 16, |square| square / (expected * whole))
        });
        Some(Self { chi_square_milli: i64::try_from(terms.sum::<i128>()).unwrap_or(i64::MAX), critical_milli })
    }

    /// The counts do not fit the shares: something chooses who gets into which arm.
    pub fn mismatch(self) -> bool {
        self.chi_square_milli > self.critical_milli
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holdout_takes_its_share_and_is_stable() {
        let of = |share_ppm| Holdout { salt: "2024".into(), share_ppm };
        let held = |holdout: &Holdout| (0..20_000).filter(|n| holdout.holds(&format!("c{n}"))).count();
        assert_eq!((held(&of(0)), held(&of(1_000_000))), (0, 20_000));
        let tenth = held(&of(100_000));
        assert!((1_850..2_150).contains(&tenth), "{tenth} of 20000");
        // A larger share keeps everybody it held before.
        assert!((0..2_000).map(|n| format!("c{n}")).all(|c| !of(50_000).holds(&c) || of(100_000).holds(&c)));
        // Another salt holds others.
        let other = Holdout { salt: "2025".into(), share_ppm: 100_000 };
        assert!((0..200).map(|n| format!("c{n}")).any(|c| other.holds(&c) != of(100_000).holds(&c)));
    }

    #[test]
    fn a_challenger_takes_its_share_and_keeps_its_offers_to_itself() {
        let challenger = |name: &str, share_ppm, offers: &[&str]| Challenger {
            challenger: name.into(),
            share_ppm,
            offers: Words::new(offers.iter().map(|offer| Text::from(*offer)).collect()),
        };
        let challengers = vec![challenger("cheap", 100_000, &["low_price"]), challenger("high", 200_000, &["more"])];
        let trial = Experiments { salt: "x".into(), campaigns: Vec::new(), challengers };
        let arms: Vec<_> =
            (0..20_000).map(|n| trial.challenger(&format!("c{n}")).map(|c| c.challenger.as_str())).collect();
        let of = |arm| arms.iter().filter(|known| **known == arm).count() as u32;
        let counts = [of(Some("cheap")), of(Some("high")), of(None)];
        let ratio = SampleRatio::of(&counts, &[100_000, 200_000, 700_000]).unwrap();
        assert!(!ratio.mismatch(), "{counts:?} {ratio:?}");
        assert!(SampleRatio::of(&[counts[0] + 200, counts[1], counts[2]], &[1, 2, 7]).unwrap().mismatch());
        let cheap = trial.challengers.first();
        assert!(trial.admits("low_price", cheap) && !trial.admits("low_price", None) && !trial.admits("more", cheap));
        assert!(trial.admits("plain", cheap) && trial.admits("plain", None));
    }

    #[test]
    fn chi_square_of_known_counts() {
        // 60 to 40 of 100 at equal shares: (10^2 + 10^2) / 50 = 4.
        let even = SampleRatio::of(&[60, 40], &[1, 1]).unwrap();
        assert_eq!((even.chi_square_milli, even.mismatch()), (4_000, false));
        // 821588 to 815482 of a planned half each is the textbook case of a broken split: 22.77.
        let broken = SampleRatio::of(&[821_588, 815_482], &[50, 50]).unwrap();
        assert_eq!((broken.chi_square_milli / 10, broken.mismatch()), (2_277, true));
        assert!(SampleRatio::of(&[1], &[1]).is_none() && SampleRatio::of(&[1, 2], &[1, 0]).is_none());
        assert!(SampleRatio::of(&[0, 0], &[1, 1]).is_none() && SampleRatio::of(&[1, 2], &[1, 2, 3]).is_none());
        assert!(SampleRatio::of(&[u32::MAX; 8], &[u32::MAX; 8]).is_some_and(|even| even.chi_square_milli == 0));
    }
}
