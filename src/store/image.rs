//! The local image of a shard: its form as bytes, and when it may be used. Pure; files are the worker's.
//!
//! ```text
//! "reflowim" · format u32 · header length u32 · header · crc32        what the image belongs to, and where its tail begins
//! (length u32 · entries u32 · crc32 · entries)…                       chunks, each numbered by its checksum
//! "imageend" · chunks u64 · entries u64 · crc32                       without it the file is torn
//! ```
//!
//! Numbers are little-endian; an entry is key length u32, value length u32, key, value, both as in the changelog. The image
//! is *fuzzy*: chunks are written between batches, each from what is committed at that moment. Entries of the changelog are
//! absolute, so the image and then the changelog from [`Header::from`] on give what the changelog alone gives.

use crate::domain::codec::{self, CodecError};
use crate::domain::decision::StageName;
use crate::domain::time::SECOND_MS;
use crate::domain::{EventTime, Text};
use crate::record;

const MAGIC: &[u8; 8] = b"reflowim";
const END: &[u8; 8] = b"imageend";
/// The version of the file's form.
pub const FORMAT: u32 = 1;
/// Magic, format and header length.
pub const PREAMBLE_BYTES: usize = 16;
/// Length, entries and checksum in front of a chunk.
pub const FRAME_BYTES: usize = 12;
/// Magic, chunks, entries and checksum at the end of the file.
pub const FOOTER_BYTES: usize = 28;
/// Checksum behind the header.
pub const SUM_BYTES: usize = 4;
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// A chunk is full when it holds that many bytes; its last entry may reach beyond.
pub const CHUNK_BYTES: usize = 512 * 1024;
/// Longest chunk that is read, bytes: no entry is larger than a record of the changelog.
const CHUNK_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What an image belongs to, and where its tail begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The cluster's id, as the broker says it.
    pub cluster: Text,
    /// The id of the changelog topic: a topic that was deleted and made again has another one.
    pub topic_id: Text,
    pub stage: StageName,
    pub shard: i32,
    pub customer_shards: i32,
    pub partner_shards: i32,
    /// Format of the values of the stage.
    pub state_format: i32,
    /// Everything of the changelog below this offset is in every chunk; the tail is read from here.
    pub from: i64,
    /// The machine's clock before the first chunk.
    pub written_at: EventTime,
}
record!(Header { cluster, topic_id, stage, shard, customer_shards, partner_shards, state_format, from, written_at });

/// What the changelog is like to which an image must fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// First offset that is still there, and the end.
    pub low: i64,
    pub high: i64,
    /// How long a tombstone is kept, milliseconds (`delete.retention.ms`).
    pub tombstones_ms: i64,
    /// Furthest that clocks may differ, seconds; an image counts as that much older.
    pub skew_secs: i64,
}

/// Why an image is not used. The state then comes from the older image, or from the changelog alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Discard {
    #[error("it is not an image of reflow")]
    Foreign,
    #[error("its form is version {0}, this build reads {FORMAT}")]
    Form(u32),
    #[error("it is torn: the writer did not get to its end")]
    Torn,
    #[error("the checksum of its {0} is wrong: the file was damaged")]
    Checksum(&'static str),
    #[error("its header cannot be read: {0}")]
    Header(CodecError),
    #[error("a length of {0} bytes is not possible")]
    Length(u64),
    #[error("it holds {found} entries, its end says {said}")]
    Count { found: u64, said: u64 },
    #[error("an entry cannot be read: {0}")]
    Entry(String),
    #[error("its {what} is `{found}`, here it is `{expected}`")]
    Other { what: &'static str, found: String, expected: String },
    #[error("its tail begins at offset {from}, the changelog at {low}: what lies between was deleted")]
    BelowLog { from: i64, low: i64 },
    #[error("its tail begins at offset {from}, beyond the changelog's end {high}: the changelog has lost its end")]
    BeyondLog { from: i64, high: i64 },
    #[error(
        "it is {age_secs} s old; a deletion is told for {tombstones_secs} s only, so a deleted customer could come back"
    )]
    Old { age_secs: i64, tombstones_secs: i64 },
    #[error("it was written {ahead_secs} s in the future: a clock was moved")]
    Future { ahead_secs: i64 },
    #[error("it was made by transaction {image}, the changelog ends with {changelog}: the changelog has lost its end")]
    Ahead { image: i64, changelog: i64 },
}

