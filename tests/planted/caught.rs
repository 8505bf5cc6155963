//! Runs a check of this very binary again with one fault planted: the check must fail, and say why.

use std::process::Command;

use reflow::planted::Bug;

/// Fails unless the check fails under that fault and its report holds `words`.
#[track_caller]
pub fn caught(bug: &str, check: &str, words: &str) {
    assert!(Bug::ALL.iter().any(|(name, _)| *name == bug), "no fault is called {bug}");
    let mut again = Command::new(std::env::current_exe().unwrap());
    let run = again.args(["--exact", check, "--test-threads=1"]).env("REFLOW_TEST_PLANTED", bug).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout) + String::from_utf8_lossy(&run.stderr);
    let failed = said.contains(&format!("test {check} ... FAILED"));
    assert!(failed, "{bug} is planted, and {check} does not fail:\n{said}");
    assert!(said.contains(words), "{bug}: {check} failed without saying {words:?}:\n{said}");
    println!("{bug}: caught by {check}: {words}");
}

/// One test per fault: its name, the check that must fail, and words of its report.
macro_rules! planted {
    ($($bug:ident: $check:literal, $words:literal;)+) => {
        $(#[test]
        fn $bug() {
            caught(stringify!($bug), $check, $words);
        })+
    };
}
pub(crate) use planted;
