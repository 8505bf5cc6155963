//! The ledger: live reservations by candidate, by expiry and by partner, and the answers that were given.

use smallvec::SmallVec;

use super::candidate_key::CandidateKey;
use super::codec::{Entry, Teller, changes, tag};
use super::quota::Amounts;
use super::saying::text_of;
use crate::domain::codec::{Avro, CodecError, Reader};
use crate::domain::fact::Verdict;
use crate::domain::time::HOUR_MS;
use crate::domain::{CalendarDay, Candidate, EventTime, ReasonCode, Reply, Text, codec, set_text};
use crate::record;
use crate::store::{Sorted, Spares};

/// Most live reservations of a shard, over all partners; a further proposal is refused.
pub const RESERVATIONS_MAX: usize = 1_000_000;
/// Most answers that are remembered; the one to be forgotten first makes room.
pub const ANSWERS_MAX: usize = 100_000;
/// Reservations, and answers, that are made at once: they are state, of which there is more and more until as many end as
/// begin.
const MADE_AT_ONCE: usize = 64;
/// How long after `decide_by` an answer is remembered, milliseconds.
pub const ANSWER_KEPT_MS: i64 = HOUR_MS;
/// Bytes that a packed reservation has room for at first.
const RESERVATION_BYTES: usize = 512;
/// Most reservations, and most answers, that are kept to write others in.
const SPARES_MAX: usize = 4_096;
/// Outdated answers dropped with each new one: more than one, so that they do not pile up.
const FORGOTTEN_PER_ANSWER: usize = 4;

/// An admitted candidate that has not ended: its drawdown may still become a diversion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reservation {
    pub partner: Text,
    pub drawdown: Text,
    pub requested_at: EventTime,
    pub triggered_at: EventTime,
    /// The customer shard that proposed.
    pub source_shard: i32,
    /// Active, version 1; `expires_at` is the reservation's.
    pub candidate: Box<Candidate>,
    /// The day of the partner's account that the admission counts for.
    pub day: CalendarDay,
    /// What it holds of that account.
    pub amounts: Amounts,
}
record!(Reservation { partner, drawdown, requested_at, triggered_at, source_shard, candidate, day, amounts });

/// A reservation as it lies in the ledger: packed, but for what is asked again and again.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Packed {
    partner: Text,
    requested_at: EventTime,
    expires_at: EventTime,
    exposure_minor: i64,
    /// All of it, in its Avro form.
    bytes: Vec<u8>,
}

impl Packed {
    /// Of nothing, with room for what a reservation usually takes.
    fn with_room() -> Self {
        Self { bytes: Vec::with_capacity(RESERVATION_BYTES), ..Self::default() }
    }

    /// Says the same as a reservation, which is written into `room` first: the bytes are asked for in one piece.
    fn set(&mut self, reservation: &Reservation, room: &mut Vec<u8>) {
        room.clear();
        reservation.put(room);
        self.bytes.clear();
        self.bytes.extend_from_slice(room);
        self.index(reservation);
    }

    fn index(&mut self, reservation: &Reservation) {
        self.partner.clone_from(&reservation.partner);
        (self.requested_at, self.expires_at) = (reservation.requested_at, reservation.candidate.expires_at);
        self.exposure_minor = reservation.amounts.exposure_minor;
    }

    /// Reads all of it over another one.
    fn unpack(&self, reservation: &mut Reservation) {
        // They are this shard's own bytes, or were read in whole when they were restored.
        let read = codec::decode_over(reservation, &self.bytes);
        debug_assert!(read.is_ok(), "{read:?}");
    }

    fn by_expiry(&self, key: &CandidateKey) -> (EventTime, CandidateKey) {
        (self.expires_at, key.clone())
    }

    fn by_partner(&self, key: &CandidateKey) -> (Text, EventTime, CandidateKey) {
        (self.partner.clone(), self.requested_at, key.clone())
    }
}

impl Clone for Packed {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        copy.clone_from(self);
        copy
    }

    /// Uses the room that is there.
    fn clone_from(&mut self, other: &Self) {
        self.partner.clone_from(&other.partner);
        (self.requested_at, self.expires_at) = (other.requested_at, other.expires_at);
        self.exposure_minor = other.exposure_minor;
        self.bytes.clone_from(&other.bytes);
    }
}

/// The reservation that it holds.
impl<'a> Avro<'a> for Packed {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
    }

    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        let before = reader.clone();
        let reservation = Reservation::get(reader)?;
        let mut packed = Self { bytes: reader.since(&before).to_vec(), ..Self::default() };
        packed.index(&reservation);
        Ok(packed)
    }
}

/// What one partner's live reservations hold together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub live: i64,
    pub exposure_minor: i64,
}

impl Held {
    /// With one reservation more or less; `sign` is 1 or -1.
    fn with(self, reservation: &Packed, sign: i64) -> Self {
        let exposure_minor = reservation.exposure_minor.saturating_mul(sign);
        Self {
            live: self.live.saturating_add(sign),
            exposure_minor: self.exposure_minor.saturating_add(exposure_minor),
        }
    }
}

/// Live reservations; everything else is derived from the first table.
#[derive(Debug)]
pub struct Ledger {
    pub(super) by_candidate: Sorted<CandidateKey, Packed>,
    by_expiry: Sorted<(EventTime, CandidateKey), ()>,
    by_partner: Sorted<(Text, EventTime, CandidateKey), ()>,
    held: Sorted<Text, Held>,
    /// Room to pack in.
    packing: Vec<u8>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            by_candidate: Sorted::with_spares(Spares::new(SPARES_MAX, MADE_AT_ONCE)),
            by_expiry: Sorted::default(),
            by_partner: Sorted::default(),
            held: Sorted::default(),
            packing: Vec::new(),
        }
    }
}

