//! Things that are done with and kept to make others in, so that a steady state allocates nothing.

/// At most so many things of one kind.
#[derive(Clone, Debug)]
pub struct Spares<T> {
    kept: Vec<T>,
    most: usize,
}

impl<T> Spares<T> {
    pub const fn new(most: usize) -> Self {
        Self { kept: Vec::new(), most }
    }

    /// One that was used before and still says what it said; none: there is none.
    pub fn take(&mut self) -> Option<T> {
        self.kept.pop()
    }

    /// Keeps one for later; beyond the most that are kept it is dropped.
    pub fn keep(&mut self, spare: T) {
        if self.kept.len() < self.most {
            self.kept.push(spare);
        }
    }
}
