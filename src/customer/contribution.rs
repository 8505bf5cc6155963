//! What a record contributes to its partners' counters: pure functions of one entity; a delta is after minus before.
//!
//! Formulas: `docs/semantics.md`, section 3.

use super::record::{Application, Customer, Drawdown, Instalment, InstalmentState, Loan, Place, of_partner, position};
use crate::domain::counter::{STOCK_CURRENT, Tally};
use crate::domain::events::{ApplicationEvent, ApplicationKind, Event, RepaymentKind};
use crate::domain::time::DAY_MS;
use crate::domain::{Counter, EventTime, Family};
use crate::planted::{self, Bug};

/// One counter of one cell with what is contributed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub counter: Counter,
    /// Start of the minute or the day, UTC milliseconds.
    pub at: i64,
    pub tally: Tally,
}

/// The cells of an entity; most have only a few.
pub type Cells = Vec<Cell>;

fn by_minute(counter: Counter, at: EventTime, amount_minor: i64, out: &mut Cells) {
    out.push(Cell { counter, at: Family::minute(at), tally: Tally { count: 1, amount_minor } });
}

fn by_day(counter: Counter, day: crate::domain::CalendarDay, amount_minor: i64, out: &mut Cells) {
    out.push(Cell { counter, at: Family::day(day), tally: Tally { count: 1, amount_minor } });
}

/// An application's; `drawdowns` are those of the same partner.
pub fn application(application: &Application, drawdowns: &[Drawdown], end_to_end_days: i64, out: &mut Cells) {
    let decided = application.outcome.and_then(|outcome| {
        let counters = match outcome.kind {
            ApplicationKind::Approved => (Counter::Approved, Counter::CohortApproved),
            ApplicationKind::Declined => (Counter::Declined, Counter::CohortDeclined),
            ApplicationKind::Cancelled | ApplicationKind::Expired => (Counter::Cancelled, Counter::CohortCancelled),
            _ => return None,
        };
        Some((outcome.at, counters))
    });
    if let Some((at, (flow, _))) = decided {
        by_minute(flow, at, application.outcome_minor(), out);
    }
    let Some(submitted) = application.submitted else { return };
    by_minute(Counter::Submitted, submitted.at, application.submitted_minor(), out);
    if let Some((_, (_, cohort))) = decided {
        by_minute(cohort, submitted.at, application.outcome_minor(), out);
    }
    let until = submitted.at.plus_ms(end_to_end_days.saturating_mul(DAY_MS));
    if drawdowns.iter().filter_map(Drawdown::disbursed_at).any(|at| (submitted.at..=until).contains(&at)) {
        by_minute(Counter::CohortDisbursed, submitted.at, application.submitted_minor(), out);
    }
}

/// A drawdown's: the row adds up, requested = what it came to, or pending. One of the control group is counted there too.
pub fn drawdown(drawdown: &Drawdown, out: &mut Cells) {
    let Some(requested) = drawdown.requested else { return };
    let amount = drawdown.amount_minor();
    by_minute(Counter::DrawdownRequested, requested.at, amount, out);
    let Some(outcome) = drawdown.outcome else { return };
    let (counter, held_out) = match outcome.kind {
        ApplicationKind::DrawdownDisbursed => (Counter::DrawdownDisbursed, Some(Counter::HeldOutDisbursed)),
        ApplicationKind::DrawdownDeclined => (Counter::DrawdownDeclined, Some(Counter::HeldOutDeclined)),
        _ if drawdown.admitted && drawdown.chose_own() => (Counter::DrawdownDiverted, None),
        ApplicationKind::DrawdownTimedOut => (Counter::DrawdownTimedOut, Some(Counter::HeldOutTimedOut)),
        ApplicationKind::DrawdownRerouted => (Counter::DrawdownRerouted, None),
        _ => (Counter::DrawdownCancelled, Some(Counter::HeldOutCancelled)),
    };
    by_minute(counter, requested.at, amount, out);
    if let Some(counter) = held_out.filter(|_| drawdown.held_out) {
        by_minute(counter, requested.at, amount, out);
    }
}

