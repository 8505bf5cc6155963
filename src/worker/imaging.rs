//! Writing images while the shards work: a few entries at a time on the lane's thread, files on a thread of their own.
//!
//! The tail of an image begins at the last *stable* offset of the changelog, asked for before the first chunk. A transaction of
//! this very shard may lie below it whose end the lane has not heard of yet, so the first chunk waits until every batch that
//! was closed by then is committed here too. Whatever goes wrong with files is said and tried again later; it stops no shard.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use super::draughtsman::{News, Order, Told, run};
use super::progress::PROGRESS_KEY;
use super::shard::ShardRunner;
use super::shared::Shared;
use crate::domain::decision::StageName;
use crate::store::Cursor;
use crate::store::image::Chunk;
use crate::telemetry::events;

/// Longest that one turn walks, microseconds: it must not be felt by who waits for an answer.
const TURN_MICROS_MAX: u128 = 1_000;
/// Entries between two looks at the clock.
const ENTRIES_PER_LOOK: usize = 128;
/// Chunks on their way to the disk; the walk rests while there are that many.
const CHUNKS_MAX: usize = 4;

/// The images of a lane's shards, one in the making at a time.
pub(super) struct Imaging {
    stage: StageName,
    every: Duration,
    /// None when images are off, or the thread could not be started.
    draughtsman: Option<(SyncSender<Order>, Receiver<Told>)>,
    trails: BTreeMap<i32, Trail>,
    walk: Option<Walk>,
    /// The number of the last image that was ordered.
    number: u64,
}

/// What is known of a shard's changelog.
struct Trail {
    /// Everything below this offset is in the shard's state.
    known: i64,
    /// When the next image is due.
    due: Instant,
}

/// The image in the making.
struct Walk {
    shard: i32,
    state: State,
}

enum State {
    /// The stable end of the changelog was asked for.
    Asked,
    /// The batch with that sequence has to be committed first.
    Waits {
        from: i64,
        sequence: i64,
    },
    Walks {
        cursor: Cursor,
        chunk: Chunk,
    },
    /// Everything was handed over but the last chunk.
    Ends {
        chunk: Chunk,
    },
    /// The file is being finished.
    Finishes,
}

impl Imaging {
    pub fn new(shared: &Shared, stage: StageName, lane: u32) -> Self {
        let images = &shared.config.images;
        let every = Duration::from_secs(images.every_secs);
        let draughtsman = images.is_on().then(|| start(shared, stage, lane)).flatten();
        Self { stage, every, draughtsman, trails: BTreeMap::new(), walk: None, number: 0 }
    }

    /// A shard begins, with everything of the changelog below `known` in its state.
    pub fn begin(&mut self, shard: i32, known: i64) {
        // Spread, so that the shards of a lane do not all fall due together.
        let share = u32::try_from(self.trails.len() % 16 + 1).unwrap_or(1);
        let due = Instant::now() + self.every / 16 * share;
        self.trails.insert(shard, Trail { known, due });
    }

    /// All shards leave the lane; gives what is known of a shard's changelog by then.
    pub fn end(&mut self) -> BTreeMap<i32, i64> {
        if self.walk.take().is_some() {
            self.send(Order::Drop);
        }
        std::mem::take(&mut self.trails).into_iter().map(|(shard, trail)| (shard, trail.known)).collect()
    }

    /// Does a little, between batches or within one: only what is committed is walked.
    pub fn turn(&mut self, shards: &BTreeMap<i32, ShardRunner>) {
        if self.draughtsman.is_none() {
            return;
        }
        self.listen(shards);
        if self.walk.is_none() {
            self.next();
        }
        let Some(walk) = &mut self.walk else { return };
        let Some(runner) = shards.get(&walk.shard) else { return };
        match &mut walk.state {
            State::Waits { from, sequence } if runner.committed().sequence >= *sequence => {
                if let Some(trail) = self.trails.get_mut(&walk.shard) {
                    trail.known = *from;
                }
                walk.state = State::Walks { cursor: Cursor::default(), chunk: Chunk::default() };
            }
            State::Walks { cursor, chunk } => match walk_on(runner, cursor, chunk) {
                Ok(false) if !chunk.is_full() => {}
                Ok(done) => {
                    let full = std::mem::take(chunk);
                    self.hand_over(full, done);
                }
                Err(error) => self.give_up(&error),
            },
            State::Ends { chunk } => {
                let last = std::mem::take(chunk);
                self.hand_over(last, true);
            }
            State::Asked | State::Waits { .. } | State::Finishes => {}
        }
    }

