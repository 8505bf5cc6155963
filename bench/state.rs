#![allow(
    clippy::unwrap_used,
    unsafe_code,
    reason = "a benchmark stops where something is wrong; a counting allocator is unsafe by its trait"
)]
//! What the customer stage's state costs by itself: bytes per customer, nanoseconds and allocations per event.
//!
//! `cargo bench --bench state -- --customers 1000000 --events 500000`

#[path = "parts/population.rs"]
mod population;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use population::{Life, Population};

/// The system's allocator with a count of calls and of bytes that live.
struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        BYTES.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        BYTES.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        BYTES.fetch_add(size, Relaxed);
        BYTES.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn argument(name: &str, default: usize) -> usize {
    let mut words = std::env::args().skip_while(|word| word != name).skip(1);
    words.next().map_or(default, |value| value.parse().unwrap())
}

fn main() {
    let (customers, events) = (argument("--customers", 1_000_000), argument("--events", 500_000));
    println!("life       customers   bytes/customer   ns/event   allocations/event");
    for life in [Life::Dormant, Life::OneLoan] {
        let before = BYTES.load(Relaxed);
        let mut population = Population::new(life, customers);
        population.settle();
        let bytes = BYTES.load(Relaxed) - before;
        // Warm: buffers reach their size.
        population.play(events / 4);
        let (calls, began) = (CALLS.load(Relaxed), Instant::now());
        population.play(events);
        let nanos = began.elapsed().as_nanos() as f64 / events as f64;
        let calls = (CALLS.load(Relaxed) - calls) as f64 / events as f64;
        println!("{life:<10?} {customers:>9} {:>16.1} {nanos:>10.1} {calls:>19.4}", bytes as f64 / customers as f64);
    }
}
