//! The schema registry: a client of Confluent's REST API, and what is known of writers' schemas.
//!
//! A lane never waits for the network: it asks [`Registry::look`], which answers from memory. What is not known yet is fetched
//! by one thread beside the lanes, compiled into a plan once, and kept.

mod clerk;
mod client;
mod known;

pub use client::{Client, RegistryError};
pub use known::{Known, Registry, State};

use super::topics::{Topic, Topics};
use crate::domain::words::Word;
use crate::wire::{Schema, SchemaIds};

/// Where a registry is and how it is spoken to.
#[derive(Clone)]
pub struct Settings {
    /// Of the API itself, with the path it is served under.
    pub url: String,
    pub login: Login,
}

#[derive(Clone)]
pub enum Login {
    None,
    Basic { username: String, password: String },
    Bearer { token: String },
}

/// One of our schemas under the name a registry knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub name: String,
    pub schema: Schema,
}

/// Every subject of ours: by topic, as the usual serializers name them.
pub fn subjects(topics: &Topics) -> Vec<Subject> {
    let of = |topic: Topic| {
        topic.layout().schema.map(|schema| Subject { name: format!("{}-value", topics.name(topic)), schema })
    };
    Topic::ALL.iter().copied().filter_map(of).collect()
}

/// The ids of our own schemas, and the subjects that do not have theirs yet. Nothing is registered.
pub fn look_up(client: &Client, topics: &Topics) -> Result<(SchemaIds, Vec<Subject>), RegistryError> {
    let (mut ids, mut missing, mut found) = (SchemaIds::default(), Vec::new(), Vec::new());
    for subject in subjects(topics) {
        match client.id_of(&subject.name, subject.schema)? {
            // A schema that several topics share is written with the id of the first.
            Some(id) if !found.contains(&subject.schema) => {
                found.push(subject.schema);
                ids = ids.with(subject.schema, id);
            }
            Some(_) => {}
            None => missing.push(subject),
        }
    }
    Ok((ids, missing))
}
