//! Fairness: who is approached may be chosen by scores and channels; price, limit and coupon may not, and those who borrowed
//! before are never worse off than newcomers of the same grade.

use rustc_hash::{FxHashMap, FxHashSet};

use super::offer::{CostRule, LimitRule, OfferRule};
use super::segments::Segment;
use crate::domain::ReasonCode::{self, FairProtected, FairReviewRequired, FairSelectionTerms};
use crate::domain::Text;
use crate::domain::candidate::{CandidateKind, Offer};

/// What may choose whom to approach and when, and never what is offered.
const SELECTION_ONLY: [&str; 16] = [
    "browser",
    "channel",
    "conversion",
    "conversion_score",
    "device",
    "door",
    "operating_system",
    "origin",
    "partner",
    "partners",
    "phone_model",
    "region",
    "response",
    "response_score",
    "value",
    "value_score",
];

/// Protected attributes, the one list of them: what no rule may read for any end, be it a condition or an offer.
const PROTECTED: [&str; 17] = [
    "age",
    "belief",
    "birth_date",
    "disability",
    "ethnicity",
    "family_status",
    "gender",
    "genetic_data",
    "health",
    "marital_status",
    "nationality",
    "political_opinion",
    "pregnancy",
    "race",
    "religion",
    "sex",
    "sexual_orientation",
];

/// The names that the terms of an offer may never be read from, each with the code of the rule that it breaks.
pub fn barred_from_terms() -> impl Iterator<Item = (&'static str, ReasonCode)> {
    let selection = SELECTION_ONLY.into_iter().map(|name| (name, FairSelectionTerms));
    selection.chain(PROTECTED.into_iter().map(|name| (name, FairProtected)))
}

/// A protected attribute: no rule at all may read it.
pub fn is_protected(name: &str) -> bool {
    PROTECTED.contains(&name)
}

/// What the policy asks besides.
#[derive(Clone, Debug, Default)]
pub(super) struct Fairness {
    /// Limits above this need a person's look before they are acted upon, minor units.
    pub review_above_minor: Option<i64>,
}

impl Fairness {
    /// What the grounds of a candidate with this offer say besides.
    pub fn mark(&self, offer: &Offer) -> Option<ReasonCode> {
        let above = self.review_above_minor.zip(offer.limit_minor).is_some_and(|(most, limit)| limit > most);
        above.then_some(FairReviewRequired)
    }
}

/// Where customers who borrowed before would be worse off than newcomers of the same grade.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Worse {
    /// Positions in the list of offers.
    pub newcomers: usize,
    pub existing: usize,
    /// The key in which they are worse off.
    pub key: &'static str,
}

/// A customer as the comparison sees one: kind and segment.
const ROLES: [(CandidateKind, Segment); 4] = [
    (CandidateKind::NewRt, Segment::New),
    (CandidateKind::ReturningRt, Segment::ReturningSamePartner),
    (CandidateKind::ReturningRt, Segment::ReturningOtherPartner),
    (CandidateKind::ReturningRt, Segment::OwnFirst),
];

/// The first offers of one currency for each role: for a grade by name, and for every grade.
#[derive(Default)]
struct Firsts<'o> {
    graded: FxHashMap<&'o Text, [Option<usize>; ROLES.len()]>,
    any: [Option<usize>; ROLES.len()],
}

impl<'o> Firsts<'o> {
    fn note(&mut self, number: usize, offer: &'o OfferRule) {
        for (place, (kind, segment)) in ROLES.into_iter().enumerate() {
            if !offer.is_made_to(kind, segment) {
                continue;
            }
            let take = |firsts: &mut [Option<usize>]| {
                if let Some(first) = firsts.get_mut(place) {
                    first.get_or_insert(number);
                }
            };
            if offer.grades.is_empty() {
                take(&mut self.any);
            }
            offer.grades.iter().for_each(|grade| take(self.graded.entry(grade).or_default()));
        }
    }

    /// What each role is made: the earlier of the two; one entry a grade, and one for those without.
    fn made(&self) -> impl Iterator<Item = [Option<usize>; ROLES.len()]> {
        let earlier = |graded: &[Option<usize>; ROLES.len()]| {
            let mut made = self.any;
            for (any, graded) in made.iter_mut().zip(graded) {
                *any = any.iter().chain(graded).min().copied();
            }
            made
        };
        self.graded.values().map(earlier).chain([self.any])
    }
}

/// Compares, per currency, grade and segment, the first offer for newcomers with the first for those who return: that is
/// what each of them is made. Terms of different kinds (an amount, a raise) are not comparable before the customer is known.
/// One pass over the offers and their grades: a worker reads policies while it works.
pub(super) fn worse_for_existing(offers: &[OfferRule]) -> Vec<Worse> {
    let mut currencies: FxHashMap<&Text, Firsts<'_>> = FxHashMap::default();
    for (number, offer) in offers.iter().enumerate() {
        currencies.entry(&offer.currency).or_default().note(number, offer);
    }
    let mut compared = FxHashSet::default();
    for [newcomers, existing @ ..] in currencies.values().flat_map(Firsts::made) {
        compared.extend(existing.into_iter().filter_map(|existing| newcomers.zip(existing)));
    }
    let mut compared: Vec<(usize, usize)> = compared.into_iter().collect();
    compared.sort_unstable();
    let worse = compared.into_iter().filter_map(|(newcomers, existing)| {
        let key = worse_key(offers.get(newcomers)?, offers.get(existing)?)?;
        Some(Worse { newcomers, existing, key })
    });
    worse.collect()
}

impl OfferRule {
    fn is_made_to(&self, kind: CandidateKind, segment: Segment) -> bool {
        self.kinds.contains(&kind)
            && !self.renews
            && self.activity.is_empty()
            && (self.segments.is_empty() || self.segments.contains(&segment))
    }

    /// Days and minor units of all coupons.
    fn coupon_worth(&self) -> (i64, i64) {
        let days = self.coupons.iter().filter_map(|coupon| coupon.days.map(i64::from)).sum();
        (days, self.coupons.iter().filter_map(|coupon| coupon.amount_minor).fold(0, i64::saturating_add))
    }
}

fn worse_key(new: &OfferRule, old: &OfferRule) -> Option<&'static str> {
    use {CostRule::BelowPartner, LimitRule::*};
    let raise = |limit: &LimitRule| match limit {
        Same => Some(0),
        Plus(ppm) => Some(*ppm),
        _ => None,
    };
    let limit = match (&new.limit, &old.limit) {
        (Fixed(new), Fixed(old)) => old < new,
        (new, old) => raise(new).zip(raise(old)).is_some_and(|(new, old)| old < new),
    };
    let cost = match (new.cost, old.cost) {
        (Some(CostRule::Fixed(new)), Some(CostRule::Fixed(old))) => old > new,
        (Some(BelowPartner(new)), Some(BelowPartner(old))) => old < new,
        _ => false,
    };
    let interest = new.interest_ppm.zip(old.interest_ppm).is_some_and(|(new, old)| old > new);
    let ((new_days, new_minor), (old_days, old_minor)) = (new.coupon_worth(), old.coupon_worth());
    let coupons = old_days < new_days || old_minor < new_minor;
    let keys = [(limit, "limit"), (cost, "cost"), (interest, "interest"), (coupons, "coupons")];
    keys.into_iter().find(|(worse, _)| *worse).map(|(_, key)| key)
}
