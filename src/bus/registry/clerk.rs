//! The thread that asks a registry for writers' schemas: again while one is unknown, and slowly while nobody answers.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::client::{Client, RegistryError};
use super::known::{Facts, Key, Known, State};
use crate::wire::Plan;

/// First pause until an id that the registry did not know in time is asked for again, seconds; doubled with each answer, up to the longest.
pub(super) const UNKNOWN_SECS: u64 = if cfg!(test) { 1 } else { 60 };
const UNKNOWN_SECS_MAX: u64 = 600;
/// How often an unknown id is asked for again while records wait for it, milliseconds.
const ASK_AGAIN_MS: u64 = 500;
/// An error within that time behind an answer is about its id, not about the registry, milliseconds.
pub(super) const ANSWERED_MS: u64 = 3 * ASK_AGAIN_MS;
/// Longest pause while the registry is away, milliseconds; the first one is the time above.
const PAUSE_MS_MAX: u64 = 5_000;

/// The one that asks.
pub(super) struct Clerk {
    facts: Arc<Facts>,
    client: Client,
    unknown_wait: Duration,
    open: BTreeMap<Key, Open>,
    /// Ids that stayed unknown. Nobody waits for them any more; a schema that is registered late is found all the same.
    given_up: BTreeMap<Key, GivenUp>,
    /// The id at which a round ended for want of an answer: the next one begins behind it, so that it keeps no other from being asked for.
    stumbled: Option<Key>,
    /// When it answered last.
    answered: Option<Instant>,
    pause_ms: u64,
}

/// A question without an answer yet.
struct Open {
    /// Since when the registry says that it does not know.
    unknown_since: Option<Instant>,
    next: Instant,
}

/// An id that is asked for now and then.
struct GivenUp {
    next: Instant,
    pause: Duration,
}

impl Clerk {
    pub fn new(facts: Arc<Facts>, client: Client, unknown_wait: Duration) -> Self {
        let (open, given_up) = (BTreeMap::new(), BTreeMap::new());
        Self { facts, client, unknown_wait, open, given_up, stumbled: None, answered: None, pause_ms: 0 }
    }

