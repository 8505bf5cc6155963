//! Things that are done with and kept to make others in, so that a steady state allocates nothing.

/// At most so many things of one kind.
#[derive(Clone, Debug)]
pub struct Spares<T> {
    kept: Vec<T>,
    most: usize,
    made_at_once: usize,
}

impl<T> Spares<T> {
    /// At most so many are kept. So many are made at once when there is none: a batch that needs a few more than any before
    /// it asks for memory rarely, and not a little for each of them.
    pub const fn new(most: usize, made_at_once: usize) -> Self {
        Self { kept: Vec::new(), most, made_at_once }
    }

    /// One that was used before and still says what it said; where there is none, one that is made, and others with it for
    /// those who ask next.
    pub fn take_or(&mut self, make: impl FnMut() -> T) -> T {
        match self.kept.pop() {
            Some(spare) => spare,
            None => self.make(make),
        }
    }

    #[cold]
    #[inline(never)]
    fn make(&mut self, mut make: impl FnMut() -> T) -> T {
        let others = self.made_at_once.min(self.most).saturating_sub(1);
        self.kept.extend(std::iter::repeat_with(&mut make).take(others));
        make()
    }

    /// Keeps one for later; beyond the most that are kept it is dropped.
    pub fn keep(&mut self, spare: T) {
        if self.kept.len() < self.most {
            self.kept.push(spare);
        }
    }
}
