//! Repayment events: disbursement, schedule, payments, close. What comes before its schedule or its loan is kept as it is.

use super::application::note_currency;
use super::{invalid, room_for, same_currency, unchanged};
use crate::customer::record::fact::{Effect, stand};
use crate::customer::record::{
    Closed, Customer, Disbursed, INSTALMENTS_MAX, Instalment, LOANS_MAX, Loan, Marks, Payment, Place, Schedule, Spare,
};
use crate::domain::events::{Payer, RepaymentEvent, RepaymentKind as Kind};
use crate::domain::{CalendarDay, Fate, Text};

/// The part of a loan that is new or different after the event.
#[derive(Debug)]
pub struct Change {
    currency: Option<Text>,
    marks: Marks,
    part: Part,
}

#[derive(Debug)]
enum Part {
    Disbursed(Option<Disbursed>),
    Closed(Option<Closed>),
    Instalment(Instalment),
}

/// What the event would change. `place`: where its loan stands; `day`: its calendar day in the contract's zone.
pub fn weigh(customer: &Customer, event: &RepaymentEvent<'_>, place: Place, day: CalendarDay) -> Result<Change, Fate> {
    let known = place.loan(customer);
    if known.is_none() {
        room_for(customer.loans.len(), LOANS_MAX, "loans a customer")?;
    }
    let mut currency = known.and_then(|loan| loan.currency.clone());
    same_currency("loan", currency.as_deref(), event.currency)?;
    let before = known.map(|loan| loan.marks).unwrap_or_default();
    let mut marks = before;
    let (part, effect) = match event.kind {
        Kind::Disbursed => {
            let mut standing = known.and_then(|loan| loan.disbursed);
            let principal_minor = event.due.map_or(0, |due| due.principal_minor);
            let fact = Disbursed { at: event.event_time, principal_minor, instalments: event.instalments };
            let effect = stand(&mut standing, fact);
            (Part::Disbursed(standing), effect)
        }
        Kind::Closed => {
            let reason =
                event.close_reason.ok_or_else(|| invalid("close_reason is missing, closed needs it".into()))?;
            let mut standing = known.and_then(|loan| loan.closed);
            marks = marks.with(Marks::of_close(reason));
            let effect = Closed::stand(&mut standing, Closed { at: event.event_time, reason, day });
            (Part::Closed(standing), effect)
        }
        _ => {
            let (instalment, effect) = weigh_instalment(known, event, day, &mut marks)?;
            (Part::Instalment(instalment), effect)
        }
    };
    let marked = if marks == before { Effect::Same } else { Effect::Changed };
    let effect = effect.max(note_currency(&mut currency, event.currency)).max(marked);
    if effect != Effect::Changed {
        return Err(unchanged(effect));
    }
    Ok(Change { currency, marks, part })
}

fn weigh_instalment(
    loan: Option<&Loan>,
    event: &RepaymentEvent<'_>,
    day: CalendarDay,
    marks: &mut Marks,
) -> Result<(Instalment, Effect), Fate> {
    let missing = |name: &str| invalid(format!("{name} is missing, {} needs it", event.kind));
    let number = event.instalment.ok_or_else(|| missing("instalment"))?;
    let known = loan.and_then(|loan| loan.instalment(number));
    if known.is_none() {
        room_for(loan.map_or(0, |loan| loan.instalments.len()), INSTALMENTS_MAX, "instalments a loan")?;
    }
    let mut instalment = known.copied().unwrap_or_else(|| Instalment::new(number));
    let at = event.event_time;
    let mut pay = |payment: Payment| {
        *marks = marks.with(Marks::of_payment(&payment));
        instalment.pay(payment)
    };
    let effect = match event.kind {
        Kind::Paid | Kind::PartiallyPaid | Kind::Reversed => {
            let paid = event.paid.ok_or_else(|| missing("paid"))?;
            pay(Payment { at, paid: Some(paid), payer: event.payer.unwrap_or(Payer::Customer), day })
        }
        Kind::Waived => pay(Payment { at, paid: event.paid, payer: Payer::Waiver, day }),
        _ => {
            let due_date = event.due_date.ok_or_else(|| missing("due_date"))?;
            let due = event.due.ok_or_else(|| missing("due"))?;
            instalment.schedule(Schedule { at, due_date, due })
        }
    };
    Ok((instalment, effect))
}

impl Change {
    pub fn write(self, customer: &mut Customer, event: &RepaymentEvent<'_>, place: Place, spare: &mut Spare) {
        let new = || Loan { instalments: spare.instalments(), ..Loan::new(event.partner, event.loan) };
        let Some(loan) = place.loan_or_make(customer, new) else { return };
        (loan.currency, loan.marks) = (self.currency, self.marks);
        match self.part {
            Part::Disbursed(disbursed) => loan.disbursed = disbursed,
            Part::Closed(closed) => loan.closed = closed,
            Part::Instalment(instalment) => loan.put_instalment(instalment),
        }
    }
}
