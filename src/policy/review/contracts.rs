//! Promises of a contract that leave no room, or that cannot be what was meant.

use super::{Review, Said};
use crate::policy::Contract;
use crate::policy::problem::ProblemCode::{GuardBasis, MinPassRate, NeverFires, QuotaBelowStep};

const ONE_PPM: i64 = 1_000_000;

pub fn look(review: &mut Review<'_>) {
    let policy = review.policy;
    for contract in policy.contracts().iter().filter(|contract| contract.real_time) {
        closed(review, contract);
        smallest_step(review, contract);
        reopening(review, contract);
        floor(review, contract);
        basis(review, contract);
        unheld(review, contract);
    }
}

/// A quota or a maximum of zero: nothing is ever admitted.
fn closed(review: &mut Review<'_>, contract: &Contract) {
    let zero = [
        (contract.quota_per_day == 0, &["quota_per_day"][..]),
        (contract.quota_per_hour == Some(0), &["quota_per_hour"]),
        (contract.budgets.offers_per_day == Some(0), &["budgets", "offers_per_day"]),
        (contract.guard.reserved_max == 0, &["guard", "reserved_max"]),
    ];
    for (_, path) in zero.into_iter().filter(|(zero, _)| *zero) {
        let place = review.in_contract(&contract.partner, path);
        let key = path.join(".");
        let said = Said {
            code: NeverFires,
            note: false,
            found: format!("{} permits real_time, but its `{key}` is 0", contract.partner),
            expected: "at least 1",
            next: "raise it, or take real_time out of `modes`",
            counter_example: Some(format!("any drawdown at {}: the answer is no", contract.partner)),
        };
        review.find(place, said);
    }
}

/// One candidate is the smallest step: a promise that the first one breaks admits none.
fn smallest_step(review: &mut Review<'_>, contract: &Contract) {
    let partner = &contract.partner;
    let (hour, day) = (contract.quota_per_hour, contract.quota_per_day);
    if let Some(hour) = hour.filter(|hour| *hour > 0 && hour.saturating_mul(24) < day) {
        let place = review.in_contract(partner, &["quota_per_hour"]);
        let said = Said {
            code: QuotaBelowStep,
            note: false,
            found: format!("{hour} an hour are {} a day, fewer than `quota_per_day: {day}`", hour * 24),
            expected: "an hourly quota with which the daily one can be reached",
            next: "raise one or lower the other",
            counter_example: Some(format!("candidate {} of a day at {partner}: never", hour * 24 + 1)),
        };
        review.find(place, said);
    }
    // With `n` concluded drawdowns, all disbursed, one candidate has an effect of 1/(n+1).
    let guard = &contract.guard;
    for horizon in &guard.horizons {
        let n = guard.min_n;
        let effect_ppm = (ONE_PPM + n) / (n + 1);
        if guard.min_n > 0 && effect_ppm > horizon.effect_max_ppm {
            let place = review.in_contract(partner, &["guard", "reflow_effect_max"]);
            let least = ONE_PPM.checked_div(horizon.effect_max_ppm);
            let said = Said {
                code: QuotaBelowStep,
                note: false,
                found: format!(
                    "at `min_n: {n}` a single candidate has an effect of {effect_ppm} ppm, and {} ppm are promised for {}",
                    horizon.effect_max_ppm, horizon.name
                ),
                expected: "room for one candidate as soon as the effect is judged",
                next: "raise `min_n` or `reflow_effect_max`",
                counter_example: Some(match least {
                    Some(least) => {
                        format!("{n} drawdowns, all disbursed: the guard stays closed until there are {least}")
                    }
                    None => format!("{n} drawdowns, all disbursed: the guard never opens"),
                }),
            };
            review.find(place, said);
            break;
        }
    }
}

/// A horizon that has closed opens once its effect has come down by the margin: one as large as its maximum is never regained.
fn reopening(review: &mut Review<'_>, contract: &Contract) {
    let (partner, guard) = (&contract.partner, &contract.guard);
    let Some(margin) = guard.reopen_margin_ppm else { return };
    let Some(horizon) = guard.horizons.iter().find(|horizon| margin >= horizon.effect_max_ppm) else { return };
    let place = review.in_contract(partner, &["guard", "reopen_margin"]);
    let (name, most) = (&horizon.name, horizon.effect_max_ppm);
    let said = Said {
        code: NeverFires,
        note: false,
        found: format!(
            "once {name} has closed, nothing opens it: {most} ppm are allowed, and it has to come {margin} ppm below"
        ),
        expected: "a margin below every `reflow_effect_max`",
        next: "lower `reopen_margin`, or raise the maximum",
        counter_example: Some(format!(
            "{ONE_PPM} drawdowns at {partner}, all disbursed, none of them ours: the next candidate has an effect of 1 ppm, \
             and {name} stays closed"
        )),
    };
    review.find(place, said);
}

