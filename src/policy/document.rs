//! A policy document as it was written: one text, or several that are one policy together.

use crate::domain::Text;

/// Longest document over all its parts, bytes: 10,000 contracts of 800 bytes.
pub const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most files of one policy.
pub const PARTS_MAX: usize = 256;

/// One file of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Only used to say where something stands.
    pub file: String,
    pub text: String,
}

impl Part {
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into() }
    }
}

/// What a policy is read from. The parts are merged by their top-level keys; a key in two of them is a problem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    pub parts: Vec<Part>,
    /// Takes the place of the parts' own head: an earlier document, word for word, under a new version.
    pub head: Option<Part>,
}

impl Document {
    pub fn of(parts: Vec<Part>) -> Self {
        Self { parts, head: None }
    }

    /// Content hash, 32 hexadecimal characters: BLAKE3 of the bytes of the one part; of several, over their hashes in
    /// ascending order, so that neither names nor order count.
    pub fn hash(&self) -> Text {
        let hash = match (self.parts.as_slice(), &self.head) {
            ([only], None) => blake3::hash(only.text.as_bytes()),
            (parts, head) => {
                let mut hashes: Vec<[u8; 32]> = parts.iter().map(hash_of).collect();
                hashes.sort_unstable();
                let mut all = blake3::Hasher::new();
                hashes.iter().chain(&head.as_ref().map(hash_of)).for_each(|hash| {
                    all.update(hash);
                });
                all.finalize()
            }
        };
        Text::from(&hash.to_hex().as_str()[..32])
    }

    /// All texts, the head last.
    pub fn all(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().chain(&self.head)
    }
}

fn hash_of(part: &Part) -> [u8; 32] {
    *blake3::hash(part.text.as_bytes()).as_bytes()
}
