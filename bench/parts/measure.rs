//! Wall and CPU time of this process, and the table.

use std::time::Instant;

use crate::latency::Latency;
use crate::whole::Whole;

/// CPU seconds of this process so far, all threads (`/proc/self/stat`, 100 ticks a second).
pub fn cpu_secs() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc/self/stat");
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// How long something took, and what it cost.
pub struct Stopwatch {
    wall: Instant,
    cpu: f64,
}

impl Stopwatch {
    pub fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu_secs() }
    }

    pub fn stop(&self, name: &'static str, events: usize) -> Figure {
        let (wall, cpu) = (self.wall.elapsed().as_secs_f64(), cpu_secs() - self.cpu);
        Figure { name, events, wall_secs: wall, cpu_secs: cpu }
    }
}

/// One line of the table.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Figure {
    pub name: &'static str,
    pub events: usize,
    pub wall_secs: f64,
    pub cpu_secs: f64,
}

impl Figure {
    fn per_wall(&self) -> f64 {
        self.events as f64 / self.wall_secs
    }
    fn per_cpu(&self) -> f64 {
        self.events as f64 / self.cpu_secs.max(0.01)
    }
}

pub fn report(rows: &[Figure], whole: &Whole, latency: &Latency, json: Option<&str>) {
    println!("{:44} {:>10} {:>16} {:>8}", "", "events/s", "per CPU-second", "ratio");
    let reference = rows.last().map_or(1.0, Figure::per_cpu);
    for row in rows {
        println!("{:44} {:>10.0} {:>16.0} {:>8.2}", row.name, row.per_wall(), row.per_cpu(), reference / row.per_cpu());
    }
    println!(
        "the worker wrote {:.2} records and {:.0} bytes per event in {} transactions ({} aborted)",
        whole.produced as f64 / whole.events as f64,
        whole.produced_bytes as f64 / whole.events as f64,
        whole.transactions,
        whole.aborted
    );
    println!(
        "latency at {} events/s for {} s, {} decisions of both stages ({} ended at the first): p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms",
        latency.rate,
        latency.secs,
        latency.decisions,
        latency.one_stage,
        latency.p50_ms,
        latency.p99_ms,
        latency.max_ms
    );
    if let Some(file) = json {
        let all = serde_json::json!({ "throughput": rows, "worker": whole, "latency": latency });
        std::fs::write(file, format!("{all:#}\n")).expect("--json file");
    }
}
