//! Loans: paid out, scheduled, paid by the customer or the guarantor, taken back, prepaid, closed.

use super::dice::{Dice, Purpose};
use super::people::Punctuality;
use super::plan::{Action, PayStep};
use super::{Market, Place};
use crate::domain::events::{ApplicationKind, CloseReason, Components, Payer, RepaymentEvent, RepaymentKind};
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use crate::domain::{CalendarDay, EventTime, Text};

/// Days after the due date on which the guarantor of an enhanced loan pays.
const GUARANTOR_PAYS_AT_DPD: i32 = 3;
const IN_PARTS_PPM: u32 = 40_000;
const TAKEN_BACK_PPM: u32 = 12_000;
const PREPAID_PPM: u32 = 20_000;

pub struct Loan {
    account: Place,
    id: Text,
    principal_minor: i64,
    instalments: u8,
    /// The first instalment that is still open when the market first tells of the loan, from 1.
    first_open: u8,
    /// Due date of `first_open`.
    first_due: CalendarDay,
    period_days: i32,
    settled: u8,
    compensated: bool,
    closed: bool,
}

impl Loan {
    fn due_date(&self, instalment: u8) -> CalendarDay {
        CalendarDay(self.first_due.0 + i32::from(instalment - self.first_open) * self.period_days)
    }

    /// Equal principal parts, the last takes the remainder; simple interest for one period on the whole principal.
    fn due(&self, instalment: u8, cost_ppm: i64) -> Components {
        let parts = i64::from(self.instalments);
        let part = self.principal_minor / parts;
        let last = instalment == self.instalments;
        Components {
            principal_minor: if last { self.principal_minor - part * (parts - 1) } else { part },
            interest_minor: self.principal_minor * cost_ppm / 1_000_000 * i64::from(self.period_days) / 365,
            fee_minor: 0,
        }
    }
}

impl Market {
    /// Money out for a drawdown: the loan and its schedule.
    pub(super) fn lend(&mut self, at: EventTime, account: Place, id: Text, principal_minor: i64) {
        let mut dice = self.dice(Purpose::Loan, self.loans.len());
        let instalments = [1, 3, 6][dice.weighted([25, 55, 20].into_iter())];
        let period_days = if self.profile(account).enhanced { 7 } else { 30 };
        let first_due = CalendarDay(at.utc_day().0 + period_days);
        self.start_loan(at, account, Terms { id, principal_minor, instalments, first_open: 1, first_due, period_days });
    }

    /// A loan of the opening book, as it stands when the history begins: some with unpaid instalments long past due.
    pub(super) fn take_over(&mut self, at: EventTime, account: Place) {
        if self.mute(account, at) {
            return;
        }
        self.grant(at, account, ApplicationKind::LimitGranted);
        let place = self.loans.len();
        let mut dice = self.dice(Purpose::Loan, place);
        let person = &self.holder(account).person;
        let overdue_days = match person.punctuality {
            Punctuality::Never => dice.between(20, 75),
            Punctuality::WeeksLate => dice.between(1, 12),
            _ => -dice.between(0, 29),
        };
        let instalments = 6;
        let terms = Terms {
            id: compact_str::format_compact!("l{place:x}"),
            principal_minor: self.accounts[account].limit_minor / 2,
            instalments,
            first_open: dice.between(3, 5) as u8,
            first_due: CalendarDay(at.utc_day().0 - overdue_days as i32),
            period_days: 30,
        };
        self.start_loan(at, account, terms);
    }

    fn start_loan(&mut self, at: EventTime, account: Place, terms: Terms) {
        let place = self.loans.len();
        let Terms { id, principal_minor, instalments, first_open, first_due, period_days } = terms;
        let loan = Loan {
            account,
            id,
            principal_minor,
            instalments,
            first_open,
            first_due,
            period_days,
            settled: first_open - 1,
            compensated: false,
            closed: false,
        };
        let words = self.words(account);
        self.say_repayment(&RepaymentEvent {
            due: Some(Components { principal_minor, ..Components::default() }),
            instalments: Some(i32::from(instalments)),
            ..words.repayment(at, &loan.id, RepaymentKind::Disbursed)
        });
        let cost_ppm = self.accounts[account].cost_ppm;
        for instalment in first_open..=instalments {
            let words = self.words(account);
            self.say_repayment(&RepaymentEvent {
                instalment: Some(i32::from(instalment)),
                due_date: Some(loan.due_date(instalment)),
                due: Some(loan.due(instalment, cost_ppm)),
                ..words.repayment(at, &loan.id, RepaymentKind::Scheduled)
            });
            self.plan_payment(at, place, &loan, instalment);
        }
        let mut dice = self.dice(Purpose::Loan, place);
        if dice.happens(PREPAID_PPM) {
            self.plan(at.plus_ms(dice.between(2, 20) * DAY_MS), Action::Prepay(place));
        }
        self.loans.push(loan);
    }

    /// When an instalment will be paid and in which steps, if it ever is.
    fn plan_payment(&mut self, from: EventTime, place: Place, loan: &Loan, instalment: u8) {
        let dice = &mut instalment_dice(self.seed, place, instalment);
        let enhanced = self.profile(loan.account).enhanced;
        let Some((days_late, _)) = settlement(self.holder(loan.account).person.punctuality, enhanced, dice) else {
            return;
        };
        let day = loan.due_date(instalment).utc_start().plus_ms(i64::from(days_late) * DAY_MS);
        // In the morning or afternoon: the same calendar day in UTC and in the contracts' zone.
        let at = day.plus_ms(dice.between(30 * MINUTE_MS, 13 * HOUR_MS)).max(from.plus_ms(HOUR_MS));
        let step = if dice.happens(IN_PARTS_PPM) { PayStep::Part } else { PayStep::Whole };
        self.plan(at, Action::Pay { loan: place, instalment, step });
    }

