//! What a customer's record contributes to which cell (section 3), and the sum over everybody.

use std::collections::{BTreeMap, BTreeSet};

use reflow::domain::counter::{STOCK_CURRENT, Tally};
use reflow::domain::decision::{DecisionKind, StageName};
use reflow::domain::events::{ApplicationKind, CancelReason};
use reflow::domain::time::DAY_MS;
use reflow::domain::words::Word;
use reflow::domain::{Counter, Decision, Delta, EventTime, Family, ReasonCode, Text};

use super::Rules;
use super::inputs::OwnedEvent;
use super::instalments::{Instalment, Loan, Status, loans};
use super::record::{Fact, Key, Record, Value, facts};

/// Partner, counter, start of the cell.
pub type Cell = (Text, Counter, i64);
pub type Contributions = BTreeMap<Cell, Tally>;

/// Admitted candidates of one customer: (partner, drawdown) to candidate id.
pub type Admitted = BTreeMap<(Text, Text), Text>;

/// What was decided about one customer's drawdowns, as far as contributions depend on it.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    pub admitted: Admitted,
    /// Partner and drawdown: the last answer was a no for the holdout alone.
    pub held_out: BTreeSet<(Text, Text)>,
}

/// Adds a tally to a cell; a cell that comes to nothing is no cell.
pub fn add(to: &mut Contributions, cell: Cell, tally: Tally) {
    let sum = to.entry(cell.clone()).or_default();
    sum.add(tally);
    if sum.is_zero() {
        to.remove(&cell);
    }
}

/// Everything one record contributes.
pub fn contributions(record: &Record, decided: &Decided, rules: &Rules) -> Contributions {
    let mut out = Contributions::new();
    applications(record, rules, &mut out);
    drawdowns(record, decided, &mut out);
    for loan in loans(record) {
        loan.instalments.iter().for_each(|instalment| due_book(&loan, instalment, &mut out));
        stock(&loan, &mut out);
    }
    out
}

fn one(amount_minor: i64) -> Tally {
    Tally { count: 1, amount_minor }
}

fn applications(record: &Record, rules: &Rules, out: &mut Contributions) {
    for fact in record.facts() {
        match (&fact.key, &fact.value) {
            (Key::ApplicationEnd(partner, id), Value::ApplicationEnd { kind, at, .. }) => {
                let amount = application_amount(record, partner, id);
                add(out, (partner.clone(), flow_counter(*kind).0, Family::minute(*at)), one(amount));
            }
            (Key::Submitted(partner, id), Value::Moment { at, amount }) => {
                let minute = Family::minute(*at);
                let submitted = one(amount.unwrap_or(0));
                add(out, (partner.clone(), Counter::Submitted, minute), submitted);
                let end = record.value(&Key::ApplicationEnd(partner.clone(), id.clone()));
                if let Some(Value::ApplicationEnd { kind, .. }) = end {
                    let tally = one(application_amount(record, partner, id));
                    add(out, (partner.clone(), flow_counter(*kind).1, minute), tally);
                }
                if disbursed_within(record, partner, *at, rules.end_to_end_days) {
                    add(out, (partner.clone(), Counter::CohortDisbursed, minute), submitted);
                }
            }
            _ => {}
        }
    }
}

/// The counters of an outcome, by decision time and by submission time.
fn flow_counter(kind: ApplicationKind) -> (Counter, Counter) {
    match kind {
        ApplicationKind::Approved => (Counter::Approved, Counter::CohortApproved),
        ApplicationKind::Declined => (Counter::Declined, Counter::CohortDeclined),
        _ => (Counter::Cancelled, Counter::CohortCancelled),
    }
}

/// The amount an application's outcome is counted with: of an approval the limit, else its amount; else what was submitted.
fn application_amount(record: &Record, partner: &Text, id: &Text) -> i64 {
    let submitted = match record.value(&Key::Submitted(partner.clone(), id.clone())) {
        Some(Value::Moment { amount, .. }) => *amount,
        _ => None,
    };
    match record.value(&Key::ApplicationEnd(partner.clone(), id.clone())) {
        Some(Value::ApplicationEnd { kind: ApplicationKind::Approved, amount, .. }) => amount.or(submitted),
        _ => submitted,
    }
    .unwrap_or(0)
}

