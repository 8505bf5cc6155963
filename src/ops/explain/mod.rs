//! `reflow explain`: one decision as its readers need it, or what would be decided about events that are not there yet.

mod account;
mod consent;
mod flip;
mod guard;
mod page;
mod words;

pub use account::Account;

use std::path::{Path, PathBuf};

use super::exit::{Ended, Failure};
use super::reading::{Decoder, From, read};
use super::{decisions, scene, wording};
use crate::bus::Topic;
use crate::config::Config;
use crate::domain::partition::partition_of;
use crate::domain::reason_text::Language;
use crate::domain::{Candidate, Decision, EventTime};
use crate::wire::Schema;

/// How it is told.
#[derive(Debug, clap::Args)]
pub struct Shape {
    /// Language: en or zh
    #[arg(long, default_value = "en", value_parser = wording::language)]
    lang: Language,
    /// A page for the complaint desk, as HTML that prints well
    #[arg(long, conflicts_with = "json")]
    page: bool,
    /// JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Which decision is asked for.
#[derive(Clone, Debug)]
pub enum Which {
    Id(String),
    /// The latest about the customer that was decided at that moment or before.
    At(String, EventTime),
}

/// Explains a decision that was written.
pub fn written(config: &Config, which: &Which, shape: &Shape) -> Ended {
    let decision = match which {
        Which::Id(id) => {
            let found = decisions::find(config, None, None, |decision| decision.decision == id.as_str())?;
            found.into_iter().next_back().ok_or_else(|| Failure::finding(format!("no decision `{id}`")))?
        }
        Which::At(customer, at) => at_or_before(config, customer, *at)?,
    };
    let candidate = candidate(config, &decision)?;
    let consent = match candidate.as_ref().map(|made| made.right_to_act.consent.as_str()) {
        Some(evidence) => consent::written(config, &decision.customer, evidence)?,
        None => consent::checked(&decision),
    };
    tell(&Account::of(decision, candidate, consent, shape.lang), shape)
}

fn at_or_before(config: &Config, customer: &str, at: EventTime) -> Result<Decision, Failure> {
    let found = decisions::find(config, Some(customer), None, |decision| decision.customer == customer)?;
    let first = found.first().map(|decision| decision.decided_at);
    found.into_iter().rfind(|decision| decision.decided_at <= at).ok_or_else(|| {
        let first = first.map_or_else(|| "there is none later".to_owned(), |at| format!("the first is of {at}"));
        Failure::finding(format!("no decision about {customer} at {at} or before; {first}"))
    })
}

/// The candidate of a decision as it was first made.
fn candidate(config: &Config, decision: &Decision) -> Result<Option<Candidate>, Failure> {
    let topics = config.topics();
    let topic = Topic::CandidatesRealtime;
    let only = partition_of(decision.customer.as_bytes(), topics.partitions(topic));
    let (mut decoder, mut found) = (Decoder::open(config)?, None);
    read(config, &topics.name(topic), Some(only), From::Beginning, |_, _, _, value| {
        if let Some(Ok(candidate)) = value.map(|value| decoder.decode::<Candidate>(Schema::Candidate, value))
            && candidate.candidate == decision.candidate
        {
            found.get_or_insert(candidate);
        }
    })?;
    Ok(found)
}

/// Explains what would be decided about the events of a scenario, under its policy or another.
pub fn planned(events: &Path, policy: Option<&PathBuf>, shape: &Shape) -> Ended {
    let account = account_of(events, policy.map(PathBuf::as_path), shape.lang)?;
    tell(&account, shape)
}

/// The account of the last decision that the events bring about.
pub fn account_of(events: &Path, policy: Option<&Path>, language: Language) -> Result<Account, Failure> {
    let name = events.display();
    let text = std::fs::read_to_string(events)
        .map_err(|error| Failure::input(format!("{name}: {error}; --event takes a file of events (docs/policy.md)")))?;
    let scene = scene::read(events, &text, policy)
        .map_err(|problems| Failure::input(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let played = scene::play(&scene);
    let (mut heard, world) = (played.heard, played.world);
    let decision = heard.decisions.pop().ok_or_else(|| {
        Failure::finding(format!("{name}: nothing was decided; no drawdown triggers a decision under this policy"))
    })?;
    let candidate = heard.candidates.remove(&decision.customer).filter(|made| made.candidate == decision.candidate);
    let record = world.customer(&decision.customer);
    let consent = match candidate.as_ref().map(|made| made.right_to_act.consent.as_str()) {
        Some(evidence) => record.and_then(|record| consent::recorded(&record, evidence)),
        None => consent::checked(&decision),
    };
    Ok(Account::of(decision, candidate, consent, language))
}

fn tell(account: &Account, shape: &Shape) -> Ended {
    if shape.json {
        println!("{}", serde_json::to_string_pretty(account).map_err(Failure::reach)?);
    } else if shape.page {
        print!("{}", page::html(account));
    } else {
        print!("{}", words::text(account));
    }
    Ok(())
}

impl Account {
    /// The account as text.
    pub fn in_words(&self) -> String {
        words::text(self)
    }

    /// The page for the complaint desk.
    pub fn page(&self) -> String {
        page::html(self)
    }
}
