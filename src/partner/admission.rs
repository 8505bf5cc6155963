//! From proposal to verdict: all failing codes, decision, candidate, reply.

use smallvec::SmallVec;

use super::Shard;
use super::budget::{Allowance, Need};
use super::guard::{self, Approval, Baseline, Codes, Judgement, Reading};
use super::ledger::ANSWER_KEPT_MS;
use super::rates::{Drawdowns, Ratio};
use super::saying::{Case, decide, text_of};
use super::windows::Span;
use crate::domain::check::{Plain, Relation, Unit};
use crate::domain::decision::DecisionKind;
use crate::domain::fact::Verdict;
use crate::domain::{
    Candidate, CandidateStatus, Checks, Counter, Decision, EventTime, Family, Output, Proposal, ReasonCode, Reply,
    Subject, Text,
};
use crate::policy::deciles::Deciles;
use crate::policy::{Contract, GuardTerms, PolicySet};

/// What the policy log says of one partner.
#[derive(Clone, Copy, Debug)]
pub enum Known<'a> {
    /// No such policy version here.
    NoPolicy,
    /// The version has no contract for the partner.
    NoContract,
    Contract(&'a Contract),
}

/// Where contracts are looked up: the policy log.
pub trait Contracts {
    /// The contract under exactly the version and content hash that a proposal names.
    fn named(&self, version: &str, hash: &str, partner: &str) -> Known<'_>;
    /// The contract in force, for views.
    fn in_force(&self, now: EventTime, partner: &str) -> Option<&Contract>;
    /// The version in force, for views; empty when there is none.
    fn version_in_force(&self, now: EventTime) -> Text;
    /// Where a model's scores fell when it was made, by the version in force.
    fn deciles(&self, now: EventTime, model: &str, version: &str) -> Option<&Deciles>;
}

impl Contracts for PolicySet {
    fn named(&self, version: &str, hash: &str, partner: &str) -> Known<'_> {
        match self.version(version, hash) {
            None => Known::NoPolicy,
            Some(policy) => policy.contract(partner).map_or(Known::NoContract, Known::Contract),
        }
    }

    fn in_force(&self, now: EventTime, partner: &str) -> Option<&Contract> {
        PolicySet::in_force(self, now)?.contract(partner)
    }

    fn version_in_force(&self, now: EventTime) -> Text {
        PolicySet::in_force(self, now).map(|policy| policy.version.clone()).unwrap_or_default()
    }

    fn deciles(&self, now: EventTime, model: &str, version: &str) -> Option<&Deciles> {
        PolicySet::in_force(self, now)?.deciles(model, version)
    }
}

/// What an admission is judged by besides the proposal.
pub struct Situation<'a> {
    pub now: EventTime,
    pub stale: bool,
    pub paused: bool,
    pub ledger_full: bool,
    /// As far as there is a contract.
    pub terms: Result<Terms<'a>, ReasonCode>,
}

/// The contract, and how its guard, quotas and budgets stand.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    pub contract: &'a Contract,
    pub guard: &'a Judgement,
    pub allowance: &'a Allowance,
}

/// Judges one proposal: the verdict, every failing code, and in `checks` what was looked at.
pub fn judge(candidate: &Candidate, situation: &Situation<'_>, checks: &mut Checks) -> (Verdict, Codes) {
    let late = situation.now > candidate.decide_by;
    let mut reasons: Codes = situation.terms.as_ref().err().copied().into_iter().collect();
    let simple = [
        (late, ReasonCode::GateDeadline),
        (situation.stale, ReasonCode::DataStale),
        (situation.paused, ReasonCode::HoldPartnerPaused),
    ];
    reasons.extend(simple.into_iter().filter(|(failed, _)| *failed).map(|(_, code)| code));
    checks.push_plain(Plain {
        code: ReasonCode::GateDeadline,
        subject: Subject::DecideBy,
        unit: Unit::Moment,
        observed: situation.now.0,
        relation: Relation::AtMost,
        required: candidate.decide_by.0,
    });
    checks.push_plain(Plain::flag(ReasonCode::DataStale, Subject::PartnerDataStale, situation.stale, false));
    checks.push_plain(Plain::flag(ReasonCode::HoldPartnerPaused, Subject::PartnerPaused, situation.paused, false));
    match situation.terms {
        Err(code) => _ = checks.push_plain(Plain::flag(code, Subject::ContractKnown, false, true)),
        Ok(terms) => judge_terms(terms, situation.ledger_full, &mut reasons, checks),
    }
    let verdict = match () {
        _ if reasons.is_empty() => Verdict::Admitted,
        _ if late => Verdict::TooLate,
        _ => Verdict::Refused,
    };
    (verdict, reasons)
}

