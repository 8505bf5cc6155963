//! Records by token in numbered slots: image, restore and scan agree on the order of the slots.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use crate::domain::Text;

/// Records of type `V` by token. A new record takes the lowest free slot.
#[derive(Clone, Debug)]
pub struct Slots<V> {
    slots: Vec<Option<(Text, V)>>,
    index: FxHashMap<Text, u32>,
    /// May hold slots that were taken again by [`Slots::load`]; they are skipped when met.
    free: BinaryHeap<Reverse<u32>>,
    undo: Vec<Saved<V>>,
    /// The batch in which a slot was last saved, by slot.
    touched: Vec<u64>,
    batch: u64,
}

#[derive(Clone, Debug)]
struct Saved<V> {
    slot: u32,
    before: Option<(Text, V)>,
}

impl<V> Default for Slots<V> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            index: FxHashMap::default(),
            free: BinaryHeap::new(),
            undo: Vec::new(),
            touched: Vec::new(),
            batch: 1,
        }
    }
}

impl<V: Clone + Default> Slots<V> {
    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    pub fn get(&self, token: &str) -> Option<&V> {
        let slot = *self.index.get(token)?;
        self.slots[slot as usize].as_ref().map(|(_, value)| value)
    }

    /// The record to change, made when there is none.
    pub fn edit(&mut self, token: &str) -> &mut V {
        let slot = match self.index.get(token) {
            Some(slot) => *slot,
            None => self.take_slot(),
        };
        self.save(slot);
        let index = &mut self.index;
        let entry = self.slots[slot as usize].get_or_insert_with(|| {
            index.insert(Text::from(token), slot);
            (Text::from(token), V::default())
        });
        &mut entry.1
    }

    pub fn remove(&mut self, token: &str) {
        if let Some(slot) = self.index.get(token).copied() {
            self.save(slot);
            self.index.remove(token);
            self.slots[slot as usize] = None;
            self.free.push(Reverse(slot));
        }
    }

    /// Records in slot order, from `from` on.
    pub fn scan(&self, from: u32) -> impl Iterator<Item = (u32, &Text, &V)> {
        let start = (from as usize).min(self.slots.len());
        self.slots[start..]
            .iter()
            .enumerate()
            .filter_map(move |(i, entry)| entry.as_ref().map(|(token, value)| ((start + i) as u32, token, value)))
    }

    /// Every key touched since the last commit, once, with its slot and value now (`None`: removed).
    pub fn changed(&self) -> impl Iterator<Item = (&Text, u32, Option<&V>)> {
        self.undo.iter().flat_map(|saved| {
            let now = self.slots[saved.slot as usize].as_ref();
            // A slot that changed hands within the batch reports the key that left as well as the key that came.
            let left = saved.before.as_ref().map(|(token, _)| token).filter(|token| !self.index.contains_key(*token));
            let came = now.map(|(token, value)| (token, saved.slot, Some(value)));
            left.map(|token| (token, saved.slot, None)).into_iter().chain(came)
        })
    }

    /// Accepts the batch.
    pub fn commit(&mut self) {
        self.undo.clear();
        self.batch += 1;
    }

    /// Puts everything back as it was at the last commit.
    pub fn undo(&mut self) {
        for saved in &self.undo {
            if let Some((token, _)) = &self.slots[saved.slot as usize] {
                self.index.remove(token);
            }
        }
        for saved in self.undo.drain(..).rev() {
            match &saved.before {
                Some((token, _)) => {
                    self.index.insert(token.clone(), saved.slot);
                }
                None => self.free.push(Reverse(saved.slot)),
            }
            self.slots[saved.slot as usize] = saved.before;
        }
        self.batch += 1;
    }

    /// Places a restored record; no undo is kept.
    pub fn load(&mut self, token: &str, slot: u32, value: V) {
        self.unload(token);
        if let Some((other, _)) = self.slots.get(slot as usize).and_then(Option::as_ref) {
            let other = other.clone();
            self.index.remove(&other);
        }
        self.grow_to(slot);
        self.index.insert(Text::from(token), slot);
        self.slots[slot as usize] = Some((Text::from(token), value));
    }

    /// Drops a record during restore; no undo is kept.
    pub fn unload(&mut self, token: &str) {
        if let Some(slot) = self.index.remove(token) {
            self.slots[slot as usize] = None;
            self.free.push(Reverse(slot));
        }
    }

    fn grow_to(&mut self, slot: u32) {
        while self.slots.len() <= slot as usize {
            if self.slots.len() < slot as usize {
                self.free.push(Reverse(self.slots.len() as u32));
            }
            self.slots.push(None);
            self.touched.push(0);
        }
    }

    fn take_slot(&mut self) -> u32 {
        while let Some(Reverse(slot)) = self.free.pop() {
            if self.slots[slot as usize].is_none() {
                return slot;
            }
        }
        self.slots.push(None);
        self.touched.push(0);
        (self.slots.len() - 1) as u32
    }

    fn save(&mut self, slot: u32) {
        let mark = &mut self.touched[slot as usize];
        if *mark != self.batch {
            *mark = self.batch;
            self.undo.push(Saved { slot, before: self.slots[slot as usize].clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contents(slots: &Slots<i64>) -> Vec<(u32, String, i64)> {
        slots.scan(0).map(|(slot, token, value)| (slot, token.to_string(), *value)).collect()
    }

    proptest! {
        /// Undo gives back the committed contents and slots; the changes of a batch bring a copy to the same contents.
        #[test]
        fn undo_and_changes_agree(batches in prop::collection::vec((prop::collection::vec((0u8..12, any::<bool>()), 1..20), any::<bool>()), 1..20)) {
            let (mut slots, mut copy) = (Slots::<i64>::default(), Slots::<i64>::default());
            for (ops, keep) in batches {
                let before = contents(&slots);
                for (key, remove) in ops {
                    let token = format!("c{key}");
                    if remove { slots.remove(&token) } else { *slots.edit(&token) += 1 }
                }
                if keep {
                    let changed: Vec<_> = slots.changed().map(|(t, s, v)| (t.clone(), s, v.copied())).collect();
                    for (token, _, value) in &changed { if value.is_none() { copy.unload(token) } }
                    for (token, slot, value) in changed { if let Some(value) = value { copy.load(&token, slot, value) } }
                    slots.commit();
                    prop_assert_eq!(contents(&slots), contents(&copy));
                } else {
                    slots.undo();
                    prop_assert_eq!(contents(&slots), before);
                }
                prop_assert_eq!(slots.scan(0).all(|(_, token, value)| slots.get(token) == Some(value)), true);
            }
        }
    }
}
