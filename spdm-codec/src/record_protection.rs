//! How the records of sessions are protected (DSP0277).

use crate::algorithm_bits::AeadCipherSuite;

/// How the records of a connection's sessions are protected (DSP0277).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct RecordProtection {
    /// The selected cipher suite; empty where none was selected.
    pub suite: AeadCipherSuite,
    /// Whether records are encrypted.
    pub privacy: RecordPrivacy,
}

/// Whether records are encrypted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0277 has these two")]
pub enum RecordPrivacy {
    /// Both sides have ENCRYPT_CAP.
    #[default]
    Encrypted,
    /// MAC_CAP alone.
    Authenticated,
}
