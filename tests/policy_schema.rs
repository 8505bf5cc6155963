//! The JSON Schema of the policy document against its reader: what the reader takes the schema takes, and both know the same keys.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper fails its test by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use jsonschema::{Draft, Validator};
use reflow::policy::{Policy, ProblemCode};
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../policies/policy.schema.json");

/// Documents that together use every group of keys.
const EVERY_GROUP: [&str; 2] = ["policies/example.yaml", "policies/persons.yaml"];

/// Wrong in what only a table of the program tells.
const NOT_IN_A_SCHEMA: [&str; 1] = ["unknown_zone.yaml"];

/// Kinds of problems that lie in the shape of one value or group.
const OF_SHAPE: [&str; 4] = ["POL_UNKNOWN_KEY", "POL_MISSING_KEY", "POL_SHAPE", "POL_VALUE"];

/// A key that no policy has; the group's path follows it.
const STRANGE: &str = "strange";

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn part() -> Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

/// The schema of a policy in one file.
fn whole() -> Validator {
    const HERE: &str = "urn:reflow:policy";
    let mut schema = schema();
    schema["$id"] = json!(HERE);
    let of_it = jsonschema::Registry::new().add(HERE, schema).unwrap().prepare().unwrap();
    let whole = json!({"$ref": format!("{HERE}#/$defs/whole")});
    jsonschema::options().with_draft(Draft::Draft202012).with_registry(&of_it).build(&whole).unwrap()
}

fn document(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Files below a folder whose names end so.
fn below(folder: &str, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.to_str().unwrap() {
            inner if path.is_dir() => found.extend(below(inner, end)),
            name if name.ends_with(end) => found.push(path.clone()),
            _ => {}
        }
    }
    found.sort();
    found
}

fn faults(schema: &Validator, document: &Value) -> Vec<String> {
    schema.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn takes_every_policy_that_is_one() {
    let mut files = below("policies", ".yaml");
    files.extend(below("tests/scenarios", ".policy.yaml"));
    files.extend(below("examples", ".policy.yaml"));
    files.push("src/ops/demo/demo-policy.yaml".into());
    assert!(files.len() >= 9, "{files:?}");
    let schema = whole();
    for file in files {
        let faults = faults(&schema, &document(&file));
        assert!(faults.is_empty(), "{}\n{}", file.display(), faults.join("\n"));
    }
}

#[test]
fn refuses_what_is_wrong_in_its_shape() {
    let (schema, mut refused) = (whole(), 0);
    for file in below("tests/policies/broken", ".yaml") {
        let text = std::fs::read_to_string(&file).unwrap();
        if !OF_SHAPE.iter().any(|code| text.lines().next().unwrap().contains(code)) {
            continue;
        }
        let known = NOT_IN_A_SCHEMA.iter().any(|name| file.ends_with(name));
        assert_eq!(schema.is_valid(&document(&file)), known, "{}", file.display());
        refused += usize::from(!known);
    }
    assert!(refused >= 15, "{refused}");
}

#[test]
fn a_part_of_a_policy_needs_no_head_and_a_whole_one_does() {
    let contact = json!({"contact": {"cap": {"count": 2, "window": "30d"}, "cool_down": "7d"}});
    assert!(part().is_valid(&contact));
    assert!(!whole().is_valid(&contact));
    assert!(!part().is_valid(&json!({"contact": {"cool_down": "7d"}})));
}

/// What the reader takes as text is taken whether YAML makes a number of it or not.
#[test]
fn numbers_may_be_texts_and_texts_numbers() {
    let schema = part();
    for taken in [
        json!({"version": 7, "author": 12, "fairness": {"review_required_above_minor": "10000"}}),
        json!({"contact": {"cap": {"count": "2", "window": "30d"}, "cool_down": "7d", "response_from": "5 points"}}),
        json!({"holdout": {"salt": 2024, "share": "0.50000 %"}}),
        json!({"holdout": {"salt": "s", "share": "100%"}}),
        json!({"effective_from": "2024-03-01T00:00:00.5Z", "prefill": [1, "a"]}),
    ] {
        assert_eq!(faults(&schema, &taken), Vec::<String>::new(), "{taken}");
    }
    for refused in [
        json!({"holdout": {"salt": "s", "share": 0.05}}),
        json!({"holdout": {"salt": "s", "share": "100.1 %"}}),
        json!({"holdout": {"salt": "s", "share": "1.00001 %"}}),
        json!({"contact": {"cap": {"count": -1, "window": "30d"}, "cool_down": "7d"}}),
        json!({"contact": {"cap": {"count": 2, "window": "0d"}, "cool_down": "7d"}}),
        json!({"contact": {"cap": {"count": 2, "window": "30 d"}, "cool_down": "7d"}}),
        json!({"effective_from": "2024-03-01"}),
        json!({"version": "a b"}),
        json!({"version": null}),
        json!({"prefill": []}),
    ] {
        assert!(!schema.is_valid(&refused), "{refused}");
    }
}

/// Puts a key that nobody knows into every group; it says where the group is, with `*` for every item of a list.
fn estranged(value: &Value, path: &str) -> Value {
    match value {
        Value::Object(group) => {
            let below = |(key, value): (&String, &Value)| (key.clone(), estranged(value, &format!("{path}/{key}")));
            let mut group: serde_json::Map<String, Value> = group.iter().map(below).collect();
            group.insert(format!("{STRANGE}{path}"), json!(1));
            Value::Object(group)
        }
        Value::Array(items) => items.iter().map(|item| estranged(item, &format!("{path}/*"))).collect(),
        other => other.clone(),
    }
}

/// By the path of a group: the keys that the reader asks for there, as it tells whoever writes another one.
fn asked() -> BTreeMap<String, BTreeSet<String>> {
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in EVERY_GROUP {
        let text = estranged(&document(Path::new(file)), "").to_string();
        for problem in Policy::parse(file, &text).unwrap_err() {
            assert_eq!(problem.code, ProblemCode::UnknownKey, "{problem}");
            let name = problem.found.split('`').nth(1).unwrap();
            let keys = problem.expected.strip_prefix("one of ").unwrap().split(", ").map(str::to_owned);
            asked.entry(name.strip_prefix(STRANGE).unwrap().to_owned()).or_default().extend(keys);
        }
    }
    asked
}

/// A schema with all that it refers to and lets choose from.
fn spread<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s Value> {
    let mut all = vec![schema];
    if let Some(name) = schema["$ref"].as_str() {
        all.extend(spread(root, root.pointer(name.strip_prefix('#').unwrap()).unwrap()));
    }
    for choice in ["anyOf", "oneOf"] {
        all.extend(schema[choice].as_array().into_iter().flatten().flat_map(|schema| spread(root, schema)));
    }
    all
}

/// The keys of the schema for the group at a path.
fn keys<'s>(root: &'s Value, path: &str) -> BTreeMap<&'s str, &'s Value> {
    let mut here = spread(root, root);
    for step in path.split('/').skip(1) {
        let below = here.iter().map(|schema| if step == "*" { &schema["items"] } else { &schema["properties"][step] });
        here = below.filter(|schema| !schema.is_null()).flat_map(|schema| spread(root, schema)).collect();
    }
    let groups = here.iter().filter_map(|schema| schema["properties"].as_object());
    groups.flatten().map(|(key, schema)| (key.as_str(), schema)).collect()
}

