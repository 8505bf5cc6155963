//! The machine's clock does not enter `reflow local`: moved by a year, it changes no byte of what is written.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop where it stands")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const POLICY: &str = include_str!("../policies/minimal.yaml");
/// By so much the clock is moved, back and forth: longer than any date or window of the policy.
const SHIFTS_SECS: [i64; 3] = [-366 * 86_400, 366 * 86_400, 20 * 366 * 86_400];

const MAPPING: &str = r#"
mapping: clock
times: {default: rfc3339}
money: {decimals: 2, currency: CNY}
common:
  event_time: "{at}"
  customer: "{who}"
events:
  - event: customer
    when: {what: known}
    lenders: 1
    consents:
      - consent: "k-{who}"
        purpose: marketing_cross
        controller: lender
        text_version: v1
        given_at: "{at}"
  - event: application
    when: {what: {in: [approved, drawdown_requested, drawdown_disbursed]}}
    kind: {column: what, map: {approved: approved, drawdown_requested: drawdown_requested, drawdown_disbursed: drawdown_disbursed}}
    partner: p01
    application: "a-{who}"
    drawdown: "d-{who}"
    amount_minor: "{amount}"
    limit_minor: 10000.00
    risk_verdict: {model: m, version: "1", band: "{band}", decided_at: "{at}", valid_days: 30}
"#;

/// Customers over half a year, every third in a band that may not be approached, and rows that are none.
fn rows() -> String {
    let mut rows = "at,who,what,amount,band\n".to_owned();
    for who in 0..120 {
        let (day, band) = (format!("2024-{:02}-{:02}", 3 + who / 20, 1 + who % 20), ["A", "B", "Z"][who % 3]);
        for (hour, what) in (9..).zip(["known", "approved", "drawdown_requested", "drawdown_disbursed"]) {
            rows.push_str(&format!("{day}T{hour:02}:00:00+08:00,c{who},{what},{who}00.00,{band}\n"));
        }
    }
    rows + "not a time,c1,approved,1.00,A\n"
}

/// The shim as a library that is loaded in front of libc.
fn shim(dir: &Path) -> PathBuf {
    let library = dir.join("shifted_clock.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/shifted_clock.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source);
    let compiled = compiler.output().expect("a C compiler, which librdkafka needs too");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    library
}

fn moved(command: &mut Command, shim: &Path, secs: i64) -> Output {
    let ended = command.env("LD_PRELOAD", shim).env("REFLOW_TEST_SHIFT_SECS", secs.to_string()).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    ended
}

/// Every file of a folder, by its name.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn a_moved_clock_changes_no_byte_of_what_local_writes() {
    if !cfg!(target_os = "linux") {
        return support::skip("a library is put in front of libc by LD_PRELOAD on Linux only");
    }
    let dir = tempfile::tempdir().unwrap();
    let shim = shim(dir.path());
    let seconds = |secs| {
        let ended = moved(Command::new("date").arg("+%s"), &shim, secs);
        String::from_utf8(ended.stdout).unwrap().trim().parse::<i64>().unwrap()
    };
    let name = |name: &str| dir.path().join(name);
    fs::write(name("m.yaml"), MAPPING).unwrap();
    fs::write(name("p.yaml"), POLICY).unwrap();
    fs::write(name("rows.csv"), rows()).unwrap();
    let run = |secs: i64| {
        let out = name(&format!("out{secs}"));
        let mut reflow = support::reflow();
        reflow.arg("local").arg("--mapping").arg(name("m.yaml")).arg("--policy").arg(name("p.yaml"));
        moved(reflow.arg("--out").arg(&out).arg(name("rows.csv")), &shim, secs);
        files(&out)
    };
    let as_it_is = run(0);
    for secs in SHIFTS_SECS {
        // The shim does move the clock of what is started with it.
        let (before, there, after) = (seconds(0), seconds(secs), seconds(0));
        assert!((before + secs..=after + secs).contains(&there), "moved by {secs} s: {there}, not {before} or so");
        let then = run(secs);
        assert_eq!(as_it_is.keys().collect::<Vec<_>>(), then.keys().collect::<Vec<_>>());
        for (file, bytes) in &as_it_is {
            assert!(*bytes == then[file], "{file} differs when the clock is moved by {secs} s");
        }
    }
    // Clocks decide only where something is decided: yeses, noes, candidates that ran out, a row that is none.
    let summary: Value = serde_json::from_slice(&as_it_is["summary.json"]).unwrap();
    let lines = |file: &str| as_it_is[file].iter().filter(|byte| **byte == b'\n').count();
    println!("{} files, {} decisions: {}", as_it_is.len(), lines("decisions.jsonl"), summary["decisions"]);
    assert!(lines("decisions.jsonl") >= 120 && lines("candidates.jsonl") > 0, "{summary:#}");
    assert!(summary["decisions"]["no"].as_u64() > Some(0) && summary["candidates"].as_u64() > Some(0), "{summary:#}");
    assert!(lines("partner-panes.jsonl") > 100 && lines("rejected-rows.jsonl") == 1, "{summary:#}");
}
