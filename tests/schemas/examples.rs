//! Every example in `schemas/examples` through serde, our codec and apache-avro, both ways.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use apache_avro::Schema as AvroSchema;
use reflow::domain::words::Word;
use reflow::wire::Schema;
use serde_json::Value as Json;

use crate::authority::{self, Authority};
use crate::ours;

/// Examples wanted of each schema: a rich and a sparse one.
const EXAMPLES_MIN: usize = 2;

pub struct Example {
    pub name: String,
    pub text: String,
}

/// The examples of a schema, by file name.
pub fn of(schema: Schema) -> Vec<Example> {
    let folder = root().join(schema.name());
    let mut found: Vec<Example> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .map(|path| Example {
            name: format!("{schema}/{}", path.file_name().unwrap().display()),
            text: std::fs::read_to_string(path).unwrap(),
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn root() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "schemas", "examples"].iter().collect()
}

#[test]
fn every_schema_has_some_and_no_folder_is_astray() {
    for schema in Schema::ALL {
        assert!(of(*schema).len() >= EXAMPLES_MIN, "{schema}: fewer than {EXAMPLES_MIN} examples");
    }
    for folder in std::fs::read_dir(root()).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        assert!(Schema::named(&name).is_some(), "{name} is no schema");
    }
}

#[test]
fn both_implementations_write_the_same_bytes_and_read_the_same_value() {
    for schema in Schema::ALL.iter().copied() {
        let authority = Authority::of(schema);
        for Example { name, text } in of(schema) {
            let json: Json = serde_json::from_str(&text).unwrap();
            let ours = ours::write(schema, &text);
            let theirs = authority.write(authority.value(&json));
            assert_eq!(ours, theirs, "{name}: bytes differ");
            assert_eq!(
                authority::json(&authority.read(&ours).unwrap()),
                json,
                "{name}: apache-avro reads another value"
            );
            assert_eq!(ours::read(schema, &theirs), Ok((ours, json)), "{name}: we read another value");
            ours::assert_same(schema, &text, &theirs);
        }
    }
}

/// What a field was seen to hold; of a name of a list and one of the user's own, the second is something.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Held {
    Nothing,
    Something,
}

/// Over all examples every nullable field and every array is seen with and without content, every name from a list and not.
#[test]
fn show_every_field_with_and_without_content() {
    let mut seen = BTreeMap::new();
    for schema in Schema::ALL.iter().copied() {
        let authority = Authority::of(schema);
        for example in of(schema) {
            look(&authority, authority.schema, &serde_json::from_str(&example.text).unwrap(), "", &mut seen);
        }
    }
    for (field, held) in seen {
        assert_eq!(held.len(), 2, "{field}: examples show only {held:?}");
    }
}

fn look(
    authority: &Authority,
    schema: &AvroSchema,
    json: &Json,
    field: &str,
    seen: &mut BTreeMap<String, BTreeSet<Held>>,
) {
    let mut note = |held| seen.entry(field.to_owned()).or_default().insert(held);
    match schema {
        AvroSchema::Union(u) => {
            let branch = authority::branch(u.variants(), json);
            note(if branch == 0 { Held::Nothing } else { Held::Something });
            look(authority, &u.variants()[branch], json, field, seen);
        }
        AvroSchema::Array(a) => {
            let items = json.as_array().unwrap();
            note(if items.is_empty() { Held::Nothing } else { Held::Something });
            items.iter().for_each(|item| look(authority, &a.items, item, field, seen));
        }
        AvroSchema::Record(r) => {
            for f in &r.fields {
                look(authority, &f.schema, &json[&f.name], &format!("{}.{}", r.name.name(), f.name), seen);
            }
        }
        AvroSchema::Ref { name } => look(authority, authority.named[name.name()], json, field, seen),
        _ => {}
    }
}
