//! Every scenario in `tests/scenarios`, each named in the output; no code that is given today without one; and what
//! `reflow explain` makes of them.

#![allow(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use reflow::domain::ReasonCode;
use reflow::domain::decision::{DecisionKind, StageName};
use reflow::domain::reason_text::Language;
use reflow::domain::words::Word;
use reflow::ops::explain::account_of;
use reflow::ops::policy::test::{Tested, files, one};

/// Codes that no decision of the two stages carries.
const NOT_YET: &[&str] = &[
    // Without a policy nothing is decided at all (`data/no-policy-yet.yaml`).
    "DATA_NO_POLICY",
    // Said of candidates for offline contact only, which the scan is to make.
    "HOLD_RETURNING_SHARE",
    // A policy is refused for these when it is read, so no event is ever judged by one (`tests/policies/broken`).
    "FAIR_SELECTION_TERMS",
    "FAIR_PROTECTED",
    "FAIR_EXISTING_WORSE",
];

/// Least number of scenarios that there are to be.
const SCENARIOS_MIN: usize = 60;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn played() -> Vec<Result<Tested, String>> {
    files(&[root()]).unwrap().iter().map(|file| one(file)).collect()
}

#[test]
fn every_scenario_is_as_expected() {
    let (mut wrong, mut titles) = (Vec::new(), BTreeSet::new());
    for played in played() {
        match played {
            Ok(tested) if tested.differences.is_empty() => {
                println!("passed: {}", tested.title);
                assert!(titles.insert(tested.title.clone()), "two scenarios say: {}", tested.title);
            }
            Ok(tested) => wrong.push(tested.in_words()),
            Err(problems) => wrong.push(problems),
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(titles.len() >= SCENARIOS_MIN, "{} scenarios", titles.len());
}

#[test]
fn every_code_that_is_given_has_its_scenario() {
    let named: BTreeSet<String> = played().into_iter().flatten().flat_map(|tested| tested.codes).collect();
    // That a candidate ran out is expected as `expired`, without its code.
    let without: Vec<&str> = ReasonCode::NAMES
        .iter()
        .copied()
        .filter(|code| !NOT_YET.contains(code) && *code != "END_EXPIRED" && !named.contains(*code))
        .collect();
    assert!(without.is_empty(), "codes without a scenario: {without:?}");
    let given: Vec<&&str> = NOT_YET.iter().filter(|code| named.contains(**code)).collect();
    assert!(given.is_empty(), "given after all: {given:?}");
}

fn play(text: &str) -> Result<Tested, String> {
    let dir = tempfile::tempdir().unwrap();
    // Policies are named as seen from the scenario, so the one of the real ones lies above.
    let policy = "market.policy.yaml";
    std::fs::copy(root().join(policy), dir.path().join(policy)).unwrap();
    let file = dir.path().join("made").join("made.yaml");
    std::fs::create_dir(dir.path().join("made")).unwrap();
    std::fs::write(&file, text).unwrap();
    one(&file)
}

#[test]
fn a_failing_scenario_says_where_and_what() {
    let text = "scenario: made\npolicy: ../market.policy.yaml\nsteps:\n  - known: c1\n    flags: [hardship]\n  - draw: c1\n    expect:\n      yes: c1\n      checks: {dpd_now: 3}\n";
    let tested = play(text).expect("a scenario");
    let words = tested.in_words();
    assert!(
        words.contains("made.yaml:8:12\n    expected yes c1\n    found    no c1 because GATE_HARDSHIP\n"),
        "{words}"
    );
    assert!(words.contains("made.yaml:9:25\n    expected checks.dpd_now 3\n    found    0\n"), "{words}");
}

#[test]
fn what_is_no_scenario_says_where_and_what_was_expected() {
    let head = "scenario: made\npolicy: ../market.policy.yaml\n";
    let cases = [
        (String::new(), "expected a scenario"),
        ("scenario: made\nsteps: []\n".to_owned(), "a scenario without `policy`"),
        (format!("{head}steps:\n  - drow: c1\n"), ":4:5: found `drow`, expected a step that begins with one of known"),
        (
            format!("{head}steps:\n  - draw: c1\n    colour: red\n"),
            ":5:5: found `colour`, which this step does not know",
        ),
        (format!("{head}steps:\n  - draw: c1\n    at: tomorrow\n"), ":5:9: found `tomorrow`, expected a time such as"),
        (format!("{head}steps:\n  - customer: c1\n    flags: [sad]\n"), ":5:13: found `sad`, expected one of opt_out"),
        (
            format!("{head}steps:\n  - draw: c1\n    expect: {{jes: c1}}\n"),
            ":5:14: found `jes`, which `expect` does not know",
        ),
        (
            format!("{head}change: {{contracts.p77.modes: [offline]}}\nsteps: []\n"),
            ":3:10: found `contracts.p77.modes`",
        ),
        (format!("{head}change: {{contact.cool_down: soon}}\nsteps: []\n"), ":3:10: found a problem in the policy"),
        (head.replace("market", "nowhere") + "steps: []\n", ":2:9: found"),
    ];
    for (text, said) in cases {
        let problems = play(&text).expect_err(&text);
        assert!(problems.contains(said), "{text}\n{problems}");
    }
}

fn explained(scenario: &str, language: Language) -> (String, String) {
    let account = account_of(&root().join(scenario), None, language).unwrap();
    (account.in_words(), account.page())
}

#[test]
fn an_explanation_says_what_would_have_turned_the_no() {
    for (scenario, said) in [
        ("contact/cool-down-over-partners.yaml", "passes in 5 d (2024-06-10T01:00:00Z)"),
        ("contact/frequency-cap-window.yaml", "yes  new_rt / partner"),
        ("gates/contract-forbids.yaml", "→ never: contract"),
        ("gates/hardship.yaml", "yes  new_rt / partner"),
        ("gates/complaint.yaml", "yes  new_rt / partner"),
        ("quota/expired-is-spent.yaml", "with daily quota +1, or on the next day"),
        ("guard/reserved-max.yaml", "with 1 fewer live or diverted"),
        ("exclusions/debt-burden.yaml", "DATA_MISSING [compliance, soft]"),
        ("exclusions/income-share.yaml", "when monthly income is at least 100000 minor units"),
        ("exclusions/income-share.yaml", "exposure share of income: 50.0006 % (asked for: at most 50 %"),
        ("exclusions/late-months.yaml", "FAILED late months 24m: 6 (asked for: below 6, margin 0)"),
        ("data/policy-changed.yaml", "with a contract in a policy that every worker knows"),
    ] {
        let (words, _) = explained(scenario, Language::English);
        assert!(words.contains(said), "{scenario}\n{words}");
    }
    let (words, _) = explained("guard/reflow-effect.yaml", Language::English);
    assert!(words.contains("effect") && words.contains("= 2.3301 % > 2 %"), "{words}");
    let (words, _) = explained("contact/cool-down-over-partners.yaml", Language::Chinese);
    assert!(words.contains("5 天后通过") && words.contains("静默期"), "{words}");
}

#[test]
fn a_yes_is_explained_with_the_checks_of_both_stages() {
    let (words, _) = explained("guard/enough.yaml", Language::English);
    let places = [" of the customer stage:", "opt out: no", " of the partner stage:", "reflow effect 24h: "];
    let found: Vec<usize> =
        places.iter().map(|said| words.find(said).unwrap_or_else(|| panic!("{said}\n{words}"))).collect();
    assert!(found.is_sorted() && !words.contains("asked for: nothing"), "{words}");
    let account = account_of(&root().join("offers/newcomer.yaml"), None, Language::English).unwrap();
    assert!(account.decision.kind == DecisionKind::Yes && account.earlier.len() == 1);
    let customers = account.checks.iter().filter(|check| check.stage == StageName::Customer);
    assert!(customers.clone().count() > 20 && customers.clone().all(|check| check.passed), "{:?}", account.checks);
    assert!(customers.clone().any(|check| check.margin.is_some()));
}

#[test]
fn the_arithmetic_says_whose_pass_the_counterfactual_is() {
    for (scenario, said) in [
        ("guard/holdout-holds.yaml", "the pass of the holdout ("),
        ("guard/holdout-too-few.yaml", "in 28 days); of the holdout there are "),
        ("guard/reflow-effect.yaml", "the pass of undiverted drawdowns (100 in 28 days)"),
    ] {
        let (words, _) = explained(scenario, Language::English);
        assert!(words.contains("q = ") && words.contains(said), "{scenario}\n{words}");
    }
}

#[test]
fn a_rule_of_the_policy_speaks_for_itself() {
    let (words, page) = explained("conditions/lift.yaml", Language::English);
    let said = "EXC_MANY_LENDERS [business, soft] A newcomer with many lenders";
    assert!(
        words.contains(said) && page.contains("<li>A newcomer with many lenders (EXC_MANY_LENDERS)</li>"),
        "{words}"
    );
    assert!(words.contains("it read kind, lenders; or lifted by `served` ("), "{words}");
    let (words, _) = explained("conditions/lift.yaml", Language::Chinese);
    assert!(words.contains("新客多头借贷较多") && words.contains("该规则读取:kind, lenders"), "{words}");
    let (words, _) = explained("conditions/unknown.yaml", Language::English);
    assert!(words.contains("→ when lenders is known"), "{words}");
}

#[test]
fn four_reasons_are_told_first_and_all_are_named() {
    let (words, page) = explained("exclusions/all-reasons.yaml", Language::English);
    let told: Vec<&str> = words.lines().filter(|line| line.contains(", hard]") || line.contains(", soft]")).collect();
    assert_eq!(told.len(), 4, "{words}");
    assert!(told[0].contains("GATE_NO_CONSENT [law, hard]") && told[2].contains("EXC_REGION [law, hard]"), "{words}");
    assert!(words.contains("GATE_DEADLINE The answer came later"), "{words}");
    assert_eq!(page.matches("<li>").count(), 4, "{page}");
    assert!(page.contains("EXC_RISK_BAND"), "every code is named with the rule: {page}");
}

#[test]
fn the_page_says_what_was_offered_and_on_which_consent() {
    let (_, page) = explained("offers/newcomer.yaml", Language::English);
    for said in
        ["12345.67 CNY", "21.5 %", "2024-05-04T01:00:00Z", "<dd>v1</dd>", "consent-c1", "own/opt-out", "scenarios ("]
    {
        assert!(page.contains(said), "{said}\n{page}");
    }
    let (_, page) = explained("gates/consent-for-servicing.yaml", Language::Chinese);
    assert!(page.contains("<dd>无有效同意</dd>") && page.contains("<dd>未提供任何方案</dd>"), "{page}");
    assert!(page.contains("lang=\"zh\""));
}

#[test]
fn other_events_or_another_policy_can_be_tried() {
    let events = root().join("gates/hardship.yaml");
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/minimal.yaml");
    let account = account_of(&events, Some(&policy), Language::English).expect("a decision");
    assert_eq!(account.decision.policy_version, "1");
    let nothing =
        account_of(&root().join("data/no-policy-yet.yaml"), None, Language::English).expect_err("no decision");
    assert_eq!(nothing.code, 1, "{}", nothing.message);
    let unreadable = account_of(&root().join("nowhere.yaml"), None, Language::English).expect_err("no file");
    assert_eq!(unreadable.code, 2, "{}", unreadable.message);
}
