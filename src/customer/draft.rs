//! What a trigger's answer is written into: the candidate's draft in its proposal, and the decision that says what was checked.

use super::record::Customer;
use super::trigger::Trigger;
use crate::domain::candidate::{
    Arm, Candidate, CandidateKind, CandidateStatus, Friction, Grounds, ModelUse, RightToAct, Source,
};
use crate::domain::decision::{DecisionKind, StageName};
use crate::domain::words::Word;
use crate::domain::{Decision, EventTime, Proposal, Text, content_id, set_content_id, set_text};
use crate::policy::{Facts, Judgement, Terms};

/// The version of a candidate draft.
const DRAFT_VERSION: i32 = 1;

impl Trigger<'_> {
    fn set_candidate_id(&self, facts: &Facts<'_>, id: &mut Text) {
        let trigger = self.event.kind.name();
        let (partner, drawdown, customer) = (facts.partner, facts.drawdown, facts.customer);
        let parts = ["rt", partner, drawdown, customer, trigger].map(str::as_bytes);
        set_content_id(id, &parts);
    }

    pub fn draft(
        &self,
        facts: &Facts<'_>,
        customer: &Customer,
        (version, hash): (&Text, &Text),
        terms: Terms,
        arm: Arm,
    ) -> Candidate {
        let models =
            facts.verdict.iter().map(|v| ModelUse { model: v.model.into(), version: v.version.into() }).collect();
        let mut candidate = Text::default();
        self.set_candidate_id(facts, &mut candidate);
        Candidate {
            candidate,
            customer: facts.customer.into(),
            kind: terms.kind,
            status: CandidateStatus::Active,
            version: DRAFT_VERSION,
            supersedes: None,
            campaign: None,
            arm,
            origin_ref: origin_ref(facts.partner, facts.customer),
            decided_at: self.now,
            decide_by: terms.decide_by,
            valid_from: self.now,
            expires_at: self.now.plus_ms(terms.valid_for_ms),
            act_within_ms: terms.valid_for_ms,
            send_windows: terms.send_windows,
            revocable_until: None,
            end_reasons: Vec::new(),
            offer: terms.offer,
            delivery: terms.delivery,
            friction: dated(terms.friction, customer, facts.event_time),
            right_to_act: RightToAct {
                consent: facts.consent.map(|consent| consent.consent.into()).unwrap_or_default(),
                source_disclosure: terms.source_disclosure,
                opt_out_link: terms.opt_out_link,
                non_personalised_alternative: terms.non_personalised_alternative,
            },
            grounds: Grounds {
                reasons: terms.marks.iter().map(|mark| Text::const_new(mark.name())).collect(),
                grade: terms.grade,
                models,
                policy_version: version.clone(),
                policy_hash: hash.clone(),
                source: self.source.clone(),
                ..Grounds::default()
            },
        }
    }

    pub fn proposal(&self, facts: &Facts<'_>, candidate: Candidate) -> Proposal {
        Proposal {
            partner: facts.partner.into(),
            drawdown: facts.drawdown.into(),
            requested_at: facts.requested_at,
            amount_minor: facts.amount_minor.unwrap_or(0),
            triggered_at: facts.event_time,
            candidate,
        }
    }

    /// What this stage says of the trigger, with every check: a no, or that it was proposed. In a decision that was written
    /// before.
    pub fn decision(
        &self,
        facts: &Facts<'_>,
        (version, hash): (&Text, &Text),
        kind: DecisionKind,
        judgement: Judgement,
        spare: Option<Box<Decision>>,
    ) -> Box<Decision> {
        let mut boxed = spare.unwrap_or_else(|| Box::new(blank(facts.kind)));
        let said = &mut *boxed;
        said.kind = kind;
        let draft = compact_str::format_compact!("{DRAFT_VERSION}");
        self.set_candidate_id(facts, &mut said.candidate);
        let parts = [said.candidate.as_str(), said.stage.name(), said.kind.name(), &draft].map(str::as_bytes);
        set_content_id(&mut said.decision, &parts);
        set_text(&mut said.customer, facts.customer);
        set_text(&mut said.partner, facts.partner);
        set_text(said.drawdown.get_or_insert_default(), facts.drawdown);
        said.candidate_kind = facts.kind;
        (said.reasons, said.checks, said.arm) = (judgement.reasons, judgement.checks, judgement.arm);
        set_text(&mut said.policy_version, version);
        set_text(&mut said.policy_hash, hash);
        (said.event_time, said.decided_at) = (facts.event_time, self.now);
        set_text(&mut said.source.topic, &self.source.topic);
        set_text(&mut said.source.event_id, &self.source.event_id);
        (said.source.partition, said.source.offset) = (self.source.partition, self.source.offset);
        boxed
    }
}

/// A decision of this stage that says nothing yet. Shard, sequence and hash are the worker's.
fn blank(candidate_kind: CandidateKind) -> Decision {
    Decision {
        decision: Text::default(),
        candidate: Text::default(),
        customer: Text::default(),
        partner: Text::default(),
        drawdown: None,
        candidate_kind,
        kind: DecisionKind::No,
        stage: StageName::Customer,
        reasons: Vec::new(),
        checks: Vec::new(),
        arm: Arm::Treatment,
        policy_version: Text::default(),
        policy_hash: Text::default(),
        event_time: EventTime(0),
        decided_at: EventTime(0),
        source: Source::default(),
        shard: 0,
        sequence: 0,
        prev_hash: Text::default(),
    }
}

/// An opaque reference to the partner's door: it tells two doors of a customer apart and names neither.
fn origin_ref(partner: &str, customer: &str) -> Text {
    let id = content_id(&[b"origin", partner.as_bytes(), customer.as_bytes()]);
    id.chars().take(16).collect()
}

/// Prefilled fields with the age of what fills them; what is not known better is as of the trigger.
fn dated(mut friction: Friction, customer: &Customer, event_time: EventTime) -> Friction {
    let traits = &customer.traits;
    for field in friction.fields.iter_mut().filter(|field| field.as_of == EventTime::default()) {
        let known = match field.field.as_str() {
            "region" => traits.region.as_ref(),
            "employer" => [&traits.employer_form, &traits.employer_report].into_iter().flatten().max_by_key(|e| e.at),
            _ => None,
        };
        field.as_of = known.map_or(event_time, |dated| dated.at);
    }
    friction
}
