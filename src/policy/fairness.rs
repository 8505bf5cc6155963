//! Fairness: who is approached may be chosen by scores and channels; price, limit and coupon may not, and those who borrowed
//! before are never worse off than newcomers of the same grade.

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

/// Compares, per currency, grade and segment, the first offer for newcomers with the first for those who return: that is
/// what each of them is made. Terms of different kinds (an amount, a raise) are not comparable before the customer is known.
pub(super) fn worse_for_existing(offers: &[OfferRule]) -> Vec<Worse> {
    let mut grades: Vec<Option<&Text>> = offers.iter().flat_map(|offer| offer.grades.iter().map(Some)).collect();
    grades.push(None);
    let mut currencies: Vec<&Text> = offers.iter().map(|offer| &offer.currency).collect();
    currencies.sort_unstable();
    currencies.dedup();
    let mut found = Vec::new();
    for currency in currencies {
        for grade in &grades {
            let first = |kind, segment| {
                let meant = |offer: &OfferRule| offer.currency == *currency && offer.is_made_to(kind, segment, *grade);
                offers.iter().position(meant)
            };
            let Some(newcomers) = first(CandidateKind::NewRt, Segment::New) else { continue };
            for segment in [Segment::ReturningSamePartner, Segment::ReturningOtherPartner, Segment::OwnFirst] {
                let Some(existing) = first(CandidateKind::ReturningRt, segment) else { continue };
                let key = offers.get(newcomers).zip(offers.get(existing)).and_then(|(new, old)| worse_key(new, old));
                if let Some(key) = key {
                    let worse = Worse { newcomers, existing, key };
                    if !found.contains(&worse) {
                        found.push(worse);
                    }
                }
            }
        }
    }
    found
}

impl OfferRule {
    fn is_made_to(&self, kind: CandidateKind, segment: Segment, grade: Option<&Text>) -> bool {
        self.kinds.contains(&kind)
            && !self.renews
            && self.activity.is_empty()
            && (self.segments.is_empty() || self.segments.contains(&segment))
            && (self.grades.is_empty() || grade.is_some_and(|grade| self.grades.contains(grade)))
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
