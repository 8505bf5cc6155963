//! A candidate's id as a key: ids are hashes, so nearly all lie in 16 bytes, which are compared and copied fast.

use crate::domain::Text;
use crate::domain::codec::{Avro, CodecError, Reader, put_long};

/// Characters of an id that is a hash in lower-case hexadecimal.
const HEX_CHARS: usize = 32;
const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Equal keys are equal ids; hashes are in the order of their texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateKey {
    /// What is smaller than every id, to look for a range.
    First,
    Hash(u64, u64),
    /// Any other text.
    Text(Text),
}

impl CandidateKey {
    pub fn of(candidate: &str) -> Self {
        let hash = hash_of(candidate.as_bytes());
        hash.map_or_else(|| Self::Text(Text::from(candidate)), |(high, low)| Self::Hash(high, low))
    }
}

/// The halves of what 32 hexadecimal characters stand for, as long as they are written back as the same characters.
fn hash_of(hex: &[u8]) -> Option<(u64, u64)> {
    let (high, low) = (hex.len() == HEX_CHARS).then(|| hex.split_at(HEX_CHARS / 2))?;
    Some((half_of(high)?, half_of(low)?))
}

fn half_of(hex: &[u8]) -> Option<u64> {
    hex.iter().try_fold(0, |half, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(half << 4 | u64::from(value))
    })
}

/// As the text it stands for.
impl<'a> Avro<'a> for CandidateKey {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::First => "".put(out),
            Self::Hash(high, low) => {
                put_long(HEX_CHARS as i64, out);
                for half in [high, low] {
                    out.extend((0..16).rev().map(|digit| HEX_DIGITS[(half >> (4 * digit)) as usize & 15]));
                }
            }
            Self::Text(text) => text.put(out),
        }
    }
    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        <&str>::get(reader).map(Self::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_id_and_hashes_are_in_the_order_of_their_texts() {
        let hashes = [
            "00000000000000000000000000000000",
            "0123456789abcdef0123456789abcdef",
            "ff34567890abcdef0123456789abcdef",
        ];
        let others = ["", "candidate", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcde"];
        for id in hashes.iter().chain(&others) {
            let (key, mut bytes) = (CandidateKey::of(id), Vec::new());
            key.put(&mut bytes);
            let (text, mut as_text) = (Text::from(*id), Vec::new());
            text.put(&mut as_text);
            assert_eq!((&bytes, matches!(key, CandidateKey::Hash(..))), (&as_text, hashes.contains(id)));
            assert_eq!(CandidateKey::get(&mut Reader::new(&bytes)), Ok(key.clone()));
            assert!(CandidateKey::First < key);
        }
        assert!(hashes.map(CandidateKey::of).is_sorted());
    }
}
