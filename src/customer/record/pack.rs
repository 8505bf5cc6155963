//! Packing: a text is written once a section, a time as the distance from the time before, an instalment as what differs from
//! the one before. `docs/adr/0004-packed-records.md` has the form.

use smallvec::SmallVec;

use super::fact::Dated;
use super::{CONSENTS_MAX, CONTACTS_MAX};
use crate::domain::codec::{self, CodecError, unzigzag, zigzag};
use crate::domain::time::SECOND_MS;
use crate::domain::words::Word;
use crate::domain::{CalendarDay, EventTime, Id, Text};
use crate::store::prefixed;

/// Most texts of one section that later ones may refer to; further ones are written out.
const TEXTS_MAX: usize = 64;
/// Most entries of a list without a bound of its own (tags, flags, scores, admissions).
pub const ENTRIES_MAX: usize = 4_096;
const _: () = assert!(CONSENTS_MAX <= ENTRIES_MAX && 2 * CONTACTS_MAX <= ENTRIES_MAX);
/// From where the first time of a section counts, 2024-01-01T00:00:00Z: near most, so that it takes a byte less.
const BEGIN_MS: i64 = 1_704_067_200_000;
/// A distance in time beyond this is written as a moment of its own, milliseconds.
const FAR_MS: i64 = 1 << 60;
/// Says that a moment of its own follows; no distance in milliseconds is written as zero.
const FAR: u64 = 0;
/// The moment before again: no seconds from it.
const SAME: u64 = 1;

/// Which parts are there, one bit each, read back in the same order.
#[derive(Default)]
pub struct Parts(u64, u32);

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

/// Reads one section of a record.
///
/// What cannot be read ends the reading: whatever is asked for then is nothing, and [`Unpacker::end`] tells what was wrong
/// first. So one field is read after the other and nobody asks between them, which would be half of the work.
pub struct Unpacker<'b> {
    left: &'b [u8],
    /// Bytes of the whole section.
    whole: usize,
    texts: SmallVec<[&'b str; 16]>,
    last: i64,
    wrong: Option<CodecError>,
}

