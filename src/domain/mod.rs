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

/// Puts a [`content_id`] into a text, whose room is used again.
pub fn set_content_id(id: &mut Text, parts: &[&[u8]]) {
    set_content_hash(id, parts, ID_CHARS);
}

/// The same with so many characters of the hash, at most 64.
pub fn set_content_hash(id: &mut Text, parts: &[&[u8]], chars: usize) {
    // In one piece, because a hasher that waits for more is large to set up.
    let mut bytes = smallvec::SmallVec::<[u8; 256]>::new();
    for part in parts {
        bytes.extend_from_slice(part);
        bytes.push(0);
    }
    set_text(id, &blake3::hash(&bytes).to_hex().as_str()[..chars]);
}

/// Lets a text say something else; its room is used again.
pub fn set_text(text: &mut Text, to: &str) {
    text.clear();
    text.push_str(to);
}
