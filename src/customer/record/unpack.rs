//! Reading what was [packed](super::pack), section by section.

use smallvec::SmallVec;

use super::fact::Dated;
use super::pack::{BEGIN_MS, FAR, Parts, TEXTS_MAX};
use crate::domain::codec::{self, CodecError, unzigzag};
use crate::domain::time::SECOND_MS;
use crate::domain::words::Word;
use crate::domain::{CalendarDay, EventTime, Id, Text};
use crate::store::prefixed;

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
