//! What x509-cert and rustls-webpki make of the same chains. Where they differ from this crate is written
//! down with the reason; a difference that appears fails the test, and one that disappears, too.

use std::collections::BTreeSet;
use std::format;

use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, UnixTime,
};
use spdm_crypto::Signed;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_untrusted::Untrusted;
use spdm_x509::X509Certificate;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::der::{Decode as _, Encode as _};

use crate::good::{NOW, certificates, certificates_without_name_constraints};
use crate::mutants::{mutants, validate};
use crate::testing::{ASYM, HASH, dmtf};

/// P-256 with SHA-256, verified by the backend that this crate uses, too.
#[derive(Debug)]
struct P256Sha256;

impl SignatureVerificationAlgorithm for P256Sha256 {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let signature =
            p256::ecdsa::Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        let signed = Signed::Message { bytes: message, context: &[] };
        PROVIDER
            .verify(ASYM, HASH, public_key, signed, &signature.to_bytes())
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        rustls_pki_types::alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        rustls_pki_types::alg_id::ECDSA_SHA256
    }
}

/// id-DMTF-eku-responder-auth.
const RESPONDER_AUTH: [u8; 10] = dmtf(3);

/// The verdict of rustls-webpki: `None` for trusted.
fn webpki(certificates: &[Vec<u8>; 3]) -> Option<String> {
    let [root, authority, leaf] =
        certificates.each_ref().map(|der| CertificateDer::from(der.as_slice()));
    let verdict = anchor_from_trusted_cert(&root).and_then(|anchor| {
        let leaf = EndEntityCert::try_from(&leaf)?;
        leaf.verify_for_usage(
            &[&P256Sha256],
            &[anchor],
            &[authority],
            UnixTime::since_unix_epoch(core::time::Duration::from_secs(NOW)),
            KeyUsage::required_if_present(&RESPONDER_AUTH),
            None,
            None,
        )
        .map(drop)
    });
    verdict.err().map(|error| variant(&format!("{error:?}")))
}

/// The name of an enum's value, without what is in it.
fn variant(debug: &str) -> String {
    debug.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
}

#[test]
fn the_good_chain_is_good_for_all() {
    let good = certificates();
    assert_eq!(webpki(&certificates_without_name_constraints()), None);
    assert!(good.iter().all(|der| x509_cert::Certificate::from_der(der).is_ok()));
}

/// What rustls-webpki trusts and this crate does not, by the rule that is broken.
const STRICTER_THAN_WEBPKI: &[(&str, &str)] = &[
    ("Der", "it does not look into extensions that it does not need, such as keyUsage"),
    ("DuplicateExtension", "it tells only those apart that it knows"),
    ("EmptyName", "DSP0274 wants a subject in the leaf"),
    ("ExtendedKeyUsageSyntax", "it stops at the first purpose that fits"),
    ("ExtensionSyntax", "it takes an empty list"),
    ("InvalidKey", "it does not use the leaf's key"),
    ("KeyAlgorithm", "it knows no negotiated algorithm"),
    ("KeyUsageMissing", "DSP0274 wants one in the leaf"),
    ("KeyUsageSyntax", "it does not read keyUsage"),
    ("NameSyntax", "it does not read the leaf's subject"),
    ("PublicKeySyntax", "it does not use the leaf's key"),
    ("SanAmbiguous", "it knows no policy for names"),
    ("SanDmtfSyntax", "it knows no policy for names"),
    ("SanMismatch", "it knows no policy for names"),
    ("SanMissing", "it knows no policy for names"),
    ("SanNameMissing", "it knows no policy for names"),
    ("SanSyntax", "it reads subjectAltName only for names of its own"),
    ("SanType", "it knows no policy for names"),
    ("SpdmExtensionSyntax", "it does not know the extension"),
    ("UntrimmedKeyUsage", "it does not read keyUsage"),
];

/// What rustls-webpki refuses and this crate trusts, by its error.
const MORE_LENIENT_THAN_WEBPKI: &[(&str, &str)] = &[];

#[test]
fn webpki_differs_where_it_is_known_to() {
    let (mut stricter, mut more_lenient) = (BTreeSet::new(), BTreeSet::new());
    for mutant in mutants(&certificates_without_name_constraints()) {
        match (validate(&mutant.certificates), webpki(&mutant.certificates)) {
            (Err(error), None) => _ = stricter.insert(format!("{:?}", error.rule)),
            (Ok(()), Some(error)) => _ = more_lenient.insert(error),
            _ => {}
        }
    }
    assert_eq!(stricter, names(STRICTER_THAN_WEBPKI));
    assert_eq!(more_lenient, names(MORE_LENIENT_THAN_WEBPKI));
}

