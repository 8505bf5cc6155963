//! The second opinion: fastavro reads the same records with the same two schemas.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use reflow::domain::words::Word;
use reflow::wire::Schema;
use serde_json::{Value as Json, json};

use crate::cases::{case, transcoded};

const SEEDS: u64 = 60;

#[test]
fn plans_and_fastavro_agree() {
    let venv = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
    if !venv.is_ok_and(|output| output.status.success()) {
        return skip("python3 with venv is missing; on Debian: apt-get install python3-venv");
    }
    let mut lines = String::new();
    for schema in Schema::ALL.iter().copied() {
        for seed in 0..SEEDS {
            let (case, judge) = case(schema, seed.wrapping_mul(31) ^ 0xfa57);
            let records: Vec<Json> = match &case.plan {
                Some(plan) => {
                    // By its types alone only we refuse a record, as the specification does: see `cases::Counts`.
                    let by_type = |ours: &Result<Vec<u8>, String>| {
                        ours.as_ref().is_err_and(|error| error.contains("no counterpart")) && !judge.reads_all()
                    };
                    let ours = case.bodies.iter().map(|body| (body, transcoded(plan, body)));
                    let compared = ours.filter(|(_, ours)| !by_type(ours));
                    compared.map(|(body, ours)| json!([hex(body), ours.ok().map(|bytes| hex(&bytes))])).collect()
                }
                None => continue,
            };
            let line = json!({"writer": case.pair.writer, "reader": case.pair.reader, "records": records});
            writeln!(lines, "{line}").unwrap();
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cases");
    std::fs::write(&file, lines).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(root.join("scripts/check-python.sh")).arg("--resolved").arg(&file).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() && complained.contains("No matching distribution") {
        return skip("fastavro cannot be had");
    }
    assert!(output.status.success(), "{said}{complained}");
    println!("{said}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn skip(why: &str) {
    use std::io::Write as _;
    // Straight to the stream: the test harness keeps what `eprintln!` writes to itself when a test passes.
    writeln!(std::io::stderr().lock(), "\nSKIP plans_and_fastavro_agree: {why}").unwrap();
}
