//! What a caller demands of a verdict beyond its checks, and which of these may fail for a while.
//!
//! A policy makes a verdict stricter: what is not verified without it, is not verified with it. The exception are its
//! waivers, which cover what reference values say and nothing that makes a device a device: see [`WAIVABLE`].

mod document;
#[cfg(feature = "rego")]
mod rego;
mod san_pattern;
mod verdict;

use spdm_crypto::Provider;
use spdm_requester::AttestationCheck;
use spdm_x509::ValidityCheck;

#[cfg(feature = "schema")]
pub(crate) use self::document::Document as PolicyDocument;
use self::document::Document;
pub use self::verdict::{PolicySummary, WaiverStatus, WaiverSummary};
use crate::error::Error;
use crate::sha256::sha256_hex;

/// The checks that a policy can waive. All others hold up what a verdict means: whose signature it is, over what, and that
/// it is new.
pub const WAIVABLE: [AttestationCheck; 1] = [AttestationCheck::MeasurementsReference];

/// A policy out of a file.
#[derive(Clone, Debug)]
pub struct VerdictPolicy {
    name: String,
    sha256: String,
    demands: Demands,
}

/// What a policy demands, in the form that it is written in.
#[derive(Clone, Debug)]
enum Demands {
    /// Members that have a meaning here.
    Closed(Closed),
    /// Rules of its own, which waive nothing.
    #[cfg(feature = "rego")]
    Rego(rego::Rego),
}

/// A policy in JSON.
#[derive(Clone, Debug)]
struct Closed {
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
    /// Reads JSON as `docs/schema/policy.json` describes it, or Rego where the feature `rego` is on: a `name` that ends with
    /// `.rego` or `.json` says which it is, and otherwise a `package` in the text does. Reports show `name`.
    ///
    /// # Errors
    /// [`Error::Policy`]: it is of another form, waives what cannot be waived, or is in Rego, which this build does not have.
    pub fn read(name: &str, bytes: &[u8], provider: &Provider) -> Result<Self, Error> {
        let unusable = |why| Error::Policy(why);
        let sha256 = sha256_hex(provider, &[bytes])
            .ok_or_else(|| unusable("SHA-256 is not implemented here".to_owned()))?;
        let demands =
            if is_rego(name, bytes) { Demands::rego(bytes) } else { Demands::closed(bytes) };
        let demands = demands.map_err(unusable)?;
        let name = name.escape_debug().to_string();
        Ok(Self { name, sha256, demands })
    }

    /// SHA-256 of the file in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Whether a check may fail at this time. Without a time nothing may.
    pub(crate) fn waives(&self, check: AttestationCheck, now: ValidityCheck) -> bool {
        self.waivers().iter().any(|waiver| waiver.check == check && waiver.holds(now))
    }

    fn waivers(&self) -> &[Waiver] {
        match &self.demands {
            Demands::Closed(closed) => &closed.waivers,
            #[cfg(feature = "rego")]
            Demands::Rego(_) => &[],
        }
    }
}

impl Demands {
    fn closed(json: &[u8]) -> Result<Self, String> {
        let (document, waivers) = Document::read(json)?;
        Ok(Self::Closed(Closed { document, waivers }))
    }

    #[cfg(feature = "rego")]
    fn rego(text: &[u8]) -> Result<Self, String> {
        rego::Rego::read(text).map(Self::Rego)
    }

    #[cfg(not(feature = "rego"))]
    fn rego(_: &[u8]) -> Result<Self, String> {
        Err("it is in Rego, and this build does not have it; a build with --features rego does"
            .to_owned())
    }
}

/// Whether a file is in Rego. A module begins with its package, and no JSON does.
fn is_rego(name: &str, bytes: &[u8]) -> bool {
    let is_of = |extension: &str| {
        name.rsplit_once('.').is_some_and(|(_, last)| last.eq_ignore_ascii_case(extension))
    };
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_start);
    is_of("rego") || (!is_of("json") && lines.any(|line| line.starts_with(b"package ")))
}

impl Waiver {
    const fn holds(&self, now: ValidityCheck) -> bool {
        matches!(now, ValidityCheck::At(now) if now <= self.seconds)
    }
}
