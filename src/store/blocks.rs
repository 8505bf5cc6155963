//! A map by an ordered key that asks for no memory in a steady state.
//!
//! Its entries lie sorted in blocks of at most [`BLOCK_ENTRIES_MAX`], the blocks in their order in a row, and a block that
//! became empty is filled again. A B-tree asks for a node and gives one back with every few entries that come and go,
//! even where as many go as come.

use std::borrow::Borrow;
use std::ops::{Bound, RangeBounds};

/// Most entries of a block: an entry that comes between others moves half as many on average.
const BLOCK_ENTRIES_MAX: usize = 128;
/// Most blocks that are kept empty.
const SPARE_BLOCKS_MAX: usize = 64;

/// Values of type `T` by an ordered key.
#[derive(Clone, Debug)]
pub struct Blocks<K, T> {
    /// None is empty.
    blocks: Vec<Block<K, T>>,
    spares: Vec<Block<K, T>>,
    len: usize,
}

/// Keys, and the values in the same places.
#[derive(Clone, Debug)]
struct Block<K, T> {
    keys: Vec<K>,
    values: Vec<T>,
}

/// Where an entry lies, or would lie; good until one comes or goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    block: usize,
    entry: usize,
}

impl<K, T> Default for Blocks<K, T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), spares: Vec::new(), len: 0 }
    }
}

