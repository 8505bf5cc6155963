//! Ids that are kept by many: a hash in hexadecimal lies in the id itself.

use std::fmt;
use std::ops::Deref;

use super::Text;
use super::codec::text;

/// Longest id that lies in itself, bytes: the 32 hexadecimal characters of a hash, and a UUID.
const SHORT_BYTES_MAX: usize = 38;

/// A text that is mostly a hash or a UUID, which takes no room of its own then.
#[derive(Clone)]
pub enum Id {
    Short(u8, [u8; SHORT_BYTES_MAX]),
    Long(Text),
}

impl Id {
    pub fn as_str(&self) -> &str {
        match self {
            // It was a text when it was put there.
            Self::Short(..) => text(self.as_bytes()).unwrap_or_default(),
            Self::Long(long) => long,
        }
    }

    // These are a text's too, and need not look at all of it to know that it is one.

    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(length, bytes) => &bytes[..usize::from(*length)],
            Self::Long(text) => text.as_bytes(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        let mut bytes = [0; SHORT_BYTES_MAX];
        match bytes.get_mut(..text.len()) {
            Some(room) => {
                room.copy_from_slice(text.as_bytes());
                Self::Short(text.len() as u8, bytes)
            }
            None => Self::Long(text.into()),
        }
    }
}

impl From<&Text> for Id {
    fn from(text: &Text) -> Self {
        text.as_str().into()
    }
}

impl Default for Id {
    fn default() -> Self {
        Self::Short(0, [0; SHORT_BYTES_MAX])
    }
}

impl Deref for Id {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<str> for Id {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Id {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<Text> for Id {
    fn eq(&self, other: &Text) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_text() {
        let ids = ["", "id", "0123456789abcdef0123456789abcdef", "01890a5d-ac96-774b-bcce-b302099a8057"];
        let long = "an id that is longer than any hash or UUID is";
        for text in ids.into_iter().chain([long]) {
            let id = Id::from(text);
            assert_eq!((id.as_str(), matches!(id, Id::Long(_))), (text, text == long));
            let owned = Text::from(text);
            assert!(id == *text && id == owned && id == id.clone());
        }
        let (one, other) = (Id::from("a"), Id::from("b"));
        assert_eq!((Id::default(), one == other), (Id::from(""), false));
    }
}
