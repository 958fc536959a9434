//! Evidence in the forms of other verifiers: signed measurements with their certificates.

use std::collections::HashSet;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::{Map, Value, json};
use spdm_appraisal::MessageKind;
use spdm_codec::{Code, KeySlot, SlotId, SpdmVersion};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};
use spdm_requester::{Crypto, Negotiated};
use spdm_untrusted::Untrusted;
use spdm_x509::X509Certificate;

use crate::certificate_list::CertificateList;
use crate::chain_library::FetchedChains;
use crate::error::Error;
use crate::evidence::{Evidence, Presumption};
use crate::format::Format;
use crate::note::{CountedNote, Note, NoteCounter};
use crate::recording::{ChainContent, Recording};
use crate::standard_transcript::SignedTranscript;

/// The indicator of evidence in a conceptual message wrapper.
const EVIDENCE: u8 = 4;

/// The first name of a device of NVIDIA in its leaf.
const VENDOR: &str = "NVIDIA";

/// How products of NVIDIA begin, and what its tools call their architecture.
const ARCHITECTURES: [(&str, &str); 3] = [("GH1", "HOPPER"), ("GB1", "BLACKWELL"), ("LS", "LS10")];

/// Evidence in a form.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Written {
    /// The file.
    pub bytes: Vec<u8>,
    /// What the form has no place for.
    pub notes: Vec<CountedNote>,
    /// The certificates of each connection that was written, where its form has signed measurements only and they are
    /// known.
    pub certificates: Vec<CertificateList>,
}

/// The signed measurements of a connection.
struct Measured {
    signed: SignedTranscript,
    certificates: Option<CertificateList>,
}

impl Evidence {
    /// Writes the evidence in a form, for verifiers that read it.
    ///
    /// [`Format::Json`] holds everything. Of the others `Format::StandardTranscript` and `Format::Redfish` hold the last
    /// signed measurements of one connection, `Format::NvidiaJson` and `Format::Cmw` (in JSON) those of each; what is left
    /// out is in the notes.
    ///
    /// # Errors
    /// [`Error::Unwritable`] where the form has no place for the evidence: without signed measurements, with those of
    /// several connections where it holds one, or for [`Format::Capture`]; and where the form would hide that the evidence
    /// is damaged, or is not what it says of itself.
    pub fn write(&self, format: Format, crypto: &mut Crypto<'_>) -> Result<Written, Error> {
        let only_one = Error::Unwritable("the form holds one connection, and there are several");
        self.check_writable()?;
        let bundled = self.recordings.iter().filter(|recording| recording.bundle.is_some());
        let mut notes: Vec<Note> = bundled.map(|_| Note::BundleToken).take(1).collect();
        if format == Format::Json {
            let bytes = self.with_structures(crypto)?.to_json()?.into_bytes();
            let measured = self.measured(crypto);
            let certificates = measured.ok().into_iter().flat_map(|(measured, _)| measured);
            let certificates = certificates.filter_map(|one| one.certificates).collect();
            return Ok(Written { bytes, notes: NoteCounter::count(notes), certificates });
        }
        if self.recordings.iter().any(lacks_signature) {
            return Err(Error::Unwritable(
                "the device was asked for a signature that is not in it, which this form does not show",
            ));
        }
        let (measured, left_out) = self.measured(crypto)?;
        notes.extend(left_out);
        if format != Format::Redfish {
            notes.extend(measured.iter().filter_map(|one| unnamed(&one.signed.negotiated)));
        }
        let bytes = match (format, &measured[..]) {
            (Format::StandardTranscript, [one]) => {
                if one.certificates.is_some() {
                    notes.push(Note::NoCertificates);
                }
                one.signed.bytes.clone()
            }
            (Format::Redfish, [one]) => text(&one.redfish())?,
            (Format::StandardTranscript | Format::Redfish, _) => return Err(only_one),
            (Format::NvidiaJson, all) => {
                let is_newer = |one: &&Measured| one.signed.negotiated.version >= SpdmVersion::V1_2;
                notes.extend(all.iter().filter(is_newer).map(|_| Note::NewerThanForm));
                text(&all.iter().map(Measured::nvidia).collect())?
            }
            (Format::Cmw, [one]) => text(&one.wrapper())?,
            (Format::Cmw, all) => {
                let members = all.iter().enumerate();
                let members = members.map(|(number, one)| (number.to_string(), one.wrapper()));
                text(&Value::Object(members.collect()))?
            }
            (Format::Bundle, _) => {
                return Err(Error::Unwritable("only who signs its token writes a bundle"));
            }
            (Format::Capture | Format::Json, _) => {
                return Err(Error::Unwritable("a capture is written while the device speaks"));
            }
        };
        let certificates = measured.into_iter().filter_map(|one| one.certificates).collect();
        Ok(Written { bytes, notes: NoteCounter::count(notes), certificates })
    }

