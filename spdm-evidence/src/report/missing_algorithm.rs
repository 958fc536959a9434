//! Algorithms of DSP0274 that no backend has, as certificates name them.

use spdm_x509::Oid;

/// Object identifiers and names. RFC 8410 §3; GB/T 33560; FIPS 205 as registered by NIST.
const MISSING: &[(&str, &str)] = &[
    ("1.3.101.113", "Ed448 (EDDSA_ED448)"),
    ("1.2.156.10197.1.301", "SM2 (SM2_P256)"),
    ("1.2.156.10197.1.501", "SM2 (SM2_P256)"),
    ("2.16.840.1.101.3.4.3.20", "SLH_DSA_SHA2_128S"),
    ("2.16.840.1.101.3.4.3.21", "SLH_DSA_SHA2_128F"),
    ("2.16.840.1.101.3.4.3.22", "SLH_DSA_SHA2_192S"),
    ("2.16.840.1.101.3.4.3.23", "SLH_DSA_SHA2_192F"),
    ("2.16.840.1.101.3.4.3.24", "SLH_DSA_SHA2_256S"),
    ("2.16.840.1.101.3.4.3.25", "SLH_DSA_SHA2_256F"),
    ("2.16.840.1.101.3.4.3.26", "SLH_DSA_SHAKE_128S"),
    ("2.16.840.1.101.3.4.3.27", "SLH_DSA_SHAKE_128F"),
    ("2.16.840.1.101.3.4.3.28", "SLH_DSA_SHAKE_192S"),
    ("2.16.840.1.101.3.4.3.29", "SLH_DSA_SHAKE_192F"),
    ("2.16.840.1.101.3.4.3.30", "SLH_DSA_SHAKE_256S"),
    ("2.16.840.1.101.3.4.3.31", "SLH_DSA_SHAKE_256F"),
];

/// The name of a signature algorithm or a curve that SPDM has and this build has not.
#[must_use]
pub fn missing_algorithm(oid: Oid<'_>) -> Option<&'static str> {
    let dotted = oid.to_string();
    MISSING.iter().find(|(known, _)| *known == dotted).map(|(_, name)| *name)
}
