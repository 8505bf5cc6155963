//! `reflow local`: files in, files out. A small file with known answers, and the real sets where they are at hand.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

const SECS_MAX: u64 = 300;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn local(mapping: &Path, shards: u32, out: &Path, file: &Path, policy: Option<&Path>) -> std::process::Output {
    let (mapping, shards, out, file) =
        (mapping.to_string_lossy(), shards.to_string(), out.to_string_lossy(), file.to_string_lossy());
    let policy = policy.map(Path::to_string_lossy);
    let mut args = vec!["local", "--mapping", &mapping, "--shards", &shards, "--out", &out];
    if let Some(policy) = &policy {
        args.extend(["--policy", policy]);
    }
    args.push(&file);
    support::run(&args, SECS_MAX)
}

fn panes(out: &Path) -> Vec<Value> {
    let text = fs::read_to_string(out.join("partner-panes.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn count(pane: &Value, key: &str) -> i64 {
    pane[key]["count"].as_i64().unwrap()
}

const MAPPING: &str = r#"
mapping: small
format: csv
times:
  default: rfc3339
money: {decimals: 2, currency: EUR}
common:
  event_time: "{at}"
  customer: "{who}"
  partner: acme
events:
  - event: application
    when: {what: {in: [submitted, approved, declined]}}
    kind: {column: what, map: {submitted: submitted, approved: approved, declined: declined}}
    application: "a-{who}"
    amount_minor: "{amount}"
"#;

const ROWS: &str = "at,who,what,amount\n\
2024-03-01T10:00:00Z,c1,submitted,100.00\n\
2024-03-01T11:30:00Z,c1,approved,100.00\n\
2024-03-02T09:00:00+02:00,c2,submitted,50.50\n\
2024-03-02T08:00:00Z,c2,declined,\n\
2024-03-01T11:30:00Z,c1,approved,100.00\n\
not a time,c3,submitted,1.00\n\
2024-03-02T08:00:00Z,c3,telephone,\n";

#[test]
fn a_small_file_gives_known_panes() {
    let dir = tempfile::tempdir().unwrap();
    let (mapping, file, out) = (dir.path().join("m.yaml"), dir.path().join("rows.csv"), dir.path().join("out"));
    fs::write(&mapping, MAPPING).unwrap();
    fs::write(&file, ROWS).unwrap();
    let ended = local(&mapping, 4, &out, &file, None);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let panes = panes(&out);
    let keys: Vec<(&str, &str)> =
        panes.iter().map(|pane| (pane["tile"].as_str().unwrap(), pane["start"].as_str().unwrap())).collect();
    assert_eq!(
        keys,
        [
            ("day", "2024-03-01T00:00:00Z"),
            ("day", "2024-03-02T00:00:00Z"),
            ("hour", "2024-03-01T10:00:00Z"),
            ("hour", "2024-03-01T11:00:00Z"),
            ("hour", "2024-03-02T07:00:00Z"),
            ("hour", "2024-03-02T08:00:00Z"),
        ]
    );
    assert_eq!((count(&panes[0], "submitted"), count(&panes[0], "approved")), (1, 1));
    assert_eq!(panes[0]["approved"]["amount_minor"], 10_000);
    assert_eq!((count(&panes[1], "submitted"), count(&panes[1], "declined")), (1, 1));
    assert_eq!(panes[1]["declined"]["amount_minor"], 5_050, "a decline stands for what was asked for");
    let summary: Value = serde_json::from_str(&fs::read_to_string(out.join("summary.json")).unwrap()).unwrap();
    let figure = |key: &str| summary[key].as_i64().unwrap();
    assert_eq!((figure("rows"), figure("rows_ignored"), figure("rows_rejected")), (7, 1, 1));
    assert_eq!((figure("consumed"), figure("applied"), figure("duplicate")), (5, 4, 1));
    let rejected = fs::read_to_string(out.join("rejected-rows.jsonl")).unwrap();
    assert!(rejected.contains("\"line\":7"), "{rejected}");
}

#[test]
fn a_wrong_mapping_is_told_with_its_place_and_nothing_is_run() {
    let dir = tempfile::tempdir().unwrap();
    let (mapping, file, out) = (dir.path().join("m.yaml"), dir.path().join("rows.csv"), dir.path().join("out"));
    fs::write(&mapping, MAPPING.replace("partner: acme", "partnr: acme")).unwrap();
    fs::write(&file, ROWS).unwrap();
    let ended = local(&mapping, 1, &out, &file, None);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("m.yaml:10:3") && said.contains("partnr"), "{said}");
}

/// Where the real sets are, or a loud skip.
fn real_data(set: &str) -> Option<PathBuf> {
    #[allow(clippy::disallowed_methods)]
    let folder = std::env::var_os("REFLOW_REAL_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let path = folder.join(set);
    if path.exists() {
        return Some(path);
    }
    support::skip(&format!("{set} is not at hand; REFLOW_REAL_DATA names the folder of the real sets"));
    None
}

fn golden(file: &Path) -> Value {
    let data = file.parent().unwrap().parent().unwrap();
    serde_json::from_str(&fs::read_to_string(data.join("expected/golden_dev.json")).unwrap()).unwrap()
}

/// Runs a real set three times: equal bytes from run to run, equal panes with 1 and 8 shards.
fn run_thrice(name: &str, file: &Path) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let mapping = root().join(format!("examples/real-data/{name}.mapping.yaml"));
    let mut outs = Vec::new();
    for (run, shards) in [("a", 8), ("b", 8), ("c", 1)] {
        let out = dir.path().join(run);
        let ended = local(&mapping, shards, &out, file, None);
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        outs.push(out);
    }
    for name in ["partner-panes.jsonl", "candidates.jsonl", "decisions.jsonl", "dead-letters.jsonl", "summary.json"] {
        let same = fs::read(outs[0].join(name)).unwrap() == fs::read(outs[1].join(name)).unwrap();
        assert!(same, "{name} differs from run to run");
    }
    let (eight, one) = (panes(&outs[0]), panes(&outs[2]));
    assert!(eight == one, "the panes depend on the number of shards");
    eight
}

#[test]
fn bpi_2012_gives_the_published_months() {
    let Some(file) = real_data("applications_bpi2012/bpi2012_events.csv.gz") else { return };
    let expected = &golden(&file)["bpi2012"]["by_utc_month"];
    let keys = ["submitted", "approved", "declined", "cancelled"];
    let mut months: BTreeMap<String, BTreeMap<&str, i64>> = BTreeMap::new();
    for pane in run_thrice("bpi2012", &file).iter().filter(|pane| pane["tile"] == "day") {
        assert_eq!(pane["partner"], "bpi12");
        for key in keys {
            let month = pane["start"].as_str().unwrap()[..7].to_owned();
            *months.entry(month).or_default().entry(key).or_default() += count(pane, key);
        }
    }
    assert_eq!(months.len(), expected.as_object().unwrap().len());
    for (month, counts) in &months {
        for key in keys {
            assert_eq!(counts[key], expected[month][key].as_i64().unwrap_or(0), "{key} in {month}");
        }
    }
}

#[test]
fn superlender_gives_the_known_lateness() {
    let Some(file) = real_data("repayments_superlender/trainprevloans.csv.gz") else { return };
    let expected = &golden(&file)["superlender_train"];
    let (mut settled, mut late): (BTreeMap<String, i64>, BTreeMap<String, i64>) = Default::default();
    for pane in run_thrice("superlender", &file).iter().filter(|pane| pane["tile"] == "day") {
        for (bucket, tally) in pane["settled_by_days_late"].as_object().unwrap() {
            *settled.entry(bucket.clone()).or_default() += tally["count"].as_i64().unwrap();
        }
        for (days, tally) in pane["first_instalment_late"].as_object().unwrap() {
            *late.entry(days.clone()).or_default() += tally["count"].as_i64().unwrap();
        }
    }
    let buckets = &expected["first_instalment_dpd_bucket"];
    let up_to_30: i64 = ["1-3", "4-7", "8-15", "16-30"].iter().map(|bucket| settled[*bucket]).sum();
    assert_eq!(settled["0"], buckets["0"].as_i64().unwrap());
    assert_eq!(up_to_30, buckets["1-30"].as_i64().unwrap());
    for bucket in ["31-60", "61-90", "90+"] {
        assert_eq!(settled[bucket], buckets[bucket].as_i64().unwrap(), "{bucket}");
    }
    for (days, count) in expected["fpd_count_dpd_ge"].as_object().unwrap() {
        assert_eq!(late[days], count.as_i64().unwrap(), "first instalments at least {days} days late");
    }
}

#[test]
fn home_credit_gives_the_refusals_per_channel() {
    let Some(file) = real_data("applications_instalments_homecredit1k/previous_application.csv.gz") else { return };
    let expected = golden(&file)["homecredit1k"]["status_by_channel"].clone();
    let mut found: BTreeMap<String, (i64, i64, i64)> = BTreeMap::new();
    for pane in run_thrice("homecredit", &file).iter().filter(|pane| pane["tile"] == "day") {
        let sums = found.entry(pane["partner"].as_str().unwrap().to_owned()).or_default();
        sums.0 += count(pane, "approved");
        sums.1 += count(pane, "declined");
        sums.2 += count(pane, "cancelled");
    }
    for (channel, states) in expected.as_object().unwrap() {
        let state = |name: &str| states[name].as_i64().unwrap_or(0);
        let sums = found.get(channel).copied().unwrap_or_default();
        assert_eq!(sums, (state("Approved"), state("Refused"), state("Canceled")), "{channel}");
    }
}

#[test]
fn zindi_runs_with_its_policy() {
    let Some(file) = real_data("loans_zindi_lenders/Test.csv.gz") else { return };
    let expected = golden(&file)["zindi"]["by_lender"].clone();
    let dir = tempfile::tempdir().unwrap();
    let (mapping, policy) =
        (root().join("examples/real-data/zindi.mapping.yaml"), root().join("examples/real-data/zindi.policy.yaml"));
    let ended = local(&mapping, 4, dir.path(), &file, Some(&policy));
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let mut lenders: BTreeMap<String, i64> = BTreeMap::new();
    for pane in panes(dir.path()).iter().filter(|pane| pane["tile"] == "day") {
        *lenders.entry(pane["partner"].as_str().unwrap().to_owned()).or_default() += count(pane, "instalments_due");
    }
    for (lender, rows) in expected.as_object().unwrap() {
        assert_eq!(lenders.get(lender), rows.as_i64().as_ref(), "{lender}");
    }
}
