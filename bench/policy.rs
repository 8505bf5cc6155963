#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark stops where something is wrong"
)]
//! What a policy costs: a question and its answer, 10,000 contracts, a new version while others are judged, and events that
//! ask nothing. Exit code 2 when a floor is missed, and stderr names it.
//!
//! `cargo bench --bench policy -- --json policy.json`

#[path = "parts/asked.rs"]
mod asked;
#[path = "parts/counting.rs"]
#[expect(dead_code, reason = "the benchmark of the stages watches")]
mod counting;
#[path = "parts/cpu.rs"]
mod cpu;
#[path = "parts/drive.rs"]
#[expect(dead_code, reason = "the benchmark of the stages drives both")]
mod drive;
#[path = "parts/load.rs"]
#[expect(dead_code, reason = "the ladder makes populations too")]
mod load;
#[path = "parts/machine.rs"]
#[expect(dead_code, reason = "the ladder measures wall time too")]
mod machine;
#[path = "parts/policies.rs"]
#[expect(dead_code, reason = "the ladder judges by another policy")]
mod policies;
#[path = "parts/quiet.rs"]
mod quiet;
#[path = "parts/reloads.rs"]
mod reloads;

use std::process::ExitCode;

use reflow::policy::{Policy, PolicySet};
use serde_json::json;

const RULES: &str = include_str!("parts/rules.yaml");
const CONTRACTS: u64 = 10_000;

/// One line of the table; less is better.
struct Line {
    what: String,
    unit: &'static str,
    value: f64,
    floor: Option<f64>,
}

#[derive(Default)]
struct Table(Vec<Line>);

/// Width of what is measured, characters.
const WIDTH: usize = 84;

impl Table {
    fn put(&mut self, what: impl Into<String>, unit: &'static str, value: f64) {
        self.line(Line { what: what.into(), unit, value, floor: None });
    }

    fn at_most(&mut self, floor: f64, what: impl Into<String>, unit: &'static str, value: f64) {
        self.line(Line { what: what.into(), unit, value, floor: Some(floor) });
    }

    /// Told as soon as it is measured.
    fn line(&mut self, line: Line) {
        let word = if line.missed() { "MISSED" } else { "reached" };
        let floor = line.floor.map_or_else(String::new, |floor| format!("at most {floor} {word}"));
        println!("{:WIDTH$} {:>9.2} {:3} {floor}", line.what, line.value, line.unit);
        self.0.push(line);
    }
}

impl Line {
    fn missed(&self) -> bool {
        self.floor.is_some_and(|floor| self.value > floor)
    }
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip_while(|word| word != "--json").skip(1);
    let mut table = Table::default();
    let few = policies::set(&policies::document(RULES, load::PARTNERS));
    questions(&mut table, &few, load::PARTNERS);
    let many = contracts(&mut table);
    questions(&mut table, &many, CONTRACTS);
    stage(&mut table, &few, &many);
    reloads(&mut table);
    if let Some(file) = words.next() {
        std::fs::write(file, format!("{:#}\n", in_json(&table))).expect("--json file");
    }
    let missed: Vec<&Line> = table.0.iter().filter(|line| line.missed()).collect();
    for line in &missed {
        eprintln!("floor missed: {}: {:.2} {}, at most {:.2}", line.what, line.value, line.unit, line.floor.unwrap());
    }
    ExitCode::from(if missed.is_empty() { 0 } else { 2 })
}

fn newest(set: &PolicySet) -> &Policy {
    set.newest().expect("a policy")
}

/// What the policy takes to answer, by how the answer comes out.
fn questions(table: &mut Table, set: &PolicySet, contracts: u64) {
    let (policy, partners) = (newest(set), asked::partners(contracts));
    for case in asked::cases() {
        let checks = asked::verify(policy, &case).checks.len();
        let (nanos, allocations) = asked::cost(policy, &case, &partners);
        let what = format!("{contracts} contracts: {} ({checks} checks)", case.what);
        table.at_most(10.0, &what, "µs", nanos / 1e3);
        table.put(format!("{what}, allocations"), "", allocations);
    }
}

/// What it takes to read, and to keep, a document of 10,000 contracts.
fn contracts(table: &mut Table) -> PolicySet {
    let text = policies::document(RULES, CONTRACTS);
    table.put(format!("{CONTRACTS} contracts: the document"), "MiB", mebi(text.len() as i64));
    let (resident, asked) = (machine::resident_bytes(), counting::bytes());
    counting::count_from_now(true);
    let began = cpu::thread_nanos();
    let set = policies::set(&text);
    let nanos = cpu::thread_nanos() - began;
    counting::count_from_now(false);
    let (resident, asked) = (machine::resident_bytes() - resident, counting::bytes() - asked);
    table.at_most(1_000.0, format!("{CONTRACTS} contracts: read and checked"), "ms", nanos as f64 / 1e6);
    table.put(format!("{CONTRACTS} contracts: kept"), "MiB", mebi(asked));
    table.at_most(256.0, format!("{CONTRACTS} contracts: resident after reading"), "MiB", mebi(resident));
    set
}

fn mebi(bytes: i64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn stage(table: &mut Table, few: &PolicySet, many: &PolicySet) {
    let found = quiet::measure(few, many);
    let [without, with] = found.silent;
    table.put("the stage without a policy: an event that asks nothing", "µs", without / 1e3);
    table.put(format!("the stage with {CONTRACTS} contracts: an event that asks nothing"), "µs", with / 1e3);
    table.at_most(1.05, "with ÷ without", "", with / without);
    let share = format!("{:.1} % of the events ask", 100.0 * found.questions);
    table.put(format!("the stage: what a question adds, all in all ({share})"), "µs", found.question / 1e3);
}

fn reloads(table: &mut Table) {
    let found = reloads::measure(&policies::document(RULES, load::PARTNERS));
    let told = format!("{} versions met by {} proposals and {} noes", found.versions_met, found.proposals, found.noes);
    table.put(format!("{} reloads: {told}; mixed", reloads::RELOADS), "", 0.0);
    table.put("a reload: read, check, put beside the others", "ms", found.read / 1e6);
    table.put("a reload: the switch itself", "µs", found.swap / 1e3);
}

fn in_json(table: &Table) -> serde_json::Value {
    let line = |line: &Line| json!({"what": line.what, "unit": line.unit, "value": line.value, "floor": line.floor});
    let mut configuration = machine::configuration();
    configuration["events"] = json!(quiet::EVENTS);
    json!({"configuration": configuration, "lines": table.0.iter().map(line).collect::<Vec<_>>()})
}
