//! The candidate: a message to the marketing side that an offer may be made. It names no partner; `origin_ref` is opaque.

use serde::{Deserialize, Serialize};

use super::codec::{Avro, CodecError, Reader};
use super::{EventTime, Text};
use crate::{record, words};

words! {
    #[derive(Default)]
    pub enum CandidateKind {
        /// Real time, no disbursement at this funder through any door yet.
        #[default]
        NewRt = "new_rt",
        /// Real time, an existing customer comes back to borrow.
        ReturningRt = "returning_rt",
        Offline = "offline",
        HomeComing = "home_coming",
        Awaken = "awaken",
        /// The customer holds an active own limit already.
        UseOwnLimit = "use_own_limit",
        Treatment = "treatment",
        Referral = "referral",
    }
}

words! {
    #[derive(Default)]
    pub enum CandidateStatus {
        #[default]
        Active = "active",
        Superseded = "superseded",
        Revoked = "revoked",
        Expired = "expired",
    }
}

words! {
    pub enum LimitMode {
        /// One limit, two doors.
        Shared = "shared",
        /// Not drawable until the partner limit is closed.
        Replace = "replace",
        Additive = "additive",
    }
}

words! {
    #[derive(Default)]
    pub enum Arm {
        #[default]
        Treatment = "treatment",
        Holdout = "holdout",
        Challenger = "challenger",
    }
}

/// A window during which a contact may be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendWindow {
    pub from: EventTime,
    pub to: EventTime,
}
record!(SendWindow { from, to });

/// One charge of the cost disclosure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostItem {
    pub name: Text,
    pub charged_by: Text,
    pub amount_minor: i64,
    /// Charged only in some event (late fee), not in the normal course.
    pub contingent: bool,
}
record!(CostItem { name, charged_by, amount_minor, contingent });

/// What the offer costs; annualised figures are IRR over every charge, parts per million.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostDisclosure {
    pub items: Vec<CostItem>,
    pub annualised_before_coupon_ppm: Option<i64>,
    pub annualised_after_coupon_ppm: Option<i64>,
}
record!(CostDisclosure { items, annualised_before_coupon_ppm, annualised_after_coupon_ppm });

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coupon {
    pub code: Text,
    /// `interest_free` or `repayment`.
    pub kind: Text,
    pub amount_minor: Option<i64>,
    pub days: Option<i32>,
}
record!(Coupon { code, kind, amount_minor, days });

/// What is offered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    pub offer: Text,
    pub code: Text,
    pub product: Text,
    pub currency: Text,
    pub limit_minor: Option<i64>,
    pub limit_mode: Option<LimitMode>,
    pub term_months: Option<i32>,
    pub all_in_cost_ppm: Option<i64>,
    pub repayment_method: Option<Text>,
    pub cost: Option<CostDisclosure>,
    pub coupons: Vec<Coupon>,
}
record!(Offer {
    offer,
    code,
    product,
    currency,
    limit_minor,
    limit_mode,
    term_months,
    all_in_cost_ppm,
    repayment_method,
    cost,
    coupons
});

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    pub name: Text,
    pub value: Text,
}
record!(Parameter { name, value });

/// How and where the offer is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub channels: Vec<Text>,
    pub touchpoint: Option<Text>,
    pub language: Option<Text>,
    pub template: Option<Text>,
    pub script: Option<Text>,
    pub parameters: Vec<Parameter>,
    pub deep_link: Option<Text>,
    pub seat_slot: Option<Text>,
}
record!(Delivery { channels, touchpoint, language, template, script, parameters, deep_link, seat_slot });

/// A field that is filled in for the customer, with the age of what fills it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefillField {
    pub field: Text,
    pub as_of: EventTime,
}
record!(PrefillField { field, as_of });

/// What the customer need not do again, and what must be confirmed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Friction {
    pub prefill: Option<Text>,
    pub fields: Vec<PrefillField>,
    pub must_confirm: Vec<Text>,
    pub steps_skipped: Vec<Text>,
}
record!(Friction { prefill, fields, must_confirm, steps_skipped });

/// Why the lender may approach this customer at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightToAct {
    pub consent: Text,
    pub source_disclosure: Option<Text>,
    pub opt_out_link: Option<Text>,
    pub non_personalised_alternative: Option<Text>,
}
record!(RightToAct { consent, source_disclosure, opt_out_link, non_personalised_alternative });

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelUse {
    pub model: Text,
    pub version: Text,
}
record!(ModelUse { model, version });

/// The record that triggered a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub topic: Text,
    pub partition: i32,
    pub offset: i64,
    pub event_id: Text,
}
record!(Source { topic, partition, offset, event_id });

/// Why this customer, this offer, now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grounds {
    pub reasons: Vec<Text>,
    pub grade: Option<Text>,
    pub models: Vec<ModelUse>,
    pub policy_version: Text,
    pub policy_hash: Text,
    pub expected_value_minor: Option<i64>,
    pub expected_cost_minor: Option<i64>,
    pub source: Source,
}
record!(Grounds {
    reasons,
    grade,
    models,
    policy_version,
    policy_hash,
    expected_value_minor,
    expected_cost_minor,
    source
});

/// A reflow candidate (`reflow.candidates.*`, keyed by customer).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// A hash of what caused it: the same input never makes two ids.
    pub candidate: Text,
    pub customer: Text,
    pub kind: CandidateKind,
    pub status: CandidateStatus,
    /// From 1; grows with each change of status.
    pub version: i32,
    pub supersedes: Option<Text>,
    pub campaign: Option<Text>,
    pub arm: Arm,
    /// An opaque reference to the door through which the customer came.
    pub origin_ref: Text,
    pub decided_at: EventTime,
    pub decide_by: EventTime,
    pub valid_from: EventTime,
    pub expires_at: EventTime,
    pub act_within_ms: i64,
    pub send_windows: Vec<SendWindow>,
    pub revocable_until: Option<EventTime>,
    /// Why the status is not active; the `END_…` codes.
    pub end_reasons: Vec<Text>,
    pub offer: Offer,
    pub delivery: Delivery,
    pub friction: Friction,
    pub right_to_act: RightToAct,
    pub grounds: Grounds,
}
record!(Candidate {
    candidate,
    customer,
    kind,
    status,
    version,
    supersedes,
    campaign,
    arm,
    origin_ref,
    decided_at,
    decide_by,
    valid_from,
    expires_at,
    act_within_ms,
    send_windows,
    revocable_until,
    end_reasons,
    offer,
    delivery,
    friction,
    right_to_act,
    grounds
});

impl<'a> Avro<'a> for Box<Candidate> {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_ref().put(out);
    }
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        Candidate::get(reader).map(Self::new)
    }
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), CodecError> {
        self.as_mut().read(reader)
    }
}
