//! Reference values out of a CoRIM.

use std::collections::BTreeSet;

use spdm_appraisal::{
    Authority, Comparison, Corim, Dialect, DigestAlgorithm, Element, ElementId, Environments,
    Error, Evidence, Extent, Outcome, ReferenceKey, ReferenceTrust, Verdict, alternatives,
};
use spdm_codec::{DmtfMeasurement, MeasurementForm};
use spdm_crypto::Provider;
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, ValidityCheck};

use super::subject::Subject;
use crate::report::{MeasuredValue, ReferenceStatus};

/// A CoRIM (`spdm-appraisal`), with whom its signature has to be of.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct CorimFile {
    /// Its name, for reports.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// Which forms are read.
    pub dialect: Dialect,
    /// DER certificates of roots of signers; those of devices are none of them.
    pub anchors: Vec<Vec<u8>>,
    /// DER SubjectPublicKeyInfos of signers, for files without certificates.
    pub keys: Vec<Vec<u8>>,
    /// The time to hold validities against.
    pub validity: ValidityCheck,
}

impl CorimFile {
    /// Whether a file begins like a CoRIM, and not like JSON: with the head of a CBOR tag.
    #[must_use]
    pub const fn is_corim(bytes: &[u8]) -> bool {
        matches!(bytes, [0xC0..=0xDF, ..])
    }

    /// Tells `use_it` what is in the file. It borrows the file, so that it is read and verified anew each time.
    pub(crate) fn read<T>(
        &self,
        provider: &Provider,
        use_it: impl FnOnce(&Corim<'_>) -> T,
    ) -> Result<T, Error> {
        let anchors: Vec<_> = self.anchors.iter().map(|der| Anchor::Certificate(der)).collect();
        let keys: Vec<_> =
            self.keys.iter().map(|key_info| ReferenceKey { key_info, id: None }).collect();
        let validity = self.validity;
        let trust = ReferenceTrust { provider, anchors: &anchors, keys: &keys, validity };
        let mut scratch = vec![0; self.bytes.len() + SCRATCH];
        let file = Untrusted::new(self.bytes.as_slice());
        let corim = Corim::read(file, self.dialect, &trust, &mut scratch)?;
        Ok(use_it(&corim.named(&self.name)))
    }

    /// Marks every measured value, and says in one sentence what matches, or what does not.
    pub(crate) fn compare(
        &self,
        measured: &mut [MeasuredValue],
        subject: &Subject,
        provider: &Provider,
    ) -> Result<String, String> {
        self.judge(measured, subject, provider, Extent::Whole)
    }

    /// As [`Self::compare`], for measurements that need not be all: none of them may differ.
    pub(crate) fn check(
        &self,
        measured: &mut [MeasuredValue],
        subject: &Subject,
        provider: &Provider,
    ) -> Result<(), String> {
        if measured.is_empty() {
            return Ok(());
        }
        self.judge(measured, subject, provider, Extent::Part).map(drop)
    }

    fn judge(
        &self,
        measured: &mut [MeasuredValue],
        subject: &Subject,
        provider: &Provider,
        extent: Extent,
    ) -> Result<String, String> {
        let compared =
            self.read(provider, |corim| compare(corim, measured, subject, provider, extent));
        compared.map_err(|error| format!("{}: {error}", self.name))?
    }
}

/// What more than the file is needed: the header and RootHash of a chain, and what surrounds a payload that is signed.
const SCRATCH: usize = 256;

fn compare(
    corim: &Corim<'_>,
    measured: &mut [MeasuredValue],
    subject: &Subject,
    provider: &Provider,
    extent: Extent,
) -> Result<String, String> {
    let values = measured.to_vec();
    let elements: Vec<_> = values.iter().map(|value| element(value, subject)).collect();
    let environment = subject.environment();
    let environments = Environments::Known(environment.as_slice());
    let keys = subject.keys();
    let evidence = Evidence { environments, elements: &elements, keys: &keys, extent };
    let comparison = Comparison::new(&evidence, corim.states(), provider);
    let comparison = comparison.map_err(|error| error.to_string())?;
    for (place, value) in measured.iter_mut().enumerate() {
        value.reference = match comparison.outcome(place) {
            Outcome::Match => ReferenceStatus::Match,
            Outcome::Mismatch => ReferenceStatus::Mismatch,
            Outcome::None => ReferenceStatus::None,
        };
        let expected = alternatives(&evidence, place, corim.states(), provider);
        let expected: Vec<_> = expected.map_err(|error| error.to_string())?.collect();
        // Where the element matches, what it matches; else the first that differs.
        let is_match = comparison.outcome(place) == Outcome::Match;
        let shown = expected.iter().find(|other| other.difference.is_none() == is_match);
        let shown = shown.or_else(|| expected.first());
        value.expected = shown.and_then(|other| expected_hex(&other.value.claims, value));
    }
    match comparison.verdict() {
        Verdict::Match => {
            let count = measured.iter().filter(|value| value.reference == ReferenceStatus::Match);
            let assumed = match comparison.is_environment_assumed() {
                true => "; that they are about this device is assumed, for nothing says what it is",
                false => "",
            };
            let authority = authority(corim.authority());
            Ok(format!(
                "{} measurements match the reference values{authority}{assumed}",
                count.count()
            ))
        }
        Verdict::Mismatch => Err(differences(corim, measured, &comparison)),
        Verdict::NotAbout { states } => Err(format!(
            "none of the {states} reference states of {} is about this device ({subject})",
            corim.name()
        )),
        other => Err(other.to_string()),
    }
}

fn element<'v>(value: &'v MeasuredValue, subject: &Subject) -> Element<'v> {
    let Some(value_type) = value.value_type else {
        return Element { id: ElementId::Index(value.index.into()), ..Element::EMPTY };
    };
    let form = match value.raw {
        true => MeasurementForm::RawBitStream,
        false => MeasurementForm::Digest,
    };
    let measurement = DmtfMeasurement { value_type, form, value: &value.value };
    Element::of_block(value.index, &measurement, subject.hash)
}

