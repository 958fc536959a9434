//! CSV (RFC 4180) with a header that names `target`. A value with a line end in it is not taken.

use super::{LineFault, set};
use crate::target::Target;

/// The names of the columns.
pub(super) struct Header {
    columns: Vec<String>,
}

impl Header {
    /// The header of CSV; `None` where the line is none.
    pub(super) fn read(line: &str) -> Result<Option<Self>, LineFault> {
        let Ok(columns) = cells(line) else { return Ok(None) };
        let columns: Vec<_> = columns.iter().map(|name| name.trim().to_owned()).collect();
        if !columns.iter().any(|name| name == "target") {
            return Ok(None);
        }
        let mut sorted: Vec<_> = columns.iter().collect();
        sorted.sort_unstable();
        for (one, other) in sorted.iter().zip(sorted.iter().skip(1)) {
            if one == other {
                return Err(LineFault::of(*one, "two columns have this name"));
            }
        }
        if columns.iter().any(String::is_empty) {
            return Err(LineFault::whole("a column has no name"));
        }
        Ok(Some(Self { columns }))
    }

    /// The target of a line.
    pub(super) fn parse(&self, line: &str) -> Result<Target, LineFault> {
        let cells = cells(line)?;
        let (got, expected) = (cells.len(), self.columns.len());
        if got != expected {
            return Err(LineFault::whole(format!("{got} values, and the header has {expected}")));
        }
        let mut target = Target::new("");
        for (name, value) in self.columns.iter().zip(&cells) {
            match (name.as_str(), value.trim()) {
                ("target", value) => value.clone_into(&mut target.target),
                (_, "") => {}
                (name, value) => set(&mut target, name, value),
            }
        }
        Ok(target)
    }
}

/// The values of a line.
fn cells(line: &str) -> Result<Vec<String>, LineFault> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let (cell, behind) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => quoted_cell(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (cell, behind) = rest.split_at(end);
                (cell.to_owned(), behind)
            }
        };
        cells.push(cell);
        match behind.trim_start().strip_prefix(',') {
            Some(next) => rest = next,
            None if behind.trim().is_empty() => return Ok(cells),
            None => return Err(LineFault::whole("expected a comma behind a quoted value")),
        }
    }
}

/// The value up to its closing quote, and what is behind that.
fn quoted_cell(quoted: &str) -> Result<(String, &str), LineFault> {
    let mut cell = String::new();
    let mut rest = quoted;
    loop {
        let Some((part, behind)) = rest.split_once('"') else {
            return Err(LineFault::whole("a quoted value does not end in its line"));
        };
        cell.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                cell.push('"');
                rest = more;
            }
            None => return Ok((cell, behind)),
        }
    }
}