/// Words for `limit_approval`, and for what somebody does to it: together in a clause they make it the guard's basis.
const APPROVAL: [&str; 5] = ["limit approval", "limit_approval", "授信通过率", "额度通过率", "进件通过率"];
const MOVED: [&str; 9] = ["effect", "drop", "fall", "guard", "lower", "影响", "下降", "降低", "下滑"];

/// No candidate can move `limit_approval`, so a guard can promise nothing about it: neither in a clause, nor by holding on it
/// while it promises nothing about `drawdown_pass`.
fn basis(review: &mut Review<'_>, contract: &Contract) {
    let (partner, guard) = (&contract.partner, &contract.guard);
    let open = guard.horizons.iter().all(|horizon| horizon.effect_max_ppm >= ONE_PPM);
    let bounded =
        guard.drawdown_pass_floor_ppm.is_some() || guard.diverted_share_max_ppm.is_some_and(|most| most < ONE_PPM);
    let only = guard.limit_approval_min_ppm.filter(|_| open && !bounded).map(|least| {
        let place = review.in_contract(partner, &["guard", "hold_on_limit_approval_below"]);
        (place, format!("the guard of {partner} holds on `limit_approval` below {least} ppm and on nothing else"))
    });
    let clause = review.contract(partner).and_then(|node| {
        node.texts().find(|(text, _)| {
            let text = text.to_lowercase();
            has(&text, &APPROVAL) && has(&text, &MOVED)
        })
    });
    let clause = clause.map(|(text, place)| (place, format!("`{text}` promises something about `limit_approval`")));
    for (place, found) in only.into_iter().chain(clause) {
        let said = Said {
            code: GuardBasis,
            note: false,
            found,
            expected: "a guard of `drawdown_pass`: no candidate can move `limit_approval`",
            next: "promise a `reflow_effect_max` below 100 points; `limit_approval` may be a condition beside it",
            counter_example: Some(format!(
                "every drawdown at {partner} is diverted to us and its `limit_approval` stays as it was: nothing holds; or its \
                 own applicants get worse: everything holds, though no candidate of ours moved it"
            )),
        };
        review.find(place, said);
    }
}

/// A number of the holdout's drawdowns that is never reached, because nobody is held out.
fn unheld(review: &mut Review<'_>, contract: &Contract) {
    let partner = &contract.partner;
    let Some(least) = contract.guard.holdout_min_n else { return };
    if review.policy.holdout.as_ref().is_some_and(|holdout| holdout.share_ppm > 0) {
        return;
    }
    let place = review.in_contract(partner, &["guard", "holdout_min_n"]);
    let said = Said {
        code: NeverFires,
        note: false,
        found: format!("the guard of {partner} waits for {least} drawdowns of the holdout, and nobody is held out"),
        expected: "a `holdout` with a share above 0 %",
        next: "state a `holdout`, or remove `holdout_min_n`",
        counter_example: Some(format!(
            "{ONE_PPM} drawdowns at {partner}, none of them held out: what ours would have come to is still taken from all that \
             were not diverted"
        )),
    };
    review.find(place, said);
}

fn has(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// What reads as a promised minimum approval, in the words of contracts.
const PROMISES: [&str; 8] = [
    "minimum approval",
    "minimum pass",
    "approval guarantee",
    "guaranteed approval",
    "通过率不低于",
    "最低通过率",
    "保底通过率",
    "通过率保底",
];

/// A platform may not set a minimum approval that disturbs the lender's decision; a floor stops our offers only.
fn floor(review: &mut Review<'_>, contract: &Contract) {
    let partner = &contract.partner;
    if let Some(floor) = contract.guard.drawdown_pass_floor_ppm {
        let place = review.in_contract(partner, &["guard", "drawdown_pass_floor"]);
        let said = Said {
            code: MinPassRate,
            note: true,
            found: format!("a floor of {} % for the drawdown pass of {partner} stops our offers", floor / 10_000),
            expected: "that the contract promises no minimum approval",
            next: "see that its text speaks of our offers only",
            counter_example: Some(format!(
                "{partner}'s own customers get worse and its pass falls below the floor: nothing is offered, though no \
                 candidate of ours moved it"
            )),
        };
        review.find(place, said);
    }
    let promise = review.contract(partner).and_then(|node| {
        node.texts().find(|(text, _)| {
            let text = text.to_lowercase();
            has(&text, &PROMISES)
        })
    });
    if let Some((text, place)) = promise {
        let said = Said {
            code: MinPassRate,
            note: false,
            found: format!("`{text}` reads as a promised minimum approval"),
            expected: "a promise about our own effect: a platform may not set a minimum approval",
            next: "take it out of the contract, or say in other words what is meant",
            counter_example: Some(format!(
                "{partner}'s applicants get worse: to keep the promise a bad one would be approved"
            )),
        };
        review.find(place, said);
    }
}
