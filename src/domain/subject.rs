//! What a check looks at, as far as the code itself gives the names: rules, lifts and horizons of a policy bring their own.

use super::events::Flag;
use super::name::Listed;
use crate::words;

words! {
    /// Appended to only: the position is what decisions say.
    pub enum Subject {
        // What nearly every judgement looks at: these take one byte.
        ListedFrom = "listed_from",
        ListedUntil = "listed_until",
        RealTimePermitted = "real_time_permitted",
        ContractFrom = "contract_from",
        ContractUntil = "contract_until",
        EnhancerListed = "enhancer_listed",
        ConsentGivenAt = "consent_given_at",
        ConsentText = "consent_text",
        ConsentWithdrawnAt = "consent_withdrawn_at",
        OptOut = "opt_out",
        Hardship = "hardship",
        Dispute = "dispute",
        Complaint = "complaint",
        InCollection = "in_collection",
        SelfExclusion = "self_exclusion",
        Deceased = "deceased",
        Minor = "minor",
        AnswerAge = "answer_age",
        Staff = "staff",
        OnStaffList = "on_staff_list",
        TestOrder = "test_order",
        EmployersListed = "employers_listed",
        DpdNow = "dpd_now",
        WorstDpd24m = "worst_dpd_24m",
        LateMonthsInARow = "late_months_in_a_row",
        LateMonths24m = "late_months_24m",
        WrittenOff = "written_off",
        Compensated = "compensated",
        Student = "student",
        Abuse = "abuse",
        Fraud = "fraud",
        CourtFreeze = "court_freeze",
        OwnStaff = "own_staff",
        Region = "region",
        OwnVerdict = "own_verdict",
        VerdictValidUntil = "verdict_valid_until",
        RiskBand = "risk_band",
        VerdictModel = "verdict_model",
        VerdictAge = "verdict_age",
        Lenders = "lenders",
        DebtBurden = "debt_burden",
        OwnDpdNow = "own_dpd_now",
        Restructured = "restructured",
        OwnDeclined = "own_declined",
        ExposureAfter = "exposure_after",
        AllInCost = "all_in_cost",
        OffersThatFit = "offers_that_fit",
        ProposalWaits = "proposal_waits",
        CandidateLive = "candidate_live",
        AdmittedInWindow = "admitted_in_window",
        SinceLastAdmitted = "since_last_admitted",
        ContractKnown = "contract_known",
        DecideBy = "decide_by",
        PartnerDataStale = "partner_data_stale",
        PartnerPaused = "partner_paused",
        Reserved = "reserved",
        Counterfactual = "counterfactual",
        CounterfactualPass = "counterfactual_pass",
        CounterfactualDrawdowns = "counterfactual_drawdowns",
        HoldoutDrawdowns = "holdout_drawdowns",
        AdmittedToday = "admitted_today",
        AdmittedThisHour = "admitted_this_hour",
        InHoldout = "in_holdout",
        // What few policies ask for, or is not known.
        MergedIntoAnother = "merged_into_another",
        OnTestList = "on_test_list",
        OnOwnStaffList = "on_own_staff_list",
        OnRelatedPartyList = "on_related_party_list",
        StaffListCurrent = "staff_list_current",
        EmployerListCurrent = "employer_list_current",
        TestListCurrent = "test_list_current",
        OwnStaffListCurrent = "own_staff_list_current",
        RelatedPartyListCurrent = "related_party_list_current",
        OwnDeclinedAge = "own_declined_age",
        BureauAuthorisationAge = "bureau_authorisation_age",
        RegionAge = "region_age",
        EmployerAge = "employer_age",
        LendersAge = "lenders_age",
        DebtBurdenAge = "debt_burden_age",
        IncomeAge = "income_age",
        VerdictDecidedAt = "verdict_decided_at",
        RiskModel = "risk_model",
        RiskScoreAge = "risk_score_age",
        ResponseModel = "response_model",
        ResponseScoreAge = "response_score_age",
        ResponseScore = "response_score",
        ConversionModel = "conversion_model",
        ConversionScoreAge = "conversion_score_age",
        ValueModel = "value_model",
        ValueScoreAge = "value_score_age",
        Grade = "grade",
        OwnProduct = "own_product",
        Income = "income",
        IncomeShare = "income_share",
        MonthlyIncome = "monthly_income",
        ExposureShareOfIncome = "exposure_share_of_income",
        ExposureCap = "exposure_cap",
        ExposureInOneCurrency = "exposure_in_one_currency",
        OwnLimit = "own_limit",
        LimitMinor = "limit_minor",
        RiskBearing = "risk_bearing",
        PartnerLimit = "partner_limit",
        PartnerAllInCost = "partner_all_in_cost",
        PartnerTerm = "partner_term",
        PartnerRepaymentMethod = "partner_repayment_method",
        AdmittedInDay = "admitted_in_day",
        AdmittedInWeek = "admitted_in_week",
        AdmittedInMonth = "admitted_in_month",
        ContactsInWindow = "contacts_in_window",
        ChannelPermitted = "channel_permitted",
        ContactHours = "contact_hours",
        HolidayTableCurrent = "holiday_table_current",
        LimitApproval = "limit_approval",
        PaceFrom = "pace_from",
        OffersToday = "offers_today",
        CouponsToday = "coupons_today",
        ExposureLive = "exposure_live",
        AverageCost = "average_cost",
    }
}

impl Listed for Subject {
    const OTHER: &'static str = "other";
}

impl From<Flag> for Subject {
    fn from(flag: Flag) -> Self {
        match flag {
            Flag::OptOut => Self::OptOut,
            Flag::Complaint => Self::Complaint,
            Flag::Dispute => Self::Dispute,
            Flag::Hardship => Self::Hardship,
            Flag::InCollection => Self::InCollection,
            Flag::Deceased => Self::Deceased,
            Flag::Student => Self::Student,
            Flag::Minor => Self::Minor,
            Flag::SelfExclusion => Self::SelfExclusion,
            Flag::Abuse => Self::Abuse,
            Flag::Fraud => Self::Fraud,
            Flag::CourtFreeze => Self::CourtFreeze,
            Flag::OwnStaff => Self::OwnStaff,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::words::Word;

    #[test]
    fn flags_are_looked_at_by_their_own_names() {
        for flag in Flag::ALL {
            assert_eq!(Subject::from(*flag).name(), flag.name());
        }
    }
}
