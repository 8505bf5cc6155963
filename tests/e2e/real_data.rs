//! Real data through real Kafka gives the panes that the same files give without one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reflow::bus::Topic;
use reflow::domain::Counter;
use reflow::domain::view::{PartnerPane, Tile};
use reflow::domain::words::Word;
use serde_json::Value;

use crate::deployment::Deployment;
use crate::readback::{all, dead_letters};
use crate::support::{run, skip};

/// Counters that stand in a line of `partner-panes.jsonl` under their own name.
const FLOWS: [Counter; 12] = [
    Counter::Submitted,
    Counter::Approved,
    Counter::Declined,
    Counter::Cancelled,
    Counter::DrawdownRequested,
    Counter::DrawdownDisbursed,
    Counter::DrawdownDeclined,
    Counter::DrawdownDiverted,
    Counter::DrawdownCancelled,
    Counter::DrawdownTimedOut,
    Counter::InstalmentsDue,
    Counter::InstalmentsOpen,
];

/// Counters that stand there under a bucket.
const SETTLED: [(&str, Counter); 8] = [
    ("0", Counter::Settled0),
    ("1-3", Counter::Settled1To3),
    ("4-7", Counter::Settled4To7),
    ("8-15", Counter::Settled8To15),
    ("16-30", Counter::Settled16To30),
    ("31-60", Counter::Settled31To60),
    ("61-90", Counter::Settled61To90),
    ("90+", Counter::Settled90Plus),
];

/// What a day tile says: partner and start, then counts and amounts by name.
type Days = BTreeMap<(String, String), BTreeMap<String, (i64, i64)>>;

#[test]
fn bpi2012_through_kafka_equals_local() {
    through_kafka("bpi2012", "applications_bpi2012/bpi2012_events.csv.gz");
}

#[test]
fn superlender_through_kafka_equals_local() {
    through_kafka("superlender", "repayments_superlender/trainprevloans.csv.gz");
}

fn through_kafka(set: &str, file: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = std::env::var_os("REFLOW_REAL_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    let (mapping, file) = (root.join(format!("examples/real-data/{set}.mapping.yaml")), data.join(file));
    if !file.exists() {
        return skip("the real data is not there; set REFLOW_REAL_DATA to its folder");
    }
    // Nobody is late in a back-fill: its topics are read side by side, and years apart in event time.
    let more = "clock: {kind: event}\ncustomer: {late_event_secs_max: 315360000}\n\
                partner: {hours_keep_days: 800, view_every_ms: 86400000}";
    let deployment = Deployment::new(set, more, None);
    let (mapping, file) = (mapping.to_str().unwrap(), file.to_str().unwrap());
    let out = deployment.dir().join("local");
    let ended = |args: &[&str]| {
        let ended = run(&[args, &[file]].concat(), 180);
        // 1: some rows could not be read, in both ways the same ones.
        assert!(matches!(ended.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&ended.stderr));
    };
    ended(&["load", "--config", deployment.path(), "--mapping", mapping]);
    ended(&["local", "--mapping", mapping, "--out", out.to_str().unwrap()]);
    let mut worker = deployment.start();
    deployment.wait_until_drained(&mut worker, 120);
    deployment.stop(worker);

    let rejected = dead_letters(&deployment);
    assert!(rejected.is_empty(), "{} dead letters, the first: {:?}", rejected.len(), rejected.first());
    let (local, kafka) = (days_of_file(&out.join("partner-panes.jsonl")), days_of_kafka(&deployment));
    assert!(local.len() > 100, "{} day tiles", local.len());
    let keys: std::collections::BTreeSet<_> = local.keys().chain(kafka.keys()).collect();
    let differ: Vec<_> = keys.into_iter().filter(|key| local.get(*key) != kafka.get(*key)).collect();
    let first = differ.first().map(|key| (*key, local.get(*key), kafka.get(*key)));
    assert!(differ.is_empty(), "{} of {} day tiles differ, the first: {first:#?}", differ.len(), local.len());
}

fn days_of_kafka(deployment: &Deployment) -> Days {
    let mut days = Days::new();
    for pane in all::<PartnerPane>(deployment, Topic::PartnerPanes).iter().filter(|pane| pane.tile == Tile::Day) {
        let named = |counter: Counter| {
            let bucket = SETTLED.iter().find(|(_, settled)| *settled == counter).map(|(days, _)| (*days).to_owned());
            bucket.or_else(|| FLOWS.contains(&counter).then(|| counter.name().to_owned()))
        };
        let cells = pane.cells.iter().filter_map(|cell| {
            let tally = (cell.tally.count, cell.tally.amount_minor);
            (tally != (0, 0)).then_some((named(cell.counter)?, tally))
        });
        // The last record of a tile stands.
        days.insert((pane.partner.to_string(), pane.start.to_string()), cells.collect());
    }
    days.retain(|_, cells| !cells.is_empty());
    days
}

fn days_of_file(path: &Path) -> Days {
    let mut days = Days::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["tile"] != "day" {
            continue;
        }
        let flows = FLOWS.iter().map(|counter| (counter.name().to_owned(), &line[counter.name()]));
        let settled = SETTLED.iter().map(|(bucket, _)| ((*bucket).to_owned(), &line["settled_by_days_late"][*bucket]));
        let cells = flows.chain(settled).filter_map(|(name, tally)| {
            let tally = (tally["count"].as_i64()?, tally["amount_minor"].as_i64()?);
            (tally != (0, 0)).then_some((name, tally))
        });
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        days.insert((text("partner"), text("start")), cells.collect());
    }
    days.retain(|_, cells: &mut BTreeMap<_, _>| !cells.is_empty());
    days
}