/// An instalment's, once its due date is known.
pub fn instalment(instalment: &Instalment, loan: &Loan, out: &mut Cells) {
    let (Some(schedule), Some(state)) = (instalment.schedule, instalment.state(loan.closed.as_ref())) else { return };
    let (day, due, first) = (schedule.due_date, instalment.due_minor(), instalment.number == 1);
    by_day(Counter::InstalmentsDue, day, due, out);
    if first {
        by_day(Counter::FirstDue, day, due, out);
    }
    let unsettled = match state {
        InstalmentState::Settled { day: settled, by_customer } => {
            let late = settled.days_since(day) - i32::from(planted::is(Bug::OffByOneDay));
            by_day(Counter::settled(late), day, due, out);
            if late < 0 {
                by_day(Counter::SettledPrepaid, day, due, out);
            }
            if !by_customer {
                by_day(Counter::SettledCompensated, day, due, out);
            }
            for (_, counter) in Counter::FIRST_LATE.into_iter().filter(|(days, _)| first && late >= *days) {
                by_day(counter, day, due, out);
            }
            return;
        }
        InstalmentState::Open => Counter::InstalmentsOpen,
        InstalmentState::WrittenOff { .. } => Counter::InstalmentsWrittenOff,
        InstalmentState::Restructured { .. } => Counter::InstalmentsRestructured,
    };
    by_day(unsettled, day, instalment.remaining_minor(), out);
    if first {
        by_day(Counter::FirstOpen, day, instalment.remaining_minor(), out);
    }
}

/// A loan's place in the stock: outstanding principal by the oldest unpaid due date.
pub fn stock(loan: &Loan, out: &mut Cells) {
    let (Some(disbursed), None) = (loan.disbursed, loan.closed) else { return };
    let (mut day, mut compensated, mut paid) = (STOCK_CURRENT, false, 0i64);
    for (instalment, state) in loan.instalments.iter().map(|i| (i, i.state(None))) {
        paid = paid.saturating_add(instalment.paid_principal_minor());
        match (state, instalment.schedule) {
            (Some(InstalmentState::Open), Some(schedule)) => day = day.min(schedule.due_date),
            (Some(InstalmentState::Settled { by_customer: false, .. }), _) => compensated = true,
            _ => {}
        }
    }
    let outstanding = disbursed.principal_minor.saturating_sub(paid).max(0);
    by_day(Counter::StockLoans, day, outstanding, out);
    if compensated {
        by_day(Counter::StockCompensated, day, outstanding, out);
    }
}

/// The entity an event or a reply speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    Application {
        partner: &'a str,
        application: &'a str,
    },
    Drawdown {
        partner: &'a str,
        drawdown: &'a str,
    },
    Instalment {
        partner: &'a str,
        loan: &'a str,
        number: i32,
    },
    Loan {
        partner: &'a str,
        loan: &'a str,
    },
    /// The drawdown for which that candidate was proposed.
    Candidate(&'a str),
    /// Nothing that contributes.
    Person,
}

impl<'a> Target<'a> {
    pub fn of(event: &Event<'a>) -> Self {
        match event {
            Event::Application(e) => Self::of_application(e),
            Event::Repayment(e) => match (e.kind, e.instalment) {
                (RepaymentKind::Disbursed | RepaymentKind::Closed, _) | (_, None) => {
                    Self::Loan { partner: e.partner, loan: e.loan }
                }
                (_, Some(number)) => Self::Instalment { partner: e.partner, loan: e.loan, number },
            },
            Event::Outcome(e) => e.candidate.map_or(Self::Person, Self::Candidate),
            Event::Customer(_) | Event::Command(_) => Self::Person,
        }
    }

    fn of_application(e: &ApplicationEvent<'a>) -> Self {
        match e.drawdown {
            Some(drawdown) if super::check::is_drawdown(e.kind) => Self::Drawdown { partner: e.partner, drawdown },
            _ if e.kind >= ApplicationKind::LimitGranted => Self::Person,
            _ => Self::Application { partner: e.partner, application: e.application },
        }
    }