impl Header {
    /// The beginning of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        codec::encode(self, &mut body);
        let mut out = Vec::with_capacity(PREAMBLE_BYTES + body.len() + SUM_BYTES);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&(body.len() as u32).to_le_bytes());
        out.extend_from_slice(&body);
        let sum = crc32fast::hash(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// How many bytes follow the preamble: the header and its checksum.
    pub fn rest(preamble: &[u8; PREAMBLE_BYTES]) -> Result<usize, Discard> {
        let [magic, numbers] = [&preamble[..8], &preamble[8..]];
        if magic != MAGIC {
            return Err(Discard::Foreign);
        }
        let (form, length) = (word(numbers, 0), word(numbers, 4) as usize);
        if form != FORMAT {
            return Err(Discard::Form(form));
        }
        if length > HEADER_BYTES_MAX {
            return Err(Discard::Length(length as u64));
        }
        Ok(length + SUM_BYTES)
    }

    /// Reads what [`Header::rest`] asked for.
    pub fn decode(preamble: &[u8; PREAMBLE_BYTES], rest: &[u8]) -> Result<Self, Discard> {
        let Some((body, sum)) = rest.split_last_chunk::<SUM_BYTES>() else { return Err(Discard::Torn) };
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(preamble);
        hasher.update(body);
        if hasher.finalize() != u32::from_le_bytes(*sum) {
            return Err(Discard::Checksum("header"));
        }
        codec::decode(body).map_err(Discard::Header)
    }

    /// Errs unless the image belongs to this changelog and is young enough: `own` is what an image written now would say.
    pub fn check(&self, own: &Header, log: &Log) -> Result<(), Discard> {
        let pairs = [
            ("cluster", self.cluster.to_string(), own.cluster.to_string()),
            ("changelog topic id", self.topic_id.to_string(), own.topic_id.to_string()),
            ("stage", self.stage.to_string(), own.stage.to_string()),
            ("shard", self.shard.to_string(), own.shard.to_string()),
            ("number of customer shards", self.customer_shards.to_string(), own.customer_shards.to_string()),
            ("number of partner shards", self.partner_shards.to_string(), own.partner_shards.to_string()),
            ("state format", self.state_format.to_string(), own.state_format.to_string()),
        ];
        if let Some((what, found, expected)) = pairs.into_iter().find(|(_, found, expected)| found != expected) {
            return Err(Discard::Other { what, found, expected });
        }
        if self.from < log.low {
            return Err(Discard::BelowLog { from: self.from, low: log.low });
        }
        if self.from > log.high {
            return Err(Discard::BeyondLog { from: self.from, high: log.high });
        }
        let age_secs = own.written_at.ms_since(self.written_at) / SECOND_MS;
        if age_secs < -log.skew_secs {
            return Err(Discard::Future { ahead_secs: -age_secs });
        }
        let tombstones_secs = log.tombstones_ms / SECOND_MS;
        if age_secs.saturating_add(log.skew_secs) >= tombstones_secs {
            return Err(Discard::Old { age_secs, tombstones_secs });
        }
        Ok(())
    }
}

/// Entries on their way into one chunk.
#[derive(Debug, Default)]
pub struct Chunk {
    bytes: Vec<u8>,
    entries: u32,
}

impl Chunk {
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        if self.bytes.is_empty() {
            // Room for the frame, which is known at the end.
            self.bytes.reserve(CHUNK_BYTES + CHUNK_BYTES / 8);
            self.bytes.resize(FRAME_BYTES, 0);
        }
        self.bytes.extend_from_slice(&(key.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.entries += 1;
    }

    pub fn is_full(&self) -> bool {
        self.bytes.len() >= CHUNK_BYTES
    }

    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }
}

