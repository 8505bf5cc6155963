//! What an event must have before anything else is asked: ids, tokens, required parts, amounts.
//!
//! The answer of a failed check is the text of the dead letter: what was found and what is expected.

use crate::domain::events::{
    ApplicationEvent, ApplicationKind, Command, CommandKind, Components, CustomerEvent, Event, Outcome, RepaymentEvent,
    RepaymentKind,
};
use crate::domain::{AMOUNT_MINOR_MAX, CalendarDay, EventTime};

/// Longest id or token, bytes.
pub const TOKEN_BYTES_MAX: usize = 128;
/// Most tags of one customer event.
pub const TAGS_MAX: usize = 256;

type Checked = Result<(), String>;

/// Errs with what is wrong when the event can never be used.
pub fn event(event: &Event<'_>) -> Checked {
    id("event_id", event.event_id())?;
    match event {
        Event::Application(e) => application(e),
        Event::Repayment(e) => repayment(e),
        Event::Customer(e) => customer(e),
        Event::Outcome(e) => outcome(e),
        Event::Command(e) => command(e),
    }
}

fn application(e: &ApplicationEvent<'_>) -> Checked {
    id("customer", e.customer)?;
    id("partner", e.partner)?;
    id("application", e.application)?;
    if is_drawdown(e.kind) {
        id("drawdown", required("drawdown", e.kind, e.drawdown)?)?;
    }
    for (name, value) in [
        ("drawdown", e.drawdown),
        ("loan", e.loan),
        ("product", e.product),
        ("currency", e.currency),
        ("decline_reason", e.decline_reason),
        ("enhancer", e.enhancer),
        ("region", e.region),
        ("employer.token", e.employer.as_ref().map(|employer| employer.token)),
    ] {
        token(name, value)?;
    }
    if let Some(verdict) = &e.risk_verdict {
        token("risk_verdict.model", Some(verdict.model))?;
        token("risk_verdict.version", Some(verdict.version))?;
        token("risk_verdict.band", Some(verdict.band))?;
    }
    amount("amount_minor", e.amount_minor)?;
    amount("limit_minor", e.limit_minor)
}

fn repayment(e: &RepaymentEvent<'_>) -> Checked {
    use RepaymentKind as Kind;
    id("customer", e.customer)?;
    id("partner", e.partner)?;
    id("loan", e.loan)?;
    token("payment", e.payment)?;
    token("currency", e.currency)?;
    match e.kind {
        Kind::Disbursed => {}
        Kind::Scheduled | Kind::Due | Kind::Rescheduled => {
            instalment(e)?;
            due_date(required("due_date", e.kind, e.due_date)?)?;
            required("due", e.kind, e.due)?;
        }
        Kind::Paid | Kind::PartiallyPaid | Kind::Reversed => {
            instalment(e)?;
            required("paid", e.kind, e.paid)?;
        }
        Kind::Waived => instalment(e)?,
        Kind::Closed => {
            required("close_reason", e.kind, e.close_reason)?;
        }
    }
    components("due", e.due)?;
    components("paid", e.paid)
}

fn customer(e: &CustomerEvent<'_>) -> Checked {
    id("customer", e.customer)?;
    token("region", e.region)?;
    token("zone", e.zone)?;
    token("employer.token", e.employer.as_ref().map(|employer| employer.token))?;
    token("merged_into", e.merged_into)?;
    for score in [&e.risk, &e.response, &e.conversion, &e.value].into_iter().flatten() {
        token("score.model", Some(score.model))?;
        token("score.version", Some(score.version))?;
    }
    if e.tags.len() > TAGS_MAX {
        return Err(format!("{} tags, at most {TAGS_MAX} a customer", e.tags.len()));
    }
    e.tags.iter().try_for_each(|tag| token("tags", Some(tag)))?;
    for consent in &e.consents {
        id("consents.consent", consent.consent)?;
        id("consents.controller", consent.controller)?;
        token("consents.recipient", consent.recipient)?;
        token("consents.text_version", Some(consent.text_version))?;
        token("consents.collected_via", consent.collected_via)?;
    }
    if let Some(income) = &e.income {
        id("income.currency", income.currency)?;
        amount("income.monthly_minor", Some(income.monthly_minor))?;
    }
    amount("own_limit_minor", e.own_limit_minor)
}

fn outcome(e: &Outcome<'_>) -> Checked {
    id("customer", e.customer)?;
    token("candidate", e.candidate)?;
    token("channel", e.channel)?;
    token("currency", e.currency)?;
    amount("amount_minor", e.amount_minor)
}

fn command(e: &Command<'_>) -> Checked {
    if e.kind == CommandKind::RevokeCandidate {
        id("customer", required("customer", e.kind, e.customer)?)?;
    }
    [("customer", e.customer), ("partner", e.partner), ("campaign", e.campaign), ("candidate", e.candidate)]
        .into_iter()
        .try_for_each(|(name, value)| token(name, value))
}

/// True for the kinds that speak of a drawdown.
pub fn is_drawdown(kind: ApplicationKind) -> bool {
    (ApplicationKind::DrawdownRequested..=ApplicationKind::DrawdownRerouted).contains(&kind)
}

fn required<T>(name: &str, kind: impl std::fmt::Display, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("{name} is missing, {kind} needs it"))
}

fn id(name: &str, value: &str) -> Checked {
    if value.is_empty() {
        return Err(format!("{name} is empty, an id is expected"));
    }
    token(name, Some(value))
}

fn token(name: &str, value: Option<&str>) -> Checked {
    let Some(value) = value else { return Ok(()) };
    if value.len() > TOKEN_BYTES_MAX {
        return Err(format!("{name} has {} bytes, at most {TOKEN_BYTES_MAX} are expected", value.len()));
    }
    // Ids are short: looking at all of their bytes costs less than stopping at the first.
    if value.bytes().fold(false, |found, byte| found | (byte == 0)) {
        return Err(format!("{name} holds a zero byte"));
    }
    Ok(())
}

fn amount(name: &str, value: Option<i64>) -> Checked {
    match value {
        Some(value) if value < 0 => Err(format!("{name} is {value}, an amount is never negative")),
        Some(value) if value > AMOUNT_MINOR_MAX => {
            Err(format!("{name} is {value}, at most {AMOUNT_MINOR_MAX} minor units are expected"))
        }
        _ => Ok(()),
    }
}

fn components(name: &str, value: Option<Components>) -> Checked {
    let Some(parts) = value else { return Ok(()) };
    [parts.principal_minor, parts.interest_minor, parts.fee_minor]
        .into_iter()
        .try_for_each(|part| amount(name, Some(part)))
}

fn instalment(e: &RepaymentEvent<'_>) -> Checked {
    match required("instalment", e.kind, e.instalment)? {
        number if number < 1 => Err(format!("instalment is {number}, numbers count from 1")),
        _ => Ok(()),
    }
}

fn due_date(day: CalendarDay) -> Checked {
    if day.utc_start().plausible() {
        return Ok(());
    }
    Err(format!("due_date is {day}, between {} and {} is expected", EventTime::EARLIEST, EventTime::LATEST))
}
