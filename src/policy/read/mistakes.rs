//! Typical mistakes, with the exact words their author reads.

use crate::policy::{Document, Part, Policy, PolicySet};

const MINIMAL: &str = include_str!("../../../policies/minimal.yaml");

/// The messages for the minimal document with some of its text replaced.
fn messages(replacements: &[(&str, &str)]) -> Vec<String> {
    let mut text = MINIMAL.to_owned();
    for (from, to) in replacements {
        assert!(text.contains(from), "the minimal document no longer holds {from}");
        text = text.replacen(from, to, 1);
    }
    let problems = Policy::parse("p.yaml", &text).expect_err("the document is wrong");
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_minimal_document_is_a_policy() {
    let policy = Policy::parse("minimal.yaml", MINIMAL).unwrap();
    assert_eq!(policy.hash, blake3::hash(MINIMAL.as_bytes()).to_hex().as_str()[..32]);
    assert!(policy.contract("p01").is_some_and(|contract| contract.real_time && !contract.triggers_on_risk_passed));
    assert!(policy.contract("p02").is_none());
}

#[test]
fn broken_yaml_says_where() {
    let found = messages(&[("zone: Asia/Shanghai", "zone: [Asia/Shanghai")]);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("p.yaml:10:"), "{}", found[0]);
    assert!(
        found[0].ends_with("expected YAML; check indentation, colons, brackets and quotes there and on the line above")
    );
}

#[test]
fn an_unknown_key_names_the_known_ones() {
    assert_eq!(
        messages(&[("cool_down:", "cooldown:")]),
        [
            "p.yaml:29:3: found `contact` without `cool_down`, expected `cool_down`; add `cool_down: …`",
            "p.yaml:30:3: found `cooldown`, which `contact` does not know, expected one of cap, cool_down, calendar, \
             contacts, zone, quiet_hours, permissions, response_from; perhaps `cool_down` is meant; correct the key or \
             remove it",
        ]
    );
    // Keys that may be left out are named too; nothing is guessed where nothing is alike.
    let found = messages(&[("quota_per_day: 100", "quota_per_day: 100\n    quota_per_our: 10\n    weather: fine")]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].ends_with("; perhaps `quota_per_hour` is meant; correct the key or remove it"), "{}", found[0]);
    assert!(found[1].ends_with("; correct the key or remove it") && !found[1].contains("perhaps"), "{}", found[1]);
    for key in ["day_begins_at", "budgets", "api_channels", "enhancers", "data_use", "fee_per_disbursed_minor"] {
        assert!(found.iter().all(|said| said.contains(key)), "{key}: {found:?}");
    }
}

#[test]
fn what_the_guard_cannot_promise_is_told_in_words_of_its_own() {
    assert_eq!(
        messages(&[("      min_n: 200", "      basis: limit_approval\n      min_n: 200")]),
        [
            "p.yaml:21:7: found `basis` with `limit_approval` as its basis, expected a guard of `drawdown_pass`: no candidate \
          can move `limit_approval`; remove it; `hold_on_limit_approval_below` is the condition that a contract may hold on"
        ]
    );
    // The condition itself is no basis.
    let held = MINIMAL.replace("      min_n: 200", "      hold_on_limit_approval_below: 60 %\n      min_n: 200");
    assert!(Policy::parse("p.yaml", &held).is_ok());
}

#[test]
fn a_share_needs_its_unit_and_its_range() {
    assert_eq!(
        messages(&[("reflow_effect_max: 1 point", "reflow_effect_max: 0.01")]),
        [
            "p.yaml:20:26: found `0.01`, expected a percentage such as `1.5 %` or `1.5 points`; write the number with its unit"
        ]
    );
    assert_eq!(
        messages(&[("reflow_effect_max: 1 point", "reflow_effect_max: 120 %")]),
        ["p.yaml:20:26: found `120 %`, expected a share from 0 % to 100 %; correct the number"]
    );
}

#[test]
fn dates_zone_currency_and_quota_are_all_reported_at_once() {
    let found = messages(&[
        ("zone: Asia/Shanghai", "zone: Asia/Shanhai"),
        ("currency: CNY", "currency: Rmb"),
        ("to: 2025-12-31", "to: 2023-12-31"),
        ("horizons: [24h, 28d]", "horizons: [24h, 2d]"),
        ("quota_per_day: 100", "quota_per_day: -1"),
    ]);
    assert_eq!(
        found,
        [
            "p.yaml:9:11: found `Asia/Shanhai`, expected an IANA time zone such as `Asia/Shanghai`; \
             look its name up in the IANA database",
            "p.yaml:10:15: found `Rmb`, expected three upper-case letters such as `CNY`; use ISO 4217",
            "p.yaml:11:64: found an end before the start, expected an end after the start (2024-01-01T00:00:00Z); \
             correct one of the two dates",
            "p.yaml:24:23: found `2d`, expected one of 1h, 24h, 7d, 28d; choose one of these",
            "p.yaml:25:20: found `-1`, expected a whole number from 0 to 100000000; correct the number",
        ]
    );
}

