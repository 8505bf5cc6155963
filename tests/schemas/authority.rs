//! apache-avro with one of our schemas: reads, writes, and translates to JSON and back.

use std::collections::HashMap;
use std::io::Read;

use apache_avro::Schema as AvroSchema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use reflow::wire::Schema;
use serde_json::{Map, Value as Json};

/// Most bytes apache-avro may allocate for one length it read; its default of 512 MiB is no test of hostile bytes.
const ALLOCATION_BYTES_MAX: usize = 1 << 20;

/// The bytes of a body. Version 0.22 takes their end within a string, boolean or union for null, so that must be seen here.
struct Input<'b> {
    rest: &'b [u8],
    asked_for_more: bool,
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.asked_for_more |= buffer.len() > self.rest.len();
        self.rest.read(buffer)
    }
}

pub struct Authority {
    pub schema: &'static AvroSchema,
    /// Every record and enum of the schema, by its name without namespace.
    pub named: HashMap<String, &'static AvroSchema>,
    reader: GenericDatumReader<'static>,
    writer: GenericDatumWriter<'static>,
}

impl Authority {
    pub fn of(schema: Schema) -> Self {
        apache_avro::util::max_allocation_bytes(ALLOCATION_BYTES_MAX);
        let schema: &'static AvroSchema = Box::leak(Box::new(schema.parsed().unwrap()));
        let mut named = HashMap::new();
        collect_named(schema, &mut named);
        let reader = GenericDatumReader::builder(schema).build().unwrap();
        let writer = GenericDatumWriter::builder(schema).build().unwrap();
        Self { schema, named, reader, writer }
    }

    /// Reads a whole body: nothing may be left, and nothing may be asked for behind its end.
    pub fn read(&self, body: &[u8]) -> Result<Value, String> {
        let mut input = Input { rest: body, asked_for_more: false };
        let value = self.reader.read_value(&mut input).map_err(|e| e.to_string())?;
        match (input.asked_for_more, input.rest.len()) {
            (true, _) => Err("cut off".into()),
            (false, 0) => Ok(value),
            (false, left) => Err(format!("{left} bytes left")),
        }
    }

    pub fn write(&self, value: Value) -> Vec<u8> {
        self.writer.write_value_to_vec(value).unwrap()
    }

    /// The value that a JSON document in the serde form of the domain types stands for.
    pub fn value(&self, json: &Json) -> Value {
        self.value_as(self.schema, json)
    }

    fn value_as(&self, schema: &AvroSchema, json: &Json) -> Value {
        match schema {
            AvroSchema::Null => Value::Null,
            AvroSchema::Boolean => Value::Boolean(json.as_bool().unwrap()),
            AvroSchema::Int => Value::Int(json.as_i64().unwrap().try_into().unwrap()),
            AvroSchema::Date => Value::Date(json.as_i64().unwrap().try_into().unwrap()),
            AvroSchema::Long => Value::Long(json.as_i64().unwrap()),
            AvroSchema::TimestampMillis => Value::TimestampMillis(json.as_i64().unwrap()),
            AvroSchema::String => Value::String(json.as_str().unwrap().to_owned()),
            AvroSchema::Bytes => {
                Value::Bytes(json.as_array().unwrap().iter().map(|b| b.as_u64().unwrap().try_into().unwrap()).collect())
            }
            AvroSchema::Enum(e) => {
                let ordinal = e.symbols.iter().position(|s| s == json.as_str().unwrap()).unwrap();
                Value::Enum(ordinal as u32, e.symbols[ordinal].clone())
            }
            AvroSchema::Union(u) => {
                let branch = branch(u.variants(), json);
                Value::Union(branch as u32, Box::new(self.value_as(&u.variants()[branch], json)))
            }
            AvroSchema::Array(a) => {
                Value::Array(json.as_array().unwrap().iter().map(|item| self.value_as(&a.items, item)).collect())
            }
            AvroSchema::Record(r) => Value::Record(
                r.fields.iter().map(|f| (f.name.clone(), self.value_as(&f.schema, &json[&f.name]))).collect(),
            ),
            AvroSchema::Ref { name } => self.value_as(self.named[name.name()], json),
            other => panic!("our schemas have no {other:?}"),
        }
    }
}

/// Our unions are a value or null, or a name of a list or any other.
pub fn branch(variants: &[AvroSchema], json: &Json) -> usize {
    let holds = |variant: &AvroSchema| match variant {
        AvroSchema::Null => json.is_null(),
        AvroSchema::Enum(e) => e.symbols.iter().any(|symbol| json == symbol),
        _ => !json.is_null(),
    };
    variants.iter().position(holds).unwrap()
}

/// A value in the serde form of the domain types: unions and logical types without wrapping, bytes as numbers.
pub fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(b) => Json::from(*b),
        Value::Int(n) | Value::Date(n) => Json::from(*n),
        Value::Long(n) | Value::TimestampMillis(n) => Json::from(*n),
        Value::String(s) | Value::Enum(_, s) => Json::from(s.as_str()),
        Value::Bytes(bytes) => Json::from(bytes.as_slice()),
        Value::Union(_, inner) => json(inner),
        Value::Array(items) => Json::Array(items.iter().map(json).collect()),
        Value::Record(fields) => {
            Json::Object(fields.iter().map(|(name, value)| (name.clone(), json(value))).collect::<Map<_, _>>())
        }
        other => panic!("our schemas have no {other:?}"),
    }
}

fn collect_named(schema: &'static AvroSchema, named: &mut HashMap<String, &'static AvroSchema>) {
    match schema {
        AvroSchema::Enum(e) => {
            named.insert(e.name.name().to_owned(), schema);
        }
        AvroSchema::Record(r) => {
            named.insert(r.name.name().to_owned(), schema);
            r.fields.iter().for_each(|f| collect_named(&f.schema, named));
        }
        AvroSchema::Array(a) => collect_named(&a.items, named),
        AvroSchema::Union(u) => u.variants().iter().for_each(|v| collect_named(v, named)),
        _ => {}
    }
}
