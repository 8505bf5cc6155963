//! Mappings and the reading of files, from document and file to decoded events; and the real data where it is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use reflow::domain::events::{ApplicationKind, Event, RepaymentKind};
use reflow::domain::words::Word;
use reflow::domain::{CalendarDay, EventTime};
use reflow::ops::mapping::Mapping;
use reflow::ops::source::{Options, Rejected, Report, RowEvent, SourceSet, Unwatched, Watch};
use reflow::wire::{Schema, SchemaIds};

fn decode(event: &RowEvent) -> Event<'_> {
    let ids = SchemaIds::default();
    match event.schema {
        Schema::Application => Event::Application(ids.decode(event.schema, &event.value).unwrap()),
        Schema::Repayment => Event::Repayment(ids.decode(event.schema, &event.value).unwrap()),
        Schema::Customer => Event::Customer(ids.decode(event.schema, &event.value).unwrap()),
        Schema::Outcome => Event::Outcome(ids.decode(event.schema, &event.value).unwrap()),
        other => panic!("no mapping gives {other}"),
    }
}

fn mapping(yaml: &str) -> Mapping {
    Mapping::parse("m.yaml", yaml).unwrap_or_else(|problems| panic!("{problems}"))
}

fn problems(yaml: &str) -> Vec<String> {
    match Mapping::parse("m.yaml", yaml) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
    }
}

struct Read {
    events: Vec<RowEvent>,
    report: Report,
}

/// Reads files of these names and contents.
fn read_with(mappings: &[&str], files: &[(&str, &[u8])], options: Options) -> Result<Read, String> {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = files
        .iter()
        .map(|(name, bytes)| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        })
        .collect();
    let mappings = mappings.iter().map(|yaml| mapping(yaml)).collect();
    let mut set = SourceSet::open(mappings, &paths, options, Box::new(Unwatched)).map_err(|error| error.to_string())?;
    let events = set.by_ref().collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let mut report = set.report().clone();
    for rejected in &mut report.rejected {
        rejected.file = Path::new(&rejected.file).file_name().unwrap().to_str().unwrap().to_owned();
    }
    Ok(Read { events, report })
}

fn read(yaml: &str, text: &str) -> Read {
    read_with(&[yaml], &[("f.csv", text.as_bytes())], Options::default()).unwrap()
}

fn rejected(read: &Read) -> Vec<(u64, &str)> {
    read.report.rejected.iter().map(|r| (r.line, r.reason.as_str())).collect()
}

const LOANS: &str = r#"
mapping: loans
csv: { delimiter: ";" }
times:
  default: "%d.%m.%Y %H:%M"
  day: "%d.%m.%Y"
money: { decimals: 2, decimal_point: ",", thousands: ".", currency: EUR }
common: { customer: "{who}", partner: "shop-{shop}", loan: "{loan}", event_time: "{at}" }
events:
  - event: repayment
    when: { type: [out, start] }
    kind: disbursed
    due: "{amount}"
  - event: repayment
    when: { type: pay, amount: { above: 0 } }
    kind: paid
    instalment: "{no}"
    paid: { principal_minor: "{amount}", fee_minor: "{fee}" }
    payer: { column: by, map: { C: customer, G: enhancer }, default: customer }
    payment: "{loan}/{no}"
"#;

#[test]
fn a_row_becomes_its_events_with_exact_money_and_time() {
    let text = "loan;who;shop;type;at;amount;no;fee;by\nL1;c1;7;out;31.12.2020 23:59;1.234,50;;;\nL1;c1;7;pay;01.02.2021 08:00;100;1;0,05;G\n";
    let read = read(LOANS, text);
    assert_eq!(rejected(&read), []);
    let [out, paid] = read.events.as_slice() else { panic!("{} events", read.events.len()) };
    let Event::Repayment(event) = decode(out) else { panic!("no repayment") };
    assert_eq!(
        (event.kind, event.customer, event.partner, event.loan),
        (RepaymentKind::Disbursed, "c1", "shop-7", "L1")
    );
    assert_eq!(event.event_time.to_string(), "2020-12-31T23:59:00Z");
    assert_eq!(event.due.map(|due| (due.principal_minor, due.total_minor())), Some((123_450, 123_450)));
    assert_eq!((event.currency, event.event_id.len()), (Some("EUR"), 32));
    assert_eq!((out.key.as_str(), out.line, out.file, out.place), ("c1", 2, 0, 0));
    let Event::Repayment(event) = decode(paid) else { panic!("no repayment") };
    assert_eq!(event.paid.map(|paid| (paid.principal_minor, paid.fee_minor)), Some((10_000, 5)));
    assert_eq!(
        (event.instalment, event.payment, event.payer.map(Word::name)),
        (Some(1), Some("L1/1"), Some("enhancer"))
    );
    assert_eq!(event.due, None);
}