    /// True while the lane itself is what an image waits for.
    pub fn is_walking(&self) -> bool {
        self.walk.as_ref().is_some_and(|walk| matches!(walk.state, State::Walks { .. }))
    }

    /// Hears what became of the orders.
    fn listen(&mut self, shards: &BTreeMap<i32, ShardRunner>) {
        loop {
            let told = match self.draughtsman.as_ref().map(|(_, told)| told.try_recv()) {
                Some(Ok(told)) => told,
                Some(Err(TryRecvError::Disconnected)) => {
                    (self.draughtsman, self.walk) = (None, None);
                    return;
                }
                Some(Err(TryRecvError::Empty)) | None => return,
            };
            // An image that was given up meanwhile is no longer of interest.
            let Some(walk) = self.walk.as_mut().filter(|_| told.number == self.number) else { continue };
            match told.news {
                News::From(from) => {
                    let sequence = shards.get(&walk.shard).map_or(0, ShardRunner::closed_sequence);
                    walk.state = State::Waits { from, sequence };
                }
                News::Done => self.rest(),
                News::Failed(error) => self.give_up(&error),
            }
        }
    }

    /// Orders the image that is due, if one is.
    fn next(&mut self) {
        let now = Instant::now();
        let due = self.trails.iter().filter(|(_, trail)| trail.due <= now).min_by_key(|(_, trail)| trail.due);
        let Some(shard) = due.map(|(shard, _)| *shard) else { return };
        self.number += 1;
        if self.send(Order::Begin { shard, number: self.number }) {
            self.walk = Some(Walk { shard, state: State::Asked });
        }
    }

    /// Sends a chunk, and the end after the last one; without room it is sent in a later turn.
    fn hand_over(&mut self, chunk: Chunk, last: bool) {
        let Some(walk) = &mut self.walk else { return };
        let Some((orders, _)) = &self.draughtsman else { return };
        match orders.try_send(Order::Chunk { chunk, last }) {
            Ok(()) if last => walk.state = State::Finishes,
            Ok(()) => {}
            Err(TrySendError::Full(Order::Chunk { chunk, .. })) => match &mut walk.state {
                State::Walks { chunk: place, .. } if !last => *place = chunk,
                state => *state = State::Ends { chunk },
            },
            Err(_) => (self.draughtsman, self.walk) = (None, None),
        }
    }

    fn send(&self, order: Order) -> bool {
        self.draughtsman.as_ref().is_some_and(|(orders, _)| orders.try_send(order).is_ok())
    }

    fn give_up(&mut self, error: &dyn std::fmt::Display) {
        if let Some(walk) = &self.walk {
            events::image_failed(self.stage, walk.shard, error);
        }
        self.send(Order::Drop);
        self.rest();
    }

    /// The image in the making is done with, in whatever way.
    fn rest(&mut self) {
        if let Some(walk) = self.walk.take()
            && let Some(trail) = self.trails.get_mut(&walk.shard)
        {
            trail.due = Instant::now() + self.every;
        }
    }
}

/// Fills the chunk until it is full or the turn is over; true when the walk is at its end, with the progress as last entry.
fn walk_on(
    runner: &ShardRunner,
    cursor: &mut Cursor,
    chunk: &mut Chunk,
) -> Result<bool, crate::domain::codec::CodecError> {
    let began = Instant::now();
    while !chunk.is_full() && began.elapsed().as_micros() < TURN_MICROS_MAX {
        let mut push = |key: &[u8], value: Option<&[u8]>| {
            if let Some(value) = value {
                chunk.push(key, value);
            }
        };
        if runner.committed_entries(cursor, ENTRIES_PER_LOOK, &mut push)? {
            let mut progress = Vec::new();
            runner.committed().encode(&mut progress);
            chunk.push(PROGRESS_KEY, &progress);
            return Ok(true);
        }
    }
    Ok(false)
}

fn start(shared: &Shared, stage: StageName, lane: u32) -> Option<(SyncSender<Order>, Receiver<Told>)> {
    let (orders, inbox) = sync_channel(CHUNKS_MAX);
    let (outbox, told) = sync_channel(CHUNKS_MAX);
    let shared = shared.clone();
    let named = std::thread::Builder::new().name(format!("{stage}-{lane}-images"));
    match named.spawn(move || run(&shared, stage, &inbox, &outbox)) {
        Ok(_) => Some((orders, told)),
        Err(error) => {
            tracing::warn!(%error, "no images are written: their thread could not be started");
            None
        }
    }
}
