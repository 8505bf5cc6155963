//! What is known of writers' schemas; the [clerk](super::clerk) finds it out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use rustc_hash::FxBuildHasher;

use super::clerk::Clerk;
use super::client::Client;
use crate::domain::words::Word;
use crate::wire::{Plan, Schema};
use crate::words;

/// Most schema ids that are kept; beyond it one that is of no use goes first.
const IDS_MAX: usize = 4_096;
/// A registry counts in 32 bits with a sign, and answers the question for a larger one as it does for a path that it has not.
const ID_MAX: u32 = i32::MAX as u32;
/// Stack of the thread that makes plans, bytes: enough for types that nest as deep as they may.
const STACK_BYTES: usize = 8 << 20;
/// Most questions that wait for the thread; a lane asks again, so nothing is lost beyond it.
const QUESTIONS_MAX: usize = 256;

/// A writer's id, and what its records are read as.
pub(super) type Key = (Schema, u32);

words! {
    /// How the registry answered last.
    pub enum State {
        Up = "up",
        /// Nobody answers, or not as a registry does.
        Away = "away",
        /// It does not let us in.
        Refused = "refused",
    }
}

/// What is known of a writer's schema.
#[derive(Clone, Debug)]
pub enum Known {
    /// Its records can be read by this plan.
    Plan(Arc<Plan>),
    /// Not known yet: ask again.
    Wait,
    /// Its records cannot be read, and why.
    Unusable(Arc<str>),
}

/// What is known of writers' schemas; shared by all lanes.
pub struct Registry {
    facts: Arc<Facts>,
    questions: SyncSender<Key>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
pub(super) struct Facts {
    pub known: DashMap<Key, Known, FxBuildHasher>,
    /// A [`State`], by its place.
    pub state: AtomicU8,
    /// Ids that are being asked for.
    pub waiting: AtomicUsize,
}

impl Registry {
    /// Starts the thread; it ends with this value. An id that the registry does not know is waited for at most that long.
    pub fn start(client: Client, unknown_wait: Duration) -> Result<Self, std::io::Error> {
        let facts = Arc::new(Facts::default());
        let (questions, asked) = sync_channel(QUESTIONS_MAX);
        let mut clerk = Clerk::new(facts.clone(), client, unknown_wait);
        let thread = std::thread::Builder::new().name("registry".to_owned()).stack_size(STACK_BYTES);
        let thread = thread.spawn(move || clerk.serve(&asked))?;
        Ok(Self { facts, questions, thread })
    }

    /// True when the thread that asks is gone, which only a panic can bring about: what is unknown would be waited for without end.
    pub fn has_fallen(&self) -> bool {
        self.thread.is_finished()
    }

    /// What is known of that writer's schema; never waits. What is not known is found out meanwhile.
    pub fn look(&self, schema: Schema, id: u32) -> Known {
        if id > ID_MAX {
            return Known::Unusable(format!("schema id {id} is none: ids end at {ID_MAX}").into());
        }
        let key = (schema, id);
        if let Some(known) = self.facts.known.get(&key) {
            return known.clone();
        }
        // Noted before it is asked, so that the answer is never overwritten; not noted when it cannot be asked, so that it is
        // asked again.
        if self.facts.make_room() {
            match self.facts.known.entry(key) {
                Entry::Occupied(known) => return known.get().clone(),
                Entry::Vacant(place) => {
                    if self.questions.try_send(key).is_ok() {
                        place.insert(Known::Wait);
                    }
                }
            }
        }
        Known::Wait
    }

    pub fn state(&self) -> State {
        State::at(self.facts.state.load(Ordering::Relaxed).into()).unwrap_or(State::Up)
    }

