//! A short name that the code itself gives, or that came from somewhere else.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::codec::{Avro, CodecError, Reader};
use super::{ReasonCode, Text, words::Word};

/// A name in a check: nearly all of them stand in the code, so they are pointed to and never copied.
#[derive(Clone)]
pub enum Name {
    Known(&'static str),
    /// A policy's own, or one that was read.
    Own(Text),
}

impl Name {
    #[inline]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(name) => name,
            Self::Own(name) => name,
        }
    }

    pub fn to_text(&self) -> Text {
        match self {
            Self::Known(name) => Text::const_new(name),
            Self::Own(name) => name.clone(),
        }
    }
}

impl Deref for Name {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<&'static str> for Name {
    #[inline]
    fn from(name: &'static str) -> Self {
        Self::Known(name)
    }
}

impl From<Text> for Name {
    fn from(name: Text) -> Self {
        Self::Own(name)
    }
}

impl From<ReasonCode> for Name {
    #[inline]
    fn from(code: ReasonCode) -> Self {
        Self::Known(code.name())
    }
}

impl<T: AsRef<str> + ?Sized> PartialEq<T> for Name {
    fn eq(&self, other: &T) -> bool {
        self.as_str() == other.as_ref()
    }
}

impl Eq for Name {}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(Self::Own)
    }
}

impl<'a> Avro<'a> for Name {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        self.as_str().put(out);
    }
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        Text::get(reader).map(Self::Own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::codec::{decode, encode};

    #[test]
    fn is_the_same_wherever_it_came_from() {
        for text in ["opt_out", "longer_than_what_a_text_holds_in_itself", ""] {
            let (known, mut bytes) = (Name::from(text), Vec::new());
            encode(&known, &mut bytes);
            let read: Name = decode(&bytes).unwrap();
            assert!(matches!(read, Name::Own(_)));
            assert_eq!((&read, read.as_str(), read.to_text()), (&known, text, known.to_text()));
        }
        assert_eq!(Name::from(ReasonCode::GateOptOut), *"GATE_OPT_OUT");
        assert_eq!(size_of::<Name>(), size_of::<Text>(), "there are many of them");
    }
}
