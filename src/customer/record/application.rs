//! Applications, drawdowns and limits: the funnel as one partner's door saw it.

use std::cmp::Reverse;

use super::Keyed;
use super::fact::{Dated, Effect, stand, stand_by};
use crate::domain::events::{ApplicationKind, CancelReason, ProductKind, RepaymentMethod};
use crate::domain::{EventTime, Id, Text};

/// Something asked for: an application submitted, a drawdown requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub at: EventTime,
    pub amount_minor: Option<i64>,
}

impl Asked {
    /// The earliest asking stands; of the same time the larger amount.
    pub fn stand(standing: &mut Option<Asked>, fact: Asked) -> Effect {
        stand_by(standing, fact, |asked| (Reverse(asked.at), asked.amount_minor))
    }
}

/// How an application or a drawdown ended. Field order is rank order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    pub at: EventTime,
    pub kind: ApplicationKind,
    pub amount_minor: Option<i64>,
    pub cancel_reason: Option<CancelReason>,
}

/// One application for a limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    pub partner: Text,
    pub application: Text,
    pub currency: Option<Text>,
    pub submitted: Option<Asked>,
    /// The earliest pre-decision.
    pub preaccepted_at: Option<EventTime>,
    pub outcome: Option<Outcome>,
}

impl Application {
    pub fn new(partner: &str, application: &str) -> Self {
        Self {
            partner: partner.into(),
            application: application.into(),
            currency: None,
            submitted: None,
            preaccepted_at: None,
            outcome: None,
        }
    }

    /// What was asked for, minor units; 0 when unknown.
    pub fn submitted_minor(&self) -> i64 {
        self.submitted.and_then(|asked| asked.amount_minor).unwrap_or(0)
    }

    /// What the outcome stands for, minor units: of an approval what was granted, else what was asked for.
    pub fn outcome_minor(&self) -> i64 {
        let granted = self.outcome.filter(|o| o.kind == ApplicationKind::Approved).and_then(|o| o.amount_minor);
        granted.unwrap_or_else(|| self.submitted_minor())
    }
}

impl Keyed for Application {
    fn key(&self) -> (&str, &str) {
        (&self.partner, &self.application)
    }
}

/// One use of a limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawdown {
    pub partner: Text,
    pub drawdown: Text,
    /// The request; while none is known, the earliest event time of any fact of the drawdown, without amount.
    pub requested: Option<Asked>,
    /// The request itself is known.
    pub request_known: bool,
    pub risk_passed_at: Option<EventTime>,
    pub outcome: Option<Outcome>,
    /// The candidate proposed for this drawdown; empty when none was.
    pub candidate: Id,
    /// The limit that it offers, minor units; none where no candidate was proposed, or one without a limit.
    pub offered_minor: Option<i64>,
    /// The partner stage admitted it.
    pub admitted: bool,
    /// The customer accepted its offer.
    pub own_accepted: bool,
    /// When the policy was last asked, only the holdout kept a proposal back: the drawdown is one of the control group.
    pub held_out: bool,
    /// Some event of the drawdown says that the applicant is on the partner's staff, or that it is a test. Never taken back.
    pub staff: bool,
    pub test_order: bool,
}

impl Drawdown {
    pub fn new(partner: &str, drawdown: &str) -> Self {
        Self {
            partner: partner.into(),
            drawdown: drawdown.into(),
            requested: None,
            request_known: false,
            risk_passed_at: None,
            outcome: None,
            candidate: Id::default(),
            offered_minor: None,
            admitted: false,
            own_accepted: false,
            held_out: false,
            staff: false,
            test_order: false,
        }
    }

    /// The request stands against any other fact of the drawdown; of several requests the earliest.
    pub fn request(&mut self, fact: Asked) -> Effect {
        if !self.request_known {
            self.requested = None;
            self.request_known = true;
        }
        Asked::stand(&mut self.requested, fact)
    }

    /// A fact other than the request: while that is unknown, the earliest one says when the drawdown began.
    pub fn seen_at(&mut self, at: EventTime) -> Effect {
        if self.request_known || self.requested.is_some_and(|asked| asked.at <= at) {
            return Effect::Same;
        }
        self.requested = Some(Asked { at, amount_minor: None });
        Effect::Changed
    }

    /// Notes what an event says of the order itself.
    pub fn mark(&mut self, staff: bool, test_order: bool) -> Effect {
        let before = (self.staff, self.test_order);
        (self.staff, self.test_order) = (before.0 || staff, before.1 || test_order);
        if (self.staff, self.test_order) == before { Effect::Same } else { Effect::Changed }
    }

    /// What was requested, else what the outcome says; 0 when neither is known. Minor units.
    pub fn amount_minor(&self) -> i64 {
        let requested = self.requested.and_then(|asked| asked.amount_minor);
        requested.or(self.outcome.and_then(|outcome| outcome.amount_minor)).unwrap_or(0)
    }

    pub fn disbursed_at(&self) -> Option<EventTime> {
        self.outcome.filter(|o| o.kind == ApplicationKind::DrawdownDisbursed).map(|o| o.at)
    }

    /// Given up for the lender's own offer, in so many words or left to time out after it was accepted: *diverted*, if the
    /// candidate was admitted.
    pub fn chose_own(&self) -> bool {
        self.outcome.is_some_and(|o| match o.kind {
            ApplicationKind::DrawdownCancelled => self.own_accepted || o.cancel_reason == Some(CancelReason::ChoseOwn),
            ApplicationKind::DrawdownTimedOut => self.own_accepted,
            _ => false,
        })
    }
}

impl Keyed for Drawdown {
    fn key(&self) -> (&str, &str) {
        (&self.partner, &self.drawdown)
    }
}

/// One limit of a partner's product. Each term stands by itself: a repricing that names only the cost leaves the limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub partner: Text,
    /// Empty when the events name no product.
    pub product: Text,
    pub currency: Option<Text>,
    /// The latest granting, change or repricing.
    pub terms_at: Option<EventTime>,
    pub limit_minor: Option<Dated<i64>>,
    pub all_in_cost_ppm: Option<Dated<i64>>,
    pub term_months: Option<Dated<i32>>,
    pub repayment_method: Option<Dated<RepaymentMethod>>,
    pub product_kind: Option<Dated<ProductKind>>,
    pub frozen: Option<Dated<bool>>,
    /// Closed or expired, and when.
    pub ended: Option<Dated<ApplicationKind>>,
}

impl Limit {
    pub fn new(partner: &str, product: &str) -> Self {
        Self {
            partner: partner.into(),
            product: product.into(),
            currency: None,
            terms_at: None,
            limit_minor: None,
            all_in_cost_ppm: None,
            term_months: None,
            repayment_method: None,
            product_kind: None,
            frozen: None,
            ended: None,
        }
    }

    /// Notes that the limit's terms were stated.
    pub fn stated(&mut self, at: EventTime) -> Effect {
        stand(&mut self.terms_at, at)
    }
}

impl Keyed for Limit {
    fn key(&self) -> (&str, &str) {
        (&self.partner, &self.product)
    }
}
