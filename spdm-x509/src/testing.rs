//! Mints certificates and chains: for the tests of this crate, in it and beside it, for its fuzz targets and
//! its benchmark.

use spdm_codec::{SlotId, SpdmVersion};
use spdm_crypto::rustcrypto::{PROVIDER, SoftwareKey};
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, MlDsaSet, RsaScheme, Sign as _, Signed};
use spdm_untrusted::Untrusted;
use spdm_x509::{CertModel, Chain, ChainContext, ChainError};
use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

pub(crate) const ASYM: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P256);
pub(crate) const HASH: HashAlgorithm = HashAlgorithm::Sha256;

pub(crate) const TRUE: &[u8] = &[0x01, 0x01, 0xFF];
pub(crate) const FALSE: &[u8] = &[0x01, 0x01, 0x00];
pub(crate) const ECDSA_SHA256: &[u8] =
    &[0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2];

/// Encodings of extension identifiers.
pub(crate) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 0x13];
pub(crate) const KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x0F];
pub(crate) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x25];
pub(crate) const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1D, 0x11];
pub(crate) const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 0x1E];
pub(crate) const PCI_CMA: &[u8] = &[0x67, 0x81, 0x13];

/// The DMTF identifier with this last arc.
pub(crate) const fn dmtf(last: u8) -> [u8; 10] {
    [0x2B, 6, 1, 4, 1, 0x83, 0x1C, 0x82, 0x12, last]
}

/// Tag, length and content.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(len @ 0..=0x7F) => out.push(len),
        Ok(len) => out.extend([0x81, len]),
        Err(_) => match u16::try_from(content.len()) {
            Ok(len) => out.extend([&[0x82][..], &len.to_be_bytes()].concat()),
            Err(_) => {
                let len = u32::try_from(content.len()).unwrap();
                out.extend([&[0x83][..], &len.to_be_bytes()[1..]].concat());
            }
        },
    }
    out.extend(content);
    out
}

pub(crate) fn extension(oid: &[u8], critical: &[u8], value: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&tlv(0x06, &[oid]), critical, &tlv(0x04, &[value])])
}

pub(crate) fn basic_constraints(fields: &[&[u8]]) -> Vec<u8> {
    extension(BASIC_CONSTRAINTS, TRUE, &tlv(0x30, fields))
}

pub(crate) fn key_usage(bits: u8) -> Vec<u8> {
    let unused = u8::try_from(bits.trailing_zeros()).unwrap();
    extension(KEY_USAGE, TRUE, &tlv(0x03, &[&[unused, bits]]))
}

pub(crate) fn extended_key_usage(last_arcs: &[u8]) -> Vec<u8> {
    let oids: Vec<_> = last_arcs.iter().map(|last| tlv(0x06, &[&dmtf(*last)])).collect();
    extension(EXTENDED_KEY_USAGE, &[], &tlv(0x30, &[&oids.concat()]))
}

pub(crate) fn hardware_identity() -> Vec<u8> {
    let oid = tlv(0x30, &[&tlv(0x06, &[&dmtf(2)])]);
    extension(&dmtf(6), &[], &tlv(0x30, &[&oid]))
}

/// An otherName whose value has this tag.
pub(crate) fn other_name(oid: &[u8], tag: u8, value: &str) -> Vec<u8> {
    tlv(0xA0, &[&tlv(0x06, &[oid]), &tlv(0xA0, &[&tlv(tag, &[value.as_bytes()])])])
}

pub(crate) fn subject_alt_name(names: &[Vec<u8>]) -> Vec<u8> {
    extension(SUBJECT_ALT_NAME, &[], &tlv(0x30, &[&names.concat()]))
}

/// nameConstraints that permit and exclude the names with these common names.
pub(crate) fn directory_subtrees(permitted: &[&str], excluded: &[&str]) -> Vec<u8> {
    let subtrees = |names: &[&str]| {
        let subtree = |common_name| tlv(0x30, &[&tlv(0xA4, &[&name(common_name)])]);
        names.iter().map(|common_name| subtree(common_name)).collect::<Vec<_>>().concat()
    };
    let mut parts = Vec::new();
    if !permitted.is_empty() {
        parts.push(tlv(0xA0, &[&subtrees(permitted)]));
    }
    if !excluded.is_empty() {
        parts.push(tlv(0xA1, &[&subtrees(excluded)]));
    }
    tlv(0x30, &[&parts.concat()])
}

/// A name of one common name; empty where that is.
pub(crate) fn name(common_name: &str) -> Vec<u8> {
    if common_name.is_empty() {
        return tlv(0x30, &[]);
    }
    let value = tlv(0x0C, &[common_name.as_bytes()]);
    let attribute = tlv(0x30, &[&tlv(0x06, &[&[0x55, 4, 3]]), &value]);
    tlv(0x30, &[&tlv(0x31, &[&attribute])])
}

