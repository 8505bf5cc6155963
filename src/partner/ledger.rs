//! The ledger: live reservations by candidate, by expiry and by partner, and the answers that were given.

use smallvec::SmallVec;

use super::candidate_key::CandidateKey;
use super::codec::{self, Entry, tag};
use super::quota::Amounts;
use crate::domain::fact::Verdict;
use crate::domain::time::HOUR_MS;
use crate::domain::{CalendarDay, Candidate, EventTime, Reply, Text};
use crate::record;
use crate::store::Sorted;

/// Most live reservations of a shard, over all partners; a further proposal is refused.
pub const RESERVATIONS_MAX: usize = 1_000_000;
/// Most answers that are remembered; the one to be forgotten first makes room.
pub const ANSWERS_MAX: usize = 100_000;
/// How long after `decide_by` an answer is remembered, milliseconds.
pub const ANSWER_KEPT_MS: i64 = HOUR_MS;
/// Outdated answers dropped with each new one: more than one, so that they do not pile up.
const FORGOTTEN_PER_ANSWER: usize = 4;

/// An admitted candidate that has not ended: its drawdown may still become a diversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub partner: Text,
    pub drawdown: Text,
    pub requested_at: EventTime,
    pub triggered_at: EventTime,
    /// The customer shard that proposed.
    pub source_shard: i32,
    /// Active, version 1; `expires_at` is the reservation's.
    pub candidate: Candidate,
    /// The day of the partner's account that the admission counts for.
    pub day: CalendarDay,
    /// What it holds of that account.
    pub amounts: Amounts,
}
record!(Reservation { partner, drawdown, requested_at, triggered_at, source_shard, candidate, day, amounts });

/// What one partner's live reservations hold together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub live: i64,
    pub exposure_minor: i64,
}

impl Reservation {
    fn key(&self) -> CandidateKey {
        CandidateKey::of(&self.candidate.candidate)
    }

    fn by_expiry(&self) -> (EventTime, CandidateKey) {
        (self.candidate.expires_at, self.key())
    }

    fn by_partner(&self) -> (Text, EventTime, CandidateKey) {
        (self.partner.clone(), self.requested_at, self.key())
    }
}

impl Held {
    /// With one reservation more or less; `sign` is 1 or -1.
    fn with(self, reservation: &Reservation, sign: i64) -> Self {
        let exposure_minor = reservation.amounts.exposure_minor.saturating_mul(sign);
        Self {
            live: self.live.saturating_add(sign),
            exposure_minor: self.exposure_minor.saturating_add(exposure_minor),
        }
    }
}

/// Live reservations; everything else is derived from the first table.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub(super) by_candidate: Sorted<CandidateKey, Reservation>,
    by_expiry: Sorted<(EventTime, CandidateKey), ()>,
    by_partner: Sorted<(Text, EventTime, CandidateKey), ()>,
    held: Sorted<Text, Held>,
}

impl Ledger {
    pub fn get(&self, candidate: &str) -> Option<&Reservation> {
        self.by_candidate.get(&CandidateKey::of(candidate))
    }

    pub fn is_full(&self) -> bool {
        self.by_candidate.len() >= RESERVATIONS_MAX
    }

    pub fn reserve(&mut self, reservation: Reservation) {
        self.by_expiry.put(reservation.by_expiry(), ());
        self.by_partner.put(reservation.by_partner(), ());
        let held = self.held(&reservation.partner).with(&reservation, 1);
        self.held.put(reservation.partner.clone(), held);
        self.by_candidate.put(reservation.key(), reservation);
    }

    /// Takes a reservation out.
    pub fn end(&mut self, candidate: &str) -> Option<Reservation> {
        let reservation = self.by_candidate.remove(&CandidateKey::of(candidate))?;
        self.by_expiry.remove(&reservation.by_expiry());
        self.by_partner.remove(&reservation.by_partner());
        let held = self.held(&reservation.partner).with(&reservation, -1);
        if held.live > 0 {
            self.held.put(reservation.partner.clone(), held);
        } else {
            self.held.remove(&reservation.partner);
        }
        Some(reservation)
    }

    /// The first `most` candidates that have expired, earliest first.
    pub fn expired(&self, now: EventTime, most: usize) -> Vec<Text> {
        let expired = self.by_expiry.iter().take_while(|((at, _), _)| *at <= now);
        expired.take(most).map(|((_, candidate), _)| candidate.text()).collect()
    }

    pub fn is_due(&self, now: EventTime) -> bool {
        self.by_expiry.iter().next().is_some_and(|((at, _), _)| *at <= now)
    }

    /// What the partner's live reservations hold.
    pub fn held(&self, partner: &str) -> Held {
        self.held.get(partner).copied().unwrap_or_default()
    }

