//! One partner shard replayed from its bundles and ticks in the order taken: which answer each proposal gets (section 5).

use std::collections::{BTreeMap, BTreeSet};

use reflow::domain::fact::Verdict as Answer;
use reflow::domain::time::{HOUR_MS, MINUTE_MS};
use reflow::domain::{Delta, EventTime, FactBundle, Family, Proposal, ReasonCode, Settlement, Text};

use super::accounts::Accounts;
use super::guard::{At, Cohort, Retention};
use super::plain_policy::{OracleContract, OracleGuard, OraclePolicy, in_force, version};

/// What a partner shard should have answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedReply {
    pub candidate: Text,
    pub verdict: Answer,
    /// Of a refusal or a too late; a release carries none here.
    pub reasons: Vec<ReasonCode>,
    pub at: EventTime,
    pub expires_at: Option<EventTime>,
}

#[derive(Clone, Debug)]
struct Reservation {
    partner: Text,
    requested_at: EventTime,
    reply: ExpectedReply,
}

/// How a candidate ended, as the replay has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    Revoked(Text),
    Expired,
}

/// Whether the data were current when last looked at, since when they are not, and what each partner may still admit then.
#[derive(Clone, Debug, Default)]
struct Staleness {
    was_current: bool,
    since: Option<EventTime>,
    room: BTreeMap<Text, i64>,
}

/// The naive twin of a partner shard.
pub struct PartnerShard<'p> {
    policies: &'p [OraclePolicy],
    retention: Retention,
    stale_ms: i64,
    /// Last sequence and `now` heard of each customer shard.
    heard: BTreeMap<i32, (i64, EventTime)>,
    customer_shards: i32,
    cohort: Cohort,
    ledger: BTreeMap<Text, Reservation>,
    accounts: Accounts,
    /// Closed horizons by partner, and the minute in which they were last looked at.
    closed: BTreeMap<Text, BTreeSet<i64>>,
    looked_at: Option<EventTime>,
    stale: Staleness,
    /// Partners that were spoken of.
    known: BTreeSet<Text>,
    pub deltas: Vec<Delta>,
    pub replies: Vec<ExpectedReply>,
    pub ended: BTreeMap<Text, Ended>,
    /// Source shards and sequences where a bundle was missing.
    pub gaps: Vec<(i32, i64)>,
}

impl<'p> PartnerShard<'p> {
    pub fn new(policies: &'p [OraclePolicy], heartbeat_stale_secs: i64, retention: Retention) -> Self {
        Self {
            policies,
            retention,
            stale_ms: heartbeat_stale_secs * 1_000,
            heard: BTreeMap::new(),
            customer_shards: 0,
            cohort: Cohort::default(),
            ledger: BTreeMap::new(),
            accounts: Accounts::default(),
            closed: BTreeMap::new(),
            looked_at: None,
            stale: Staleness::default(),
            known: BTreeSet::new(),
            deltas: Vec::new(),
            replies: Vec::new(),
            ended: BTreeMap::new(),
            gaps: Vec::new(),
        }
    }

    /// Candidates that hold a reservation.
    pub fn live(&self) -> Vec<Text> {
        self.ledger.keys().cloned().collect()
    }

