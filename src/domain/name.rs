//! A name in a check: one of a list of ours, or one of the user's own.
//!
//! Decisions say names of ours by their number, as an Avro enum; a name that a policy brings (a rule, a lift, a horizon) goes
//! out as a string. To whoever reads a decision both are the same text.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::codec::{Avro, CodecError, Reader, put_long};
use super::{ReasonCode, Text, words::Word};

/// A list of names that decisions say by number. New ones are appended.
pub trait Listed: Word {
    /// The enum's default, which stands first: what a reader with an older file makes of a name that it does not have.
    const OTHER: &'static str;

    /// The place in the enum.
    #[inline]
    fn symbol(self) -> usize {
        // Lists are short.
        self.ordinal().saturating_add(1)
    }
}

impl Listed for ReasonCode {
    const OTHER: &'static str = "OTHER";
}

/// A name in a check.
#[derive(Clone)]
pub enum Name<W> {
    Known(W),
    /// A policy's own, or one that this build does not know.
    Own(Text),
}

/// Branches of the union in the schema.
const LISTED: i64 = 0;
const OWN: i64 = 1;

impl<W: Listed> Name<W> {
    /// What a text names.
    pub fn of(text: &str) -> Self {
        W::named(text).map_or_else(|| Self::Own(text.into()), Self::Known)
    }

    #[inline]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(word) => word.name(),
            Self::Own(name) => name,
        }
    }

    pub fn to_text(&self) -> Text {
        match self {
            Self::Known(word) => Text::const_new(word.name()),
            Self::Own(name) => name.clone(),
        }
    }
}

impl<W: Listed> Deref for Name<W> {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<W: Listed> From<W> for Name<W> {
    #[inline]
    fn from(word: W) -> Self {
        Self::Known(word)
    }
}

impl<W: Listed, T: AsRef<str> + ?Sized> PartialEq<T> for Name<W> {
    fn eq(&self, other: &T) -> bool {
        self.as_str() == other.as_ref()
    }
}

impl<W: Listed> Eq for Name<W> {}

impl<W: Listed> AsRef<str> for Name<W> {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl<W: Listed> fmt::Debug for Name<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<W: Listed> fmt::Display for Name<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl<W: Listed> Serialize for Name<W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de, W: Listed> Deserialize<'de> for Name<W> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(|text| Self::of(&text))
    }
}

/// As a union of the enum and a string.
impl<'a, W: Listed> Avro<'a> for Name<W> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Known(word) => {
                put_long(LISTED, out);
                put_long(word.symbol() as i64, out);
            }
            Self::Own(name) if name == W::OTHER => {
                put_long(LISTED, out);
                put_long(0, out);
            }
            Self::Own(name) => {
                put_long(OWN, out);
                name.put(out);
            }
        }
    }

    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        if reader.ordinal(2)? as i64 == OWN {
            return Text::get(reader).map(Self::Own);
        }
        let symbol = reader.ordinal(W::ALL.len().saturating_add(1))?;
        let word = symbol.checked_sub(1).and_then(W::at);
        Ok(word.map_or(Self::Own(Text::const_new(W::OTHER)), Self::Known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Subject;
    use crate::domain::codec::{decode, encode};

    #[test]
    fn is_the_same_wherever_it_came_from() {
        for text in ["opt_out", "average_cost", "other", "longer_than_what_a_text_holds_in_itself", ""] {
            let (name, mut bytes) = (Name::<Subject>::of(text), Vec::new());
            encode(&name, &mut bytes);
            let read: Name<Subject> = decode(&bytes).unwrap();
            assert_eq!((&read, read.as_str(), read.to_text()), (&name, text, Text::from(text)));
            let json = serde_json::to_string(&read).unwrap();
            let (again, mut same) = (serde_json::from_str::<Name<Subject>>(&json).unwrap(), Vec::new());
            encode(&again, &mut same);
            assert_eq!(same, bytes, "{text}");
        }
        assert_eq!(Name::from(ReasonCode::GateOptOut), *"GATE_OPT_OUT");
        assert_eq!(size_of::<Name<Subject>>(), size_of::<Text>());
    }

    #[test]
    fn takes_two_bytes_where_it_is_usual() {
        let written = |name: &Name<Subject>| {
            let mut bytes = Vec::new();
            encode(name, &mut bytes);
            bytes
        };
        assert_eq!(written(&Subject::ListedFrom.into()), [0, 2], "behind the default");
        assert_eq!(written(&Subject::InHoldout.into()).len(), 2);
        assert_eq!(written(&Name::Own("vip".into())), *b"\x02\x06vip");
        assert!(decode::<Name<Subject>>(&[4, 0]).is_err(), "there are two branches");
        let beyond = 2 * (Subject::ALL.len() as u64 + 1);
        let mut bytes = vec![0];
        super::super::codec::put_uint(beyond, &mut bytes);
        assert!(decode::<Name<Subject>>(&bytes).is_err(), "no such symbol");
    }
}