/// The document with a key without a value in the groups at `at` that have none such, which are counted.
fn with(value: &Value, path: &str, (at, key): (&str, &str), count: &mut usize) -> Value {
    match value {
        Value::Object(group) => {
            let mut changed = serde_json::Map::new();
            for (name, value) in group {
                changed.insert(name.clone(), with(value, &format!("{path}/{name}"), (at, key), count));
            }
            if path == at && !group.contains_key(key) {
                changed.insert(key.to_owned(), Value::Null);
                *count += 1;
            }
            Value::Object(changed)
        }
        Value::Array(items) => items.iter().map(|item| with(item, &format!("{path}/*"), (at, key), count)).collect(),
        other => other.clone(),
    }
}

/// True when the reader knows the key in some group at the path.
fn known_to_the_reader(documents: &[Value], at: &str, key: &str) -> bool {
    documents.iter().any(|document| {
        let mut count = 0;
        let text = with(document, "", (at, key), &mut count).to_string();
        let problems = Policy::parse("p.yaml", &text).err().unwrap_or_default();
        problems.iter().filter(|problem| problem.code == ProblemCode::UnknownKey).count() < count
    })
}

#[test]
fn knows_the_keys_that_the_reader_asks_for_and_describes_each() {
    let (schema, asked) = (schema(), asked());
    let documents = EVERY_GROUP.map(|file| document(Path::new(file)));
    assert!(asked.len() >= 45, "{} groups", asked.len());
    for (path, asked) in asked {
        let known = keys(&schema, &path);
        for key in &asked {
            assert!(known.contains_key(key.as_str()), "the schema lacks `{path}/{key}`");
        }
        for (key, schema) in known {
            let said = schema["description"].as_str().unwrap_or_default();
            assert!(said.ends_with('.') && said.len() > 4, "`{path}/{key}` is not described");
            let read = asked.contains(key) || known_to_the_reader(&documents, &path, key);
            assert!(read, "the reader does not know `{path}/{key}`");
        }
    }
}

/// Every group of the schema closes itself, so that a slip of the hand is seen.
#[test]
fn no_group_takes_other_keys() {
    fn look(schema: &Value, path: &str) {
        if schema["type"] == "object" && schema["properties"].is_object() {
            assert_eq!(schema["additionalProperties"], false, "{path}");
        }
        for (key, below) in schema.as_object().into_iter().flatten() {
            look(below, &format!("{path}/{key}"));
        }
        schema.as_array().into_iter().flatten().for_each(|item| look(item, path));
    }
    look(&schema(), "");
}

#[test]
fn the_command_prints_it() {
    let output = Command::new(env!("CARGO_BIN_EXE_reflow")).args(["policy", "schema"]).output().unwrap();
    assert!(output.status.success());
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), schema());
}