fn disbursed_within(record: &Record, partner: &Text, submitted_at: EventTime, days: i64) -> bool {
    record.facts().any(|fact| match (&fact.key, &fact.value) {
        (Key::DrawdownEnd(p, _), Value::DrawdownEnd { kind: ApplicationKind::DrawdownDisbursed, at, .. }) => {
            p == partner && (0..=days * DAY_MS).contains(&at.ms_since(submitted_at))
        }
        _ => false,
    })
}

/// Drawdowns of a record, each once.
fn drawdown_ids(record: &Record) -> Vec<(Text, Text)> {
    let mut ids: Vec<(Text, Text)> = record
        .facts()
        .filter_map(|fact| match &fact.key {
            Key::Requested(p, d) | Key::FirstSeen(p, d) => Some((p.clone(), d.clone())),
            _ => None,
        })
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

fn drawdowns(record: &Record, decided: &Decided, out: &mut Contributions) {
    for (partner, drawdown) in drawdown_ids(record) {
        let Some((requested_at, requested)) = record.requested(&partner, &drawdown) else { continue };
        let minute = Family::minute(requested_at);
        let end = match record.value(&Key::DrawdownEnd(partner.clone(), drawdown.clone())) {
            Some(Value::DrawdownEnd { kind, amount, .. }) => Some((*kind, *amount)),
            _ => None,
        };
        let asked = requested.or(end.and_then(|(_, amount)| amount)).unwrap_or(0);
        add(out, (partner.clone(), Counter::DrawdownRequested, minute), one(asked));
        let Some((kind, _)) = end else { continue };
        let counter = match kind {
            _ if diverted(record, &decided.admitted, &partner, &drawdown) => Counter::DrawdownDiverted,
            ApplicationKind::DrawdownDisbursed => Counter::DrawdownDisbursed,
            ApplicationKind::DrawdownDeclined => Counter::DrawdownDeclined,
            ApplicationKind::DrawdownTimedOut => Counter::DrawdownTimedOut,
            ApplicationKind::DrawdownRerouted => Counter::DrawdownRerouted,
            _ => Counter::DrawdownCancelled,
        };
        add(out, (partner.clone(), counter, minute), one(asked));
        let control = match kind {
            _ if !decided.held_out.contains(&(partner.clone(), drawdown)) => continue,
            ApplicationKind::DrawdownDisbursed => Counter::HeldOutDisbursed,
            ApplicationKind::DrawdownDeclined => Counter::HeldOutDeclined,
            ApplicationKind::DrawdownTimedOut => Counter::HeldOutTimedOut,
            ApplicationKind::DrawdownCancelled => Counter::HeldOutCancelled,
            _ => continue,
        };
        add(out, (partner, control, minute), one(asked));
    }
}

/// Cancelled, with an admitted candidate whose offer was accepted or that the customer says was chosen; or timed out after it
/// was accepted.
pub fn diverted(record: &Record, admitted: &Admitted, partner: &Text, drawdown: &Text) -> bool {
    let Some(candidate) = admitted.get(&(partner.clone(), drawdown.clone())) else { return false };
    let accepted = record.fact(&Key::Accepted(candidate.clone())).is_some();
    match record.value(&Key::DrawdownEnd(partner.clone(), drawdown.clone())) {
        Some(Value::DrawdownEnd { kind: ApplicationKind::DrawdownCancelled, reason, .. }) => {
            *reason == Some(CancelReason::ChoseOwn) || accepted
        }
        Some(Value::DrawdownEnd { kind: ApplicationKind::DrawdownTimedOut, .. }) => accepted,
        _ => false,
    }
}

fn due_book(loan: &Loan, i: &Instalment, out: &mut Contributions) {
    let mut put = |counter: Counter, amount_minor: i64| {
        add(out, (loan.partner.clone(), counter, Family::day(i.due_date)), one(amount_minor));
    };
    let first = i.number == 1;
    put(Counter::InstalmentsDue, i.due_minor);
    if first {
        put(Counter::FirstDue, i.due_minor);
    }
    let (unsettled, day, by_customer) = match i.status {
        Status::Open => (Counter::InstalmentsOpen, None, false),
        Status::WrittenOff { .. } => (Counter::InstalmentsWrittenOff, None, false),
        Status::Restructured { .. } => (Counter::InstalmentsRestructured, None, false),
        Status::Settled { day, by_customer } => (Counter::InstalmentsOpen, Some(day), by_customer),
    };
    let Some(day) = day else {
        put(unsettled, i.remaining_minor);
        if first {
            put(Counter::FirstOpen, i.remaining_minor);
        }
        return;
    };
    let late = day.days_since(i.due_date);
    put(Counter::settled(late), i.due_minor);
    if late < 0 {
        put(Counter::SettledPrepaid, i.due_minor);
    }
    if !by_customer {
        put(Counter::SettledCompensated, i.due_minor);
    }
    for (days, counter) in Counter::FIRST_LATE {
        if first && late >= days {
            put(counter, i.due_minor);
        }
    }
}

fn stock(loan: &Loan, out: &mut Contributions) {
    let (Some(principal), None) = (loan.principal_minor, loan.closed) else { return };
    let at = Family::day(loan.oldest_open().unwrap_or(STOCK_CURRENT));
    let outstanding = one((principal - loan.paid_principal_minor).max(0));
    add(out, (loan.partner.clone(), Counter::StockLoans, at), outstanding);
    if loan.compensated() {
        add(out, (loan.partner.clone(), Counter::StockCompensated, at), outstanding);
    }
}

/// By customer: the admitted candidates, as the partner stage's decisions tell them, and the control group, as the customer
/// stage's do. Of several decisions about a drawdown the latest says whether it was held out.
pub fn decided(decisions: &[Decision]) -> BTreeMap<Text, Decided> {
    let mut all: BTreeMap<Text, Decided> = BTreeMap::new();
    let mut latest: BTreeMap<(Text, Text, Text), &Decision> = BTreeMap::new();
    for d in decisions {
        let Some(drawdown) = &d.drawdown else { continue };
        if d.stage == StageName::Partner && d.kind == DecisionKind::Yes {
            let of_customer = all.entry(d.customer.clone()).or_default();
            of_customer.admitted.insert((d.partner.clone(), drawdown.clone()), d.candidate.clone());
        }
        let last = latest.entry((d.customer.clone(), d.partner.clone(), drawdown.clone())).or_insert(d);
        if d.decided_at > last.decided_at {
            *last = d;
        }
    }
    for ((customer, partner, drawdown), d) in latest {
        if d.stage == StageName::Customer && d.reasons == [ReasonCode::CtrlHoldout.name()] {
            all.entry(customer).or_default().held_out.insert((partner, drawdown));
        }
    }
    all
}

/// The records of all customers from the multiset of inputs: unreadable and implausible ones left out, none late.
pub fn records(events: &[OwnedEvent], rules: &Rules) -> BTreeMap<Text, Record> {
    let mut all: BTreeMap<Text, Vec<Fact>> = BTreeMap::new();
    for event in events.iter().filter_map(|event| event.read_at(EventTime(0), rules).ok()) {
        if let Some(customer) = event.customer() {
            all.entry(customer.into()).or_default().extend(facts(&event, rules));
        }
    }
    all.into_iter().map(|(customer, facts)| (customer, Record::of(&facts))).collect()
}

/// Σ contributions over all customers. An erasure depends on the order of arrival and is not for this layer.
pub fn expected_contributions(
    events: &[OwnedEvent],
    decided: &BTreeMap<Text, Decided>,
    rules: &Rules,
) -> Contributions {
    let nobody = Decided::default();
    let mut sum = Contributions::new();
    for (customer, record) in records(events, rules) {
        for (cell, tally) in contributions(&record, decided.get(&customer).unwrap_or(&nobody), rules) {
            add(&mut sum, cell, tally);
        }
    }
    sum
}

/// Σ deltas.
pub fn sum_of_deltas(deltas: impl IntoIterator<Item = Delta>) -> Contributions {
    let mut sum = Contributions::new();
    for delta in deltas {
        add(&mut sum, (delta.partner, delta.counter, delta.at), delta.change);
    }
    sum
}
