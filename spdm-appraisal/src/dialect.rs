//! Which forms of CoRIM are read.

/// Which forms of CoRIM are read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Dialect {
    /// Those of the drafts: draft-ietf-rats-corim-06 and later.
    #[default]
    Strict,
    /// Also the form of the DMTF sample tool, and an SPDM index in `class.index` (4) where a file has no mkey at all.
    Compatible,
}

/// The form of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// As the drafts have it.
    Standard,
    /// As the DMTF sample tool writes it: identifiers and digests as text, one measurement without a list around it,
    /// flags as a number, which no draft gives a meaning.
    Sample,
}
