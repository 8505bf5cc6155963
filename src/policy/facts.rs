//! What the customer stage knows when it asks the policy: everything about one customer at one trigger, nothing else.

use crate::domain::candidate::Source;
use crate::domain::events::{Income, OwnProductState, ProductKind, RepaymentMethod, RiskBearing, RiskVerdict, Score};
use crate::domain::{CandidateKind, EventTime, Subject, Text};

/// How the customer has repaid, over all partners and the own product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Days past due today: the maximum over open loans, 0 when nothing is unpaid.
    pub dpd_now: i32,
    /// Worst days past due seen in the last 24 months.
    pub worst_dpd_24m: i32,
    /// One bit per month that was late, bit 0 the current month, 24 bits.
    pub late_months: u32,
    pub compensated: bool,
    pub written_off: bool,
}

/// The cross-marketing consent given to this lender, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsentFact<'a> {
    pub consent: &'a str,
    pub text_version: &'a str,
    pub given_at: EventTime,
    pub withdrawn_at: Option<EventTime>,
}

/// What the partner flow gave the customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartnerLimit<'a> {
    pub limit_minor: Option<i64>,
    pub all_in_cost_ppm: Option<i64>,
    pub term_months: Option<i32>,
    pub repayment_method: Option<RepaymentMethod>,
    pub product_kind: Option<ProductKind>,
    pub currency: Option<&'a str>,
}

/// What the customer has at one door of ours: a partner's, or the own one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Door<'a> {
    /// Empty for the own door.
    pub partner: &'a str,
    pub terms: PartnerLimit<'a>,
}

/// What the customer can owe this funder, at its full share, in the currency of the trigger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Over the own product and every partner: open undrawn limits, outstanding, pending requests, accepted offers. Minor units.
    pub total_minor: i64,
    /// The part at the partner asked.
    pub here_minor: i64,
    /// Of that, what is drawn or asked for.
    pub here_used_minor: i64,
    /// The part at the own product.
    pub own_minor: i64,
    /// What would have to be known to tell; none when all of it is.
    pub unknown: Option<Subject>,
}

/// When and where the customer borrowed before the trigger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Loans disbursed before, through the partner asked.
    pub disbursed_here: u32,
    /// Loans disbursed before, through any other door.
    pub disbursed_elsewhere: u32,
    /// The customer came through the own door first.
    pub own_first: bool,
    pub last_disbursed_at: Option<EventTime>,
    /// Latest doing of the customer: a request, an application, a disbursement, a payment.
    pub last_active_at: Option<EventTime>,
    /// Some limit can be drawn on.
    pub limit_open: bool,
    /// Something is outstanding.
    pub balance: bool,
}

/// What the record holds of the customer's business with this funder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings<'a> {
    pub doors: &'a [Door<'a>],
    pub exposure: Exposure,
    pub history: History,
}

/// The facts of one real-time trigger.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    pub now: EventTime,
    /// When the drawdown was requested or risk-passed, whichever triggers.
    pub event_time: EventTime,
    pub requested_at: EventTime,
    pub customer: &'a str,
    pub partner: &'a str,
    pub application: &'a str,
    pub drawdown: &'a str,
    pub amount_minor: Option<i64>,
    pub kind: CandidateKind,
    pub limit: PartnerLimit<'a>,
    pub consent: Option<ConsentFact<'a>>,
    /// Bit set of [`crate::domain::events::Flag`] ordinals.
    pub flags: u32,
    pub staff: bool,
    pub test_order: bool,
    /// Tokens of the application form and the credit report, where known.
    pub employers: &'a [&'a str],
    pub region: Option<&'a str>,
    pub standing: Standing,
    pub verdict: Option<RiskVerdict<'a>>,
    /// Admitted candidates of this customer over all partners, newest first.
    pub offered_at: &'a [EventTime],
    /// A candidate of this customer is live, or ended but not yet released.
    pub live: bool,
    /// A proposal of this customer waits for its reply.
    pub pending: bool,
    pub lenders: Option<i32>,
    pub debt_burden_ppm: Option<i64>,
    pub own_product: Option<OwnProductState>,
    /// Who bears the risk of the loan asked for, as the trigger says.
    pub risk_bearing: Option<RiskBearing>,
    pub enhancer: Option<&'a str>,
    pub holdings: Holdings<'a>,
    pub source: &'a Source,
    pub person: Person<'a>,
}

/// What else is known of the person, for the rules that ask for it.
#[derive(Clone, Debug, Default)]
pub struct Person<'a> {
    pub risk: Option<Score<'a>>,
    pub response: Option<Score<'a>>,
    pub conversion: Option<Score<'a>>,
    pub value: Option<Score<'a>>,
    pub tags: Option<&'a [Text]>,
    /// IANA name of the zone the customer lives in.
    pub zone: Option<&'a str>,
    pub own_limit_minor: Option<i64>,
    pub income: Option<Income<'a>>,
    /// When the own product was last said to be in its state.
    pub own_product_at: Option<EventTime>,
    /// When the own product was last declined.
    pub own_declined_at: Option<EventTime>,
    /// The record was merged into another one.
    pub merged: bool,
    /// A loan, or an instalment of one, was restructured.
    pub restructured: bool,
    /// Whether the newest try to contact the customer came through; `None`: none was made.
    pub reachable: Option<bool>,
    /// Bit set of [`crate::domain::events::ConsentPurpose`] ordinals: consents that stand at the event.
    pub purposes: u32,
    /// When the standing authorisation to ask the credit bureau was given.
    pub bureau_given_at: Option<EventTime>,
    pub known_at: KnownAt,
    /// Days past due now at each door where something is: partner token, days.
    pub overdue: &'a [(&'a str, i32)],
    /// Contacts that were made, newest first.
    pub contacts: &'a [ContactFact<'a>],
}

/// One contact that was made: a message delivered or a call that came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContactFact<'a> {
    pub at: EventTime,
    pub channel: Option<&'a str>,
}

/// When what is known of the person was stated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownAt {
    pub region: Option<EventTime>,
    /// The older of the two employers.
    pub employer: Option<EventTime>,
    pub lenders: Option<EventTime>,
    pub debt_burden: Option<EventTime>,
    pub income: Option<EventTime>,
}
