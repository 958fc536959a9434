//! Makes and signs SWID tags. What is written here is in canonical form, so that no second canonicalization is needed.

use std::format;
use std::string::String;
use std::vec::Vec;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, Sign as _, Signed};

use crate::testing::{certificates_for, key_for};

pub(crate) const P384: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P384);

/// What the root declares, in canonical order.
const DECLARED: &str = "xmlns=\"http://standards.iso.org/iso/19770/-2/2015/schema.xsd\" \
    xmlns:ns0=\"http://standards.iso.org/iso/19770/-2/2015/schema.xsd\" \
    xmlns:ns2=\"http://www.w3.org/2001/04/xmlenc#sha384\"";
const DS: &str = "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"";

pub(crate) const ROM: [u8; 48] = [1; 48];
pub(crate) const FIRMWARE: [u8; 48] = [2; 48];
pub(crate) const OTHER: [u8; 48] = [9; 48];

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A measurement with its attributes in canonical order.
pub(crate) fn resource(index: &str, active: &str, hashes: &[&str]) -> String {
    let named = hashes.iter().enumerate();
    let mut named: Vec<_> = named.map(|(number, hash)| (format!("Hash{number}"), hash)).collect();
    named.sort_unstable();
    let named: String =
        named.iter().map(|(name, hash)| format!(" ns2:{name}=\"{hash}\"")).collect();
    let count = hashes.len();
    format!(
        "<ns0:Resource active=\"{active}\" alternatives=\"{count}\" index=\"{index}\" name=\"M\" \
         size=\"48\" type=\"Measurement\"{named}></ns0:Resource>"
    )
}

/// The parts of a file, each of which a test can replace. The signature is made over what is there.
#[derive(Clone)]
pub(crate) struct SwidFile {
    pub(crate) root: String,
    pub(crate) meta: String,
    pub(crate) payload: String,
    /// In canonical form, with the digest to be filled in.
    pub(crate) signed_info: String,
    /// Leaf first.
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) signer: &'static str,
}

impl SwidFile {
    /// Of index 0 with one value and of index 1 with two.
    pub(crate) fn new() -> Self {
        let algorithm =
            |name: &str, value: &str| format!("<ds:{name} Algorithm=\"{value}\"></ds:{name}>");
        let canonical = "http://www.w3.org/2006/12/xml-c14n11";
        let signed_info = [
            algorithm("CanonicalizationMethod", canonical),
            algorithm("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"),
            "<ds:Reference URI=\"\"><ds:Transforms>".into(),
            algorithm("Transform", "http://www.w3.org/2000/09/xmldsig#enveloped-signature"),
            algorithm("Transform", canonical),
            "</ds:Transforms>".into(),
            algorithm("DigestMethod", "http://www.w3.org/2001/04/xmldsig-more#sha384"),
            "<ds:DigestValue>DIGEST</ds:DigestValue></ds:Reference>".into(),
        ];
        let resources = [
            resource("0", "True", &[&hex(&ROM)]),
            resource("1", "True", &[&hex(&OTHER), &hex(&FIRMWARE)]),
            resource("2", "False", &[&hex(&OTHER)]),
        ];
        let mut certificates = certificates_for(P384, 1);
        certificates.reverse();
        Self {
            root: "name=\"LS10\"".into(),
            meta: "<ns0:Meta colloquialVersion=\"96.10.55.00.01\" product=\"LS10\"></ns0:Meta>"
                .into(),
            payload: format!("<ns0:Payload>\n{}\n</ns0:Payload>", resources.concat()),
            signed_info: signed_info.concat(),
            certificates,
            signer: "Leaf",
        }
    }

    /// The file without its signature, up to the end tag of the root.
    fn head(&self) -> String {
        let Self { root, meta, payload, .. } = self;
        format!("<SoftwareIdentity {DECLARED} {root}>\n{meta}\n{payload}\n")
    }

    fn info(&self) -> String {
        let contents = format!("{}</SoftwareIdentity>", self.head());
        let digest = PROVIDER.hash.digest(HashAlgorithm::Sha384, &[contents.as_bytes()]).unwrap();
        self.signed_info.replace("DIGEST", &BASE64_STANDARD.encode(digest.as_bytes()))
    }

    pub(crate) fn signature(&self) -> String {
        let info = self.info();
        let canonical = canonical_info(&info);
        let value = sign(self.signer, canonical.as_bytes());
        let certificates = self.certificates.iter().map(|der| {
            let der = BASE64_STANDARD.encode(der);
            format!("<ds:X509Certificate>{der}</ds:X509Certificate>")
        });
        let certificates: String = certificates.collect();
        let value = BASE64_STANDARD.encode(value);
        format!(
            "<ds:Signature {DS}><ds:SignedInfo>{info}</ds:SignedInfo><ds:SignatureValue>{value}\
             </ds:SignatureValue><ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo>\
             </ds:Signature>"
        )
    }

    pub(crate) fn signed(&self) -> String {
        format!("{}{}</SoftwareIdentity>", self.head(), self.signature())
    }

    pub(crate) fn unsigned(&self) -> String {
        format!("{}</SoftwareIdentity>", self.head())
    }
}

/// SignedInfo as it is signed, with the namespaces in scope.
fn canonical_info(info: &str) -> String {
    let (default, rest) = DECLARED.split_once(" xmlns:ns0").unwrap();
    format!("<ds:SignedInfo {default} {DS} xmlns:ns0{rest}>{info}</ds:SignedInfo>")
}

fn sign(signer: &str, message: &[u8]) -> Vec<u8> {
    let digest = PROVIDER.hash.digest(HashAlgorithm::Sha384, &[message]).unwrap();
    let mut value = [0; 96];
    let signed = Signed::Prehash(&digest);
    key_for(P384, signer).sign(HashAlgorithm::Sha384, signed, &mut value).unwrap();
    value.to_vec()
}
