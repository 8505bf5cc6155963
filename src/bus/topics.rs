//! The one table of topics: name, key, partitions, clean-up, retention, and which stage reads them.

use crate::domain::decision::StageName;
use crate::domain::words::Word;
use crate::wire::Schema;
use crate::words;

words! {
    /// Every topic, by its name without the configured prefix (`reflow.` by default).
    pub enum Topic {
        Replies = "replies",
        Applications = "applications",
        Repayments = "repayments",
        Customers = "customers",
        Outcomes = "outcomes",
        Commands = "commands",
        PartnerFacts = "partner-facts",
        CandidatesRealtime = "candidates.realtime",
        CandidatesOffline = "candidates.offline",
        CandidatesReferral = "candidates.referral",
        CandidatesActive = "candidates.active",
        Partners = "partners",
        PartnerPanes = "partner-panes",
        Decisions = "decisions",
        Alerts = "alerts",
        DeadLetters = "dead-letters",
        Journal = "journal",
        CustomerChangelog = "customer-changelog",
        PartnerChangelog = "partner-changelog",
        Policies = "policies",
    }
}

/// Whose shards a topic has as many partitions as. What a lane writes is spread over few: a transaction costs by the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    Customers,
    Partners,
    /// One partition: an order of all records.
    One,
    /// One partition per [`NEIGHBOURS`] shards of either stage: a transaction touches few of them.
    Neighbours,
}

/// Shards with neighbouring numbers, which a lane mostly carries together, that share a partition of the journal.
const NEIGHBOURS: i32 = 16;

/// Largest record of the policy log, bytes: a document of 8 MiB with what stands around it.
pub const POLICY_RECORD_BYTES_MAX: usize = 9 << 20;
/// Longest record of the customers' changelog, bytes: one customer with all lists full, each id as long as an id may be, has less.
pub const CUSTOMER_RECORD_BYTES_MAX: usize = 2 << 20;

/// What becomes of old records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// The latest value per key stays.
    Compact,
    /// Kept for that many hours.
    Hours(i64),
    /// Kept until somebody deletes them: internal topics carry increments and never expire unread, and what a decision was
    /// judged by is part of its audit.
    Forever,
}

/// How a topic is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub topic: Topic,
    pub key: &'static str,
    pub spread: Spread,
    pub cleanup: Cleanup,
    /// Changelogs have their own versioned binary form instead of a schema.
    pub schema: Option<Schema>,
    /// The stage that reads it as input.
    pub read_by: Option<StageName>,
    /// Taken first in every turn.
    pub first: bool,
}

const DAYS_30: Cleanup = Cleanup::Hours(30 * 24);
const DAYS_400: Cleanup = Cleanup::Hours(400 * 24);

impl Topic {
    pub fn layout(self) -> Layout {
        use Cleanup::{Compact, Forever};
        use Spread::{Customers, Neighbours, One, Partners};
        let customer = Some(StageName::Customer);
        let (key, spread, cleanup, schema, read_by, first) = match self {
            Topic::Replies => ("customer", Customers, Forever, Some(Schema::Reply), customer, true),
            Topic::Applications => ("customer", Customers, DAYS_400, Some(Schema::Application), customer, true),
            Topic::Repayments => ("customer", Customers, DAYS_400, Some(Schema::Repayment), customer, false),
            Topic::Customers => ("customer", Customers, DAYS_400, Some(Schema::Customer), customer, false),
            Topic::Outcomes => ("customer", Customers, DAYS_400, Some(Schema::Outcome), customer, false),
            Topic::Commands => ("customer", Customers, DAYS_400, Some(Schema::Command), customer, false),
            Topic::PartnerFacts => {
                ("source shard", Partners, Forever, Some(Schema::FactBundle), Some(StageName::Partner), true)
            }
            Topic::CandidatesRealtime | Topic::CandidatesOffline | Topic::CandidatesReferral => {
                ("customer", Partners, DAYS_30, Some(Schema::Candidate), None, false)
            }
            Topic::CandidatesActive => ("customer", Partners, Compact, Some(Schema::Candidate), None, false),
            Topic::Partners => ("partner", Partners, Compact, Some(Schema::PartnerView), None, false),
            Topic::PartnerPanes => ("partner, tile, start", Partners, Compact, Some(Schema::PartnerPane), None, false),
            Topic::Decisions => ("customer", Partners, DAYS_400, Some(Schema::Decision), None, false),
            Topic::Alerts => ("partner or shard", Partners, DAYS_30, Some(Schema::Alert), None, false),
            Topic::DeadLetters => ("as in the record", Customers, DAYS_400, Some(Schema::DeadLetter), None, false),
            Topic::Journal => ("stage and shard", Neighbours, DAYS_400, Some(Schema::Journal), None, false),
            Topic::CustomerChangelog => ("state key", Customers, Compact, None, None, false),
            Topic::PartnerChangelog => ("state key", Partners, Compact, None, None, false),
            Topic::Policies => ("version", One, Forever, Some(Schema::Policy), None, false),
        };
        Layout { topic: self, key, spread, cleanup, schema, read_by, first }
    }

