//! One row of a file as the mapping sees it: a cell per column that the mapping names.

/// The cells of one row; an absent or null cell is `None`. Reused from row to row.
#[derive(Clone, Debug, Default)]
pub struct Row {
    text: String,
    cells: Vec<Option<(usize, usize)>>,
}

impl Row {
    /// Forgets the last row; every one of `columns` cells is absent.
    pub fn clear(&mut self, columns: usize) {
        self.text.clear();
        self.cells.clear();
        self.cells.resize(columns, None);
    }

    /// Sets a cell; a column outside the row is left out.
    pub fn set(&mut self, column: usize, text: &str) {
        let start = self.text.len();
        if let Some(cell) = self.cells.get_mut(column) {
            self.text.push_str(text);
            *cell = Some((start, self.text.len()));
        }
    }

    /// The text of a cell, unless it is absent or null.
    pub fn get(&self, column: usize) -> Option<&str> {
        let (start, end) = (*self.cells.get(column)?)?;
        self.text.get(start..end)
    }
}
