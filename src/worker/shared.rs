//! What all shards and lanes of a process have in common.

use std::sync::Arc;

use super::clock::Clock;
use super::policies::Policies;
use crate::bus::registry::Registry;
use crate::bus::{Topic, Topics};
use crate::config::Config;
use crate::domain::words::Word;
use crate::policy::PolicySet;
use crate::wire::SchemaIds;

/// What every shard of a process shares.
#[derive(Clone)]
pub struct Shared {
    pub config: Arc<Config>,
    pub topics: Arc<Topics>,
    pub names: Arc<Vec<String>>,
    pub ids: Arc<SchemaIds>,
    /// Knows the schemas of other writers, where there is a registry.
    pub registry: Option<Arc<Registry>>,
    pub policies: Arc<Policies>,
    pub clock: Arc<Clock>,
}

impl Shared {
    pub fn new(config: Config, policies: PolicySet) -> Self {
        let shared = Self::holding_the_clock(config, policies);
        shared.clock.release();
        shared
    }

    /// A scaled clock stands still until it is released.
    pub fn holding_the_clock(config: Config, policies: PolicySet) -> Self {
        let topics = config.topics();
        let names = Topic::ALL.iter().map(|topic| topics.name(*topic)).collect();
        let clock = Clock::held(config.clock);
        Self {
            topics: Arc::new(topics),
            names: Arc::new(names),
            ids: Arc::new(SchemaIds::default()),
            registry: None,
            policies: Arc::new(Policies::fixed(policies)),
            clock: Arc::new(clock),
            config: Arc::new(config),
        }
    }

    pub fn topic_name(&self, topic: Topic) -> &str {
        &self.names[topic.ordinal()]
    }
}
