//! What arrives: the lender's own events about applications, repayments, customers and outcomes, and commands.
//!
//! Events borrow from the record they were decoded from; only what a state keeps is ever copied. Field order is schema order.

mod application;
mod customer;
mod repayment;

use serde::{Deserialize, Serialize};

pub use application::*;
pub use customer::*;
pub use repayment::*;

use super::EventTime;
use crate::{record, words};

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
