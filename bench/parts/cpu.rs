//! CPU time of one thread.

/// Nanoseconds that this thread has been on a processor, to the scheduler's last look (some milliseconds).
pub fn thread_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("schedstat");
    text.split(' ').next().expect("a number").parse().expect("a number")
}
