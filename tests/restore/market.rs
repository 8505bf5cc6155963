//! A deployment on the shared broker with customers in it, and what its state is by the worker's own reading of the log.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reflow::bus::Topic;
use reflow::bus::restore::Course;
use reflow::config::{Config, load};
use reflow::domain::EventTime;
use reflow::domain::decision::StageName;
use reflow::domain::events::{ApplicationEvent, ApplicationKind, Event};
use reflow::domain::words::Word;
use reflow::policy::PolicySet;
use reflow::store::Cursor;
use reflow::wire::{SchemaIds, encode_event};
use reflow::worker::Shared;
use reflow::worker::parking::Parking;
use reflow::worker::recovery::{Origin, Recovered, Recovery, Wanted};
use reflow::worker::refusal::Refusal;

use crate::support::{Producer, Worker, kafka, run, unique, wait_until};

pub const SHARDS: i32 = 4;
/// Longest that a worker may need to be ready; a dead predecessor's session has to end first.
const READY_SECS_MAX: u64 = 60;

pub struct Market {
    pub prefix: String,
    pub config: std::path::PathBuf,
    pub producer: Producer,
    dir: tempfile::TempDir,
}

impl Market {
    /// With its topics; `more` is appended to the configuration.
    pub fn new(name: &str, more: &str) -> Self {
        let (prefix, dir) = (format!("{}.", unique(name)), tempfile::tempdir().unwrap());
        let bootstrap = kafka().bootstrap();
        let market = Self { prefix, config: dir.path().join("reflow.yaml"), producer: Producer::new(&bootstrap), dir };
        market.configure("reflow.yaml", SHARDS, more);
        let applied = run(&["topics", "apply", "--config", market.path()], 60);
        assert_eq!(applied.status.code(), Some(0), "{}", String::from_utf8_lossy(&applied.stderr));
        market
    }

    /// Writes a configuration of this deployment under another name; gives its path.
    pub fn configure(&self, file: &str, customer_shards: i32, more: &str) -> std::path::PathBuf {
        let path = self.dir.path().join(file);
        let text = format!(
            "kafka:\n  bootstrap: {}\n  prefix: {}\n  properties:\n    session.timeout.ms: \"6000\"\n    \
             heartbeat.interval.ms: \"500\"\nshards: {{customer: {customer_shards}, partner: 2}}\n\
             http: {{listen: \"\"}}\n{more}\n",
            kafka().bootstrap(),
            self.prefix
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn path(&self) -> &str {
        self.config.to_str().unwrap()
    }

    pub fn images(&self) -> std::path::PathBuf {
        self.dir.path().join("images")
    }

    pub fn topic(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.name())
    }

    /// One approved application of each of these customers.
    pub fn approve(&self, customers: std::ops::Range<u32>) {
        let ids = SchemaIds::default();
        let now = now();
        for number in customers {
            let (customer, mut value) = (format!("customer-{number}"), Vec::new());
            let event = Event::Application(approved(&customer, now));
            encode_event(&event, &ids, &mut value);
            self.producer.send(&self.topic(Topic::Applications), customer.as_bytes(), &value);
        }
        self.producer.drain();
    }

    pub fn spawn(&self) -> Worker {
        Worker::spawn("restore", &["run", "--config", self.path()])
    }

    #[track_caller]
    pub fn start(&self) -> Worker {
        let mut worker = self.spawn();
        worker.wait_for_log("ready lanes=", READY_SECS_MAX);
        worker
    }

    #[track_caller]
    pub fn stop(&self, mut worker: Worker) {
        worker.terminate();
        assert_eq!(worker.wait(60), 0, "{}", worker.log());
    }

    /// Waits until the state holds that many customers.
    #[track_caller]
    pub fn wait_for_customers(&self, customers: usize) {
        wait_until("the customers to be in the changelog", 60, || {
            let states = self.states(self.path());
            let found = states.unwrap().iter().flat_map(|(_, state)| state.keys()).filter(|key| key[0] == b'c').count();
            assert!(found <= customers, "{found} customers");
            found == customers
        });
    }

    /// The state of every customer shard, and where it came from.
    pub fn states(&self, config: &str) -> Result<Vec<(Origin, State)>, Refusal> {
        let config = load(Some(Path::new(config)), std::iter::empty()).unwrap();
        recover(config).map(|all| all.iter().map(|one| (one.origin, state(one))).collect())
    }

    /// The one customer shard that refuses, by what it says.
    #[track_caller]
    pub fn refusal(&self, config: &Path) -> String {
        let config = load(Some(config), std::iter::empty()).unwrap();
        recover(config).err().expect("a refusal").to_string()
    }
}

/// What this machine's clock says.
pub fn now() -> EventTime {
    EventTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64)
}

/// Recovers all customer shards, as a lane does.
pub fn recover(config: Config) -> Result<Vec<Recovered>, Refusal> {
    let shared = Shared::new(config, PolicySet::default());
    let (course, shards) = (Course::default(), shared.topics.customer_shards);
    let parking = &Parking::new(0, Duration::ZERO);
    let recovery = Recovery { shared: &shared, stage: StageName::Customer, course: &course, parking };
    recovery.run((0..shards).map(|shard| Wanted { shard, kept: None }).collect())
}

/// Committed entries by key.
pub type State = BTreeMap<Vec<u8>, Vec<u8>>;

pub fn state(recovered: &Recovered) -> State {
    let (mut entries, mut cursor) = (State::new(), Cursor::default());
    let mut keep = |key: &[u8], value: Option<&[u8]>| {
        assert!(entries.insert(key.to_vec(), value.unwrap().to_vec()).is_none(), "{key:?} was shown twice");
    };
    // Few at a time: the walk goes on where it rested.
    while !recovered.runner.committed_entries(&mut cursor, 3, &mut keep).unwrap() {}
    entries
}

fn approved<'a>(customer: &'a str, at: EventTime) -> ApplicationEvent<'a> {
    ApplicationEvent {
        event_id: customer,
        event_time: at,
        customer,
        partner: "partner-00",
        application: customer,
        drawdown: None,
        loan: None,
        kind: ApplicationKind::Approved,
        product: None,
        product_kind: None,
        amount_minor: None,
        limit_minor: Some(1_000_000),
        currency: Some("CNY"),
        all_in_cost_ppm: None,
        term_months: None,
        repayment_method: None,
        decline_reason: None,
        cancel_reason: None,
        risk_verdict: None,
        risk_bearing: None,
        enhancer: None,
        funder_share_ppm: None,
        staff: false,
        test_order: false,
        region: None,
        employer: None,
    }
}
