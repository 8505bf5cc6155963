//! How a candidate ends: settled by the customer stage, or expired.

use super::Shard;
use super::ledger::Reservation;
use super::quota::Ended;
use super::saying::{Case, decision, release, text_of};
use crate::domain::decision::DecisionKind;
use crate::domain::fact::SettlementKind;
use crate::domain::{Candidate, CandidateStatus, EventTime, Output, ReasonCode, Settlement, Text};
use crate::planted::{self, Bug};

/// Most candidates that one tick expires; the rest is due at the next one.
pub const EXPIRIES_PER_TICK_MAX: usize = 10_000;

impl Shard {
    /// Ends the reservation a settlement names. Without one (the proposal was refused) the customer is only released.
    pub(super) fn settle(&mut self, settlement: &Settlement, source_shard: i32, now: EventTime, out: &mut Vec<Output>) {
        match self.ledger.end(&settlement.candidate) {
            Some(reservation) => {
                let reservation = Reservation { source_shard, ..reservation };
                self.give_back(
                    &reservation,
                    match settlement.kind {
                        SettlementKind::Diverted => Ended::Taken,
                        SettlementKind::Kept => Ended::Kept,
                        SettlementKind::Revoked => Ended::Unused,
                    },
                );
                self.end(reservation, CandidateStatus::Revoked, settlement.reason.clone(), settlement.at, now, out);
            }
            None => {
                let (candidate, customer) = (settlement.candidate.clone(), settlement.customer.clone());
                let reply = release(candidate, customer, settlement.reason.clone(), now);
                out.push(Output::Reply { shard: source_shard, reply });
            }
        }
    }

    /// Ends what has expired by `now`. The drawdown simply stays pending.
    pub(super) fn expire(&mut self, now: EventTime, out: &mut Vec<Output>) {
        for candidate in self.ledger.expired(now, EXPIRIES_PER_TICK_MAX) {
            if let Some(reservation) = self.ledger.end(&candidate) {
                self.give_back(&reservation, Ended::Unused);
                let (reason, at) = (text_of(ReasonCode::EndExpired), reservation.candidate.expires_at);
                self.end(reservation, CandidateStatus::Expired, reason, at, now, out);
            }
        }
    }

    /// Commits what the budgets set aside for the candidate, or gives it back.
    fn give_back(&mut self, reservation: &Reservation, ended: Ended) {
        self.quotas.end(&reservation.partner, reservation.day, reservation.amounts, ended);
    }

    fn end(
        &mut self,
        reservation: Reservation,
        status: CandidateStatus,
        reason: Text,
        at: EventTime,
        now: EventTime,
        out: &mut Vec<Output>,
    ) {
        let Reservation { partner, drawdown, source_shard, candidate, .. } = reservation;
        let version = candidate.version.saturating_add(1);
        let candidate = Candidate { status, version, end_reasons: vec![reason.clone()], ..candidate };
        let kind = match status {
            CandidateStatus::Expired => DecisionKind::Expired,
            _ => DecisionKind::Revoked,
        };
        let case = Case { partner: &partner, drawdown: &drawdown, event_time: at, candidate: &candidate };
        out.push(decision(&case, kind, vec![reason.clone()], Vec::new(), now));
        let reply = release(candidate.candidate.clone(), candidate.customer.clone(), reason, now);
        out.push(Output::Candidate(Box::new(candidate)));
        if !planted::is(Bug::ReplyLost) {
            out.push(Output::Reply { shard: source_shard, reply });
        }
        self.partners.changed(&partner, self.settings.view_every_ms, now);
    }
}
