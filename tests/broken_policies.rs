//! `reflow policy check` on policies that are broken, each in its own way: one file each, whose first line says what is
//! expected (`Expect: exit 2, 12:5 POL_VALUE`), and on those that are shipped, which are clean.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end at the first surprise")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use reflow::domain::words::Word;
use reflow::policy::ProblemCode;

/// CPU time that a diagnosis may take at most, seconds, and memory, KiB.
const CPU_SECS_MAX: u32 = 1;
const MEMORY_KIB_MAX: u32 = 256 * 1024;
/// CPU time for the largest policies that may be read: about a second, with room for a build that is not optimised.
const LARGEST_CPU_SECS_MAX: u32 = 20;

fn check(path: &Path, more: &[&str]) -> Output {
    let reflow = Command::new(env!("CARGO_BIN_EXE_reflow")).args(["policy", "check"]).arg(path).args(more).output();
    reflow.expect("reflow starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn broken() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir("tests/policies/broken").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What the first line of a file asks for: the exit code, and each place with its code.
fn expected(file: &Path) -> (i32, Vec<(String, String)>) {
    let content = std::fs::read_to_string(file).unwrap();
    let line = content.lines().next().unwrap();
    let (_, asked) = line.split_once("Expect: exit ").unwrap_or_else(|| panic!("{}: no expectation", file.display()));
    let mut parts = asked.split(", ");
    let code = parts.next().unwrap().parse().unwrap();
    let places = parts.map(|part| part.split_once(' ').unwrap()).map(|(place, code)| (place.into(), code.into()));
    (code, places.collect())
}

#[test]
fn each_broken_policy_is_told_with_its_place_and_code() {
    let files = broken();
    assert!(files.len() >= 30, "{} files", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let (code, places) = expected(file);
        assert!(!places.is_empty() && (code == 1 || code == 2), "{}: expects nothing", file.display());
        let output = check(file, &[]);
        let said = text(&output.stdout);
        if output.status.code() != Some(code) {
            wrong.push(format!("{}: {:?} instead of {code}\n{said}", file.display(), output.status.code()));
        }
        for (place, code) in places {
            let line = format!("{}:{place}: {code}: ", file.display());
            let caret = said.lines().skip_while(|said| !said.starts_with(&line)).nth(2).unwrap_or_default();
            if !caret.trim_end().ends_with('^') {
                wrong.push(format!("no `{line}` with its caret in\n{said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn findings_have_a_counter_example_and_problems_say_what_to_do() {
    for file in broken() {
        let (code, _) = expected(&file);
        for line in text(&check(&file, &["--json"]).stdout).lines() {
            let said: serde_json::Value = serde_json::from_str(line).unwrap();
            let level = if code == 1 { "finding" } else { "problem" };
            assert_eq!(said["level"], level, "{}: {line}", file.display());
            assert_eq!(said["counter_example"].is_string(), code == 1, "{}: {line}", file.display());
            assert!(!said["next"].as_str().unwrap().is_empty() && !said["expected"].as_str().unwrap().is_empty());
        }
    }
}

#[test]
fn the_shipped_policies_are_clean() {
    for file in
        ["policies/minimal.yaml", "policies/example.yaml", "policies/persons.yaml", "src/ops/demo/demo-policy.yaml"]
    {
        let output = check(Path::new(file), &[]);
        assert_eq!(output.status.code(), Some(0), "{file}\n{}{}", text(&output.stdout), text(&output.stderr));
    }
}

/// Nobody would be found to fit an offer, were the customers that are tried without an income.
#[test]
fn a_policy_that_asks_for_incomes_is_clean() {
    let example = std::fs::read_to_string("policies/example.yaml").unwrap();
    let asked = example.lines().filter(|line| !line.trim_start().starts_with("without_income:")).collect::<Vec<_>>();
    assert_eq!(asked.len() + 1, example.lines().count());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("asked.yaml");
    std::fs::write(&file, asked.join("\n")).unwrap();
    let output = check(&file, &[]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn each_code_stands_in_the_handbook() {
    let handbook = std::fs::read_to_string("docs/policy.md").unwrap();
    for code in ProblemCode::NAMES {
        assert!(handbook.contains(&format!("`{code}`")), "docs/policy.md says nothing of {code}");
    }
}

/// So many offers instead of the one, each for other grades.
fn with_offers(minimal: &str, count: usize, more: &str) -> String {
    let (start, end) = (minimal.find("  - offer").unwrap(), minimal.find("texts:").unwrap());
    let offer = |n: usize| {
        minimal[start..end].replace("welcome", &format!("welcome{n}")) + &more.replace("{n}", &n.to_string())
    };
    format!("{}{}{}", &minimal[..start], (0..count).map(offer).collect::<String>(), &minimal[end..])
}

/// Documents that would take a reader without bounds down.
fn hostile() -> Vec<(&'static str, String)> {
    let minimal = std::fs::read_to_string("policies/minimal.yaml").unwrap();
    let laughs = (0..40).map(|n| format!("l{}: &l{} [*l{n}, *l{n}, *l{n}, *l{n}]\n", n + 1, n + 1));
    let contract = |n: usize| {
        minimal[minimal.find("  - partner").unwrap()..minimal.find("exclusions").unwrap()]
            .replace("p01", &format!("p{n}"))
    };
    vec![
        ("deep lists", format!("{minimal}must_confirm: {}{}\n", "[".repeat(200_000), "]".repeat(200_000))),
        ("deep groups", (0..2_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect()),
        ("laughing aliases", format!("l0: &l0 [x]\n{}", laughs.collect::<String>())),
        ("a cycle", "a: &a [*a]\n".to_owned()),
        ("a long line", format!("version: {}\n", "x".repeat(7 << 20))),
        ("too many bytes", "x".repeat(9 << 20)),
        ("many wrong keys", (0..100_000).map(|n| format!("key{n}: 1\n")).collect()),
        ("the same key again and again", "version: 1\n".repeat(200_000)),
        ("many offers", with_offers(&minimal, 4_000, "")),
        ("many contracts, all one", format!("{minimal}{}", contract(1).repeat(10_000))),
        ("zero bytes", "\0".repeat(1 << 20)),
        ("brackets", "{[".repeat(1 << 20)),
        ("quotes", "\"".repeat((1 << 20) + 1)),
        ("block scalars", "a: |\n".repeat(100_000)),
    ]
}

/// Checks a document with as much CPU time and memory as a diagnosis may take.
fn check_within_bounds(content: &str, cpu_secs: u32) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hostile.yaml");
    std::fs::write(&file, content).unwrap();
    let limits = format!("ulimit -t {cpu_secs}; ulimit -d {MEMORY_KIB_MAX}; exec \"$0\" policy check \"$1\"");
    Command::new("bash").args(["-c", &limits, env!("CARGO_BIN_EXE_reflow")]).arg(&file).output().unwrap()
}

/// As much as may be read, and alike enough to be looked through to the end.
#[test]
fn the_largest_policies_are_checked_within_bounds() {
    let minimal = std::fs::read_to_string("policies/minimal.yaml").unwrap();
    let (start, end) = (minimal.find("  - partner").unwrap(), minimal.find("exclusions").unwrap());
    let contract = |n: usize| minimal[start..end].replace("p01", &format!("p{n:05}"));
    let contracts = (0..10_000).map(contract).collect::<String>();
    let contracts = format!("{}{contracts}{}", &minimal[..start], &minimal[end..]);
    let grades = (0..32).map(|grade| format!("g{{n}}x{grade}")).collect::<Vec<_>>().join(", ");
    let offers = with_offers(&minimal, 128, &format!("    grades: [A, {grades}]\n").replace(", g{n}x31", ""));
    for (what, content) in [("contracts", contracts), ("offers", offers)] {
        let reflow = check_within_bounds(&content, LARGEST_CPU_SECS_MAX);
        let said = text(&reflow.stdout) + &text(&reflow.stderr);
        assert!(matches!(reflow.status.code(), Some(0 | 1)), "{what}: {:?} {said}", reflow.status);
    }
}

#[test]
fn hostile_documents_are_told_within_bounds() {
    for (what, content) in hostile() {
        let reflow = check_within_bounds(&content, CPU_SECS_MAX);
        let said = text(&reflow.stdout);
        assert_eq!(reflow.status.code(), Some(2), "{what}: {}", text(&reflow.stderr));
        assert!(said.contains("hostile.yaml:") && said.contains(": POL_"), "{what}: {said}");
        assert!(said.len() < 1 << 20, "{what}: {} bytes of diagnosis", said.len());
    }
}
