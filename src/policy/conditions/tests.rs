//! What a condition may be, what is said of one that may not, and what it answers.

use proptest::prelude::*;

use super::*;
use crate::domain::candidate::{CandidateKind, Source};
use crate::domain::{EventTime, Text};
use crate::policy::facts::{PartnerLimit, Person, Standing};

static SOURCE: Source = Source { topic: Text::const_new("t"), partition: 0, offset: 1, event_id: Text::const_new("e") };

pub fn facts<'a>() -> Facts<'a> {
    Facts {
        now: EventTime(1_717_405_200_000),
        event_time: EventTime(1_717_405_200_000),
        requested_at: EventTime(1_717_405_200_000),
        customer: "c1",
        partner: "p01",
        application: "a1",
        drawdown: "d1",
        amount_minor: Some(500_000),
        kind: CandidateKind::NewRt,
        limit: PartnerLimit::default(),
        consent: None,
        flags: 0,
        staff: false,
        test_order: false,
        employers: &[],
        region: Some("上海"),
        standing: Standing { dpd_now: 3, late_months: 0b101, ..Standing::default() },
        verdict: None,
        offered_at: &[],
        live: false,
        pending: false,
        lenders: Some(4),
        debt_burden_ppm: None,
        own_product: None,
        source: &SOURCE,
        risk_bearing: None,
        enhancer: None,
        holdings: Default::default(),
        person: Person::default(),
    }
}

