//! What each file must keep, and what to do where it does not.

use super::source::SourceFile;
use super::table::Table;

/// Lines of code in a file, without comments, blank lines and unit tests.
const CODE_LINES_MAX: usize = 400;

/// Crates that a pure module never names.
const IMPURE_CRATES: [&str; 9] =
    ["rdkafka", "tokio", "rand", "axum", "governor", "tracing", "tempfile", "crossterm", "getrandom"];
/// The one pure file that uses such a crate, with a clock and a state of its own, and the words that its traits bring.
const PACING: (&str, [&str; 2]) = ("partner/pace.rs", ["governor", "Instant"]);
/// Parts of the standard library that a pure module never names.
const IMPURE_STD: [&str; 5] = ["env", "fs", "net", "process", "thread"];
/// Types that a pure module never names, however they were imported.
const IMPURE_WORDS: [&str; 5] = ["SystemTime", "Instant", "RandomState", "f32", "f64"];

/// Every rule that the file breaks, one sentence each.
pub fn breaches(file: &SourceFile, table: &Table) -> Vec<String> {
    let mut found = Vec::new();
    let lines = file.code_lines();
    if lines > CODE_LINES_MAX {
        found.push(format!("src/{}: {lines} lines of code, more than {CODE_LINES_MAX}: split it", file.path));
    }
    if let Some(module) = file.module() {
        if !table.has(module) {
            found.push(format!("src/{}: `{module}` has no row in ARCHITECTURE.md", file.path));
        }
        arrows(file, module, table, &mut found);
        if table.is_pure(module) {
            purity(file, module, &mut found);
        }
    }
    found
}

fn arrows(file: &SourceFile, module: &str, table: &Table, found: &mut Vec<String>) {
    // The library by its own name is the same arrow.
    for known in file.after("crate::").into_iter().chain(file.after("reflow::")) {
        if table.has(&known) && !table.allows(module, &known) {
            found.push(format!("src/{}: `{module}` may not know `{known}` (ARCHITECTURE.md)", file.path));
        }
    }
}

fn purity(file: &SourceFile, module: &str, found: &mut Vec<String>) {
    let words = file.words();
    let mut name = |what: String| found.push(format!("src/{}: `{module}` is pure and names `{what}`", file.path));
    let allowed = |word: &str| file.path == PACING.0 && PACING.1.contains(&word);
    for word in IMPURE_CRATES.iter().chain(&IMPURE_WORDS).filter(|word| words.contains(**word) && !allowed(word)) {
        name((*word).to_owned());
    }
    for part in file.after("std::").iter().filter(|part| IMPURE_STD.contains(&part.as_str())) {
        name(format!("std::{part}"));
    }
}

mod tests {
    use super::*;

    fn breaches_of(path: &str, text: &str) -> Vec<String> {
        let table = "| module | what lives there | may know | pure |\n|---|---|---|---|\n\
                     | `domain` | words | - | yes |\n| `store` | state | domain | yes |\n| `bus` | Kafka | domain | |\n";
        breaches(&SourceFile::new(path, text), &Table::parse(table).unwrap())
    }

    #[test]
    fn a_good_file_breaks_nothing() {
        assert!(
            breaches_of("store/a.rs", "use crate::domain::Text;\nuse crate::words;\nuse std::cmp::Reverse;").is_empty()
        );
        assert!(breaches_of("bus/a.rs", "use std::time::Instant;\nuse crate::domain;").is_empty());
        assert!(breaches_of("main.rs", "use reflow::bus;").is_empty());
    }

    #[test]
    fn an_arrow_backwards_is_found() {
        assert_eq!(
            breaches_of("domain/a.rs", "use crate::{store::Slots};"),
            ["src/domain/a.rs: `domain` may not know `store` (ARCHITECTURE.md)"]
        );
        assert_eq!(breaches_of("store/a.rs", "fn f() { reflow::bus::go() }").len(), 1);
    }

    #[test]
    fn every_kind_of_io_is_found_in_a_pure_module() {
        let lines = [
            "use rdkafka::Message;",
            "tokio::spawn(x);",
            "use std::time::{Duration, Instant};",
            "std::time::SystemTime::now()",
            "use rand::Rng;",
            "std::env::var(name)",
            "use std::{cmp, fs};",
            "use std::net::TcpStream;",
            "fn rate() -> f64 { 0 }",
        ];
        for line in lines {
            assert_eq!(breaches_of("store/a.rs", line).len(), 1, "{line}");
            assert!(breaches_of("store/a.rs", &format!("// {line}")).is_empty(), "{line}");
            assert!(breaches_of("bus/a.rs", line).is_empty(), "{line}");
        }
    }

    #[test]
    fn a_long_file_and_an_unknown_module_are_found() {
        assert!(breaches_of("domain/a.rs", &"fn a() {}\n".repeat(CODE_LINES_MAX)).is_empty());
        assert_eq!(breaches_of("domain/a.rs", &"fn a() {}\n".repeat(CODE_LINES_MAX + 1)).len(), 1);
        assert!(breaches_of("util/a.rs", "")[0].contains("no row"));
    }
}
