//! Both stages wired in memory: what one says, the other hears at once. Time passes only when it is told to.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, Shards};
use crate::domain::candidate::Source;
use crate::domain::events::Event;
use crate::domain::partition::partition_of;
use crate::domain::time::DAY_MS;
use crate::domain::{CandidateStatus, EventTime, FactBundle, Fate, Output, Reply, Text};
use crate::policy::PolicySet;
use crate::{customer, partner};

/// Customer shards and one partner shard, with what they said.
pub struct World {
    customers: Vec<customer::Shard>,
    partner: partner::Shard,
    /// What the customer stage judges by, and what the partner stage knows.
    policies: [PolicySet; 2],
    now: EventTime,
    offset: i64,
    /// Customer shards that took something and have not said what came of it.
    touched: BTreeSet<usize>,
    /// When each live candidate runs out.
    expiries: BTreeMap<Text, EventTime>,
    /// Decisions, candidates, views and alerts, in the order in which they were said.
    pub said: Vec<Output>,
}

impl World {
    /// Everybody has been heard once.
    pub fn new(shards: i32, policies: [PolicySet; 2], start: EventTime) -> Self {
        let mut config = Config { shards: Shards { customer: shards, partner: 1 }, ..Config::default() };
        // A view after every step, so that an expectation reads what stands.
        config.partner.view_every_ms = 0;
        let customers = (0..shards).map(|shard| customer::Shard::new(config.customer_settings(shard))).collect();
        // Time comes in leaps here, and bundles are heard at the time before: see `beat`.
        let settings = partner::Settings { time_passes: false, ..config.partner_settings(0) };
        let partner = partner::Shard::new(settings);
        let mut world = Self {
            customers,
            partner,
            policies,
            now: start,
            offset: 0,
            touched: BTreeSet::new(),
            expiries: BTreeMap::new(),
            said: Vec::new(),
        };
        world.beat(start, start);
        world
    }

    pub fn now(&self) -> EventTime {
        self.now
    }

    /// The record of one customer.
    pub fn customer(&self, token: &str) -> Option<customer::record::Customer> {
        let shard = partition_of(token.as_bytes(), self.customers.len() as i32);
        self.customers.get(usize::try_from(shard).ok()?)?.customer(token)
    }

    /// Lets time pass, with every end of a candidate on its moment; `silent`: the customer shards say nothing meanwhile.
    pub fn pass_to(&mut self, at: EventTime, silent: bool) {
        while self.now < at {
            let (before, next) = (self.now, self.next_stop(at));
            self.now = next;
            if silent { self.tick_partner() } else { self.beat(before, next) }
        }
    }

    /// The next moment at which something happens by time alone: an expiry, a midnight, the goal.
    fn next_stop(&self, goal: EventTime) -> EventTime {
        let midnight = self.now.floor(DAY_MS).plus_ms(DAY_MS);
        let expiry = self.expiries.values().copied().filter(|at| *at > self.now).min();
        goal.min(midnight).min(expiry.unwrap_or(goal))
    }

