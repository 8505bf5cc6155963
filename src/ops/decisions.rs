//! `reflow decisions`: every yes and no about a customer or a partner, with reasons and checks.

use super::exit::{Ended, Failure};
use super::reading::{Decoder, Part, read};
use super::wording;
use crate::bus::Topic;
use crate::config::Config;
use crate::domain::partition::partition_of;
use crate::domain::reason_text::Language::English;
use crate::domain::words::Word;
use crate::domain::{Decision, EventTime};
use crate::wire::Schema;

/// Whose decisions are asked for.
#[derive(Clone, Debug)]
pub enum Of {
    /// Reads one partition only.
    Customer(String),
    Partner(String),
}

/// Prints decisions in the order of their time; with `json` one object a line.
pub fn decisions(config: &Config, of: &Of, since: Option<EventTime>, json: bool) -> Ended {
    let only = match of {
        Of::Customer(token) => Some(token.as_str()),
        Of::Partner(_) => None,
    };
    let found = find(config, only, since, |decision| match of {
        Of::Customer(token) => decision.customer == token.as_str(),
        Of::Partner(partner) => decision.partner == partner.as_str(),
    })?;
    for decision in &found {
        if json {
            println!("{}", serde_json::to_string(decision).map_err(Failure::reach)?);
        } else {
            print!("{}", in_words(decision));
        }
    }
    if found.is_empty() { Err(Failure::finding("no decisions found")) } else { Ok(()) }
}

/// The decisions that are wanted, in the order of their time; of one customer only that customer's partition is read.
fn find(
    config: &Config,
    customer: Option<&str>,
    since: Option<EventTime>,
    wanted: impl Fn(&Decision) -> bool,
) -> Result<Vec<Decision>, Failure> {
    let topics = config.topics();
    let only = customer.map(|token| partition_of(token.as_bytes(), topics.partitions(Topic::Decisions)));
    let mut decoder = Decoder::open(config)?;
    let mut found: Vec<Decision> = Vec::new();
    let from = since.map_or(Part::ALL, Part::since);
    read(config, &topics.name(Topic::Decisions), only, from, |seen| {
        if let Some(Ok(decision)) = seen.value.map(|value| decoder.decode::<Decision>(Schema::Decision, value))
            && wanted(&decision)
        {
            found.push(decision);
        }
    })?;
    found.sort_by_key(|decision| (decision.decided_at, decision.stage, decision.shard, decision.sequence));
    Ok(found)
}

/// A decision as a person reads it.
fn in_words(decision: &Decision) -> String {
    let mut text = format!(
        "{}  {:8} {}  customer {}  partner {}  by the {} stage, policy {}\n",
        decision.decided_at,
        decision.kind.name(),
        decision.candidate_kind.name(),
        decision.customer,
        decision.partner,
        decision.stage.name(),
        decision.policy_version,
    );
    if !decision.reasons.is_empty() {
        text.push_str(&format!("    because {}\n", decision.reasons.join(", ")));
    }
    for check in decision.checks.iter().filter(|check| !check.passed) {
        let (subject, observed, required) =
            (wording::subject(&check, English), wording::observed(&check, English), wording::required(&check, English));
        text.push_str(&format!("    {} {subject}: {observed} (asked for: {required})\n", check.code));
    }
    text
}