    /// Takes one bundle; a repeated one changes nothing.
    pub fn bundle(&mut self, bundle: &FactBundle, now: EventTime) {
        self.reopen(now);
        let header = &bundle.header;
        let last = self.heard.get(&header.source_shard).map_or(0, |(sequence, _)| *sequence);
        if header.sequence <= last {
            return;
        }
        if header.sequence > last + 1 {
            self.gaps.push((header.source_shard, header.sequence));
        }
        self.heard.insert(header.source_shard, (header.sequence, header.now));
        self.customer_shards = header.source_shards;
        self.look(now);
        self.known.extend(bundle.clocks.iter().map(|clock| clock.partner.clone()));
        for delta in bundle.deltas.iter() {
            self.known.insert(delta.partner.clone());
            if matches!(delta.counter.family(), Family::DrawdownCohort | Family::HeldOut | Family::DecisionFlow) {
                self.cohort.take(&delta);
            }
            self.deltas.push(delta);
        }
        // A candidate that ends in the bundle that proposes it ends after it was proposed.
        let own = |s: &&Settlement| bundle.proposals.iter().any(|p| p.candidate.candidate == s.candidate);
        bundle.settlements.iter().filter(|s| !own(s)).for_each(|settlement| self.settle(settlement, now));
        bundle.proposals.iter().for_each(|proposal| self.propose(proposal, now));
        bundle.settlements.iter().filter(own).for_each(|settlement| self.settle(settlement, now));
    }

    /// Ends the reservations whose time is over.
    pub fn tick(&mut self, now: EventTime) {
        self.reopen(now);
        let over = |r: &Reservation| r.reply.expires_at.is_some_and(|at| at <= now);
        let expired: Vec<Text> = self.ledger.iter().filter(|(_, r)| over(r)).map(|(id, _)| id.clone()).collect();
        for candidate in expired {
            self.ledger.remove(&candidate);
            self.accounts.expire(&candidate);
            self.ended.insert(candidate.clone(), Ended::Expired);
            self.answer(candidate, Answer::Released, vec![], now);
        }
        self.look(now);
    }

    /// With the first thing told in a later minute: which closed horizons have come down by their margin.
    fn reopen(&mut self, now: EventTime) {
        let minute = now.floor(MINUTE_MS);
        if self.closed.is_empty() || self.looked_at.is_some_and(|at| at >= minute) {
            return;
        }
        self.looked_at = Some(minute);
        for (partner, horizons) in std::mem::take(&mut self.closed) {
            let contract = in_force(self.policies, now).and_then(|policy| policy.contracts.get(partner.as_str()));
            let still: BTreeSet<i64> = match contract {
                None => horizons,
                Some(OracleContract { guard: OracleGuard { reopen_margin_ppm: None, .. }, .. }) => BTreeSet::new(),
                Some(contract) => {
                    let at = At { partner: &partner, guard: &contract.guard, now, retention: self.retention };
                    let high = self.cohort.not_low_enough(&at, &self.reserved(&partner));
                    horizons.into_iter().filter(|length_ms| high.contains(length_ms)).collect()
                }
            };
            if !still.is_empty() {
                self.closed.insert(partner, still);
            }
        }
    }

    /// Whether the data are current now; as they become stale, what the guards would still admit is noted.
    fn look(&mut self, now: EventTime) {
        if !self.is_stale(now) {
            self.stale = Staleness { was_current: true, ..Staleness::default() };
            return;
        }
        let began = std::mem::take(&mut self.stale.was_current);
        self.stale.since = self.stale.since.or(Some(now));
        let policy = in_force(self.policies, now).filter(|_| began);
        for partner in policy.iter().flat_map(|_| self.known.clone()) {
            let contract = policy.and_then(|policy| policy.contracts.get(partner.as_str()));
            if let Some(contract) = contract.filter(|contract| contract.guard.stale_holds) {
                let at = At { partner: &partner, guard: &contract.guard, now, retention: self.retention };
                let closed = self.closed.get(&partner).cloned().unwrap_or_default();
                let room = self.cohort.room(&at, &self.reserved(&partner), &closed);
                self.stale.room.insert(partner, room);
            }
        }
    }

    /// Request times of the partner's live reservations.
    fn reserved(&self, partner: &Text) -> Vec<EventTime> {
        self.ledger.values().filter(|r| r.partner == *partner).map(|r| r.requested_at).collect()
    }

