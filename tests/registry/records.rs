//! Applications as somebody else writes them.

use std::time::{SystemTime, UNIX_EPOCH};

use apache_avro::Schema as AvroSchema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use reflow::domain::partition::partition_of;
use reflow::wire::{Schema, frame};
use serde_json::{Value as Json, json};

use crate::deployment::SHARDS;

pub const PARTNER: &str = "partner-00";

/// Another version of the schema: fields in reverse, one more in front, one less, amounts that were ints, `mark` in a doc.
pub fn evolved(mark: &str) -> String {
    let mut schema: Json = serde_json::from_str(Schema::Application.text()).unwrap();
    schema["doc"] = json!(mark);
    let fields = schema["fields"].as_array_mut().unwrap();
    fields.retain(|field| field["name"] != "enhancer");
    for field in fields.iter_mut().filter(|field| field["name"] == "amount_minor") {
        field["type"] = json!(["int", "null"]);
        field.as_object_mut().unwrap().remove("default");
    }
    fields.push(json!({"name": "campaign_code", "type": "string"}));
    fields.reverse();
    schema.to_string()
}

/// A customer whose records go to that shard.
pub fn customer(shard: i32) -> String {
    (0..).map(|n| format!("customer-{n}")).find(|token| partition_of(token.as_bytes(), SHARDS) == shard).unwrap()
}

/// A submitted application in that schema, framed with that id.
pub fn submitted(schema: &str, id: u32, shard: i32, application: &str, amount: i32) -> Vec<u8> {
    let schema = AvroSchema::parse_str(schema).unwrap();
    let AvroSchema::Record(record) = &schema else { panic!("a record") };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let text = |text: &str| Value::String(text.to_owned());
    let value = |name: &str, schema: &AvroSchema| match (name, schema) {
        ("event_id", _) => text(&format!("event-{application}")),
        ("event_time", _) => Value::TimestampMillis(now),
        ("customer", _) => text(&customer(shard)),
        ("partner", _) => text(PARTNER),
        ("application", _) => text(application),
        ("kind", _) => Value::Enum(0, "submitted".to_owned()),
        ("campaign_code", _) => text("spring"),
        ("currency", _) => Value::Union(1, Box::new(text("CNY"))),
        ("amount_minor", AvroSchema::Union(union)) => match &union.variants()[0] {
            AvroSchema::Int => Value::Union(0, Box::new(Value::Int(amount))),
            _ => Value::Union(1, Box::new(Value::Long(amount.into()))),
        },
        (_, AvroSchema::Boolean) => Value::Boolean(false),
        (_, AvroSchema::Union(_)) => Value::Union(0, Box::new(Value::Null)),
        other => panic!("no value for {other:?}"),
    };
    let fields = record.fields.iter().map(|field| (field.name.clone(), value(&field.name, &field.schema))).collect();
    let mut bytes = Vec::new();
    frame::put(id, &mut bytes);
    let writer = GenericDatumWriter::builder(&schema).build().unwrap();
    bytes.extend(writer.write_value_to_vec(Value::Record(fields)).unwrap());
    bytes
}