    /// No form says that a connection breaks off, that an answer has no request, or which nonce the file claims: what is
    /// wrong with it would be hidden.
    fn check_writable(&self) -> Result<(), Error> {
        for recording in &self.recordings {
            if recording.notes.iter().any(Note::is_unjudged) {
                return Err(Error::Unwritable(
                    "there is an answer in it that may be signed, and its request is not on record",
                ));
            }
            if recording.broken.is_some() {
                return Err(Error::Unwritable(
                    "a connection in it breaks off, for a message is damaged",
                ));
            }
            let Some(claimed) = recording.claimed_nonce else { continue };
            let signed = recording.signed_transcript().map(|signed| signed.request.nonce);
            if signed.is_ok_and(|signed| claimed != signed) {
                return Err(Error::Unwritable(
                    "the signed nonce is not the one that the evidence names",
                ));
            }
        }
        Ok(())
    }

    /// The same with chain structures in place of lists of certificates.
    fn with_structures(&self, crypto: &mut Crypto<'_>) -> Result<Self, Error> {
        let unusable = || {
            Error::Unwritable(
                "there are certificates, and no hash algorithm to name their root with",
            )
        };
        let mut evidence = self.clone();
        let mut hash = |recording| {
            let fetched = FetchedChains::of(recording, crypto, &mut Vec::new());
            fetched.negotiated?.hash().ok()
        };
        let hashes: Vec<_> = self.recordings.iter().map(&mut hash).collect();
        let own = evidence.recordings.iter_mut().map(|recording| &mut recording.chains);
        // Those of all connections are named with the hash of the first one.
        let first = hashes.first().copied().flatten();
        let all = own.zip(hashes).chain(core::iter::once((&mut evidence.chains, first)));
        for (chains, hash) in all {
            for chain in chains {
                let ChainContent::Certificates(list) = &*chain.content else { continue };
                let hash = hash.ok_or_else(unusable)?;
                let structure = list.to_structure(&[], hash, crypto.provider);
                let structure = structure.map_err(|_| unusable())?;
                chain.content = Arc::new(ChainContent::Structure(structure));
            }
        }
        Ok(evidence)
    }

    /// The signed measurements of each connection, and what stands beside them.
    fn measured(&self, crypto: &mut Crypto<'_>) -> Result<(Vec<Measured>, Vec<Note>), Error> {
        let nothing = Error::Unwritable("there are no signed measurements");
        let (mut all, mut notes) = (Vec::new(), Vec::new());
        for recording in &self.recordings {
            let signed = match recording.signed_transcript() {
                Err(error) if error == nothing => {
                    notes.push(Note::NotMeasured);
                    continue;
                }
                signed => signed?,
            };
            notes.extend(other_signatures(recording).map(|code| Note::NotInForm { code }));
            let earlier = core::iter::repeat_n(Code::MEASUREMENTS, signed.earlier);
            notes.extend(earlier.map(|code| Note::NotInForm { code }));
            let certificates = self.certificates(recording, &signed, crypto);
            all.push(Measured { signed, certificates });
        }
        if all.is_empty() { Err(nothing) } else { Ok((all, notes)) }
    }

    /// The certificates of the slot whose key signed.
    fn certificates(
        &self,
        recording: &Recording,
        signed: &SignedTranscript,
        crypto: &mut Crypto<'_>,
    ) -> Option<CertificateList> {
        let slot = match signed.request.slot {
            Some(KeySlot::PublicKey) => return None,
            Some(KeySlot::Slot(slot)) => slot,
            None => SlotId::ZERO,
        };
        let fetched = recording.fetched(crypto);
        let chains = self.chains.iter().chain(&recording.chains).chain(&fetched);
        let chain = chains.rev().find(|chain| chain.slot == slot)?;
        match &*chain.content {
            ChainContent::Certificates(list) => Some(list.clone()),
            ChainContent::Structure(structure) => {
                CertificateList::from_structure(structure, signed.negotiated.hash().ok()?)
            }
        }
    }
}

/// The algorithms of measurements of 1.0 and 1.1, where they are not those that a reader presumes.
fn unnamed(negotiated: &Negotiated) -> Option<Note> {
    let (asym, hash) = (negotiated.asym().ok()?, negotiated.hash().ok()?);
    let is_presumed = (asym, hash) == (Presumption::ASYM, Presumption::HASH);
    let is_named = negotiated.version >= SpdmVersion::V1_2;
    (!is_presumed && !is_named)
        .then(|| Note::UnnamedAlgorithms { asym: asym.name(), hash: hash.name() })
}

