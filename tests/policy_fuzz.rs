//! Policies and conditions that nobody would write: whatever comes, it is read or refused with a place, and never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop where it stands")]

use std::cell::Cell;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use reflow::domain::candidate::{CandidateKind, Source};
use reflow::domain::events::{Income, OwnProductState, RepaymentMethod, RiskBearing, RiskVerdict, Score};
use reflow::domain::time::DAY_MS;
use reflow::domain::words::Word;
use reflow::domain::{EventTime, Subject, Text};
use reflow::policy::conditions::{ALL, Condition, Kind, Seen};
use reflow::policy::facts::{
    ConsentFact, ContactFact, Exposure, History, Holdings, KnownAt, PartnerLimit, Person, Standing,
};
use reflow::policy::{Facts, PROBLEMS_MAX, Policy};

const DOCUMENTS: [&str; 3] = [
    include_str!("../policies/example.yaml"),
    include_str!("../policies/persons.yaml"),
    include_str!("../policies/minimal.yaml"),
];

/// Cases of each test: the whole file takes seconds.
const BYTES_CASES: u32 = 2_000;
const DOCUMENT_CASES: u32 = 1_500;
const SOUP_CASES: u32 = 8_000;
const CONDITION_CASES: u32 = 3_000;

/// What stands where something else is expected.
const ODD: [&str; 28] = [
    "999999999999999999999999999999999999",
    "-9223372036854775808",
    "9223372036854775807",
    "1e400",
    "0.0000000000000000000001 %",
    "100000000000 points",
    "9999999999999d",
    "9999-12-31",
    "0000-00-00T99:99:99Z",
    "-262143-01-01T00:00:00Z",
    "~",
    "\"\"",
    "'",
    "\"",
    "&a",
    "*a",
    "!!int",
    "|",
    ">-",
    "? ",
    ": ",
    "- - - -",
    "---\n",
    "\t",
    "\u{0}",
    "\u{feff}",
    "{a: 贷, b: 🏦}",
    "[r01, r02",
];

