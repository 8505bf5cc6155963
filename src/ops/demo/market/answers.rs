//! How customers answer a candidate: what comes of it depends on the partner and on a hash of the candidate's id only.

use super::dice::{Dice, Purpose};
use super::drawdowns::{Drawdown, Standing};
use super::plan::{Action, Answer};
use super::{Market, Place};
use crate::domain::events::{ApplicationKind, CancelReason, Flag, OutcomeKind};
use crate::domain::time::{MINUTE_MS, SECOND_MS};
use crate::domain::{Candidate, CandidateStatus, EventTime, Text};

const REJECTED_PPM: u32 = 120_000;
const OPTED_OUT_PPM: u32 = 8_000;

impl Market {
    /// The marketing side received a candidate at that moment of event time (not before the last [`Market::next_until`]).
    pub fn on_candidate(&mut self, candidate: &Candidate, at: EventTime) {
        let Some(drawdown) = self.drawdown_of(candidate) else { return };
        match candidate.status {
            CandidateStatus::Active if self.drawdowns[drawdown].candidate.is_none() => {
                self.consider(at, drawdown, candidate.candidate.clone());
            }
            CandidateStatus::Active => {}
            _ => self.let_go(at, drawdown, &candidate.candidate),
        }
    }

    /// The pending drawdown for which the candidate was made. The candidate itself does not say it; what triggered it does.
    fn drawdown_of(&self, candidate: &Candidate) -> Option<Place> {
        let customer = self.by_token.get(&candidate.customer)?;
        let trigger = &candidate.grounds.source.event_id;
        let pending = self.customers[*customer].pending.iter().copied();
        pending.into_iter().find(|drawdown| self.drawdowns[*drawdown].triggers.contains(trigger))
    }

    fn consider(&mut self, at: EventTime, drawdown: Place, candidate: Text) {
        let mut dice = candidate_dice(self.seed, &candidate);
        let accepting_ppm = self.profile(self.drawdowns[drawdown].account).accepting_ppm;
        self.drawdowns[drawdown].candidate = Some(candidate);
        let delivered = at.plus_ms(dice.between(5 * SECOND_MS, 2 * MINUTE_MS));
        self.plan_answer(delivered, drawdown, Answer::Delivered);
        let answered = delivered.plus_ms(dice.between(1, 10) * MINUTE_MS);
        if dice.happens(accepting_ppm) {
            self.drawdowns[drawdown].standing = Standing::Diverting;
            self.plan_answer(answered, drawdown, Answer::Accepted);
        } else if dice.happens(REJECTED_PPM) {
            self.plan_answer(answered, drawdown, Answer::Rejected);
        } else if dice.happens(OPTED_OUT_PPM) {
            self.plan_answer(answered, drawdown, Answer::OptedOut);
        }
    }

    /// The candidate ended before the customer took it: the drawdown goes its own way after all.
    fn let_go(&mut self, at: EventTime, drawdown: Place, candidate: &Text) {
        let Drawdown { standing, candidate: held, .. } = &mut self.drawdowns[drawdown];
        if held.as_ref() == Some(candidate) && *standing == Standing::Diverting {
            *standing = Standing::Open;
            *held = None;
            self.plan(at.plus_ms(20 * MINUTE_MS), Action::Conclude(drawdown));
        }
    }

    fn plan_answer(&mut self, at: EventTime, drawdown: Place, answer: Answer) {
        self.plan(at, Action::Answer { drawdown, answer });
    }

    pub(super) fn answer(&mut self, at: EventTime, drawdown: Place, answer: Answer) {
        let Drawdown { account, standing, ref candidate, .. } = self.drawdowns[drawdown];
        let Some(candidate) = candidate.clone() else { return };
        let customer = self.accounts[account].customer;
        if self.customers[customer].gone {
            return;
        }
        let token = self.customers[customer].token.clone();
        let mut dice = candidate_dice(!self.seed, &candidate);
        match (answer, standing) {
            (Answer::Delivered, _) => self.say_outcome(at, &token, &candidate, OutcomeKind::Delivered),
            (Answer::Rejected, Standing::Open) => self.say_outcome(at, &token, &candidate, OutcomeKind::Rejected),
            (Answer::OptedOut, Standing::Open) => self.raise_flag(at, customer, Flag::OptOut),
            (Answer::Accepted, Standing::Diverting) => {
                self.say_outcome(at, &token, &candidate, OutcomeKind::Accepted);
                self.plan_answer(at.plus_ms(dice.between(1, 6) * MINUTE_MS), drawdown, Answer::Diverted);
            }
            (Answer::Diverted, Standing::Diverting) => {
                self.end(at, drawdown, ApplicationKind::DrawdownCancelled, Some(CancelReason::ChoseOwn));
                self.plan_answer(at.plus_ms(dice.between(5, 30) * MINUTE_MS), drawdown, Answer::OwnDisbursed);
            }
            (Answer::OwnDisbursed, _) => self.say_outcome(at, &token, &candidate, OutcomeKind::Disbursed),
            (Answer::Rejected | Answer::OptedOut | Answer::Accepted | Answer::Diverted, _) => {}
        }
    }
}

/// Draws that depend on the candidate alone, not on when it came.
fn candidate_dice(seed: u64, candidate: &str) -> Dice {
    let digest = blake3::hash(candidate.as_bytes());
    let about = digest.as_bytes().iter().take(8).fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    Dice::of(seed, Purpose::Answer, about)
}
