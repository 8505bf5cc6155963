//! What is asked of the allocator.

use std::ffi::{c_int, c_long};

/// The allocator's option `purge_delay` (`mimalloc.h`, `mi_option_t`); the test below holds the number against its default.
const PURGE_DELAY: c_int = 15;
/// How long memory that was given back stays with the process, milliseconds.
///
/// All buffers of the client are made on one thread and given back on another, a few MiB with each batch. What goes back to the
/// system is zeroed and mapped anew when the next batch needs it, page by page: after a second, as the allocator comes, that
/// took a tenth of the worker's processor time.
const FREED_KEPT_MS: c_long = 10_000;

unsafe extern "C" {
    fn mi_option_set_default(option: c_int, value: c_long);
    #[cfg(test)]
    fn mi_option_get(option: c_int) -> c_long;
}

/// Lets the process keep freed memory for ten seconds. Who sets `MIMALLOC_PURGE_DELAY` has decided otherwise.
pub fn keep_freed_memory() {
    // SAFETY: sets one number of the allocator that is linked for this whole program, at any time and from any thread.
    unsafe { mi_option_set_default(PURGE_DELAY, FREED_KEPT_MS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_the_one_that_is_meant() {
        // SAFETY: reads one number.
        let get = || unsafe { mi_option_get(PURGE_DELAY) };
        assert!(get() == 1_000 || get() == FREED_KEPT_MS, "{}: is the allocator a new version?", get());
        keep_freed_memory();
        assert_eq!(get(), FREED_KEPT_MS);
    }
}