fn answer(text: &str) -> Result<bool, Open> {
    let condition = Condition::compile(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
    condition.holds(&facts())
}

fn refused(text: &str) -> (usize, String) {
    let fault = Condition::compile(text).map(|condition| condition.text).expect_err("refused");
    (fault.at, format!("{}; {}; {}", fault.found, fault.expected, fault.next))
}

#[test]
fn answers_of_what_is_known() {
    let tags = [Text::from("vip")];
    for text in [
        "lenders > 3",
        "lenders >= 4 && dpd_now <= 3 && late_months == 2",
        "region in ['北京', '上海'] && lenders in [1, 4]",
        "kind == \"new_rt\" ? amount_minor / 100 == 5000 : false",
        "!(compensated || written_off) && -dpd_now < 0",
        "known(lenders) && !known(debt_burden_ppm)",
        "partner != 'p02' && amount_minor % 7 == 500000 % 7",
    ] {
        assert_eq!(answer(text), Ok(true), "{text}");
    }
    let condition = Condition::compile("'vip' in tags").unwrap();
    assert_eq!(condition.holds(&facts()), Err(Open::Missing("tags")));
    let facts = Facts { person: Person { tags: Some(&tags), ..Person::default() }, ..facts() };
    assert_eq!(condition.holds(&facts), Ok(true));
}

#[test]
fn what_is_not_known_leaves_the_question_open_and_is_named() {
    assert_eq!(answer("debt_burden_ppm > 500000"), Err(Open::Missing("debt_burden_ppm")));
    assert_eq!(answer("risk_band == 'A' && lenders > 3"), Err(Open::Missing("risk_band")));
    assert_eq!(answer("lenders > 3 && risk_band == 'A'"), Err(Open::Missing("risk_band")));
    // Settled either way, whatever the unknown would be.
    assert_eq!(answer("debt_burden_ppm > 500000 || lenders > 3"), Ok(true));
    assert_eq!(answer("debt_burden_ppm > 500000 && lenders > 5"), Ok(false));
    assert_eq!(answer("known(debt_burden_ppm) && debt_burden_ppm > 500000"), Ok(false));
    // Arithmetic that leaves its range is no answer either.
    assert_eq!(answer("amount_minor / (lenders - 4) > 1"), Err(Open::Arithmetic));
    for text in [
        "9223372036854775807 + lenders > 1",
        "amount_minor % (lenders - 4) > 1",
        "(-9223372036854775807 - lenders) > 1",
        "(-9223372036854775807 - lenders + 3) / (lenders - 5) > 1",
        "-(-9223372036854775807 - lenders + 3) > 1",
        "9223372036854775807 * lenders > 1",
    ] {
        assert_eq!(answer(text), Err(Open::Arithmetic), "{text}");
    }
    // The one remainder that a processor cannot take: an answer or none, but never the end of the process.
    let _ = answer("(-9223372036854775807 - lenders + 3) % (lenders - 5) > 1");
}

#[test]
fn a_fault_names_its_place_what_was_expected_and_what_to_do() {
    let cases = [
        ("lenders > 3 && lander > 1", 15, "`lander`; a variable of docs/policy.md; perhaps lenders is meant"),
        ("region == '上海' && sex == 'f'", 18, "`sex`; no protected attribute, for any purpose; remove the rule"),
        ("lenders > 'three'", 10, "a text; a number beside `>`; compare like with like"),
        ("region > 'a'", 0, "a text; a number beside `>`; compare like with like"),
        ("amount_minor > dpd_now", 15, "days; money_minor, as on the left; compare like with like"),
        (
            "lenders + 1",
            0,
            "a number as the whole condition; something that is true or false; compare it with something",
        ),
        (
            "lenders > 1.5",
            10,
            "a decimal number; a whole number; write shares as parts per million, money as minor units",
        ),
        (
            "tags.exists(t, t == 'x')",
            11,
            "`all`, `exists`, `map` or `filter`; no repetition: a condition has a fixed length; ask for membership: `\"vip\" in tags`",
        ),
        ("region.matches('a+')", 14, "`matches(…)`; operators, and of functions only `known`; write it with operators"),
        ("size(tags) > 3", 4, "`size(…)`; operators, and of functions only `known`; write it with operators"),
        ("customer.region == 'a'", 8, "`.region`; variables without parts; use the names of docs/policy.md"),
        ("region in []", 10, "a list of 0; one to 64 items; shorten it, or use a token list"),
        ("region in ['a', 1]", 16, "a number; a text beside `in`; compare like with like"),
        (
            "region == null",
            10,
            "an unusual literal; a whole number, a text, true or false; use `known(…)` for what may be absent",
        ),
        ("known(1 + 1)", 8, "an expression; the name of one variable; write `known(region)`"),
        ("region == 'a\\n'", 12, "`\\`; text without escapes; write the characters themselves"),
        (
            "region == 上海",
            10,
            "`\\u{4e0a}` outside of quotes; names, numbers, texts in quotes and operators; put text in quotes",
        ),
    ];
    for (text, at, said) in cases {
        assert_eq!(refused(text), (at, said.to_owned()), "{text}");
    }
    for (text, place) in [("lenders > && dpd_now > 1", 10), ("region == '上海' && && staff", 18)] {
        let (at, said) = refused(text);
        assert!(at == place && said.starts_with("what is no condition"), "{at} {said}");
    }
}

#[test]
fn a_condition_is_bounded() {
    let long = format!("lenders > {}", "1 + ".repeat(200));
    assert!(refused(&long).1.starts_with("a longer condition"));
    let many = vec!["staff"; 64].join("||");
    assert!(refused(&many).1.starts_with("a longer condition"), "{}", refused(&many).1);
    let deep = format!("{}staff{}", "(".repeat(100), ")".repeat(100));
    assert!(refused(&deep).1.starts_with("a deeper nesting"));
    for text in ["staff?".repeat(80), "lenders-".repeat(60) + "1>0"] {
        Condition::compile(&text).map(|condition| condition.text).expect_err("refused");
    }
    let items: Vec<String> = (0..65).map(|item| format!("'{item}'")).collect();
    assert!(refused(&format!("region in [{}]", items.join(","))).1.starts_with("a list of 65"));
    for text in [
        "",
        " ",
        "\0",
        "\"",
        "'",
        "(",
        "staff)",
        "{}",
        "{'a': 1}.a",
        "b'1' == b'1'",
        "1u == 1u",
        "staff // note",
        "r'a' == 'a'",
        "'''a''' == 'a'",
    ] {
        let _ = Condition::compile(text).map(|condition| condition.holds(&facts()));
    }
}

/// Nothing in a document may end the process, whatever it holds.
fn words() -> impl Strategy<Value = String> {
    let names = ALL.iter().map(|variable| variable.name.to_owned()).collect::<Vec<_>>();
    let piece = prop_oneof![
        4 => prop::sample::select(names),
        4 => prop::sample::select(vec!["&&", "||", "!", "==", "!=", "<", ">=", "+", "-", "*", "/", "%", "?", ":", " in "]).prop_map(str::to_owned),
        3 => prop::sample::select(vec!["(", ")", "[", "]", ",", ".", "{", "}", "known(", "'a'", "\"上海\"", "true", "1", "-9223372036854775808", "0x1f", "1e9", "\n"]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_a_condition_or_a_fault_within_it(text in words()) {
        match Condition::compile(&text) {
            Ok(condition) => drop(condition.holds(&facts())),
            Err(fault) => prop_assert!(fault.at <= text.chars().count()),
        }
    }
}

#[test]
fn conditions_travel_between_threads() {
    fn travels<T: Send + Sync>() {}
    travels::<Condition>();
}
