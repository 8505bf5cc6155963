//! An image written in slices between and within batches, and then the changelog's tail, give what the changelog alone gives.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::image::{Chunk, Discard, FOOTER_BYTES, FRAME_BYTES, Frame, Header, Log, PREAMBLE_BYTES, Totals};
use super::{Cursor, Packed, Records, Sections, Sorted};
use crate::domain::codec::{CodecError, Reader, decode, encode, put_long};
use crate::domain::decision::StageName;
use crate::domain::time::DAY_MS;
use crate::domain::{EventTime, Text};

#[derive(Debug, Default)]
struct Number(i64);

impl Packed for Number {
    const TAG: u8 = b'a';
    const FORMAT: u8 = 1;
    const ALL: Sections = 1;
    type Spare = ();

    fn pack(&self, _: Sections, out: &mut Vec<u8>) {
        put_long(self.0, out);
    }

    fn unpack(&mut self, _: Sections, bytes: &[u8], (): &mut ()) -> Result<(), CodecError> {
        let mut reader = Reader::new(bytes);
        self.0 = reader.long()?;
        reader.end()
    }

    fn empty(&mut self, _: Sections, (): &mut ()) {
        self.0 = 0;
    }
}

/// A stage with one table of each kind.
#[derive(Default)]
struct Toy {
    slots: Records<Number>,
    sorted: Sorted<Text, i64>,
}

type Entry = (Vec<u8>, Option<Vec<u8>>);

impl Toy {
    fn change(&mut self, key: u8, remove: bool, sorted: bool) {
        let token = format!("c{key}");
        match (sorted, remove) {
            (true, true) => self.sorted.remove(&Text::from(token)),
            (true, false) => *self.sorted.edit_or(&Text::from(token), || 0) += 1,
            // Records are not removed, but one that was made is gone after an undo, and its slot is another's.
            (false, _) => {
                let at = self.slots.find(&token, 1).unwrap_or_else(|| self.slots.make(&token));
                self.slots.edit(at, 1).0.0 += 1;
            }
        }
    }

    fn changes(&mut self) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.slots.changed(|key, value| entries.push((key.to_vec(), Some(value.to_vec()))));
        for (token, value) in self.sorted.changed() {
            entries.push((key(b'b', token), value.map(|value| bytes(*value))));
        }
        entries
    }

    fn hand_over(&mut self) {
        self.slots.hand_over();
        self.sorted.hand_over();
    }

    fn commit(&mut self) {
        self.slots.commit();
        self.sorted.commit();
    }

    fn undo(&mut self) {
        self.slots.undo();
        self.sorted.undo();
    }

    fn load(&mut self, key: &[u8], value: Option<&[u8]>) {
        let token = std::str::from_utf8(&key[1..]).unwrap();
        match (key[0], value) {
            (b'a', None) => self.slots.unload(token),
            (b'a', Some(value)) => self.slots.load(token, value).unwrap(),
            (_, value) => self.sorted.load(Text::from(token), value.map(|value| decode::<i64>(value).unwrap())),
        }
    }

    /// Appends up to `most` committed entries; true at the end.
    fn walk(&self, cursor: &mut Cursor, most: usize, chunk: &mut Chunk) -> bool {
        match cursor.table {
            0 => {
                let show = |token: &[u8], value: &[u8]| chunk.push(&[b"a", token].concat(), value);
                self.slots.walk(cursor, most, show);
            }
            1 => {
                let show = |token: &Text, value: &i64| chunk.push(&key(b'b', token), &bytes(*value));
                self.sorted.walk(cursor, most, show).unwrap();
            }
            _ => return true,
        }
        false
    }

    fn contents(&self) -> (Vec<(u32, String, i64)>, Vec<(String, i64)>) {
        let slots = self.slots.all().map(|(slot, token, value)| (slot, token.to_string(), value.0));
        (slots.collect(), self.sorted.iter().map(|(token, value)| (token.to_string(), *value)).collect())
    }
}

fn key(tag: u8, token: &str) -> Vec<u8> {
    [&[tag], token.as_bytes()].concat()
}

fn bytes(number: i64) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&number, &mut out);
    out
}

fn header(from: i64) -> Header {
    Header {
        cluster: Text::from("cluster"),
        topic_id: Text::from("topic"),
        stage: StageName::Customer,
        shard: 3,
        customer_shards: 16,
        partner_shards: 4,
        state_format: 1,
        from,
        written_at: EventTime(1_000 * DAY_MS),
    }
}

/// The writer of one image, as far as it got.
struct Writing {
    cursor: Cursor,
    from: i64,
    totals: Totals,
    file: Vec<u8>,
    done: bool,
}

impl Writing {
    fn begin(from: i64) -> Self {
        let file = header(from).encode();
        Self { cursor: Cursor::default(), from, totals: Totals::default(), file, done: false }
    }

