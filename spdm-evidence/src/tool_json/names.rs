//! What tools call the members of their JSON.

use serde_json::value::RawValue;
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};

use crate::error::Error;
use crate::evidence::Presumption;

/// Members that hold evidence, whatever it is of. Names are compared without case, `_` and `-`.
const EVIDENCE: &[&str] = &[
    "evidence",
    "gpuevidence",
    "switchevidence",
    "nvswitchevidence",
    "attestationreport",
    "gpuattestationreport",
    "signedmeasurements",
    "signedtranscript",
    "spdmreport",
];
/// Members that hold certificates.
const CERTIFICATE: &[&str] = &[
    "certificate",
    "certificates",
    "cert",
    "certs",
    "certchain",
    "certificatechain",
    "certificatestring",
    "attestationcertchain",
    "attestationcertificatechain",
    "gpucertificate",
    "switchcertificate",
    "x5c",
];
/// Members that hold the nonce of GET_MEASUREMENTS.
const NONCE: &[&str] = &[
    "nonce",
    "gpunonce",
    "switchnonce",
    "nvswitchnonce",
    "spdmnonce",
    "measurementnonce",
    "requesternonce",
    "evidencenonce",
    "attestationnonce",
];

/// Whether a member has this name.
fn is(name: &str, wanted: &str) -> bool {
    let letters = name.bytes().filter(|byte| !b"_-".contains(byte));
    letters.map(|byte| byte.to_ascii_lowercase()).eq(wanted.bytes())
}

pub(super) fn is_evidence(name: &str) -> bool {
    EVIDENCE.iter().any(|wanted| is(name, wanted))
}

pub(super) fn is_certificate(name: &str) -> bool {
    CERTIFICATE.iter().any(|wanted| is(name, wanted))
}

/// Whether a collector says in this member how it ended; 0 is well.
pub(super) fn is_result_code(name: &str) -> bool {
    is(name, "resultcode")
}

/// Whether it says in this member why.
pub(super) fn is_result_message(name: &str) -> bool {
    is(name, "resultmessage")
}

/// Whether certificates in this member are in no certain order: it is Redfish's.
pub(super) fn is_unordered(name: &str) -> bool {
    is(name, "certificatestring")
}

/// Whether a member holds the request that a Task of Redfish is about.
pub(super) fn is_request_of_task(name: &str) -> bool {
    is(name, "payload")
}

/// Whether it holds the body of that request.
pub(super) fn is_request_body(name: &str) -> bool {
    is(name, "jsonbody")
}

pub(super) fn is_nonce(name: &str) -> bool {
    NONCE.iter().any(|wanted| is(name, wanted))
}

/// The algorithms that an object names, as Redfish does: `TPM_ALG_ECDSA_ECC_NIST_P384` and `TPM_ALG_SHA_384`. Those of an
/// inner object are its own.
///
/// # Errors
/// The member's name and [`Error::OtherAlgorithm`] where it is not the algorithm that the caller gave.
pub(super) fn presumption<'m>(
    members: &'m [(String, &RawValue)],
    around: Presumption,
    given: Presumption,
) -> Result<Presumption, (&'m str, Error)> {
    let named = |wanted: &str| {
        let (name, value) = members.iter().find(|(name, _)| is(name, wanted))?;
        let text: String = serde_json::from_str(value.get()).ok()?;
        Some((name.as_str(), plain(&text)))
    };
    let asym = named("signingalgorithm").and_then(|(member, name)| {
        Some((member, AsymAlgorithm::ALL.into_iter().find(|asym| plain(asym.name()) == name)?))
    });
    let hash = named("hashingalgorithm").and_then(|(member, name)| {
        Some((member, HashAlgorithm::ALL.into_iter().find(|hash| plain(hash.name()) == name)?))
    });
    let (asym_named, hash_named) = (asym.map(|(_, asym)| asym), hash.map(|(_, hash)| hash));
    match (asym, given.asym, hash, given.hash) {
        (Some((member, named)), Some(given), ..) if named != given => {
            Err((member, Error::OtherAlgorithm { named: named.name(), given: given.name() }))
        }
        (_, _, Some((member, named)), Some(given)) if named != given => {
            Err((member, Error::OtherAlgorithm { named: named.name(), given: given.name() }))
        }
        _ => Ok(Presumption { asym: asym_named.or(around.asym), hash: hash_named.or(around.hash) }),
    }
}

/// The letters and digits of an algorithm's name, without what only some registries add.
fn plain(name: &str) -> String {
    let name = name.to_ascii_uppercase().replace("TPM_ALG_", "").replace("ECC_NIST_", "");
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}