#[test]
fn rows_are_ignored_or_rejected_by_line_and_reading_goes_on() {
    let text = "loan;who;shop;type;at;amount;no;fee;by\n\
        L1;c1;7;other;31.12.2020 23:59;1;;;\n\
        L1;c1;7;pay;31.12.2020 23:59;0;1;;\n\
        L1;c1;7;pay;2020-12-31;1;1;;\n\
        L1;c1;7;pay;31.12.2020 23:59;1,505;1;;\n\
        L1;;7;pay;31.12.2020 23:59;1;1;;\n\
        L1;c1;7;pay;31.12.2020 23:59;1;1;;X\n\
        L1;c1;7;pay;31.12.2020 23:59;1;1\n\
        L1;c1;7;pay;31.12.2020 23:59;1;0;;\n\
        \"L1;c1\n\
        L1;c1;7;pay;31.12.2020 23:59;-1;1;;\n\
        L1;c1;7;pay;31.12.2020 23:59;1;1;;C\n";
    let read = read(LOANS, text);
    let file = &read.report.files[0];
    assert_eq!((file.rows, file.ignored, file.rejected, read.events.len()), (11, 3, 7, 1));
    let reasons = rejected(&read);
    assert_eq!(reasons.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [4, 5, 6, 7, 8, 9, 10]);
    for ((_, reason), part) in reasons.iter().zip([
        "event_time (column at)",
        "1,505",
        "customer (column who): empty",
        "`X` has no entry",
        "7 fields, expected 9",
        "counts from 1",
        "never closed",
    ]) {
        assert!(reason.contains(part), "{reason} should name {part}");
    }
    assert_eq!(read.report.events(), BTreeMap::from([("repayment paid", 1)]));
}

#[test]
fn kinds_by_a_map_leave_other_rows_out_and_name_their_values() {
    let yaml = r#"
mapping: states
common: { customer: "{c}", partner: p, application: "{c}", event_time: { column: t, time: unix } }
times: { unix: epoch_seconds }
nulls: ["", NULL]
events:
  - event: application
    kind: { column: s, map: { OK: approved, NO: declined, SKIP: } }
    decline_reason: { column: why, otherwise: other, map: { R1: income }, default: unknown }
"#;
    let read = read(
        yaml,
        "c,s,t,why\na,OK,1330473600,\nb,NO,1330473601,R1\nc,NO,1330473602,R9\nd,NO,1330473603,NULL\ne,odd,0,\nf,SKIP,0,\n",
    );
    let reasons: Vec<_> = read
        .events
        .iter()
        .map(|event| match decode(event) {
            Event::Application(event) => (event.kind, event.decline_reason.map(str::to_owned)),
            other => panic!("{other:?}"),
        })
        .collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        reasons,
        [
            (ApplicationKind::Approved, text("unknown")),
            (ApplicationKind::Declined, text("income")),
            (ApplicationKind::Declined, text("other")),
            (ApplicationKind::Declined, text("unknown")),
        ]
    );
    assert_eq!(read.report.ignored(), 2);
    assert_eq!(read.report.files[0].unmapped.get("column s: odd"), Some(&1));
}

#[test]
fn conditions_of_every_form() {
    let count = |when: &str| {
        let yaml = format!(
            "mapping: w\nwhen: {when}\nevents: [{{event: customer, event_time: 2020-01-01, customer: \"{{a}}\"}}]"
        );
        let read = read(&yaml, "a,b,n,m\nx1,,1,2\nx2,B,2.50,2\ny3,C,,2\n");
        (read.events.iter().map(|event| event.key.to_string()).collect::<Vec<_>>().join(" "), rejected(&read).len())
    };
    for (when, rows) in [
        ("{a: x1}", "x1"),
        ("{a: [x1, y3]}", "x1 y3"),
        ("{a: {equals: x2}}", "x2"),
        ("{a: {in: [x2, y3]}}", "x2 y3"),
        ("{b: {not: B}}", "x1 y3"),
        ("{b: {not: [B, C]}}", "x1"),
        ("{b: {empty: true}}", "x1"),
        ("{b: {empty: false}, a: {prefix: x}}", "x2"),
        ("{n: {at_least: 1, below: 2.5}}", "x1"),
        ("{n: {above: 1.0}}", "x2"),
        ("{n: {at_most: 2.5}}", "x1 x2"),
        ("{n: {below: {column: m}}}", "x1"),
        ("[{a: x1}, {b: C}]", "x1 y3"),
    ] {
        assert_eq!(count(when), (rows.to_owned(), 0), "{when}");
    }
    assert_eq!(count("{a: {above: 1}}"), (String::new(), 3), "what is no number cannot be compared");
}

