//! Things that are done with and kept to make others in, so that a steady state allocates nothing.

/// At most so many things of one kind.
#[derive(Clone, Debug)]
pub struct Spares<T> {
    kept: Vec<T>,
    most: usize,
    made_at_once: usize,
    /// Which ones hold memory that is worth to be kept; the others would only fill the place of these.
    worth: fn(&T) -> bool,
}

impl<T> Spares<T> {
    /// At most so many are kept. So many are made at once when there is none: a batch that needs a few more than any before
    /// it asks for memory rarely, and not a little for each of them.
    pub const fn new(most: usize, made_at_once: usize) -> Self {
        Self { kept: Vec::new(), most, made_at_once, worth: |_| true }
    }

    /// Keeps only these.
    pub fn only(mut self, worth: fn(&T) -> bool) -> Self {
        self.worth = worth;
        self
    }

    /// A copy, in what was used before where that is worth it.
    pub fn copy(&mut self, of: &T) -> T
    where
        T: Clone,
    {
        if !(self.worth)(of) {
            return of.clone();
        }
        let mut copy = self.take_or(|| of.clone());
        copy.clone_from(of);
        copy
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
        if self.kept.len() < self.most && (self.worth)(&spare) {
            self.kept.push(spare);
        }
    }
}
