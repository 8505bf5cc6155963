//! From two schemas to the steps between them, by the resolution rules of the Avro specification.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{Alias, EnumSchema, Name, RecordField, RecordSchema};
use rustc_hash::FxBuildHasher;

use super::defaults;
use super::ops::{Op, Part, Step};
use super::shape::{Shape, Types};
use super::types::{Named, collect, named, plain, unit_fits, words};
use super::{DEPTH_MAX, Plan, PlanError, STEPS_MAX};
use crate::domain::codec::put_long;

pub(super) fn compile(writer: &Schema, reader: &Schema) -> Result<Plan, PlanError> {
    let mut compiler = Compiler {
        writer: collect(writer),
        reader: collect(reader),
        types: Vec::new(),
        numbers: HashMap::default(),
        place: Vec::new(),
        steps: 0,
    };
    let op = compiler.resolve(writer, reader)?;
    Ok(Plan { types: compiler.types, op })
}

struct Compiler<'s> {
    writer: Named<'s>,
    reader: Named<'s>,
    types: Types,
    /// Numbers in `types` by name.
    numbers: HashMap<Name, usize, FxBuildHasher>,
    /// Names of the fields on the way here.
    place: Vec<&'s str>,
    steps: usize,
}

impl<'s> Compiler<'s> {
    fn resolve(&mut self, writer: &'s Schema, reader: &'s Schema) -> Result<Op, PlanError> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(PlanError::TooLarge);
        }
        if self.place.len() > DEPTH_MAX as usize {
            return Err(PlanError::TooDeep { place: self.here() });
        }
        let (writer, reader) = (named(writer, &self.writer), named(reader, &self.reader));
        match (writer, reader) {
            (Schema::Union(writer), reader) => self.union_written(writer.variants(), reader),
            (writer, Schema::Union(reader)) => self.union_read(writer, reader.variants()),
            (Schema::Record(w), Schema::Record(r)) if same_name(&w.name, &r.name, r.aliases.as_ref()) => {
                self.record(writer, w, r)
            }
            (Schema::Enum(w), Schema::Enum(r)) if same_name(&w.name, &r.name, r.aliases.as_ref()) => {
                self.symbols(w, r).ok_or_else(|| self.mismatch(writer, reader))
            }
            (Schema::Array(w), Schema::Array(r)) => {
                let item = self.resolve(&w.items, &r.items)?;
                Ok(match item {
                    Op::Same(shape) => Op::Same(Shape::Array(Box::new(shape))),
                    Op::Take(shape) => Op::Take(Shape::Array(Box::new(shape))),
                    other => Op::Array(Box::new(other)),
                })
            }
            (writer, reader) => self.primitive(writer, reader),
        }
    }

    /// Types without parts: what of the writer's bytes our codec reads as they are.
    fn primitive(&mut self, writer: &'s Schema, reader: &'s Schema) -> Result<Op, PlanError> {
        let op = match (plain(writer), plain(reader)) {
            _ if !unit_fits(writer, reader) => None,
            (Some(shape), Some(wanted)) if shape == wanted && !matches!(shape, Shape::Fixed(_)) => {
                Some(Op::Same(shape))
            }
            (Some(Shape::Int), Some(Shape::Long)) => Some(Op::Take(Shape::Int)),
            (Some(Shape::Text), Some(Shape::Bytes)) => Some(Op::Take(Shape::Text)),
            // Our codec asks for UTF-8 where it reads text; asked here too, so that the writer's byte is named.
            (Some(Shape::Bytes), Some(Shape::Text)) => Some(Op::Take(Shape::Text)),
            _ => None,
        };
        op.ok_or_else(|| self.mismatch(writer, reader))
    }

    fn symbols(&mut self, writer: &EnumSchema, reader: &EnumSchema) -> Option<Op> {
        let find = |symbol: &String| reader.symbols.iter().position(|ours| ours == symbol);
        let default = reader.default.as_ref().and_then(find);
        let ours: Vec<Option<i64>> =
            writer.symbols.iter().map(|symbol| find(symbol).or(default).map(|ordinal| ordinal as i64)).collect();
        let in_place = ours.iter().enumerate().all(|(i, ordinal)| *ordinal == Some(i as i64));
        match (in_place, writer.symbols.len() == reader.symbols.len()) {
            (true, true) => Some(Op::Same(Shape::Enum(ours.len()))),
            (true, false) => Some(Op::Take(Shape::Enum(ours.len()))),
            _ if ours.iter().all(Option::is_none) => None,
            _ => Some(Op::Symbols(ours)),
        }
    }

    /// The branch of the record decides; one that we cannot read is refused when it comes.
    fn union_written(&mut self, writer: &'s [Schema], reader: &'s Schema) -> Result<Op, PlanError> {
        let (mut branches, mut first_error) = (Vec::new(), None);
        for branch in writer {
            match self.resolve(branch, reader) {
                Ok(op) => branches.push(Some(op)),
                Err(error @ (PlanError::TooLarge | PlanError::TooDeep { .. })) => return Err(error),
                Err(error) => {
                    // What a record branch lacks says more than that null is not a record.
                    if first_error.is_none() || matches!(first_error, Some(PlanError::Mismatch { .. })) {
                        first_error = Some(error);
                    }
                    branches.push(None);
                }
            }
        }
        if branches.iter().all(Option::is_none) {
            return Err(first_error.unwrap_or(PlanError::Missing { place: self.here() }));
        }
        let Schema::Union(reader) = reader else { return Ok(Op::Branches(branches)) };
        Ok(union_in_place(&branches, reader.variants().len()).unwrap_or(Op::Branches(branches)))
    }

    /// The first branch of ours that reads it.
    fn union_read(&mut self, writer: &'s Schema, reader: &'s [Schema]) -> Result<Op, PlanError> {
        let mut last_error = None;
        for (number, branch) in reader.iter().enumerate() {
            match self.resolve(writer, branch) {
                Ok(op) => {
                    let mut prefix = Vec::new();
                    put_long(number as i64, &mut prefix);
                    return Ok(match op {
                        Op::Same(Shape::Nothing) => Op::Put(prefix),
                        op => Op::Behind(prefix, Box::new(op)),
                    });
                }
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.unwrap_or_else(|| PlanError::Missing { place: self.here() }))
    }

    fn record(
        &mut self,
        schema: &'s Schema,
        writer: &'s RecordSchema,
        reader: &'s RecordSchema,
    ) -> Result<Op, PlanError> {
        let mut parts = Vec::new();
        for field in &reader.fields {
            self.place.push(&field.name);
            let part = match source(field, writer) {
                Some(number) => {
                    self.resolve(&writer.fields[number].schema, &field.schema).map(|op| Part::Field(number, op))
                }
                None => self.default(field).map(Part::Put),
            };
            self.place.pop();
            parts.push(part?);
        }
        let mut taken = parts.iter().filter_map(|part| match part {
            Part::Field(number, _) => Some(*number),
            Part::Put(_) => None,
        });
        let in_order = taken.clone().is_sorted_by(|a, b| a < b);
        let complete = taken.by_ref().eq(0..writer.fields.len()) && parts.len() == writer.fields.len();
        let op = |part: &Part| match part {
            Part::Field(_, Op::Same(_)) => Some(true),
            Part::Field(_, Op::Take(_)) => Some(false),
            _ => None,
        };
        if complete && parts.iter().all(|part| op(part).is_some()) {
            if parts.iter().all(|part| op(part) == Some(true)) {
                return Ok(Op::Same(self.shape(schema)?));
            }
            let taken = parts.iter().filter_map(|part| match part {
                Part::Field(_, op) => op.taken().cloned(),
                Part::Put(_) => None,
            });
            return Ok(Op::Take(Shape::Record(taken.collect())));
        }
        let found = writer.fields.iter().map(|field| self.shape(&field.schema)).collect::<Result<Vec<_>, _>>()?;
        Ok(if in_order { Op::Record(steps(found, parts)) } else { Op::Shuffled { found, parts } })
    }

    fn default(&self, field: &'s RecordField) -> Result<Vec<u8>, PlanError> {
        let Some(default) = &field.default else { return Err(PlanError::Missing { place: self.here() }) };
        let mut bytes = Vec::new();
        defaults::put(default, &field.schema, &self.reader, &mut bytes)
            .ok_or_else(|| PlanError::Default { place: self.here() })?;
        Ok(bytes)
    }

    /// What a type of the writer looks like in bytes.
    fn shape(&mut self, schema: &'s Schema) -> Result<Shape, PlanError> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(PlanError::TooLarge);
        }
        let schema = named(schema, &self.writer);
        Ok(match schema {
            Schema::Enum(symbols) => Shape::Enum(symbols.symbols.len()),
            Schema::Union(union) => {
                Shape::Union(union.variants().iter().map(|branch| self.shape(branch)).collect::<Result<_, _>>()?)
            }
            Schema::Array(array) => Shape::Array(Box::new(self.shape(&array.items)?)),
            Schema::Map(map) => Shape::Map(Box::new(self.shape(&map.types)?)),
            Schema::Record(record) => {
                if let Some(number) = self.numbers.get(&record.name) {
                    return Ok(Shape::Named(*number));
                }
                let number = self.types.len();
                self.numbers.insert(record.name.clone(), number);
                self.types.push(Shape::Nothing);
                let fields = record.fields.iter().map(|field| self.shape(&field.schema));
                self.types[number] = Shape::Record(fields.collect::<Result<_, _>>()?);
                Shape::Named(number)
            }
            // The parser refuses a reference to nothing.
            other => plain(other).ok_or_else(|| PlanError::Unreadable(format!("there is no {}", words(other))))?,
        })
    }

    fn here(&self) -> String {
        if self.place.is_empty() { "the record".to_owned() } else { self.place.join(".") }
    }

    fn mismatch(&self, writer: &Schema, reader: &Schema) -> PlanError {
        PlanError::Mismatch { place: self.here(), writer: words(writer), reader: words(reader) }
    }
}

