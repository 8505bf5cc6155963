//! How a candidate ends: settled by the customer stage, or expired.

use super::Shard;
use super::candidate_key::CandidateKey;
use super::ledger::Reservation;
use super::quota::Ended;
use super::saying::{Case, decide, text_of};
use crate::domain::decision::DecisionKind;
use crate::domain::fact::SettlementKind;
use crate::domain::{CandidateStatus, EventTime, Output, ReasonCode, Settlement, Text};
use crate::planted::{self, Bug};

/// Most candidates that one tick expires; the rest is due at the next one.
pub const EXPIRIES_PER_TICK_MAX: usize = 10_000;

impl Shard {
    /// Ends the reservation a settlement names. Without one (the proposal was refused) the customer is only released.
    pub(super) fn settle(&mut self, settlement: &Settlement, source_shard: i32, now: EventTime, out: &mut Vec<Output>) {
        let mut ended = self.ended.take().unwrap_or_default();
        if self.ledger.end(&CandidateKey::of(&settlement.candidate), &mut ended) {
            ended.source_shard = source_shard;
            self.give_back(
                &ended,
                match settlement.kind {
                    SettlementKind::Diverted => Ended::Taken,
                    SettlementKind::Kept => Ended::Kept,
                    SettlementKind::Revoked => Ended::Unused,
                },
            );
            self.end(&mut ended, CandidateStatus::Revoked, &settlement.reason, settlement.at, now, out);
        } else {
            let Settlement { candidate, customer, reason, .. } = settlement;
            let reply = self.spent.release(candidate, customer, reason, now);
            out.push(Output::Reply { shard: source_shard, reply });
        }
        self.ended = Some(ended);
    }

    /// Ends what has expired by `now`. The drawdown simply stays pending.
    pub(super) fn expire(&mut self, now: EventTime, out: &mut Vec<Output>) {
        let mut ended = self.ended.take().unwrap_or_default();
        for _ in 0..EXPIRIES_PER_TICK_MAX {
            let Some(candidate) = self.ledger.expired(now) else { break };
            if self.ledger.end(&candidate, &mut ended) {
                self.give_back(&ended, Ended::Unused);
                let at = ended.candidate.expires_at;
                self.end(&mut ended, CandidateStatus::Expired, &text_of(ReasonCode::EndExpired), at, now, out);
            }
        }
        self.ended = Some(ended);
    }

    /// Commits what the budgets set aside for the candidate, or gives it back.
    fn give_back(&mut self, reservation: &Reservation, ended: Ended) {
        self.quotas.end(&reservation.partner, reservation.day, reservation.amounts, ended);
    }

    /// Says the end of a reservation; its candidate goes out, and another one is left to be read over.
    fn end(
        &mut self,
        ended: &mut Reservation,
        status: CandidateStatus,
        reason: &Text,
        at: EventTime,
        now: EventTime,
        out: &mut Vec<Output>,
    ) {
        let mut candidate = {
            let another = self.spent.candidate(&ended.candidate);
            std::mem::replace(&mut ended.candidate, another)
        };
        candidate.status = status;
        candidate.version = candidate.version.saturating_add(1);
        candidate.end_reasons.clear();
        candidate.end_reasons.push(reason.clone());
        let kind = match status {
            CandidateStatus::Expired => DecisionKind::Expired,
            _ => DecisionKind::Revoked,
        };
        let Reservation { partner, drawdown, source_shard, .. } = &*ended;
        let mut said = self.spent.decision();
        said.reasons.push(reason.clone());
        decide(&mut said, &Case { partner, drawdown, event_time: at, candidate: &candidate }, kind, now);
        out.push(Output::Decision(said));
        let reply = self.spent.release(&candidate.candidate, &candidate.customer, reason, now);
        out.push(Output::Candidate(candidate));
        if !planted::is(Bug::ReplyLost) {
            out.push(Output::Reply { shard: *source_shard, reply });
        }
        self.partners.changed(partner, self.settings.view_every_ms, now);
    }
}
