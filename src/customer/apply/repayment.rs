//! Repayment events: disbursement, schedule, payments, close. What comes before its schedule or its loan is kept as it is.

use super::application::note_currency;
use super::{invalid, room_for, same_currency, unchanged};
use crate::customer::record::fact::{Effect, stand};
use crate::customer::record::{
    Closed, Customer, Disbursed, Entries, INSTALMENTS_ALL_MAX, INSTALMENTS_MAX, Instalment, LOANS_MAX, Loan, Marks,
    Payment, Place, Schedule, Spare,
};
use crate::domain::events::{Payer, RepaymentEvent, RepaymentKind as Kind};
use crate::domain::{CalendarDay, Fate, Text};

/// The part of a loan that is new or different after the event: an instalment lies among the entries.
#[derive(Debug)]
pub struct Change {
    entries: Box<Entries>,
    currency: Option<Text>,
    marks: Marks,
    disbursed: Option<Disbursed>,
    closed: Option<Closed>,
}

/// What the event would change. `place`: where its loan stands; `day`: its calendar day in the contract's zone.
pub fn weigh(
    customer: &Customer,
    event: &RepaymentEvent<'_>,
    place: Place,
    day: CalendarDay,
    spare: &mut Spare,
) -> Result<Change, Fate> {
    let known = place.loan(customer);
    let mut change = Change {
        entries: spare.entries(),
        currency: known.and_then(|loan| loan.currency.clone()),
        marks: known.map(|loan| loan.marks).unwrap_or_default(),
        disbursed: known.and_then(|loan| loan.disbursed),
        closed: known.and_then(|loan| loan.closed),
    };
    let refused = match weigh_parts(customer, known, event, day, &mut change) {
        Ok(Effect::Changed) => return Ok(change),
        Ok(effect) => unchanged(effect),
        Err(fate) => fate,
    };
    spare.give_back_entries(change.entries);
    Err(refused)
}

fn weigh_parts(
    customer: &Customer,
    known: Option<&Loan>,
    event: &RepaymentEvent<'_>,
    day: CalendarDay,
    change: &mut Change,
) -> Result<Effect, Fate> {
    if known.is_none() {
        room_for(customer.loans.len(), LOANS_MAX, "loans a customer")?;
    }
    same_currency("loan", change.currency.as_deref(), event.currency)?;
    let before = change.marks;
    let effect = match event.kind {
        Kind::Disbursed => {
            let principal_minor = event.due.map_or(0, |due| due.principal_minor);
            let fact = Disbursed { at: event.event_time, principal_minor, instalments: event.instalments };
            stand(&mut change.disbursed, fact)
        }
        Kind::Closed => {
            let reason =
                event.close_reason.ok_or_else(|| invalid("close_reason is missing, closed needs it".into()))?;
            change.marks = before.with(Marks::of_close(reason));
            Closed::stand(&mut change.closed, Closed { at: event.event_time, reason, day })
        }
        _ => weigh_instalment(customer, known, event, day, change)?,
    };
    let marked = if change.marks == before { Effect::Same } else { Effect::Changed };
    Ok(effect.max(note_currency(&mut change.currency, event.currency)).max(marked))
}

fn weigh_instalment(
    customer: &Customer,
    loan: Option<&Loan>,
    event: &RepaymentEvent<'_>,
    day: CalendarDay,
    change: &mut Change,
) -> Result<Effect, Fate> {
    let missing = |name: &str| invalid(format!("{name} is missing, {} needs it", event.kind));
    let number = event.instalment.ok_or_else(|| missing("instalment"))?;
    let known = loan.and_then(|loan| loan.instalment(number));
    if known.is_none() {
        room_for(loan.map_or(0, |loan| loan.instalments.len()), INSTALMENTS_MAX, "instalments a loan")?;
        let all = customer.loans.iter().map(|loan| loan.instalments.len()).sum();
        room_for(all, INSTALMENTS_ALL_MAX, "instalments a customer")?;
    }
    let instalment = change.entries.instalment.insert(known.copied().unwrap_or_else(|| Instalment::new(number)));
    let (at, marks) = (event.event_time, &mut change.marks);
    let mut pay = |payment: Payment| {
        *marks = marks.with(Marks::of_payment(&payment));
        instalment.pay(payment)
    };
    Ok(match event.kind {
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
    })
}

impl Change {
    pub fn write(self, customer: &mut Customer, event: &RepaymentEvent<'_>, place: Place, spare: &mut Spare) {
        let new = || Loan { instalments: spare.instalments(), ..Loan::new(event.partner, event.loan) };
        let Some(loan) = place.loan_or_make(customer, new) else { return };
        (loan.currency, loan.marks) = (self.currency, self.marks);
        (loan.disbursed, loan.closed) = (self.disbursed, self.closed);
        if let Some(instalment) = &self.entries.instalment {
            loan.put_instalment(*instalment);
        }
        spare.give_back_entries(self.entries);
    }
}
