//! How the stage words what it says: decisions, releases, alerts.

use crate::domain::alert::{Alert, AlertKind, Severity};
use crate::domain::check::Check;
use crate::domain::decision::{DecisionKind, StageName};
use crate::domain::fact::Verdict;
use crate::domain::words::Word;
use crate::domain::{Candidate, Decision, EventTime, Output, Proposal, ReasonCode, Reply, Text, content_id};

/// A reason code as schemas carry it.
pub fn text_of(code: ReasonCode) -> Text {
    Text::const_new(code.name())
}

/// What a decision is about.
pub struct Case<'a> {
    pub partner: &'a Text,
    pub drawdown: &'a Text,
    pub event_time: EventTime,
    pub candidate: &'a Candidate,
}

impl<'a> Case<'a> {
    pub fn of(proposal: &'a Proposal, candidate: &'a Candidate) -> Self {
        Self { partner: &proposal.partner, drawdown: &proposal.drawdown, event_time: proposal.triggered_at, candidate }
    }
}

/// A decision of this stage; the worker puts in the chain (shard, sequence, previous hash).
pub fn decision(case: &Case<'_>, kind: DecisionKind, reasons: Vec<Text>, checks: Vec<Check>, now: EventTime) -> Output {
    let candidate = case.candidate;
    let version = compact_str::format_compact!("{}", candidate.version);
    let stage = StageName::Partner;
    let parts: [&[u8]; 4] =
        [candidate.candidate.as_bytes(), stage.name().as_bytes(), kind.name().as_bytes(), version.as_bytes()];
    Output::Decision(Box::new(Decision {
        decision: content_id(&parts),
        candidate: candidate.candidate.clone(),
        customer: candidate.customer.clone(),
        partner: case.partner.clone(),
        drawdown: Some(case.drawdown.clone()),
        candidate_kind: candidate.kind,
        kind,
        stage,
        reasons,
        checks,
        arm: candidate.arm,
        policy_version: candidate.grounds.policy_version.clone(),
        policy_hash: candidate.grounds.policy_hash.clone(),
        event_time: case.event_time,
        decided_at: now,
        source: candidate.grounds.source.clone(),
        shard: 0,
        sequence: 0,
        prev_hash: Text::default(),
    }))
}

/// The customer is free for another candidate.
pub fn release(candidate: Text, customer: Text, reason: Text, now: EventTime) -> Reply {
    Reply { candidate, customer, verdict: Verdict::Released, reasons: vec![reason], at: now, expires_at: None }
}

/// An alert of this stage about one partner or, without one, about the shard.
pub fn alert(
    kind: AlertKind,
    severity: Severity,
    partner: Option<&Text>,
    shard: i32,
    now: EventTime,
    detail: String,
) -> Output {
    let (at, shard_text) = (now.0.to_string(), shard.to_string());
    let parts: [&[u8]; 6] = [
        StageName::Partner.name().as_bytes(),
        shard_text.as_bytes(),
        kind.name().as_bytes(),
        partner.map_or(&[], |partner| partner.as_bytes()),
        at.as_bytes(),
        detail.as_bytes(),
    ];
    Output::Alert(Box::new(Alert {
        alert: content_id(&parts),
        kind,
        severity,
        partner: partner.cloned(),
        stage: Text::const_new(StageName::Partner.name()),
        shard,
        at: now,
        detail,
    }))
}
