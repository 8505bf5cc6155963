//! Work in a process of its own: its memory is counted from nothing, and given back when it ends.

use std::process::{Command, Stdio};

use reflow::config::Config;

use crate::fill::{self, Kind};
use crate::memory;
use crate::policies::policies;
use crate::rows::config;

/// Instalments of a borrower's loan.
const INSTALMENTS: i32 = 12;

/// Bytes per customer of a population: resident, and asked for from the allocator.
pub fn resident(kind: &str, customers: u64) -> (f64, f64) {
    let said = ask(&["resident", kind, &customers.to_string()]);
    serde_json::from_str(&said).expect("two numbers")
}

/// Allocations per event of the customer stage and of the partner stage, behind a warm-up.
pub fn allocations(warm_up: u64, events: u64) -> (f64, f64) {
    let said = ask(&["allocations", &warm_up.to_string(), &events.to_string()]);
    serde_json::from_str(&said).expect("two numbers")
}

/// Writes the changelog of a population; returns its records.
pub fn populate(config: &Config, customers: u64) -> u64 {
    let said = ask(&["populate", &config.kafka.bootstrap, &config.kafka.prefix, &customers.to_string()]);
    said.trim().parse().expect("a number")
}

fn ask(words: &[&str]) -> String {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program).arg("--child").args(words).stderr(Stdio::inherit()).output().expect("child");
    assert!(output.status.success(), "the child for {words:?} ended with {}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// The child's side.
pub fn run(words: &[String]) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse().expect("a count");
    match words[..] {
        ["resident", kind, customers] => {
            let kind = if kind == "loan" { Kind::Borrowers(INSTALMENTS) } else { Kind::Dormant };
            let measured = memory::bytes_per_customer(&config("", ""), kind, number(customers));
            println!("{}", serde_json::json!(measured));
        }
        ["allocations", warm_up, events] => {
            let counted = memory::allocations_per_event(&config("", ""), policies(), number(warm_up), number(events));
            println!("{}", serde_json::json!(counted));
        }
        ["populate", bootstrap, prefix, customers] => {
            println!("{}", fill::population(&config(bootstrap, prefix), number(customers), Kind::Dormant));
        }
        _ => panic!("unknown: {words:?}"),
    }
}
