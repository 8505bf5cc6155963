//! A record that could not be used, as a dead letter: its bytes as they came, as far as a topic takes them. One that no topic
//! takes would stop the shard, and every worker that takes the shard over.

use super::stage::Raw;
use crate::domain::codec::Bytes;
use crate::domain::decision::StageName;
use crate::domain::fate::{DeadLetterClass, Header};
use crate::domain::words::Word;
use crate::domain::{DeadLetter, EventTime, Text};

/// Most that is kept of a rejected record's parts, bytes. The key counts twice, being the dead letter's own too: all of them
/// together stay below the million bytes that clients and brokers take without being told otherwise.
const VALUE_BYTES_MAX: usize = 512 * 1024;
const KEY_BYTES_MAX: usize = 64 * 1024;
/// Names and values, and [`HEADER_BYTES`] for each header.
const HEADERS_BYTES_MAX: usize = 128 * 1024;
const DETAIL_BYTES_MAX: usize = 4 * 1024;
/// What a header takes beside its name and value, at most.
const HEADER_BYTES: usize = 16;

/// The dead letter and the key it is written with.
pub(super) fn bury(
    raw: Raw<'_>,
    class: DeadLetterClass,
    mut detail: String,
    stage: StageName,
    now: EventTime,
) -> (DeadLetter, Vec<u8>) {
    let whole = (0..=DETAIL_BYTES_MAX.min(detail.len())).rev().find(|at| detail.is_char_boundary(*at));
    detail.truncate(whole.unwrap_or_default());
    let mut keep = |part: &[u8], most: usize, name: &str| {
        if part.len() > most {
            detail.push_str(&format!("; of its {name} of {} bytes the first {most} are kept", part.len()));
        }
        part[..part.len().min(most)].to_vec()
    };
    let value = raw.value.map(|value| Bytes(keep(value, VALUE_BYTES_MAX, "value")));
    let key = raw.key.map(|key| keep(key, KEY_BYTES_MAX, "key"));
    let mut headers = (raw.headers)();
    let (all, kept) = (headers.len(), fitting(&headers));
    if kept < all {
        headers.truncate(kept);
        detail.push_str(&format!("; of its {all} headers the first {kept} are kept"));
    }
    let letter = DeadLetter {
        topic: Text::from(raw.topic_name),
        partition: raw.partition,
        offset: raw.offset,
        timestamp: raw.timestamp,
        key: key.clone().map(Bytes),
        value,
        headers,
        class,
        stage: Text::from(stage.name()),
        detail,
        rejected_at: now,
    };
    (letter, key.unwrap_or_default())
}

/// How many of the first headers fit.
fn fitting(headers: &[Header]) -> usize {
    let mut left = HEADERS_BYTES_MAX;
    let fits = |header: &&Header| {
        let bytes = header.key.len() + header.value.as_ref().map_or(0, |value| value.0.len()) + HEADER_BYTES;
        left.checked_sub(bytes).map(|rest| left = rest).is_some()
    };
    headers.iter().take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Topic;
    use crate::wire::{Schema, SchemaIds};

    /// What brokers and clients take of a record when nobody tells them otherwise, bytes.
    const MESSAGE_BYTES: usize = 1_000_000;

    fn buried(key: &[u8], value: &[u8], headers: &dyn Fn() -> Vec<Header>, detail: &str) -> (DeadLetter, Vec<u8>) {
        let raw = Raw {
            topic: Topic::Applications,
            topic_name: "applications",
            partition: 3,
            offset: 7,
            timestamp: None,
            key: Some(key),
            value: Some(value),
            headers,
        };
        bury(raw, DeadLetterClass::Key, detail.to_owned(), StageName::Customer, EventTime(0))
    }

    fn header(value: usize) -> Header {
        Header { key: Text::from("name"), value: Some(Bytes(vec![1; value])) }
    }

    #[test]
    fn what_is_small_is_kept_as_it_came() {
        let (letter, key) = buried(b"key", b"value", &|| vec![header(9)], "why");
        assert_eq!((key.as_slice(), letter.detail.as_str()), (b"key".as_slice(), "why"));
        assert_eq!(letter.key, Some(Bytes(b"key".to_vec())));
        assert_eq!(letter.value, Some(Bytes(b"value".to_vec())));
        assert_eq!(letter.headers, [header(9)]);
    }

    #[test]
    fn a_letter_is_never_larger_than_a_message() {
        let (megabyte, words) = (vec![b'k'; 1 << 20], "é".repeat(1 << 20));
        let many = || vec![header(0); 1 << 16];
        let large = || vec![header(9), header(1 << 20), header(9)];
        for headers in [&many as &dyn Fn() -> Vec<Header>, &large] {
            let (letter, key) = buried(&megabyte, &megabyte, headers, &words);
            let mut bytes = Vec::new();
            SchemaIds::default().encode(Schema::DeadLetter, &letter, &mut bytes);
            assert!(key.len() + bytes.len() < MESSAGE_BYTES, "{} and {}", key.len(), bytes.len());
            for part in ["its value of 1048576 bytes", "its key of 1048576 bytes", "headers the first"] {
                assert!(letter.detail.contains(part), "{}", letter.detail);
            }
        }
    }
}