    /// Where the entity stands.
    pub fn place(&self, customer: &Customer) -> Place {
        let place = match *self {
            Self::Application { partner, application } => {
                position(&customer.applications, partner, application).map(Place::Application)
            }
            Self::Drawdown { partner, drawdown } => {
                position(&customer.drawdowns, partner, drawdown).map(Place::Drawdown)
            }
            Self::Candidate(id) => {
                let is_its = |drawdown: &Drawdown| !id.is_empty() && drawdown.candidate == id;
                customer.drawdowns.iter().position(is_its).map(Place::Drawdown)
            }
            Self::Instalment { partner, loan, .. } | Self::Loan { partner, loan } => {
                position(&customer.loans, partner, loan).map(Place::Loan)
            }
            Self::Person => None,
        };
        place.unwrap_or_default()
    }

    /// The partner to whose counters the entity contributes that stands at this place.
    pub fn partner<'c>(&self, customer: &'c Customer, place: Place) -> Option<&'c str>
    where
        'a: 'c,
    {
        match *self {
            Self::Application { partner, .. }
            | Self::Drawdown { partner, .. }
            | Self::Instalment { partner, .. }
            | Self::Loan { partner, .. } => Some(partner),
            Self::Candidate(_) => place.drawdown(customer).map(|d| d.partner.as_str()),
            Self::Person => None,
        }
    }

    /// Everything that a change of the entity at this place can change: a superset is fine, what stays the same cancels out.
    pub fn footprint(&self, customer: &Customer, place: Place, end_to_end_days: i64, out: &mut Cells) {
        match *self {
            Self::Application { partner, .. } => {
                if let Some(found) = place.application(customer) {
                    application(found, of_partner(&customer.drawdowns, partner), end_to_end_days, out);
                }
            }
            Self::Drawdown { .. } | Self::Candidate(_) => {
                if let Some(found) = place.drawdown(customer) {
                    drawdown(found, out);
                }
                // Whether the partner's applications led to a disbursement depends on all its drawdowns. They contribute
                // before the drawdown is known too, so they are named either way.
                let partner = self.partner(customer, place).unwrap_or_default();
                let drawdowns = of_partner(&customer.drawdowns, partner);
                for submitted in of_partner(&customer.applications, partner) {
                    application(submitted, drawdowns, end_to_end_days, out);
                }
            }
            Self::Instalment { number, .. } => {
                let Some(loan) = place.loan(customer) else { return };
                stock(loan, out);
                if let Some(found) = loan.instalment(number) {
                    instalment(found, loan, out);
                }
            }
            Self::Loan { .. } => {
                let Some(loan) = place.loan(customer) else { return };
                stock(loan, out);
                loan.instalments.iter().for_each(|found| instalment(found, loan, out));
            }
            Self::Person => {}
        }
    }
}

/// How far ahead the same cell is looked for.
const COMPARED_CELLS_MAX: usize = 8;

/// What differs: the changes that lead from `before` to `after`. Both name their cells in the same order, so what is in both
/// is found ahead; where it is not, the sums cancel out.
pub fn difference(before: &[Cell], mut after: &[Cell], mut change: impl FnMut(Counter, i64, Tally)) {
    for cell in before {
        match after.iter().take(COMPARED_CELLS_MAX).position(|other| other == cell) {
            Some(same) => {
                after[..same].iter().for_each(|new| change(new.counter, new.at, new.tally));
                after = &after[same + 1..];
            }
            None => {
                let Tally { count, amount_minor } = cell.tally;
                change(cell.counter, cell.at, Tally { count: -count, amount_minor: -amount_minor });
            }
        }
    }
    after.iter().for_each(|new| change(new.counter, new.at, new.tally));
}

/// Everything a customer contributes: what the sum of all deltas is checked against.
pub fn whole(customer: &Customer, end_to_end_days: i64, mut contribute: impl FnMut(&str, Cell)) {
    let mut each = |partner: &str, cells: Cells| cells.into_iter().for_each(|cell| contribute(partner, cell));
    for entry in &customer.applications {
        let mut cells = Cells::new();
        application(entry, of_partner(&customer.drawdowns, &entry.partner), end_to_end_days, &mut cells);
        each(&entry.partner, cells);
    }
    for entry in &customer.drawdowns {
        let mut cells = Cells::new();
        drawdown(entry, &mut cells);
        each(&entry.partner, cells);
    }
    for loan in &customer.loans {
        let mut cells = Cells::new();
        stock(loan, &mut cells);
        loan.instalments.iter().for_each(|entry| instalment(entry, loan, &mut cells));
        each(&loan.partner, cells);
    }
}
