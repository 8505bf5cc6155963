//! What was written about a decision, looked for in the newest part of a topic first, and in one partition where it is known
//! which.

use super::super::exit::Failure;
use super::super::reading::{Decoder, Part, read};
use crate::bus::Topic;
use crate::config::{ClockKind, Config};
use crate::domain::codec::Avro;
use crate::domain::decision::{DecisionKind, StageName};
use crate::domain::partition::partition_of;
use crate::domain::time::{DAY_MS, HOUR_MS};
use crate::domain::words::Word;
use crate::domain::{Candidate, Decision, EventTime};
use crate::worker::clock::wall;

/// How far back the first looks reach, milliseconds; the last one goes back to the topic's beginning.
const BACK_MS: [i64; 2] = [DAY_MS, 31 * DAY_MS];
/// By how much a record may be appended later than it was decided, or a broker's clock be off, milliseconds.
const SLACK_MS: i64 = HOUR_MS;

/// A record with where and when it was appended.
struct Found<T> {
    what: T,
    partition: i32,
    at: Option<EventTime>,
}

/// A decision with everything that was decided about its candidate before, in that order.
pub struct History {
    pub decision: Decision,
    pub earlier: Vec<Decision>,
    /// When the decision was appended.
    at: Option<EventTime>,
}

/// The decision of that id, wherever it lies.
pub fn by_id(config: &Config, id: &str) -> Result<History, Failure> {
    let wanted = |decision: &Decision| decision.decision == id;
    let found = search(config, Topic::Decisions, None, &parts(None, wall()), wanted, |found| !found.is_empty())?;
    let found = found.into_iter().next_back().ok_or_else(|| Failure::finding(format!("no decision `{id}`")))?;
    history(config, found)
}

/// The latest decision about the customer that was made at that moment or before.
pub fn at_or_before(config: &Config, customer: &str, at: EventTime) -> Result<History, Failure> {
    let only = partition(config, Topic::Decisions, customer);
    let wanted = |decision: &Decision| decision.customer == customer;
    let soon = at.plus_ms(SLACK_MS);
    // Another clock than the wall's says nothing about when a record was appended.
    let by_wall = config.clock.kind == ClockKind::Wall;
    let parts = if by_wall { parts(Some(soon), at) } else { vec![Part::ALL] };
    let mut found = search(config, Topic::Decisions, Some(only), &parts, wanted, |found: &[Found<Decision>]| {
        found.iter().any(|found| found.what.decided_at <= at)
    })?;
    found.sort_by_key(|found| (found.what.decided_at, place(&found.what)));
    if let Some(last) = found.iter().rposition(|found| found.what.decided_at <= at) {
        return history(config, found.swap_remove(last));
    }
    if by_wall && found.is_empty() {
        found = search(config, Topic::Decisions, Some(only), &[Part::since(soon)], wanted, |_| false)?;
    }
    let first = found.iter().map(|found| found.what.decided_at).min();
    let first = first.map_or_else(|| "there is none later".to_owned(), |at| format!("the first is of {at}"));
    Err(Failure::finding(format!("no decision about {customer} at {at} or before; {first}")))
}

/// The candidate of a decision as it was first made; of a no there is none.
pub fn candidate(config: &Config, history: &History) -> Result<Option<Candidate>, Failure> {
    let decision = &history.decision;
    if matches!(decision.kind, DecisionKind::No | DecisionKind::TooLate | DecisionKind::Proposed) {
        return Ok(None);
    }
    let topic = Topic::CandidatesRealtime;
    let only = partition(config, topic, &decision.customer);
    let wanted = |candidate: &Candidate| candidate.candidate == decision.candidate;
    let found = search(config, topic, Some(only), &around(history.at), wanted, |found| !found.is_empty())?;
    Ok(found.into_iter().next().map(|found| found.what))
}

