//! Where allocations come from: a stack for every n-th one, told by the innermost functions of ours.

use std::backtrace::Backtrace;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::counting;

/// Functions of ours that name a site, the innermost first.
const FRAMES_TOLD: usize = 5;

static EVERY: AtomicU64 = AtomicU64::new(0);
static SEEN: AtomicU64 = AtomicU64::new(0);
static SITES: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// Taking a stack allocates too.
    static TAKING: Cell<bool> = const { Cell::new(false) };
}

/// From now on every n-th counted allocation is noted.
pub fn note_every(every: u64) {
    EVERY.store(every, Relaxed);
    counting::watch(note);
}

fn note() {
    let every = EVERY.load(Relaxed);
    if TAKING.get() || !SEEN.fetch_add(1, Relaxed).is_multiple_of(every) {
        return;
    }
    TAKING.set(true);
    let stack = Backtrace::force_capture().to_string();
    let mut frames: Vec<String> = Vec::new();
    let mut lines = stack.lines().peekable();
    while let Some(line) = lines.next() {
        let name = line.trim().split_once(": ").map_or("", |(_, name)| name);
        let ours = name.starts_with("reflow::") || name.starts_with("<reflow::");
        if !ours || name.contains("sites") {
            continue;
        }
        let at = lines.peek().and_then(|at| at.trim().strip_prefix("at ")).unwrap_or_default();
        let at = at.rsplit_once("/src/").map_or(at, |(_, at)| at);
        frames.push(at.rsplit_once(':').map_or(at, |(line, _)| line).to_string());
        if frames.len() == FRAMES_TOLD {
            break;
        }
    }
    *SITES.lock().expect("nobody panicked with it").entry(frames.join(" < ")).or_default() += every;
    TAKING.set(false);
}

/// The sites by how much they allocated, the first ones first, per event.
pub fn tell(events: u64) {
    let sites = SITES.lock().expect("nobody panicked with it");
    let mut sites: Vec<_> = sites.iter().collect();
    sites.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (site, count) in sites.into_iter().take(80) {
        println!("{:>8.4}  {site}", *count as f64 / events as f64);
    }
}