    fn turn(&mut self, toy: &Toy, most: usize) {
        let mut chunk = Chunk::default();
        let end = self.done || toy.walk(&mut self.cursor, most, &mut chunk);
        if !chunk.is_empty() {
            self.file.extend(self.totals.seal(chunk));
        }
        if end && !self.done {
            self.file.extend(self.totals.footer());
            self.done = true;
        }
    }
}

/// Reads a whole file as the worker does: first its two ends, then chunk after chunk.
fn read(file: &[u8], toy: &mut Toy) -> Result<Header, Discard> {
    let preamble = file.first_chunk::<PREAMBLE_BYTES>().ok_or(Discard::Torn)?;
    let length = Header::rest(preamble)?;
    let at = PREAMBLE_BYTES + length;
    let header = Header::decode(preamble, file.get(PREAMBLE_BYTES..at).ok_or(Discard::Torn)?)?;
    let totals = Totals::of_footer(file.last_chunk::<FOOTER_BYTES>().ok_or(Discard::Torn)?)?;
    let (mut at, mut found) = (at, 0);
    for number in 0..totals.chunks() {
        let frame: &[u8; FRAME_BYTES] = file.get(at..).and_then(|rest| rest.first_chunk()).ok_or(Discard::Torn)?;
        let frame = Frame::decode(frame)?;
        at += FRAME_BYTES;
        let body = file.get(at..at + frame.len()).ok_or(Discard::Torn)?;
        found += frame.read(number, body, |key, value| {
            toy.load(key, Some(value));
            Ok(())
        })?;
        at += frame.len();
    }
    totals.agree(found)?;
    Ok(header)
}

/// A changelog with its offsets; what was aborted has taken some too.
#[derive(Default)]
struct Changelog {
    entries: Vec<(Entry, bool)>,
    /// The first entry of the transaction in flight, and whether its end has landed.
    flight: Option<(usize, bool)>,
}

impl Changelog {
    /// The last stable offset.
    fn stable(&self) -> usize {
        self.flight.filter(|(_, landed)| !landed).map_or(self.entries.len(), |(first, _)| first)
    }

    fn end(&mut self, landed: bool) {
        if let Some((first, _)) = self.flight.take() {
            self.entries[first..].iter_mut().for_each(|(_, there)| *there = landed);
        }
    }

    /// As it may lie there: as written, or with only the newest value per key below some place.
    fn lying(&self, below: usize) -> Vec<(i64, &Entry)> {
        let there = || self.entries.iter().enumerate().filter(|(_, (_, there))| *there);
        let newest: BTreeMap<&[u8], usize> = there().map(|(at, ((key, _), _))| (key.as_slice(), at)).collect();
        let kept = there().filter(|(at, ((key, _), _))| *at >= below || newest[key.as_slice()] == *at);
        kept.map(|(at, (entry, _))| (at as i64, entry)).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Change {
        key: u8,
        remove: bool,
        sorted: bool,
    },
    HandOver,
    /// The end of the transaction in flight is in the log, and the shard has not heard of it.
    Land,
    Commit,
    Undo,
    Image {
        most: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0u8..14, any::<bool>(), any::<bool>())
            .prop_map(|(key, remove, sorted)| Step::Change { key, remove, sorted }),
        3 => Just(Step::HandOver),
        1 => Just(Step::Land),
        3 => Just(Step::Commit),
        1 => Just(Step::Undo),
        5 => (1usize..5).prop_map(|most| Step::Image { most }),
    ]
}

/// A shard, its log, and the image being written.
#[derive(Default)]
struct Life {
    toy: Toy,
    log: Changelog,
    writing: Option<Writing>,
    /// The batch whose commit has to be heard of before the first chunk: the stable end may lie behind it already.
    waits: bool,
}

impl Life {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Change { key, remove, sorted } => self.toy.change(*key, *remove, *sorted),
            Step::HandOver if self.log.flight.is_none() => {
                self.log.flight = Some((self.log.entries.len(), false));
                self.log.entries.extend(self.toy.changes().into_iter().map(|entry| (entry, false)));
                self.toy.hand_over();
            }
            Step::Land => self.log.flight = self.log.flight.map(|(first, _)| (first, true)),
            Step::Commit if self.log.flight.is_some() => {
                self.log.end(true);
                self.toy.commit();
                self.waits = false;
            }
            Step::Undo => {
                if self.log.flight.is_some_and(|(_, landed)| landed) {
                    self.step(&Step::Commit);
                }
                self.log.end(false);
                self.toy.undo();
                self.waits = false;
            }
            Step::Image { most } => {
                if let Some(writing) = self.writing.as_mut().filter(|_| !self.waits) {
                    writing.turn(&self.toy, *most);
                }
            }
            Step::HandOver | Step::Commit => {}
        }
    }

    fn begin_image(&mut self) {
        self.writing = Some(Writing::begin(self.log.stable() as i64));
        self.waits = self.log.flight.is_some();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn image_and_tail_give_what_the_changelog_gives(
        before in prop::collection::vec(step(), 0..60),
        during in prop::collection::vec(step(), 0..120),
        below in 0usize..200,
        hurt in prop::option::of((any::<prop::sample::Index>(), any::<bool>())),
    ) {
        let mut life = Life::default();
        before.iter().for_each(|step| life.step(step));
        life.begin_image();
        during.iter().for_each(|step| life.step(step));
        // The process dies here: what is not in the log did not happen.
        life.step(&Step::Undo);
        let (toy, lying) = (&life.toy, life.log.lying(below));
        let mut alone = Toy::default();
        lying.iter().for_each(|(_, (key, value))| alone.load(key, value.as_deref()));
        prop_assert_eq!(alone.contents(), toy.contents());

        let Some(writing) = life.writing else { return Ok(()) };
        let (mut file, mut whole) = (writing.file, writing.done);
        if let Some((place, cut)) = hurt {
            let place = place.index(file.len());
            if cut { file.truncate(place) } else { file[place] ^= 0x10 }
            whole = false;
        }
        let mut restored = Toy::default();
        match read(&file, &mut restored) {
            Ok(header) => {
                prop_assert!(whole, "a torn or damaged file was taken");
                prop_assert_eq!(header.from, writing.from);
                let tail = lying.iter().filter(|(offset, _)| *offset >= header.from);
                tail.for_each(|(_, (key, value))| restored.load(key, value.as_deref()));
                prop_assert_eq!(restored.contents(), toy.contents());
            }
            Err(reason) => prop_assert!(!whole, "a whole file was refused: {reason}"),
        }
    }
}

