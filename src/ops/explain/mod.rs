//! `reflow explain`: one decision as its readers need it, or what would be decided about events that are not there yet.

mod account;
mod consent;
mod flip;
mod guard;
mod own;
mod page;
mod words;
mod written;

pub use account::Account;

use std::path::{Path, PathBuf};

use super::exit::{Ended, Failure};
use super::{scene, wording};
use crate::config::Config;
use crate::domain::reason_text::Language;
use crate::domain::{Decision, EventTime};
use account::Material;
use written::History;

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

/// Explains a decision that was written; `policy` are the files that texts of its own codes are read from.
pub fn written(config: &Config, which: &Which, policy: &[PathBuf], shape: &Shape) -> Ended {
    let history = match which {
        Which::Id(id) => written::by_id(config, id)?,
        Which::At(customer, at) => written::at_or_before(config, customer, *at)?,
    };
    let candidate = written::candidate(config, &history)?;
    let checked = consent::checked(history.earlier.iter().chain([&history.decision]));
    let consent = match candidate.as_ref().map(|made| made.right_to_act.consent.as_str()) {
        Some(evidence) => {
            let given = checked.as_ref().and_then(|checked| checked.given_at);
            consent::written(config, &history.decision.customer, evidence, given)?
        }
        None => checked,
    };
    let policy = own::policy_of(config, &history.decision, policy)?;
    let History { decision, earlier, .. } = history;
    let material = Material { decision, earlier, candidate, consent, policy: policy.as_ref() };
    tell(&Account::of(material, shape.lang), shape)
}

/// Explains what would be decided about the events of a scenario, under its policy or another.
pub fn planned(events: &Path, policy: &[PathBuf], shape: &Shape) -> Ended {
    let policy = match policy {
        [] => None,
        [one] => Some(one.as_path()),
        _ => {
            return Err(Failure::input(
                "--event is judged by one policy: a file, or the directory that its files lie in",
            ));
        }
    };
    tell(&account_of(events, policy, shape.lang)?, shape)
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
    let before = heard.proposed.into_iter().chain(heard.decisions);
    let earlier: Vec<Decision> = before.filter(|other| other.candidate == decision.candidate).collect();
    let record = world.customer(&decision.customer);
    let consent = match candidate.as_ref().map(|made| made.right_to_act.consent.as_str()) {
        Some(evidence) => record.and_then(|record| consent::recorded(&record, evidence)),
        None => consent::checked(earlier.iter().chain([&decision])),
    };
    let [judging, _] = &scene.policies;
    let policy = judging.version(&decision.policy_version, &decision.policy_hash);
    Ok(Account::of(Material { decision, earlier, candidate, consent, policy }, language))
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
