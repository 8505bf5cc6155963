//! Lists that are written again and again.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

use super::codec::{Avro, CodecError, Reader, each_block};

/// Most items behind the end of a list that are kept as room.
const ROOM_ITEMS_MAX: usize = 4_096;

/// A list that keeps what was in it before as room: the items behind its end are written over by those that come.
#[derive(Debug, Serialize, Deserialize)]
#[serde(from = "Vec<T>", into = "Vec<T>", bound(serialize = "T: Clone + Serialize"))]
pub struct List<T> {
    items: Vec<T>,
    len: usize,
}

impl<T> List<T> {
    /// Empties it.
    pub fn clear(&mut self) {
        self.len = 0;
        self.items.truncate(ROOM_ITEMS_MAX);
    }

    pub fn push(&mut self, item: T) {
        self.items.truncate(self.len);
        self.items.push(item);
        self.len += 1;
    }

    /// Takes all items out; room stays for as many, but not what was in it.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        self.items.truncate(self.len);
        self.len = 0;
        self.items.drain(..)
    }

    pub fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        Some(self.items.remove(self.len))
    }
}

impl<T: Default> List<T> {
    /// One item more, to be written over: it says what it said before.
    pub fn another(&mut self) -> &mut T {
        if self.len == self.items.len() {
            self.items.push(T::default());
        }
        self.len += 1;
        &mut self.items[self.len - 1]
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: Vec::new(), len: 0 }
    }
}

impl<T> Deref for List<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.items[..self.len]
    }
}

impl<T> DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items[..self.len]
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(items: Vec<T>) -> Self {
        Self { len: items.len(), items }
    }
}

impl<T> From<List<T>> for Vec<T> {
    fn from(mut list: List<T>) -> Self {
        list.items.truncate(list.len);
        list.items
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        items.into_iter().collect::<Vec<_>>().into()
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;
    fn into_iter(self) -> Self::IntoIter {
        Vec::from(self).into_iter()
    }
}

impl<T: Clone> Clone for List<T> {
    fn clone(&self) -> Self {
        self.to_vec().into()
    }
}

impl<T: PartialEq> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for List<T> {}

impl<'l, T> IntoIterator for &'l List<T> {
    type Item = &'l T;
    type IntoIter = std::slice::Iter<'l, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// An array.
impl<'a, T: Avro<'a> + Default> Avro<'a> for List<T> {
    fn put(&self, out: &mut Vec<u8>) {
        super::codec::put_array(self, out);
    }

    fn get(reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        Vec::get(reader).map(Self::from)
    }

    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), CodecError> {
        self.clear();
        each_block(reader, |count, reader| (0..count).try_for_each(|_| self.another().read(reader)))
    }
}
