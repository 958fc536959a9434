//! SPDM evidence verified in a web page: what the page calls.
//!
//! It reads, hands over to `spdm-evidence`, and hands the reports back. Nothing is judged here.
#![forbid(unsafe_code)]

use serde::Serialize;
use spdm_codec::RequesterNonce;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{Bank, HashAlgorithm};
use spdm_evidence::{CertificateList, Evidence, ReadOptions, Report, Verifier};
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, ValidityCheck, X509Certificate};
use wasm_bindgen::prelude::wasm_bindgen;

/// What the page shows.
#[derive(Debug, Serialize)]
struct Answer {
    /// Every report is, and there is one.
    verified: bool,
    /// Why nothing could be judged.
    error: Option<String>,
    /// What was passed over in the roots.
    notes: Vec<String>,
    reports: Vec<ShownReport>,
}

/// A report (docs/schema/report.json) and its basis in words.
#[derive(Debug, Serialize)]
struct ShownReport {
    verified_by: Option<String>,
    #[serde(flatten)]
    report: Report,
}

/// What is trusted: certificates, or the digest of one.
#[derive(Debug, Default)]
struct Roots {
    certificates: Vec<Vec<u8>>,
    digest: Option<[u8; 32]>,
    notes: Vec<String>,
}

impl Roots {
    /// PEM or DER certificates, the SHA-256 of one in hexadecimal, or nothing.
    fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        if let Some(digest) = from_hex(bytes) {
            return Ok(Self { digest: Some(digest), ..Self::default() });
        }
        let list = CertificateList::read(bytes).map_err(|error| error.to_string())?;
        if !list.behind().is_empty() {
            let (bytes, last) = (list.behind().len(), list.certificates().len());
            return Err(format!("{bytes} bytes behind certificate {last} are no certificate"));
        }
        for (index, der) in list.certificates().iter().enumerate() {
            let number = index + 1;
            X509Certificate::parse(Untrusted::new(der.as_slice()))
                .map_err(|error| format!("certificate {number}: {error}"))?;
        }
        let passed_over = list.passed_over().iter();
        let notes = passed_over.map(|label| format!("trusted roots: {label} was passed over"));
        let notes = notes.collect();
        Ok(Self { certificates: list.into_certificates(), digest: None, notes })
    }

    fn anchors(&self) -> Vec<Anchor<'_>> {
        let certificates = self.certificates.iter().map(|der| Anchor::Certificate(der));
        let digests = self.digest.iter();
        let digests =
            digests.map(|digest| Anchor::RootHash { hash: HashAlgorithm::Sha256, digest });
        certificates.chain(digests).collect()
    }
}

/// Verifies the evidence in a file of any format that `spdm-evidence` reads, and returns the answer as JSON.
///
/// `name` is what the reports call it; `roots` are certificates or the SHA-256 of one, and may be empty: nothing is
/// verified then. `nonce` is the expected one in hexadecimal, or empty. `now` is in seconds since 1970.
#[wasm_bindgen]
#[must_use]
pub fn verify(name: &str, evidence: &[u8], roots: &[u8], nonce: &str, now: u64) -> String {
    let answer = judged(name, evidence, roots, nonce, now).unwrap_or_else(|error| Answer {
        verified: false,
        error: Some(error),
        notes: Vec::new(),
        reports: Vec::new(),
    });
    // What cannot be written is no answer, and the page says so.
    serde_json::to_string(&answer).unwrap_or_default()
}

fn judged(
    name: &str,
    evidence: &[u8],
    roots: &[u8],
    nonce: &str,
    now: u64,
) -> Result<Answer, String> {
    let roots = Roots::read(roots).map_err(|error| format!("trusted roots: {error}"))?;
    let anchors = roots.anchors();
    let mut verifier = Verifier::new(&PROVIDER, &anchors, ValidityCheck::At(now));
    if !nonce.trim().is_empty() {
        let nonce =
            from_hex(nonce.as_bytes()).ok_or("nonce: 64 hexadecimal digits are expected")?;
        verifier.nonce = Some(RequesterNonce(nonce));
    }
    let mut evidence = Evidence::read(evidence, &ReadOptions::default())
        .map_err(|error| format!("{name}: {error}"))?;
    // The target that the file names is not signed.
    name.clone_into(&mut evidence.target);
    let reports = verifier.verify(&mut Bank::<Running, 2>::new(), &evidence);
    let verified = !reports.is_empty() && reports.iter().all(Report::verified);
    let shown = reports
        .into_iter()
        .map(|report| ShownReport { verified_by: report.basis().map(ToString::to_string), report });
    Ok(Answer { verified, error: None, notes: roots.notes, reports: shown.collect() })
}

/// 32 bytes in hexadecimal, with colons or spaces between them or without.
fn from_hex(text: &[u8]) -> Option<[u8; 32]> {
    let is_digit = |byte: &u8| *byte != b':' && !byte.is_ascii_whitespace();
    let digits: Vec<u8> = text.iter().copied().filter(is_digit).collect();
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).ok().map(|()| bytes)
}
