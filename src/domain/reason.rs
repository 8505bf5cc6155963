//! Stable reason codes of a no (and of the marks on a yes), by family: law and contract gates, exclusions, holds, control, data.
//!
//! Schemas carry codes as strings, because a policy may add codes of its own; these are the ones the code itself gives.

use super::Text;
use super::words::Word;
use crate::words;

words! {
    pub enum ReasonCode {
        GateContractForbids = "GATE_CONTRACT_FORBIDS",
        GateContractDates = "GATE_CONTRACT_DATES",
        GatePartnerUnlisted = "GATE_PARTNER_UNLISTED",
        GateEnhancerUnlisted = "GATE_ENHANCER_UNLISTED",
        GateNoConsent = "GATE_NO_CONSENT",
        GateOptOut = "GATE_OPT_OUT",
        GateHardship = "GATE_HARDSHIP",
        GateDispute = "GATE_DISPUTE",
        GateComplaint = "GATE_COMPLAINT",
        GateInCollection = "GATE_IN_COLLECTION",
        GateSelfExclusion = "GATE_SELF_EXCLUSION",
        GateDeceased = "GATE_DECEASED",
        GateMinor = "GATE_MINOR",
        GateDeadline = "GATE_DEADLINE",
        GateQuietHours = "GATE_QUIET_HOURS",
        GatePriceCap = "GATE_PRICE_CAP",
        GateBureauAuthorisation = "GATE_BUREAU_AUTHORISATION",
        GateChannel = "GATE_CHANNEL",
        ExcPartnerStaff = "EXC_PARTNER_STAFF",
        ExcTestOrder = "EXC_TEST_ORDER",
        ExcEmployer = "EXC_EMPLOYER",
        ExcSevereDpd = "EXC_SEVERE_DPD",
        ExcCompensated = "EXC_COMPENSATED",
        ExcRegion = "EXC_REGION",
        ExcStudent = "EXC_STUDENT",
        ExcAbuse = "EXC_ABUSE",
        ExcFraud = "EXC_FRAUD",
        ExcCourtFreeze = "EXC_COURT_FREEZE",
        ExcOwnStaff = "EXC_OWN_STAFF",
        ExcRelatedParty = "EXC_RELATED_PARTY",
        ExcOwnDeclined = "EXC_OWN_DECLINED",
        ExcOwnOverdue = "EXC_OWN_OVERDUE",
        ExcRestructured = "EXC_RESTRUCTURED",
        ExcGrade = "EXC_GRADE",
        ExcMultiLender = "EXC_MULTI_LENDER",
        ExcDebtBurden = "EXC_DEBT_BURDEN",
        ExcOwnProduct = "EXC_OWN_PRODUCT",
        ExcExposureCap = "EXC_EXPOSURE_CAP",
        ExcRiskBand = "EXC_RISK_BAND",
        ExcNoOffer = "EXC_NO_OFFER",
        HoldReflowEffect = "HOLD_REFLOW_EFFECT",
        HoldDrawdownPassFloor = "HOLD_DRAWDOWN_PASS_FLOOR",
        HoldMinN = "HOLD_MIN_N",
        HoldAvgCost = "HOLD_AVG_COST",
        HoldDivertedShare = "HOLD_DIVERTED_SHARE",
        HoldLimitApproval = "HOLD_LIMIT_APPROVAL",
        HoldQuotaDay = "HOLD_QUOTA_DAY",
        HoldQuotaHour = "HOLD_QUOTA_HOUR",
        HoldPace = "HOLD_PACE",
        HoldBudgetOffers = "HOLD_BUDGET_OFFERS",
        HoldBudgetCoupon = "HOLD_BUDGET_COUPON",
        HoldBudgetExposure = "HOLD_BUDGET_EXPOSURE",
        HoldReturningShare = "HOLD_RETURNING_SHARE",
        HoldFreqCap = "HOLD_FREQ_CAP",
        HoldCoolDown = "HOLD_COOL_DOWN",
        HoldLowResponse = "HOLD_LOW_RESPONSE",
        HoldLiveCandidate = "HOLD_LIVE_CANDIDATE",
        HoldPending = "HOLD_PENDING",
        HoldPartnerPaused = "HOLD_PARTNER_PAUSED",
        CtrlHoldout = "CTRL_HOLDOUT",
        DataMissing = "DATA_MISSING",
        DataStale = "DATA_STALE",
        DataVerdictMissing = "DATA_VERDICT_MISSING",
        DataVerdictExpired = "DATA_VERDICT_EXPIRED",
        DataModelUnapproved = "DATA_MODEL_UNAPPROVED",
        DataMerged = "DATA_MERGED",
        DataUnknownPartner = "DATA_UNKNOWN_PARTNER",
        DataNoPolicy = "DATA_NO_POLICY",
        DataPolicyChanged = "DATA_POLICY_CHANGED",
        /// A mark on a yes: a person must look at it before it is acted upon.
        FairReviewRequired = "FAIR_REVIEW_REQUIRED",
        /// What a policy is refused for: terms by score, device, door or channel; by a protected attribute; existing customers worse off.
        FairSelectionTerms = "FAIR_SELECTION_TERMS",
        FairProtected = "FAIR_PROTECTED",
        FairExistingWorse = "FAIR_EXISTING_WORSE",
        /// Marks on revocations: what ended the candidate.
        EndDrawdownDisbursed = "END_DRAWDOWN_DISBURSED",
        EndDrawdownDeclined = "END_DRAWDOWN_DECLINED",
        EndDrawdownCancelled = "END_DRAWDOWN_CANCELLED",
        EndDrawdownTimedOut = "END_DRAWDOWN_TIMED_OUT",
        EndDrawdownRerouted = "END_DRAWDOWN_REROUTED",
        EndExpired = "END_EXPIRED",
        EndOptOut = "END_OPT_OUT",
        EndForbidden = "END_FORBIDDEN",
        EndCommand = "END_COMMAND",
        EndErased = "END_ERASED",
    }
}

impl From<ReasonCode> for Text {
    fn from(code: ReasonCode) -> Self {
        Text::const_new(code.name())
    }
}
