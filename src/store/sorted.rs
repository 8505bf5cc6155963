//! Values by an ordered key, for what is read in ranges: panes, ledgers, clocks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::RangeBounds;

/// Values of type `V` by an ordered key.
#[derive(Clone, Debug)]
pub struct Sorted<K, V> {
    values: BTreeMap<K, V>,
    /// The value before the batch, by touched key.
    undo: BTreeMap<K, Option<V>>,
}

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), undo: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, V: Clone> Sorted<K, V> {
    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn get(&self, key: &K) -> Option<&V> {
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

    /// Every key touched since the last commit, once, with its value now (`None`: removed).
    pub fn changed(&self) -> impl Iterator<Item = (&K, Option<&V>)> {
        self.undo.keys().map(|key| (key, self.values.get(key)))
    }

    /// Accepts the batch.
    pub fn commit(&mut self) {
        self.undo.clear();
    }

    /// Puts everything back as it was at the last commit.
    pub fn undo(&mut self) {
        for (key, before) in std::mem::take(&mut self.undo) {
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
        if let Entry::Vacant(vacant) = self.undo.entry(key.clone()) {
            vacant.insert(self.values.get(key).cloned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undo_puts_back_what_was_there() {
        let mut table = Sorted::<u8, i64>::default();
        table.put(1, 10);
        table.commit();
        *table.edit_or(&1, || 0) += 5;
        table.put(2, 20);
        table.remove(&1);
        assert_eq!(table.changed().map(|(k, v)| (*k, v.copied())).collect::<Vec<_>>(), [(1, None), (2, Some(20))]);
        table.undo();
        assert_eq!(table.iter().collect::<Vec<_>>(), [(&1, &10)]);
    }
}
