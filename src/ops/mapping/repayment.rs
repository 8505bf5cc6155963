//! Rows to repayment events.

use super::context::Context;
use super::field::{Field, Miss, TextField};
use super::id::Identity;
use super::keys::Keys;
use super::parts::{Amounts, optional, optional_text};
use super::reading::{Day, Moment, Whole, WordOf};
use super::row::Row;
use crate::domain::RepaymentEvent;
use crate::domain::events::{CloseReason, Event, Payer, RepaymentKind};
use crate::domain::words::Word;

/// The fields of a repayment event, named as in its schema.
#[derive(Clone, Debug)]
pub(super) struct RepaymentFields {
    event_id: Option<TextField>,
    event_time: Field<Moment>,
    customer: TextField,
    partner: TextField,
    loan: TextField,
    instalment: Option<Field<Whole>>,
    kind: Field<WordOf<RepaymentKind>>,
    due_date: Option<Field<Day>>,
    due: Option<Amounts>,
    paid: Option<Amounts>,
    payer: Option<Field<WordOf<Payer>>>,
    close_reason: Option<Field<WordOf<CloseReason>>>,
    payment: Option<TextField>,
    currency: Option<TextField>,
    instalments: Option<Field<Whole>>,
}

/// The parts without which an event of the kind would be dead-lettered `invalid` (semantics, section 1).
fn needed(kind: RepaymentKind) -> &'static [&'static str] {
    match kind {
        RepaymentKind::Disbursed => &[],
        RepaymentKind::Scheduled | RepaymentKind::Due | RepaymentKind::Rescheduled => {
            &["instalment", "due_date", "due"]
        }
        RepaymentKind::Paid | RepaymentKind::PartiallyPaid | RepaymentKind::Reversed => &["instalment", "paid"],
        RepaymentKind::Waived => &["instalment"],
        RepaymentKind::Closed => &["close_reason"],
    }
}

impl RepaymentFields {
    pub fn read(keys: &mut Keys<'_, '_>, currency: Option<&TextField>, cx: &mut Context<'_, '_>) -> Option<Self> {
        let event_id = keys.text("event_id", cx);
        let (event_time, customer) = (keys.need_field("event_time", cx), keys.need_text("customer", cx));
        let (partner, loan) = (keys.need_text("partner", cx), keys.need_text("loan", cx));
        let kind: Option<Field<WordOf<RepaymentKind>>> = keys.need_field("kind", cx);
        let (instalment, due_date) = (keys.field("instalment", cx), keys.field("due_date", cx));
        let due = keys.take("due").and_then(|node| Amounts::read("due", node, cx));
        let paid = keys.take("paid").and_then(|node| Amounts::read("paid", node, cx));
        let (payer, close_reason) = (keys.field("payer", cx), keys.field("close_reason", cx));
        let (payment, own_currency) = (keys.text("payment", cx), keys.text("currency", cx));
        let instalments = keys.field("instalments", cx);
        let kind = kind?;
        let has = |part: &str| match part {
            "instalment" => instalment.is_some(),
            "due_date" => due_date.is_some(),
            "due" => due.is_some(),
            "paid" => paid.is_some(),
            _ => close_reason.is_some(),
        };
        for kind in kind.known() {
            for part in needed(kind).iter().filter(|part| !has(part)) {
                cx.checker
                    .wrong(keys.at(), format!("found a `{kind}` event without `{part}`, expected it; add `{part}: …`"));
            }
        }
        let currency = own_currency.or_else(|| currency.filter(|_| due.is_some() || paid.is_some()).cloned());
        Some(Self {
            event_id,
            event_time: event_time?,
            customer: customer?,
            partner: partner?,
            loan: loan?,
            instalment,
            kind,
            due_date,
            due,
            paid,
            payer,
            close_reason,
            payment,
            currency,
            instalments,
        })
    }

    /// Gives the row's event to `emit`.
    pub fn event(&self, mapping: &str, row: &Row, emit: &mut dyn FnMut(&Event<'_>)) -> Result<(), Miss> {
        let kind = self.kind.kind(row)?;
        let event_time = self.event_time.need(row)?;
        let (customer, partner, loan) = (self.customer.need(row)?, self.partner.need(row)?, self.loan.need(row)?);
        let (payment, currency) = (optional_text(&self.payment, row)?, optional_text(&self.currency, row)?);
        let instalment = optional(&self.instalment, row)?;
        if instalment.is_some_and(|number| number < 1) {
            return Err(Miss::Wrong("instalment: counts from 1".to_owned()));
        }
        let number = instalment.map(|number| number.to_string());
        let own_id = optional_text(&self.event_id, row)?;
        let identity = Identity::of(mapping, "repayment", kind.name(), event_time, &customer);
        let event_id = identity.id(own_id, &[Some(&partner), Some(&loan), number.as_deref(), payment.as_deref()]);
        let amounts = |part: &Option<Amounts>| part.as_ref().map_or(Ok(None), |part| part.get(row));
        let event = RepaymentEvent {
            event_id: &event_id,
            event_time,
            customer: &customer,
            partner: &partner,
            loan: &loan,
            instalment,
            kind,
            due_date: optional(&self.due_date, row)?,
            due: amounts(&self.due)?,
            paid: amounts(&self.paid)?,
            payer: optional(&self.payer, row)?,
            close_reason: optional(&self.close_reason, row)?,
            payment: payment.as_deref(),
            currency: currency.as_deref(),
            instalments: optional(&self.instalments, row)?,
        };
        complete(&event)?;
        emit(&Event::Repayment(event));
        Ok(())
    }
}

/// Errs when a part that the kind needs is null in this row.
fn complete(event: &RepaymentEvent<'_>) -> Result<(), Miss> {
    let has = |part: &str| match part {
        "instalment" => event.instalment.is_some(),
        "due_date" => event.due_date.is_some(),
        "due" => event.due.is_some(),
        "paid" => event.paid.is_some(),
        _ => event.close_reason.is_some(),
    };
    match needed(event.kind).iter().find(|part| !has(part)) {
        Some(part) => Err(Miss::Wrong(format!("{part}: empty, but {} needs it", event.kind))),
        None => Ok(()),
    }
}
