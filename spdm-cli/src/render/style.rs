//! Colours.

/// Whether colours are used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Style {
    colored: bool,
}

impl Style {
    pub(crate) const PLAIN: Self = Self { colored: false };
    pub(crate) const COLORED: Self = Self { colored: true };

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
