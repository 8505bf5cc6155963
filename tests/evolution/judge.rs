//! apache-avro as the writer of records and the judge of what our schema makes of them.

use std::collections::HashMap;
use std::io::Read;

use apache_avro::Schema as AvroSchema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::Name;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;

use crate::mutate::{Dice, Pair, UNHEARD, WAS};

const ALLOCATION_BYTES_MAX: usize = 1 << 20;
const ITEMS_MAX: usize = 3;

pub struct Judge {
    pub writer: AvroSchema,
    pub reader: AvroSchema,
}

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

impl Judge {
    /// Version 0.22 does not look at aliases of fields when it reads: the judge's writer has the names of ours, which are not in the bytes.
    pub fn of(pair: &Pair) -> Self {
        apache_avro::util::max_allocation_bytes(ALLOCATION_BYTES_MAX);
        let writer = pair.writer.replace(&format!("\"{WAS}"), "\"");
        let reader = pair.reader.replace(&format!("\"{WAS}"), "\"other_");
        let parsed = |text: &str| AvroSchema::parse_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        Self { writer: parsed(&writer), reader: parsed(&reader) }
    }

    /// True when every record of the writer can be read, as far as types say.
    pub fn reads_all(&self) -> bool {
        matches!(SchemaCompatibility::can_read(&self.writer, &self.reader), Ok(Compatibility::Full))
    }

    /// A record of the writer.
    pub fn record(&self, dice: &mut Dice) -> Vec<u8> {
        let mut names = HashMap::new();
        collect(&self.writer, &mut names);
        let value = value(&self.writer, &names, dice, 6);
        GenericDatumWriter::builder(&self.writer).build().unwrap().write_value_to_vec(value).unwrap()
    }

    /// A record in our layout, each number in as few bytes as it needs: a writer may have used more, and we keep them.
    pub fn shortest(&self, ours: &[u8]) -> Vec<u8> {
        let reader = GenericDatumReader::builder(&self.reader).build().unwrap();
        let value = reader.read_value(&mut &*ours).unwrap();
        GenericDatumWriter::builder(&self.reader).build().unwrap().write_value_to_vec(value).unwrap()
    }

    /// What our schema reads of the body, in our layout. The whole body must be used up.
    pub fn read(&self, body: &[u8]) -> Result<Vec<u8>, String> {
        let mut input = Input { rest: body, asked_for_more: false };
        let reader = GenericDatumReader::builder(&self.writer).reader_schema(&self.reader).build().unwrap();
        let value = reader.read_value(&mut input).map_err(|error| error.to_string())?;
        if input.asked_for_more || !input.rest.is_empty() {
            return Err("cut off, or bytes left".to_owned());
        }
        GenericDatumWriter::builder(&self.reader)
            .build()
            .unwrap()
            .write_value_to_vec(value)
            .map_err(|error| error.to_string())
    }
}

fn collect<'s>(schema: &'s AvroSchema, names: &mut HashMap<Name, &'s AvroSchema>) {
    match schema {
        AvroSchema::Enum(e) => drop(names.insert(e.name.clone(), schema)),
        AvroSchema::Fixed(f) => drop(names.insert(f.name.clone(), schema)),
        AvroSchema::Record(r) => {
            names.insert(r.name.clone(), schema);
            r.fields.iter().for_each(|f| collect(&f.schema, names));
        }
        AvroSchema::Array(a) => collect(&a.items, names),
        AvroSchema::Map(m) => collect(&m.types, names),
        AvroSchema::Union(u) => u.variants().iter().for_each(|v| collect(v, names)),
        _ => {}
    }
}

/// A value of the schema; `deep` ends recursive types.
fn value(schema: &AvroSchema, names: &HashMap<Name, &AvroSchema>, dice: &mut Dice, deep: usize) -> Value {
    let number = |dice: &mut Dice| {
        let shift = dice.below(64);
        dice.roll() as i64 >> shift
    };
    match schema {
        AvroSchema::Null => Value::Null,
        AvroSchema::Boolean => Value::Boolean(dice.percent(50)),
        AvroSchema::Int => Value::Int(number(dice) as i32),
        AvroSchema::Date => Value::Date(number(dice) as i32),
        AvroSchema::Long => Value::Long(number(dice)),
        AvroSchema::TimestampMillis => Value::TimestampMillis(number(dice)),
        AvroSchema::Float => Value::Float(0.5),
        AvroSchema::Double => Value::Double(-2.0),
        AvroSchema::String => {
            Value::String((0..dice.below(9)).map(|_| ['a', 'é', '助', '\0'][dice.below(4)]).collect())
        }
        // Mostly text: it may be read as such.
        AvroSchema::Bytes if dice.percent(80) => Value::Bytes(b"text"[..dice.below(5)].to_vec()),
        AvroSchema::Bytes => Value::Bytes((0..dice.below(9)).map(|_| dice.roll() as u8).collect()),
        AvroSchema::Fixed(f) => Value::Fixed(f.size, (0..f.size).map(|_| dice.roll() as u8).collect()),
        AvroSchema::Enum(e) => {
            // Seldom one that ours does not have, or hardly a record with several enums would be read.
            let (picked, seldom) = (dice.below(e.symbols.len()), dice.percent(5));
            let ordinal = if e.symbols[picked] == UNHEARD && !seldom { e.symbols.len() / 2 } else { picked };
            Value::Enum(ordinal as u32, e.symbols[ordinal].clone())
        }
        AvroSchema::Union(u) => {
            let null = u.variants().iter().position(|v| matches!(v, AvroSchema::Null));
            let branch = match null {
                Some(null) if deep == 0 => null,
                _ => dice.below(u.variants().len()),
            };
            Value::Union(branch as u32, Box::new(value(&u.variants()[branch], names, dice, deep.saturating_sub(1))))
        }
        AvroSchema::Array(a) => {
            let count = if deep == 0 { 0 } else { dice.below(ITEMS_MAX + 1) };
            Value::Array((0..count).map(|_| value(&a.items, names, dice, deep - 1)).collect())
        }
        AvroSchema::Map(m) => {
            let count = if deep == 0 { 0 } else { dice.below(ITEMS_MAX + 1) };
            Value::Map((0..count).map(|key| (key.to_string(), value(&m.types, names, dice, deep - 1))).collect())
        }
        AvroSchema::Record(r) => Value::Record(
            r.fields.iter().map(|f| (f.name.clone(), value(&f.schema, names, dice, deep.saturating_sub(1)))).collect(),
        ),
        AvroSchema::Ref { name } => value(names[name], names, dice, deep),
        other => panic!("nobody made a {other:?}"),
    }
}
