//! Instalments of a record: due, paid, and how each one stands (sections 2 and 3).

use std::collections::BTreeMap;

use reflow::domain::events::{CloseReason, Components, Payer};
use reflow::domain::{CalendarDay, Text};

use super::record::{Key, Record, Value};

/// How an instalment with a known due date stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Open,
    Settled { day: CalendarDay, by_customer: bool },
    WrittenOff { day: CalendarDay },
    Restructured { day: CalendarDay },
}

#[derive(Clone, Debug)]
pub struct Instalment {
    pub number: i32,
    pub due_date: CalendarDay,
    pub due_minor: i64,
    /// What remains of the due amount, at least 0.
    pub remaining_minor: i64,
    pub status: Status,
}

#[derive(Clone, Debug)]
pub struct Loan {
    pub partner: Text,
    pub loan: Text,
    /// None: not disbursed, as far as known.
    pub principal_minor: Option<i64>,
    pub closed: Option<(CloseReason, CalendarDay)>,
    pub instalments: Vec<Instalment>,
    /// Principal paid on all instalments, also on those whose schedule is not known.
    pub paid_principal_minor: i64,
}

impl Loan {
    pub fn compensated(&self) -> bool {
        self.instalments.iter().any(|i| matches!(i.status, Status::Settled { by_customer: false, .. }))
    }

    pub fn oldest_open(&self) -> Option<CalendarDay> {
        self.instalments.iter().filter(|i| i.status == Status::Open).map(|i| i.due_date).min()
    }
}

/// All loans of a record.
pub fn loans(record: &Record) -> Vec<Loan> {
    let mut numbers: BTreeMap<(Text, Text), Vec<i32>> = BTreeMap::new();
    for fact in record.facts() {
        match &fact.key {
            Key::Disbursed(partner, loan) | Key::Closed(partner, loan) => {
                numbers.entry((partner.clone(), loan.clone())).or_default();
            }
            Key::Schedule(partner, loan, number) | Key::Payment(partner, loan, number) => {
                numbers.entry((partner.clone(), loan.clone())).or_default().push(*number);
            }
            _ => {}
        }
    }
    numbers.into_iter().map(|((partner, loan), numbers)| one_loan(record, partner, loan, numbers)).collect()
}

fn one_loan(record: &Record, partner: Text, loan: Text, mut numbers: Vec<i32>) -> Loan {
    numbers.sort_unstable();
    numbers.dedup();
    let principal_minor = match record.value(&Key::Disbursed(partner.clone(), loan.clone())) {
        Some(Value::Loan { principal_minor }) => Some(*principal_minor),
        _ => None,
    };
    let closed = match record.value(&Key::Closed(partner.clone(), loan.clone())) {
        Some(Value::Close { reason, day }) => Some((*reason, *day)),
        _ => None,
    };
    let mut instalments = Vec::new();
    let mut paid_principal_minor = 0;
    for number in numbers {
        let due = match record.value(&Key::Schedule(partner.clone(), loan.clone(), number)) {
            Some(Value::Due { date, amounts }) => Some((*date, *amounts)),
            _ => None,
        };
        let payment = match record.value(&Key::Payment(partner.clone(), loan.clone(), number)) {
            Some(Value::Payment { paid, payer, day }) => {
                // A waiver without amounts pays whatever is due.
                Some((paid.or(due.map(|(_, amounts)| amounts)).unwrap_or_default(), *payer, *day))
            }
            _ => None,
        };
        paid_principal_minor += payment.map_or(0, |(paid, ..)| paid.principal_minor);
        instalments.extend(due.map(|due| one_instalment(number, due, payment, closed)));
    }
    Loan { partner, loan, principal_minor, closed, instalments, paid_principal_minor }
}

fn one_instalment(
    number: i32,
    (due_date, due): (CalendarDay, Components),
    payment: Option<(Components, Payer, CalendarDay)>,
    closed: Option<(CloseReason, CalendarDay)>,
) -> Instalment {
    use CloseReason::{BoughtBack, Compensated, Prepaid, Restructured, Settled, Transferred, WrittenOff};
    let paid_minor = payment.map_or(0, |(paid, ..)| paid.total_minor());
    let remaining_minor = (due.total_minor() - paid_minor).max(0);
    let status = match (payment, closed) {
        (Some((_, payer, day)), _) if remaining_minor == 0 => {
            Status::Settled { day, by_customer: payer == Payer::Customer }
        }
        // Nothing is due: settled on its date.
        (None, _) if remaining_minor == 0 => Status::Settled { day: due_date, by_customer: true },
        (_, None) => Status::Open,
        (_, Some((Settled | Prepaid, day))) => Status::Settled { day, by_customer: true },
        (_, Some((Compensated | BoughtBack, day))) => Status::Settled { day, by_customer: false },
        (_, Some((WrittenOff, day))) => Status::WrittenOff { day },
        (_, Some((Restructured | Transferred, day))) => Status::Restructured { day },
    };
    Instalment { number, due_date, due_minor: due.total_minor(), remaining_minor, status }
}
