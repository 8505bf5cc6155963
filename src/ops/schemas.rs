//! `reflow schemas register|check`: our schemas in a registry. A running worker looks them up and never registers one.

use std::sync::Arc;

use serde::Serialize;

use super::exit::{Ended, Failure};
use crate::bus::registry::{Client, Registry, RegistryError, Subject, look_up, subjects};
use crate::config::Config;
use crate::domain::words::Word;
use crate::wire::SchemaIds;

/// What the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Do {
    /// Register what is missing and print the ids.
    Register,
    /// Report what is missing or not compatible; exit 1 when there is any.
    Check,
}

/// One subject as it is.
#[derive(Debug, Serialize)]
pub struct Row {
    pub subject: String,
    pub schema: &'static str,
    pub id: Option<u32>,
    /// `ok`, `missing` (it can be registered) or `incompatible`.
    pub state: &'static str,
    /// What stands against it.
    pub detail: String,
}

pub fn schemas(config: &Config, what: Do, json: bool) -> Ended {
    let client = client(config)?;
    let rows = subjects(&config.topics())
        .iter()
        .map(|subject| match what {
            Do::Register => registered(&client, subject),
            Do::Check => checked(&client, subject),
        })
        .collect::<Result<Vec<Row>, RegistryError>>()
        .map_err(failure)?;
    print(&rows, json)?;
    let wrong = rows.iter().filter(|row| row.state != "ok").count();
    match (wrong, what) {
        (0, _) => Ok(()),
        (wrong, Do::Register) => Err(Failure::finding(format!("{wrong} schemas could not be registered"))),
        (wrong, Do::Check) => Err(Failure::finding(format!(
            "{wrong} schemas are missing or incompatible; `reflow schemas register` registers what is missing"
        ))),
    }
}

/// The ids that our schemas have, and who knows those of other writers; the fixed ids without a registry.
///
/// Fails when one of ours is not registered: nothing is ever registered silently.
pub fn known(config: &Config) -> Result<(SchemaIds, Option<Arc<Registry>>), Failure> {
    if config.registry.url.is_empty() {
        return Ok((SchemaIds::default(), None));
    }
    let client = client(config)?;
    let (ids, missing) = look_up(&client, &config.topics()).map_err(failure)?;
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|subject| subject.name.as_str()).collect();
        return Err(Failure::input(format!(
            "the schema registry does not have {}; register with `reflow schemas register`",
            names.join(", ")
        )));
    }
    let registry = Registry::start(client, config.registry.unknown_id_wait()).map_err(Failure::reach)?;
    Ok((ids, Some(Arc::new(registry))))
}

/// A client of the configured registry.
fn client(config: &Config) -> Result<Client, Failure> {
    let settings = config.registry.settings();
    let settings =
        settings.ok_or_else(|| Failure::input("registry.url is not set; without a registry ids are fixed"))?;
    Ok(Client::new(&settings))
}

/// Out of reach, not let in, or an answer that we cannot act on.
fn failure(error: RegistryError) -> Failure {
    match error {
        RegistryError::Away { .. } => Failure::reach(error),
        RegistryError::Refused { .. } => Failure::input(error),
        RegistryError::Answer { .. } | RegistryError::Foreign { .. } => Failure::finding(error),
    }
}

fn row(subject: &Subject, id: Option<u32>, state: &'static str, detail: String) -> Row {
    Row { subject: subject.name.clone(), schema: subject.schema.name(), id, state, detail }
}

fn registered(client: &Client, subject: &Subject) -> Result<Row, RegistryError> {
    match client.register(&subject.name, subject.schema) {
        Ok(id) => Ok(row(subject, Some(id), "ok", String::new())),
        Err(RegistryError::Answer { message, .. }) => Ok(row(subject, None, "incompatible", message)),
        Err(error) => Err(error),
    }
}

fn checked(client: &Client, subject: &Subject) -> Result<Row, RegistryError> {
    if let Some(id) = client.id_of(&subject.name, subject.schema)? {
        return Ok(row(subject, Some(id), "ok", String::new()));
    }
    let objections = client.objections(&subject.name, subject.schema)?;
    let state = if objections.is_empty() { "missing" } else { "incompatible" };
    Ok(row(subject, None, state, objections.join("; ")))
}

fn print(rows: &[Row], json: bool) -> Ended {
    if json {
        println!("{}", serde_json::to_string_pretty(rows).map_err(Failure::reach)?);
        return Ok(());
    }
    let width = rows.iter().map(|row| row.subject.len()).max().unwrap_or(0);
    println!("{:width$}  {:14}  {:>10}  state", "subject", "schema", "id");
    for row in rows {
        let id = row.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        println!("{:width$}  {:14}  {id:>10}  {} {}", row.subject, row.schema, row.state, row.detail);
    }
    Ok(())
}
