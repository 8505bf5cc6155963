//! The words: ids, money, rates, event time, events, offer, candidate, decision, reason codes.
//!
//! Everything else speaks in these types. The module is pure: no IO, no clock, no randomness, nothing of ours below it.
//! Money is integer minor units with a currency, rates are parts per million, times are UTC milliseconds.

pub mod alert;
pub mod candidate;
pub mod check;
mod checks;
pub mod codec;
pub mod counter;
pub mod decision;
pub mod deltas;
pub mod events;
pub mod fact;
pub mod fate;
pub mod id;
pub mod journal;
pub mod list;
pub mod name;
pub mod output;
pub mod partition;
pub mod policy_record;
mod reader;
pub mod reason;
pub mod reason_text;
mod subject;
pub mod time;
pub mod view;
pub mod words;

pub use candidate::{Candidate, CandidateKind, CandidateStatus};
pub use check::Check;
pub use checks::Checks;
pub use counter::{Counter, Family};
pub use decision::Decision;
pub use deltas::{Delta, Deltas};
pub use events::{ApplicationEvent, Command, CustomerEvent, Outcome, RepaymentEvent};
pub use fact::{FactBundle, Proposal, Reply, Settlement};
pub use fate::{DeadLetter, Fate};
pub use id::Id;
pub use list::List;
pub use name::Name;
pub use output::Output;
pub use policy_record::PolicyRecord;
pub use reason::ReasonCode;
pub use subject::Subject;
pub use time::{CalendarDay, EventTime};

/// A short owned string; up to 24 bytes live inside it without a heap allocation.
pub type Text = compact_str::CompactString;

/// Largest amount that an event or a policy may state, minor units: what is reckoned from it stays in range.
pub const AMOUNT_MINOR_MAX: i64 = 1_000_000_000_000_000;

/// Characters of an id that is a hash.
pub const ID_CHARS: usize = 32;

/// A 128-bit id that is a hash of what caused the thing, in lower-case hexadecimal (32 characters).
///
/// The parts are separated by a zero byte, which no token may contain, so two different lists never hash alike.
pub fn content_id(parts: &[&[u8]]) -> Text {
    let mut id = Text::default();
    set_content_id(&mut id, parts);
    id
}

/// Longest that is hashed from the stack, bytes: a few tokens of usual length.
const CAUSE_BYTES: usize = 256;

/// Puts a [`content_id`] into a text, whose room is used again.
pub fn set_content_id(id: &mut Text, parts: &[&[u8]]) {
    set_content_hash(id, parts, ID_CHARS);
}

/// The same with so many characters of the hash, at most 64.
pub fn set_content_hash(id: &mut Text, parts: &[&[u8]], chars: usize) {
    // In one piece, because a hasher that waits for more is large to set up.
    let mut bytes = [0; CAUSE_BYTES];
    let mut len = 0;
    for part in parts {
        let end = len + part.len();
        let Some(room) = bytes.get_mut(len..end) else { return set_hexadecimal(id, &hash_of_many(parts), chars) };
        room.copy_from_slice(part);
        len = end + 1;
    }
    match bytes.get(..len) {
        Some(cause) => set_hexadecimal(id, &blake3::hash(cause), chars),
        None => set_hexadecimal(id, &hash_of_many(parts), chars),
    }
}

/// The hash of parts that are longer than is usual.
#[cold]
#[inline(never)]
fn hash_of_many(parts: &[&[u8]]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part).update(&[0]);
    }
    hasher.finalize()
}

fn set_hexadecimal(id: &mut Text, hash: &blake3::Hash, chars: usize) {
    // By reckoning instead of by a table, so that many digits are made at once.
    let digit = |half: u8| half + if half < 10 { b'0' } else { b'a' - 10 };
    let mut hexadecimal = [0; 2 * blake3::OUT_LEN];
    for (pair, byte) in hexadecimal.chunks_exact_mut(2).zip(hash.as_bytes()) {
        (pair[0], pair[1]) = (digit(byte >> 4), digit(byte & 15));
    }
    set_text(id, str::from_utf8(&hexadecimal[..chars.min(hexadecimal.len())]).unwrap_or_default());
}

/// Longest text that lies in itself, bytes.
const INLINE_BYTES: usize = size_of::<Text>();

/// Lets a text say something else; its room is used again.
pub fn set_text(text: &mut Text, to: &str) {
    // A short one is made anew faster than it is written over, where there is no room to keep.
    if to.len() <= INLINE_BYTES && !text.is_heap_allocated() {
        *text = Text::new(to);
        return;
    }
    text.clear();
    text.push_str(to);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_hash_of_its_parts_however_long() {
        for length in [0, 1, 22, CAUSE_BYTES - 4, CAUSE_BYTES - 3, CAUSE_BYTES - 2, CAUSE_BYTES, 3 * CAUSE_BYTES] {
            let part = vec![b'x'; length];
            let whole = [b"a\0", part.as_slice(), b"\0"].concat();
            assert_eq!(content_id(&[b"a", &part]), blake3::hash(&whole).to_hex()[..32], "{length}");
        }
    }

    #[test]
    fn a_text_says_what_it_is_told_last() {
        let mut text = Text::default();
        for length in [0, 3, INLINE_BYTES, INLINE_BYTES + 1, 4, 40, 0, 7] {
            let to = "y".repeat(length);
            set_text(&mut text, &to);
            assert_eq!(text, to);
        }
    }
}
