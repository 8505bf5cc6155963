#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark stops where something is wrong"
)]
//! The ladder: what each step above a raw client costs, and what the whole worker reaches.
//!
//! One broker on the same machine, its CPU not counted. Rungs read the same load and write exactly the bytes that a worker
//! wrote; figures are per CPU-second of this process, which a busy machine disturbs less than wall time.

#[path = "parts/child.rs"]
mod child;
#[path = "parts/client.rs"]
mod client;
#[path = "parts/counting.rs"]
#[expect(dead_code, reason = "the benchmark of the stages watches")]
mod counting;
#[path = "parts/drive.rs"]
#[expect(dead_code, reason = "the benchmark of policies reads in one go")]
mod drive;
#[path = "parts/fill.rs"]
mod fill;
#[path = "parts/latency.rs"]
mod latency;
#[path = "parts/load.rs"]
mod load;
#[path = "parts/machine.rs"]
mod machine;
#[path = "parts/memory.rs"]
mod memory;
#[path = "parts/policies.rs"]
mod policies;
#[path = "parts/raw.rs"]
mod raw;
#[path = "parts/reach.rs"]
mod reach;
#[path = "parts/recorded.rs"]
mod recorded;
#[path = "parts/recovery.rs"]
mod recovery;
#[path = "parts/relay.rs"]
mod relay;
#[path = "parts/report.rs"]
mod report;
#[path = "parts/rows.rs"]
mod rows;
#[path = "parts/table.rs"]
mod table;
#[path = "parts/transactions.rs"]
mod transactions;
#[path = "parts/whole.rs"]
mod whole;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use rows::{Ladder, Part};

/// Measures the worker rung by rung above a raw client, on a real Kafka that it starts.
///
/// Prints a table with floors and ambitions; the exit code is 2 when a floor is missed, and stderr names it.
///
/// Example: ./bench/ladder --quick --json ladder.json
#[derive(Parser)]
#[command(name = "ladder", verbatim_doc_comment)]
pub struct Asked {
    /// One round and shorter runs: at most 10 minutes on 2 cores
    #[arg(long)]
    quick: bool,
    /// Keep everything measured, with the configuration
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure only these parts
    #[arg(long, value_delimiter = ',', value_name = "PART,…")]
    only: Vec<Part>,
    /// Write the tables of these runs (oldest first) into docs/performance.md instead of measuring
    #[arg(long, num_args = 1.., value_name = "FILE")]
    report: Vec<PathBuf>,
    /// For the ladder's own use: what it does in a process of its own, so that memory is counted from nothing
    #[arg(long, num_args = 1.., hide = true)]
    child: Vec<String>,
}

fn main() -> ExitCode {
    let asked = Asked::parse();
    if !asked.report.is_empty() {
        return report::write(&asked.report);
    }
    if !asked.child.is_empty() {
        child::run(&asked.child);
        return ExitCode::SUCCESS;
    }
    let began = std::time::Instant::now();
    let mut ladder = Ladder::start(asked.quick);
    ladder.measure(|part| asked.only.is_empty() || asked.only.contains(&part));
    let (table, configuration) = ladder.finish();
    table.print();
    if let Some(file) = &asked.json {
        std::fs::write(file, format!("{:#}\n", table.json(&configuration))).expect("--json file");
    }
    let missed = table.missed();
    missed.iter().for_each(|miss| eprintln!("floor missed: {miss}"));
    eprintln!("[{:>4.0} s] done", began.elapsed().as_secs_f64());
    ExitCode::from(if missed.is_empty() { 0 } else { 2 })
}
