//! What arrives: the lender's own events about applications, repayments, customers and outcomes, and commands.
//!
//! Events borrow from the record they were decoded from; only what a state keeps is ever copied. Field order is schema order.

use serde::{Deserialize, Serialize};

use super::{CalendarDay, EventTime};
use crate::{record, words};

words! {
    /// What an application event says: about the application, a drawdown under it, or the limit it gave.
    pub enum ApplicationKind {
        Submitted = "submitted",
        /// A pre-decision; not an approval.
        Preaccepted = "preaccepted",
        Approved = "approved",
        Declined = "declined",
        Cancelled = "cancelled",
        Expired = "expired",
        DrawdownRequested = "drawdown_requested",
        /// The core's risk step passed; the trigger where the core emits it.
        DrawdownRiskPassed = "drawdown_risk_passed",
        DrawdownDisbursed = "drawdown_disbursed",
        DrawdownDeclined = "drawdown_declined",
        DrawdownCancelled = "drawdown_cancelled",
        DrawdownTimedOut = "drawdown_timed_out",
        /// The partner gave the drawdown to another funder.
        DrawdownRerouted = "drawdown_rerouted",
        LimitGranted = "limit_granted",
        LimitChanged = "limit_changed",
        LimitFrozen = "limit_frozen",
        LimitUnfrozen = "limit_unfrozen",
        LimitClosed = "limit_closed",
        LimitExpired = "limit_expired",
        LimitRepriced = "limit_repriced",
    }
}

words! {
    /// Why a drawdown was cancelled.
    pub enum CancelReason {
        /// The customer took the lender's own offer instead.
        ChoseOwn = "chose_own",
        ChoseOther = "chose_other",
        NotNeeded = "not_needed",
        Terms = "terms",
        Other = "other",
    }
}

words! {
    pub enum ProductKind {
        Cash = "cash",
        BalanceTransfer = "balance_transfer",
        SceneInstalment = "scene_instalment",
    }
}

words! {
    pub enum RepaymentMethod {
        /// Equal instalments of principal and interest together.
        EqualInstalment = "equal_instalment",
        /// Equal principal, falling interest.
        EqualPrincipal = "equal_principal",
        /// Interest in between, principal at the end.
        InterestFirst = "interest_first",
        /// One payment at the end.
        Bullet = "bullet",
    }
}

words! {
    /// Who bears the credit risk of the loan.
    pub enum RiskBearing {
        Funder = "funder",
        /// A guarantor or insurer takes losses for a fee.
        Enhanced = "enhanced",
        Joint = "joint",
    }
}

words! {
    pub enum EmployerSource {
        Form = "form",
        CreditReport = "credit_report",
    }
}

/// The funder's own verdict on the risk of a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskVerdict<'a> {
    pub model: &'a str,
    pub version: &'a str,
    pub band: &'a str,
    pub decided_at: EventTime,
    /// Days from `decided_at` during which the verdict may be relied on.
    pub valid_days: i32,
}
record!(RiskVerdict<'a> { model, version, band, decided_at, valid_days });

/// The keyed token of an employer and where it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Employer<'a> {
    pub token: &'a str,
    pub source: EmployerSource,
}
record!(Employer<'a> { token, source });

/// An event of an application, a drawdown or a limit (`reflow.applications`, keyed by customer).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationEvent<'a> {
    pub event_id: &'a str,
    pub event_time: EventTime,
    pub customer: &'a str,
    pub partner: &'a str,
    pub application: &'a str,
    /// Set for `drawdown_*`: the drawdown's own id. The loan of a disbursed drawdown carries the same id unless `loan` says otherwise.
    pub drawdown: Option<&'a str>,
    pub loan: Option<&'a str>,
    pub kind: ApplicationKind,
    pub product: Option<&'a str>,
    pub product_kind: Option<ProductKind>,
    pub amount_minor: Option<i64>,
    pub limit_minor: Option<i64>,
    /// ISO 4217.
    pub currency: Option<&'a str>,
    /// Annualised all-in cost, parts per million.
    pub all_in_cost_ppm: Option<i64>,
    pub term_months: Option<i32>,
    pub repayment_method: Option<RepaymentMethod>,
    pub decline_reason: Option<&'a str>,
    pub cancel_reason: Option<CancelReason>,
    pub risk_verdict: Option<RiskVerdict<'a>>,
    pub risk_bearing: Option<RiskBearing>,
    pub enhancer: Option<&'a str>,
    /// The funder's own share of the loan, parts per million.
    pub funder_share_ppm: Option<i64>,
    /// The applicant is on the partner's staff.
    pub staff: bool,
    /// A pre-production test or verification order.
    pub test_order: bool,
    pub region: Option<&'a str>,
    pub employer: Option<Employer<'a>>,
}
record!(ApplicationEvent<'a> {
    event_id, event_time, customer, partner, application, drawdown, loan, kind, product, product_kind, amount_minor,
    limit_minor, currency, all_in_cost_ppm, term_months, repayment_method, decline_reason, cancel_reason, risk_verdict,
    risk_bearing, enhancer, funder_share_ppm, staff, test_order, region, employer
});

words! {
    pub enum RepaymentKind {
        /// Money out; the loan starts.
        Disbursed = "disbursed",
        /// One instalment of the schedule.
        Scheduled = "scheduled",
        /// The instalment fell due (states the schedule again).
        Due = "due",
        Paid = "paid",
        PartiallyPaid = "partially_paid",
        /// A payment was taken back: the cumulative paid amounts fall.
        Reversed = "reversed",
        /// The instalment got another due date or amount.
        Rescheduled = "rescheduled",
        Waived = "waived",
        Closed = "closed",
    }
}