    /// How many schema ids are being asked for.
    pub fn waiting(&self) -> usize {
        self.facts.waiting.load(Ordering::Relaxed)
    }
}

impl Facts {
    /// False when everything that is noted is still being asked for.
    fn make_room(&self) -> bool {
        while self.known.len() >= IDS_MAX {
            let of_use = |known: &Known| matches!(known, Known::Plan(_));
            let settled = |known: &Known| !matches!(known, Known::Wait);
            let victim = self
                .known
                .iter()
                .filter(|entry| settled(entry.value()))
                .map(|entry| (of_use(entry.value()), *entry.key()))
                .min();
            match victim {
                Some((_, key)) => drop(self.known.remove(&key)),
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Mutex;
    use std::time::Instant;

    use super::super::clerk::{ANSWERED_MS, UNKNOWN_SECS, compiled};
    use super::super::{Login, Settings};
    use super::*;
    use crate::wire::plan::LEVELS_MAX;

    const TRIES_MAX: u32 = 3_000;

    /// Answers every request alike, as told at the moment; but it fails at one id.
    struct Stub {
        url: String,
        answer: Arc<Mutex<(u16, String)>>,
    }

    const FAILS_AT: &str = "/schemas/ids/3 ";

    impl Stub {
        fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}/api", listener.local_addr().unwrap());
            let answer = Arc::new(Mutex::new((500, String::new())));
            let said = answer.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let (mut stream, mut request, mut buffer) = (stream.unwrap(), Vec::new(), [0; 1024]);
                    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                        match stream.read(&mut buffer) {
                            Ok(0) | Err(_) => break,
                            Ok(read) => request.extend_from_slice(&buffer[..read]),
                        }
                    }
                    let fails = String::from_utf8_lossy(&request).contains(FAILS_AT);
                    let (status, body) = if fails { (500, String::new()) } else { said.lock().unwrap().clone() };
                    let head = format!("HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {}", body.len());
                    let _ = stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes());
                }
            });
            Self { url, answer }
        }

        fn says(&self, status: u16, body: &str) {
            *self.answer.lock().unwrap() = (status, body.to_owned());
        }

        fn registry(&self, unknown_wait: Duration) -> Registry {
            let settings = Settings { url: self.url.clone(), login: Login::None };
            Registry::start(Client::new(&settings), unknown_wait).unwrap()
        }
    }

    /// Asks until something is known.
    fn known(registry: &Registry, id: u32) -> Known {
        for _ in 0..TRIES_MAX {
            match registry.look(Schema::Command, id) {
                Known::Wait => std::thread::park_timeout(Duration::from_millis(10)),
                known => return known,
            }
        }
        panic!("nothing is known of {id}");
    }

    fn wait_for(registry: &Registry, state: State) {
        for _ in 0..TRIES_MAX {
            if registry.state() == state {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        panic!("the registry is {}, not {state}", registry.state());
    }

    fn answer(schema: &str) -> String {
        serde_json::json!({ "schema": schema }).to_string()
    }

    const UNKNOWN: &str = r#"{"error_code":40403,"message":"Schema not found"}"#;

    #[test]
    fn while_nobody_answers_everything_waits_and_then_goes_on() {
        let stub = Stub::start();
        // Unknown ids would be given up at once: what is away is not unknown.
        let registry = stub.registry(Duration::ZERO);
        for (status, body, state) in [
            (500, "", State::Away),
            (401, "", State::Refused),
            (404, "<html>nothing here</html>", State::Away),
            (200, "<html>a proxy</html>", State::Away),
            (403, "", State::Refused),
            (429, UNKNOWN, State::Away),
        ] {
            stub.says(status, body);
            assert!(matches!(registry.look(Schema::Command, 7), Known::Wait));
            wait_for(&registry, state);
            assert!(matches!(registry.look(Schema::Command, 7), Known::Wait), "{status}");
        }
        stub.says(200, &answer(Schema::Command.text()));
        assert!(matches!(known(&registry, 7), Known::Plan(plan) if plan.is_identity()));
        wait_for(&registry, State::Up);
        assert_eq!(known_of_no_use(&registry), 0);
    }

    fn known_of_no_use(registry: &Registry) -> usize {
        registry.facts.known.iter().filter(|entry| matches!(entry.value(), Known::Unusable(_))).count()
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_id() {
        let stub = Stub::start();
        let registry = stub.registry(Duration::ZERO);
        let because = |id: u32| match known(&registry, id) {
            Known::Unusable(why) => why.to_string(),
            other => panic!("{other:?}"),
        };
        stub.says(404, UNKNOWN);
        assert!(because(41).contains("schema id 41 is unknown"), "{}", because(41));
        stub.says(200, &answer("\"long\""));
        assert!(because(42).contains("schema id 42 cannot be read as command"), "{}", because(42));
        stub.says(200, &answer("{"));
        assert!(because(43).contains("schema id 43"), "{}", because(43));
        stub.says(200, r#"{"schema":"syntax = proto3","schemaType":"PROTOBUF"}"#);
        assert!(because(44).contains("schema id 44 is of type PROTOBUF"), "{}", because(44));
        stub.says(200, r#"{"schema":"\"long\"","references":[{"name":"x","subject":"x","version":1}]}"#);
        assert!(because(45).contains("refers to others"), "{}", because(45));
        assert_eq!(registry.state(), State::Up);
    }

    /// An id that becomes known in time is no dead letter.
    #[test]
    fn an_unknown_id_is_asked_for_again() {
        let stub = Stub::start();
        stub.says(404, UNKNOWN);
        let registry = stub.registry(Duration::from_secs(3_600));
        assert!(matches!(registry.look(Schema::Command, 7), Known::Wait));
        wait_for(&registry, State::Up);
        stub.says(200, &answer(Schema::Command.text()));
        assert!(matches!(known(&registry, 7), Known::Plan(_)));
    }

    #[test]
    fn an_error_about_one_id_keeps_no_other_from_being_asked_for() {
        let stub = Stub::start();
        stub.says(404, UNKNOWN);
        let registry = stub.registry(Duration::ZERO);
        assert!(matches!(registry.look(Schema::Command, 3), Known::Wait));
        wait_for(&registry, State::Away);
        for id in [2, 4] {
            assert!(matches!(known(&registry, id), Known::Unusable(_)), "{id}");
        }
        assert!(matches!(registry.look(Schema::Command, 3), Known::Wait), "it alone is answered by nobody");
    }

    /// As long as it answers about others, an id at which it fails is as unknown as they are.
    #[test]
    fn an_id_at_which_the_registry_fails_is_given_up_with_the_unknown_ones() {
        let stub = Stub::start();
        stub.says(404, UNKNOWN);
        let registry = stub.registry(Duration::from_millis(3 * ANSWERED_MS));
        for id in [2, 3, 4] {
            assert!(matches!(registry.look(Schema::Command, id), Known::Wait));
        }
        for id in [2, 3, 4] {
            assert!(matches!(known(&registry, id), Known::Unusable(_)), "{id}");
        }
    }

    /// Who writes by a schema that no registry knows makes a shard wait once, not every minute.
    #[test]
    fn an_id_that_was_given_up_is_unusable_until_the_registry_knows_it() {
        let stub = Stub::start();
        stub.says(404, UNKNOWN);
        let registry = stub.registry(Duration::ZERO);
        assert!(matches!(known(&registry, 7), Known::Unusable(_)));
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(UNKNOWN_SECS * 2) {
            assert!(matches!(registry.look(Schema::Command, 7), Known::Unusable(_)), "nobody waits for it again");
            std::thread::park_timeout(Duration::from_millis(10));
        }
        stub.says(200, &answer(Schema::Command.text()));
        for _ in 0..TRIES_MAX {
            if matches!(registry.look(Schema::Command, 7), Known::Plan(_)) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        panic!("the schema was registered, and is not found");
    }

    #[test]
    fn what_is_of_no_use_goes_first_when_it_is_full() {
        let facts = Facts::default();
        let plan = Arc::new(Plan::new(Schema::Command.text(), Schema::Command).unwrap());
        for id in 0..IDS_MAX as u32 {
            let known = if id == 9 { Known::Unusable("x".into()) } else { Known::Plan(plan.clone()) };
            facts.known.insert((Schema::Command, id), known);
        }
        assert!(facts.make_room());
        assert!(!facts.known.contains_key(&(Schema::Command, 9)));
        assert_eq!(facts.known.len(), IDS_MAX - 1);
        facts.known.iter_mut().for_each(|mut known| *known = Known::Wait);
        facts.known.insert((Schema::Command, 9), Known::Wait);
        assert!(!facts.make_room(), "what somebody waits for is never forgotten");
    }

    /// A chain of records, each with an array of arrays of the one before: few records, and many levels.
    #[test]
    fn a_chain_of_arrays_is_followed_as_far_as_the_stack_reaches() {
        const ARRAYS: usize = 100;
        let chain = |links: usize, default: &str| {
            let (open, close) = (r#"{"type":"array","items":"#.repeat(ARRAYS), "}".repeat(ARRAYS));
            let before = |n: usize| format!(r#"{{"name":"x","type":{open}"A{n}"{close}{default}}}"#);
            let link = |n: usize| {
                let inner = n.checked_sub(1).map(before).unwrap_or_default();
                format!(r#"{{"name":"a{n}","type":{{"type":"record","name":"A{n}","fields":[{inner}]}}}}"#)
            };
            let fields: Vec<String> = (0..links).map(link).collect();
            format!(r#"{{"type":"record","name":"W","fields":[{}]}}"#, fields.join(","))
        };
        let default = format!(r#","default":{}{{}}{}"#, "[".repeat(ARRAYS), "]".repeat(ARRAYS));
        let make = move |text: String| {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            let made = thread.spawn(move || compiled((Schema::Command, 1), &text)).unwrap().join().unwrap();
            let Known::Unusable(why) = made else { panic!("{made:?}") };
            why.to_string()
        };
        for default in ["", &default] {
            let most = LEVELS_MAX / (ARRAYS + 5);
            assert!(!make(chain(most, default)).contains("levels deep"), "{default}");
            assert!(make(chain(100, default)).contains("levels deep"), "{default}");
        }
    }

    #[test]
    fn an_id_that_no_registry_can_have_is_not_asked_for() {
        let registry = Stub::start().registry(Duration::from_secs(60));
        for id in [ID_MAX + 1, u32::MAX] {
            assert!(matches!(registry.look(Schema::Command, id), Known::Unusable(_)), "{id}");
        }
        assert!(matches!(registry.look(Schema::Command, ID_MAX), Known::Wait));
    }
}