    pub(super) fn pay(&mut self, at: EventTime, place: Place, instalment: u8, step: PayStep) {
        let loan = &self.loans[place];
        let account = loan.account;
        if loan.closed || self.mute(account, at) {
            return;
        }
        let mut dice = instalment_dice(self.seed, place, instalment);
        let punctuality = self.holder(account).person.punctuality;
        let Some((_, payer)) = settlement(punctuality, self.profile(account).enhanced, &mut dice) else { return };
        let due = loan.due(instalment, self.accounts[account].cost_ppm);
        let half =
            Components { principal_minor: due.principal_minor / 2, interest_minor: due.interest_minor, fee_minor: 0 };
        let (kind, paid) = match step {
            PayStep::Whole | PayStep::Rest | PayStep::Again => (RepaymentKind::Paid, due),
            PayStep::Part => (RepaymentKind::PartiallyPaid, half),
            PayStep::Back => (RepaymentKind::Reversed, Components::default()),
        };
        let (id, words) = (loan.id.clone(), self.words(account));
        let payment = compact_str::format_compact!("{id}-{instalment}-{}", step as u8);
        self.say_repayment(&RepaymentEvent {
            instalment: Some(i32::from(instalment)),
            paid: Some(paid),
            payer: Some(payer),
            payment: Some(&payment),
            ..words.repayment(at, &id, kind)
        });
        if payer == Payer::Enhancer {
            self.loans[place].compensated = true;
            self.truth.partners[self.accounts[account].partner].compensated += 1;
        }
        self.after_payment(at, place, instalment, step);
    }

    fn after_payment(&mut self, at: EventTime, place: Place, instalment: u8, step: PayStep) {
        let mut dice = instalment_dice(!self.seed, place, instalment);
        let mut next = |market: &mut Self, step, low_hours, high_hours| {
            let at = at.plus_ms(dice.between(low_hours * HOUR_MS, high_hours * HOUR_MS));
            market.plan(at, Action::Pay { loan: place, instalment, step });
        };
        match step {
            PayStep::Part => return next(self, PayStep::Rest, 2, 6),
            PayStep::Back => {
                self.loans[place].settled -= 1;
                return next(self, PayStep::Again, 12, 40);
            }
            PayStep::Whole if instalment_dice(!self.seed, place, instalment).happens(TAKEN_BACK_PPM) => {
                next(self, PayStep::Back, 3, 24);
                self.loans[place].settled += 1;
                return;
            }
            PayStep::Whole | PayStep::Rest | PayStep::Again => self.loans[place].settled += 1,
        }
        let loan = &self.loans[place];
        if loan.settled == loan.instalments {
            let reason = if loan.compensated { CloseReason::Compensated } else { CloseReason::Settled };
            self.close_loan(at, place, reason);
        }
    }

    pub(super) fn prepay(&mut self, at: EventTime, place: Place) {
        let loan = &self.loans[place];
        let pays = matches!(self.holder(loan.account).person.punctuality, Punctuality::Early | Punctuality::OnTime);
        if pays && !loan.closed && !self.mute(loan.account, at) {
            self.close_loan(at, place, CloseReason::Prepaid);
        }
    }

    fn close_loan(&mut self, at: EventTime, place: Place, reason: CloseReason) {
        self.loans[place].closed = true;
        let (account, id) = (self.loans[place].account, self.loans[place].id.clone());
        let words = self.words(account);
        self.say_repayment(&RepaymentEvent {
            close_reason: Some(reason),
            ..words.repayment(at, &id, RepaymentKind::Closed)
        });
    }
}

/// What a new loan starts with.
struct Terms {
    id: Text,
    principal_minor: i64,
    instalments: u8,
    first_open: u8,
    first_due: CalendarDay,
    period_days: i32,
}

fn instalment_dice(seed: u64, loan: Place, instalment: u8) -> Dice {
    Dice::of(seed, Purpose::Instalment, loan as u64 * 64 + u64::from(instalment))
}

/// Days late and payer of an instalment; nothing when it stays unpaid. Always the same number of draws.
fn settlement(punctuality: Punctuality, enhanced: bool, dice: &mut Dice) -> Option<(i32, Payer)> {
    let (early, short, long, slips) =
        (dice.between(1, 4) as i32, dice.between(1, 12) as i32, dice.between(10, 45) as i32, dice.happens(60_000));
    let days_late = match punctuality {
        Punctuality::Early => Some(-early),
        Punctuality::OnTime if slips => Some(short.min(3)),
        Punctuality::OnTime => Some(0),
        Punctuality::DaysLate => Some(short),
        Punctuality::WeeksLate => Some(long),
        Punctuality::Never => None,
    };
    match days_late {
        Some(days) if !enhanced || days <= GUARANTOR_PAYS_AT_DPD => Some((days, Payer::Customer)),
        _ if enhanced => Some((GUARANTOR_PAYS_AT_DPD, Payer::Enhancer)),
        _ => None,
    }
}
