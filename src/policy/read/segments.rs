//! The `segments` and `fairness` parts: how customers are told apart, and what is asked for the sake of fairness.

use super::fields::{Fields, Problems, Wrong, word};
use super::quantity::whole;
use super::tree::Node;
use crate::domain::AMOUNT_MINOR_MAX;
use crate::domain::ReasonCode;
use crate::domain::time::DAY_MS;
use crate::domain::words::Word;
use crate::policy::ProblemCode;
use crate::policy::fairness::{Fairness, barred_from_terms, worse_for_existing};
use crate::policy::offer::OfferRule;
use crate::policy::segments::{OwnHolder, SegmentRule};

/// Longest silence that a policy may name, days.
const SILENCE_DAYS_MAX: i64 = 3_660;
/// Days without a drawdown, and without any doing, where the policy names none.
const DORMANT_DAYS: i64 = 90;
const LAPSED_DAYS: i64 = 180;

pub fn read(root: &Fields<'_, '_>) -> Option<Option<SegmentRule>> {
    if !root.has("segments") {
        return Some(None);
    }
    let fields = root.group_if_any("segments", "`segments`")?;
    let own_frozen = fields.or("own_frozen", OwnHolder::Exclude, word);
    let own_expired = fields.or("own_expired", OwnHolder::Exclude, word);
    let dormant = fields.or("dormant_after_days", DORMANT_DAYS, whole(1, SILENCE_DAYS_MAX));
    let lapsed = fields.or("lapsed_after_days", LAPSED_DAYS, whole(1, SILENCE_DAYS_MAX));
    let place = fields.place_of("lapsed_after_days");
    fields.finish();
    let (dormant, lapsed) = (dormant?, lapsed?);
    if lapsed < dormant {
        let wrong = Wrong::new(format!("at least `dormant_after_days` ({dormant})"), "correct one of the two");
        root.problems.report(place, format!("`{lapsed}`"), wrong);
        return None;
    }
    Some(Some(SegmentRule::new(own_frozen?, own_expired?, dormant * DAY_MS, lapsed * DAY_MS)))
}

pub fn fairness(root: &Fields<'_, '_>) -> Option<Fairness> {
    if !root.has("fairness") {
        return Some(Fairness::default());
    }
    let fields = root.group_if_any("fairness", "`fairness`")?;
    let review = fields.or("review_required_above_minor", None, |text| whole(0, AMOUNT_MINOR_MAX)(text).map(Some));
    fields.finish();
    Some(Fairness { review_above_minor: review? })
}

/// Reports what an offer may not be made by: scores and channels choose whom and when, never the terms.
pub fn barred(offer: &Fields<'_, '_>) {
    for (key, code) in barred_from_terms().filter(|(key, _)| offer.is_written(key)) {
        offer.find(key);
        let (kind, next) = match code {
            ReasonCode::FairProtected => (ProblemCode::Protected, "remove it: no rule may read a protected attribute"),
            _ => (
                ProblemCode::Unfair,
                "remove it: it may choose whom to approach and when, never price, limit or coupon",
            ),
        };
        let wrong = Wrong::new(format!("terms that do not depend on it ({})", code.name()), next).coded(kind);
        offer.problems.report(offer.place_of(key), format!("`{key}` in an offer"), wrong);
    }
}

/// Reports where those who borrowed before would be worse off than newcomers of the same grade.
pub fn compare(node: &Node, offers: &[OfferRule], problems: &Problems<'_>) {
    let Some(items) = problems.items(node) else { return };
    for worse in worse_for_existing(offers) {
        let named = |position: usize| offers.get(position).map_or("", |offer| offer.offer.as_str());
        let Some(item) = items.get(worse.existing) else { continue };
        let found = format!("`{}`, worse than `{}` in `{}`", named(worse.existing), named(worse.newcomers), worse.key);
        let code = ReasonCode::FairExistingWorse.name();
        let expected = format!("existing customers never worse off than new ones of the same grade ({code})");
        let wrong = Wrong::new(expected, format!("make `{}` at least as good", worse.key)).coded(ProblemCode::Unfair);
        problems.report(item.place, found, wrong);
    }
}