/// Guard, quotas and budgets.
fn judge_terms(terms: Terms<'_>, ledger_full: bool, reasons: &mut Codes, checks: &mut Checks) {
    let Terms { contract, guard, allowance } = terms;
    let mut held = guard.failing(&contract.guard);
    if ledger_full && !held.contains(&ReasonCode::HoldReflowEffect) {
        held.insert(0, ReasonCode::HoldReflowEffect);
    }
    reasons.extend(held);
    guard.tell(&contract.guard, checks);
    allowance.tell(contract, reasons, checks);
}

impl Shard {
    /// Answers one proposal: exactly one reply, and what follows from it.
    pub(super) fn propose(
        &mut self,
        proposal: &Proposal,
        source_shard: i32,
        now: EventTime,
        contracts: &impl Contracts,
        out: &mut Vec<Output>,
    ) {
        if let Some(reply) = self.answered(&proposal.candidate.candidate) {
            out.push(Output::Reply { shard: source_shard, reply });
            return;
        }
        let grounds = &proposal.candidate.grounds;
        let known = contracts.named(&grounds.policy_version, &grounds.policy_hash, &proposal.partner);
        match known {
            Known::Contract(contract) => self.propose_under(contract, proposal, source_shard, now, out),
            Known::NoPolicy => self.refuse_without(ReasonCode::DataPolicyChanged, proposal, source_shard, now, out),
            Known::NoContract => self.refuse_without(ReasonCode::DataUnknownPartner, proposal, source_shard, now, out),
        }
        self.partners.changed(&proposal.partner, self.settings.view_every_ms, now);
    }

    /// The answer that a candidate was given before, if it is known still.
    fn answered(&mut self, candidate: &Text) -> Option<Reply> {
        let Some(live) = self.ledger.read(candidate) else { return self.answers.get(candidate) };
        let known = live.candidate;
        let reply = self.spent.reply(candidate, &known.customer, Verdict::Admitted, known.decided_at);
        Some(Reply { expires_at: Some(known.expires_at), ..reply })
    }

    fn propose_under(
        &mut self,
        contract: &Contract,
        proposal: &Proposal,
        source_shard: i32,
        now: EventTime,
        out: &mut Vec<Output>,
    ) {
        let partner = &proposal.partner;
        let guard = self.guard(partner, &contract.guard, now);
        self.report_guard(partner, &guard.failing(&contract.guard), now, out);
        self.close_horizons(partner, &guard, &contract.guard, now);
        let allowance = Allowance::of(contract, &self.quotas, self.ledger.held(partner), Need::of(proposal), now);
        let terms = Terms { contract, guard: &guard, allowance: &allowance };
        let mut said = self.spent.decision();
        let situation = self.situation(proposal, now, Ok(terms));
        match judge(&proposal.candidate, &situation, &mut said.checks) {
            (Verdict::Admitted, _) => self.admit(contract, &allowance, proposal, source_shard, said, now, out),
            (verdict, codes) => self.refuse(proposal, source_shard, verdict, &codes, said, now, out),
        }
    }

    fn refuse_without(
        &mut self,
        missing: ReasonCode,
        proposal: &Proposal,
        source_shard: i32,
        now: EventTime,
        out: &mut Vec<Output>,
    ) {
        let mut said = self.spent.decision();
        let situation = self.situation(proposal, now, Err(missing));
        let (verdict, codes) = judge(&proposal.candidate, &situation, &mut said.checks);
        self.refuse(proposal, source_shard, verdict, &codes, said, now, out);
    }

