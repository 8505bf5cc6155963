//! What the schema files promise as text: documentation, names, symbols, and what they must not hold.

use std::collections::BTreeMap;

use reflow::domain::name::Listed;
use reflow::domain::words::Word;
use reflow::domain::{
    ReasonCode, Subject, alert, candidate, check, counter, decision, events, fact, fate, journal, view,
};
use reflow::wire::Schema;
use serde_json::Value as Json;

/// Raw personal identifiers: customers, staff and employers are opaque tokens everywhere.
const FORBIDDEN: [&str; 8] = ["phone", "mobile", "id_number", "id_card", "address", "email", "birth_date", "full_name"];

fn parsed(schema: Schema) -> Json {
    serde_json::from_str(schema.text()).unwrap_or_else(|e| panic!("{schema}.avsc: {e}"))
}

/// Calls `visit` for every record and enum that a type defines, outermost first.
fn each_definition<'j>(schema: &'j Json, visit: &mut impl FnMut(&'j Json)) {
    match schema {
        Json::Array(variants) => variants.iter().for_each(|v| each_definition(v, visit)),
        Json::Object(object) => match object["type"].as_str() {
            Some("record") => {
                visit(schema);
                fields(schema).iter().for_each(|f| each_definition(&f["type"], visit));
            }
            Some("enum") => visit(schema),
            Some("array") => each_definition(&object["items"], visit),
            _ => {}
        },
        _ => {}
    }
}

fn fields(record: &Json) -> &[Json] {
    record["fields"].as_array().map_or(&[], Vec::as_slice)
}

fn is_sentence(doc: &Json) -> bool {
    doc.as_str().is_some_and(|d| d.len() > 1 && d.ends_with('.'))
}

#[test]
fn every_record_enum_and_field_is_documented() {
    for schema in Schema::ALL.iter().copied() {
        each_definition(&parsed(schema), &mut |definition| {
            let name = &definition["name"];
            assert!(is_sentence(&definition["doc"]), "{schema}.avsc: {name} has no doc");
            for field in fields(definition) {
                assert!(is_sentence(&field["doc"]), "{schema}.avsc: {name}.{} has no doc", field["name"]);
            }
        });
    }
}

#[test]
fn no_field_is_a_raw_personal_identifier() {
    for schema in Schema::ALL.iter().copied() {
        each_definition(&parsed(schema), &mut |definition| {
            for field in fields(definition) {
                let name = field["name"].as_str().unwrap();
                let found = FORBIDDEN.iter().find(|f| name.contains(*f));
                assert_eq!(found, None, "{schema}.avsc: {}.{name}", definition["name"]);
            }
        });
    }
}

#[test]
fn a_candidate_names_no_partner() {
    each_definition(&parsed(Schema::Candidate), &mut |definition| {
        for field in fields(definition) {
            let name = field["name"].as_str().unwrap();
            assert!(!name.contains("partner"), "{}.{name}", definition["name"]);
        }
    });
}

/// `fact_bundle` is the file of `reflow.v1.FactBundle`.
#[test]
fn the_record_is_named_like_its_file() {
    for schema in Schema::ALL.iter().copied() {
        let words = schema.name().split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
        let record = parsed(schema);
        assert_eq!(record["name"], words.collect::<String>(), "{schema}.avsc");
        assert_eq!(record["namespace"], "reflow.v1", "{schema}.avsc");
    }
}

/// A reader with this schema takes records of writers who did not know the field yet.
#[test]
fn nullable_fields_and_arrays_have_defaults() {
    for schema in Schema::ALL.iter().copied() {
        each_definition(&parsed(schema), &mut |definition| {
            for field in fields(definition) {
                let expected = match &field["type"] {
                    Json::Array(variants) if variants[0] == "null" => {
                        assert_eq!(variants.len(), 2, "{schema}.avsc: {field}");
                        Some(Json::Null)
                    }
                    // A name of a list, or any other.
                    Json::Array(variants) => {
                        let (list, other) = (&variants[0], &variants[1]);
                        assert_eq!((other, variants.len()), (&Json::from("string"), 2), "{schema}.avsc: {field}");
                        assert_eq!(list.get("default"), Some(&list["symbols"][0]), "{schema}.avsc: {field}");
                        None
                    }
                    Json::Object(object) if object["type"] == "array" => Some(Json::Array(Vec::new())),
                    _ => None,
                };
                assert_eq!(field.get("default"), expected.as_ref(), "{schema}.avsc: {field}");
            }
        });
    }
}