/// A union whose branches are ours, in the same order: nothing is to be done for its own sake.
fn union_in_place(branches: &[Option<Op>], ours: usize) -> Option<Op> {
    let (mut same, mut shapes) = (branches.len() == ours, Vec::new());
    for (number, branch) in branches.iter().enumerate() {
        let mut prefix = Vec::new();
        put_long(number as i64, &mut prefix);
        match branch {
            Some(Op::Put(bytes)) if *bytes == prefix => shapes.push(Shape::Nothing),
            Some(Op::Behind(bytes, op)) if *bytes == prefix => {
                shapes.push(op.taken()?.clone());
                same &= matches!(**op, Op::Same(_));
            }
            _ => return None,
        }
    }
    Some(if same { Op::Same(Shape::Union(shapes)) } else { Op::Take(Shape::Union(shapes)) })
}

/// Steps in the writer's order; neighbours that are taken as they are become one.
fn steps(found: Vec<Shape>, parts: Vec<Part>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut found = found.into_iter().enumerate().peekable();
    for part in parts {
        match part {
            Part::Put(bytes) => steps.push(Step::Do(Op::Put(bytes))),
            Part::Field(number, op) => {
                while let Some((_, shape)) = found.next_if(|(at, _)| *at < number) {
                    steps.push(Step::Skip(shape));
                }
                found.next();
                match (steps.last_mut(), op) {
                    (Some(Step::Do(Op::Take(Shape::Record(run)))), Op::Same(shape) | Op::Take(shape)) => {
                        run.push(shape);
                    }
                    (_, Op::Same(shape) | Op::Take(shape)) => {
                        steps.push(Step::Do(Op::Take(Shape::Record(vec![shape]))));
                    }
                    (_, op) => steps.push(Step::Do(op)),
                }
            }
        }
    }
    steps.extend(found.map(|(_, shape)| Step::Skip(shape)));
    steps
}

/// The writer's field that a field of ours is read from: of its name, else of the first of its aliases.
fn source(field: &RecordField, writer: &RecordSchema) -> Option<usize> {
    let place = |name: &String| writer.fields.iter().position(|theirs| theirs.name == *name);
    place(&field.name).or_else(|| field.aliases.iter().find_map(place))
}

/// By their names without namespace, or by an alias of ours.
fn same_name(writer: &Name, reader: &Name, aliases: Option<&Vec<Alias>>) -> bool {
    writer.name() == reader.name()
        || aliases.is_some_and(|aliases| aliases.iter().any(|alias| alias.name() == writer.name()))
}
