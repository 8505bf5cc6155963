//! The packed form of a loan: an instalment is what differs from the one before, so that equal ones take two bytes each.

use super::pack::{Packer, Parts};
use super::unpack::Unpacker;
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

/// What is said of an instalment, one bit each: seven of them say all of most instalments.
mod says {
    /// Its number: it is not the one after the number before.
    pub const NUMBER: u64 = 1;
    pub const NO_SCHEDULE: u64 = 1 << 1;
    /// When its schedule was stated: at another time than the one before.
    pub const STATED: u64 = 1 << 2;
    /// What is due: other amounts than before.
    pub const DUE: u64 = 1 << 3;
    pub const PAYMENT: u64 = 1 << 4;
    /// Paid is not exactly what is due.
    pub const OTHERWISE: u64 = 1 << 5;
    /// Who paid, and on which day of the zone.
    pub const PAYER: u64 = 1 << 6;
    /// The rest was waived.
    pub const WAIVED: u64 = 1 << 7;
    pub const ALL: u64 = (1 << 8) - 1;
}

impl Instalment {
    fn pack(&self, before: &mut Before, to: &mut Packer<'_, '_>) {
        let bit = |said, bit| if said { bit } else { 0 };
        let mut said = bit(i64::from(self.number) != i64::from(before.number) + 1, says::NUMBER);
        let (mut due, mut shift) = (before.due, before.shift);
        match &self.schedule {
            None => said |= says::NO_SCHEDULE,
            Some(schedule) => {
                due = schedule.due;
                said |= bit(schedule.at != before.scheduled_at, says::STATED) | bit(due != before.due, says::DUE);
            }
        }
        if let Some(payment) = &self.payment {
            shift = shift_of(payment);
            let told = payment.payer != Payer::Customer || shift != before.shift;
            said |= says::PAYMENT | bit(payment.paid != Some(due), says::OTHERWISE);
            said |= bit(told, says::PAYER) | bit(payment.paid.is_none(), says::WAIVED);
        }
        to.parts(Parts::of(said));
        if said & says::NUMBER != 0 {
            to.number(i64::from(self.number));
        }
        before.number = self.number;
        if let Some(schedule) = &self.schedule {
            if said & says::STATED != 0 {
                to.time(schedule.at);
                before.scheduled_at = schedule.at;
            }
            to.day(schedule.due_date, before.due_date);
            before.due_date = schedule.due_date;
            if said & says::DUE != 0 {
                pack_components(due, before.due, to);
                before.due = due;
            }
        }
        if let Some(payment) = &self.payment {
            to.near(before.due_date.utc_start().0);
            to.time(payment.at);
            if let Some(paid) = payment.paid.filter(|_| said & says::OTHERWISE != 0) {
                pack_components(paid, due, to);
            }
            if said & says::PAYER != 0 {
                to.word(payment.payer);
                to.day(payment.day, day_of(payment.at));
                before.shift = shift;
            }
        }
    }

    fn unpack(before: &mut Before, from: &mut Unpacker<'_>) -> Self {
        let said = from.bits(says::ALL);
        let is = |bit| said & bit != 0;
        let number = if is(says::NUMBER) { from.small() } else { from.after(before.number) };
        before.number = number;
        let mut schedule = None;
        if !is(says::NO_SCHEDULE) {
            if is(says::STATED) {
                before.scheduled_at = from.time();
            }
            before.due_date = from.day(before.due_date);
            if is(says::DUE) {
                before.due = unpack_components(before.due, from);
            }
            schedule = Some(Schedule { at: before.scheduled_at, due_date: before.due_date, due: before.due });
        }
        let mut payment = None;
        if is(says::PAYMENT) {
            from.near(before.due_date.utc_start().0);
            let at = from.time();
            let paid = match (is(says::OTHERWISE), is(says::WAIVED)) {
                (_, true) => None,
                (true, false) => Some(unpack_components(before.due, from)),
                (false, false) => Some(before.due),
            };
            let (mut payer, mut day) = (Payer::Customer, CalendarDay(day_of(at).0.wrapping_add(before.shift)));
            if is(says::PAYER) {
                (payer, day) = (from.word(), from.day(day_of(at)));
                before.shift = day.0.wrapping_sub(day_of(at).0);
            }
            payment = Some(Payment { at, paid, payer, day });
        }
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
