//! Texts by number: what many keys name is compared, copied and hashed as a number.

use rustc_hash::FxHashMap;

use crate::domain::Text;

/// The number of a text, good as long as its [`Names`] are. It never leaves the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(u32);

impl Number {
    /// The number that was [got](Number::get) from another one.
    pub fn of(number: u32) -> Self {
        Self(number)
    }

    pub fn get(self) -> u32 {
        self.0
    }

    /// Its place among all that were given out: they count up from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Texts in the order in which they were met.
#[derive(Clone, Debug, Default)]
pub struct Names {
    numbers: FxHashMap<Text, Number>,
    texts: Vec<Text>,
    /// The one that was asked for last: what is told of one event asks for the same one.
    last: usize,
    /// The place of each number in the order of the texts, as far as they were [`Names::ranked`].
    ranks: Vec<u32>,
}

impl Names {
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The number of a text, which is noted if it was not met before.
    #[inline]
    pub fn number(&mut self, text: &str) -> Number {
        if self.texts.get(self.last).is_none_or(|last| last != text) {
            self.last = self.noted(text).index();
        }
        Number(self.last as u32)
    }

    #[inline(never)]
    fn noted(&mut self, text: &str) -> Number {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = Number(self.texts.len() as u32);
        self.texts.push(Text::from(text));
        self.numbers.insert(Text::from(text), number);
        number
    }

    /// The number of a text that was met.
    pub fn known(&self, text: &str) -> Option<Number> {
        self.numbers.get(text).copied()
    }

    /// The text that a number stands for.
    pub fn text(&self, number: Number) -> &Text {
        &self.texts[number.0 as usize]
    }

    /// All numbers in the order of the texts.
    pub fn sorted(&self) -> Vec<Number> {
        let mut sorted: Vec<Number> = (0..self.texts.len() as u32).map(Number).collect();
        sorted.sort_unstable_by_key(|number| self.text(*number));
        sorted
    }

    /// The same names, ranked: all that were met until now.
    pub fn ranked(&mut self) -> &Self {
        if self.ranks.len() != self.texts.len() {
            self.ranks.resize(self.texts.len(), 0);
            (0..).zip(self.sorted()).for_each(|(rank, number)| self.ranks[number.0 as usize] = rank);
        }
        self
    }

    /// The place of a number in the order of the texts; good as long as the names are ranked.
    pub fn rank(&self, number: Number) -> u32 {
        self.ranks[number.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_for_texts_and_rank_like_them() {
        let mut names = Names::default();
        let numbers = ["p2", "p1", "p3", "p2", "p2"].map(|text| names.number(text));
        assert_eq!((numbers[0], names.len(), names.known("p4")), (numbers[3], 3, None));
        assert!(numbers.iter().zip(["p2", "p1", "p3"]).all(|(number, text)| names.text(*number) == text));
        assert_eq!(numbers.map(|number| names.ranked().rank(number)), [1, 0, 2, 1, 1]);
        let first = names.number("p0");
        assert_eq!((names.ranked().rank(first), names.rank(numbers[0])), (0, 2), "ranked anew with a new name");
    }
}