impl Ledger {
    /// A live reservation.
    pub fn read(&self, candidate: &str) -> Option<Reservation> {
        let packed = self.by_candidate.get(&CandidateKey::of(candidate))?;
        let mut reservation = Reservation::default();
        packed.unpack(&mut reservation);
        Some(reservation)
    }

    pub fn is_full(&self) -> bool {
        self.by_candidate.len() >= RESERVATIONS_MAX
    }

    pub fn reserve(&mut self, reservation: &Reservation) {
        let mut packed = self.by_candidate.spare(Packed::with_room);
        packed.set(reservation, &mut self.packing);
        let key = CandidateKey::of(&reservation.candidate.candidate);
        self.by_expiry.put(packed.by_expiry(&key), ());
        self.by_partner.put(packed.by_partner(&key), ());
        let held = self.held(&packed.partner).with(&packed, 1);
        self.held.put(packed.partner.clone(), held);
        self.by_candidate.put(key, packed);
    }

    /// Takes a reservation out and reads it over another one; false: there is none.
    pub fn end(&mut self, candidate: &CandidateKey, over: &mut Reservation) -> bool {
        let Self { by_candidate, by_expiry, by_partner, held, .. } = self;
        let ended = by_candidate.remove_seen(candidate, |packed| {
            by_expiry.remove(&packed.by_expiry(candidate));
            by_partner.remove(&packed.by_partner(candidate));
            let left = held.get(&packed.partner).copied().unwrap_or_default().with(packed, -1);
            if left.live > 0 {
                held.put(packed.partner.clone(), left);
            } else {
                held.remove(&packed.partner);
            }
            packed.unpack(over);
        });
        ended.is_some()
    }

    /// The candidate that has expired first, when one has.
    pub fn expired(&self, now: EventTime) -> Option<CandidateKey> {
        let ((at, candidate), ()) = self.by_expiry.iter().next()?;
        (*at <= now).then(|| candidate.clone())
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

    pub fn changes(&mut self, teller: &mut Teller, entry: &mut Entry<'_>) {
        changes(tag::RESERVATION, &mut self.by_candidate, teller, entry);
    }

    pub fn load(&mut self, candidate: CandidateKey, reservation: Option<Packed>) {
        if let Some(known) = self.by_candidate.get(&candidate) {
            self.by_expiry.load(known.by_expiry(&candidate), None);
            self.by_partner.load(known.by_partner(&candidate), None);
            let held = self.held(&known.partner).with(known, -1);
            self.held.load(known.partner.clone(), (held.live > 0).then_some(held));
        }
        if let Some(new) = &reservation {
            self.by_expiry.load(new.by_expiry(&candidate), Some(()));
            self.by_partner.load(new.by_partner(&candidate), Some(()));
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

/// Why an answer was no, without room of its own for nearly all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons(SmallVec<[ReasonCode; 16]>);

/// An array.
impl<'a> Avro<'a> for Reasons {
    fn put(&self, out: &mut Vec<u8>) {
        codec::put_array(&self.0, out);
    }

    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        Vec::<ReasonCode>::get(reader).map(|reasons| Self(SmallVec::from_slice(&reasons)))
    }
}

/// An answer as it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub customer: Text,
    pub verdict: Verdict,
    pub reasons: Reasons,
    pub at: EventTime,
    pub expires_at: Option<EventTime>,
    pub forget_at: EventTime,
}
record!(Answer { customer, verdict, reasons, at, expires_at, forget_at });

/// Answers given lately. Exactly-once and the bundle sequence already keep a proposal from coming twice; this is the
/// second line, so that a customer shard that lost its memory of a proposal cannot spend the quota again.
#[derive(Debug)]
pub struct Answers {
    pub(super) by_candidate: Sorted<CandidateKey, Answer>,
    /// Derived from `forget_at`.
    by_age: Sorted<(EventTime, CandidateKey), ()>,
}

impl Default for Answers {
    fn default() -> Self {
        Self { by_candidate: Sorted::with_spares(Spares::new(SPARES_MAX, MADE_AT_ONCE)), by_age: Sorted::default() }
    }
}

impl Answers {
    /// The reply that was given to this candidate.
    pub fn get(&self, candidate: &Text) -> Option<Reply> {
        self.by_candidate.get(&CandidateKey::of(candidate)).map(|answer| Reply {
            candidate: candidate.clone(),
            customer: answer.customer.clone(),
            verdict: answer.verdict,
            reasons: answer.reasons.0.iter().map(|code| text_of(*code)).collect(),
            at: answer.at,
            expires_at: answer.expires_at,
        })
    }

    /// Notes a reply, and the codes that it gives as its reasons.
    pub fn remember(&mut self, reply: &Reply, codes: &[ReasonCode], forget_at: EventTime) {
        self.forget(reply.at);
        let key = CandidateKey::of(&reply.candidate);
        self.by_age.put((forget_at, key.clone()), ());
        let mut answer = self.by_candidate.spare(Answer::default);
        set_text(&mut answer.customer, &reply.customer);
        answer.reasons.0.clear();
        answer.reasons.0.extend_from_slice(codes);
        (answer.verdict, answer.at) = (reply.verdict, reply.at);
        (answer.expires_at, answer.forget_at) = (reply.expires_at, forget_at);
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

    pub fn changes(&mut self, teller: &mut Teller, entry: &mut Entry<'_>) {
        changes(tag::ANSWER, &mut self.by_candidate, teller, entry);
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