    /// The data are stale, and nothing is held that the contract would allow.
    fn refuses_as_stale(&self, partner: &Text, contract: Option<&OracleContract>, now: EventTime) -> bool {
        let held = contract.is_some_and(|contract| contract.guard.stale_holds)
            && self.stale.since.is_some_and(|since| now.ms_since(since) <= HOUR_MS)
            && self.stale.room.get(partner).is_some_and(|room| *room > 0);
        self.is_stale(now) && !held
    }

    fn settle(&mut self, settlement: &Settlement, now: EventTime) {
        if self.ledger.remove(&settlement.candidate).is_some() {
            self.accounts.settle(&settlement.candidate, settlement.kind);
            self.ended.insert(settlement.candidate.clone(), Ended::Revoked(settlement.reason.clone()));
        }
        self.answer(settlement.candidate.clone(), Answer::Released, vec![], now);
    }

    fn propose(&mut self, proposal: &Proposal, now: EventTime) {
        let candidate = proposal.candidate.candidate.clone();
        if let Some(known) = self.ledger.get(&candidate) {
            self.replies.push(known.reply.clone());
            return;
        }
        let grounds = &proposal.candidate.grounds;
        let policy = version(self.policies, &grounds.policy_version, &grounds.policy_hash);
        let known = match policy {
            None => Err(ReasonCode::DataPolicyChanged),
            Some(policy) => policy.contracts.get(proposal.partner.as_str()).ok_or(ReasonCode::DataUnknownPartner),
        };
        let late = now > proposal.candidate.decide_by;
        let mut reasons: Vec<ReasonCode> = known.as_ref().err().copied().into_iter().collect();
        reasons.extend(late.then_some(ReasonCode::GateDeadline));
        self.known.insert(proposal.partner.clone());
        let stale = self.refuses_as_stale(&proposal.partner, known.as_ref().ok().copied(), now);
        reasons.extend(stale.then_some(ReasonCode::DataStale));
        let Ok(contract) = known else {
            let verdict = if late { Answer::TooLate } else { Answer::Refused };
            return self.answer(candidate, verdict, reasons, now);
        };
        let reserved = self.reserved(&proposal.partner);
        let at = At { partner: &proposal.partner, guard: &contract.guard, now, retention: self.retention };
        let closed = self.closed.get(&proposal.partner).cloned().unwrap_or_default();
        reasons.extend(self.cohort.judge(&at, &reserved, &closed));
        let above = self.cohort.above(&at, &reserved);
        if contract.guard.reopen_margin_ppm.is_some() && !above.is_empty() {
            self.closed.entry(proposal.partner.clone()).or_default().extend(above);
            self.looked_at = Some(now.floor(MINUTE_MS));
        }
        reasons.extend(self.accounts.judge(contract, proposal, now));
        if !reasons.is_empty() {
            let verdict = if late { Answer::TooLate } else { Answer::Refused };
            return self.answer(candidate, verdict, reasons, now);
        }
        self.accounts.admit(proposal, now);
        if self.stale.since.is_some() {
            self.stale.room.entry(proposal.partner.clone()).and_modify(|room| *room -= 1);
        }
        let expires_at = Some(now.plus_ms(contract.valid_for_ms));
        let reply = ExpectedReply {
            candidate: candidate.clone(),
            verdict: Answer::Admitted,
            reasons: vec![],
            at: now,
            expires_at,
        };
        self.replies.push(reply.clone());
        let reservation = Reservation { partner: proposal.partner.clone(), requested_at: proposal.requested_at, reply };
        self.ledger.insert(candidate, reservation);
    }

    /// Some customer shard was never heard, or its last bundle is too old.
    fn is_stale(&self, now: EventTime) -> bool {
        (0..self.customer_shards)
            .any(|shard| self.heard.get(&shard).is_none_or(|(_, at)| now.ms_since(*at) > self.stale_ms))
    }

    fn answer(&mut self, candidate: Text, verdict: Answer, reasons: Vec<ReasonCode>, at: EventTime) {
        self.replies.push(ExpectedReply { candidate, verdict, reasons, at, expires_at: None });
    }
}
