//! The policy log on a real broker: three workers under load switch at one event time, and nothing that is no policy acts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use reflow::bus::Topic;
use reflow::domain::alert::AlertKind;
use reflow::domain::decision::{Decision, DecisionKind, StageName};
use reflow::domain::time::SECOND_MS;
use reflow::domain::{EventTime, Text};

use crate::deployment::{Deployment, READY_SECS_MAX, now};
use crate::readback::{alerts, all};
use crate::support::{Worker, delete_records, make_anew, run, wait_until};
use crate::trade::{under_load, wait_for_progress};
use crate::{audit, market};

/// Lead time of these deployments, and what a publication may take on top of it, seconds.
const LEAD_SECS: i64 = 5;
const SLACK_SECS: i64 = 6;

/// A deployment whose policies come from the log.
fn deployment(name: &str) -> Deployment {
    let more = format!("{}\ntransaction: {{timeout_ms: 5000}}\npolicy: {{lead_secs: {LEAD_SECS}}}", market::PATIENT);
    Deployment::new(name, &more, None)
}

/// The market's policy under another version and effective time.
fn document(version: &str, effective_from: &str) -> String {
    market::document().replacen("version: \"e2e\"", &format!("version: {version}"), 1).replacen(
        "2020-01-01T00:00:00Z",
        effective_from,
        1,
    )
}

fn file(deployment: &Deployment, version: &str, effective_from: &str) -> PathBuf {
    let file = deployment.dir().join(format!("{version}.yaml"));
    std::fs::write(&file, document(version, effective_from)).unwrap();
    file
}

/// Runs `reflow policy …`; exit code and both outputs.
#[track_caller]
fn policy(deployment: &Deployment, args: &[&str]) -> (i32, String) {
    let mut all = vec!["policy"];
    all.extend(args);
    all.extend(["--config", deployment.path()]);
    let output = run(&all, 60);
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.code().unwrap(), said.concat())
}

#[track_caller]
fn publish(deployment: &Deployment, version: &str, effective_from: &str) -> (i32, String) {
    let file = file(deployment, version, effective_from);
    policy(deployment, &["publish", file.to_str().unwrap()])
}

#[track_caller]
fn published(deployment: &Deployment, version: &str, effective_from: &str) {
    let (code, said) = publish(deployment, version, effective_from);
    assert_eq!(code, 0, "{said}");
}

/// Digest and newest version that a worker knows.
fn known(worker: &Worker) -> (String, String) {
    let (_, metrics) = worker.get("/metrics");
    let line = metrics.lines().find(|line| line.starts_with("reflow_policies_known{")).unwrap().to_owned();
    let label = |name: &str| line.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
    (label("digest"), label("newest"))
}

/// Waits until every worker knows that version, and all of them the same.
#[track_caller]
fn wait_until_known(workers: &[Worker], version: &str) {
    wait_until(&format!("all workers to know {version}"), 30, || {
        let all: Vec<(String, String)> = workers.iter().map(known).collect();
        all.iter().all(|(digest, newest)| newest == version && *digest == all[0].0)
    });
}

/// Decisions by version and stage.
fn judged(deployment: &Deployment) -> BTreeMap<(Text, StageName), usize> {
    let mut counts = BTreeMap::new();
    for decision in all::<Decision>(deployment, Topic::Decisions) {
        *counts.entry((decision.policy_version, decision.stage)).or_default() += 1;
    }
    counts
}

#[track_caller]
fn wait_until_judged(deployment: &Deployment, version: &str) {
    wait_until(&format!("decisions of both stages under {version}"), 60, || {
        let counts = judged(deployment);
        [StageName::Customer, StageName::Partner].iter().all(|stage| counts.contains_key(&(version.into(), *stage)))
    });
}

fn in_secs(secs: i64) -> EventTime {
    now().plus_ms(secs * SECOND_MS).floor(SECOND_MS)
}