    /// Until nobody can ask any more.
    pub fn serve(&mut self, asked: &Receiver<Key>) {
        loop {
            let now = Instant::now();
            let later = self.given_up.values().map(|given_up| given_up.next);
            let due = self.open.values().map(|open| open.next).chain(later).min();
            let wait = due.map_or(Duration::from_secs(UNKNOWN_SECS), |due| due.saturating_duration_since(now));
            match asked.recv_timeout(wait) {
                Ok(key) => drop(self.open.entry(key).or_insert(Open { unknown_since: None, next: now })),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.ask_what_is_due();
            self.ask_for_one_given_up();
            self.facts.waiting.store(self.open.len(), Ordering::Relaxed);
        }
    }

    fn ask_what_is_due(&mut self) {
        let now = Instant::now();
        let mut due: Vec<Key> = self.open.iter().filter(|(_, open)| open.next <= now).map(|(key, _)| *key).collect();
        if let Some(stumbled) = self.stumbled.take() {
            let behind = due.partition_point(|key| *key <= stumbled);
            due.rotate_left(behind);
        }
        for key in due {
            match self.client.schema(key.1) {
                Ok(Some(text)) => self.settle(key, compiled(key, &text)),
                Ok(None) => self.unknown(key, true),
                Err(RegistryError::Foreign { id, what }) => {
                    self.settle(key, Known::Unusable(RegistryError::Foreign { id, what }.to_string().into()));
                }
                // It has answered about another id just now: it is there, and has nothing to say of this one.
                Err(error) if self.answered.is_some_and(|at| at.elapsed() < Duration::from_millis(ANSWERED_MS)) => {
                    tracing::debug!(schema = %key.0, id = key.1, %error, "the registry fails at one id");
                    self.unknown(key, false);
                    continue;
                }
                Err(error) => {
                    self.stumbled = Some(key);
                    return self.is_down(&error);
                }
            }
            self.answered = Some(Instant::now());
            self.is_up();
        }
    }

    /// One at a time: those that somebody waits for come first.
    fn ask_for_one_given_up(&mut self) {
        let now = Instant::now();
        let due = self.given_up.iter().find(|(_, given_up)| given_up.next <= now).map(|(key, _)| *key);
        let Some(key) = due else { return };
        if !self.facts.known.contains_key(&key) {
            // It made room for others: who meets it next asks for it from the beginning.
            self.given_up.remove(&key);
            return;
        }
        match self.client.schema(key.1) {
            Ok(Some(text)) => self.settle(key, compiled(key, &text)),
            _ => {
                if let Some(given_up) = self.given_up.get_mut(&key) {
                    given_up.pause = (given_up.pause * 2).min(Duration::from_secs(UNKNOWN_SECS_MAX));
                    given_up.next = Instant::now() + given_up.pause;
                }
            }
        }
    }

    fn settle(&mut self, key: Key, known: Known) {
        match &known {
            Known::Unusable(why) => {
                tracing::warn!(schema = %key.0, id = key.1, %why, "a writer's schema cannot be read");
            }
            Known::Plan(plan) => {
                tracing::info!(schema = %key.0, id = key.1, identity = plan.is_identity(), "a writer's schema is known");
            }
            Known::Wait => {}
        }
        self.open.remove(&key);
        self.given_up.remove(&key);
        self.facts.known.insert(key, known);
    }

    /// A registry hears of a schema before its first record is written, but a copy of it may be behind: asked again for a while.
    /// Unless it is `sure`, long enough in any case to see whether the registry is going away just now.
    fn unknown(&mut self, key: Key, sure: bool) {
        let now = Instant::now();
        let Some(open) = self.open.get_mut(&key) else { return };
        let is_first = open.unknown_since.is_none();
        let since = *open.unknown_since.get_or_insert(now);
        open.next = now + Duration::from_millis(ASK_AGAIN_MS);
        let waited = now.saturating_duration_since(since);
        let least = Duration::from_millis(if sure { 0 } else { 2 * ANSWERED_MS });
        if waited >= self.unknown_wait.max(least) {
            let why = format!("schema id {} is unknown to the registry after {} s", key.1, waited.as_secs());
            self.settle(key, Known::Unusable(why.into()));
            let pause = Duration::from_secs(UNKNOWN_SECS);
            self.given_up.insert(key, GivenUp { next: now + pause, pause });
        } else if is_first {
            let wait_secs = self.unknown_wait.as_secs();
            tracing::warn!(schema = %key.0, id = key.1, wait_secs, "the registry does not know a schema id; its shard waits");
        }
    }

    fn is_up(&mut self) {
        self.pause_ms = 0;
        if self.facts.state.swap(State::Up as u8, Ordering::Relaxed) != State::Up as u8 {
            tracing::info!("the schema registry answers again");
        }
    }

    /// Nobody's record is at fault: everything waits, and the time that an id was unknown does not run.
    fn is_down(&mut self, error: &RegistryError) {
        let state = if matches!(error, RegistryError::Refused { .. }) { State::Refused } else { State::Away };
        if self.facts.state.swap(state as u8, Ordering::Relaxed) != state as u8 {
            tracing::error!(%error, "the schema registry does not answer; shards with records of unknown schemas wait");
        }
        self.pause_ms = (self.pause_ms * 2).clamp(ASK_AGAIN_MS, PAUSE_MS_MAX);
        let next = Instant::now() + Duration::from_millis(self.pause_ms);
        for open in self.open.values_mut() {
            *open = Open { unknown_since: None, next };
        }
    }
}

/// Somebody else's text is parsed by somebody else's library: should that panic, the schema is unusable and we are not gone.
pub(super) fn compiled((schema, id): Key, text: &str) -> Known {
    let plan = catch_unwind(AssertUnwindSafe(|| Plan::new(text, schema)));
    match plan {
        Ok(Ok(plan)) => Known::Plan(Arc::new(plan)),
        Ok(Err(error)) => Known::Unusable(format!("schema id {id} cannot be read as {schema}: {error}").into()),
        Err(_) => Known::Unusable(format!("schema id {id} cannot be parsed").into()),
    }
}
