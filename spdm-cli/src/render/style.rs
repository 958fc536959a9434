//! Colours, and how long lines may be.

/// Columns where no terminal says how many it has.
const COLUMNS: usize = 80;

/// Whether colours are used, and how wide the terminal is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Style {
    colored: bool,
    /// `None` where nobody looks at a terminal.
    columns: Option<usize>,
}

impl Style {
    pub(crate) const PLAIN: Self = Self { colored: false, columns: None };
    pub(crate) const COLORED: Self = Self { colored: true, columns: None };

    /// The same for a terminal of this width.
    pub(crate) const fn on_terminal(self, columns: usize) -> Self {
        Self { columns: Some(columns), ..self }
    }

    /// The same, but what no terminal shows has all of its digits in one line, for programs that search them.
    pub(crate) fn whole_in_pipes(self) -> Self {
        Self { columns: self.columns.or(Some(usize::MAX)), ..self }
    }

    /// Whether somebody looks at a terminal.
    pub(crate) const fn is_terminal(self) -> bool {
        self.columns.is_some()
    }

    /// The columns of a line.
    pub(crate) fn columns(self) -> usize {
        self.columns.unwrap_or(COLUMNS)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colored { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What holds.
    pub(crate) fn good(self, text: &str) -> String {
        self.paint("1;32", text)
    }

    /// What does not hold.
    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// What nobody looked at.
    pub(crate) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// A heading.
    pub(crate) fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }
}
