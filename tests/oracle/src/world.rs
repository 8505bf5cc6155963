//! A pretend product made of the oracle's own twins: one transaction per record, outputs as the real one writes them.
//!
//! It proves nothing about the product. The tests of the oracle plant errors in what it wrote, each of which must be found.

use std::collections::BTreeMap;

use reflow::domain::decision::{DecisionKind, StageName};
use reflow::domain::fact::Verdict as Answer;
use reflow::domain::fate::FateCounts;
use reflow::domain::journal::{Run, StepKind};
use reflow::domain::partition::partition_of;
use reflow::domain::view::{PaneCell, PartnerPane};
use reflow::domain::words::Word;
use reflow::domain::{Candidate, CandidateStatus, Delta, EventTime, FactBundle, Proposal, Reply, Settlement, Text};

use super::bounds::Outputs;
use super::contributions::{Contributions, sum_of_deltas};
use super::customer_shard::{CustomerShard, ExpectedDecision};
use super::guard::Retention;
use super::inputs::OwnedEvent;
use super::journal::{Log, Read};
use super::ordered::Written;
use super::partner_shard::{Ended, PartnerShard};
use super::plain_policy::{OraclePolicy, in_force};
use super::random::History;
use super::tiles::tiles_of;
use super::{Rules, blank, chain};

/// What the pretend product wrote.
pub struct World {
    pub written: Written,
    pub log: Log,
    pub outputs: Outputs,
}

struct Customers<'r> {
    twin: CustomerShard<'r>,
    sequence: i64,
    offsets: BTreeMap<&'static str, i64>,
    /// Replies not yet read, with their offsets.
    waiting: Vec<(i64, Reply)>,
    replies: i64,
    bundles: BTreeMap<i32, i64>,
}

struct Partners<'r> {
    twin: PartnerShard<'r>,
    sequence: i64,
    offset: i64,
}

/// Runs a history through `customer_shards` and `partner_shards` and drains it.
pub struct Machine<'r> {
    policies: &'r [OraclePolicy],
    customers: Vec<Customers<'r>>,
    partners: Vec<Partners<'r>>,
    drafts: BTreeMap<Text, Proposal>,
    live: BTreeMap<Text, Candidate>,
    world: World,
}

impl<'r> Machine<'r> {
    pub fn run(
        history: &History,
        rules: &'r Rules,
        policies: &'r [OraclePolicy],
        customer_shards: i32,
        partner_shards: i32,
    ) -> World {
        let customers = (0..customer_shards).map(|_| Customers {
            twin: CustomerShard::new(rules, policies),
            sequence: 0,
            offsets: BTreeMap::new(),
            waiting: Vec::new(),
            replies: 0,
            bundles: BTreeMap::new(),
        });
        let partners = (0..partner_shards).map(|_| Partners {
            twin: PartnerShard::new(policies, 30, Retention::default()),
            sequence: 0,
            offset: 0,
        });
        let mut machine = Machine {
            policies,
            customers: customers.collect(),
            partners: partners.collect(),
            drafts: BTreeMap::new(),
            live: BTreeMap::new(),
            world: World { written: Written::default(), log: Log::default(), outputs: Outputs::default() },
        };
        for arrival in &history.arrivals {
            let shard = partition_of(arrival.customer.as_bytes(), customer_shards) as usize;
            machine.transaction(shard, Some((&arrival.event, &arrival.customer)), arrival.at);
        }
        machine.drain(history.arrivals.last().map_or(EventTime(0), |arrival| arrival.at.plus_ms(86_400_000)));
        machine.finish()
    }

    /// Reads replies first, then the record, and says what came of it.
    fn transaction(&mut self, shard: usize, input: Option<(&OwnedEvent, &str)>, now: EventTime) {
        let me = &mut self.customers[shard];
        let mut touched: Vec<Text> = me.waiting.iter().map(|(_, reply)| reply.customer.clone()).collect();
        touched.extend(input.map(|(_, customer)| Text::from(customer)));
        touched.sort();
        touched.dedup();
        let before: Vec<Contributions> = touched.iter().map(|c| me.twin.contributions_of(c)).collect();
        let (decided, settled) = (me.twin.decisions.len(), me.twin.settlements.len());
        me.twin.fates = FateCounts::default();
        let mut runs = Vec::new();
        for (offset, reply) in std::mem::take(&mut me.waiting) {
            me.twin.reply(&reply);
            runs.push(blank::run("replies", offset, offset));
        }
        if let Some((event, _)) = input {
            let name = event.topic.name();
            let offset = me.offsets.entry(name).or_insert(0);
            me.twin.take(event, now);
            runs.push(blank::run(name, *offset, *offset));
            self.world.log.put(name, shard as i32, *offset, Read::Event(event.clone()));
            *offset += 2; // a marker lies in between
        }
        me.sequence += 1;
        let mut entry = blank::journal(StageName::Customer, shard as i32, me.sequence, now, runs);
        entry.fates = me.twin.fates;
        self.world.written.journal.push(entry);
        let deltas = touched.iter().zip(before).flat_map(|(c, before)| change(before, me.twin.contributions_of(c)));
        let deltas: Vec<Delta> = deltas.collect();
        let decisions = me.twin.decisions[decided..].to_vec();
        let settlements = me.twin.settlements[settled..].to_vec();
        let settlements: Vec<Settlement> = settlements
            .into_iter()
            .filter_map(|s| {
                let draft = self.drafts.get(&s.candidate)?;
                let (customer, partner) = (draft.candidate.customer.clone(), draft.partner.clone());
                let reason = s.reason.name().into();
                Some(Settlement { candidate: s.candidate, customer, partner, kind: s.kind, reason, at: now })
            })
            .collect();
        let proposals = self.decide(shard, decisions, now);
        self.tell(shard, deltas, settlements, proposals, now);
    }