/// The P-256 key that belongs to a name.
pub(crate) fn key(name: &str) -> SoftwareKey {
    key_for(ASYM, name)
}

/// The key for this algorithm that belongs to a name.
pub(crate) fn key_for(asym: AsymAlgorithm, name: &str) -> SoftwareKey {
    let mut seed = [0x5A; 32];
    seed.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
    SoftwareKey::from_seed(asym, seed).unwrap()
}

/// The hash and the AlgorithmIdentifier of signatures by such a key.
pub(crate) fn signature_algorithm(asym: AsymAlgorithm) -> (HashAlgorithm, Vec<u8>) {
    let ecdsa = |last| {
        let mut identifier = ECDSA_SHA256.to_vec();
        *identifier.last_mut().unwrap() = last;
        identifier
    };
    match asym {
        AsymAlgorithm::Ecdsa(EcCurve::P256) => (HashAlgorithm::Sha256, ecdsa(2)),
        AsymAlgorithm::Ecdsa(EcCurve::P384) => (HashAlgorithm::Sha384, ecdsa(3)),
        AsymAlgorithm::Ecdsa(EcCurve::P521) => (HashAlgorithm::Sha512, ecdsa(4)),
        AsymAlgorithm::Ed25519 => {
            (HashAlgorithm::Sha512, tlv(0x30, &[&tlv(6, &[&[0x2B, 0x65, 0x70]])]))
        }
        AsymAlgorithm::MlDsa(set) => {
            let last = match set {
                MlDsaSet::P44 => 17,
                MlDsaSet::P65 => 18,
                MlDsaSet::P87 => 19,
            };
            let oid = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, last];
            (HashAlgorithm::Sha512, tlv(0x30, &[&tlv(6, &[&oid])]))
        }
        AsymAlgorithm::Rsa(RsaScheme::Pss, _) => (HashAlgorithm::Sha256, rsa_pss_sha256(&[])),
        other => panic!("no certificates with {other} are minted"),
    }
}

/// The AlgorithmIdentifier of RSASSA-PSS with SHA-256 and a salt as long, and with more parameters behind these.
pub(crate) fn rsa_pss_sha256(more: &[u8]) -> Vec<u8> {
    let pkcs1 = |last| tlv(6, &[&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, last]]);
    let sha256 = tlv(0x30, &[&tlv(6, &[&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]])]);
    let mgf1 = tlv(0x30, &[&pkcs1(8), &sha256]);
    let salt = tlv(0xA2, &[&tlv(2, &[&[32]])]);
    let parameters = [&tlv(0xA0, &[&sha256])[..], &tlv(0xA1, &[&mgf1]), &salt, more].concat();
    tlv(0x30, &[&pkcs1(10), &tlv(0x30, &[&parameters])])
}

/// The encoded fields of a certificate, each of which a test can replace.
#[derive(Clone)]
pub(crate) struct Template {
    /// That of the subject's key, and of the issuer's.
    pub(crate) asym: AsymAlgorithm,
    pub(crate) version: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) inner_algorithm: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) validity: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) public_key: Vec<u8>,
    pub(crate) extensions: Vec<Vec<u8>>,
    pub(crate) outer_algorithm: Vec<u8>,
    pub(crate) behind_signature: Vec<u8>,
}

impl Template {
    fn new(issuer: &str, subject: &str, extensions: Vec<Vec<u8>>) -> Self {
        let not_before = tlv(0x17, &[b"200101000000Z"]);
        let not_after = tlv(0x18, &[b"20991231235959Z"]);
        Self {
            asym: ASYM,
            version: vec![0xA0, 0x03, 0x02, 0x01, 0x02],
            serial: vec![0x02, 0x01, 0x07],
            inner_algorithm: ECDSA_SHA256.to_vec(),
            issuer: name(issuer),
            validity: tlv(0x30, &[&not_before, &not_after]),
            subject: name(subject),
            public_key: key(subject).to_spki_der(),
            extensions,
            outer_algorithm: ECDSA_SHA256.to_vec(),
            behind_signature: Vec::new(),
        }
    }

    /// A certificate authority without pathLenConstraint.
    pub(crate) fn authority(issuer: &str, subject: &str) -> Self {
        Self::new(issuer, subject, vec![basic_constraints(&[TRUE]), key_usage(0x04)])
    }

    /// A leaf that passes every check of its profile, but with SANs of no policy.
    pub(crate) fn leaf(issuer: &str) -> Self {
        let extensions = vec![basic_constraints(&[]), key_usage(0x80), hardware_identity()];
        Self::new(issuer, "Leaf", extensions)
    }