#[test]
fn nobody_approves_his_own_policy() {
    assert_eq!(
        messages(&[("approver: b.approver", "approver: A.Author")]),
        ["p.yaml:5:11: found `A.Author`, expected another person than the author; \
          let a second person approve the document"]
    );
}

#[test]
fn words_that_every_decision_repeats_have_a_bound() {
    let regions = |many: usize| (0..many).map(|n| format!("R{n:07}")).collect::<Vec<_>>().join(", ");
    // Ten bytes each, and two less at the end: 6,553 of them would do.
    let found =
        |many| messages(&[("quota_per_day: 100", &format!("quota_per_day: 100\n    regions: [{}]", regions(many)))]);
    assert_eq!(
        found(6_554),
        [
            "p.yaml:26:14: found words of 65538 bytes altogether, expected at most 65536 bytes; leave some out, or use shorter ones"
        ]
    );
}

#[test]
fn a_key_without_a_value_never_means_its_default() {
    let found = messages(&[("quota_per_day: 100", "quota_per_day: 100\n    regions:")]);
    assert_eq!(
        found,
        ["p.yaml:26:5: found `regions` without a value, expected a value; give it a value or remove the key"]
    );
    let found = messages(&[("quota_per_day: 100", "quota_per_day: 100\n    regions: []")]);
    assert_eq!(
        found,
        ["p.yaml:26:14: found an empty list, expected at least one item; name what is meant, or remove the key"]
    );
}

#[test]
fn a_partner_has_one_contract() {
    let start = MINIMAL.find("  - partner").unwrap();
    let end = MINIMAL.find("exclusions:").unwrap();
    let twice = format!("{}{}", &MINIMAL[start..end], "exclusions:");
    assert_eq!(
        messages(&[("exclusions:", &twice)]),
        [
            "p.yaml:26:14: found `p01` again, expected one contract a partner (also on line 8); merge or remove one of them"
        ]
    );
}

#[test]
fn offers_need_their_texts() {
    let texts = MINIMAL.find("texts:").unwrap();
    assert_eq!(
        messages(&[(&MINIMAL[texts..], "")]),
        ["p.yaml:32:3: found offers without their texts, expected `texts` as well; \
          add source_disclosure, opt_out_link, non_personalised_alternative"]
    );
    assert_eq!(
        messages(&[("  opt_out_link: own/opt-out\n", "")]),
        ["p.yaml:40:3: found `texts` without `opt_out_link`, expected `opt_out_link`; add `opt_out_link: …`"]
    );
}

#[test]
fn words_that_are_not_known_are_problems() {
    let found = messages(&[
        ("kinds: [new_rt, returning_rt]", "kinds: [new_rt, offline]"),
        ("risk_bands: [A, B]", "risk_bands: [A, B]\n  flags: [opt_out]"),
        ("modes: [real_time]", "modes: [realtime]"),
    ]);
    assert_eq!(
        found,
        [
            "p.yaml:14:13: found `realtime`, expected one of real_time, offline, referral; choose one of these",
            "p.yaml:28:11: found `opt_out`, expected one of student, abuse, fraud, court_freeze, own_staff; \
             remove it (opt-out, hardship and the like are gates and always hold)",
            "p.yaml:36:21: found `offline`, expected one of new_rt, returning_rt, use_own_limit; \
             choose a kind that a real-time trigger can have",
        ]
    );
}

#[test]
fn hostile_documents_end_in_a_message() {
    let deep = "[".repeat(100_000);
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
    let long = format!("version: {}", "x".repeat(9 * 1024 * 1024));
    for text in [
        "",
        "# only a comment\n",
        "version",
        "- a\n- b\n",
        "---\na: b\n---\nc: d\n",
        "? [a]\n: b\n",
        &deep,
        bomb,
        &long,
        "\0",
    ] {
        let problems = Policy::parse("p.yaml", text).expect_err("not a policy");
        assert!(!problems.is_empty());
        assert!(problems.iter().all(|problem| problem.place.line > 0 && problem.place.column > 0), "{problems:?}");
    }
}