/// One thing that happens to a document.
#[derive(Clone, Debug)]
enum Change {
    /// Up to so many characters are gone.
    Cut(Index, usize),
    /// A line stands so many times more.
    Repeat(Index, usize),
    /// Two words change places.
    Swap(Index, Index),
    /// A word becomes something odd.
    Odd(Index, &'static str),
    /// A number becomes another one.
    Number(Index, String),
    /// So many brackets open, and perhaps close, in front of a word.
    Brackets(Index, &'static str, usize, bool),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    prop_oneof![
        3 => (index(), 1_usize..80).prop_map(|(at, length)| Change::Cut(at, length)),
        1 => (index(), 80_usize..8_000).prop_map(|(at, length)| Change::Cut(at, length)),
        2 => (index(), 1_usize..4).prop_map(|(at, times)| Change::Repeat(at, times)),
        1 => (index(), 200_usize..500).prop_map(|(at, times)| Change::Repeat(at, times)),
        3 => (index(), index()).prop_map(|(one, other)| Change::Swap(one, other)),
        3 => (index(), select(&ODD[..])).prop_map(|(at, odd)| Change::Odd(at, odd)),
        3 => (index(), "-?[0-9]{1,40}(\\.[0-9]{1,20})?").prop_map(|(at, number)| Change::Number(at, number)),
        1 => (index(), select(&["[", "{", "{a: ", "- ", "[{a: "][..]), 1_usize..3_000, any::<bool>())
            .prop_map(|(at, bracket, depth, close)| Change::Brackets(at, bracket, depth, close)),
    ]
}

/// Byte ranges of the words of a text: what stands between blanks and brackets.
fn words(text: &str) -> Vec<std::ops::Range<usize>> {
    let parts = text.split_inclusive(|letter: char| letter.is_whitespace() || "[]{},".contains(letter));
    let mut at = 0;
    let ranges = parts.map(|part| {
        let word = part.trim_end_matches(|letter: char| letter.is_whitespace() || "[]{},".contains(letter));
        let range = at..at + word.len();
        at += part.len();
        range
    });
    ranges.filter(|range| !range.is_empty()).collect()
}

fn changed(mut text: String, change: &Change) -> String {
    let words = words(&text);
    if words.is_empty() {
        return text;
    }
    let word = |at: &Index| words[at.index(words.len())].clone();
    match change {
        Change::Cut(at, length) => {
            let letters: Vec<usize> = text.char_indices().map(|(byte, _)| byte).collect();
            let first = at.index(letters.len());
            let end = letters.get(first + length).copied().unwrap_or(text.len());
            text.replace_range(letters[first]..end, "");
        }
        Change::Repeat(at, times) => {
            let mut lines: Vec<&str> = text.split('\n').collect();
            let at = at.index(lines.len());
            lines.splice(at..at, std::iter::repeat_n(lines[at], *times));
            text = lines.join("\n");
        }
        Change::Swap(one, other) => {
            let (one, other) = (word(one), word(other));
            if one != other {
                let (first, last) = if one.start < other.start { (one, other) } else { (other, one) };
                let (a, b) = (text[first.clone()].to_owned(), text[last.clone()].to_owned());
                text.replace_range(last, &a);
                text.replace_range(first, &b);
            }
        }
        Change::Odd(at, odd) => text.replace_range(word(at), odd),
        Change::Number(at, number) => {
            let numbers: Vec<_> = words.iter().filter(|word| text[(*word).clone()].parse::<f64>().is_ok()).collect();
            if !numbers.is_empty() {
                text.replace_range(numbers[at.index(numbers.len())].clone(), number);
            }
        }
        Change::Brackets(at, bracket, depth, close) => {
            let closing: String =
                if *close { bracket.chars().rev().filter_map(closing).collect() } else { String::new() };
            let (range, word) = (word(at), text[word(at)].to_owned());
            text.replace_range(range, &format!("{}{word}{}", bracket.repeat(*depth), closing.repeat(*depth)));
        }
    }
    text
}

fn closing(bracket: char) -> Option<char> {
    match bracket {
        '[' => Some(']'),
        '{' => Some('}'),
        _ => None,
    }
}

/// Reads a text; what it says of it keeps its promises. True: it is a policy, and it judges.
fn read(text: &str, facts: &Facts<'_>) -> Result<bool, TestCaseError> {
    match Policy::parse("fuzz.yaml", text) {
        Ok(policy) => {
            for contract in policy.contracts().iter().take(3) {
                let judgement = policy.judge(&Facts { partner: contract.partner.as_str(), ..facts.clone() });
                prop_assert_eq!(judgement.proposal().is_some(), judgement.reasons.is_empty());
            }
            let judgement = policy.judge(facts);
            prop_assert_eq!(judgement.proposal().is_some(), judgement.reasons.is_empty());
            prop_assert!(judgement.checks.iter().any(|check| !check.passed) == judgement.proposal().is_none());
            Ok(true)
        }
        Err(problems) => {
            prop_assert!(!problems.is_empty(), "refused without a word");
            prop_assert!(problems.len() <= PROBLEMS_MAX, "{} problems", problems.len());
            // YAML ends a line with any of the three.
            let lines = text.replace("\r\n", "\n").replace('\r', "\n");
            for problem in &problems {
                let place = problem.place;
                let line = place.line.checked_sub(1).and_then(|line| lines.split('\n').nth(line));
                // Right behind the last character is where something is missing.
                let inside = line.is_some_and(|line| (1..=line.chars().count() + 1).contains(&place.column));
                prop_assert!(inside, "no such place: {}", problem);
                prop_assert!(problem.file == "fuzz.yaml" && place.part == 0);
                prop_assert!(!problem.found.is_empty() && !problem.expected.is_empty() && !problem.next.is_empty());
            }
            Ok(false)
        }
    }
}

fn runner(cases: u32) -> TestRunner {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
}

fn run<S: Strategy>(cases: u32, strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    runner(cases).run(&strategy, test).unwrap_or_else(|failed| panic!("{failed}"));
}

#[test]
fn random_bytes_are_refused_with_a_place() {
    let texts = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..400).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        "[ \\n:\\-\\[\\]{}|>'\"#&*!,a-c0-9]{0,200}",
        prop::collection::vec(select(&ODD[..]), 0..20).prop_map(|parts| parts.concat()),
    ];
    run(BYTES_CASES, (texts, facts()), |(text, facts)| {
        prop_assert!(!read(&text, &facts)?, "a policy by chance");
        Ok(())
    });
}