#[test]
fn json_lines_gzip_and_encodings_read_alike() {
    let yaml = r#"
mapping: j
format: jsonl
times: { default: epoch_ms }
money: { decimals: 2, currency: { column: loan.currency } }
events:
  - event: repayment
    kind: disbursed
    event_time: "{ts}"
    customer: "{loan.borrower}"
    partner: "{partner}"
    loan: "{loan.id}"
    due: "{loan.amount}"
"#;
    let line = r#"{"ts": 1330473600123, "partner": "Müller", "loan": {"id": 7, "borrower": "c1", "amount": 90071992547409.93, "currency": "EUR"}}"#;
    let text = format!("\u{feff}{line}\r\n\n{{broken\n{line}");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin = encoding_rs::WINDOWS_1252.encode(text.trim_start_matches('\u{feff}')).0.into_owned();
    for (name, bytes, extra) in
        [("f.jsonl", text.as_bytes(), ""), ("f.dat", &gzip, ""), ("f", &utf16, ""), ("f", &latin, "\nencoding: latin1")]
    {
        let yaml = format!("{yaml}{extra}");
        let read = read_with(&[&yaml], &[(name, bytes)], Options::default()).unwrap();
        assert_eq!(rejected(&read).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3], "{name}");
        let Event::Repayment(event) = decode(&read.events[1]) else { panic!("no repayment") };
        assert_eq!(event.partner, "Müller");
        assert_eq!(
            (event.due.map(|due| due.principal_minor), event.event_time),
            (Some(9_007_199_254_740_993), EventTime(1_330_473_600_123))
        );
        assert_eq!(read.events.iter().map(|event| event.line).collect::<Vec<_>>(), [1, 4]);
    }
}