/// Who vouches for the values, as the end of a sentence.
fn authority(authority: Authority<'_>) -> String {
    match authority {
        Authority::Key { signer, .. } => format!(", signed by {} (a given key)", shown(signer)),
        Authority::Chain { signer, .. } => format!(", signed by {}", shown(signer)),
        _ => ", which nobody signed".to_owned(),
    }
}

fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}

/// The digest or raw value that is expected, where it is one.
fn expected_hex(claims: &spdm_appraisal::Claims<'_>, value: &MeasuredValue) -> Option<String> {
    if value.raw {
        return claims.raw.map(|raw| hex::encode(raw.value));
    }
    let mut digests = claims.digests.iter().flat_map(spdm_appraisal::Digests::iter);
    let known = digests.find(|digest| match digest.algorithm {
        DigestAlgorithm::Known(hash) => hash.digest_len() == value.value.len(),
        DigestAlgorithm::Unknown(_) => false,
    });
    known.map(|digest| hex::encode(digest.value.bytes().collect::<Vec<_>>()))
}

/// What differs and what is missing, by index.
fn differences(corim: &Corim<'_>, measured: &[MeasuredValue], comparison: &Comparison) -> String {
    let mut parts = Vec::new();
    let differing: Vec<_> = measured
        .iter()
        .filter(|value| value.reference == ReferenceStatus::Mismatch)
        .map(|value| format!("{} ({})", value.index, value.kind))
        .collect();
    if !differing.is_empty() {
        parts.push(format!("not the expected values: {}", differing.join(", ")));
    }
    if comparison.missing() > 0 {
        let here: BTreeSet<_> = measured.iter().map(|value| u64::from(value.index)).collect();
        let named = corim.states().flat_map(|state| state.values.iter().collect::<Vec<_>>());
        let missing: BTreeSet<_> = named
            .filter_map(|value| match value.id {
                ElementId::Index(index) if here.contains(&index) => None,
                ElementId::Index(index) => Some(index.to_string()),
                ElementId::Name(name) => Some(format!("\"{}\"", shown(name))),
                _ => Some("an element without an index".to_owned()),
            })
            .collect();
        let missing: Vec<_> = missing.into_iter().collect();
        parts.push(format!("missing: {}", missing.join(", ")));
    }
    match parts.as_slice() {
        [] => format!("no measurement is what {} expects", corim.name()),
        parts => format!("measurements that are {} ({})", parts.join("; "), corim.name()),
    }
}
