//! What lies in the topics after a run, decoded, and as the oracle wants it.

use std::collections::BTreeMap;

use reflow::bus::Topic;
use reflow::domain::alert::Alert;
use reflow::domain::codec::Avro;
use reflow::domain::journal::JournalEntry;
use reflow::domain::view::{PartnerPane, PartnerView};
use reflow::domain::words::Word;
use reflow::domain::{Candidate, DeadLetter, Decision, FactBundle, Reply, Text};
use reflow::wire::{Schema, SchemaIds};
use reflow_oracle::bounds::Outputs;
use reflow_oracle::inputs::{Body, InputTopic, OwnedEvent};
use reflow_oracle::journal::{Log, Read};
use reflow_oracle::ordered::Written;

use crate::deployment::{Deployment, is_heartbeat};
use crate::support::Record;

/// Everything a read-committed reader finds.
pub struct Readback {
    pub records: BTreeMap<Topic, Vec<Record>>,
    pub events: Vec<OwnedEvent>,
    pub log: Log,
    pub written: Written,
    pub outputs: Outputs,
}

/// Topics that the stages write and the journal sums up.
pub const OUTPUTS: [Topic; 9] = [
    Topic::Replies,
    Topic::PartnerFacts,
    Topic::CandidatesRealtime,
    Topic::CandidatesActive,
    Topic::Partners,
    Topic::PartnerPanes,
    Topic::Decisions,
    Topic::Alerts,
    Topic::DeadLetters,
];

/// Decodes a record of ours; the whole value must be used up.
#[track_caller]
pub fn decode<T: for<'a> Avro<'a>>(schema: Schema, record: &Record) -> T {
    let value = record.value.as_deref().expect("a value");
    let place = || format!("{}[{}] offset {}", record.topic, record.partition, record.offset);
    SchemaIds::default().decode(schema, value).unwrap_or_else(|error| panic!("{}: {error}", place()))
}

/// Decodes all records of a topic.
#[track_caller]
pub fn all<T: for<'a> Avro<'a>>(deployment: &Deployment, topic: Topic) -> Vec<T> {
    deployment.read(topic).iter().map(|record| decode(topic.layout().schema.unwrap(), record)).collect()
}

pub fn dead_letters(deployment: &Deployment) -> Vec<DeadLetter> {
    all(deployment, Topic::DeadLetters)
}

pub fn journal(deployment: &Deployment) -> Vec<JournalEntry> {
    all(deployment, Topic::Journal)
}

pub fn alerts(deployment: &Deployment) -> Vec<Alert> {
    all(deployment, Topic::Alerts)
}

/// The latest view of each partner.
pub fn views(deployment: &Deployment) -> BTreeMap<Text, PartnerView> {
    all::<PartnerView>(deployment, Topic::Partners).into_iter().map(|view| (view.partner.clone(), view)).collect()
}

/// Reads everything back after the worker has stopped with nothing left to do.
#[track_caller]
pub fn read_back(deployment: &Deployment) -> Readback {
    let records: BTreeMap<Topic, Vec<Record>> =
        Topic::ALL.iter().map(|topic| (*topic, deployment.read(*topic))).collect();
    let mut back = Readback {
        events: Vec::new(),
        log: Log::default(),
        written: Written::default(),
        outputs: Outputs { drained: true, ..Outputs::default() },
        records,
    };
    back.inputs();
    back.internal(deployment);
    back.outputs();
    back
}

impl Readback {
    fn inputs(&mut self) {
        for input in InputTopic::ALL {
            let topic = Topic::named(input.name()).unwrap();
            for record in &self.records[&topic] {
                let body = record.value.clone().map_or(Body::Tombstone, Body::Confluent);
                let event = OwnedEvent { topic: input, key: record.key.clone(), body };
                self.log.put(input.name(), record.partition, record.offset, Read::Event(event.clone()));
                self.events.push(event);
            }
        }
    }

    /// What the stages told each other. What was written last has nobody to read it any more: heartbeats only.
    fn internal(&mut self, deployment: &Deployment) {
        for topic in [Topic::PartnerFacts, Topic::Replies] {
            let committed = deployment.committed(topic);
            for record in &self.records[&topic] {
                if Some(record.offset) >= committed[record.partition as usize] {
                    let silent = topic == Topic::PartnerFacts && is_heartbeat(record);
                    assert!(silent, "{topic}[{}] offset {} was not read", record.partition, record.offset);
                    continue;
                }
                let read = match topic {
                    Topic::Replies => Read::Reply(decode(Schema::Reply, record)),
                    _ => Read::Bundle(Box::new(decode(Schema::FactBundle, record))),
                };
                self.log.put(topic.name(), record.partition, record.offset, read);
            }
        }
    }

    fn outputs(&mut self) {
        self.written.journal = self.decoded(Topic::Journal);
        self.written.panes = self.decoded::<PartnerPane>(Topic::PartnerPanes);
        let bundles: Vec<FactBundle> = self.decoded(Topic::PartnerFacts);
        self.outputs.proposals = bundles.iter().flat_map(|bundle| bundle.proposals.clone()).collect();
        self.outputs.settlements = bundles.iter().flat_map(|bundle| bundle.settlements.clone()).collect();
        self.written.bundles = bundles;
        let replies: Vec<Reply> = self.decoded(Topic::Replies);
        self.outputs.replies.clone_from(&replies);
        self.written.replies = replies;
        let decisions: Vec<Decision> = self.decoded(Topic::Decisions);
        self.outputs.decisions.clone_from(&decisions);
        self.written.decisions = decisions;
        self.outputs.candidates = self.decoded::<Candidate>(Topic::CandidatesRealtime);
        let standing = |record: &Record| {
            let customer = Text::from(std::str::from_utf8(record.key.as_deref().unwrap()).unwrap());
            (customer, record.value.as_ref().map(|_| decode(Schema::Candidate, record)))
        };
        self.outputs.active = self.records[&Topic::CandidatesActive].iter().map(standing).collect();
    }

    pub fn decoded<T: for<'a> Avro<'a>>(&self, topic: Topic) -> Vec<T> {
        self.records[&topic].iter().map(|record| decode(topic.layout().schema.unwrap(), record)).collect()
    }
}
