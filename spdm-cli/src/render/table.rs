//! Aligned columns.

use super::Style;
use super::fold::fold;

/// Columns that a cell should have at least.
const NARROW: usize = 24;
/// Where a cell begins that has lines of its own.
const OWN_LINE: usize = 9;

/// Rows of cells, columns aligned to the left. The last one is folded where it does not fit.
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
    /// row, the column and the text.
    pub(crate) fn show(
        &self,
        style: Style,
        paint: impl Fn(usize, usize, &str) -> String,
    ) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column| {
            // The last cell of a row is filled up with nothing.
            let filled = |row: &&Vec<String>| column + 1 < row.len();
            let rows = self.rows.iter().filter(filled);
            let cells = rows.filter_map(move |row: &Vec<String>| row.get(column));
            cells.map(|cell: &String| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (row, cells) in self.rows.iter().enumerate() {
            let mut line = String::from(" ");
            let mut at = 2;
            let last = cells.len().saturating_sub(1);
            for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                line.push(' ');
                if column == last {
                    // Where the other columns leave no room, it has lines of its own.
                    let narrow = style.is_terminal()
                        && at + NARROW > style.columns()
                        && at + cell.chars().count() > style.columns();
                    if narrow {
                        line.truncate(line.trim_end().len());
                        line.push('\n');
                        line.extend(core::iter::repeat_n(' ', OWN_LINE));
                        at = OWN_LINE;
                    }
                    for (number, part) in fold(cell, at, style).iter().enumerate() {
                        if number > 0 {
                            line.push('\n');
                            line.extend(core::iter::repeat_n(' ', at));
                        }
                        line.push_str(&paint(row, column, part));
                    }
                } else {
                    line.push_str(&paint(row, column, cell));
                    line.extend(core::iter::repeat_n(' ', width - cell.chars().count() + 1));
                    at += width + 2;
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// [`Self::show`] without colours.
    pub(crate) fn plain(&self, style: Style) -> String {
        self.show(style, |_, _, cell| cell.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::render::Style;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::default();
        table.row(["1".to_owned(), "long cell".to_owned(), "x".to_owned()]);
        table.row(["10".to_owned(), "é".to_owned(), "y".to_owned()]);
        assert_eq!(table.plain(Style::PLAIN), "  1   long cell  x\n  10  é          y\n");
    }

    #[test]
    fn a_cell_without_room_has_lines_of_its_own() {
        let mut table = Table::default();
        table.row(["holds".to_owned(), "a".repeat(40), "found in the certificate".to_owned()]);
        let expected = format!("  holds  {}\n         found in the certificate\n", "a".repeat(40));
        assert_eq!(table.plain(Style::PLAIN.on_terminal(60)), expected);
    }

    #[test]
    fn a_digest_goes_on_under_its_beginning() {
        let mut table = Table::default();
        table.row(["a".repeat(30), "00112233445566778899aabbccddeeff".repeat(3)]);
        let expected = format!(
            "  {} 00112233 44556677 8899aabb ccddeeff 00112233\n{}44556677 8899aabb ccddeeff 00112233 \
             44556677\n{}8899aabb ccddeeff\n",
            "a".repeat(30) + " ",
            " ".repeat(34),
            " ".repeat(34)
        );
        assert_eq!(table.plain(Style::PLAIN), expected);
    }
}
