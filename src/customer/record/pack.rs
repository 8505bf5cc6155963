//! Packing: a text is written once a section, a time as the distance from the time before, an instalment as what differs from
//! the one before. `docs/adr/0004-packed-records.md` has the form.

use smallvec::SmallVec;

use super::fact::Dated;
use super::{CONSENTS_MAX, CONTACTS_MAX};
use crate::domain::codec::zigzag;
use crate::domain::time::SECOND_MS;
use crate::domain::words::Word;
use crate::domain::{CalendarDay, EventTime, Text};
use crate::store::prefixed;

/// Most texts of one section that later ones may refer to; further ones are written out.
pub(super) const TEXTS_MAX: usize = 64;
/// Most entries of a list without a bound of its own (tags, flags, scores, admissions).
pub const ENTRIES_MAX: usize = 4_096;
const _: () = assert!(CONSENTS_MAX <= ENTRIES_MAX && 2 * CONTACTS_MAX <= ENTRIES_MAX);
/// From where the first time of a section counts, 2024-01-01T00:00:00Z: near most, so that it takes a byte less.
pub(super) const BEGIN_MS: i64 = 1_704_067_200_000;
/// A distance in time beyond this is written as a moment of its own, milliseconds.
const FAR_MS: i64 = 1 << 60;
/// Says that a moment of its own follows; no distance in milliseconds is written as zero.
pub(super) const FAR: u64 = 0;
/// The moment before again: no seconds from it.
const SAME: u64 = 1;

/// Which parts are there, one bit each, read back in the same order.
#[derive(Default)]
pub struct Parts(pub(super) u64, u32);

impl Parts {
    #[inline]
    pub fn with(mut self, present: bool) -> Self {
        self.0 |= u64::from(present) << self.1;
        self.1 += 1;
        self
    }

    #[inline]
    pub fn of(bits: u64) -> Self {
        Self(bits, 0)
    }

    #[inline]
    pub fn next(&mut self) -> bool {
        let present = self.0 & 1 == 1;
        self.0 >>= 1;
        present
    }
}

/// Writes one section of a record.
pub struct Packer<'r, 'o> {
    pub out: &'o mut Vec<u8>,
    texts: SmallVec<[&'r str; 16]>,
    last: i64,
}

impl<'r, 'o> Packer<'r, 'o> {
    #[inline]
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, texts: SmallVec::new(), last: BEGIN_MS }
    }

    #[inline]
    pub fn parts(&mut self, parts: Parts) {
        prefixed::put(parts.0, self.out);
    }

    #[inline]
    pub fn count(&mut self, count: usize) {
        prefixed::put(count as u64, self.out);
    }

    #[inline]
    pub fn number(&mut self, value: i64) {
        prefixed::put_signed(value, self.out);
    }

    #[inline]
    pub fn word<W: Word>(&mut self, word: W) {
        prefixed::put(word.ordinal() as u64, self.out);
    }

    /// A moment, as the distance from the one before: in seconds where it is whole ones.
    #[inline]
    pub fn time(&mut self, at: EventTime) {
        match at.0 == self.last {
            true => prefixed::put(SAME, self.out),
            false => self.other_time(at),
        }
    }

    fn other_time(&mut self, at: EventTime) {
        let distance = at.0.wrapping_sub(self.last);
        self.last = at.0;
        if !(-FAR_MS..=FAR_MS).contains(&distance) {
            return self.far_time(at);
        }
        let seconds = distance / SECOND_MS;
        let whole = seconds * SECOND_MS == distance;
        let number = zigzag(if whole { seconds } else { distance });
        prefixed::put(number << 1 | u64::from(whole), self.out);
    }

    #[cold]
    fn far_time(&mut self, at: EventTime) {
        prefixed::put(FAR, self.out);
        prefixed::put_signed(at.0, self.out);
    }

    /// The moment from which the next distance counts, when something is known that lies nearer than the one before.
    #[inline]
    pub fn near(&mut self, at: i64) {
        self.last = at;
    }

    /// A day, as the distance from another.
    #[inline]
    pub fn day(&mut self, day: CalendarDay, from: CalendarDay) {
        prefixed::put_signed(i64::from(day.0) - i64::from(from.0), self.out);
    }

    /// A text that may stand in the section again.
    pub fn text(&mut self, text: &'r str) {
        match self.texts.iter().position(|known| *known == text) {
            Some(known) => prefixed::put((known as u64) << 1, self.out),
            None => {
                if self.texts.len() < TEXTS_MAX {
                    self.texts.push(text);
                }
                prefixed::put((text.len() as u64) << 1 | 1, self.out);
                self.out.extend_from_slice(text.as_bytes());
            }
        }
    }

    /// An id, which stands once.
    #[inline]
    pub fn id(&mut self, id: &str) {
        self.id_bytes(id.as_bytes());
    }

    /// The bytes of an id, for one that need not be looked at to be a text.
    #[inline]
    pub fn id_bytes(&mut self, id: &[u8]) {
        prefixed::put(id.len() as u64, self.out);
        self.out.extend_from_slice(id);
    }

    #[inline]
    pub fn some<T: Copy>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) {
        if let Some(value) = value {
            put(self, value);
        }
    }

    #[inline]
    pub fn some_text(&mut self, text: &'r Option<Text>) {
        if let Some(text) = text {
            self.text(text);
        }
    }

    #[inline]
    pub fn dated<T>(&mut self, dated: &'r Option<Dated<T>>, put: impl FnOnce(&mut Self, &'r T)) {
        if let Some(dated) = dated {
            self.time(dated.at);
            put(self, &dated.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::unpack::Unpacker;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn times_come_back(times in prop::collection::vec(prop_oneof![any::<i64>(), 0..4_000_000_000_000i64, (0..4_000_000_000i64).prop_map(|s| s * 1_000)], 0..20)) {
            let mut out = Vec::new();
            let mut packer = Packer::new(&mut out);
            times.iter().for_each(|at| packer.time(EventTime(*at)));
            let mut unpacker = Unpacker::new(&out);
            for at in &times {
                prop_assert_eq!(unpacker.time(), EventTime(*at));
            }
            prop_assert_eq!(unpacker.end(), Ok(()));
        }
    }

    #[test]
    fn a_text_is_written_once() {
        let mut out = Vec::new();
        let mut packer = Packer::new(&mut out);
        let texts = ["CNY", "p1", "CNY", "", "p1", ""];
        texts.iter().for_each(|text| packer.text(text));
        assert_eq!(out.len(), 4 + 3 + 1 + 1 + 1 + 1);
        let mut unpacker = Unpacker::new(&out);
        assert!(texts.iter().all(|text| unpacker.text() == *text));
        assert_eq!(unpacker.end(), Ok(()));
    }
}
