//! Wall time, CPU time and memory of this process, and what machine it is.

use std::time::Instant;

/// CPU seconds of this process so far, all threads (`/proc/self/stat`, 100 ticks a second).
pub fn cpu_secs() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc/self/stat");
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// Bytes of this process that are in memory.
pub fn resident_bytes() -> i64 {
    const PAGE_BYTES: i64 = 4_096;
    let sizes = std::fs::read_to_string("/proc/self/statm").expect("/proc/self/statm");
    sizes.split_whitespace().nth(1).and_then(|pages| pages.parse::<i64>().ok()).expect("resident pages") * PAGE_BYTES
}

/// Bytes of memory that could still be taken.
pub fn available_bytes() -> f64 {
    let kib = line_of("/proc/meminfo", "MemAvailable");
    kib.trim_end_matches(" kB").parse::<f64>().unwrap_or(f64::INFINITY) * 1_024.0
}

/// How long something took, and what it cost.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Cost {
    pub events: u64,
    pub wall_secs: f64,
    pub cpu_secs: f64,
}

impl Cost {
    pub fn per_wall(&self) -> f64 {
        self.events as f64 / self.wall_secs
    }
    pub fn per_cpu(&self) -> f64 {
        self.events as f64 / self.cpu_secs.max(0.01)
    }
    pub fn micros_per_event(&self) -> f64 {
        1e6 / self.per_cpu()
    }
}

/// Measures from its start.
#[derive(Clone, Copy)]
pub struct Stopwatch {
    wall: Instant,
    cpu: f64,
}

impl Stopwatch {
    pub fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu_secs() }
    }

    pub fn until(&self, end: &Stopwatch, events: u64) -> Cost {
        Cost { events, wall_secs: (end.wall - self.wall).as_secs_f64(), cpu_secs: end.cpu - self.cpu }
    }

    pub fn stop(&self, events: u64) -> Cost {
        self.until(&Self::start(), events)
    }
}

fn said_by(program: &str, words: &[&str]) -> String {
    let output = std::process::Command::new(program).args(words).output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.ok().filter(|said| !said.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

fn line_of(file: &str, start: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(start));
    line.map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':'])).to_owned()
}

/// What the figures depend on.
pub fn configuration() -> serde_json::Value {
    serde_json::json!({
        "reflow": env!("CARGO_PKG_VERSION"),
        "commit": said_by("git", &["rev-parse", "--short", "HEAD"]),
        "rustc": said_by("rustc", &["--version"]),
        "librdkafka": rdkafka::util::get_rdkafka_version().1,
        "kafka": reflow::ops::broker::KAFKA_VERSION,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "cpu": line_of("/proc/cpuinfo", "model name"),
        "memory": line_of("/proc/meminfo", "MemTotal"),
    })
}
