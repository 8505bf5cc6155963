//! What is told of an application, the drawdowns under it and the limit it gave.

use serde::{Deserialize, Serialize};

use crate::domain::EventTime;
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
