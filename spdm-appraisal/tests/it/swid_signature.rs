//! Who signed a SWID tag, and how.

use std::vec;
use std::vec::Vec;

use spdm_appraisal::{Authority, Error, ReferenceTrust, Rule};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, Provider};
use spdm_x509::{Anchor, Rule as ChainRule};

use crate::setting::trust;
use crate::swid::{read, read_with, refusal};
use crate::swid_file::{P384, SwidFile};
use crate::testing::{Template, basic_constraints, certificates_for, key_usage, tlv};

const FORM: Rule = Rule::XmlSignatureForm;

fn chain_rule(file: &SwidFile) -> ChainRule {
    match read(&file.signed()) {
        Err(Error::Signer(error)) => error.rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_leaf_vouches() {
    let file = SwidFile::new();
    let swid = read(&file.signed()).unwrap();
    let certificate = file.certificates[0].as_slice();
    assert_eq!(
        swid.authority(),
        Authority::Chain { signer: "CN=Leaf", certificate, anchor: Some(0) }
    );
}

#[test]
fn one_signature_and_it_is_the_last_element() {
    let file = SwidFile::new();
    assert_eq!(refusal(&file.unsigned()), (Rule::XmlUnsigned, "Signature"));
    let (signature, signed) = (file.signature(), file.signed());
    let twice =
        signed.replace("</SoftwareIdentity>", &[&signature, "</SoftwareIdentity>"].concat());
    assert_eq!(refusal(&twice), (FORM, "Signature"));
    // Of another name space it is one to somebody else.
    let other = signed.replace("<ns0:Meta", "<ns0:Signature></ns0:Signature><ns0:Meta");
    assert_eq!(refusal(&other), (FORM, "Signature"));
    let spaced = signed.replace("</SoftwareIdentity>", "\n</SoftwareIdentity>");
    assert_eq!(refusal(&spaced), (Rule::XmlDigest, "DigestValue"));
}

#[test]
fn na13_moved_signature() {
    let file = SwidFile::new();
    let (signature, unsigned) = (file.signature(), file.unsigned());
    let before = unsigned.replace("<ns0:Meta", &[&signature, "<ns0:Meta"].concat());
    assert_eq!(refusal(&before), (FORM, "Signature"));
    let inside = unsigned.replace("</ns0:Payload>", &[&signature, "</ns0:Payload>"].concat());
    assert_eq!(refusal(&inside), (FORM, "Signature"));
    // Around the signed document, another.
    let (start, rest) = unsigned.split_once('>').unwrap();
    let around = [start, ">", &file.signed(), rest].concat();
    assert_eq!(refusal(&around), (FORM, "Signature"));
    let around = [start, ">", &unsigned, &rest.replace("</Soft", &[&signature, "</Soft"].concat())];
    assert_eq!(refusal(&around.concat()), (Rule::XmlDigest, "DigestValue"));
}

#[test]
fn another_form_of_signature() {
    let file = SwidFile::new();
    for (from, to, field) in [
        ("xml-c14n11\"></ds:C", "xml-exc-c14n#\"></ds:C", "CanonicalizationMethod"),
        ("ecdsa-sha384", "ecdsa-sha256", "SignatureMethod"),
        ("#enveloped-signature", "#base64", "Transform"),
        ("xml-c14n11\"></ds:Transform>", "xml-c14n\"></ds:Transform>", "Transform"),
        ("more#sha384", "more#sha224", "DigestMethod"),
        ("URI=\"\"", "URI=\"#a\"", "Reference"),
        ("URI=\"\"", "Type=\"\" URI=\"\"", "Reference"),
        ("ds:Reference URI=\"\"", "ds:Reference", "Reference"),
        ("<ds:Transforms>", "<ds:Transforms A=\"\">", "Transforms"),
        ("<ds:DigestValue>", "<ds:DigestValue A=\"\">", "DigestValue"),
        ("DIGEST", "DIGEST=", "DigestValue"),
        ("DIGEST", "<ds:a></ds:a>DIGEST", "DigestValue"),
        ("ds:Transforms>", "ns0:Transforms>", "Transforms"),
        ("</ds:Transforms>", "text</ds:Transforms>", "Signature"),
        ("</ds:Transforms>", "<ds:Transform></ds:Transform></ds:Transforms>", "Signature"),
        ("<ds:Transforms>", "<ds:a></ds:a><ds:Transforms>", "Transforms"),
        ("></ds:DigestMethod>", "><ds:a></ds:a></ds:DigestMethod>", "Signature"),
    ] {
        let signed_info = file.signed_info.replace(from, to);
        assert_ne!(signed_info, file.signed_info, "{from}");
        let signed = SwidFile { signed_info, ..file.clone() }.signed();
        assert_eq!(refusal(&signed), (FORM, field), "{to}");
    }
    let signed = file.signed();
    for (from, to, field) in [
        ("<ds:SignedInfo>", "<ds:SignedInfo A=\"\">", "SignedInfo"),
        ("<ds:KeyInfo>", "<ds:KeyInfo A=\"\">", "KeyInfo"),
        ("<ds:X509Data>", "<ds:X509Data A=\"\">", "X509Data"),
        ("<ds:X509Data>", "<ds:X509Data>text", "X509Data"),
        ("<ds:X509Data>", "<ds:X509Data><ds:X509CRL></ds:X509CRL>", "X509Data"),
        ("<ds:KeyInfo>", "<ds:KeyInfo><ds:KeyName></ds:KeyName>", "X509Data"),
        ("<ds:X509Certificate>", "<ds:X509Certificate>!", "X509Certificate"),
        ("<ds:SignatureValue>", "<ds:SignatureValue>!", "SignatureValue"),
        ("<ds:Signature xmlns", "<ds:Signature A=\"\" xmlns", "Signature"),
    ] {
        assert_eq!(refusal(&signed.replacen(from, to, 1)), (FORM, field), "{to}");
    }
    let certificate = signed
        .replace("<ds:X509Certificate>", "<ns0:X509Certificate>")
        .replace("</ds:X509Certificate>", "</ns0:X509Certificate>");
    assert_eq!(refusal(&certificate), (FORM, "X509Data"));
    let other =
        signed.replace("2000/09/xmldsig#\"><ds:SignedInfo", "2000/10/xmldsig#\"><ds:SignedInfo");
    assert_eq!(refusal(&other), (FORM, "Signature"));
}

#[test]
fn what_was_changed_afterwards() {
    let file = SwidFile::new();
    let signed = file.signed();
    assert_eq!(refusal(&signed.replace("LS10", "LS11")), (Rule::XmlDigest, "DigestValue"));
    let (info, digest) = (Rule::XmlSignature, Rule::XmlDigest);
    let other = SwidFile { root: "name=\"LS11\"".into(), ..file.clone() };
    // The digest of another document in SignedInfo, and a signature of it over this one.
    let moved = signed.replace(
        &signed
            [signed.find("<ds:SignedInfo>").unwrap()..signed.find("<ds:SignatureValue>").unwrap()],
        &other.signed()[other.signed().find("<ds:SignedInfo>").unwrap()
            ..other.signed().find("<ds:SignatureValue>").unwrap()],
    );
    assert_eq!(refusal(&moved).0, info);
    let grafted = [&file.unsigned().replace("</SoftwareIdentity>", ""), &other.signature()[..]];
    assert_eq!(refusal(&[&grafted.concat(), "</SoftwareIdentity>"].concat()).0, digest);
    let spaced = signed.replace("<ds:SignedInfo>", "<ds:SignedInfo> ");
    assert_eq!(refusal(&spaced).0, info);
    // A prefix that SignedInfo does not use is in its canonical form all the same.
    let declared = signed.replace("<ds:Signature xmlns", "<ds:Signature xmlns:a=\"urn:a\" xmlns");
    assert_eq!(refusal(&declared).0, info);
    let short = {
        let (start, rest) = signed.split_once("<ds:SignatureValue>").unwrap();
        let (_, end) = rest.split_once("</ds:SignatureValue>").unwrap();
        let zeros = |len: usize| {
            use base64::Engine as _;
            base64::prelude::BASE64_STANDARD.encode(vec![0; len])
        };
        [95, 96, 97].map(|len| {
            [start, "<ds:SignatureValue>", &zeros(len), "</ds:SignatureValue>", end].concat()
        })
    };
    assert!(short.iter().all(|file| refusal(file).0 == info));
}

#[test]
fn signers_that_nobody_trusts() {
    let file = SwidFile::new();
    let nobody = read_with(&file.signed(), &trust(&[], &[]));
    assert!(matches!(nobody, Err(Error::Signer(_))), "{nobody:?}");
    let other_root = Template::authority("Other", "Other").keyed(P384, "Other").signed_by("Other");
    let other = trust(&[], &[]).provider;
    let anchors = [Anchor::Certificate(&other_root)];
    let under_other =
        read_with(&file.signed(), &ReferenceTrust { provider: other, ..trust(&anchors, &[]) });
    assert!(matches!(under_other, Err(Error::Signer(_))), "{under_other:?}");
    assert_eq!(
        refusal(&SwidFile { signer: "Other", ..file.clone() }.signed()).0,
        Rule::XmlSignature
    );
    let without = SwidFile { certificates: Vec::new(), ..file.clone() };
    assert_eq!(refusal(&without.signed()), (Rule::X509Data, "X509Data"));
    let leaf = file.certificates[0].clone();
    let many = SwidFile { certificates: vec![leaf; 17], ..file.clone() };
    assert_eq!(refusal(&many.signed()), (Rule::X509Data, "X509Data"));
    // Nobody is wrong where the algorithm is not there.
    let provider = Provider { verifiers: &[], ..PROVIDER };
    let none = ReferenceTrust { provider: &provider, ..trust(&anchors, &[]) };
    let Err(Error::Read(lacking)) = read_with(&file.signed(), &none) else { panic!("it is read") };
    assert_eq!((lacking.rule, lacking.field), (Rule::AlgBackend, "SignatureMethod"));
    let p256 = SwidFile {
        certificates: certificates_for(AsymAlgorithm::Ecdsa(EcCurve::P256), 0)
            .into_iter()
            .rev()
            .collect(),
        ..file.clone()
    };
    assert_eq!(refusal(&p256.signed()), (Rule::XmlKey, "X509Certificate"));
    let root_first =
        SwidFile { certificates: file.certificates.iter().rev().cloned().collect(), ..file };
    assert!(matches!(read(&root_first.signed()), Err(Error::Signer(_))));
}

#[test]
fn na4_signer_without_digital_signature_or_expired() {
    let with = |change: &dyn Fn(Template) -> Template| {
        let leaf = change(Template::leaf("CA 1").keyed(P384, "Leaf"));
        let mut file = SwidFile::new();
        file.certificates[0] = leaf.signed_by("CA 1");
        file
    };
    assert!(read(&with(&|leaf| leaf).signed()).is_ok());
    let encipherment = [basic_constraints(&[]), key_usage(0x20)];
    assert_eq!(chain_rule(&with(&|leaf| leaf.with(&encipherment))), ChainRule::DigitalSignature);
    let past = tlv(0x30, &[&tlv(0x17, &[b"200101000000Z"]), &tlv(0x17, &[b"210101000000Z"])]);
    let expired = with(&|leaf| Template { validity: past.clone(), ..leaf });
    assert_eq!(chain_rule(&expired), ChainRule::Expired);
    // As the vendor writes dates, and nothing else is tolerated that strict rules refuse.
    let usual = tlv(0x30, &[&tlv(0x18, &[b"20200101000000Z"]), &tlv(0x18, &[b"20300101000000Z"])]);
    assert!(read(&with(&|leaf| Template { validity: usual.clone(), ..leaf }).signed()).is_ok());
}
