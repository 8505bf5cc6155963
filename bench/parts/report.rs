//! The tables of `docs/performance.md`, out of the JSON of some runs.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::Value;

use crate::reach::{LINES, Line};
use crate::table::number;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");
const BEGIN: &str = "<!-- ladder: begin -->\n";
const END: &str = "<!-- ladder: end -->\n";
/// From one rung to the next.
const RUNGS: [&str; 5] = ["raw.batch", "l0", "l2", "l3", "l4"];

/// One run: what its column is called, and what it measured.
struct Run {
    name: String,
    all: Value,
}

impl Run {
    /// The column's name is the file's, without a number in front: `2-packed-state.json` is `packed state`.
    fn read(file: &PathBuf) -> Result<Self, String> {
        let said = |error: &dyn std::fmt::Display| format!("{}: {error}; a file of --json is expected", file.display());
        let text = std::fs::read_to_string(file).map_err(|error| said(&error))?;
        let all: Value = serde_json::from_str(&text).map_err(|error| said(&error))?;
        if !all["lines"].is_array() {
            return Err(said(&"it has no `lines`"));
        }
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let name = stem.trim_start_matches(|c: char| c.is_ascii_digit()).trim_matches('-').replace('-', " ");
        Ok(Self { name, all })
    }

    fn value(&self, key: &str) -> Option<f64> {
        let lines = self.all["lines"].as_array()?;
        lines.iter().find(|line| line["key"] == key)?["value"].as_f64()
    }
}

/// Writes one column per run between the page's markers.
pub fn write(files: &[PathBuf]) -> ExitCode {
    match written(files) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn written(files: &[PathBuf]) -> Result<(), String> {
    let runs = files.iter().map(Run::read).collect::<Result<Vec<Run>, String>>()?;
    let Some(last) = runs.last() else { return Ok(()) };
    let page = std::fs::read_to_string(PAGE).map_err(|error| format!("{PAGE}: {error}"))?;
    let missing = |marker: &str| format!("{PAGE}: the line `{}` is missing", marker.trim_end());
    let (head, rest) = page.split_once(BEGIN).ok_or_else(|| missing(BEGIN))?;
    let (_, tail) = rest.split_once(END).ok_or_else(|| missing(END))?;
    let text = format!("{head}{BEGIN}\n{}\n{}{}\n{END}{tail}", every_line(&runs), rungs(last), origin(last));
    std::fs::write(PAGE, text).map_err(|error| format!("{PAGE}: {error}"))
}

/// Every line that some run measured, a column per run; reached or not is the last run's.
fn every_line(runs: &[Run]) -> String {
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    let mut text = format!("| | {} | floor · ambition |\n|---|{}---|\n", names.join(" | "), "---:|".repeat(runs.len()));
    for line in LINES {
        let cell = |run: &Run| run.value(line.key).map_or_else(String::new, |value| number(value, line.digits));
        let cells: Vec<String> = runs.iter().map(cell).collect();
        if cells.iter().all(String::is_empty) {
            continue;
        }
        let unit = if line.unit.is_empty() { String::new() } else { format!(", {}", line.unit) };
        let asked = asked(line, runs.last().and_then(|run| run.value(line.key)));
        writeln!(text, "| {}{unit} | {} | {asked} |", line.what, cells.join(" | ")).expect("a string");
    }
    text
}

fn asked(line: &Line, now: Option<f64>) -> String {
    let Some(reach) = line.reach else { return String::new() };
    let mark = |reached: Option<bool>| match reached {
        Some(true) => " ✓",
        Some(false) => " ✗",
        None => "",
    };
    let floor = mark(now.map(|value| reach.floor_reached(value)));
    let ambition = mark(now.map(|value| reach.ambition_reached(value)));
    format!("{}{floor} · {}{ambition}", number(reach.floor, line.digits), number(reach.ambition, line.digits))
}

/// What an event costs on each rung of the last run, and what the rung adds.
fn rungs(run: &Run) -> String {
    let mut text = String::new();
    let mut below = 0.0;
    for line in RUNGS.iter().filter_map(|key| LINES.iter().find(|line| line.key == *key)) {
        if let Some(micros) = run.value(line.key).map(|per_cpu| 1e6 / per_cpu) {
            writeln!(text, "| {} | {micros:.2} | {:.2} |", line.what, micros - below).expect("a string");
            below = micros;
        }
    }
    if text.is_empty() { text } else { format!("| rung | CPU-µs per event | added |\n|---|---:|---:|\n{text}\n") }
}

/// On what the last run ran.
fn origin(run: &Run) -> String {
    let all = &run.all["configuration"];
    let said = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let parts: Vec<String> = all
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(name, value)| match value.as_object() {
            Some(inner) => inner.iter().map(|(name, value)| format!("{name} {}", said(value))).collect(),
            None => vec![format!("{name} {}", said(value))],
        })
        .collect();
    format!("The last column: {}.\n", parts.join(" · "))
}