fn names(listed: &[(&str, &str)]) -> BTreeSet<String> {
    listed.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// What x509-cert reads and this crate does not, by the rule that is broken.
const STRICTER_THAN_X509_CERT: &[(&str, &str)] = &[
    ("BasicConstraintsSyntax", "it reads extensions on demand"),
    ("CertificateSyntax", "it takes a signature that does not consist of whole bytes"),
    ("Der", "it does not look into values that it keeps as they are"),
    ("DuplicateExtension", "it does not compare extensions"),
    ("ExtendedKeyUsageSyntax", "it reads extensions on demand"),
    ("ExtensionSyntax", "it takes an empty list"),
    ("KeyUsageSyntax", "it reads extensions on demand"),
    ("NameConstraintsSyntax", "it reads extensions on demand"),
    ("NameSyntax", "it takes a set without attributes"),
    ("PublicKeySyntax", "it does not look into the parameters of a key"),
    ("SanSyntax", "it reads extensions on demand"),
    ("SignatureAlgorithmMismatch", "it does not compare the two"),
    ("SpdmExtensionSyntax", "it does not know the extension"),
    ("ValidityOrder", "it does not compare the two"),
    ("Version", "it reads version 1, too"),
];

/// What x509-cert does not read and this crate does, by the mutant.
const MORE_LENIENT_THAN_X509_CERT: &[(&str, &str)] = &[];

#[test]
fn x509_cert_differs_where_it_is_known_to() {
    let (mut stricter, mut more_lenient) = (BTreeSet::new(), BTreeSet::new());
    for mutant in mutants(&certificates()) {
        let der = &mutant.certificates[mutant.index];
        let ours = X509Certificate::parse(Untrusted::new(der.as_slice()));
        match (ours, x509_cert::Certificate::from_der(der)) {
            (Err(error), Ok(_)) => _ = stricter.insert(format!("{:?}", error.rule)),
            (Ok(_), Err(_)) => _ = more_lenient.insert(mutant.name),
            (Ok(ours), Ok(theirs)) => assert_same(&mutant.name, &ours, &theirs),
            (Err(_), Err(_)) => {}
        }
    }
    assert_eq!(stricter, names(STRICTER_THAN_X509_CERT));
    assert_eq!(more_lenient, names(MORE_LENIENT_THAN_X509_CERT));
}

/// Every field is read as x509-cert reads it.
fn assert_same(name: &str, ours: &X509Certificate<'_>, theirs: &x509_cert::Certificate) {
    let tbs = theirs.tbs_certificate();
    assert_eq!(ours.der(), theirs.to_der().unwrap(), "{name}");
    assert_eq!(ours.serial(), tbs.serial_number().as_bytes(), "{name}");
    assert_eq!(ours.issuer().der(), tbs.issuer().to_der().unwrap(), "{name}");
    assert_eq!(ours.subject().der(), tbs.subject().to_der().unwrap(), "{name}");
    let key = tbs.subject_public_key_info();
    assert_eq!(ours.key_info(), key.to_der().unwrap(), "{name}");
    let validity = tbs.validity();
    let dates = [validity.not_before, validity.not_after].map(|t| t.to_unix_duration().as_secs());
    assert_eq!([ours.not_before().unix(), ours.not_after().unix()], dates, "{name}");
    let oid = theirs.signature_algorithm().oid;
    assert_eq!(ours.signature_oid().as_bytes(), oid.as_bytes(), "{name}");
    let constraints = tbs.get_extension::<x509_cert::ext::pkix::BasicConstraints>().unwrap();
    let constraints = constraints.map(|(_, constraints)| constraints.ca);
    assert_eq!(ours.basic_constraints().map(|ours| ours.is_ca), constraints, "{name}");
    let usage = tbs.get_extension::<x509_cert::ext::pkix::KeyUsage>().unwrap();
    let usage = usage.map(|(_, usage)| (usage.digital_signature(), usage.key_cert_sign()));
    let read = ours.key_usage().map(|usage| (usage.digital_signature(), usage.key_cert_sign()));
    assert_eq!(read, usage, "{name}");
}
