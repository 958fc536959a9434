//! Places in a document, for messages.

use crate::error::Error;

/// The longest part of a name that a message repeats, in characters.
const NAME_LEN: usize = 64;

/// A place in the document, for messages: `evidences[1].certificate`. It is written out only where something is wrong:
/// there may be a million places with a long name in front of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'p> {
    around: Option<&'p Self>,
    step: Step<'p>,
    pub(super) depth: usize,
}

/// The last step to a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'p> {
    /// The document, and JSON in a text.
    Inside,
    Member(&'p str),
    Item(usize),
}

impl<'p> Place<'p> {
    pub(super) const ROOT: Self = Self { around: None, step: Step::Inside, depth: 0 };

    pub(super) const fn step(&'p self, step: Step<'p>) -> Self {
        Self { around: Some(self), step, depth: self.depth + 1 }
    }

    pub(super) const fn member(&'p self, name: &'p str) -> Self {
        self.step(Step::Member(name))
    }

    pub(super) const fn item(&'p self, index: usize) -> Self {
        self.step(Step::Item(index))
    }

    fn path(&self) -> String {
        let mut path = self.around.map(Self::path).unwrap_or_default();
        match self.step {
            Step::Inside => {}
            Step::Item(index) => path.push_str(&format!("[{index}]")),
            Step::Member(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.extend(name.chars().take(NAME_LEN));
                if name.chars().nth(NAME_LEN).is_some() {
                    path.push('…');
                }
            }
        }
        path
    }

    pub(super) fn fails(&self, error: Error) -> Error {
        let place = self.path();
        match (place.is_empty(), error) {
            (true, error) | (_, error @ Error::At { .. }) => error,
            (false, error) => Error::At { place, error: Box::new(error) },
        }
    }

    /// Whether it is what a member of this kind holds.
    pub(super) fn is(&self, named: fn(&str) -> bool) -> bool {
        matches!(self.step, Step::Member(name) if named(name))
    }
}
