//! Where a message travels.

/// Where a message travels, and so its answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    /// As it is.
    Plain,
    /// In the session at this place.
    Session(usize),
}