    fn situation<'a>(
        &self,
        proposal: &Proposal,
        now: EventTime,
        terms: Result<Terms<'a>, ReasonCode>,
    ) -> Situation<'a> {
        let contract = terms.as_ref().ok().map(|terms| terms.contract);
        Situation {
            now,
            stale: self.closed_as_stale(&proposal.partner, contract, now),
            paused: self.partners.get(&proposal.partner).is_some_and(|state| state.paused),
            ledger_full: self.ledger.is_full(),
            terms,
        }
    }

    /// Reads every horizon as it would stand with one candidate more.
    pub(super) fn guard(&mut self, partner: &str, terms: &GuardTerms, now: EventTime) -> Judgement {
        let baseline = self.baseline(partner, Some(terms), now);
        let mut readings = SmallVec::new();
        for horizon in &terms.horizons {
            let drawdowns = self.drawdowns(partner, horizon.length_ms, now);
            let reserved = self.reserved(partner, horizon.length_ms, now);
            let closed = terms.reopen_margin_ppm.is_some() && self.partners.closed(partner).contains(&horizon.name);
            readings.push(Reading::new(horizon, drawdowns, reserved, baseline, closed));
        }
        Judgement { readings, live: self.ledger.held(partner).live, approval: self.approval(partner, terms, now) }
    }

    /// What our diversions would have come to, by the last 28 days.
    pub(super) fn baseline(&mut self, partner: &str, terms: Option<&GuardTerms>, now: EventTime) -> Baseline {
        let undiverted = self.drawdowns(partner, guard::BASELINE_MS, now);
        let held_out = self.windows.sum(&self.panes, partner, Family::HeldOut, guard::BASELINE_MS, now);
        Baseline::of(&undiverted, &Drawdowns::held_out(&held_out), terms)
    }

    /// `limit_approval` by decision time, where the contract holds on it.
    fn approval(&mut self, partner: &str, terms: &GuardTerms, now: EventTime) -> Option<Approval> {
        let least_ppm = terms.limit_approval_min_ppm?;
        let windows = [guard::APPROVAL_MS, guard::BASELINE_MS].map(|length_ms| {
            let cell = self.windows.sum(&self.panes, partner, Family::DecisionFlow, length_ms, now);
            let count = |counter| cell.get(counter).count.max(0);
            let (approved, declined) = (count(Counter::Approved), count(Counter::Declined));
            Ratio::of(approved, approved.saturating_add(declined))
        });
        Some(Approval::of(windows, terms.min_n, least_ppm))
    }

    pub(super) fn drawdowns(&mut self, partner: &str, length_ms: i64, now: EventTime) -> Drawdowns {
        Drawdowns::of(&self.windows.sum(&self.panes, partner, Family::DrawdownCohort, length_ms, now))
    }

    /// Live reservations whose request lies in the window, which begins where the pane begins that its first minute is in.
    pub(super) fn reserved(&self, partner: &str, length_ms: i64, now: EventTime) -> i64 {
        let span = Span::ending(&self.panes, now, length_ms);
        self.ledger.requested_since(partner, EventTime(span.first))
    }

    #[expect(clippy::too_many_arguments, reason = "what is admitted, on what grounds, and where it is told")]
    fn admit(
        &mut self,
        contract: &Contract,
        allowance: &Allowance,
        proposal: &Proposal,
        source_shard: i32,
        mut said: Box<Decision>,
        now: EventTime,
        out: &mut Vec<Output>,
    ) {
        let mut admitted = self.ended.take().unwrap_or_default();
        let candidate = &mut admitted.candidate;
        self.copying.copy(&proposal.candidate, candidate);
        (candidate.status, candidate.version) = (CandidateStatus::Active, 1);
        (candidate.decided_at, candidate.valid_from) = (now, now);
        candidate.expires_at = now.plus_ms(contract.valid_for_ms);
        admitted.partner.clone_from(&proposal.partner);
        admitted.drawdown.clone_from(&proposal.drawdown);
        (admitted.requested_at, admitted.triggered_at) = (proposal.requested_at, proposal.triggered_at);
        (admitted.source_shard, admitted.amounts) = (source_shard, allowance.need.amounts());
        admitted.day = self.quotas.admit(&proposal.partner, allowance.period, allowance.token(), admitted.amounts);
        self.use_stale_room(&proposal.partner, now);
        self.ledger.reserve(&admitted);
        let candidate = {
            let another = self.spent.candidate(&admitted.candidate);
            std::mem::replace(&mut admitted.candidate, another)
        };
        self.ended = Some(admitted);
        let verdict = (Verdict::Admitted, &[][..]);
        self.reply(&candidate, source_shard, verdict, Some(candidate.expires_at), now, out);
        decide(&mut said, &Case::of(proposal, &candidate), DecisionKind::Yes, now);
        out.push(Output::Candidate(candidate));
        out.push(Output::Decision(said));
    }

    #[expect(clippy::too_many_arguments, reason = "what is refused, on what grounds, and where it is told")]
    fn refuse(
        &mut self,
        proposal: &Proposal,
        source_shard: i32,
        verdict: Verdict,
        codes: &[ReasonCode],
        mut said: Box<Decision>,
        now: EventTime,
        out: &mut Vec<Output>,
    ) {
        self.reply(&proposal.candidate, source_shard, (verdict, codes), None, now, out);
        let kind = if verdict == Verdict::TooLate { DecisionKind::TooLate } else { DecisionKind::No };
        said.reasons.extend(codes.iter().map(|code| text_of(*code)));
        decide(&mut said, &Case::of(proposal, &proposal.candidate), kind, now);
        out.push(Output::Decision(said));
    }

    fn reply(
        &mut self,
        candidate: &Candidate,
        source_shard: i32,
        (verdict, codes): (Verdict, &[ReasonCode]),
        expires_at: Option<EventTime>,
        now: EventTime,
        out: &mut Vec<Output>,
    ) {
        let mut reply = self.spent.reply(&candidate.candidate, &candidate.customer, verdict, now);
        reply.reasons.extend(codes.iter().map(|code| text_of(*code)));
        reply.expires_at = expires_at;
        self.answers.remember(&reply, codes, candidate.decide_by.max(now).plus_ms(ANSWER_KEPT_MS));
        out.push(Output::Reply { shard: source_shard, reply });
    }
}