/// Files repeat the types they share, so that each can be read alone; the repetitions must not drift apart.
#[test]
fn a_type_is_the_same_in_every_file() {
    let mut known: BTreeMap<String, (Schema, Json)> = BTreeMap::new();
    for schema in Schema::ALL.iter().copied() {
        each_definition(&parsed(schema), &mut |definition| {
            let mut definition = definition.clone();
            definition.as_object_mut().unwrap().remove("namespace");
            fields_by_name(&mut definition);
            let name = definition["name"].as_str().unwrap().to_owned();
            let (first, same) = known.entry(name.clone()).or_insert_with(|| (schema, definition.clone()));
            assert_eq!(*same, definition, "{name} differs between {first}.avsc and {schema}.avsc");
        });
    }
}

/// Replaces the definitions within a record by their names.
fn fields_by_name(record: &mut Json) {
    for field in record["fields"].as_array_mut().into_iter().flatten() {
        by_name(&mut field["type"]);
    }
}

fn by_name(schema: &mut Json) {
    match schema {
        Json::Array(variants) => variants.iter_mut().for_each(by_name),
        Json::Object(object) if object["type"] == "array" => by_name(&mut object["items"]),
        Json::Object(object) if object.contains_key("name") => *schema = object["name"].clone(),
        _ => {}
    }
}

/// The name and the words of each vocabulary.
macro_rules! vocabularies {
    ($($module:ident::$word:ident),+ $(,)?) => { [$((stringify!($word), <$module::$word as Word>::NAMES)),+] };
}

#[test]
fn enums_have_the_words_of_the_domain_in_their_order() {
    let expected: BTreeMap<&str, &[&str]> = BTreeMap::from(vocabularies![
        alert::AlertKind,
        alert::Severity,
        candidate::Arm,
        candidate::CandidateKind,
        candidate::CandidateStatus,
        candidate::LimitMode,
        check::Relation,
        check::Unit,
        counter::Counter,
        decision::DecisionKind,
        decision::StageName,
        events::ApplicationKind,
        events::CancelReason,
        events::CloseReason,
        events::CommandKind,
        events::ConsentPurpose,
        events::EmployerSource,
        events::Flag,
        events::OutcomeKind,
        events::OwnProductState,
        events::Payer,
        events::ProductKind,
        events::RepaymentKind,
        events::RepaymentMethod,
        events::RiskBearing,
        fact::SettlementKind,
        fact::Verdict,
        fate::DeadLetterClass,
        journal::StepKind,
        view::Counterfactual,
        view::DataState,
        view::GuardState,
        view::ShiftState,
        view::Tile,
    ]);
    // Names in checks: behind the default, which our code does not have.
    let behind = |default, names: &[&'static str]| [&[default], names].concat();
    let (codes, subjects) = (behind(ReasonCode::OTHER, ReasonCode::NAMES), behind(Subject::OTHER, Subject::NAMES));
    let mut expected = expected;
    expected.extend([("CheckCode", codes.as_slice()), ("CheckSubject", subjects.as_slice())]);
    let mut published: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for schema in Schema::ALL.iter().copied() {
        each_definition(&parsed(schema), &mut |definition| {
            if let Some(symbols) = definition["symbols"].as_array() {
                let symbols = symbols.iter().map(|s| s.as_str().unwrap().to_owned()).collect();
                published.insert(definition["name"].as_str().unwrap().to_owned(), symbols);
            }
        });
    }
    assert_eq!(published.keys().map(String::as_str).collect::<Vec<_>>(), expected.keys().copied().collect::<Vec<_>>());
    for (name, symbols) in expected {
        assert_eq!(published[name], symbols, "{name}");
    }
}

#[test]
fn the_readme_lists_every_schema() {
    let readme = include_str!("../../schemas/README.md");
    for schema in Schema::ALL {
        assert!(readme.contains(&format!("| `{schema}.avsc` |")), "schemas/README.md does not list {schema}.avsc");
    }
}
