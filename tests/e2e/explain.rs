//! `reflow explain` on a real broker: a yes with the checks of both stages, noes of both, and how it ends when there is nothing
//! to explain.

use reflow::bus::Topic;
use reflow::domain::Decision;
use reflow::domain::decision::{DecisionKind, StageName};
use reflow::domain::events::{ApplicationKind, Event};
use reflow::domain::partition::partition_of;
use reflow::domain::time::HOUR_MS;
use reflow_oracle::inputs::OwnedEvent;
use reflow_oracle::{Rules, blank};
use serde_json::Value;

use crate::deployment::{Deployment, PARTNER_SHARDS, now};
use crate::market;
use crate::readback::all;
use crate::support::run;

/// A rule of the document's own, with what lifts it.
const RULE: &str = "exclusions:
  rules:
    - {code: EXC_MANY_LENDERS, text: {en: Borrows from many lenders, zh: 多头借贷较多}, owner: business, severity: soft, when: lenders > 4}
  lifts:
    - {lift: served, owner: business, reason: A manager knows the customer, codes: [EXC_MANY_LENDERS], when: '\"relationship\" in tags'}
";

/// Runs `reflow explain …`; exit code, stdout and stderr.
#[track_caller]
fn explain(deployment: &Deployment, args: &[&str]) -> (i32, String, String) {
    let mut all = vec!["explain", "--config", deployment.path()];
    all.extend(args);
    let output = run(&all, 90);
    let [told, said] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.code().unwrap(), told, said)
}

#[track_caller]
fn explained(deployment: &Deployment, args: &[&str]) -> (String, String) {
    let (code, told, said) = explain(deployment, args);
    assert_eq!(code, 0, "{told}{said}");
    (told, said)
}

#[track_caller]
fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
}

/// A customer with consent who borrows from so many lenders.
fn customer(token: &str, lenders: i32) -> OwnedEvent {
    let (id, at) = (format!("e-{token}"), now());
    let mut event = blank::customer(&id, at, token);
    event.consents.push(blank::consent("lender-own", at, None));
    event.lenders = Some(lenders);
    OwnedEvent::of(&Event::Customer(event), &Rules::default())
}

/// A deployment with a policy from the log, and what was decided: one customer excluded by the policy's own rule, and four of
/// whom the second partner's quota of two takes only the first two.
fn decided() -> (Deployment, Vec<Decision>) {
    let deployment = Deployment::new("explain", "policy: {lead_secs: 5}", None);
    let document = market::document().replacen("exclusions:\n", RULE, 1);
    let file = deployment.dir().join("policy-e2e.yaml");
    std::fs::write(&file, document).unwrap();
    let published = run(&["policy", "publish", file.to_str().unwrap(), "--config", deployment.path()], 60);
    assert_eq!(published.status.code(), Some(0), "{}", String::from_utf8_lossy(&published.stderr));
    let mut worker = deployment.start();
    let many = customer("client-many", 9);
    let few: Vec<OwnedEvent> = (1..=3).map(|n| customer(&format!("client-{n}"), 1)).collect();
    deployment.send_all(few.iter().chain([&many]));
    deployment.wait_until_drained(&mut worker, 60);
    for token in ["client-1", "client-2", "client-3", "client-many"] {
        let asks = market::drawdown([token, "partner-01", token], ApplicationKind::DrawdownRequested, now());
        deployment.send_all([&asks]);
        deployment.wait_until_drained(&mut worker, 60);
    }
    deployment.stop(worker);
    let decisions = all(&deployment, Topic::Decisions);
    (deployment, decisions)
}

#[test]
fn a_yes_is_explained_as_a_no_is() {
    let (deployment, decisions) = decided();
    let of = |customer: &str, stage: StageName, kind: DecisionKind| {
        let found = decisions.iter().find(|d| d.customer == customer && (d.stage, d.kind) == (stage, kind));
        found.unwrap_or_else(|| panic!("no {stage} {kind} of {customer} among {decisions:?}"))
    };
    a_yes(&deployment, of("client-1", StageName::Partner, DecisionKind::Yes));
    a_no_of_the_partner_stage(&deployment, of("client-3", StageName::Partner, DecisionKind::No));
    a_rule_of_the_policy(&deployment, of("client-many", StageName::Customer, DecisionKind::No));
    let proposed = of("client-3", StageName::Customer, DecisionKind::Proposed);
    let (told, _) = explained(&deployment, &["--decision", &proposed.decision]);
    has(&told, &["proposed  new_rt / customer", "of the customer stage:"]);
    assert!(!told.contains("of the partner stage:"), "{told}");
    nothing_to_explain(&deployment);
}