#[test]
fn times_move_by_the_calendar_and_by_columns() {
    let yaml = r#"
mapping: t
csv: { header: false, columns: [id, start, term], delimiter: tab }
money: { decimals: 0 }
common: { customer: "{id}", partner: p, loan: "{id}", event_time: "{start}" }
events:
  - { event: repayment, kind: scheduled, instalment: 1, due: 5, due_date: { column: start, plus_days: { column: term } } }
  - { event: repayment, kind: scheduled, instalment: 2, due: 5, due_date: { column: start, plus_months: 1 } }
"#;
    let read = read(yaml, "a\t2024-01-31\t30\nb\t2024-01-31\tx\n");
    let days: Vec<_> = read
        .events
        .iter()
        .map(|event| match decode(event) {
            Event::Repayment(event) => event.due_date.map(|day| day.to_string()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(days, [Some("2024-03-01".to_owned()), Some("2024-02-29".to_owned())]);
    assert_eq!(rejected(&read).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2]);
}

#[test]
fn customers_with_consents_flags_and_scores() {
    let yaml = r#"
mapping: c
money: { decimals: 2 }
events:
  - event: customer
    customer: "{id}"
    event_time: "{at}"
    region: "{region}"
    tags: ["{tag}", vip]
    lenders: "{lenders}"
    debt_burden_ppm: { column: burden, unit: percent }
    own_limit_minor: "{limit}"
    income: { monthly_minor: "{limit}", currency: "CNY" }
    flags: { opt_out: "{optout}", student: { column: job, map: { student: yes, 1: yes, null: no }, otherwise: no } }
    risk: { model: m, version: "1", value_ppm: { column: score, unit: fraction }, scored_at: "{at}" }
    consents:
      - { consent: "k-{id}", purpose: marketing_cross, controller: lender, text_version: v1, given_at: "{given}" }
  - event: outcome
    when: { answer: { empty: false } }
    customer: "{id}"
    event_time: "{at}"
    kind: { column: answer, map: { y: responded, n: rejected } }
    channel: phone
"#;
    let text = "id,at,region,tag,lenders,burden,limit,optout,job,score,given,answer\n\
        c1,2020-01-02,BE,new,3,35.5%,10.5,N,student,0.1234567,2019-12-31T10:00:00Z,y\n\
        c2,2020-01-03,,,,,,,,,,\n";
    let read = read(yaml, text);
    assert_eq!(rejected(&read), []);
    let Event::Customer(full) = decode(&read.events[0]) else { panic!("no customer") };
    assert_eq!((full.region, full.tags.as_slice(), full.lenders), (Some("BE"), ["new", "vip"].as_slice(), Some(3)));
    assert_eq!((full.debt_burden_ppm, full.own_limit_minor), (Some(355_000), Some(1_050)));
    assert_eq!(full.income.map(|income| (income.monthly_minor, income.currency)), Some((1_050, "CNY")));
    assert_eq!(
        full.flags.iter().map(|flag| (flag.flag.name(), flag.value)).collect::<Vec<_>>(),
        [("opt_out", false), ("student", true)]
    );
    assert_eq!(full.risk.as_ref().map(|risk| (risk.model, risk.value_ppm)), Some(("m", 123_457)));
    assert_eq!(full.consents.first().map(|consent| consent.consent), Some("k-c1"));
    let Event::Outcome(outcome) = decode(&read.events[1]) else { panic!("no outcome") };
    assert_eq!((outcome.kind.name(), outcome.channel), ("responded", Some("phone")));
    let Event::Customer(bare) = decode(&read.events[2]) else { panic!("no customer") };
    assert_eq!(
        (bare.risk, bare.consents.len(), bare.region, bare.tags.as_slice()),
        (None, 0, None, ["vip"].as_slice())
    );
    assert_eq!(bare.flags.iter().map(|flag| flag.flag.name()).collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn files_are_merged_by_time_then_file_then_line_then_place() {
    let yaml = |name: &str, pattern: &str| {
        format!(
            "mapping: {name}\nfiles: {pattern}\nevents:\n  - {{event: customer, customer: \"{{c}}\", event_time: \"{{t}}\"}}\n  - {{event: outcome, kind: contacted, customer: \"{{c}}\", event_time: \"{{t}}\"}}\n"
        )
    };
    let (a, b) = (yaml("a", "a*.csv"), yaml("b", "\"?-b.csv\""));
    let files: [(&str, &[u8]); 2] = [
        ("a1.csv", b"t,c\n2020-01-03,a3\n2020-01-01,a1\n2020-01-02,a2\n"),
        ("x-b.csv", b"c,t\nb2,2020-01-02\nb1,2020-01-01\n"),
    ];
    let keys = |options: Options| {
        let read = read_with(&[&a, &b], &files, options).unwrap();
        read.events.iter().map(|event| format!("{}.{}", event.key, event.place)).collect::<Vec<_>>().join(" ")
    };
    let sorted = "a1.0 a1.1 b1.0 b1.1 a2.0 a2.1 b2.0 b2.1 a3.0 a3.1";
    assert_eq!(keys(Options::default()), sorted);
    assert_eq!(keys(Options { sort_rows_in_memory_max: 1, ..Options::default() }), sorted);
    assert_eq!(
        keys(Options { sorted: false, ..Options::default() }),
        "a3.0 a3.1 a1.0 a1.1 a2.0 a2.1 b2.0 b2.1 b1.0 b1.1"
    );
    let truncated: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
    let broken =
        read_with(&[&a], &[("a.csv", truncated)], Options { sorted: false, ..Options::default() }).err().unwrap();
    assert!(broken.contains("a.csv") && broken.contains("gzip"), "{broken}");
    let lost = read_with(&[&a, &b], &[("other.csv", b"t,c\n")], Options::default()).err().unwrap();
    assert!(lost.contains("no mapping reads it"), "{lost}");
}

#[test]
fn event_ids_are_stable_and_differ_between_events() {
    let text = "loan;who;shop;type;at;amount;no;fee;by\nL1;c1;7;pay;31.12.2020 23:59;1;1;;\nL1;c1;7;pay;31.12.2020 23:59;1;2;;\n";
    let ids = |yaml: &str| -> Vec<String> {
        read(yaml, text).events.iter().map(|event| decode(event).event_id().to_owned()).collect()
    };
    let first = ids(LOANS);
    assert_eq!(first, ids(LOANS));
    assert_ne!(first[0], first[1]);
    assert_ne!(first, ids(&LOANS.replace("mapping: loans", "mapping: other")));
    assert_eq!(ids(&format!("{LOANS}    event_id: \"{{loan}}-{{no}}\"\n")), ["L1-1", "L1-2"]);
}

#[test]
fn every_rejected_row_is_seen_by_the_watch() {
    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<(Vec<Rejected>, u64)>>);
    impl Watch for Seen {
        fn rejected(&mut self, row: &Rejected) {
            self.0.lock().unwrap().0.push(row.clone());
        }
        fn progress(&mut self, read_bytes: u64, total_bytes: u64) {
            assert!(read_bytes <= total_bytes);
            self.0.lock().unwrap().1 = read_bytes;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.csv");
    let text = format!("c,t\n{}", "c1,never\n".repeat(50));
    std::fs::write(&path, &text).unwrap();
    let yaml = "mapping: m\nevents: [{event: customer, customer: \"{c}\", event_time: \"{t}\"}]";
    let seen = Seen::default();
    let options = Options { rejected_kept_max: 3, ..Options::default() };
    let set = SourceSet::open(vec![mapping(yaml)], &[path], options, Box::new(seen.clone())).unwrap();
    assert_eq!((set.report().rejected.len(), set.report().rejected_total()), (3, 50));
    let seen = seen.0.lock().unwrap();
    assert_eq!((seen.0.len(), seen.0[49].line, seen.1), (50, 51, text.len() as u64));
    assert!(set.report().to_string().contains("47 more rows"));
}

#[test]
fn wrong_documents_are_named_by_line_and_column() {
    let good = "mapping: m\nevents:\n  - event: application\n    kind: submitted\n    customer: \"{c}\"\n    partner: p\n    application: a\n    event_time: \"{t}\"\n";
    assert_eq!(problems(good), Vec::<String>::new());
    let mut unfit = Vec::new();
    for (from, to, place, part) in [
        ("mapping: m\n", "", "m.yaml:1:1:", "without `mapping`"),
        ("    kind: submitted\n", "    kind: submited\n", "m.yaml:4:11:", "did you mean \"submitted\"?"),
        ("    partner: p\n", "    prtner: p\n", "m.yaml:6:5:", "did you mean \"partner\"?"),
        ("    partner: p\n", "", "m.yaml:3:5:", "without `partner`"),
        ("event: application", "event: applicant", "m.yaml:3:12:", "expected one of: application, repayment"),
        ("partner: p", "partner: \"{p\"", "m.yaml:6:14:", "both braces"),
        ("partner: p", "partner: {p}", "m.yaml:6:14:", "in quotes"),
        ("kind: submitted", "kind: drawdown_requested", "m.yaml:3:5:", "without `drawdown`"),
        ("partner: p", "amount_minor: 5\n    partner: p", "m.yaml:6:19:", "money: {decimals: 2}"),
        ("    event_time: \"{t}\"", "    event_time: { column: t, time: nope }", "m.yaml:8:36:", "declare it there"),
        ("events:", "common: { customr: x }\nevents:", "m.yaml:2:11:", "some event of `events` has"),
        ("events:", "money: { decimals: two }\nevents:", "m.yaml:2:20:", "from 0 to 6"),
        ("events:", "times: { default: epoch }\nevents:", "m.yaml:2:19:", "epoch_seconds"),
        ("events:", "encoding: utf-9\nevents:", "m.yaml:2:11:", "character encoding"),
        ("events:", "csv: { delimiter: ab }\nevents:", "m.yaml:2:19:", "one ASCII character"),
        ("events:", "events: [\n", "m.yaml:", "no YAML"),
        ("events:", "when: { s: }\nevents:", "m.yaml:2:9:", "{empty: true}"),
        ("event_time: \"{t}\"", "event_time: 01.02.2020", "m.yaml:8:17:", "ISO 8601"),
    ] {
        let found = problems(&good.replace(from, to)).join("\n");
        if !(found.contains(place) && found.contains(part) && found.contains("expected")) {
            unfit.push(format!("{to}: {found}"));
        }
    }
    assert!(unfit.is_empty(), "{}", unfit.join("\n"));
}

#[test]
fn a_file_without_a_column_stops_with_the_place_in_the_mapping() {
    let yaml = "mapping: m\nevents:\n  - event: customer\n    customer: \"{custmer}\"\n    event_time: \"{t}\"\n    region: land\n";
    let error = read_with(&[yaml], &[("f.csv", b"customer,t,land\n")], Options::default()).err().unwrap();
    let lines: Vec<&str> = error.lines().collect();
    assert!(lines[0].starts_with("m.yaml:4:15:") && lines[0].contains("did you mean \"customer\"?"), "{error}");
    assert!(lines[1].starts_with("m.yaml:6:13:") && lines[1].contains("\"{land}\""), "{error}");
    // A word of a closed vocabulary is clear, whatever the columns are called.
    let clear = "mapping: m\nevents: [{event: outcome, kind: failed, customer: \"{c}\", event_time: \"{t}\"}]";
    assert_eq!(read(clear, "c,t,failed\nc1,2020-01-01,x\n").events.len(), 1);
    let error = read_with(&[yaml], &[("f.csv", b"")], Options::default()).err().unwrap();
    assert!(error.contains("the file is empty"), "{error}");
}

/// The text between the fences of the first block of that language behind a heading.
fn block<'t>(document: &'t str, heading: &str, language: &str) -> &'t str {
    let section = document.split_once(&format!("## {heading}\n")).unwrap().1;
    let opened = section.split_once(&format!("```{language}\n")).unwrap().1;
    opened.split_once("```").unwrap().0
}

#[test]
fn the_worked_example_of_the_docs_does_what_it_says() {
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mapping.md")).unwrap();
    let (yaml, text) = (block(&docs, "A worked example", "yaml"), block(&docs, "A worked example", "text"));
    let read = read(yaml, text);
    assert_eq!(rejected(&read), []);
    let lines = |line| read.events.iter().filter(|event| event.line == line).count();
    assert_eq!([2, 3, 4, 5].map(lines), [6, 1, 4, 0]);
    let Event::Application(first) = decode(&read.events[0]) else { panic!("no application") };
    assert_eq!((first.event_time.to_string().as_str(), first.amount_minor), ("2024-01-03T13:05:00Z", Some(120_000)));
    assert!(read.report.to_string().contains("no event for column status: DRAFT: 1"), "{}", read.report);
    let events = "events: [{event: customer, customer: c, event_time: \"2020-01-01 00:00:00\"}]";
    mapping(&format!("mapping: m\n{}{events}", block(&docs, "Times", "yaml")));
    mapping(&format!("mapping: m\n{}{}", block(&docs, "Proxies", "yaml"), events.replace(" 00:00:00", "")));
}

// ---- the real data ----

/// The folder of the real data, or `None` with a message where it is absent.
fn real_data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("REFLOW_REAL_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    if folder.join("expected/golden_dev.json").is_file() {
        return Some(folder);
    }
    eprintln!("SKIPPED {test}: no real data in {}; set REFLOW_REAL_DATA to its folder", folder.display());
    None
}

fn golden(folder: &Path, set: &str) -> serde_json::Value {
    let text = std::fs::read_to_string(folder.join("expected/golden_dev.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()[set].clone()
}

fn real(folder: &Path, name: &str, file: &str, options: Options) -> Read {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/real-data/{name}.mapping.yaml"));
    let mapping = Mapping::parse(name, &std::fs::read_to_string(document).unwrap())
        .unwrap_or_else(|problems| panic!("{problems}"));
    let mut set = SourceSet::open(vec![mapping], &[folder.join(file)], options, Box::new(Unwatched)).unwrap();
    let events: Vec<RowEvent> = set.by_ref().map(Result::unwrap).collect();
    let report = set.report().clone();
    assert_eq!(report.rejected_total(), 0, "{report}");
    assert!(events.is_sorted_by_key(|event| (event.event_time, event.line, event.place)));
    Read { events, report }
}

#[test]
fn bpi2012_by_utc_month() {
    let Some(folder) = real_data("bpi2012_by_utc_month") else { return };
    let read = real(&folder, "bpi2012", "applications_bpi2012/bpi2012_events.csv.gz", Options::default());
    let mut months: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for event in &read.events {
        let Event::Application(event) = decode(event) else { panic!("no application") };
        let month = event.event_time.to_string()[..7].to_owned();
        let name = match event.kind {
            ApplicationKind::DrawdownDisbursed => "activated",
            ApplicationKind::Preaccepted => continue,
            other => other.name(),
        };
        *months.entry(month).or_default().entry(name).or_default() += 1;
    }
    let golden = golden(&folder, "bpi2012");
    assert_eq!(serde_json::to_value(&months).unwrap(), golden["by_utc_month"]);
    assert_eq!(read.report.rows(), 262_200);
    assert_eq!(read.report.events()["application preaccepted"], 7_367);
}

#[test]
fn superlender_first_instalments_by_days_late() {
    let Some(folder) = real_data("superlender_first_instalments_by_days_late") else { return };
    let read = real(&folder, "superlender", "repayments_superlender/trainprevloans.csv.gz", Options::default());
    let mut due: BTreeMap<String, CalendarDay> = BTreeMap::new();
    let mut paid: BTreeMap<String, CalendarDay> = BTreeMap::new();
    for event in &read.events {
        if let Event::Repayment(event) = decode(event) {
            match event.kind {
                RepaymentKind::Scheduled => {
                    assert!(due.insert(event.loan.to_owned(), event.due_date.unwrap()).is_none())
                }
                RepaymentKind::Paid => {
                    assert!(paid.insert(event.loan.to_owned(), event.event_time.utc_day()).is_none())
                }
                _ => {}
            }
        }
    }
    let late: Vec<i32> = due.iter().map(|(loan, due)| paid[loan].days_since(*due)).collect();
    let golden = golden(&folder, "superlender_train");
    let between = |from: i32, to: i32| late.iter().filter(|days| (from..=to).contains(days)).count();
    let buckets = [("0", i32::MIN, 0), ("1-30", 1, 30), ("31-60", 31, 60), ("61-90", 61, 90), ("90+", 91, i32::MAX)];
    for (name, from, to) in buckets {
        assert_eq!(between(from, to), golden["first_instalment_dpd_bucket"][name], "{name}");
    }
    for at_least in [1, 7, 15, 30, 60, 90] {
        assert_eq!(between(at_least, i32::MAX), golden["fpd_count_dpd_ge"][at_least.to_string()], "{at_least}");
    }
    let by_kind = read.report.events();
    for kind in ["application submitted", "application approved", "application drawdown_disbursed", "repayment closed"]
    {
        assert_eq!(by_kind[kind], 18_183, "{kind}");
    }
}

#[test]
fn homecredit_states_by_channel() {
    let Some(folder) = real_data("homecredit_states_by_channel") else { return };
    let file = "applications_instalments_homecredit1k/previous_application.csv.gz";
    let read = real(&folder, "homecredit", file, Options::default());
    let mut channels: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for event in &read.events {
        let Event::Application(event) = decode(event) else { panic!("no application") };
        let state = match event.kind {
            ApplicationKind::Approved => "Approved",
            ApplicationKind::Declined => "Refused",
            ApplicationKind::Cancelled => "Canceled",
            ApplicationKind::Preaccepted => "Unused offer",
            other => panic!("{other}"),
        };
        *channels.entry(event.partner.to_owned()).or_default().entry(state).or_default() += 1;
    }
    assert_eq!(serde_json::to_value(&channels).unwrap(), golden(&folder, "homecredit1k")["status_by_channel"]);
}

#[test]
fn zindi_loans_by_lender_and_the_same_order_from_disk() {
    let Some(folder) = real_data("zindi_loans_by_lender_and_the_same_order_from_disk") else { return };
    let file = "loans_zindi_lenders/Test.csv.gz";
    let read = real(&folder, "zindi", file, Options::default());
    let mut lenders: BTreeMap<String, u64> = BTreeMap::new();
    let mut ids = std::collections::BTreeSet::new();
    for event in &read.events {
        let event = decode(event);
        ids.insert(event.event_id().to_owned());
        if let Event::Repayment(event) = event
            && event.kind == RepaymentKind::Scheduled
        {
            *lenders.entry(event.partner.to_owned()).or_default() += 1;
        }
    }
    assert_eq!(serde_json::to_value(&lenders).unwrap(), golden(&folder, "zindi")["by_lender"]);
    assert_eq!((read.report.rows(), ids.len()), (18_594, read.events.len()));
    let disk = real(&folder, "zindi", file, Options { sort_rows_in_memory_max: 500, ..Options::default() });
    assert!(disk.events == read.events, "sorted on disk differs from sorted in memory");
}
