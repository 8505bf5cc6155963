//! What is told of a loan and its instalments.

use serde::{Deserialize, Serialize};

use crate::domain::{CalendarDay, EventTime};
use crate::{record, words};

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