/// Whether a signature was asked for, and no answer to that request brings one: what is missing could be what fails. The same
/// request may come again, as to a device that was Busy.
fn lacks_signature(recording: &Recording) -> bool {
    let asks = |request: &[u8]| match request {
        [_, code, param1, ..] => match Code(*code) {
            Code::CHALLENGE | Code::KEY_EXCHANGE => true,
            Code::GET_MEASUREMENTS => param1 & 1 != 0,
            _ => false,
        },
        _ => false,
    };
    let brings = |answer: &[u8]| answer.get(1).is_some_and(|code| Code(*code) != Code::ERROR);
    let exchanges = || recording.exchanges.iter();
    let answered: HashSet<&[u8]> = exchanges()
        .filter(|exchange| exchange.response.as_deref().is_some_and(brings))
        .map(|exchange| exchange.request.as_slice())
        .collect();
    exchanges()
        .map(|exchange| exchange.request.as_slice())
        .any(|request| asks(request) && !answered.contains(request))
}

/// The signed answers of a connection that are no measurements.
fn other_signatures(recording: &Recording) -> impl Iterator<Item = Code> {
    const SIGNED: [Code; 3] = [Code::CHALLENGE_AUTH, Code::KEY_EXCHANGE_RSP, Code::ENDPOINT_INFO];
    let answers = recording.exchanges.iter().filter_map(|exchange| exchange.response.as_ref());
    let codes = answers.filter_map(|answer| answer.get(1).copied().map(Code));
    codes.filter(|code| SIGNED.contains(code))
}

impl Measured {
    fn pem(&self) -> Option<String> {
        self.certificates.as_ref().map(CertificateList::to_pem)
    }

    /// The answer of a Redfish service, with its certificate expanded.
    fn redfish(&self) -> Value {
        let negotiated = &self.signed.negotiated;
        let mut answer = Map::new();
        let mut add = |name: &str, value: Value| answer.insert(name.to_owned(), value);
        add("SignedMeasurements", json!(BASE64_STANDARD.encode(&self.signed.bytes)));
        if let Ok(hash) = negotiated.hash() {
            add("HashingAlgorithm", json!(hash_name(hash)));
        }
        if let Ok(asym) = negotiated.asym() {
            add("SigningAlgorithm", json!(asym_name(asym)));
        }
        add("Version", json!(format!("{}.0", negotiated.version)));
        if let Some(pem) = self.pem() {
            let certificate = json!({"CertificateString": pem, "CertificateType": "PEMchain"});
            add("Certificate", certificate);
        }
        Value::Object(answer)
    }

    /// A device in a list of NVIDIA's tools.
    fn nvidia(&self) -> Value {
        let mut device = Map::new();
        let mut add = |name: &str, value: String| device.insert(name.to_owned(), value.into());
        if let Some(arch) = self.architecture() {
            add("arch", arch.to_owned());
        }
        add("evidence", BASE64_STANDARD.encode(&self.signed.bytes));
        if let Some(pem) = self.pem() {
            add("certificate", BASE64_STANDARD.encode(pem));
        }
        add("nonce", hex::encode(self.signed.request.nonce.0));
        Value::Object(device)
    }

    /// What NVIDIA's tools call the architecture of the device that the leaf names.
    fn architecture(&self) -> Option<&'static str> {
        let leaf = self.certificates.as_ref()?.leaf()?;
        let leaf = X509Certificate::parse(Untrusted::new(leaf)).ok()?;
        let mut names = leaf.dmtf_name()?.as_str()?.split(':');
        let product = names.next().filter(|vendor| *vendor == VENDOR).and_then(|_| names.next())?;
        let mut known = ARCHITECTURES.iter();
        known.find(|(begin, _)| product.starts_with(begin)).map(|(_, arch)| *arch)
    }

    /// A collection of the transcript and the certificates.
    fn wrapper(&self) -> Value {
        let mut members = Map::new();
        let mut add = |label: &str, kind: MessageKind, value: &[u8], rest: Option<u8>| {
            let value = BASE64_URL_SAFE_NO_PAD.encode(value);
            let mut record = vec![json!(kind.media_type()), json!(value)];
            record.extend(rest.map(|bits| json!(bits)));
            members.insert(label.to_owned(), Value::Array(record));
        };
        add("transcript", MessageKind::Transcript, &self.signed.bytes, Some(EVIDENCE));
        if let Some(pem) = self.pem() {
            add("certificates", MessageKind::Certificates, pem.as_bytes(), None);
        }
        Value::Object(members)
    }
}

fn text(value: &Value) -> Result<Vec<u8>, Error> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Error::Json(e.to_string()))?;
    Ok(text.into_bytes())
}

/// The name of DSP0274, as Redfish services write it.
fn hash_name(hash: HashAlgorithm) -> String {
    format!("TPM_ALG_{}", hash.name())
}

fn asym_name(asym: AsymAlgorithm) -> String {
    let name = asym.name();
    match asym {
        AsymAlgorithm::Ecdsa(_) => name.replace("ECDSA_", "TPM_ALG_ECDSA_ECC_NIST_"),
        AsymAlgorithm::Rsa(..) => format!("TPM_ALG_{name}"),
        _ => name.to_owned(),
    }
}