    fn decide(&mut self, shard: usize, decisions: Vec<ExpectedDecision>, now: EventTime) -> Vec<Proposal> {
        let mut proposals = Vec::new();
        for e in decisions {
            let passed = e.reasons.is_empty();
            let kind = if passed { DecisionKind::Proposed } else { DecisionKind::No };
            let reasons: Vec<&str> = e.reasons.iter().map(|code| code.name()).collect();
            let about = [e.customer.as_str(), e.partner.as_str(), e.drawdown.as_str()];
            let mut decision = blank::decision(&e.candidate, about, StageName::Customer, kind, &reasons, now);
            (decision.shard, decision.event_time) = (shard as i32, e.triggered_at);
            self.world.written.decisions.push(decision);
            if passed {
                let Some(policy) = in_force(self.policies, e.triggered_at) else { continue };
                let mut candidate = blank::candidate(&e.candidate, &e.customer, e.triggered_at);
                candidate.grounds.policy_version = policy.version.as_str().into();
                candidate.grounds.policy_hash = policy.hash.as_str().into();
                let mut proposal = blank::proposal(&e.partner, &e.drawdown, e.triggered_at, candidate);
                proposal.requested_at = e.requested_at;
                self.drafts.insert(e.candidate.clone(), proposal.clone());
                self.world.outputs.proposals.push(proposal.clone());
                proposals.push(proposal);
            }
        }
        proposals
    }

    /// One bundle per partner partition that has something to hear; before a proposal every shard shows that it is there.
    fn tell(
        &mut self,
        shard: usize,
        deltas: Vec<Delta>,
        settlements: Vec<Settlement>,
        proposals: Vec<Proposal>,
        now: EventTime,
    ) {
        let partitions = self.partners.len() as i32;
        let of = |partner: &Text, partition: i32| partition_of(partner.as_bytes(), partitions) == partition;
        self.world.outputs.settlements.extend(settlements.iter().cloned());
        for partition in 0..partitions {
            let mut bundle = self.bundle(shard, partition, now);
            bundle.deltas = deltas.iter().filter(|d| of(&d.partner, partition)).cloned().collect();
            bundle.settlements = settlements.iter().filter(|s| of(&s.partner, partition)).cloned().collect();
            bundle.proposals = proposals.iter().filter(|p| of(&p.partner, partition)).cloned().collect();
            let silent = bundle.deltas.is_empty() && bundle.settlements.is_empty() && bundle.proposals.is_empty();
            if silent {
                continue;
            }
            for other in (0..self.customers.len()).filter(|other| *other != shard && !bundle.proposals.is_empty()) {
                let heartbeat = self.bundle(other, partition, now);
                self.send(heartbeat, partition, now);
            }
            self.send(bundle, partition, now);
        }
    }

    fn bundle(&self, shard: usize, partition: i32, now: EventTime) -> FactBundle {
        let sequence = self.customers[shard].bundles.get(&partition).copied().unwrap_or(0) + 1;
        blank::bundle(shard as i32, self.customers.len() as i32, sequence, now)
    }

    /// The partner stage takes a tick and the bundle at once.
    fn send(&mut self, bundle: FactBundle, partition: i32, now: EventTime) {
        self.customers[bundle.header.source_shard as usize].bundles.insert(partition, bundle.header.sequence);
        let me = &mut self.partners[partition as usize];
        let offset = me.offset;
        me.offset += 2;
        let tick = Run { kind: StepKind::Tick, topic: Text::default(), from: 0, to: 0, records: 1 };
        let runs = vec![tick, blank::run("partner-facts", offset, offset)];
        self.partner_entry(partition, runs, now);
        self.step(partition, now, |twin| twin.tick(now));
        self.step(partition, now, |twin| twin.bundle(&bundle, now));
        self.world.log.put("partner-facts", partition, offset, Read::Bundle(Box::new(bundle.clone())));
        self.world.written.bundles.push(bundle);
    }

    fn partner_entry(&mut self, partition: i32, runs: Vec<Run>, now: EventTime) {
        let me = &mut self.partners[partition as usize];
        me.sequence += 1;
        self.world.written.journal.push(blank::journal(StageName::Partner, partition, me.sequence, now, runs));
    }

