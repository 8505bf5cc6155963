//! Persons whom the rules should keep out and do not.

use super::{Review, Said, probe};
use crate::domain::events::Flag;
use crate::domain::words::Word;
use crate::policy::exclusions::FLAGS;
use crate::policy::facts::Standing;
use crate::policy::problem::{Place, ProblemCode};
use crate::policy::{Facts, Policy};

/// Severe by the definition of `docs/policy.md`: just beyond each of its limits.
const SEVERE: [(&str, &str, Standing); 4] = [
    ("dpd_now_above", "31 days past due", Standing { dpd_now: 31, worst_dpd_24m: 31, ..CLEAN }),
    ("worst_24m_from", "once 60 days past due within 24 months", Standing { worst_dpd_24m: 60, ..CLEAN }),
    ("consecutive_late_months", "late in three months in a row", Standing { late_months: 0b111, ..CLEAN }),
    ("late_months", "late in six months of 24", Standing { late_months: 0b101_0101_0101, ..CLEAN }),
];
const CLEAN: Standing =
    Standing { dpd_now: 0, worst_dpd_24m: 0, late_months: 0, compensated: false, written_off: false };

pub fn look(review: &mut Review<'_>) {
    let arms = probe::arms(review.policy);
    for (flag, _) in FLAGS {
        let place = review.at_key(&["exclusions", "flags"]);
        let what = format!("a customer with the flag {}", flag.name());
        reachable(review, &arms, place, &what, |facts| facts.flags = 1 << Flag::ordinal(flag));
    }
    for (key, what, standing) in SEVERE {
        let place = review.at_key(&["exclusions", "severe", key]);
        reachable(review, &arms, place, &format!("a customer {what}"), |facts| facts.standing = standing);
    }
}

/// Finds a partner at which the changed customer is made an offer all the same.
fn reachable(review: &mut Review<'_>, arms: &[Policy], place: Place, what: &str, change: impl Fn(&mut Facts<'_>)) {
    let met = arms.iter().flat_map(|arm| arm.contracts().iter().map(move |contract| (arm, contract)));
    for (policy, contract) in met.filter(|(_, contract)| contract.real_time) {
        for kind in probe::KINDS {
            let at = review.at;
            let mut facts = probe::good(policy, contract, kind, at);
            change(&mut facts);
            let judgement = policy.judge(&facts);
            let Some(offer) = probe::offered(&judgement) else { continue };
            let said = Said {
                code: ProblemCode::Reachable,
                note: false,
                found: format!("{what} can become a candidate"),
                expected: "an exclusion that keeps them out",
                next: "exclude them, or say in `reason` why this policy does not",
                counter_example: Some(format!("{}, {what}: offer {offer}", probe::told(&facts))),
            };
            return review.find(place, said);
        }
    }
}