impl<K: Ord, T> Blocks<K, T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The place of a key, or the one it would have.
    pub fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Place, Place>
    where
        K: Borrow<Q>,
    {
        let begins_before = |block: &Block<K, T>| block.keys.first().is_some_and(|first| first.borrow() <= key);
        self.find_in(self.blocks.partition_point(begins_before).saturating_sub(1), key)
    }

    /// The same for who asks mostly in the order of the keys: the block of the place that was found before comes first. It
    /// need not be good any more.
    pub fn find_near<Q: Ord + ?Sized>(&self, near: Place, key: &Q) -> Result<Place, Place>
    where
        K: Borrow<Q>,
    {
        let ends = self.blocks.get(near.block).and_then(|block| block.keys.first().zip(block.keys.last()));
        match ends {
            Some((first, last)) if first.borrow() <= key && key <= last.borrow() => self.find_in(near.block, key),
            _ => self.find(key),
        }
    }

    fn find_in<Q: Ord + ?Sized>(&self, block: usize, key: &Q) -> Result<Place, Place>
    where
        K: Borrow<Q>,
    {
        let keys = self.blocks.get(block).map_or(&[][..], |block| &block.keys);
        match keys.binary_search_by(|other| other.borrow().cmp(key)) {
            Ok(entry) => Ok(Place { block, entry }),
            Err(entry) => Err(Place { block, entry }),
        }
    }

    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&T>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|place| self.at(place).1)
    }

    pub fn at(&self, place: Place) -> (&K, &T) {
        let block = &self.blocks[place.block];
        (&block.keys[place.entry], &block.values[place.entry])
    }

    pub fn at_mut(&mut self, place: Place) -> &mut T {
        &mut self.blocks[place.block].values[place.entry]
    }

    /// Puts an entry where [`Blocks::find`] would have it.
    pub fn insert_at(&mut self, place: Place, key: K, value: T) -> &mut T {
        let Place { block, entry } = self.room_at(place);
        let room = &mut self.blocks[block];
        room.keys.insert(entry, key);
        room.values.insert(entry, value);
        self.len += 1;
        &mut room.values[entry]
    }

    /// The same place when there is room in its block; else its block is parted in two.
    fn room_at(&mut self, place: Place) -> Place {
        let Place { block, entry } = place;
        let Some(full) = self.blocks.get(block) else {
            let fresh = self.fresh();
            self.blocks.push(fresh);
            return place;
        };
        if full.keys.len() < BLOCK_ENTRIES_MAX {
            return place;
        }
        let mut fresh = self.fresh();
        // What comes in the order of its key leaves full blocks behind.
        let last = block + 1 == self.blocks.len() && entry == BLOCK_ENTRIES_MAX;
        let kept = if last { BLOCK_ENTRIES_MAX } else { BLOCK_ENTRIES_MAX / 2 };
        let full = &mut self.blocks[block];
        fresh.keys.extend(full.keys.drain(kept..));
        fresh.values.extend(full.values.drain(kept..));
        self.blocks.insert(block + 1, fresh);
        if entry > kept || last { Place { block: block + 1, entry: entry - kept } } else { place }
    }

    fn fresh(&mut self) -> Block<K, T> {
        let room =
            || Block { keys: Vec::with_capacity(BLOCK_ENTRIES_MAX), values: Vec::with_capacity(BLOCK_ENTRIES_MAX) };
        self.spares.pop().unwrap_or_else(room)
    }

    /// Puts a value in and gives the one that was there.
    pub fn insert(&mut self, key: K, value: T) -> Option<T> {
        match self.find(&key) {
            Ok(place) => Some(std::mem::replace(self.at_mut(place), value)),
            Err(place) => {
                self.insert_at(place, key, value);
                None
            }
        }
    }

    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(K, T)>
    where
        K: Borrow<Q>,
    {
        let Place { block, entry } = self.find(key).ok()?;
        let holder = &mut self.blocks[block];
        let removed = (holder.keys.remove(entry), holder.values.remove(entry));
        self.len -= 1;
        self.join(block);
        Some(removed)
    }

    /// Takes an empty block out, and puts two together that have become small.
    fn join(&mut self, block: usize) {
        let next = self.blocks.get(block + 1).map_or(BLOCK_ENTRIES_MAX, |next| next.keys.len());
        let left = self.blocks[block].keys.len();
        let emptied = match left {
            0 => block,
            _ if left + next <= BLOCK_ENTRIES_MAX / 2 => {
                let (before, behind) = self.blocks.split_at_mut(block + 1);
                before[block].keys.append(&mut behind[0].keys);
                before[block].values.append(&mut behind[0].values);
                block + 1
            }
            _ => return,
        };
        let emptied = self.blocks.remove(emptied);
        if self.spares.len() < SPARE_BLOCKS_MAX {
            self.spares.push(emptied);
        }
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &T)> {
        self.blocks.iter().flat_map(|block| block.keys.iter().zip(&block.values))
    }

    /// The entries of a range; none when its ends are crossed.
    pub fn range(&self, range: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &T)> {
        let first = self.bound(range.start_bound(), false);
        let end = self.bound(range.end_bound(), true).max(first);
        let whole = first.block..(end.block + 1).min(self.blocks.len());
        let inside = whole.clone().zip(self.blocks.get(whole).unwrap_or_default());
        inside.flat_map(move |(at, block)| {
            let from = if at == first.block { first.entry } else { 0 };
            let to = if at == end.block { end.entry } else { block.keys.len() };
            block.keys[from..to].iter().zip(&block.values[from..to])
        })
    }

    /// The place of the first entry behind a bound that is the end of a range, or of the first one within it.
    fn bound(&self, bound: Bound<&K>, is_end: bool) -> Place {
        let (key, behind) = match bound {
            Bound::Unbounded if is_end => return Place { block: self.blocks.len(), entry: 0 },
            Bound::Unbounded => return Place { block: 0, entry: 0 },
            Bound::Included(key) => (key, is_end),
            Bound::Excluded(key) => (key, !is_end),
        };
        match self.find(key) {
            Ok(Place { block, entry }) => Place { block, entry: entry + usize::from(behind) },
            Err(place) => place,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn bounds() -> impl Strategy<Value = (Bound<u16>, Bound<u16>)> {
        let bound = || {
            prop_oneof![
                Just(Bound::Unbounded),
                (0u16..600).prop_map(Bound::Included),
                (0u16..600).prop_map(Bound::Excluded)
            ]
        };
        (bound(), bound())
    }

    proptest! {
        /// Stretches of keys come and go as in a B-tree.
        #[test]
        fn it_holds_what_a_tree_holds(
            acts in prop::collection::vec((0u16..600, 0u16..300, any::<bool>(), any::<bool>()), 1..60),
            ranges in prop::collection::vec(bounds(), 20),
        ) {
            let (mut blocks, mut tree) = (Blocks::default(), BTreeMap::new());
            for (from, many, up, comes) in acts {
                let stretch: Vec<u16> = (from..from + many).collect();
                let order: Box<dyn Iterator<Item = &u16>> = if up { Box::new(stretch.iter()) } else { Box::new(stretch.iter().rev()) };
                for key in order {
                    if comes {
                        prop_assert_eq!(blocks.insert(*key, many), tree.insert(*key, many));
                    } else {
                        prop_assert_eq!(blocks.remove(key), tree.remove_entry(key));
                    }
                }
                prop_assert_eq!(blocks.len(), tree.len());
                prop_assert!(blocks.iter().eq(tree.iter()) && blocks.iter().rev().eq(tree.iter().rev()));
                prop_assert!(blocks.blocks.iter().all(|b| (1..=BLOCK_ENTRIES_MAX).contains(&b.keys.len()) && b.keys.len() == b.values.len()));
            }
            for (from, to) in ranges {
                let inside = |key: &u16| (from, to).contains(key);
                prop_assert!(blocks.range((from, to)).eq(tree.iter().filter(|(key, _)| inside(key))));
            }
            let mut near = Place::default();
            for key in 0..900 {
                prop_assert_eq!(blocks.get(&key), tree.get(&key));
                let found = blocks.find_near(near, &key);
                prop_assert_eq!(found, blocks.find(&key));
                near = found.unwrap_or_else(|place| Place { block: place.block + usize::from(key) % 3, ..place });
            }
        }
    }
}