fn a_yes(deployment: &Deployment, yes: &Decision) {
    let (told, said) = explained(deployment, &["--decision", &yes.decision]);
    let stages = ["of the customer stage:", "passed opt out: no (asked for: no)", "of the partner stage:"];
    has(
        &told,
        &[
            "yes  new_rt / partner",
            stages[0],
            stages[1],
            stages[2],
            "passed admitted today: 0 (asked for: below 2, margin 2)",
        ],
    );
    assert!(told.find(stages[0]) < told.find(stages[1]) && told.find(stages[1]) < told.find(stages[2]), "{told}");
    has(
        &told,
        &["The guard's arithmetic:", "24h: disbursed C = 0, declined D = 0", "N = C+D+X+K+T+R+1 = 1; X+R+1 = 1; q = "],
    );
    // What is young is found without reading all of a topic.
    has(&said, &[&format!("reading {} since ", deployment.topic(Topic::Decisions))]);
    assert!(!said.contains("from its beginning"), "{said}");

    let at = yes.decided_at.to_string();
    let (json, said) = explained(deployment, &["--customer", "client-1", "--at", &at, "--json"]);
    let partition = partition_of(b"client-1", PARTNER_SHARDS);
    has(&said, &[&format!("reading {}[{partition}] since ", deployment.topic(Topic::Decisions))]);
    let account: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(account["decision"]["decision"], yes.decision.as_str());
    let stages: Vec<&str> =
        account["checks"].as_array().unwrap().iter().map(|c| c["stage"].as_str().unwrap()).collect();
    assert!(stages.is_sorted() && stages[0] == "customer" && stages[stages.len() - 1] == "partner", "{stages:?}");
    assert_eq!(account["guard"][0]["terms"]["n"], 1);
    assert_eq!(account["candidate"]["offer"]["code"], "A-01");
    assert_eq!(account["consent"]["consent"], account["candidate"]["right_to_act"]["consent"]);

    let (page, _) = explained(deployment, &["--decision", &yes.decision, "--page", "--lang", "zh"]);
    has(&page, &["lang=\"zh\"", "营销方案决策说明", "A-01 (own_cash)", "5000.00 CNY", "<dd>准入</dd>", "own/opt-out"]);
    assert!(page.contains(account["consent"]["consent"].as_str().unwrap()), "{page}");
}

fn a_no_of_the_partner_stage(deployment: &Deployment, no: &Decision) {
    let (told, said) = explained(deployment, &["--decision", &no.decision]);
    has(
        &told,
        &["no  new_rt / partner", "HOLD_QUOTA_DAY [business, soft]", "→ with daily quota +1, or on the next day"],
    );
    has(&told, &["of the customer stage:", "FAILED admitted today: 2 (asked for: below 2, margin 0)"]);
    assert!(!said.contains("candidates"), "a refused one was never published: {said}");
    let (told, _) = explained(deployment, &["--decision", &no.decision, "--lang", "zh"]);
    has(&told, &["不准入", "日名额 +1 或次日", "客户阶段", "渠道阶段", "当日已准入"]);
}

fn a_rule_of_the_policy(deployment: &Deployment, no: &Decision) {
    let (told, said) = explained(deployment, &["--decision", &no.decision]);
    has(
        &told,
        &[
            "EXC_MANY_LENDERS [business, soft] Borrows from many lenders",
            "`lenders > 4` holds no longer; it read lenders",
            "`served`",
        ],
    );
    has(&said, &[&format!("reading {}", deployment.topic(Topic::Policies))]);
    assert!(!said.contains("PartitionEOF"), "the end of a partition is no error: {said}");
    let (page, _) = explained(deployment, &["--decision", &no.decision, "--lang", "zh", "--page"]);
    has(&page, &["<li>多头借贷较多 (EXC_MANY_LENDERS)</li>", "未提供任何方案"]);
    let file = deployment.dir().join("policy-e2e.yaml");
    let (told, said) = explained(deployment, &["--decision", &no.decision, "--policy", file.to_str().unwrap()]);
    has(&told, &["Borrows from many lenders"]);
    assert!(!said.contains(&deployment.topic(Topic::Policies)) && !said.contains("the files are policy"), "{said}");
}

fn nothing_to_explain(deployment: &Deployment) {
    let (code, _, said) = explain(deployment, &["--decision", "nobody-decided-this"]);
    assert!(code == 1 && said.contains("no decision `nobody-decided-this`"), "{code} {said}");
    has(&said, &[&format!("reading {} from its beginning", deployment.topic(Topic::Decisions))]);
    let before = now().plus_ms(-2 * HOUR_MS).to_string();
    let (code, _, said) = explain(deployment, &["--customer", "client-1", "--at", &before]);
    assert!(code == 1 && said.contains("the first is of 20"), "{code} {said}");
    let (code, _, said) = explain(deployment, &["--customer", "nobody", "--at", "1h"]);
    assert!(code == 1 && said.contains("there is none later"), "{code} {said}");
    for wrong in [&["--customer", "client-1"][..], &["--decision", "a", "--customer", "b", "--at", "1h"], &[]] {
        assert_eq!(explain(deployment, wrong).0, 2, "{wrong:?}");
    }
    let (code, _, said) = explain(deployment, &["--customer", "client-1", "--at", "soon"]);
    assert!(code == 2 && said.contains("`soon` is not a moment"), "{code} {said}");
}

#[test]
fn a_broker_that_is_away_is_told() {
    let away = Deployment::at("127.0.0.1:9", "explain-away", "", None);
    let (code, told, said) = explain(&away, &["--decision", "any"]);
    assert!(code == 3 && told.is_empty() && said.contains("is the broker at 127.0.0.1:9 up"), "{code} {said}");
}
