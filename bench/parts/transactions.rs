//! What the client does inside a transaction, counted out of its own log (`debug=eos`).

use std::fmt::Debug;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use reflow::config::Config;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

static REGISTERED: AtomicU64 = AtomicU64::new(0);
static CONCURRENT: AtomicU64 = AtomicU64::new(0);
static COMMITTED: AtomicU64 = AtomicU64::new(0);

/// Hears what the worker's clients say.
struct Counter;

impl<S: Subscriber> Layer<S> for Counter {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == "reflow::bus::sampled"
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut Line);
    }
}

/// A line of the client's log, which stands in the field `line`.
struct Line;

impl Visit for Line {
    fn record_str(&mut self, field: &Field, line: &str) {
        if field.name() != "line" {
            return;
        }
        if line.contains("registered with transaction") {
            REGISTERED.fetch_add(1, Relaxed);
        } else if line.contains("AddPartitionsToTxn response: partition") && line.contains("concurrent") {
            CONCURRENT.fetch_add(1, Relaxed);
        } else if line.contains("Transaction successfully committed") {
            COMMITTED.fetch_add(1, Relaxed);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// What was counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    pub transactions: u64,
    /// Output partitions registered with transactions; the partition of the group's offsets comes on top.
    pub partitions: u64,
    /// Times a transaction was told that the one before it is not complete yet (`CONCURRENT_TRANSACTIONS`).
    pub concurrent: u64,
}

/// The same configuration with the client's log on.
pub fn told(config: &Config) -> Config {
    let mut config = config.clone();
    config.kafka.properties.insert("debug".to_owned(), "eos".to_owned());
    config
}

/// Counts what `run` makes the client say, in a configuration that was [`told`] to.
pub fn counted<T>(run: impl FnOnce() -> T) -> (T, Counted) {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let hears = tracing_subscriber::registry().with(Counter);
        tracing::subscriber::set_global_default(hears).expect("the first subscriber");
    });
    let read = || [&COMMITTED, &REGISTERED, &CONCURRENT].map(|count| count.load(Relaxed));
    let before = read();
    let result = run();
    let after = read();
    let [transactions, partitions, concurrent] = [0, 1, 2].map(|at| after[at] - before[at]);
    assert!(transactions > 0, "the client said nothing of its transactions");
    (result, Counted { transactions, partitions, concurrent })
}