    /// One step of a partner shard with its candidates, decisions and replies.
    fn step(&mut self, partition: i32, now: EventTime, step: impl FnOnce(&mut PartnerShard<'r>)) {
        let me = &mut self.partners[partition as usize];
        let replied = me.twin.replies.len();
        let before = me.twin.live();
        step(&mut me.twin);
        let after = me.twin.live();
        let replies = me.twin.replies[replied..].to_vec();
        for id in before.iter().filter(|id| !after.contains(id)) {
            let ended = me.twin.ended.get(id).cloned();
            let Some(mut candidate) = self.live.remove(id) else { continue };
            candidate.version = 2;
            let (status, reason, kind) = match ended {
                Some(Ended::Revoked(reason)) => (CandidateStatus::Revoked, reason, DecisionKind::Revoked),
                _ => (CandidateStatus::Expired, "END_EXPIRED".into(), DecisionKind::Expired),
            };
            (candidate.status, candidate.end_reasons) = (status, vec![reason.clone()]);
            self.world.outputs.active.push((candidate.customer.clone(), None));
            self.world.outputs.candidates.push(candidate);
            record(&mut self.world, &self.drafts[id], kind, &[&reason], partition, now);
        }
        for expected in replies {
            let Some(draft) = self.drafts.get(&expected.candidate) else { continue };
            let reasons: Vec<&str> = expected.reasons.iter().map(|code| code.name()).collect();
            let customer = draft.candidate.customer.clone();
            let mut reply = blank::reply(&expected.candidate, &customer, expected.verdict, &reasons, now);
            reply.expires_at = expected.expires_at;
            match expected.verdict {
                Answer::Admitted => {
                    let mut candidate = draft.candidate.clone();
                    candidate.decided_at = now;
                    self.world.outputs.active.push((customer.clone(), Some(candidate.clone())));
                    self.world.outputs.candidates.push(candidate.clone());
                    self.live.insert(expected.candidate.clone(), candidate);
                    record(&mut self.world, draft, DecisionKind::Yes, &[], partition, now);
                }
                Answer::Refused => record(&mut self.world, draft, DecisionKind::No, &reasons, partition, now),
                Answer::TooLate => record(&mut self.world, draft, DecisionKind::TooLate, &reasons, partition, now),
                Answer::Released => {}
            }
            let shard = partition_of(customer.as_bytes(), self.customers.len() as i32);
            let to = &mut self.customers[shard as usize];
            to.waiting.push((to.replies, reply.clone()));
            self.world.log.put("replies", shard, to.replies, Read::Reply(reply.clone()));
            to.replies += 1;
            self.world.written.replies.push(reply);
        }
    }

    /// Lets everything that is still live expire, and everybody read the rest.
    fn drain(&mut self, now: EventTime) {
        for partition in 0..self.partners.len() as i32 {
            let tick = Run { kind: StepKind::Tick, topic: Text::default(), from: 0, to: 0, records: 1 };
            self.partner_entry(partition, vec![tick], now);
            self.step(partition, now, |twin| twin.tick(now));
        }
        (0..self.customers.len()).for_each(|shard| self.transaction(shard, None, now));
    }

    fn finish(mut self) -> World {
        let deltas = self.partners.iter().flat_map(|partner| partner.twin.deltas.iter().cloned());
        let panes = tiles_of(&sum_of_deltas(deltas)).into_iter().map(|((partner, tile, start), cells)| PartnerPane {
            partner,
            tile,
            start: EventTime(start),
            cells: cells.into_iter().map(|(counter, tally)| PaneCell { counter, tally }).collect(),
        });
        self.world.written.panes = panes.collect();
        let decisions = chain::linked(std::mem::take(&mut self.world.written.decisions));
        self.world.outputs.decisions = decisions.clone();
        self.world.written.decisions = decisions;
        self.world.outputs.replies = self.world.written.replies.clone();
        self.world.outputs.drained = true;
        self.world
    }
}

fn record(world: &mut World, draft: &Proposal, kind: DecisionKind, reasons: &[&str], partition: i32, now: EventTime) {
    let about = [draft.candidate.customer.as_str(), draft.partner.as_str(), draft.drawdown.as_str()];
    let mut decision =
        blank::decision(&draft.candidate.candidate, about, StageName::Partner, kind, reasons, draft.triggered_at);
    (decision.shard, decision.decided_at) = (partition, now);
    world.written.decisions.push(decision);
}

/// Contributions after minus before, as deltas.
fn change(before: Contributions, after: Contributions) -> Vec<Delta> {
    let mut sum = after;
    for (cell, mut tally) in before {
        (tally.count, tally.amount_minor) = (-tally.count, -tally.amount_minor);
        super::contributions::add(&mut sum, cell, tally);
    }
    let delta = |((partner, counter, at), change)| Delta { partner, counter, at, change };
    sum.into_iter().map(delta).collect()
}
