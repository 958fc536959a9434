//! Aligned columns.

/// Rows of cells, columns aligned to the left, but the last one, which ends where it ends.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl Into<Vec<String>>) {
        self.rows.push(cells.into());
    }

    /// The rows, each indented by two spaces. Colours are no part of a cell: `paint` adds them, given the
    /// row and the padded cell.
    pub(crate) fn show(&self, paint: impl Fn(usize, usize, &str) -> String) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column| {
            let cells = self.rows.iter().filter_map(move |row: &Vec<String>| row.get(column));
            cells.map(|cell: &String| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (row, cells) in self.rows.iter().enumerate() {
            let mut line = String::from(" ");
            let last = cells.len().saturating_sub(1);
            for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                let fill = if column == last { 0 } else { width - cell.chars().count() };
                line.push(' ');
                line.push_str(&paint(row, column, cell));
                line.extend(core::iter::repeat_n(' ', fill + usize::from(column != last)));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// [`Self::show`] without colours.
    pub(crate) fn plain(&self) -> String {
        self.show(|_, _, cell| cell.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::default();
        table.row(["1".to_owned(), "long cell".to_owned(), "x".to_owned()]);
        table.row(["10".to_owned(), "é".to_owned(), "y".to_owned()]);
        assert_eq!(table.plain(), "  1   long cell  x\n  10  é          y\n");
    }
}
