//! Where a walk over the committed state of a shard stands: it goes on between batches, and rests while they run.

/// A place in the tables of a shard. A stage walks its tables in a fixed order, slots in slot order and sorted tables in key
/// order; what moves behind the place meanwhile is in the changelog's tail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The table, by its position in the stage's order.
    pub table: usize,
    /// The next slot, in a table of slots.
    pub slot: u32,
    /// The encoded key that was walked last, in a sorted table; none before the first.
    pub after: Option<Vec<u8>>,
}

impl Cursor {
    /// Goes on to the beginning of the next table.
    pub fn next_table(&mut self) {
        *self = Self { table: self.table + 1, ..Self::default() };
    }
}
