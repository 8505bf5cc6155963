//! What an event must have before anything else is asked: ids, tokens, required parts, amounts.
//!
//! The answer of a failed check is the text of the dead letter: what was found and what is expected. Every event takes a dozen
//! of these steps and nearly none fails, so an answer is small to hand on, and made apart from the way of the others.

use crate::domain::events::{
    ApplicationEvent, ApplicationKind, Command, CommandKind, Components, CustomerEvent, Event, Outcome, RepaymentEvent,
    RepaymentKind,
};
use crate::domain::{AMOUNT_MINOR_MAX, CalendarDay, EventTime};

/// Longest id or token, bytes.
pub const TOKEN_BYTES_MAX: usize = 128;
/// Most tags of one customer event.
pub const TAGS_MAX: usize = 256;

/// Two words, so that it is handed on in registers.
type Wrong = Box<str>;
type Checked = Result<(), Wrong>;

/// Errs with what is wrong when the event can never be used.
pub fn event(event: &Event<'_>) -> Result<(), String> {
    let checked = match event {
        Event::Application(e) => application(e),
        Event::Repayment(e) => repayment(e),
        Event::Customer(e) => customer(e),
        Event::Outcome(e) => outcome(e),
        Event::Command(e) => command(e),
    };
    checked.map_err(String::from)
}

#[cold]
#[inline(never)]
fn wrong(what: std::fmt::Arguments<'_>) -> Wrong {
    what.to_string().into_boxed_str()
}

fn application(e: &ApplicationEvent<'_>) -> Checked {
    id("event_id", e.event_id)?;
    id("customer", e.customer)?;
    id("partner", e.partner)?;
    id("application", e.application)?;
    if is_drawdown(e.kind) {
        id("drawdown", required("drawdown", e.kind, e.drawdown)?)?;
    }
    token("drawdown", e.drawdown)?;
    token("loan", e.loan)?;
    token("product", e.product)?;
    token("currency", e.currency)?;
    token("decline_reason", e.decline_reason)?;
    token("enhancer", e.enhancer)?;
    token("region", e.region)?;
    token("employer.token", e.employer.as_ref().map(|employer| employer.token))?;
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
    id("event_id", e.event_id)?;
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
    id("event_id", e.event_id)?;
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
        return Err(wrong(format_args!("{} tags, at most {TAGS_MAX} a customer", e.tags.len())));
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
    id("event_id", e.event_id)?;
    id("customer", e.customer)?;
    token("candidate", e.candidate)?;
    token("channel", e.channel)?;
    token("currency", e.currency)?;
    amount("amount_minor", e.amount_minor)
}

fn command(e: &Command<'_>) -> Checked {
    id("event_id", e.event_id)?;
    if e.kind == CommandKind::RevokeCandidate {
        id("customer", required("customer", e.kind, e.customer)?)?;
    }
    token("customer", e.customer)?;
    token("partner", e.partner)?;
    token("campaign", e.campaign)?;
    token("candidate", e.candidate)
}

/// True for the kinds that speak of a drawdown.
pub fn is_drawdown(kind: ApplicationKind) -> bool {
    (ApplicationKind::DrawdownRequested..=ApplicationKind::DrawdownRerouted).contains(&kind)
}

#[inline]
fn required<T>(name: &str, kind: impl std::fmt::Display, value: Option<T>) -> Result<T, Wrong> {
    value.ok_or_else(|| wrong(format_args!("{name} is missing, {kind} needs it")))
}

fn id(name: &str, value: &str) -> Checked {
    if value.is_empty() {
        return Err(wrong(format_args!("{name} is empty, an id is expected")));
    }
    some_token(name, value)
}

#[inline]
fn token(name: &str, value: Option<&str>) -> Checked {
    value.map_or(Ok(()), |value| some_token(name, value))
}

#[inline(never)]
fn some_token(name: &str, value: &str) -> Checked {
    if value.len() > TOKEN_BYTES_MAX || holds_zero(value.as_bytes()) {
        return Err(no_token(name, value));
    }
    Ok(())
}

#[cold]
fn no_token(name: &str, value: &str) -> Wrong {
    match value.len() {
        ..=TOKEN_BYTES_MAX => wrong(format_args!("{name} holds a zero byte")),
        long => wrong(format_args!("{name} has {long} bytes, at most {TOKEN_BYTES_MAX} are expected")),
    }
}

/// True when one of the bytes is zero. Sixteen, eight or four are looked at in one step; the last ones may overlap the first.
#[inline]
fn holds_zero(bytes: &[u8]) -> bool {
    fn in_sixteen(chunk: &[u8; 16]) -> bool {
        chunk.iter().fold(false, |found, byte| found | (*byte == 0))
    }
    /// Borrowing from a zero byte sets its highest bit, which was not set before.
    fn in_eight(word: u64) -> bool {
        word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080 != 0
    }
    if let Some(last) = bytes.last_chunk() {
        return bytes.as_chunks().0.iter().any(in_sixteen) || in_sixteen(last);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return in_eight(u64::from_le_bytes(*first)) || in_eight(u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let [first, last] = [first, last].map(|four| u64::from(u32::from_le_bytes(*four)));
        return in_eight(first << 32 | last);
    }
    bytes.contains(&0)
}

#[inline]
fn amount(name: &str, value: Option<i64>) -> Checked {
    match value {
        None | Some(0..=AMOUNT_MINOR_MAX) => Ok(()),
        Some(value) => Err(no_amount(name, value)),
    }
}

#[cold]
fn no_amount(name: &str, value: i64) -> Wrong {
    match value {
        ..0 => wrong(format_args!("{name} is {value}, an amount is never negative")),
        _ => wrong(format_args!("{name} is {value}, at most {AMOUNT_MINOR_MAX} minor units are expected")),
    }
}

fn components(name: &str, value: Option<Components>) -> Checked {
    let Some(parts) = value else { return Ok(()) };
    amount(name, Some(parts.principal_minor))?;
    amount(name, Some(parts.interest_minor))?;
    amount(name, Some(parts.fee_minor))
}

fn instalment(e: &RepaymentEvent<'_>) -> Checked {
    match required("instalment", e.kind, e.instalment)? {
        number if number < 1 => Err(wrong(format_args!("instalment is {number}, numbers count from 1"))),
        _ => Ok(()),
    }
}

fn due_date(day: CalendarDay) -> Checked {
    if day.utc_start().plausible() {
        return Ok(());
    }
    let (from, to) = (EventTime::EARLIEST, EventTime::LATEST);
    Err(wrong(format_args!("due_date is {day}, between {from} and {to} is expected")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_byte_is_found_wherever_it_stands() {
        for length in 0..=40 {
            for byte in [1, b'a', 0x7f, 0x80, 0xff] {
                let mut bytes = vec![byte; length];
                assert!(!holds_zero(&bytes), "{length} times {byte}");
                for at in 0..length {
                    bytes[at] = 0;
                    assert!(holds_zero(&bytes), "a zero at {at} of {length} times {byte}");
                    bytes[at] = byte;
                }
            }
        }
    }
}