/// Counts what was written; the checksums are made here, away from the shard's thread.
#[derive(Debug, Default)]
pub struct Totals {
    chunks: u64,
    entries: u64,
}

impl Totals {
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The next chunk as it stands in the file.
    pub fn seal(&mut self, chunk: Chunk) -> Vec<u8> {
        let mut bytes = chunk.bytes;
        if let Some((frame, body)) = bytes.split_first_chunk_mut::<FRAME_BYTES>() {
            let length = body.len() as u32;
            let sum = sum(self.chunks, length, chunk.entries, body);
            frame[..4].copy_from_slice(&length.to_le_bytes());
            frame[4..8].copy_from_slice(&chunk.entries.to_le_bytes());
            frame[8..].copy_from_slice(&sum.to_le_bytes());
        }
        self.chunks += 1;
        self.entries += u64::from(chunk.entries);
        bytes
    }

    /// The end of the file.
    pub fn footer(&self) -> Vec<u8> {
        let mut out = END.to_vec();
        out.extend_from_slice(&self.chunks.to_le_bytes());
        out.extend_from_slice(&self.entries.to_le_bytes());
        let sum = crc32fast::hash(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads the end of a file: how many chunks and entries it must hold.
    pub fn of_footer(footer: &[u8; FOOTER_BYTES]) -> Result<Self, Discard> {
        let (body, sum) = footer.split_at(FOOTER_BYTES - SUM_BYTES);
        if &body[..8] != END || word(sum, 0) != crc32fast::hash(body) {
            return Err(Discard::Torn);
        }
        Ok(Self { chunks: long(body, 8), entries: long(body, 16) })
    }

    pub fn chunks(&self) -> u64 {
        self.chunks
    }

    /// Errs unless as many entries were read as the end of the file says.
    pub fn agree(&self, found: u64) -> Result<(), Discard> {
        if found == self.entries { Ok(()) } else { Err(Discard::Count { found, said: self.entries }) }
    }
}

/// What stands in front of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    length: u32,
    entries: u32,
    sum: u32,
}

impl Frame {
    pub fn decode(bytes: &[u8; FRAME_BYTES]) -> Result<Self, Discard> {
        let frame = Self { length: word(bytes, 0), entries: word(bytes, 4), sum: word(bytes, 8) };
        match frame.len() {
            length if length > CHUNK_BYTES_MAX => Err(Discard::Length(length as u64)),
            _ => Ok(frame),
        }
    }

    /// Bytes of entries that follow.
    pub fn len(&self) -> usize {
        self.length as usize
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Feeds the entries of the chunk with that number to `entry`; returns how many.
    pub fn read(
        &self,
        number: u64,
        body: &[u8],
        mut entry: impl FnMut(&[u8], &[u8]) -> Result<(), String>,
    ) -> Result<u64, Discard> {
        if body.len() != self.len() || sum(number, self.length, self.entries, body) != self.sum {
            return Err(Discard::Checksum("chunks"));
        }
        let (mut rest, mut found) = (body, 0);
        while !rest.is_empty() {
            let (key, value, after) = split(rest).ok_or(Discard::Length(rest.len() as u64))?;
            entry(key, value).map_err(Discard::Entry)?;
            (rest, found) = (after, found + 1);
        }
        if found == u64::from(self.entries) {
            Ok(found)
        } else {
            Err(Discard::Count { found, said: u64::from(self.entries) })
        }
    }
}

/// The first entry's key and value, and what follows it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (lengths, rest) = bytes.split_at_checked(8)?;
    let (key, rest) = rest.split_at_checked(word(lengths, 0) as usize)?;
    let (value, rest) = rest.split_at_checked(word(lengths, 4) as usize)?;
    Some((key, value, rest))
}

/// The checksum of a chunk covers its number, so that none is missing, doubled or out of order.
fn sum(number: u64, length: u32, entries: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&length.to_le_bytes());
    hasher.update(&entries.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

/// The number at a place; bytes that are not there count as zero.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map_or(0, u64::from_le_bytes)
}
