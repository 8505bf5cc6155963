//! How the stage words what it says: decisions, releases, alerts.

use crate::domain::alert::{Alert, AlertKind, Severity};
use crate::domain::decision::{DecisionKind, REASONS_ROOM, StageName, set_decision_id};
use crate::domain::fact::Verdict;
use crate::domain::view::PartnerView;
use crate::domain::words::Word;
use crate::domain::{
    Candidate, Decision, EventTime, ID_CHARS, Output, Proposal, ReasonCode, Reply, Text, content_id, set_text,
};
use crate::store::Spares;

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

/// Fills in a decision of this stage but for its reasons and checks, over one that was said before; the worker puts in the
/// chain (shard, sequence, previous hash).
pub fn decide(said: &mut Decision, case: &Case<'_>, kind: DecisionKind, now: EventTime) {
    let candidate = case.candidate;
    let stage = StageName::Partner;
    set_decision_id(&mut said.decision, &candidate.candidate, stage, kind, candidate.version);
    said.candidate.clone_from(&candidate.candidate);
    said.customer.clone_from(&candidate.customer);
    said.partner.clone_from(case.partner);
    said.drawdown.get_or_insert_default().clone_from(case.drawdown);
    (said.candidate_kind, said.kind, said.stage) = (candidate.kind, kind, stage);
    said.arm = candidate.arm;
    said.policy_version.clone_from(&candidate.grounds.policy_version);
    said.policy_hash.clone_from(&candidate.grounds.policy_hash);
    (said.event_time, said.decided_at) = (case.event_time, now);
    let source = &candidate.grounds.source;
    said.source.topic.clone_from(&source.topic);
    said.source.event_id.clone_from(&source.event_id);
    (said.source.partition, said.source.offset) = (source.partition, source.offset);
}

/// Most outputs of one kind that are kept to write others in.
const SPARES_MAX: usize = 4_096;
/// Outputs of one kind that are made at once: a shard of this stage hears of many customers, and there are few shards.
const MADE_AT_ONCE: usize = 1_024;
/// There is at most one view of a partner in a batch.
const VIEWS_MADE_AT_ONCE: usize = 16;

/// What was said and is written by now, to say more in it. It still says what it said.
#[derive(Debug)]
pub struct Spent {
    decisions: Spares<Box<Decision>>,
    candidates: Spares<Box<Candidate>>,
    replies: Spares<Reply>,
    pub views: Spares<Box<PartnerView>>,
}

impl Default for Spent {
    fn default() -> Self {
        Self {
            decisions: Spares::new(SPARES_MAX, MADE_AT_ONCE),
            candidates: Spares::new(SPARES_MAX, MADE_AT_ONCE),
            replies: Spares::new(SPARES_MAX, MADE_AT_ONCE),
            views: Spares::new(SPARES_MAX, VIEWS_MADE_AT_ONCE),
        }
    }
}

impl Spent {
    /// A decision without reasons and checks.
    pub fn decision(&mut self) -> Box<Decision> {
        let mut decision = self.decisions.take_or(Decision::with_room);
        decision.reasons.clear();
        decision.checks.clear();
        decision
    }

    /// A candidate that says what was said before; where there was none, what this one says.
    pub fn candidate(&mut self, like: &Candidate) -> Box<Candidate> {
        self.candidates.take_or(|| {
            let mut candidate = Box::new(like.clone());
            candidate.end_reasons.reserve(1);
            candidate
        })
    }

    /// A reply without reasons to a candidate.
    pub fn reply(&mut self, candidate: &str, customer: &str, verdict: Verdict, now: EventTime) -> Reply {
        let mut reply = self.replies.take_or(|| Reply {
            candidate: Text::with_capacity(ID_CHARS),
            reasons: Vec::with_capacity(REASONS_ROOM),
            ..Reply::default()
        });
        set_text(&mut reply.candidate, candidate);
        set_text(&mut reply.customer, customer);
        reply.reasons.clear();
        (reply.verdict, reply.at, reply.expires_at) = (verdict, now, None);
        reply
    }

    /// The customer is free for another candidate.
    pub fn release(&mut self, candidate: &str, customer: &str, reason: &Text, now: EventTime) -> Reply {
        let mut reply = self.reply(candidate, customer, Verdict::Released, now);
        reply.reasons.push(reason.clone());
        reply
    }

    pub fn take_back(&mut self, output: Output) {
        match output {
            Output::Decision(decision) => self.decisions.keep(decision),
            Output::Candidate(candidate) => self.candidates.keep(candidate),
            Output::Reply { reply, .. } => self.replies.keep(reply),
            Output::View(view) => self.views.keep(view),
            Output::Bundle { .. } | Output::Pane(_) | Output::Alert(_) => {}
        }
    }
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
