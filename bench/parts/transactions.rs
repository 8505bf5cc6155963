//! What the client does inside a transaction, counted out of its own log (`debug=eos`).

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use reflow::config::Config;

static REGISTERED: AtomicU64 = AtomicU64::new(0);
static CONCURRENT: AtomicU64 = AtomicU64::new(0);
static COMMITTED: AtomicU64 = AtomicU64::new(0);

struct Counter;

impl log::Log for Counter {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "librdkafka"
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = record.args().to_string();
        if line.contains("registered with transaction") {
            REGISTERED.fetch_add(1, Relaxed);
        } else if line.contains("AddPartitionsToTxn response: partition") && line.contains("concurrent") {
            CONCURRENT.fetch_add(1, Relaxed);
        } else if line.contains("Transaction successfully committed") {
            COMMITTED.fetch_add(1, Relaxed);
        }
    }

    fn flush(&self) {}
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
    config.kafka.properties.insert("log_level".to_owned(), "7".to_owned());
    config
}

/// Counts what `run` makes the client say.
pub fn counted<T>(run: impl FnOnce() -> T) -> (T, Counted) {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| log::set_logger(&Counter).expect("the first logger"));
    let read = || [&COMMITTED, &REGISTERED, &CONCURRENT].map(|count| count.load(Relaxed));
    let before = read();
    log::set_max_level(log::LevelFilter::Debug);
    let result = run();
    log::set_max_level(log::LevelFilter::Off);
    let after = read();
    let [transactions, partitions, concurrent] = [0, 1, 2].map(|at| after[at] - before[at]);
    (result, Counted { transactions, partitions, concurrent })
}
