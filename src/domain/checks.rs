//! The checks of a decision, in their order and in the form in which they go out.
//!
//! A decision has some thirty checks, and nobody reads them on its way: each is written once, where it is made, instead of
//! being kept as a value of six times the size until the decision is encoded.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Check;
use super::check::Plain;
use super::codec::{Avro, CodecError, Reader, put_long};

/// Room that is made at once, bytes: what a customer stage's no usually leaves. A list that is used again keeps its room.
const ROOM_BYTES: usize = 1_024;

/// Checks as a list of values that are read one by one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Checks {
    count: i64,
    /// The items of an Avro array, without its block's count and its end.
    items: Vec<u8>,
}

impl Checks {
    /// None, with room for as many as there usually are.
    pub fn with_room() -> Self {
        Self { count: 0, items: Vec::with_capacity(ROOM_BYTES) }
    }

    pub fn push(&mut self, check: &Check) {
        self.make_room();
        check.put(&mut self.items);
        self.count += 1;
    }

    /// The same of what nearly all checks are, written from its parts; true when it passes. Checks are made at a hundred
    /// places, each once a question: one function that is called from all of them stays in the processor's cache.
    #[inline(never)]
    pub fn push_plain(&mut self, plain: Plain) -> bool {
        self.make_room();
        plain.put(&mut self.items);
        self.count += 1;
        plain.passes()
    }

    #[inline]
    fn make_room(&mut self) {
        if self.items.capacity() == 0 {
            self.items.reserve(ROOM_BYTES);
        }
    }

    /// Adds checks that were written before.
    pub fn append(&mut self, others: &Self) {
        self.items.extend_from_slice(&others.items);
        self.count += others.count;
    }

    /// Forgets all of them; their room stays.
    pub fn clear(&mut self) {
        self.count = 0;
        self.items.clear();
    }

    pub fn len(&self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn iter(&self) -> Iter<'_> {
        Iter(Reader::new(&self.items))
    }
}

/// Reads the checks in their order.
pub struct Iter<'c>(Reader<'c>);

impl Iterator for Iter<'_> {
    type Item = Check;

    fn next(&mut self) -> Option<Check> {
        // What is there was written by `push`, so reading only fails at the end.
        Check::get(&mut self.0).ok()
    }
}

impl<'c> IntoIterator for &'c Checks {
    type Item = Check;
    type IntoIter = Iter<'c>;

    fn into_iter(self) -> Iter<'c> {
        self.iter()
    }
}

impl Extend<Check> for Checks {
    fn extend<T: IntoIterator<Item = Check>>(&mut self, checks: T) {
        checks.into_iter().for_each(|check| self.push(&check));
    }
}

impl FromIterator<Check> for Checks {
    fn from_iter<T: IntoIterator<Item = Check>>(checks: T) -> Self {
        let mut these = Self::default();
        these.extend(checks);
        these
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl Serialize for Checks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl<'de> Deserialize<'de> for Checks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Check>::deserialize(deserializer).map(Self::from_iter)
    }
}

/// As an array of [`Check`].
impl<'a> Avro<'a> for Checks {
    fn put(&self, out: &mut Vec<u8>) {
        if !self.is_empty() {
            put_long(self.count, out);
            out.extend_from_slice(&self.items);
        }
        out.push(0);
    }

    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        Vec::<Check>::get(reader).map(Self::from_iter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ReasonCode::{ExcRegion, ExcSevereDpd};
    use crate::domain::check::{Relation, Unit};
    use crate::domain::codec::{decode, encode};
    use crate::domain::{Name, Subject};

    fn three() -> Vec<Check> {
        let word = Check::maybe(ExcRegion, Subject::Region, Unit::Word, None, Relation::OneOf, None);
        let flag = Check::flag(Name::Own("EXC_MINE".into()), Subject::TestOrder, true, false);
        let number = Check::number(ExcSevereDpd, Subject::DpdNow, Unit::Days, -3, Relation::AtMost, 7);
        vec![Check { observed_word: Some("region-31".into()), ..word }, flag, number]
    }

    #[test]
    fn go_out_like_an_array_of_checks_and_come_back() {
        for checks in [Vec::new(), three()] {
            let (mut together, mut one_by_one) = (Vec::new(), Vec::new());
            let kept: Checks = checks.iter().cloned().collect();
            encode(&kept, &mut together);
            encode(&checks, &mut one_by_one);
            assert_eq!(together, one_by_one);
            assert_eq!(decode::<Checks>(&together), Ok(kept.clone()));
            assert_eq!(kept.iter().collect::<Vec<_>>(), checks);
            assert_eq!(serde_json::to_value(&kept).unwrap(), serde_json::to_value(&checks).unwrap());
        }
    }

    #[test]
    fn are_added_to_others() {
        let (mut kept, others): (Checks, Checks) =
            (three()[..1].iter().cloned().collect(), three().into_iter().collect());
        kept.append(&others);
        kept.append(&Checks::default());
        assert_eq!((kept.len(), kept.iter().skip(1).collect::<Vec<_>>()), (4, three()));
    }

    #[test]
    fn are_written_over() {
        let mut kept: Checks = three().into_iter().collect();
        kept.clear();
        assert!(kept.is_empty() && kept.iter().next().is_none());
        kept.push(&three()[1]);
        assert_eq!(kept.iter().collect::<Vec<_>>(), three()[1..2]);
    }
}