#[test]
fn three_workers_switch_at_one_event_time_and_back() {
    let deployment = deployment("reload");
    // Nobody has seen anything: a first policy may reach back.
    published(&deployment, "first", "2020-01-01T00:00:00Z");
    let (mut workers, mut second, mut back) = (Vec::new(), EventTime(0), String::new());
    let sent = under_load(&deployment, 41, || {
        workers = (0..3).map(|instance| deployment.spawn_as(instance)).collect();
        workers.iter_mut().for_each(|worker| worker.wait_for_log("ready lanes=", READY_SECS_MAX));
        wait_for_progress(&deployment, READY_SECS_MAX);
        wait_until_judged(&deployment, "first");

        let (code, said) = publish(&deployment, "hasty", &in_secs(LEAD_SECS - 2).to_string());
        assert!(code == 2 && said.contains("is too early") && said.contains("policy.lead_secs"), "{code} {said}");
        let (code, said) = publish(&deployment, "first", &in_secs(60).to_string());
        assert!(code == 2 && said.contains("version `first` again"), "{code} {said}");

        second = in_secs(LEAD_SECS + SLACK_SECS);
        published(&deployment, "second", &second.to_string());
        wait_until_known(&workers, "second");
        assert!(now() < second, "the lead time was not enough to learn of it");
        // What is no policy reaches all workers and changes nothing.
        deployment.producer.send_to(
            &deployment.topic(Topic::Policies),
            0,
            Some(b"junk"),
            Some(b"\0\0\0\0\x0fnot a policy"),
        );
        deployment.producer.drain();
        wait_until_judged(&deployment, "second");

        let by = ["--author", "a.author", "--approver", "b.approver", "--reason", "Back to the first"];
        let same = policy(&deployment, &[&["rollback", "first", "--as", "second"], &by[..]].concat());
        assert!(same.0 == 2 && same.1.contains("version `second` again"), "{same:?}");
        let (code, said) = policy(&deployment, &[&["rollback", "first", "--as", "third"], &by[..]].concat());
        assert_eq!(code, 0, "{said}");
        back = said.split("in force from ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        wait_until_known(&workers, "third");
        wait_until_judged(&deployment, "third");
    });
    let (code, said) = policy(&deployment, &["status"]);
    assert_eq!(code, 0, "{said}");
    for expected in ["in_force", "never in force: offset 2", "current", "room for 4093 more versions"] {
        assert!(said.contains(expected), "no {expected:?} in {said}");
    }
    deployment.wait_until_drained(&mut workers[0], 120);
    let digests: Vec<(String, String)> = workers.iter().map(known).collect();
    assert!(digests.iter().all(|known| *known == digests[0]), "{digests:?}");
    workers.into_iter().for_each(|worker| deployment.stop(worker));

    let back = EventTime(back.parse::<jiff::Timestamp>().unwrap().as_millisecond());
    let expected = |at: EventTime| match () {
        _ if at >= back => "third",
        _ if at >= second => "second",
        _ => "first",
    };
    let decisions = all::<Decision>(&deployment, Topic::Decisions);
    let judging =
        |kind| matches!(kind, DecisionKind::Proposed | DecisionKind::Yes | DecisionKind::No | DecisionKind::TooLate);
    for decision in decisions.iter().filter(|decision| judging(decision.kind)) {
        assert_eq!(decision.policy_version, expected(decision.event_time), "{decision:?}");
        assert!(!decision.reasons.iter().any(|code| code == "DATA_POLICY_CHANGED"), "{decision:?}");
    }
    println!("{sent} records, decisions {:?}", judged(&deployment));
    let told = alerts(&deployment).into_iter().filter(|alert| alert.kind == AlertKind::PolicyRejected);
    let told: Vec<_> = told.map(|alert| (alert.alert, alert.detail)).collect();
    assert!(told.len() == 1 && told[0].1.starts_with("offset 2,"), "{told:?}");
    audit::sums(&crate::readback::read_back(&deployment)).assert_clean();
}

#[test]
fn a_worker_with_files_does_not_read_the_log_and_nothing_is_published_for_it() {
    let deployment = Deployment::new("from-files", "", Some(&market::document()));
    let (code, said) = publish(&deployment, "unheard", "2030-01-01T00:00:00Z");
    assert!(code == 2 && said.contains("policy files"), "{code} {said}");
    let worker = deployment.start();
    assert_eq!(known(&worker).1, "e2e");
    let (code, said) = policy(&deployment, &["status"]);
    assert!(code == 0 && said.contains("in_force") && said.contains("current"), "{code} {said}");
    assert!(!said.contains("more versions"), "{said}");
    deployment.stop(worker);
}

/// Needs no broker: the command as people and pipelines meet it.
#[test]
fn two_policies_are_compared_in_plain_words_and_by_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = dir.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let whole = market::document();
    let (head, rest) = whole.split_once("exclusions:").unwrap();
    let one = write("one.yaml", &whole);
    write("parts/head.yaml", head);
    write("parts/rules.yml", &format!("exclusions:{rest}"));
    let parts = dir.path().join("parts").to_str().unwrap().to_owned();
    let diff = |a: &str, b: &str, more: &[&str]| {
        let output = run(&[&["policy", "diff", a, b], more].concat(), 30);
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), said, String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(diff(&one, &parts, &[]).0, 0, "the same in two files");
    let other = write("other.yaml", &whole.replacen("quota_per_day: 2\n", "quota_per_day: 1\n", 1));
    let (code, said, _) = diff(&parts, &other, &[]);
    assert!(code == 1 && said.starts_with("partner-01: quota per day from 2 to 1  ("), "{code} {said}");
    assert!(said.contains("parts/head.yaml:") && said.contains("other.yaml:"), "{said}");
    let (code, said, _) = diff(&parts, &other, &["--json"]);
    let rows: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, rows[0]["partner"].as_str(), rows[0]["to"].as_str()), (1, Some("partner-01"), Some("1")));
    let broken = write("broken.yaml", "contracts: [\n");
    let (code, _, said) = diff(&one, &broken, &[]);
    assert!(code == 2 && said.contains("broken.yaml:"), "{code} {said}");
    assert_eq!(diff(&one, dir.path().join("none.yaml").to_str().unwrap(), &[]).0, 2);
}

/// Who has read it goes on; who starts cannot know what was in force.
#[test]
fn a_policy_log_without_its_beginning_is_a_reason_not_to_start() {
    let deployment = deployment("headless");
    published(&deployment, "first", "2020-01-01T00:00:00Z");
    published(&deployment, "second", &in_secs(LEAD_SECS + SLACK_SECS).to_string());
    delete_records(&deployment.bootstrap, &deployment.topic(Topic::Policies), 0, 1);
    let ended = run(&["run", "--config", deployment.path()], 60);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("begins at offset 1, and offset 0 was to be read"), "{said}");
}

#[test]
fn a_policy_log_that_is_made_anew_ends_the_worker() {
    let deployment = deployment("renewed");
    published(&deployment, "first", "2020-01-01T00:00:00Z");
    let mut worker = deployment.start();
    let settings = [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("max.message.bytes", "8388608")];
    make_anew(&deployment.bootstrap, &deployment.topic(Topic::Policies), 1, &settings);
    assert_eq!(worker.wait(120), 2, "{}", worker.log());
    assert!(worker.log().contains("ends at offset 0, and was read up to 1"), "{}", worker.log());
}
