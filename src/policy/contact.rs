//! One candidate at a time, a cap and a cool-down per customer over all partners; and the holdout.

use super::findings::{Case, Findings};
use crate::domain::ReasonCode::*;
use crate::domain::Text;
use crate::domain::check::{Check, Relation, Unit};

/// How often a customer may be approached, over all partners.
#[derive(Clone, Copy, Debug)]
pub(super) struct ContactCap {
    /// Admitted candidates in the window at most.
    pub count: i64,
    pub window_ms: i64,
    /// Silence after an admitted candidate.
    pub cool_down_ms: i64,
}

/// The stable part of the customers who are never approached, so that the effect can be measured.
#[derive(Clone, Debug)]
pub(super) struct Holdout {
    pub salt: Text,
    pub share_ppm: i64,
}

pub(super) fn judge(case: &Case<'_>, found: &mut Findings) {
    let (facts, cap) = (case.facts, case.policy.contact);
    found.flag(HoldPending, "proposal_waits", facts.pending, false);
    found.flag(HoldLiveCandidate, "candidate_live", facts.live, false);
    let recent = facts.offered_at.iter().filter(|at| facts.now.ms_since(**at) < cap.window_ms).count() as i64;
    found.number(HoldFreqCap, "admitted_in_window", Unit::Count, recent, Relation::Below, cap.count);
    // Never approached: nothing to rest from.
    let since_ms = facts.offered_at.iter().map(|at| facts.now.ms_since(*at)).min();
    let (subject, least_ms) = ("since_last_admitted", Some(cap.cool_down_ms));
    let check = Check::maybe(HoldCoolDown, subject, Unit::Milliseconds, since_ms, Relation::AtLeast, least_ms);
    found.push(Check { passed: since_ms.is_none_or(|ms| ms >= cap.cool_down_ms), ..check });
}

impl Holdout {
    /// The first eight bytes of BLAKE3(salt, 0, customer), big-endian, as a share of all values: the same for ever.
    pub fn holds(&self, customer: &str) -> bool {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.salt.as_bytes()).update(&[0]).update(customer.as_bytes());
        let head = hasher.finalize().as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let ppm = (u128::from(head) * 1_000_000) >> 64;
        i128::from(self.share_ppm) > ppm.cast_signed()
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
}
