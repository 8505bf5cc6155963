//! `reflow policy check`: what is wrong with a policy, each with its line and a caret; findings with a counter-example.

use std::fmt::Write;
use std::path::PathBuf;

use serde::Serialize;

use crate::domain::EventTime;
use crate::ops::exit::{Ended, Failure};
use crate::ops::{moments, policies};
use crate::policy::review::{Finding, review};
use crate::policy::{Document, Policy, Problem};
use crate::worker::clock;

/// Longest piece of a line that is shown around a caret, characters.
const SHOWN_CHARS_MAX: usize = 160;

/// Checks each path as one policy.
pub fn check(paths: &[PathBuf], at: Option<&str>, json: bool) -> Ended {
    let at = at.map(|at| moments::moment(at, clock::wall())).transpose().map_err(Failure::input)?;
    let (mut problems, mut findings) = (0, 0);
    for path in paths {
        let document = policies::document(std::slice::from_ref(path))?;
        let checked = match Policy::read(&document) {
            Err(found) => Checked { problems: found, findings: Vec::new() },
            Ok(policy) => Checked { problems: Vec::new(), findings: found_in(&document, &policy, at) },
        };
        print!("{}", if json { checked.in_json()? } else { checked.in_words(&document) });
        problems += checked.problems.len();
        findings += checked.findings.iter().filter(|finding| !finding.note).count();
    }
    match (problems, findings) {
        (0, 0) => {
            eprintln!("{}: clean", listed(paths));
            Ok(())
        }
        (0, count) => Err(Failure::finding(format!("{}: {count} findings", listed(paths)))),
        (count, _) => Err(Failure::input(format!("{}: no policy, {count} problems", listed(paths)))),
    }
}

fn found_in(document: &Document, policy: &Policy, at: Option<EventTime>) -> Vec<Finding> {
    review(document, policy, at.unwrap_or(policy.effective_from))
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

struct Checked {
    problems: Vec<Problem>,
    findings: Vec<Finding>,
}

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    code: &'static str,
    /// `problem`: not a policy. `finding`: a policy, but think again. `note`: worth knowing.
    level: &'static str,
    file: &'a str,
    line: usize,
    column: usize,
    found: &'a str,
    expected: &'a str,
    next: &'a str,
    counter_example: Option<&'a str>,
}

impl Checked {
    fn in_words(&self, document: &Document) -> String {
        let mut text = String::new();
        for problem in &self.problems {
            text.push_str(&in_words(problem, document, None));
        }
        for finding in &self.findings {
            text.push_str(&in_words(&finding.problem, document, finding.counter_example.as_deref()));
        }
        text
    }

    fn in_json(&self) -> Result<String, Failure> {
        let problems = self.problems.iter().map(|problem| (problem, "problem", None));
        let findings = self
            .findings
            .iter()
            .map(|f| (&f.problem, if f.note { "note" } else { "finding" }, f.counter_example.as_deref()));
        let mut text = String::new();
        for (problem, level, counter_example) in problems.chain(findings) {
            let line = Line {
                code: crate::domain::words::Word::name(problem.code),
                level,
                file: &problem.file,
                line: problem.place.line,
                column: problem.place.column,
                found: &problem.found,
                expected: &problem.expected,
                next: &problem.next,
                counter_example,
            };
            text.push_str(&serde_json::to_string(&line).map_err(Failure::reach)?);
            text.push('\n');
        }
        Ok(text)
    }
}

/// The place with its code, the line with a caret below, what was expected, a counter-example, what to do.
fn in_words(problem: &Problem, document: &Document, counter_example: Option<&str>) -> String {
    let place = problem.place;
    let mut text = format!("{}:{}:{}: {}: {}\n", problem.file, place.line, place.column, problem.code, problem.found);
    let part = document.all().nth(place.part);
    if let Some(line) = part.and_then(|part| part.text.lines().nth(place.line.saturating_sub(1))) {
        let start = place.column.saturating_sub(1).saturating_sub(SHOWN_CHARS_MAX / 2);
        let shown: String = line.chars().skip(start).take(SHOWN_CHARS_MAX).collect();
        let caret = " ".repeat(place.column.saturating_sub(1) - start);
        let _ = writeln!(text, "{:>6} | {shown}\n       | {caret}^", place.line);
    }
    let _ = writeln!(text, "       expected {}", problem.expected);
    if let Some(example) = counter_example {
        let _ = writeln!(text, "       for example: {example}");
    }
    let _ = writeln!(text, "       {}\n", problem.next);
    text
}
