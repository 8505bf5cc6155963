//! The tables of `docs/performance.md`, out of the JSON of some runs.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::Value;

use crate::table::number;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");
const BEGIN: &str = "<!-- ladder: begin -->";
const END: &str = "<!-- ladder: end -->";

/// Writes one column per run between the page's markers.
pub fn write(runs: &[PathBuf]) -> ExitCode {
    match written(runs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn written(files: &[PathBuf]) -> Result<(), String> {
    let read = |file: &PathBuf| -> Result<Value, String> {
        let said = |error: &dyn std::fmt::Display| format!("{}: {error}; a file of --json is expected", file.display());
        let text = std::fs::read_to_string(file).map_err(|error| said(&error))?;
        serde_json::from_str(&text).map_err(|error| said(&error))
    };
    let runs = files.iter().map(read).collect::<Result<Vec<Value>, String>>()?;
    let page = std::fs::read_to_string(PAGE).map_err(|error| format!("{PAGE}: {error}"))?;
    let (head, rest) = page.split_once(BEGIN).ok_or_else(|| format!("{PAGE}: `{BEGIN}` is missing"))?;
    let (_, tail) = rest.split_once(END).ok_or_else(|| format!("{PAGE}: `{END}` is missing"))?;
    let names: Vec<String> = files
        .iter()
        .map(|file| {
            file.file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .trim_start_matches(char::is_numeric)
                .trim_matches('-')
                .replace('-', " ")
        })
        .collect();
    let text = format!("{head}{BEGIN}\n{}{END}{tail}", tables(&runs, &names));
    std::fs::write(PAGE, text).map_err(|error| format!("{PAGE}: {error}"))
}

fn tables(runs: &[Value], names: &[String]) -> String {
    let mut text =
        format!("| | {} | floor · ambition |\n|---|{}---|\n", names.join(" | "), "---:|".repeat(names.len()));
    for line in crate::reach::LINES {
        let cells: Vec<String> = runs
            .iter()
            .map(|run| {
                let found = run["lines"].as_array().into_iter().flatten().find(|other| other["key"] == line.key);
                found
                    .and_then(|found| found["value"].as_f64())
                    .map_or_else(String::new, |value| number(value, line.digits))
            })
            .collect();
        if cells.iter().all(String::is_empty) {
            continue;
        }
        let last = runs.last().and_then(|run| run["lines"].as_array()).into_iter().flatten();
        let now = last.filter(|other| other["key"] == line.key).find_map(|found| found["value"].as_f64());
        let reach = line.reach.map_or_else(String::new, |reach| {
            let mark = |reached: Option<bool>| match reached {
                Some(true) => " ✓",
                Some(false) => " ✗",
                None => "",
            };
            format!(
                "{}{} · {}{}",
                number(reach.floor, line.digits),
                mark(now.map(|value| reach.floor_reached(value))),
                number(reach.ambition, line.digits),
                mark(now.map(|value| reach.ambition_reached(value)))
            )
        });
        let unit = if line.unit.is_empty() { String::new() } else { format!(", {}", line.unit) };
        text.push_str(&format!("| {}{unit} | {} | {reach} |\n", line.what, cells.join(" | ")));
    }
    if let Some(last) = runs.last() {
        text.push_str(&format!("\nThe last column's configuration: `{}`\n", last["configuration"]));
    }
    text
}
