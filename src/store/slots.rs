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
    /// What the open generation touched, as it was before.
    open: Vec<Saved<V>>,
    /// What the generation in flight touched, as it was before.
    flight: Vec<Saved<V>>,
    in_flight: bool,
    /// The generation in which a slot was last saved, by slot.
    touched: Vec<u64>,
    generation: u64,
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
            open: Vec::new(),
            flight: Vec::new(),
            in_flight: false,
            touched: Vec::new(),
            generation: 1,
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

    /// Every key that the open generation touched, once, with its slot and value now (`None`: removed).
    pub fn changed(&self) -> impl Iterator<Item = (&Text, u32, Option<&V>)> {
        self.open.iter().flat_map(|saved| {
            let now = self.slots[saved.slot as usize].as_ref();
            // A slot that changed hands within the generation reports the key that left as well as the key that came.
            let left = saved.before.as_ref().map(|(token, _)| token).filter(|token| !self.index.contains_key(*token));
            let came = now.map(|(token, value)| (token, saved.slot, Some(value)));
            left.map(|token| (token, saved.slot, None)).into_iter().chain(came)
        })
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
        self.flight.clear();
        self.in_flight = false;
    }

    /// Puts everything back as it was at the last commit, the open generation first.
    pub fn undo(&mut self) {
        let (open, flight) = (std::mem::take(&mut self.open), std::mem::take(&mut self.flight));
        for saved in open.into_iter().rev().chain(flight.into_iter().rev()) {
            self.put_back(saved);
        }
        self.in_flight = false;
        self.generation += 1;
    }

    fn put_back(&mut self, saved: Saved<V>) {
        let slot = &mut self.slots[saved.slot as usize];
        // A token that moved may stand in its former slot again already.
        if let Some((token, _)) = slot.as_ref().filter(|(token, _)| self.index.get(token) == Some(&saved.slot)) {
            self.index.remove(token);
        }
        match &saved.before {
            Some((token, _)) => {
                self.index.insert(token.clone(), saved.slot);
            }
            None => self.free.push(Reverse(saved.slot)),
        }
        *slot = saved.before;
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
        if *mark != self.generation {
            *mark = self.generation;
            self.open.push(Saved { slot, before: self.slots[slot as usize].clone() });
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

    #[derive(Clone, Copy, Debug)]
    enum Act {
        Edit(u8),
        Remove(u8),
        HandOver,
        Commit,
        Undo,
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            6 => (0u8..12).prop_map(Act::Edit),
            3 => (0u8..12).prop_map(Act::Remove),
            2 => Just(Act::HandOver),
            2 => Just(Act::Commit),
            1 => Just(Act::Undo),
        ];
        prop::collection::vec(act, 1..120)
    }

    proptest! {
        /// In any legal order: undo gives back the contents and slots of the last commit, whatever was handed over, and the
        /// changes of each generation bring a copy to the same contents.
        #[test]
        fn generations_agree_with_a_model(acts in acts()) {
            let (mut slots, mut copy) = (Slots::<i64>::default(), Slots::<i64>::default());
            // Contents at the last commit, and those handed over since with their changes.
            let (mut committed, mut flight) = (contents(&slots), None);
            for act in acts {
                match act {
                    Act::Edit(key) => *slots.edit(&format!("c{key}")) += 1,
                    Act::Remove(key) => slots.remove(&format!("c{key}")),
                    Act::HandOver if flight.is_none() => {
                        let changed: Vec<_> = slots.changed().map(|(t, s, v)| (t.clone(), s, v.copied())).collect();
                        slots.hand_over();
                        prop_assert_eq!(slots.changed().count(), 0);
                        flight = Some((contents(&slots), changed));
                    }
                    Act::Commit if flight.is_some() => {
                        let (then, changed) = flight.take().unwrap_or_default();
                        for (token, _, value) in &changed { if value.is_none() { copy.unload(token) } }
                        for (token, slot, value) in changed { if let Some(value) = value { copy.load(&token, slot, value) } }
                        slots.commit();
                        prop_assert_eq!(&then, &contents(&copy));
                        committed = then;
                    }
                    Act::HandOver | Act::Commit => {}
                    Act::Undo => {
                        slots.undo();
                        flight = None;
                        prop_assert_eq!(contents(&slots), committed.clone());
                    }
                }
                prop_assert!(slots.scan(0).all(|(_, token, value)| slots.get(token) == Some(value)));
                prop_assert_eq!(slots.scan(0).count(), slots.len());
            }
        }
    }
}
