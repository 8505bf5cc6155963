//! Values by an ordered key, for what is read in ranges: panes, ledgers, clocks.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use super::blocks::{Blocks, Place};
use super::{Cursor, Spares};
use crate::domain::codec::{self, Avro, CodecError};

use crate::planted::{self, Bug};

/// Values of type `V` by an ordered key.
#[derive(Clone, Debug)]
pub struct Sorted<K, V> {
    values: Blocks<K, Kept<V>>,
    /// Where a value was edited last: the next one is often near.
    near: Place,
    /// What stood before the open generation, by touched key, in the order of touching. A key that was taken out and put in
    /// again stands there twice; the first time counts.
    open: Vec<(K, Option<V>)>,
    /// The same of the generation in flight.
    flight: Vec<(K, Option<V>)>,
    in_flight: bool,
    /// The number of the open generation, from 1.
    generation: u64,
    /// Values that are no longer needed and whose buffers are.
    spares: Spares<V>,
    /// Positions in the open generation behind the rank of their keys, to bring these in order.
    order: Vec<(u128, u32)>,
}

/// A value, and the generation that has saved it last: it is not saved twice.
#[derive(Clone, Debug)]
struct Kept<V> {
    value: V,
    saved: u64,
}

impl<V> Kept<V> {
    /// A value of before the open generation.
    fn old(value: V) -> Self {
        Self { value, saved: 0 }
    }
}

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self::with_spares(Spares::new(0, 0))
    }
}

impl<K, V> Sorted<K, V> {
    /// A table that keeps old values, to save others in them without an allocation.
    pub fn with_spares(spares: Spares<V>) -> Self {
        Self {
            values: Blocks::default(),
            near: Place::default(),
            open: Vec::new(),
            flight: Vec::new(),
            in_flight: false,
            generation: 1,
            spares,
            order: Vec::new(),
        }
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
        self.values.get(key).map(|kept| &kept.value)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.values.iter().map(|(key, kept)| (key, &kept.value))
    }

    pub fn range(&self, range: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.values.range(range).map(|(key, kept)| (key, &kept.value))
    }

    /// The value to change, made by `make` when there is none.
    pub fn edit_or(&mut self, key: &K, make: impl FnOnce() -> V) -> &mut V {
        match self.values.find_near(self.near, key) {
            Err(place) => {
                self.near = place;
                self.open.push((key.clone(), None));
                let kept = Kept { value: make(), saved: self.generation };
                &mut self.values.insert_at(place, key.clone(), kept).value
            }
            Ok(place) => {
                self.near = place;
                self.edit_at(key, place)
            }
        }
    }

    /// The value to change, if there is one.
    pub fn edit(&mut self, key: &K) -> Option<&mut V> {
        let place = self.values.find(key).ok()?;
        Some(self.edit_at(key, place))
    }

    fn edit_at(&mut self, key: &K, place: Place) -> &mut V {
        let kept = self.values.at_mut(place);
        if kept.saved != self.generation {
            kept.saved = self.generation;
            self.open.push((key.clone(), Some(self.spares.copy(&kept.value))));
        }
        &mut kept.value
    }

    pub fn put(&mut self, key: K, value: V) {
        let kept = Kept { value, saved: self.generation };
        match self.values.find(&key) {
            Err(place) => {
                self.open.push((key.clone(), None));
                self.values.insert_at(place, key, kept);
            }
            Ok(place) => {
                let before = std::mem::replace(self.values.at_mut(place), kept);
                if before.saved != self.generation {
                    self.open.push((key, Some(before.value)));
                }
            }
        }
    }

    /// Takes a value out and shows it; what is not needed to put it back is kept to make others in.
    pub fn remove_seen<Q: Ord + ?Sized, R>(&mut self, key: &Q, see: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
    {
        let (key, Kept { value, saved }) = self.values.remove(key)?;
        let seen = see(&value);
        if saved != self.generation {
            self.open.push((key, Some(value)));
        } else {
            self.spares.keep(value);
        }
        Some(seen)
    }

    /// Takes a value out.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.remove_seen(key, |_| ());
    }

    /// A value that was put or saved before and still says what it said, to say another thing with it; else one that is made.
    pub fn spare(&mut self, make: impl FnMut() -> V) -> V {
        self.spares.take_or(make)
    }

    /// Every key that the open generation touched, once and in order, with its value now (`None`: removed).
    pub fn changed(&mut self) -> impl Iterator<Item = (&K, Option<&V>)> {
        self.changed_by(|_| 0)
    }

    /// The same by what `rank` makes of a key, and where that is the same in the keys' order.
    pub fn changed_by(&mut self, rank: impl Fn(&K) -> u128) -> impl Iterator<Item = (&K, Option<&V>)> {
        let open = &self.open;
        let key = |at: u32| &open[at as usize].0;
        self.order.clear();
        self.order.extend((0..).zip(open).map(|(at, (key, _))| (rank(key), at)));
        self.order.sort_unstable_by(|(rank, one), (other_rank, other)| {
            rank.cmp(other_rank).then_with(|| key(*one).cmp(key(*other)))
        });
        self.order.dedup_by(|(_, one), (_, other)| key(*one) == key(*other));
        let (values, mut near) = (&self.values, Place::default());
        self.order.iter().map(move |(_, at)| {
            let key = &open[*at as usize].0;
            let found = values.find_near(near, key);
            let (Ok(place) | Err(place)) = found;
            near = place;
            (key, found.ok().map(|place| &values.at(place).1.value))
        })
    }

