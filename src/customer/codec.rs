//! The changelog of the stage: one tag byte per table before the key, one format byte before the value.

use super::Shard;
use super::bundle::Line;
use super::record::Customer;
use crate::domain::codec::{Avro, CodecError, Reader};
use crate::domain::{EventTime, Text};

/// A customer by token: slot and record.
const CUSTOMER: u8 = b'c';
/// The newest event time of a partner; with the empty token, of the shard.
const CLOCK: u8 = b'k';
/// The line to a partition of the partner stage, big-endian.
const LINE: u8 = b'l';
/// Version of all values.
const FORMAT: u8 = 1;

/// Takes a changelog key with its value (`None`: gone).
pub type Entry<'a> = dyn FnMut(&[u8], Option<&[u8]>) + 'a;

impl Shard {
    /// Changelog entries of the batch, absolute: key and value (`None`: gone).
    pub fn changes(&self, entry: &mut Entry<'_>) {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for (token, slot, customer) in self.customers.changed() {
            set_key(&mut key, CUSTOMER, token.as_bytes());
            let value = customer.map(|customer| {
                value.clear();
                value.push(FORMAT);
                i64::from(slot).put(&mut value);
                customer.put(&mut value);
                value.as_slice()
            });
            entry(&key, value);
        }
        for (partner, newest) in self.clocks.newest.changed() {
            set_key(&mut key, CLOCK, partner.as_bytes());
            entry(&key, newest.map(|newest| set_value(&mut value, newest)));
        }
        for (partition, line) in self.bundles.lines.changed() {
            set_key(&mut key, LINE, &partition.to_be_bytes());
            entry(&key, line.map(|line| set_value(&mut value, line)));
        }
    }

    /// Takes one changelog entry during restore.
    pub fn load(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), CodecError> {
        let (tag, rest) = key.split_first().ok_or(CodecError::Truncated { at: 0, wanted: 1, left: 0 })?;
        match *tag {
            CUSTOMER => self.load_customer(text(rest)?, value),
            CLOCK => {
                self.clocks.newest.load(Text::from(text(rest)?), value.map(get_value::<EventTime>).transpose()?);
                Ok(())
            }
            LINE => {
                let wanted = size_of::<i32>();
                let partition =
                    rest.try_into().map_err(|_| CodecError::Truncated { at: 1, wanted, left: rest.len() })?;
                self.bundles.lines.load(i32::from_be_bytes(partition), value.map(get_value::<Line>).transpose()?);
                Ok(())
            }
            other => Err(CodecError::Ordinal { at: 0, ordinal: i64::from(other) }),
        }
    }

    fn load_customer(&mut self, token: &str, value: Option<&[u8]>) -> Result<(), CodecError> {
        let Some(value) = value else {
            self.customers.unload(token);
            return Ok(());
        };
        let mut reader = body(value)?;
        let at = reader.position();
        let slot = u32::try_from(reader.long()?).map_err(|_| CodecError::Number { at })?;
        let customer = Customer::get(&mut reader)?;
        reader.end()?;
        self.customers.load(token, slot, customer);
        Ok(())
    }
}

/// The record field by field; a boxed part is written like the part itself.
impl<'a> Avro<'a> for Customer {
    fn put(&self, out: &mut Vec<u8>) {
        self.erased_at.put(out);
        self.applications.put(out);
        self.drawdowns.put(out);
        self.limits.put(out);
        self.loans.put(out);
        put_boxed(self.profile.as_deref(), out);
        put_boxed(self.offering.as_deref(), out);
    }

    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        Ok(Self {
            erased_at: Avro::get(reader)?,
            applications: Avro::get(reader)?,
            drawdowns: Avro::get(reader)?,
            limits: Avro::get(reader)?,
            loans: Avro::get(reader)?,
            profile: get_boxed(reader)?,
            offering: get_boxed(reader)?,
        })
    }
}

fn get_boxed<'a, T: Avro<'a>>(reader: &mut Reader<'a>) -> Result<Option<Box<T>>, CodecError> {
    Ok(if bool::get(reader)? { Some(Box::new(T::get(reader)?)) } else { None })
}

fn put_boxed<'a, T: Avro<'a>>(part: Option<&T>, out: &mut Vec<u8>) {
    part.is_some().put(out);
    if let Some(part) = part {
        part.put(out);
    }
}

fn set_key(key: &mut Vec<u8>, tag: u8, rest: &[u8]) {
    key.clear();
    key.push(tag);
    key.extend_from_slice(rest);
}

fn set_value<'v, 'a, T: Avro<'a>>(value: &'v mut Vec<u8>, content: &T) -> &'v [u8] {
    value.clear();
    value.push(FORMAT);
    content.put(value);
    value
}

/// A reader of what follows the format byte.
fn body(value: &[u8]) -> Result<Reader<'_>, CodecError> {
    match value.split_first() {
        Some((&FORMAT, body)) => Ok(Reader::new(body)),
        Some((other, _)) => Err(CodecError::Ordinal { at: 0, ordinal: i64::from(*other) }),
        None => Err(CodecError::Truncated { at: 0, wanted: 1, left: 0 }),
    }
}

fn get_value<'a, T: Avro<'a>>(value: &'a [u8]) -> Result<T, CodecError> {
    let mut reader = body(value)?;
    let content = T::get(&mut reader)?;
    reader.end()?;
    Ok(content)
}

fn text(bytes: &[u8]) -> Result<&str, CodecError> {
    std::str::from_utf8(bytes).map_err(|_| CodecError::Utf8 { at: 1 })
}