#[test]
fn a_mangled_policy_is_read_or_refused_with_places() {
    let (read_as_policy, refused) = (Cell::new(0), Cell::new(0));
    let changes = prop::collection::vec(change(), 0..5);
    run(DOCUMENT_CASES, (select(&DOCUMENTS[..]), changes, facts()), |(text, changes, facts)| {
        let text = changes.iter().fold(text.to_owned(), changed);
        let counter = if read(&text, &facts)? { &read_as_policy } else { &refused };
        counter.set(counter.get() + 1);
        Ok(())
    });
    // A fuzzer that only ever sees one of the two has stopped testing.
    let (read_as_policy, refused) = (read_as_policy.get(), refused.get());
    println!("{read_as_policy} policies, {refused} refused");
    assert!(read_as_policy > DOCUMENT_CASES / 10 && refused > DOCUMENT_CASES / 4, "{read_as_policy}, {refused}");
}

// --- Conditions -------------------------------------------------------------------------------------------------------

/// Pieces of conditions, right and wrong ones.
const PIECES: [&str; 52] = [
    "lenders",
    "kind",
    "tags",
    "region",
    "amount_minor",
    "dpd_now",
    "staff",
    "gender",
    "nobody",
    "true",
    "false",
    "null",
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999",
    "1.5",
    "1u",
    "0x7f",
    "\"r01\"",
    "'new_rt'",
    "\"",
    "b\"x\"",
    "r'x'",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "&&",
    "||",
    "!",
    "==",
    "!=",
    "<",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "%",
    " in ",
    "?",
    ":",
    ",",
    ".",
    "known(",
    "has(",
    ".all(x, x > 0)",
];

/// Macros and functions: none but `known` is part of the language.
const MACROS: [&str; 9] = [
    "tags.exists(t, t == \"a\")",
    "[1, 2].map(x, x * 2).all(y, y > 0)",
    "has(person.tags)",
    "size(tags) > 0",
    "\"a\".matches(\"(a+)+$\")",
    "[1, 2, 3].filter(x, [x].exists_one(y, y == x)).size() == 3",
    "duration(\"1h\") > timestamp(\"2024-01-01T00:00:00Z\")",
    "{\"a\": 1}.a == 1",
    "cel.bind(x, 1, x > 0)",
];

/// Texts that mostly are conditions: by the types of their parts.
fn well_typed() -> impl Strategy<Value = String> {
    let flags: Vec<&str> = named(Kind::Flag).collect();
    let numbers: Vec<&str> = named(Kind::Number).collect();
    let texts: Vec<&str> = named(Kind::Word).collect();
    let all: Vec<&str> = ALL.iter().map(|variable| variable.name).collect();
    let literal = prop_oneof![3 => (0_i64..100).boxed(), 1 => any::<i64>().boxed(), 1 => select(vec![i64::MIN, i64::MAX]).boxed()];
    let literal = literal.prop_map(|number| number.to_string());
    let number = prop_oneof![select(numbers.clone()).prop_map(str::to_owned), literal.clone()];
    let number = number.prop_recursive(3, 8, 2, move |part| {
        let operator = select(&["+", "-", "*", "/", "%"][..]);
        // A plain number beside a variable: units agree.
        (select(numbers.clone()), operator, literal.clone(), part).prop_map(|(name, operator, other, part)| {
            if part.len() % 2 == 0 { format!("({name} {operator} {other})") } else { format!("-({part})") }
        })
    });
    let compared = select(&["<", "<=", ">", ">=", "==", "!="][..]);
    let list = prop::collection::vec("[a-z]{1,4}", 0..80).prop_map(|items| format!("{items:?}"));
    let leaf = prop_oneof![
        1 => select(flags).prop_map(str::to_owned),
        1 => select(all).prop_map(|name| format!("known({name})")),
        4 => (number.clone(), compared, 0_i64..1_000_000).prop_map(|(a, by, b)| format!("{a} {by} {b}")),
        1 => (number.clone(), number).prop_map(|(a, b)| format!("{a} == {b}")),
        2 => (select(texts), list).prop_map(|(name, list)| format!("{name} in {list}")),
        1 => "[a-z贷\" ]{0,6}".prop_map(|tag| format!("known(tags) && \"{tag}\" in tags")),
    ];
    leaf.prop_recursive(6, 24, 2, |part| {
        prop_oneof![
            (part.clone(), part.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (part.clone(), part.clone()).prop_map(|(a, b)| format!("{a} || ({b})")),
            part.clone().prop_map(|a| format!("!({a})")),
            (part.clone(), part.clone(), part).prop_map(|(a, b, c)| format!("(({a}) ? ({b}) : ({c}))")),
        ]
    })
}

fn named(kind: Kind) -> impl Iterator<Item = &'static str> {
    ALL.iter().filter(move |variable| variable.kind == kind).map(|variable| variable.name)
}