#[test]
fn what_is_made_in_flight_or_open_does_not_show() {
    let change = |key| Step::Change { key, remove: false, sorted: false };
    let mut life = Life::default();
    for step in [change(0), change(1), change(2), change(3), Step::HandOver, Step::Commit] {
        life.step(&step);
    }
    life.begin_image();
    life.step(&Step::Image { most: 2 });
    // One changes behind the place and one before it; `c9` is made in flight and `c8` in the open batch.
    for step in [change(0), change(3), Step::HandOver, Step::Commit, change(9), change(2), Step::HandOver, change(8)] {
        life.step(&step);
    }
    while !life.writing.as_ref().unwrap().done {
        life.step(&Step::Image { most: 1 });
    }
    life.step(&Step::Undo);
    let (mut restored, writing) = (Toy::default(), life.writing.unwrap());
    let header = read(&writing.file, &mut restored).unwrap();
    assert_eq!(writing.totals.entries(), 4);
    let tail = life.log.lying(0).into_iter().filter(|(offset, _)| *offset >= header.from);
    tail.for_each(|(_, (key, value))| restored.load(key, value.as_deref()));
    assert_eq!(restored.contents(), life.toy.contents());
}

#[test]
fn an_image_of_something_else_is_refused_and_says_why() {
    let log = Log { low: 5, high: 100, tombstones_ms: DAY_MS, skew_secs: 300 };
    let own = header(0);
    let later = |ms: i64| Header { written_at: own.written_at.plus_ms(ms), ..own.clone() };
    let image = |change: &dyn Fn(&mut Header)| {
        let mut image = header(50);
        change(&mut image);
        image
    };
    assert_eq!(image(&|_| {}).check(&later(0), &log), Ok(()));
    let refused = |change: &dyn Fn(&mut Header), word: &str| {
        let said = image(change).check(&own, &log).unwrap_err().to_string();
        assert!(said.contains(word), "{said}");
    };
    refused(&|image| image.cluster = Text::from("another"), "cluster");
    refused(&|image| image.topic_id = Text::from("another"), "changelog topic id");
    refused(&|image| image.stage = StageName::Partner, "stage");
    refused(&|image| image.shard = 4, "shard");
    refused(&|image| image.customer_shards = 8, "customer shards");
    refused(&|image| image.partner_shards = 8, "partner shards");
    refused(&|image| image.state_format = 2, "state format");
    refused(&|image| image.from = 4, "was deleted");
    refused(&|image| image.from = 101, "lost its end");
    refused(&|image| image.written_at = own.written_at.plus_ms(301_000), "in the future");
    let old = image(&|_| {}).check(&later(DAY_MS - 300_000), &log).unwrap_err();
    assert!(old.to_string().contains("a deleted customer could come back"), "{old}");
    assert_eq!(image(&|_| {}).check(&later(DAY_MS - 301_000), &log), Ok(()));
}

#[test]
fn foreign_bytes_are_no_image() {
    let mut toy = Toy::default();
    assert_eq!(read(&[7; 200], &mut toy), Err(Discard::Foreign));
    assert_eq!(read(b"reflowim", &mut toy), Err(Discard::Torn));
    let mut newer = header(0).encode();
    newer[8] = 9;
    assert_eq!(read(&newer, &mut toy), Err(Discard::Form(9)));
    let mut giant = header(0).encode();
    giant[12..16].fill(0xff);
    assert_eq!(read(&giant, &mut toy), Err(Discard::Length(u64::from(u32::MAX))));
    assert_eq!(Frame::decode(&[0xff; FRAME_BYTES]), Err(Discard::Length(u64::from(u32::MAX))));
}
