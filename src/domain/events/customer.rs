//! What is told of a person: traits, scores, consents, flags, the own product.

use serde::{Deserialize, Serialize};

use super::application::Employer;
use crate::domain::EventTime;
use crate::{record, words};

words! {
    pub enum ConsentPurpose {
        CreditAssessment = "credit_assessment",
        LoanServicing = "loan_servicing",
        Collection = "collection",
        MarketingOwn = "marketing_own",
        /// The purpose a reflow candidate needs.
        MarketingCross = "marketing_cross",
        ShareWithPartner = "share_with_partner",
        ShareWithOtherLender = "share_with_other_lender",
        ProfilingAutomated = "profiling_automated",
        CreditBureauQuery = "credit_bureau_query",
    }
}

/// One purpose-specific consent record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent<'a> {
    /// Reference of the evidence.
    pub consent: &'a str,
    pub purpose: ConsentPurpose,
    pub controller: &'a str,
    pub recipient: Option<&'a str>,
    pub text_version: &'a str,
    pub given_at: EventTime,
    pub withdrawn_at: Option<EventTime>,
    pub collected_via: Option<&'a str>,
}
record!(Consent<'a> { consent, purpose, controller, recipient, text_version, given_at, withdrawn_at, collected_via });

/// A score with the model that made it; the scale is the model's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score<'a> {
    pub model: &'a str,
    pub version: &'a str,
    /// Probability or rank, parts per million.
    pub value_ppm: i64,
    pub scored_at: EventTime,
}
record!(Score<'a> { model, version, value_ppm, scored_at });

words! {
    /// A named yes-or-no fact about a customer that some gate or exclusion reads.
    pub enum Flag {
        OptOut = "opt_out",
        Complaint = "complaint",
        Dispute = "dispute",
        Hardship = "hardship",
        InCollection = "in_collection",
        Deceased = "deceased",
        Student = "student",
        Minor = "minor",
        SelfExclusion = "self_exclusion",
        Abuse = "abuse",
        Fraud = "fraud",
        CourtFreeze = "court_freeze",
        OwnStaff = "own_staff",
    }
}

impl Flag {
    /// True of the flags that always forbid an approach, whatever the policy says.
    pub fn forbids(self) -> bool {
        match self {
            Self::OptOut | Self::Complaint | Self::Dispute | Self::Hardship | Self::InCollection => true,
            Self::Deceased | Self::Minor | Self::SelfExclusion => true,
            Self::Student | Self::Abuse | Self::Fraud | Self::CourtFreeze | Self::OwnStaff => false,
        }
    }
}

/// A flag with its value as of the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagValue {
    pub flag: Flag,
    pub value: bool,
}
record!(FlagValue { flag, value });

words! {
    /// The state of the customer's account with the lender's own product.
    pub enum OwnProductState {
        None = "none",
        Active = "active",
        Frozen = "frozen",
        Expired = "expired",
        Closed = "closed",
        Declined = "declined",
    }
}

/// What a customer earns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Income<'a> {
    /// A month's income, minor units.
    pub monthly_minor: i64,
    pub currency: &'a str,
}
record!(Income<'a> { monthly_minor, currency });

/// What is known of the customer (`reflow.customers`). Null leaves a field as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerEvent<'a> {
    pub event_id: &'a str,
    pub event_time: EventTime,
    pub customer: &'a str,
    pub region: Option<&'a str>,
    pub zone: Option<&'a str>,
    pub employer: Option<Employer<'a>>,
    pub risk: Option<Score<'a>>,
    pub response: Option<Score<'a>>,
    pub conversion: Option<Score<'a>>,
    pub value: Option<Score<'a>>,
    pub tags: Vec<&'a str>,
    /// Distinct lenders with an open loan or an inquiry.
    pub lenders: Option<i32>,
    /// Monthly debt service over monthly income, parts per million.
    pub debt_burden_ppm: Option<i64>,
    pub consents: Vec<Consent<'a>>,
    pub flags: Vec<FlagValue>,
    pub own_product: Option<OwnProductState>,
    pub own_limit_minor: Option<i64>,
    /// The token into which this customer was merged.
    pub merged_into: Option<&'a str>,
    /// Everything about the customer is to be forgotten.
    pub erased: bool,
    pub income: Option<Income<'a>>,
}
record!(CustomerEvent<'a> {
    event_id, event_time, customer, region, zone, employer, risk, response, conversion, value, tags, lenders,
    debt_burden_ppm, consents, flags, own_product, own_limit_minor, merged_into, erased, income
});
