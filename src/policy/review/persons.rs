//! Persons whom the rules should keep out and do not.

use super::{Review, Said, probe};
use crate::domain::events::Flag;
use crate::domain::words::Word;
use crate::policy::exclusions::FLAGS;
use crate::policy::facts::Standing;
use crate::policy::problem::{Place, ProblemCode};
use crate::policy::rules::{Rule, Severity};
use crate::policy::{Contract, Facts, Policy};

/// Severe by the definition of `docs/policy.md`: just beyond each of its limits.
const SEVERE: [(&str, &str, Standing); 4] = [
    ("dpd_now_above", "31 days past due", Standing { dpd_now: 31, worst_dpd_24m: 31, ..CLEAN }),
    ("worst_24m_from", "once 60 days past due within 24 months", Standing { worst_dpd_24m: 60, ..CLEAN }),
    ("consecutive_late_months", "late in three months in a row", Standing { late_months: 0b111, ..CLEAN }),
    ("late_months", "late in six months of 24", Standing { late_months: 0b101_0101_0101, ..CLEAN }),
];
const CLEAN: Standing =
    Standing { dpd_now: 0, worst_dpd_24m: 0, late_months: 0, compensated: false, written_off: false };

/// What may be missing of a customer.
const FORGOTTEN: [fn(&mut Facts<'_>); 10] = [
    |_| {},
    |facts| facts.lenders = None,
    |facts| facts.debt_burden_ppm = None,
    |facts| facts.region = None,
    |facts| facts.amount_minor = None,
    |facts| facts.limit.limit_minor = None,
    |facts| facts.limit.all_in_cost_ppm = None,
    |facts| facts.limit.term_months = None,
    |facts| facts.limit.repayment_method = None,
    |facts| (facts.person.risk, facts.person.response, facts.person.value) = (None, None, None),
];

pub fn look(review: &mut Review<'_>) {
    for (flag, _) in FLAGS {
        let place = review.at_key(&["exclusions", "flags"]);
        let what = format!("a customer with the flag {}", flag.name());
        reachable(review, place, &what, |facts| facts.flags = 1 << Flag::ordinal(flag));
    }
    for (key, what, standing) in SEVERE {
        let place = review.at_key(&["exclusions", "severe", key]);
        reachable(review, place, &format!("a customer {what}"), |facts| facts.standing = standing);
    }
    open_to_the_unknown(review);
}

/// Hard rules that pass whoever is not known well enough to be judged by them.
fn open_to_the_unknown(review: &mut Review<'_>) {
    let (policy, root) = (review.policy, review.root);
    let rules = policy.rules.rules.iter();
    for rule in rules.filter(|rule| rule.severity == Severity::Hard && rule.when.lets_the_unknown_through()) {
        let item = root.key("exclusions").and_then(|entry| entry.node.item("rules", "code", &rule.code));
        let place = item.map_or(root.place, |item| item.place_at(&["when"]));
        let said = Said {
            code: ProblemCode::FailsOpen,
            note: false,
            found: format!("{} is passed by whoever is not known", rule.code),
            expected: "a hard rule that holds back whom it cannot judge",
            next: "take `known(…) &&` away: what is not known is `DATA_MISSING` then; or make the rule soft",
            counter_example: unknown(review, rule),
        };
        review.find(place, said);
    }
}

/// Somebody who is made an offer although the rule asked for something that is not known of them.
fn unknown(review: &Review<'_>, rule: &Rule) -> Option<String> {
    for (policy, contract) in met(review.arms) {
        for kind in probe::KINDS {
            for forget in FORGOTTEN {
                let mut facts = probe::good(policy, contract, kind, review.at);
                forget(&mut facts);
                let lacks = rule.when.reads().iter().find(|variable| variable.read(&facts).is_none());
                if let (Some(lacks), Some(offer)) = (lacks, probe::offered(&policy.judge(&facts))) {
                    return Some(format!("{}, {} not known: offer {offer}", probe::told(&facts), lacks.name));
                }
            }
        }
    }
    None
}

/// Every contract of every arm.
fn met(arms: &[Policy]) -> impl Iterator<Item = (&Policy, &Contract)> {
    arms.iter().flat_map(|arm| arm.contracts().iter().map(move |contract| (arm, contract)))
}

/// Finds a partner at which the changed customer is made an offer all the same.
fn reachable(review: &mut Review<'_>, place: Place, what: &str, change: impl Fn(&mut Facts<'_>)) {
    for (policy, contract) in met(review.arms) {
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