/// The partition that holds a customer's records.
pub fn partition(config: &Config, topic: Topic, customer: &str) -> i32 {
    partition_of(customer.as_bytes(), config.topics().partitions(topic))
}

/// What was decided about the same candidate before: back to where the customer stage proposed it.
fn history(config: &Config, found: Found<Decision>) -> Result<History, Failure> {
    let Found { what: decision, partition, at } = found;
    if decision.stage == StageName::Customer {
        return Ok(History { decision, earlier: Vec::new(), at });
    }
    let (last, id) = (place(&decision), &decision.candidate);
    let wanted = |other: &Decision| other.candidate == *id && place(other) < last;
    let earlier = search(config, Topic::Decisions, Some(partition), &around(at), wanted, |found| {
        found.iter().any(|found| found.what.kind == DecisionKind::Proposed)
    })?;
    let mut earlier: Vec<Decision> = earlier.into_iter().map(|found| found.what).collect();
    earlier.sort_by_key(place);
    Ok(History { decision, earlier, at })
}

/// Where a decision stands among those about one candidate. The stages' clocks may differ a little, their order does not.
fn place(decision: &Decision) -> (usize, i64) {
    (decision.stage.ordinal(), decision.sequence)
}

/// The parts of a topic up to `to`, newest first; the first ones reach back from `from`.
fn parts(to: Option<EventTime>, from: EventTime) -> Vec<Part> {
    let mut parts = Vec::with_capacity(BACK_MS.len() + 1);
    let mut end = to;
    for back in BACK_MS {
        let begin = Some(from.plus_ms(-back));
        parts.push(Part { from: begin, to: end });
        end = begin;
    }
    parts.push(Part { from: None, to: end });
    parts
}

/// The parts up to when a record was appended.
fn around(at: Option<EventTime>) -> Vec<Part> {
    at.map_or_else(|| vec![Part::ALL], |at| parts(Some(at.plus_ms(SLACK_MS)), at))
}

/// What is wanted, in the order of the log; reads back part by part until it is enough.
fn search<T: for<'a> Avro<'a>>(
    config: &Config,
    topic: Topic,
    only: Option<i32>,
    parts: &[Part],
    wanted: impl Fn(&T) -> bool,
    enough: impl Fn(&[Found<T>]) -> bool,
) -> Result<Vec<Found<T>>, Failure> {
    let (name, mut decoder) = (config.topics().name(topic), Decoder::open(config)?);
    let mut found: Vec<Found<T>> = Vec::new();
    let Some(schema) = topic.layout().schema else { return Ok(found) };
    for part in parts {
        eprintln!("reading {name}{}{}", only.map_or_else(String::new, |only| format!("[{only}]")), span(part));
        let mut here = Vec::new();
        read(config, &name, only, *part, |seen| {
            if let Some(Ok(what)) = seen.value.map(|value| decoder.decode::<T>(schema, value))
                && wanted(&what)
            {
                here.push(Found { what, partition: seen.partition, at: seen.at });
            }
        })?;
        here.append(&mut found);
        found = here;
        if enough(&found) {
            break;
        }
    }
    Ok(found)
}

/// A part in words: what was appended since, and until when.
fn span(part: &Part) -> String {
    let since = part.from.map_or_else(|| " from its beginning".to_owned(), |at| format!(" since {at}"));
    let until = part.to.map_or_else(String::new, |at| format!(" until {at}"));
    format!("{since}{until}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_topic_meet_and_leave_nothing_out() {
        let (to, from) = (EventTime(40 * DAY_MS), EventTime(39 * DAY_MS));
        let parts = parts(Some(to), from);
        assert_eq!((parts[0].to, parts[parts.len() - 1].from), (Some(to), None));
        assert!(parts.windows(2).all(|two| two[0].from == two[1].to && two[0].from.is_some()), "{parts:?}");
        assert_eq!(parts[0].from, Some(EventTime(38 * DAY_MS)));
    }
}