#[test]
fn a_set_is_ordered_by_time_and_takes_each_version_once() {
    let at = |version: &str, from: &str| {
        let text =
            MINIMAL.replacen("version: \"1\"", &format!("version: {version}"), 1).replacen("2024-01-01T", from, 1);
        Policy::parse(&format!("{version}.yaml"), &text).unwrap()
    };
    let set = PolicySet::new(vec![at("second", "2024-03-01T"), at("first", "2024-02-01T")]).unwrap();
    let (first, second) = (at("first", "2024-02-01T"), at("second", "2024-03-01T"));
    assert_eq!(set.newest().map(|policy| &policy.version), Some(&second.version));
    assert!(set.in_force(first.effective_from.plus_ms(-1)).is_none());
    assert_eq!(set.in_force(second.effective_from.plus_ms(-1)).map(|policy| &policy.version), Some(&first.version));
    assert_eq!(set.in_force(second.effective_from).map(|policy| &policy.version), Some(&second.version));
    assert!(set.version("first", &first.hash).is_some() && set.version("first", &second.hash).is_none());

    let clash =
        PolicySet::new(vec![at("a", "2024-02-01T"), at("b", "2024-02-01T"), at("a", "2024-05-01T")]).unwrap_err();
    let clash: Vec<String> = clash.iter().map(ToString::to_string).collect();
    assert_eq!(
        clash,
        [
            "b.yaml:3:17: found another policy from 2024-02-01T00:00:00Z on, expected it once (also in a.yaml:3:17); \
             let one of them begin at another moment",
            "a.yaml:2:10: found version `a` again, expected it once (also in a.yaml:2:10); \
             give the newer document a version of its own",
        ]
    );
}

/// The minimal document in two files, cut where a top-level key begins.
fn halves(at: &str) -> Vec<Part> {
    let (head, tail) = MINIMAL.split_once(at).unwrap();
    vec![Part::new("head.yaml", head), Part::new("tail.yaml", format!("{at}{tail}"))]
}

#[test]
fn several_files_are_one_policy() {
    let policy = Policy::read(&Document::of(halves("\ncontact:"))).unwrap();
    let mut other = halves("\ncontact:");
    other.reverse();
    other[0].file = "another-name.yaml".to_owned();
    assert_eq!(Policy::read(&Document::of(other)).unwrap().hash, policy.hash, "names and order do not count");
    let whole = Policy::parse("p.yaml", MINIMAL).unwrap();
    assert_eq!((&whole.version, whole.contracts().len()), (&policy.version, policy.contracts().len()));
    assert_ne!(whole.hash, policy.hash, "the bytes of the whole text are not these");
}

#[test]
fn a_key_in_two_files_is_told_with_both_places() {
    let mut parts = halves("\ncontact:");
    parts[1].text.push_str("\nversion: again\n");
    let lines = parts[1].text.lines().count();
    let found = Policy::read(&Document::of(parts)).unwrap_err();
    assert_eq!(found.len(), 1, "{found:?}");
    let said = found[0].to_string();
    assert!(said.starts_with(&format!("tail.yaml:{lines}:1: found `version` a second time")), "{said}");
    assert!(said.contains("also in head.yaml:"), "{said}");
}

#[test]
fn problems_of_several_files_name_their_own_file() {
    let mut parts = halves("\ncontact:");
    parts[0].text = parts[0].text.replace("zone: Asia/Shanghai", "zone: Asia/Nowhere");
    parts[1].text = parts[1].text.replace("cool_down:", "cooldown:");
    let said: Vec<String> =
        Policy::read(&Document::of(parts)).unwrap_err().iter().map(|problem| problem.file.clone()).collect();
    assert_eq!(said, ["head.yaml", "tail.yaml", "tail.yaml"]);
}

#[test]
fn another_head_takes_the_place_of_the_documents_own() {
    let head = "version: back\neffective_from: 2026-06-01T00:00:00Z\nauthor: x\napprover: y\nreason: Back\n";
    let parts = vec![Part::new("p.yaml", MINIMAL)];
    let document = Document { parts: parts.clone(), head: Some(Part::new("rollback", head)) };
    let policy = Policy::read(&document).unwrap();
    assert_eq!((policy.version.as_str(), policy.effective_from.to_string().as_str()), ("back", "2026-06-01T00:00:00Z"));
    assert_eq!(policy.contracts().len(), 1);
    assert_ne!(policy.hash, Document::of(parts.clone()).hash());
    let more = format!("{head}contact: {{cool_down: 1s}}\n");
    let found = Policy::read(&Document { parts, head: Some(Part::new("rollback", more)) }).unwrap_err();
    assert!(found[0].to_string().starts_with("rollback:6:1: found `contact` in a head"), "{}", found[0]);
}
