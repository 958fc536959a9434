//! What a caller demands of a verdict beyond its checks, and which of these may fail for a while.
//!
//! A policy makes a verdict stricter: what is not verified without it, is not verified with it. The exception are its
//! waivers, which cover what reference values say and nothing that makes a device a device: see [`WAIVABLE`].

mod document;
mod san_pattern;
mod verdict;

use spdm_crypto::{HashAlgorithm, Provider};
use spdm_requester::AttestationCheck;
use spdm_x509::ValidityCheck;

#[cfg(feature = "schema")]
pub(crate) use self::document::Document as PolicyDocument;
use self::document::Document;
pub use self::verdict::{PolicySummary, WaiverStatus, WaiverSummary};
use crate::error::Error;

/// The checks that a policy can waive. All others hold up what a verdict means: whose signature it is, over what, and that
/// it is new.
pub const WAIVABLE: [AttestationCheck; 1] = [AttestationCheck::MeasurementsReference];

/// A policy out of a file.
#[derive(Clone, Debug)]
pub struct VerdictPolicy {
    name: String,
    sha256: String,
    document: Document,
    waivers: Vec<Waiver>,
}

/// A check that may fail for a while.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Waiver {
    check: AttestationCheck,
    /// As in the file.
    until: String,
    /// The same in seconds since 1970.
    seconds: u64,
    /// Escaped.
    reason: String,
}

impl VerdictPolicy {
    /// Reads JSON as `docs/schema/policy.json` describes it. Reports show `name`.
    ///
    /// # Errors
    /// [`Error::Policy`]: it is of another form, or waives what cannot be waived.
    pub fn read(name: &str, bytes: &[u8], provider: &Provider) -> Result<Self, Error> {
        let unusable = |why| Error::Policy(why);
        let sha256 = provider.hash.digest(HashAlgorithm::Sha256, &[bytes]);
        let sha256 = sha256.map_err(|_| unusable("SHA-256 is not implemented here".to_owned()))?;
        let (document, waivers) = Document::read(bytes).map_err(unusable)?;
        Ok(Self {
            name: name.escape_debug().to_string(),
            sha256: hex::encode(sha256.as_bytes()),
            document,
            waivers,
        })
    }

    /// Whether a check may fail at this time. Without a time nothing may.
    pub(crate) fn waives(&self, check: AttestationCheck, now: ValidityCheck) -> bool {
        self.waivers.iter().any(|waiver| waiver.check == check && waiver.holds(now))
    }
}

impl Waiver {
    const fn holds(&self, now: ValidityCheck) -> bool {
        matches!(now, ValidityCheck::At(now) if now <= self.seconds)
    }
}
