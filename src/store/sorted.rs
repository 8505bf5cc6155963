//! Values by an ordered key, for what is read in ranges: panes, ledgers, clocks.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{Bound, RangeBounds};

use super::Cursor;
use crate::domain::codec::{self, Avro, CodecError};

use crate::planted::{self, Bug};

/// Values of type `V` by an ordered key.
#[derive(Clone, Debug)]
pub struct Sorted<K, V> {
    values: BTreeMap<K, V>,
    /// The value before the open generation, by touched key.
    open: BTreeMap<K, Option<V>>,
    /// The value before the generation in flight, by touched key.
    flight: BTreeMap<K, Option<V>>,
    in_flight: bool,
}

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), open: BTreeMap::new(), flight: BTreeMap::new(), in_flight: false }
    }
}

impl<K: Ord + Clone, V: Clone> Sorted<K, V> {
    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.values.get(key)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.values.iter()
    }

    pub fn range(&self, range: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.values.range(range)
    }

    /// The value to change, made by `make` when there is none.
    pub fn edit_or(&mut self, key: &K, make: impl FnOnce() -> V) -> &mut V {
        self.save(key);
        self.values.entry(key.clone()).or_insert_with(make)
    }

    /// The value to change, if there is one.
    pub fn edit(&mut self, key: &K) -> Option<&mut V> {
        if self.values.contains_key(key) {
            self.save(key);
        }
        self.values.get_mut(key)
    }

    pub fn put(&mut self, key: K, value: V) {
        self.save(&key);
        self.values.insert(key, value);
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        if self.values.contains_key(key) {
            self.save(key);
        }
        self.values.remove(key)
    }

    /// Every key that the open generation touched, once, with its value now (`None`: removed).
    pub fn changed(&self) -> impl Iterator<Item = (&K, Option<&V>)> {
        self.open.keys().map(|key| (key, self.values.get(key)))
    }

    /// Shows up to `most` values as they were at the last commit, in key order behind the cursor, and moves the cursor
    /// behind them; to the next table when there are no more. Returns how many keys it looked at.
    pub fn walk(&self, cursor: &mut Cursor, most: usize, mut show: impl FnMut(&K, &V)) -> Result<usize, CodecError>
    where
        K: for<'a> Avro<'a>,
    {
        let after: Option<K> = cursor.after.as_deref().map(codec::decode).transpose()?;
        let rest = (after.as_ref().map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        // What the generation in flight found is older than what the open one found: it comes last and stays.
        let saved = self.open.range(rest).chain(self.flight.range(rest));
        let mut saved: BTreeMap<&K, Option<&V>> = saved.map(|(key, before)| (key, before.as_ref())).collect();
        if planted::is(Bug::ImageWithUncommittedSlots) {
            saved.clear();
        }
        let (mut now, mut saved) = (self.values.range(rest).peekable(), saved.into_iter().peekable());
        let (mut looked, mut last) = (0, None);
        while looked < most {
            let next = match (now.peek(), saved.peek()) {
                (Some((key, _)), touched) if touched.is_none_or(|(touched, _)| *key < *touched) => {
                    now.next().map(|(key, value)| (key, Some(value)))
                }
                (untouched, touched) => {
                    if untouched.map(|(key, _)| *key) == touched.map(|(key, _)| *key) {
                        now.next();
                    }
                    saved.next()
                }
            };
            let Some((key, committed)) = next else {
                cursor.next_table();
                return Ok(looked);
            };
            if let Some(value) = committed {
                show(key, value);
            }
            (looked, last) = (looked + 1, Some(key));
        }
        if let Some(key) = last {
            let mut bytes = Vec::new();
            codec::encode(key, &mut bytes);
            cursor.after = Some(bytes);
        }
        Ok(looked)
    }

    /// Sends the open generation into flight; further edits belong to the next one.
    pub fn hand_over(&mut self) {
        debug_assert!(!self.in_flight, "one generation in flight at most");
        std::mem::swap(&mut self.open, &mut self.flight);
        self.in_flight = true;
    }

    /// Accepts the generation in flight.
    pub fn commit(&mut self) {
        if !planted::is(Bug::DoubleUndo) {
            self.flight.clear();
        }
        self.in_flight = false;
    }

    /// Puts everything back as it was at the last commit.
    pub fn undo(&mut self) {
        self.in_flight = false;
        let saved = std::mem::take(&mut self.open).into_iter().chain(std::mem::take(&mut self.flight));
        for (key, before) in saved {
            match before {
                Some(value) => self.values.insert(key, value),
                None => self.values.remove(&key),
            };
        }
    }

    /// Places or drops a restored value; no undo is kept.
    pub fn load(&mut self, key: K, value: Option<V>) {
        match value {
            Some(value) => self.values.insert(key, value),
            None => self.values.remove(&key),
        };
    }

    fn save(&mut self, key: &K) {
        if let Entry::Vacant(vacant) = self.open.entry(key.clone()) {
            vacant.insert(self.values.get(key).cloned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn undo_puts_back_what_was_there() {
        let mut table = Sorted::<u8, i64>::default();
        table.put(1, 10);
        table.hand_over();
        table.commit();
        *table.edit_or(&1, || 0) += 5;
        table.put(2, 20);
        table.remove(&1);
        assert_eq!(table.changed().map(|(k, v)| (*k, v.copied())).collect::<Vec<_>>(), [(1, None), (2, Some(20))]);
        table.undo();
        assert_eq!(table.iter().collect::<Vec<_>>(), [(&1, &10)]);
    }

    proptest! {
        /// Edits (key, keep or remove), hand-overs, commits and undos in any legal order: undo gives back the last commit, and
        /// the changes of each generation bring a copy to the same contents.
        #[test]
        fn generations_agree_with_a_model(acts in prop::collection::vec((0u8..8, 0u8..12), 1..120)) {
            let (mut table, mut copy) = (Sorted::<u8, i64>::default(), BTreeMap::new());
            let mut flight: Option<Vec<(u8, Option<i64>)>> = None;
            let contents = |table: &Sorted<u8, i64>| table.iter().map(|(k, v)| (*k, *v)).collect::<BTreeMap<_, _>>();
            for (key, act) in acts {
                match act {
                    0..=4 => *table.edit_or(&key, || 0) += 1,
                    5 | 6 => { table.remove(&key); }
                    7 | 8 if flight.is_none() => {
                        flight = Some(table.changed().map(|(k, v)| (*k, v.copied())).collect());
                        table.hand_over();
                        prop_assert_eq!(table.changed().count(), 0);
                    }
                    9 | 10 if flight.is_some() => {
                        for (key, value) in flight.take().unwrap_or_default() {
                            match value { Some(value) => copy.insert(key, value), None => copy.remove(&key) };
                        }
                        table.commit();
                        let mut undone = table.clone();
                        undone.undo();
                        prop_assert_eq!(&contents(&undone), &copy);
                    }
                    11 => {
                        table.undo();
                        flight = None;
                        prop_assert_eq!(&contents(&table), &copy);
                    }
                    _ => {}
                }
            }
        }
    }
}