    /// Takes events in one transaction of each shard, and works off what they bring about.
    pub fn take(&mut self, events: &[Event<'_>]) -> Vec<Fate> {
        let fates = events.iter().map(|event| self.take_one(event)).collect();
        self.settle();
        fates
    }

    fn take_one(&mut self, event: &Event<'_>) -> Fate {
        let shard = partition_of(event.customer().unwrap_or_default().as_bytes(), self.customers.len() as i32);
        self.touched.extend(usize::try_from(shard));
        self.offset += 1;
        let topic = match event {
            Event::Application(_) => "reflow.applications",
            Event::Repayment(_) => "reflow.repayments",
            Event::Customer(_) => "reflow.customers",
            Event::Outcome(_) => "reflow.outcomes",
            Event::Command(_) => "reflow.commands",
        };
        let event_id = Text::from(event.event_id());
        let source = Source { topic: Text::const_new(topic), partition: shard, offset: self.offset, event_id };
        let input = customer::Input::Event { event, source: &source };
        let Some(owner) = self.customers.get_mut(shard as usize) else { return Fate::Duplicate };
        let mut out = Vec::new();
        let fate = owner.step(input, self.now, &self.policies[0], &mut out);
        self.keep(out);
        fate
    }

    /// A person pauses a partner, or lets it go on.
    pub fn pause(&mut self, partner: &str, paused: bool) {
        let mut out = Vec::new();
        self.partner.step(partner::Input::Pause { partner, paused }, self.now, &self.policies[1], &mut out);
        self.keep(out);
        self.tick_partner();
    }

    /// Carries bundles and replies to and fro until nobody has anything to say.
    fn settle(&mut self) {
        loop {
            let touched = std::mem::take(&mut self.touched);
            if touched.is_empty() {
                return;
            }
            let bundles = self.seal_customers(&touched);
            let replies = self.hear(&bundles, self.now);
            self.answer(&replies);
        }
    }

    /// Every customer shard says where it stands; then the partner stage is told the time. The bundles come at the old
    /// time, so that no shard looks silent because another spoke first.
    fn beat(&mut self, before: EventTime, now: EventTime) {
        self.now = now;
        let all: BTreeSet<usize> = (0..self.customers.len()).collect();
        let bundles = self.seal_customers(&all);
        let replies = self.hear(&bundles, before);
        self.answer(&replies);
        self.tick_partner();
    }

    fn tick_partner(&mut self) {
        let mut out = Vec::new();
        self.partner.step(partner::Input::Tick, self.now, &self.policies[1], &mut out);
        let replies = self.seal_partner(out);
        self.answer(&replies);
        self.settle();
    }

    fn seal_customers(&mut self, shards: &BTreeSet<usize>) -> Vec<FactBundle> {
        let mut out = Vec::new();
        let version = self.policies[0].in_force(self.now).map_or("", |policy| policy.version.as_str());
        for (_, shard) in self.customers.iter_mut().enumerate().filter(|(number, _)| shards.contains(number)) {
            shard.seal(self.now, 0, version, &mut out);
            shard.hand_over();
            shard.commit();
        }
        out.into_iter()
            .filter_map(|output| if let Output::Bundle { bundle, .. } = output { Some(*bundle) } else { None })
            .collect()
    }

    fn hear(&mut self, bundles: &[FactBundle], now: EventTime) -> Vec<(i32, Reply)> {
        let mut out = Vec::new();
        for bundle in bundles {
            self.partner.step(partner::Input::Bundle(bundle), now, &self.policies[1], &mut out);
        }
        self.seal_partner(out)
    }

    fn seal_partner(&mut self, mut out: Vec<Output>) -> Vec<(i32, Reply)> {
        self.partner.seal(self.now, &self.policies[1], &mut out);
        self.partner.hand_over();
        self.partner.commit();
        self.keep(out)
    }

    fn answer(&mut self, replies: &[(i32, Reply)]) {
        for (shard, reply) in replies {
            self.touched.extend(usize::try_from(*shard));
            if let Some(owner) = usize::try_from(*shard).ok().and_then(|shard| self.customers.get_mut(shard)) {
                owner.step(customer::Input::Reply(reply), self.now, &self.policies[0], &mut Vec::new());
            }
        }
    }

    /// Keeps what people are told, and gives back what the stages say to each other.
    fn keep(&mut self, out: Vec<Output>) -> Vec<(i32, Reply)> {
        let mut replies = Vec::new();
        for output in out {
            match output {
                Output::Reply { shard, reply } => replies.push((shard, reply)),
                Output::Bundle { .. } | Output::Pane(_) => {}
                Output::Candidate(candidate) => {
                    let id = candidate.candidate.clone();
                    match candidate.status {
                        CandidateStatus::Active => self.expiries.insert(id, candidate.expires_at),
                        CandidateStatus::Revoked | CandidateStatus::Superseded | CandidateStatus::Expired => {
                            self.expiries.remove(&id)
                        }
                    };
                    self.said.push(Output::Candidate(candidate));
                }
                said @ (Output::Decision(_) | Output::View(_) | Output::Alert(_)) => self.said.push(said),
            }
        }
        replies
    }
}
