//! What a trigger's answer is written into: the candidate's draft in its proposal, and the decision that says what was checked.

use std::mem::swap;

use super::record::Customer;
use super::trigger::{Room, Trigger};
use crate::domain::candidate::{CandidateStatus, Friction, ModelUse, Source};
use crate::domain::decision::{DecisionKind, StageName, set_decision_id};
use crate::domain::events::RiskVerdict;
use crate::domain::words::Word;
use crate::domain::{Decision, EventTime, Text, set_content_hash, set_content_id, set_text};
use crate::policy::Facts;

/// The version of a candidate draft.
const DRAFT_VERSION: i32 = 1;
const ORIGIN_REF_CHARS: usize = 16;

impl Trigger<'_> {
    fn set_candidate_id(&self, facts: &Facts<'_>, id: &mut Text) {
        let trigger = self.event.kind.name();
        let (partner, drawdown, customer) = (facts.partner, facts.drawdown, facts.customer);
        let parts = ["rt", partner, drawdown, customer, trigger].map(str::as_bytes);
        set_content_id(id, &parts);
    }

    /// Writes the proposal that the judgement's terms make, about the candidate of its decision.
    pub fn draft(
        &self,
        facts: &Facts<'_>,
        customer: &Customer,
        Decision { candidate: id, policy_version: version, policy_hash: hash, .. }: &Decision,
        room: &mut Room,
    ) {
        let (proposal, terms) = (&mut room.proposal, &mut room.judgement.terms);
        set_text(&mut proposal.partner, facts.partner);
        set_text(&mut proposal.drawdown, facts.drawdown);
        proposal.requested_at = facts.requested_at;
        proposal.amount_minor = facts.amount_minor.unwrap_or(0);
        proposal.triggered_at = facts.event_time;
        let draft = &mut proposal.candidate;
        set_text(&mut draft.candidate, id);
        set_text(&mut draft.customer, facts.customer);
        (draft.kind, draft.status, draft.version) = (facts.kind, CandidateStatus::Active, DRAFT_VERSION);
        (draft.supersedes, draft.campaign, draft.revocable_until) = (None, None, None);
        draft.arm = room.judgement.arm;
        set_origin_ref(&mut draft.origin_ref, facts.partner, facts.customer);
        (draft.decided_at, draft.decide_by) = (self.now, terms.decide_by);
        (draft.valid_from, draft.expires_at) = (self.now, self.now.plus_ms(terms.valid_for_ms));
        draft.act_within_ms = terms.valid_for_ms;
        draft.end_reasons.clear();
        // What was there before is room for the next terms.
        swap(&mut draft.send_windows, &mut terms.send_windows);
        swap(&mut draft.offer, &mut terms.offer);
        swap(&mut draft.delivery, &mut terms.delivery);
        swap(&mut draft.friction, &mut terms.friction);
        date(&mut draft.friction, customer, facts.event_time);
        let right = &mut draft.right_to_act;
        set_text(&mut right.consent, facts.consent.map_or("", |consent| consent.consent));
        swap(&mut right.source_disclosure, &mut terms.source_disclosure);
        swap(&mut right.opt_out_link, &mut terms.opt_out_link);
        swap(&mut right.non_personalised_alternative, &mut terms.non_personalised_alternative);
        let grounds = &mut draft.grounds;
        grounds.reasons.clear();
        grounds.reasons.extend(terms.marks.iter().map(|mark| Text::const_new(mark.name())));
        grounds.grade = terms.grade.take();
        grounds.models.clear();
        let model = |v: &RiskVerdict<'_>| ModelUse { model: v.model.into(), version: v.version.into() };
        grounds.models.extend(facts.verdict.iter().map(model));
        set_text(&mut grounds.policy_version, version);
        set_text(&mut grounds.policy_hash, hash);
        (grounds.expected_value_minor, grounds.expected_cost_minor) = (None, None);
        set_source(&mut grounds.source, self.source);
    }

    /// What this stage says of the trigger, with every check of the judgement: a no, or that it was proposed.
    pub fn decision(
        &self,
        facts: &Facts<'_>,
        (version, hash): (&Text, &Text),
        kind: DecisionKind,
        room: &mut Room,
    ) -> Box<Decision> {
        // What it said before is written over; shard, sequence and hash are the worker's.
        let mut boxed = room.decisions.take_or(Decision::with_room);
        let (said, judgement) = (&mut *boxed, &mut room.judgement);
        (said.kind, said.stage) = (kind, StageName::Customer);
        self.set_candidate_id(facts, &mut said.candidate);
        set_decision_id(&mut said.decision, &said.candidate, said.stage, said.kind, DRAFT_VERSION);
        set_text(&mut said.customer, facts.customer);
        set_text(&mut said.partner, facts.partner);
        set_text(said.drawdown.get_or_insert_default(), facts.drawdown);
        said.candidate_kind = facts.kind;
        swap(&mut said.reasons, &mut judgement.reasons);
        swap(&mut said.checks, &mut judgement.checks);
        said.arm = judgement.arm;
        set_text(&mut said.policy_version, version);
        set_text(&mut said.policy_hash, hash);
        (said.event_time, said.decided_at) = (facts.event_time, self.now);
        set_source(&mut said.source, self.source);
        boxed
    }
}

fn set_source(source: &mut Source, to: &Source) {
    set_text(&mut source.topic, &to.topic);
    set_text(&mut source.event_id, &to.event_id);
    (source.partition, source.offset) = (to.partition, to.offset);
}

/// An opaque reference to the partner's door: it tells two doors of a customer apart and names neither.
fn set_origin_ref(origin: &mut Text, partner: &str, customer: &str) {
    set_content_hash(origin, &[b"origin", partner.as_bytes(), customer.as_bytes()], ORIGIN_REF_CHARS);
}

/// Prefilled fields with the age of what fills them; what is not known better is as of the trigger.
fn date(friction: &mut Friction, customer: &Customer, event_time: EventTime) {
    let traits = &customer.traits;
    for field in friction.fields.iter_mut().filter(|field| field.as_of == EventTime::default()) {
        let known = match field.field.as_str() {
            "region" => traits.region.as_ref(),
            "employer" => [&traits.employer_form, &traits.employer_report].into_iter().flatten().max_by_key(|e| e.at),
            _ => None,
        };
        field.as_of = known.map_or(event_time, |dated| dated.at);
    }
}
