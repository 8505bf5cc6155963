//! Loans and their instalments: schedule, standing payment, close, and what follows from them.

use super::Keyed;
use super::fact::{Effect, stand_by};
use crate::domain::events::{CloseReason, Components, Payer};
use crate::domain::{CalendarDay, EventTime, Text};

/// Money out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Disbursed {
    pub at: EventTime,
    pub principal_minor: i64,
    pub instalments: Option<i32>,
}

/// The end of a loan, with its calendar day in the contract's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    pub at: EventTime,
    pub reason: CloseReason,
    pub day: CalendarDay,
}

/// What a loan has once been and no later fact takes back: each fact that says so counts, also one that a newer stands against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// An enhancer, insurer or buy-back paid something, or all of it.
    pub compensated: bool,
    pub written_off: bool,
    pub restructured: bool,
}

impl Marks {
    /// What the end of a loan says of it.
    pub fn of_close(reason: CloseReason) -> Self {
        Self {
            compensated: matches!(reason, CloseReason::Compensated | CloseReason::BoughtBack),
            written_off: reason == CloseReason::WrittenOff,
            restructured: reason == CloseReason::Restructured,
        }
    }

    /// What a payment says of the loan. A waiver is none by another.
    pub fn of_payment(payment: &Payment) -> Self {
        let another = matches!(payment.payer, Payer::Enhancer | Payer::PartnerBuyback | Payer::Insurer);
        let some = payment.paid.is_none_or(|paid| paid.total_minor() > 0);
        Self { compensated: another && some, ..Self::default() }
    }

    /// These and those.
    pub fn with(self, more: Self) -> Self {
        Self {
            compensated: self.compensated || more.compensated,
            written_off: self.written_off || more.written_off,
            restructured: self.restructured || more.restructured,
        }
    }
}

impl Closed {
    /// The latest stands, then the reason; the day follows from the time.
    pub fn stand(standing: &mut Option<Closed>, fact: Closed) -> Effect {
        stand_by(standing, fact, |closed| (closed.at, closed.reason))
    }
}

/// What is due and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub at: EventTime,
    pub due_date: CalendarDay,
    pub due: Components,
}

/// What has been paid in all, by whom, and on which calendar day in the contract's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    pub at: EventTime,
    /// None: all that is due (a waiver of the rest).
    pub paid: Option<Components>,
    pub payer: Payer,
    pub day: CalendarDay,
}

/// One instalment: the standing schedule and the standing payment, each kept without the other too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instalment {
    pub number: i32,
    pub schedule: Option<Schedule>,
    pub payment: Option<Payment>,
}

/// What has become of an instalment whose schedule is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstalmentState {
    Open,
    /// Settled on that day; `by_customer` is false when somebody else paid.
    Settled {
        day: CalendarDay,
        by_customer: bool,
    },
    WrittenOff {
        day: CalendarDay,
    },
    Restructured {
        day: CalendarDay,
    },
}

impl Instalment {
    pub fn new(number: i32) -> Self {
        Self { number, schedule: None, payment: None }
    }

    /// The latest statement stands, then the later due date, then the larger amount.
    pub fn schedule(&mut self, fact: Schedule) -> Effect {
        stand_by(&mut self.schedule, fact, |s| {
            (s.at, s.due_date, s.due.total_minor(), s.due.principal_minor, s.due.interest_minor)
        })
    }

    /// The latest payment fact stands, then the larger, then the payer: a later reversal with less paid opens it again.
    pub fn pay(&mut self, fact: Payment) -> Effect {
        stand_by(&mut self.payment, fact, |p| {
            let paid = p.paid.unwrap_or_default();
            (p.at, p.paid.map_or(i64::MAX, Components::total_minor), p.payer, paid.principal_minor, paid.interest_minor)
        })
    }

    pub fn due_minor(&self) -> i64 {
        self.schedule.map_or(0, |s| s.due.total_minor())
    }

    /// Paid in all, minor units; a waiver of the rest pays what is due.
    pub fn paid_minor(&self) -> i64 {
        self.payment.map_or(0, |p| p.paid.map_or_else(|| self.due_minor(), Components::total_minor))
    }

    /// Principal paid, minor units.
    pub fn paid_principal_minor(&self) -> i64 {
        let due = self.schedule.map_or(0, |s| s.due.principal_minor);
        self.payment.map_or(0, |p| p.paid.map_or(due, |paid| paid.principal_minor))
    }

    /// What is left to pay, minor units.
    pub fn remaining_minor(&self) -> i64 {
        self.due_minor().saturating_sub(self.paid_minor()).max(0)
    }

    /// What has become of it, given how the loan was closed; `None` while nothing is known to be due.
    pub fn state(&self, closed: Option<&Closed>) -> Option<InstalmentState> {
        let schedule = self.schedule?;
        if self.paid_minor() >= self.due_minor() {
            // An instalment with nothing due is settled on its date.
            let settled = self.payment.map_or((schedule.due_date, true), |p| (p.day, p.payer == Payer::Customer));
            return Some(InstalmentState::Settled { day: settled.0, by_customer: settled.1 });
        }
        Some(closed.map_or(InstalmentState::Open, |closed| match closed.reason {
            CloseReason::Settled | CloseReason::Prepaid => {
                InstalmentState::Settled { day: closed.day, by_customer: true }
            }
            CloseReason::Compensated | CloseReason::BoughtBack => {
                InstalmentState::Settled { day: closed.day, by_customer: false }
            }
            CloseReason::WrittenOff => InstalmentState::WrittenOff { day: closed.day },
            CloseReason::Restructured | CloseReason::Transferred => InstalmentState::Restructured { day: closed.day },
        }))
    }
}

/// One loan, known from its disbursement, or from what came before that was heard of.
#[derive(Clone, Debug, PartialEq)]
pub struct Loan {
    pub partner: Text,
    pub loan: Text,
    pub currency: Option<Text>,
    pub disbursed: Option<Disbursed>,
    pub closed: Option<Closed>,
    pub marks: Marks,
    /// By number.
    pub instalments: Vec<Instalment>,
}

impl Loan {
    pub fn new(partner: &str, loan: &str) -> Self {
        Self {
            partner: partner.into(),
            loan: loan.into(),
            currency: None,
            disbursed: None,
            closed: None,
            marks: Marks::default(),
            instalments: Vec::new(),
        }
    }

    pub fn instalment(&self, number: i32) -> Option<&Instalment> {
        let position = self.instalments.binary_search_by_key(&number, |i| i.number).ok()?;
        self.instalments.get(position)
    }

    /// Places an instalment by its number.
    pub fn put_instalment(&mut self, instalment: Instalment) {
        match self.instalments.binary_search_by_key(&instalment.number, |i| i.number) {
            Ok(position) => self.instalments[position] = instalment,
            Err(position) => self.instalments.insert(position, instalment),
        }
    }

    /// The instalments with what has become of each; those without a schedule are left out.
    pub fn states(&self) -> impl Iterator<Item = (&Instalment, CalendarDay, InstalmentState)> {
        let closed = self.closed.as_ref();
        self.instalments.iter().filter_map(move |i| Some((i, i.schedule?.due_date, i.state(closed)?)))
    }
}

impl Keyed for Loan {
    fn key(&self) -> (&str, &str) {
        (&self.partner, &self.loan)
    }
}