words! {
    /// Who paid. Only the customer's own payments cure a delinquency.
    pub enum Payer {
        Customer = "customer",
        Enhancer = "enhancer",
        PartnerBuyback = "partner_buyback",
        Insurer = "insurer",
        Waiver = "waiver",
    }
}

words! {
    pub enum CloseReason {
        Settled = "settled",
        Prepaid = "prepaid",
        Compensated = "compensated",
        BoughtBack = "bought_back",
        WrittenOff = "written_off",
        Restructured = "restructured",
        Transferred = "transferred",
    }
}

/// Amounts of one instalment in minor units, by component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Components {
    pub principal_minor: i64,
    pub interest_minor: i64,
    pub fee_minor: i64,
}
record!(Components { principal_minor, interest_minor, fee_minor });

impl Components {
    /// The sum of all components, saturating.
    pub fn total_minor(self) -> i64 {
        self.principal_minor.saturating_add(self.interest_minor).saturating_add(self.fee_minor)
    }
}

/// An event of a loan or one of its instalments (`reflow.repayments`, keyed by customer).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepaymentEvent<'a> {
    pub event_id: &'a str,
    pub event_time: EventTime,
    pub customer: &'a str,
    pub partner: &'a str,
    pub loan: &'a str,
    /// From 1; null for facts about the whole loan.
    pub instalment: Option<i32>,
    pub kind: RepaymentKind,
    pub due_date: Option<CalendarDay>,
    /// What is owed for the instalment; for `disbursed` the loan's principal.
    pub due: Option<Components>,
    /// What has been paid for the instalment *in all*, this payment included.
    pub paid: Option<Components>,
    pub payer: Option<Payer>,
    pub close_reason: Option<CloseReason>,
    pub payment: Option<&'a str>,
    pub currency: Option<&'a str>,
    /// How many instalments the loan has; with `disbursed`.
    pub instalments: Option<i32>,
}
record!(RepaymentEvent<'a> {
    event_id, event_time, customer, partner, loan, instalment, kind, due_date, due, paid, payer, close_reason, payment,
    currency, instalments
});

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

words! {
    /// What became of a candidate or a contact.
    pub enum OutcomeKind {
        Delivered = "delivered",
        Responded = "responded",
        /// The own offer was accepted.
        Accepted = "accepted",
        Rejected = "rejected",
        /// The own product was disbursed.
        Disbursed = "disbursed",
        Contacted = "contacted",
        Failed = "failed",
    }
}

/// What the marketing side and the own product report back (`reflow.outcomes`, keyed by customer).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome<'a> {
    pub event_id: &'a str,
    pub event_time: EventTime,
    pub customer: &'a str,
    pub candidate: Option<&'a str>,
    pub kind: OutcomeKind,
    pub channel: Option<&'a str>,
    pub amount_minor: Option<i64>,
    pub currency: Option<&'a str>,
}
record!(Outcome<'a> { event_id, event_time, customer, candidate, kind, channel, amount_minor, currency });

words! {
    pub enum CommandKind {
        StartCampaign = "start_campaign",
        StopCampaign = "stop_campaign",
        PausePartner = "pause_partner",
        ResumePartner = "resume_partner",
        RevokeCandidate = "revoke_candidate",
    }
}

/// An order by an operator (`reflow.commands`, keyed by customer where it names one).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command<'a> {
    pub event_id: &'a str,
    pub event_time: EventTime,
    pub kind: CommandKind,
    pub customer: Option<&'a str>,
    pub partner: Option<&'a str>,
    pub campaign: Option<&'a str>,
    pub candidate: Option<&'a str>,
    pub ordered_by: &'a str,
    pub reason: &'a str,
}
record!(Command<'a> { event_id, event_time, kind, customer, partner, campaign, candidate, ordered_by, reason });

/// Any event of the customer stage's input topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    Application(ApplicationEvent<'a>),
    Repayment(RepaymentEvent<'a>),
    Customer(CustomerEvent<'a>),
    Outcome(Outcome<'a>),
    Command(Command<'a>),
}

impl<'a> Event<'a> {
    pub fn event_id(&self) -> &'a str {
        match self {
            Event::Application(e) => e.event_id,
            Event::Repayment(e) => e.event_id,
            Event::Customer(e) => e.event_id,
            Event::Outcome(e) => e.event_id,
            Event::Command(e) => e.event_id,
        }
    }

    pub fn event_time(&self) -> EventTime {
        match self {
            Event::Application(e) => e.event_time,
            Event::Repayment(e) => e.event_time,
            Event::Customer(e) => e.event_time,
            Event::Outcome(e) => e.event_time,
            Event::Command(e) => e.event_time,
        }
    }

    /// The customer the event is about; a command may name none.
    pub fn customer(&self) -> Option<&'a str> {
        match self {
            Event::Application(e) => Some(e.customer),
            Event::Repayment(e) => Some(e.customer),
            Event::Customer(e) => Some(e.customer),
            Event::Outcome(e) => Some(e.customer),
            Event::Command(e) => e.customer,
        }
    }

    /// The partner whose clock the event moves, where it names one.
    pub fn partner(&self) -> Option<&'a str> {
        match self {
            Event::Application(e) => Some(e.partner),
            Event::Repayment(e) => Some(e.partner),
            Event::Command(e) => e.partner,
            Event::Customer(_) | Event::Outcome(_) => None,
        }
    }
}
