//! Somebody else's tools read our topics: `kcat`, and a second Avro library with nothing but the schema file.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use reflow::bus::Topic;
use reflow::domain::events::ApplicationKind;
use reflow::domain::{Candidate, EventTime};
use serde_json::Value;

use crate::deployment::{Deployment, now};
use crate::market::{self, consenting, drawdown};
use crate::readback::all;
use crate::support::skip;

#[test]
fn kcat_and_fastavro_read_the_candidates() {
    for (tool, args) in [("kcat", ["-V"].as_slice()), ("python3", &["-c", "import ensurepip, venv"])] {
        if !Command::new(tool).args(args).output().is_ok_and(|output| output.status.success()) {
            return skip(&format!("{tool} is missing; on Debian: apt-get install kcat python3-venv"));
        }
    }
    let deployment = Deployment::new("independent", "", Some(&market::document()));
    let mut worker = deployment.start();
    let customers = ["client-1", "client-2", "client-3"];
    deployment.send_all(&customers.map(|customer| consenting(customer, now())));
    deployment.wait_until_drained(&mut worker, 60);
    let asks = |customer: &str| drawdown([customer, "partner-00", customer], ApplicationKind::DrawdownRequested, now());
    deployment.send_all(&customers.map(asks));
    deployment.wait_until_drained(&mut worker, 60);
    deployment.stop(worker);

    let file = deployment.dir().join("candidates");
    let topic = deployment.topic(Topic::CandidatesRealtime);
    let read =
        bounded(Command::new("kcat").args(["-b", &deployment.bootstrap, "-t", &topic, "-C", "-e", "-q"]).args([
            "-X",
            "isolation.level=read_committed",
            "-f",
            "%R%s",
        ]));
    std::fs::write(&file, &read.stdout).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let decoded = bounded(Command::new(root.join("scripts/check-python.sh")).arg("candidate").arg(&file));
    if !decoded.status.success() && String::from_utf8_lossy(&decoded.stderr).contains("No matching distribution") {
        return skip("fastavro cannot be had");
    }
    assert!(decoded.status.success(), "{}", String::from_utf8_lossy(&decoded.stderr));
    let mut found: Vec<Value> =
        String::from_utf8(decoded.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut ours: Vec<Value> = all::<Candidate>(&deployment, Topic::CandidatesRealtime)
        .iter()
        .map(|candidate| serde_json::to_value(candidate).unwrap())
        .collect();
    assert_eq!(ours.len(), customers.len());
    for list in [&mut found, &mut ours] {
        list.sort_by_key(|candidate| candidate["customer"].to_string());
    }
    for (found, ours) in found.iter().zip(&ours) {
        for field in ["candidate", "customer", "kind", "status", "version", "offer", "right_to_act"] {
            assert_eq!(found[field], ours[field], "{field}");
        }
        let decided = EventTime(found["decided_at"].as_i64().unwrap());
        assert!(now().ms_since(decided) < 600_000, "{decided}");
    }
    assert_eq!(found.len(), ours.len());
}

/// The output of a tool that ends by itself; `timeout` sees to it that it does.
fn bounded(command: &mut Command) -> Output {
    let mut all = Command::new("timeout");
    all.arg("120").arg(command.get_program()).args(command.get_args());
    all.stdin(Stdio::null()).output().unwrap()
}
