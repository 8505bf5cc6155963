//! The changelog of the stage: one tag byte per table before the key, one format byte before the value.

use super::Shard;
use super::bundle::Line;
use super::record::Customer;
use crate::domain::codec::{Avro, CodecError, Reader};
use crate::domain::{EventTime, Text};
use crate::store::{Cursor, Packed};

/// A customer by token: slot and record.
const CUSTOMER: u8 = Customer::TAG;
/// The newest event time of a partner; with the empty token, of the shard.
const CLOCK: u8 = b'k';
/// The line to a partition of the partner stage, big-endian.
const LINE: u8 = b'l';
/// Version of all values.
pub const FORMAT: u8 = Customer::FORMAT;

/// Takes a changelog key with its value (`None`: gone).
pub type Entry<'a> = dyn FnMut(&[u8], Option<&[u8]>) + 'a;

impl Shard {
    /// Changelog entries of the batch, absolute: key and value (`None`: gone).
    pub fn changes(&mut self, entry: &mut Entry<'_>) {
        let (mut key, mut value) = std::mem::take(&mut self.entry);
        self.customers.changed(|key, packed| entry(key, Some(packed)));
        self.clocks.settle(&self.bundles.partners);
        for (partner, newest) in self.clocks.newest.changed() {
            set_key(&mut key, CLOCK, partner.as_bytes());
            entry(&key, newest.map(|newest| set_value(&mut value, newest)));
        }
        for (partition, line) in self.bundles.lines.changed() {
            set_key(&mut key, LINE, &partition.to_be_bytes());
            entry(&key, line.map(|line| set_value(&mut value, line)));
        }
        self.entry = (key, value);
    }

    /// Shows up to `most` committed entries, as the changelog holds them, from the cursor on; true when all were shown.
    pub fn committed_entries(
        &self,
        cursor: &mut Cursor,
        most: usize,
        entry: &mut Entry<'_>,
    ) -> Result<bool, CodecError> {
        let (mut key, mut value, mut left) = (Vec::new(), Vec::new(), most);
        while left > 0 {
            left -= match cursor.table {
                0 => self.customers.walk(cursor, left, |token, packed| {
                    set_key(&mut key, CUSTOMER, token);
                    entry(&key, Some(packed));
                }),
                1 => self.clocks.newest.walk(cursor, left, |partner, newest| {
                    set_key(&mut key, CLOCK, partner.as_bytes());
                    entry(&key, Some(set_value(&mut value, newest)));
                })?,
                2 => self.bundles.lines.walk(cursor, left, |partition, line| {
                    set_key(&mut key, LINE, &partition.to_be_bytes());
                    entry(&key, Some(set_value(&mut value, line)));
                })?,
                _ => return Ok(true),
            };
        }
        Ok(false)
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
        match value {
            Some(value) => self.customers.load(token, value),
            None => {
                self.customers.unload(token);
                Ok(())
            }
        }
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
        Some((found, _)) => Err(CodecError::Format { found: *found, read: FORMAT }),
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