impl<'b> Unpacker<'b> {
    #[inline]
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { left: bytes, whole: bytes.len(), texts: SmallVec::new(), last: BEGIN_MS, wrong: None }
    }

    /// Errs with what was wrong first, or when something is left.
    #[inline]
    pub fn end(self) -> Result<(), CodecError> {
        match (self.wrong, self.left.len()) {
            (None, 0) => Ok(()),
            (None, left) => Err(CodecError::Trailing { at: self.whole - left, left }),
            (Some(wrong), _) => Err(wrong),
        }
    }

    /// Where the next byte stands.
    #[inline]
    fn position(&self) -> usize {
        // What is left is never longer than the whole.
        self.whole.wrapping_sub(self.left.len())
    }

    #[cold]
    #[inline(never)]
    fn fail(&mut self, wrong: CodecError) {
        self.wrong.get_or_insert(wrong);
        self.left = &[];
    }

    #[cold]
    #[inline(never)]
    fn truncated(&mut self, wanted: usize) {
        self.fail(CodecError::Truncated { at: self.position(), wanted, left: self.left.len() });
    }

    #[cold]
    #[inline(never)]
    fn no_ordinal(&mut self, at: usize, ordinal: u64) {
        self.fail(CodecError::Ordinal { at, ordinal: ordinal as i64 });
    }

    #[cold]
    #[inline(never)]
    fn no_number(&mut self, at: usize) {
        self.fail(CodecError::Number { at });
    }

    #[inline]
    fn uint(&mut self) -> u64 {
        let (value, bytes) = prefixed::get(self.left);
        match self.left.get(bytes..) {
            Some(left) => self.left = left,
            None => self.truncated(bytes),
        }
        value
    }

    #[inline]
    pub fn parts(&mut self) -> Parts {
        Parts::of(self.uint())
    }

    /// Bits that say what follows, of these.
    #[inline]
    pub fn bits(&mut self, known: u64) -> u64 {
        let at = self.position();
        let bits = self.uint();
        if bits & !known != 0 {
            self.no_ordinal(at, bits);
        }
        bits
    }

    /// All parts were asked for: a bit that is set means nothing.
    #[inline]
    pub fn no_more(&mut self, parts: &Parts) {
        if parts.0 != 0 {
            self.no_ordinal(self.position(), parts.0);
        }
    }

    /// How many entries follow, at most `most`.
    #[inline]
    pub fn count(&mut self, most: usize) -> usize {
        let at = self.position();
        match self.uint() {
            count if count <= most as u64 => count as usize,
            more => self.no_length(at, more),
        }
    }

    #[cold]
    #[inline(never)]
    fn no_length(&mut self, at: usize, length: u64) -> usize {
        self.fail(CodecError::Length { at, length: i64::try_from(length).unwrap_or(i64::MAX) });
        0
    }

    #[inline]
    pub fn number(&mut self) -> i64 {
        unzigzag(self.uint())
    }

    #[inline]
    pub fn small(&mut self) -> i32 {
        let at = self.position();
        let number = self.number();
        self.fitting(at, number)
    }

    #[inline]
    fn fitting(&mut self, at: usize, number: i64) -> i32 {
        i32::try_from(number).unwrap_or_else(|_| {
            self.no_number(at);
            0
        })
    }

    /// The number after another one.
    #[inline]
    pub fn after(&mut self, number: i32) -> i32 {
        self.fitting(self.position(), i64::from(number) + 1)
    }

    #[inline]
    pub fn flag(&mut self) -> bool {
        let at = self.position();
        match self.number() {
            0 => false,
            1 => true,
            ordinal => {
                self.no_ordinal(at, ordinal as u64);
                false
            }
        }
    }

    #[inline]
    pub fn word<W: Word>(&mut self) -> W {
        let at = self.position();
        let ordinal = self.uint();
        usize::try_from(ordinal).ok().and_then(W::at).unwrap_or_else(|| {
            self.no_ordinal(at, ordinal);
            const { W::ALL[0] }
        })
    }

    pub fn time(&mut self) -> EventTime {
        let distance = match self.uint() {
            FAR => {
                self.last = self.number();
                return EventTime(self.last);
            }
            whole if whole & 1 == 1 => unzigzag(whole >> 1).wrapping_mul(SECOND_MS),
            exact => unzigzag(exact >> 1),
        };
        self.last = self.last.wrapping_add(distance);
        EventTime(self.last)
    }

    #[inline]
    pub fn near(&mut self, at: i64) {
        self.last = at;
    }

    #[inline]
    pub fn day(&mut self, from: CalendarDay) -> CalendarDay {
        let at = self.position();
        // A distance that is out of range is out of range as a sum too.
        let day = i64::from(from.0).saturating_add(self.number());
        CalendarDay(self.fitting(at, day))
    }

    pub fn text(&mut self) -> Text {
        Text::from(self.any_text())
    }

    /// A text that is an id.
    pub fn text_id(&mut self) -> Id {
        Id::from(self.any_text())
    }

    fn any_text(&mut self) -> &'b str {
        let at = self.position();
        let head = self.uint();
        if head & 1 == 1 {
            let text = self.utf8(head >> 1);
            if self.texts.len() < TEXTS_MAX {
                self.texts.push(text);
            }
            return text;
        }
        let known = usize::try_from(head >> 1).ok().and_then(|known| self.texts.get(known));
        known.copied().unwrap_or_else(|| {
            self.no_ordinal(at, head);
            ""
        })
    }

    #[inline]
    pub fn id<T: From<&'b str>>(&mut self) -> T {
        let length = self.uint();
        T::from(self.utf8(length))
    }

    #[inline(never)]
    fn utf8(&mut self, length: u64) -> &'b str {
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        let Some((bytes, left)) = self.left.split_at_checked(wanted) else {
            self.truncated(wanted);
            return "";
        };
        let Some(text) = codec::text(bytes) else {
            self.fail(CodecError::Utf8 { at: self.position() });
            return "";
        };
        self.left = left;
        text
    }

    #[inline]
    pub fn some<T>(&mut self, present: bool, get: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if present { Some(get(self)) } else { None }
    }

    #[inline]
    pub fn dated<T>(&mut self, present: bool, get: impl FnOnce(&mut Self) -> T) -> Option<Dated<T>> {
        self.some(present, |from| Dated { at: from.time(), value: get(from) })
    }

    /// Fills a list with as many entries as follow.
    #[inline]
    pub fn list<T>(&mut self, items: &mut Vec<T>, most: usize, mut get: impl FnMut(&mut Self) -> T) {
        for _ in 0..self.count(most) {
            items.push(get(self));
            if self.wrong.is_some() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
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

    /// What a reading says that begins with these bytes and goes on whatever happens.
    fn read(bytes: &[u8], read: impl Fn(&mut Unpacker<'_>)) -> Result<(), CodecError> {
        let mut unpacker = Unpacker::new(bytes);
        read(&mut unpacker);
        assert_eq!((unpacker.number(), unpacker.count(9), unpacker.flag()), (0, 0, false), "nothing is left");
        unpacker.end()
    }

    #[test]
    fn what_was_wrong_first_is_told_at_the_end() {
        let text = |from: &mut Unpacker<'_>| drop(from.text());
        assert_eq!(read(&[1 << 2 | 1], text), Err(CodecError::Ordinal { at: 0, ordinal: 2 }), "no such text yet");
        assert_eq!(read(&[3 << 2 | 3, b'a'], text), Err(CodecError::Truncated { at: 1, wanted: 3, left: 1 }));
        assert_eq!(read(&[1 << 2 | 3, 0xff], text), Err(CodecError::Utf8 { at: 1 }));
        let number = |from: &mut Unpacker<'_>| {
            from.number();
            from.number();
        };
        assert_eq!(read(&[9, 0b100, 1], number), Err(CodecError::Truncated { at: 1, wanted: 3, left: 2 }));
        let count = |from: &mut Unpacker<'_>| assert_eq!(from.count(2), 0);
        assert_eq!(read(&[3 << 1 | 1, 1, 1], count), Err(CodecError::Length { at: 0, length: 3 }));
        let payer = |from: &mut Unpacker<'_>| {
            from.word::<crate::domain::events::Payer>();
        };
        assert_eq!(read(&[100 << 1 | 1], payer), Err(CodecError::Ordinal { at: 0, ordinal: 100 }));
        let parts = |from: &mut Unpacker<'_>| {
            let mut parts = from.parts();
            assert!(parts.next());
            from.no_more(&parts);
        };
        assert_eq!(read(&[3 << 1 | 1], parts), Err(CodecError::Ordinal { at: 1, ordinal: 1 }));
        let day = |from: &mut Unpacker<'_>| {
            from.day(CalendarDay(i32::MAX));
        };
        assert_eq!(read(&[2 << 1 | 1], day), Err(CodecError::Number { at: 0 }));
    }
}
