//! One partner shard replayed from its bundles and ticks in the order taken: which answer each proposal gets (section 5).

use std::collections::BTreeMap;

use reflow::domain::fact::Verdict as Answer;
use reflow::domain::{CalendarDay, Delta, EventTime, FactBundle, Family, Proposal, ReasonCode, Settlement, Text};

use super::guard::{Cohort, Retention};
use super::local_day;
use super::plain_policy::{OraclePolicy, version};

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
    admitted: BTreeMap<(Text, CalendarDay), i64>,
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
            admitted: BTreeMap::new(),
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
        for delta in &bundle.deltas {
            if delta.counter.family() == Family::DrawdownCohort {
                self.cohort.take(delta);
            }
            self.deltas.push(delta.clone());
        }
        // A candidate that ends in the bundle that proposes it ends after it was proposed.
        let own = |s: &&Settlement| bundle.proposals.iter().any(|p| p.candidate.candidate == s.candidate);
        bundle.settlements.iter().filter(|s| !own(s)).for_each(|settlement| self.settle(settlement, now));
        bundle.proposals.iter().for_each(|proposal| self.propose(proposal, now));
        bundle.settlements.iter().filter(own).for_each(|settlement| self.settle(settlement, now));
    }

    /// Ends the reservations whose time is over.
    pub fn tick(&mut self, now: EventTime) {
        let over = |r: &Reservation| r.reply.expires_at.is_some_and(|at| at <= now);
        let expired: Vec<Text> = self.ledger.iter().filter(|(_, r)| over(r)).map(|(id, _)| id.clone()).collect();
        for candidate in expired {
            self.ledger.remove(&candidate);
            self.ended.insert(candidate.clone(), Ended::Expired);
            self.answer(candidate, Answer::Released, vec![], now);
        }
    }

    fn settle(&mut self, settlement: &Settlement, now: EventTime) {
        if self.ledger.remove(&settlement.candidate).is_some() {
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
        reasons.extend(self.stale(now).then_some(ReasonCode::DataStale));
        let Ok(contract) = known else {
            let verdict = if late { Answer::TooLate } else { Answer::Refused };
            return self.answer(candidate, verdict, reasons, now);
        };
        let of_partner = self.ledger.values().filter(|r| r.partner == proposal.partner);
        let reserved: Vec<EventTime> = of_partner.map(|r| r.requested_at).collect();
        reasons.extend(self.cohort.judge(&proposal.partner, &contract.guard, &reserved, now, self.retention));
        let day = (proposal.partner.clone(), local_day(Some(&contract.zone), now));
        if self.admitted.get(&day).copied().unwrap_or(0) >= contract.quota_per_day {
            reasons.push(ReasonCode::HoldQuotaDay);
        }
        if !reasons.is_empty() {
            let verdict = if late { Answer::TooLate } else { Answer::Refused };
            return self.answer(candidate, verdict, reasons, now);
        }
        *self.admitted.entry(day).or_default() += 1;
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
    fn stale(&self, now: EventTime) -> bool {
        (0..self.customer_shards)
            .any(|shard| self.heard.get(&shard).is_none_or(|(_, at)| now.ms_since(*at) > self.stale_ms))
    }

    fn answer(&mut self, candidate: Text, verdict: Answer, reasons: Vec<ReasonCode>, at: EventTime) {
        self.replies.push(ExpectedReply { candidate, verdict, reasons, at, expires_at: None });
    }
}