/// Texts that mostly are none: pieces in any order, deep nesting, long lists, macros.
fn soup() -> impl Strategy<Value = String> {
    let nested =
        (1_usize..600, select(&[("(", ")"), ("[", "]"), ("!", ""), ("-", ""), ("known(", ")"), ("{1: ", "}")][..]));
    prop_oneof![
        4 => prop::collection::vec(select(&PIECES[..]), 0..40).prop_map(|pieces| pieces.concat()),
        2 => prop::collection::vec(select(&PIECES[..]), 0..40).prop_map(|pieces| pieces.join(" ")),
        1 => ".{0,60}",
        1 => "[ -~\\n\\t]{0,80}",
        1 => nested.prop_map(|(depth, (open, close))| format!("{}lenders{} > 1", open.repeat(depth), close.repeat(depth))),
        1 => (0_usize..400).prop_map(|items| format!("region in [{}]", vec!["\"r\""; items].join(","))),
        1 => (1_usize..200, select(&["||", "&&", "+"][..])).prop_map(|(parts, by)| vec!["staff"; parts].join(by)),
        1 => (select(&MACROS[..]), select(&["", " && lenders > 1", " || staff"][..])).prop_map(|(a, b)| format!("{a}{b}")),
    ]
}

/// Compiles a text; says where it is wrong, or answers. True: it compiles.
fn asked(text: &str, facts: &Facts<'_>) -> Result<bool, TestCaseError> {
    match Condition::compile(text) {
        Ok(condition) => {
            // The same question has the same answer.
            prop_assert_eq!(condition.holds(facts), condition.holds(facts));
            prop_assert!(condition.reads().iter().all(|variable| text.contains(variable.name)));
            Ok(true)
        }
        Err(fault) => {
            prop_assert!(fault.at <= text.chars().count(), "at {} of {text:?}: {}", fault.at, fault.found);
            prop_assert!(!fault.found.is_empty() && !fault.expected.is_empty() && !fault.next.is_empty());
            Ok(false)
        }
    }
}

/// The answer of the crate that reads conditions, by its own evaluator; it has no `known`, so that becomes a variable.
fn by_the_crate(text: &str, facts: &Facts<'_>) -> Result<bool, String> {
    let mut text = text.to_owned();
    let mut context = cel::Context::default();
    for variable in ALL {
        let (name, seen) = (variable.name, variable.read(facts));
        text = text.replace(&format!("known({name})"), &format!("known_{name}"));
        context.add_variable_from_value(format!("known_{name}"), seen.is_some());
        match seen {
            Some(Seen::Flag(flag)) => context.add_variable_from_value(name, flag),
            Some(Seen::Number(number)) => context.add_variable_from_value(name, number),
            Some(Seen::Word(word)) => context.add_variable_from_value(name, word),
            Some(Seen::Words(words)) => {
                let words: Vec<String> = words.iter().map(Text::to_string).collect();
                context.add_variable_from_value(name, words);
            }
            None => {}
        }
    }
    match cel::Program::compile(&text).unwrap().execute(&context) {
        Ok(cel::Value::Bool(answer)) => Ok(answer),
        Err(cel::ExecutionError::UndeclaredReference(name)) => Err(name.to_string()),
        Ok(_) | Err(_) => Err("arithmetic".to_owned()),
    }
}

