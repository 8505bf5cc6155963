//! The packed form of a loan: an instalment is what differs from the one before, so that equal ones take two bytes each.

use super::pack::{Packer, Parts, Unpacker};
use super::{Closed, Disbursed, INSTALMENTS_MAX, Instalment, Loan, Marks, Payment, Schedule};
use crate::domain::events::{Components, Payer};
use crate::domain::{CalendarDay, EventTime};

/// What the next instalment is compared with.
#[derive(Clone, Copy, Default)]
struct Before {
    number: i32,
    scheduled_at: EventTime,
    due_date: CalendarDay,
    due: Components,
    /// Days between UTC's day and the zone's at the payment before.
    shift: i32,
}

impl Loan {
    pub(super) fn pack<'r>(&'r self, to: &mut Packer<'r, '_>) {
        let number = self.disbursed.and_then(|disbursed| disbursed.instalments);
        let parts = Parts::default().with(self.currency.is_some()).with(self.disbursed.is_some());
        let parts = parts.with(number.is_some()).with(self.closed.is_some());
        let Marks { compensated, written_off, restructured } = self.marks;
        to.parts(parts.with(compensated).with(written_off).with(restructured));
        to.text(&self.partner);
        to.id(&self.loan);
        to.some_text(&self.currency);
        if let Some(disbursed) = self.disbursed {
            to.time(disbursed.at);
            to.number(disbursed.principal_minor);
        }
        to.some(number, |to, number| to.number(i64::from(number)));
        if let Some(closed) = self.closed {
            to.time(closed.at);
            to.word(closed.reason);
            to.day(closed.day, day_of(closed.at));
        }
        to.count(self.instalments.len());
        let mut before = Before::default();
        self.instalments.iter().for_each(|instalment| instalment.pack(&mut before, to));
    }

    /// `instalments` is an empty list with room.
    pub(super) fn unpack(from: &mut Unpacker<'_>, mut instalments: Vec<Instalment>) -> Self {
        let mut parts = from.parts();
        let (partner, loan) = (from.text(), from.id());
        let currency = from.some(parts.next(), Unpacker::text);
        let (disbursed, number) = (parts.next(), parts.next());
        let disbursed = from.some(disbursed, |from| {
            let (at, principal_minor) = (from.time(), from.number());
            Disbursed { at, principal_minor, instalments: from.some(number, Unpacker::small) }
        });
        let closed = from.some(parts.next(), |from| {
            let (at, reason) = (from.time(), from.word());
            Closed { at, reason, day: from.day(day_of(at)) }
        });
        let marks = Marks { compensated: parts.next(), written_off: parts.next(), restructured: parts.next() };
        from.no_more(&parts);
        let mut before = Before::default();
        from.list(&mut instalments, INSTALMENTS_MAX, |from| Instalment::unpack(&mut before, from));
        Self { partner, loan, currency, disbursed, closed, marks, instalments }
    }
}

impl Instalment {
    fn pack(&self, before: &mut Before, to: &mut Packer<'_, '_>) {
        let (schedule, payment) = (self.schedule, self.payment);
        let next = i64::from(self.number) == i64::from(before.number) + 1;
        let due = schedule.map_or(before.due, |schedule| schedule.due);
        let moment = payment.map(|payment| shift_of(&payment));
        // The first seven bits say all of most instalments.
        let parts = Parts::default()
            .with(!next)
            .with(schedule.is_none())
            .with(schedule.is_some_and(|schedule| schedule.at != before.scheduled_at))
            .with(due != before.due)
            .with(payment.is_some())
            .with(payment.is_some_and(|payment| payment.paid != Some(due)))
            .with(
                payment.is_some_and(|payment| payment.payer != Payer::Customer)
                    || moment.is_some_and(|m| m != before.shift),
            )
            .with(payment.is_some_and(|payment| payment.paid.is_none()));
        to.parts(parts);
        if !next {
            to.number(i64::from(self.number));
        }
        if let Some(schedule) = schedule {
            if schedule.at != before.scheduled_at {
                to.time(schedule.at);
            }
            to.day(schedule.due_date, before.due_date);
            if due != before.due {
                pack_components(due, before.due, to);
            }
            *before = Before { scheduled_at: schedule.at, due_date: schedule.due_date, due, ..*before };
        }
        if let (Some(payment), Some(shift)) = (payment, moment) {
            to.near(before.due_date.utc_start().0);
            to.time(payment.at);
            if let Some(paid) = payment.paid.filter(|paid| *paid != due) {
                pack_components(paid, due, to);
            }
            if payment.payer != Payer::Customer || shift != before.shift {
                to.word(payment.payer);
                to.day(payment.day, day_of(payment.at));
                before.shift = shift;
            }
        }
        before.number = self.number;
    }

    fn unpack(before: &mut Before, from: &mut Unpacker<'_>) -> Self {
        let mut parts = from.parts();
        let (numbered, unscheduled, moved, differs) = (parts.next(), parts.next(), parts.next(), parts.next());
        let (paid, in_part, told, waived) = (parts.next(), parts.next(), parts.next(), parts.next());
        from.no_more(&parts);
        let number = if numbered { from.small() } else { from.after(before.number) };
        let mut schedule = None;
        if !unscheduled {
            let at = if moved { from.time() } else { before.scheduled_at };
            let due_date = from.day(before.due_date);
            let due = if differs { unpack_components(before.due, from) } else { before.due };
            *before = Before { scheduled_at: at, due_date, due, ..*before };
            schedule = Some(Schedule { at, due_date, due });
        }
        let mut payment = None;
        if paid {
            from.near(before.due_date.utc_start().0);
            let at = from.time();
            let paid = match (in_part, waived) {
                (_, true) => None,
                (true, false) => Some(unpack_components(before.due, from)),
                (false, false) => Some(before.due),
            };
            let (mut payer, mut day) = (Payer::Customer, CalendarDay(day_of(at).0.wrapping_add(before.shift)));
            if told {
                (payer, day) = (from.word(), from.day(day_of(at)));
                before.shift = day.0.wrapping_sub(day_of(at).0);
            }
            payment = Some(Payment { at, paid, payer, day });
        }
        before.number = number;
        Self { number, schedule, payment }
    }
}

/// UTC's day of a moment.
fn day_of(at: EventTime) -> CalendarDay {
    at.utc_day()
}

/// How far the day of a payment is from UTC's.
fn shift_of(payment: &Payment) -> i32 {
    payment.day.0.wrapping_sub(day_of(payment.at).0)
}

fn pack_components(of: Components, from: Components, to: &mut Packer<'_, '_>) {
    to.number(of.principal_minor.wrapping_sub(from.principal_minor));
    to.number(of.interest_minor.wrapping_sub(from.interest_minor));
    to.number(of.fee_minor.wrapping_sub(from.fee_minor));
}

fn unpack_components(before: Components, from: &mut Unpacker<'_>) -> Components {
    Components {
        principal_minor: before.principal_minor.wrapping_add(from.number()),
        interest_minor: before.interest_minor.wrapping_add(from.number()),
        fee_minor: before.fee_minor.wrapping_add(from.number()),
    }
}