    /// The input topics of a stage, those that are taken first in front.
    pub fn inputs(stage: StageName) -> impl Iterator<Item = Topic> {
        Topic::ALL.iter().copied().filter(move |topic| topic.layout().read_by == Some(stage))
    }

    /// What a stage writes to in the usual transaction; to others (alerts, dead letters, candidates of other kinds) it writes now and then.
    pub fn outputs(stage: StageName) -> &'static [Topic] {
        match stage {
            StageName::Customer => &[Topic::PartnerFacts, Topic::Decisions, Topic::Journal, Topic::CustomerChangelog],
            StageName::Partner => &[
                Topic::Replies,
                Topic::CandidatesRealtime,
                Topic::CandidatesActive,
                Topic::Partners,
                Topic::PartnerPanes,
                Topic::Decisions,
                Topic::Journal,
                Topic::PartnerChangelog,
            ],
        }
    }

    /// The input topic whose records have that schema, where there is one.
    pub fn of_event(schema: Schema) -> Option<Topic> {
        Topic::inputs(StageName::Customer).find(|topic| topic.layout().schema == Some(schema))
    }

    pub fn changelog(stage: StageName) -> Topic {
        match stage {
            StageName::Customer => Topic::CustomerChangelog,
            StageName::Partner => Topic::PartnerChangelog,
        }
    }
}

/// The names and partition counts of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    pub prefix: String,
    pub customer_shards: i32,
    pub partner_shards: i32,
}

impl Topics {
    pub fn name(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.name())
    }

    pub fn partitions(&self, topic: Topic) -> i32 {
        match topic.layout().spread {
            Spread::Customers => self.customer_shards,
            Spread::Partners => self.partner_shards,
            Spread::One => 1,
            Spread::Neighbours => (self.customer_shards.max(self.partner_shards) - 1) / NEIGHBOURS + 1,
        }
    }

    /// Where the journal of a shard is written.
    pub fn journal_partition(&self, shard: i32) -> i32 {
        (shard / NEIGHBOURS).rem_euclid(self.partitions(Topic::Journal).max(1))
    }

    /// The topic of that full name.
    pub fn topic(&self, name: &str) -> Option<Topic> {
        Topic::named(name.strip_prefix(self.prefix.as_str())?)
    }

    pub fn shards(&self, stage: StageName) -> i32 {
        match stage {
            StageName::Customer => self.customer_shards,
            StageName::Partner => self.partner_shards,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_a_stage_are_co_partitioned_and_the_urgent_ones_come_first() {
        for stage in [StageName::Customer, StageName::Partner] {
            let inputs: Vec<Layout> = Topic::inputs(stage).map(Topic::layout).collect();
            assert!(inputs.iter().all(|layout| layout.spread == inputs[0].spread));
            assert!(inputs.is_sorted_by_key(|layout| !layout.first));
        }
    }
}