#[test]
fn pieces_of_conditions_in_any_order_compile_or_say_where_not() {
    let compiled = Cell::new(0);
    run(SOUP_CASES, (soup(), facts()), |(text, facts)| {
        compiled.set(compiled.get() + u32::from(asked(&text, &facts)?));
        for name in MACROS {
            prop_assert!(!text.contains(name) || Condition::compile(&text).is_err(), "a macro in {text:?}");
        }
        Ok(())
    });
    println!("{} of {SOUP_CASES} compiled", compiled.get());
    assert!(compiled.get() > 0 && compiled.get() < SOUP_CASES / 2);
}

#[test]
fn conditions_by_the_grammar_mostly_compile_and_always_answer() {
    let (compiled, in_policies) = (Cell::new(0), Cell::new(0));
    run(CONDITION_CASES, (well_typed(), facts()), |(text, facts)| {
        compiled.set(compiled.get() + u32::from(asked(&text, &facts)?));
        if let Ok(condition) = Condition::compile(&text) {
            let answer = condition.holds(&facts).map_err(|open| open.subject().to_owned());
            prop_assert_eq!(answer, by_the_crate(&text, &facts), "{}", text);
        }
        // The same condition in a document: its place is one of the document's.
        let rule = "      when: kind == \"new_rt\" && lenders > 4\n";
        let document = DOCUMENTS[1].replacen(rule, &format!("      when: |\n        {text}\n"), 1);
        in_policies.set(in_policies.get() + u32::from(read(&document, &facts)?));
        Ok(())
    });
    let (compiled, in_policies) = (compiled.get(), in_policies.get());
    println!("{compiled} of {CONDITION_CASES} compiled, {in_policies} in policies");
    assert!(compiled > CONDITION_CASES / 4 && compiled < CONDITION_CASES, "{compiled}");
    assert!(in_policies > CONDITION_CASES / 10, "{in_policies}");
}

// --- Facts ------------------------------------------------------------------------------------------------------------

static SOURCE: Source = Source { topic: Text::const_new("t"), partition: 0, offset: 1, event_id: Text::const_new("e") };
static TAGS: [Text; 2] = [Text::const_new("relationship"), Text::const_new("a")];

/// 2024-06-03T09:00:00Z.
const AT: EventTime = EventTime(1_717_405_200_000);
static CONTACTS: [ContactFact<'static>; 2] =
    [ContactFact { at: AT, channel: Some("sms") }, ContactFact { at: AT, channel: None }];
static OFFERED: [EventTime; 2] = [AT, EventTime(1_717_000_000_000)];

fn maybe<T: Clone + std::fmt::Debug + 'static>(values: impl Strategy<Value = T> + 'static) -> BoxedStrategy<Option<T>> {
    prop::option::of(values).boxed()
}

fn amount() -> BoxedStrategy<i64> {
    prop_oneof![4 => (0_i64..10_000_000).boxed(), 1 => any::<i64>().boxed(), 1 => select(vec![0, i64::MIN, i64::MAX]).boxed()].boxed()
}

fn moment() -> BoxedStrategy<EventTime> {
    (-800_i64..800).prop_map(|days| AT.plus_ms(days * DAY_MS)).boxed()
}

fn word(words: &'static [&'static str]) -> BoxedStrategy<&'static str> {
    select(words).boxed()
}

fn scored() -> BoxedStrategy<Option<Score<'static>>> {
    let score = (word(&["own_risk", "response", "s"]), word(&["1", "2", "3"]), amount(), moment());
    maybe(score.prop_map(|(model, version, value_ppm, scored_at)| Score { model, version, value_ppm, scored_at }))
}

fn standing() -> impl Strategy<Value = Standing> {
    (any::<i32>(), any::<i32>(), any::<u32>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(dpd, worst, late_months, compensated, written_off, clean)| {
            let bad = Standing { dpd_now: dpd, worst_dpd_24m: worst, late_months, compensated, written_off };
            if clean { Standing::default() } else { bad }
        },
    )
}