    /// Replaces the extensions.
    pub(crate) fn with(mut self, extensions: &[Vec<u8>]) -> Self {
        self.extensions = extensions.to_vec();
        self
    }

    /// Replaces the keys.
    pub(crate) fn keyed(mut self, asym: AsymAlgorithm, subject: &str) -> Self {
        self.asym = asym;
        self.public_key = key_for(asym, subject).to_spki_der();
        self.inner_algorithm = signature_algorithm(asym).1;
        self.outer_algorithm.clone_from(&self.inner_algorithm);
        self
    }

    /// The TBSCertificate.
    pub(crate) fn tbs(&self) -> Vec<u8> {
        let extensions = match self.extensions.as_slice() {
            [] => Vec::new(),
            extensions => tlv(0xA3, &[&tlv(0x30, &[&extensions.concat()])]),
        };
        tlv(
            0x30,
            &[
                &self.version,
                &self.serial,
                &self.inner_algorithm,
                &self.issuer,
                &self.validity,
                &self.subject,
                &self.public_key,
                &extensions,
            ],
        )
    }

    /// Signs with the key that belongs to `signer`.
    pub(crate) fn signed_by(&self, signer: &str) -> Vec<u8> {
        let tbs = self.tbs();
        let signature = tlv(0x03, &[&[0], &sign(self.asym, signer, &tbs)]);
        tlv(0x30, &[&tbs, &self.outer_algorithm, &signature, &self.behind_signature])
    }
}

/// The signature of `signer` on a TBSCertificate, as certificates hold it.
pub(crate) fn sign(asym: AsymAlgorithm, signer: &str, tbs: &[u8]) -> Vec<u8> {
    let mut fixed = vec![0; asym.signature_len()];
    let signed = Signed::Message { bytes: tbs, context: &[] };
    let (hash, _) = signature_algorithm(asym);
    assert_eq!(key_for(asym, signer).sign(hash, signed, &mut fixed), Ok(fixed.len()));
    signature_value(asym, fixed)
}

/// A signature of fixed size as certificates hold it.
pub(crate) fn signature_value(asym: AsymAlgorithm, fixed: Vec<u8>) -> Vec<u8> {
    match asym {
        AsymAlgorithm::Ecdsa(curve) => {
            let (r, s) = fixed.split_at(curve.coordinate_len());
            tlv(0x30, &[&integer(r), &integer(s)])
        }
        _ => fixed,
    }
}

/// A positive INTEGER.
fn integer(magnitude: &[u8]) -> Vec<u8> {
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    let magnitude = magnitude.get(zeros..).unwrap();
    let is_negative = magnitude.first().unwrap() & 0x80 != 0;
    let sign: &[u8] = if is_negative { &[0] } else { &[] };
    tlv(0x02, &[sign, magnitude])
}

/// Root, `CA 1` and so on, and a leaf: `authorities` of them between root and leaf.
pub(crate) fn certificates(authorities: usize) -> Vec<Vec<u8>> {
    certificates_for(ASYM, authorities)
}

/// The same with keys for this algorithm.
pub(crate) fn certificates_for(asym: AsymAlgorithm, authorities: usize) -> Vec<Vec<u8>> {
    let mint = |template: Template, subject: &str, issuer: &str| {
        template.keyed(asym, subject).signed_by(issuer)
    };
    let mut out = vec![mint(Template::authority("Root", "Root"), "Root", "Root")];
    let mut issuer = String::from("Root");
    for number in 1..=authorities {
        let subject = format!("CA {number}");
        out.push(mint(Template::authority(&issuer, &subject), &subject, &issuer));
        issuer = subject;
    }
    out.push(mint(Template::leaf(&issuer), "Leaf", &issuer));
    out
}

/// The chain structure around these certificates, with the digest of `root` in it.
pub(crate) fn structure(root: &[u8], sent: &[Vec<u8>]) -> Vec<u8> {
    structure_for(HASH, root, sent)
}

/// The same with this hash.
pub(crate) fn structure_for(hash: HashAlgorithm, root: &[u8], sent: &[Vec<u8>]) -> Vec<u8> {
    let root_hash = PROVIDER.hash.digest(hash, &[root]).unwrap();
    let body = [root_hash.as_bytes(), &sent.concat()].concat();
    let length = u32::try_from(4 + body.len()).unwrap().to_le_bytes();
    [&length[..], &body].concat()
}

/// The context of minted chains.
pub(crate) const CONTEXT: ChainContext =
    ChainContext::new(SlotId::ZERO, SpdmVersion::V1_2, CertModel::DeviceCert, ASYM, HASH);

pub(crate) fn parse(bytes: &[u8]) -> Result<Chain<'_>, ChainError> {
    Chain::parse(Untrusted::new(bytes), CONTEXT, &PROVIDER)
}
