#![allow(unsafe_code, reason = "a global allocator is an unsafe trait")]
//! The system's allocator, with a count of what Rust code asks of it while counting is on. C code (librdkafka) is not seen.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

pub struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ON: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicI64 = AtomicI64::new(0);
static WATCH: OnceLock<fn()> = OnceLock::new();

// SAFETY: every call goes to the system's allocator as it came; only numbers are added up beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as i64 - layout.size() as i64);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}

fn count(allocations: u64, bytes: i64) {
    if ON.load(Relaxed) {
        if let Some(watch) = WATCH.get().filter(|_| allocations > 0) {
            watch();
        }
        ALLOCATIONS.fetch_add(allocations, Relaxed);
        BYTES.fetch_add(bytes, Relaxed);
    }
}

/// Switches counting on or off.
pub fn count_from_now(on: bool) {
    ON.store(on, Relaxed);
}

/// Allocations (growing a block is one) while counting was on.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Relaxed)
}

/// Bytes asked for and not given back while counting was on.
pub fn bytes() -> i64 {
    BYTES.load(Relaxed)
}

/// Calls somebody with every allocation that is counted.
pub fn watch(by: fn()) {
    WATCH.set(by).expect("one watches");
}