fn limit() -> impl Strategy<Value = PartnerLimit<'static>> {
    let methods = select(RepaymentMethod::ALL);
    let money = (maybe(amount()), maybe(amount()), maybe(any::<i32>()));
    (money, maybe(methods), maybe(word(&["CNY", "HKD", ""]))).prop_map(|(money, repayment_method, currency)| {
        PartnerLimit {
            limit_minor: money.0,
            all_in_cost_ppm: money.1,
            term_months: money.2,
            repayment_method,
            product_kind: None,
            currency,
        }
    })
}

fn holdings() -> impl Strategy<Value = Holdings<'static>> {
    let exposure = (amount(), amount(), amount(), amount(), maybe(select(Subject::ALL)));
    let history = (any::<[u32; 2]>(), any::<[bool; 3]>(), maybe(moment()), maybe(moment()));
    (exposure, history).prop_map(|((total, here, used, own, unknown), (disbursed, known, last, active))| Holdings {
        doors: &[],
        exposure: Exposure { total_minor: total, here_minor: here, here_used_minor: used, own_minor: own, unknown },
        history: History {
            disbursed_here: disbursed[0],
            disbursed_elsewhere: disbursed[1],
            own_first: known[0],
            last_disbursed_at: last,
            last_active_at: active,
            limit_open: known[1],
            balance: known[2],
        },
    })
}

fn person() -> impl Strategy<Value = Person<'static>> {
    let scores = (scored(), scored(), scored());
    let said =
        (maybe(Just(&TAGS[..])), maybe(word(&["Asia/Shanghai", "Mars/Base"])), maybe(amount()), any::<[bool; 2]>());
    (scores, said, maybe(moment()), any::<u32>(), maybe(moment())).prop_map(
        |(scores, (tags, zone, own_limit_minor, known), own_product_at, purposes, bureau_given_at)| Person {
            risk: scores.0,
            response: scores.1,
            value: scores.2,
            tags,
            zone,
            own_limit_minor,
            income: own_limit_minor.map(|monthly_minor| Income { monthly_minor, currency: "CNY" }),
            own_product_at,
            restructured: known[0],
            reachable: known[1].then_some(known[0]),
            purposes,
            bureau_given_at,
            known_at: KnownAt { region: bureau_given_at, lenders: own_product_at, ..KnownAt::default() },
            overdue: &[("own", 3)],
            contacts: if known[1] { &CONTACTS } else { &[] },
            ..Person::default()
        },
    )
}

/// Facts as wild as an event may make them.
fn facts() -> impl Strategy<Value = Facts<'static>> {
    let who = (word(&["c1", "c-staff-001", "c-related-001", ""]), word(&["p01", "p02", "p06", "p12", "zz"]));
    let verdict = (word(&["A", "C", "zz"]), moment(), any::<i32>()).prop_map(|(band, decided_at, valid_days)| {
        RiskVerdict { model: "own_risk", version: "3", band, decided_at, valid_days }
    });
    let asked = (maybe(amount()), select(CandidateKind::ALL), limit(), standing(), maybe(verdict));
    let rest =
        (maybe(any::<i32>()), maybe(amount()), maybe(select(OwnProductState::ALL)), maybe(select(RiskBearing::ALL)));
    let flags =
        (prop_oneof![3 => Just(0_u32), 1 => any::<u32>()], any::<[bool; 3]>(), maybe(word(&["r01", "r02", "r99"])));
    (who, asked, rest, flags, holdings(), person()).prop_map(
        |(who, asked, rest, (flags, said, region), holdings, person)| Facts {
            now: AT,
            event_time: AT,
            requested_at: AT,
            customer: who.0,
            partner: who.1,
            application: "a1",
            drawdown: "d1",
            amount_minor: asked.0,
            kind: asked.1,
            limit: asked.2,
            consent: Some(ConsentFact { consent: "k1", text_version: "v1", given_at: AT, withdrawn_at: None }),
            flags,
            staff: said[0],
            test_order: false,
            employers: &["e-partner-p01"],
            region,
            standing: asked.3,
            verdict: asked.4,
            offered_at: if said[1] { &OFFERED } else { &[] },
            live: false,
            pending: said[2],
            lenders: rest.0,
            debt_burden_ppm: rest.1,
            own_product: rest.2,
            risk_bearing: rest.3,
            enhancer: None,
            holdings,
            source: &SOURCE,
            person,
        },
    )
}