    /// How many of the partner's live reservations were requested at `from` or later. Counts those before, who are few:
    /// a candidate does not live long.
    pub fn requested_since(&self, partner: &str, from: EventTime) -> i64 {
        let at = |at| (Text::from(partner), at, CandidateKey::First);
        let before = self.by_partner.range(at(EventTime(i64::MIN))..at(from)).count() as i64;
        self.held(partner).live.saturating_sub(before)
    }

    pub fn changes(&self, entry: &mut Entry<'_>) {
        codec::changes(tag::RESERVATION, &self.by_candidate, entry);
    }

    pub fn load(&mut self, candidate: CandidateKey, reservation: Option<Reservation>) {
        if let Some(known) = self.by_candidate.get(&candidate) {
            self.by_expiry.load(known.by_expiry(), None);
            self.by_partner.load(known.by_partner(), None);
            let held = self.held(&known.partner).with(known, -1);
            self.held.load(known.partner.clone(), (held.live > 0).then_some(held));
        }
        if let Some(new) = &reservation {
            self.by_expiry.load(new.by_expiry(), Some(()));
            self.by_partner.load(new.by_partner(), Some(()));
            self.held.load(new.partner.clone(), Some(self.held(&new.partner).with(new, 1)));
        }
        self.by_candidate.load(candidate, reservation);
    }

    pub fn hand_over(&mut self) {
        self.by_candidate.hand_over();
        self.by_expiry.hand_over();
        self.by_partner.hand_over();
        self.held.hand_over();
    }

    pub fn commit(&mut self) {
        self.by_candidate.commit();
        self.by_expiry.commit();
        self.by_partner.commit();
        self.held.commit();
    }

    pub fn undo(&mut self) {
        self.by_candidate.undo();
        self.by_expiry.undo();
        self.by_partner.undo();
        self.held.undo();
    }
}

/// An answer as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub customer: Text,
    pub verdict: Verdict,
    pub reasons: Vec<Text>,
    pub at: EventTime,
    pub expires_at: Option<EventTime>,
    pub forget_at: EventTime,
}
record!(Answer { customer, verdict, reasons, at, expires_at, forget_at });

/// Answers given lately. Exactly-once and the bundle sequence already keep a proposal from coming twice; this is the
/// second line, so that a customer shard that lost its memory of a proposal cannot spend the quota again.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    pub(super) by_candidate: Sorted<CandidateKey, Answer>,
    /// Derived from `forget_at`.
    by_age: Sorted<(EventTime, CandidateKey), ()>,
}

impl Answers {
    /// The reply that was given to this candidate.
    pub fn get(&self, candidate: &Text) -> Option<Reply> {
        self.by_candidate.get(&CandidateKey::of(candidate)).map(|answer| Reply {
            candidate: candidate.clone(),
            customer: answer.customer.clone(),
            verdict: answer.verdict,
            reasons: answer.reasons.clone(),
            at: answer.at,
            expires_at: answer.expires_at,
        })
    }

    pub fn remember(&mut self, reply: &Reply, forget_at: EventTime) {
        self.forget(reply.at);
        let key = CandidateKey::of(&reply.candidate);
        self.by_age.put((forget_at, key.clone()), ());
        let answer = Answer {
            customer: reply.customer.clone(),
            verdict: reply.verdict,
            reasons: reply.reasons.clone(),
            at: reply.at,
            expires_at: reply.expires_at,
            forget_at,
        };
        self.by_candidate.put(key, answer);
    }

    fn forget(&mut self, now: EventTime) {
        let full = self.by_candidate.len() >= ANSWERS_MAX;
        let old = self.by_age.iter().take(FORGOTTEN_PER_ANSWER).enumerate();
        let gone: SmallVec<[_; FORGOTTEN_PER_ANSWER]> =
            old.filter(|(i, ((at, _), _))| *at <= now || full && *i == 0).map(|(_, (k, _))| k.clone()).collect();
        for key in gone {
            self.by_candidate.remove(&key.1);
            self.by_age.remove(&key);
        }
    }

    pub fn changes(&self, entry: &mut Entry<'_>) {
        codec::changes(tag::ANSWER, &self.by_candidate, entry);
    }

    pub fn load(&mut self, candidate: CandidateKey, answer: Option<Answer>) {
        if let Some(known) = self.by_candidate.get(&candidate) {
            self.by_age.load((known.forget_at, candidate.clone()), None);
        }
        if let Some(new) = &answer {
            self.by_age.load((new.forget_at, candidate.clone()), Some(()));
        }
        self.by_candidate.load(candidate, answer);
    }

    pub fn hand_over(&mut self) {
        self.by_candidate.hand_over();
        self.by_age.hand_over();
    }

    pub fn commit(&mut self) {
        self.by_candidate.commit();
        self.by_age.commit();
    }

    pub fn undo(&mut self) {
        self.by_candidate.undo();
        self.by_age.undo();
    }
}