    /// Shows up to `most` values as they were at the last commit, in key order behind the cursor, and moves the cursor
    /// behind them; to the next table when there are no more. Returns how many keys it looked at.
    pub fn walk(&self, cursor: &mut Cursor, most: usize, mut show: impl FnMut(&K, &V)) -> Result<usize, CodecError>
    where
        K: for<'a> Avro<'a>,
    {
        let after: Option<K> = cursor.after.as_deref().map(codec::decode).transpose()?;
        let rest = (after.as_ref().map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let (looked, last) = self.walk_in(rest, most, &mut show);
        if looked < most {
            cursor.next_table();
        } else if let Some(key) = last {
            let mut bytes = Vec::new();
            codec::encode(key, &mut bytes);
            cursor.after = Some(bytes);
        }
        Ok(looked)
    }

    /// Shows up to `most` values of a range as they were at the last commit; returns how many keys it looked at, and the last.
    pub fn walk_in(
        &self,
        range: (Bound<&K>, Bound<&K>),
        most: usize,
        show: &mut impl FnMut(&K, &V),
    ) -> (usize, Option<&K>) {
        // What the generation in flight found is older than what the open one found, and of two in one generation the first
        // is: the oldest comes last and stays.
        let saved = self.open.iter().rev().chain(self.flight.iter().rev());
        let inside = saved.filter(|(key, _)| range.contains(key));
        let mut saved: BTreeMap<&K, Option<&V>> = inside.map(|(key, before)| (key, before.as_ref())).collect();
        if planted::is(Bug::ImageWithUncommittedSlots) {
            saved.clear();
        }
        let (mut now, mut saved) = (self.values.range(range).peekable(), saved.into_iter().peekable());
        let (mut looked, mut last) = (0, None);
        while looked < most {
            let next = match (now.peek(), saved.peek()) {
                (Some((key, _)), touched) if touched.is_none_or(|(touched, _)| *key < *touched) => {
                    now.next().map(|(key, kept)| (key, Some(&kept.value)))
                }
                (untouched, touched) => {
                    if untouched.map(|(key, _)| *key) == touched.map(|(key, _)| *key) {
                        now.next();
                    }
                    saved.next()
                }
            };
            let Some((key, committed)) = next else { break };
            if let Some(value) = committed {
                show(key, value);
            }
            (looked, last) = (looked + 1, Some(key));
        }
        (looked, last)
    }

    /// Sends the open generation into flight; further edits belong to the next one.
    pub fn hand_over(&mut self) {
        debug_assert!(!self.in_flight, "one generation in flight at most");
        std::mem::swap(&mut self.open, &mut self.flight);
        self.in_flight = true;
        self.generation += 1;
    }

    /// Accepts the generation in flight.
    pub fn commit(&mut self) {
        if !planted::is(Bug::DoubleUndo) {
            self.flight.drain(..).filter_map(|(_, before)| before).for_each(|spare| self.spares.keep(spare));
        }
        self.in_flight = false;
    }

    /// Puts everything back as it was at the last commit.
    pub fn undo(&mut self) {
        self.in_flight = false;
        self.generation += 1;
        // The oldest comes last and stays.
        for (key, before) in self.open.drain(..).rev().chain(self.flight.drain(..).rev()) {
            match before {
                Some(value) => _ = self.values.insert(key, Kept::old(value)),
                None => _ = self.values.remove(&key),
            }
        }
    }

    /// Places or drops a restored value; no undo is kept.
    pub fn load(&mut self, key: K, value: Option<V>) {
        match value {
            Some(value) => _ = self.values.insert(key, Kept::old(value)),
            None => _ = self.values.remove(&key),
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
        /// Edits (key, keep or remove), hand-overs, commits and undos in any legal order: undo gives back the last commit, the
        /// changes of each generation bring a copy to the same contents, and a walk sees what is committed.
        #[test]
        fn generations_agree_with_a_model(acts in prop::collection::vec((0i32..8, 0u8..12), 1..120)) {
            let (mut table, mut copy) = (Sorted::<i32, i64>::with_spares(Spares::new(2, 2)), BTreeMap::new());
            let mut flight: Option<Vec<(i32, Option<i64>)>> = None;
            let contents = |table: &Sorted<i32, i64>| table.iter().map(|(k, v)| (*k, *v)).collect::<BTreeMap<_, _>>();
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
                let (mut seen, mut cursor) = (BTreeMap::new(), Cursor::default());
                while cursor.table == 0 {
                    table.walk(&mut cursor, 3, |key, value| _ = seen.insert(*key, *value)).unwrap();
                }
                prop_assert_eq!(&seen, &copy);
            }
        }
    }
}
