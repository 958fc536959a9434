//! The chains that the device makes.

use der::asn1::UintRef;
use der::{Decode, Encode, Sequence};
use spdm_codec::{
    BaseAsymAlgo, CapabilityFlags, CertChain, Certificate as CertificateMessage, CertificateForm,
    CertificateRequest, GetCertificate, Message, PciIdentity, SlotId, SpdmVersion,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, RsaBits, RsaScheme, Signed};
use spdm_emulator::{Device, DeviceConfig, DeviceModel};
use spdm_untrusted::Untrusted;
use x509_cert::Certificate;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName};

use crate::attestation::{P384, SHA384, seeded};
use crate::requester::{Requester, encode, raw_key};

/// The certificates of slot 0 as GET_CERTIFICATE delivers them.
fn fetch(config: DeviceConfig, version: SpdmVersion, asym: AsymAlgorithm) -> Vec<Certificate> {
    let device = Device::new(config).unwrap();
    let anchor = device.trust_anchor_der(asym).unwrap();
    let mut requester = Requester::connect(device, version, asym, SHA384);
    let bytes = requester.chain(1000);
    let chain = CertChain::decode(Untrusted::new(&bytes), version, 48).unwrap();
    assert_eq!(chain.root_hash, requester.digest(&[&anchor]));
    let mut rest = chain.certificates;
    let mut certificates = Vec::new();
    while !rest.is_empty() {
        let (certificate, behind) = Certificate::from_der_partial(rest).unwrap();
        certificates.push(certificate);
        rest = behind;
    }
    assert_eq!(certificates[0].to_der().unwrap(), anchor);
    certificates
}

#[derive(Sequence)]
struct EcdsaSigValue<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

/// Verifies the signature of a certificate under its issuer's key.
fn assert_issued(asym: AsymAlgorithm, issuer: &Certificate, certificate: &Certificate) {
    let key = issuer.tbs_certificate().subject_public_key_info().to_der().unwrap();
    let tbs = certificate.tbs_certificate().to_der().unwrap();
    let raw = certificate.signature().raw_bytes();
    let (asym, hash, signature) = match asym {
        AsymAlgorithm::Ecdsa(curve) => {
            let len = curve.coordinate_len();
            let value = EcdsaSigValue::from_der(raw).unwrap();
            let mut signature = Vec::new();
            for part in [value.r.as_bytes(), value.s.as_bytes()] {
                signature.extend(vec![0; len - part.len()]);
                signature.extend(part);
            }
            let hash = match curve {
                EcCurve::P256 => HashAlgorithm::Sha256,
                EcCurve::P384 => HashAlgorithm::Sha384,
                EcCurve::P521 => HashAlgorithm::Sha512,
            };
            (asym, hash, signature)
        }
        AsymAlgorithm::Rsa(_, bits) => {
            (AsymAlgorithm::Rsa(RsaScheme::Pkcs1, bits), HashAlgorithm::Sha256, raw.to_vec())
        }
        _ => (asym, HashAlgorithm::Sha512, raw.to_vec()),
    };
    let signed = Signed::Message { bytes: &tbs, context: &[] };
    let verified = PROVIDER.verify(asym, hash, &raw_key(&key), signed, &signature);
    assert_eq!(verified, Ok(()), "{asym}");
    let (subject, name) =
        (issuer.tbs_certificate().subject(), certificate.tbs_certificate().issuer());
    assert_eq!(subject, name);
}

#[test]
fn every_certificate_is_issued_by_the_one_before() {
    for asym in [
        AsymAlgorithm::Ecdsa(EcCurve::P256),
        P384,
        AsymAlgorithm::Ecdsa(EcCurve::P521),
        AsymAlgorithm::Ed25519,
        AsymAlgorithm::Rsa(RsaScheme::Pss, RsaBits::B2048),
    ] {
        for (model, len) in [(DeviceModel::DeviceCert, 3), (DeviceModel::AliasCert, 4)] {
            let config = DeviceConfig { base_asym: asym.base_asym().unwrap(), model, ..seeded() };
            let certificates = fetch(config, SpdmVersion::V1_2, asym);
            assert_eq!(certificates.len(), len);
            assert_issued(asym, &certificates[0], &certificates[0]);
            for pair in certificates.windows(2) {
                assert_issued(asym, &pair[0], &pair[1]);
            }
        }
    }
}

/// The last arcs of the DMTF identifiers in the SPDM extension.
fn spdm_extension(certificate: &Certificate) -> Vec<u8> {
    let mut extensions = certificate.tbs_certificate().extensions().unwrap().iter();
    let extension = extensions.find(|e| e.extn_id.to_string() == "1.3.6.1.4.1.412.274.6");
    let Some(extension) = extension else { return Vec::new() };
    let value: Vec<Vec<der::asn1::ObjectIdentifier>> =
        Decode::from_der(extension.extn_value.as_bytes()).unwrap();
    value.iter().map(|oids| *oids[0].as_bytes().last().unwrap()).collect()
}

#[test]
fn leaf_and_authorities_have_their_profiles() {
    for (model, identities) in [
        (DeviceModel::DeviceCert, vec![vec![], vec![], vec![2]]),
        (DeviceModel::AliasCert, vec![vec![], vec![], vec![2], vec![5]]),
    ] {
        let certificates = fetch(DeviceConfig { model, ..seeded() }, SpdmVersion::V1_3, P384);
        let found: Vec<_> = certificates.iter().map(spdm_extension).collect();
        assert_eq!(found, identities);
        let (leaf, authorities) = certificates.split_last().unwrap();
        for authority in authorities {
            let tbs = authority.tbs_certificate();
            let (critical, constraints) = tbs.get_extension::<BasicConstraints>().unwrap().unwrap();
            assert!(critical && constraints.ca);
            let (critical, usage) = tbs.get_extension::<KeyUsage>().unwrap().unwrap();
            assert!(critical && usage.key_cert_sign());
        }
        let tbs = leaf.tbs_certificate();
        let (critical, constraints) = tbs.get_extension::<BasicConstraints>().unwrap().unwrap();
        assert!(critical && !constraints.ca);
        let (critical, usage) = tbs.get_extension::<KeyUsage>().unwrap().unwrap();
        assert!(critical && usage.digital_signature() && !usage.key_cert_sign());
        let (_, purposes) = tbs.get_extension::<ExtendedKeyUsage>().unwrap().unwrap();
        assert_eq!(purposes.0[0].to_string(), "1.3.6.1.4.1.412.274.3");
        assert_eq!(tbs.validity().not_before.to_string(), "2020-01-01T00:00:00Z");
        assert_eq!(tbs.validity().not_after.to_string(), "9999-12-31T23:59:59Z");
    }
}

#[test]
fn the_leaf_carries_the_configured_names() {
    let identity: PciIdentity = "1b36:0010:010802:02:1af4:1100".parse().unwrap();
    let config = DeviceConfig { pci_identity: Some(identity), ..seeded() };
    let names = |config| {
        let leaf = fetch(config, SpdmVersion::V1_1, P384).pop().unwrap();
        let Some((_, SubjectAltName(names))) = leaf.tbs_certificate().get_extension().unwrap()
        else {
            return Vec::new();
        };
        let name = |name: &GeneralName| match name {
            GeneralName::OtherName(other) => {
                let text = core::str::from_utf8(other.value.value()).unwrap();
                format!("{} {text}", other.type_id)
            }
            _ => String::new(),
        };
        names.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(
        names(config.clone()),
        ["1.3.6.1.4.1.412.274.1 ACME:WIDGET:0123456789".to_owned(), format!("2.23.147 {identity}"),],
    );
    assert_eq!(names(DeviceConfig { dmtf_name: None, ..seeded() }), Vec::<String>::new());
}

#[test]
fn the_large_form_holds_the_same_chain() {
    let version = SpdmVersion::V1_4;
    let device = Device::new(seeded()).unwrap();
    let mut requester = Requester::connect(device, version, P384, SHA384);
    let chain = requester.chain(0xFFFF);
    let form = CertificateForm::Large;
    let (slot, request) = (SlotId::ZERO, CertificateRequest::Portion);
    let request = GetCertificate { slot, request, form, offset: 5, length: 1000 };
    let response = requester.exchange(&encode(&request, version));
    let message = CertificateMessage::decode(Untrusted::new(&response), &requester.cx());
    let message = message.unwrap().message;
    assert_eq!((message.form, message.portion), (form, &chain[5..1005]));
    assert_eq!(usize::try_from(message.remainder), Ok(chain.len() - 1005));

    let no_large = Some(CapabilityFlags::CERT_CAP | CapabilityFlags::CHAL_CAP);
    let device = Device::new(DeviceConfig { capabilities: no_large, ..seeded() }).unwrap();
    let mut requester = Requester::connect(device, version, P384, SHA384);
    assert_eq!(requester.exchange(&encode(&request, version)), [0x14, 0x7F, 0x01, 0]);
}

#[test]
fn one_anchor_per_algorithm_as_der_and_pem() {
    let device = Device::new(seeded()).unwrap();
    let anchors = device.trust_anchors();
    assert_eq!(anchors.len(), device.algorithms().count());
    let pem = device.trust_anchors_pem();
    let parsed = Certificate::load_pem_chain(pem.as_bytes()).unwrap();
    let parsed: Vec<_> = parsed.iter().map(|c| c.to_der().unwrap()).collect();
    assert_eq!(parsed, anchors);
}

#[test]
fn the_schemes_of_an_rsa_size_share_their_anchor() {
    let base_asym = BaseAsymAlgo::RSASSA_2048 | BaseAsymAlgo::RSAPSS_2048;
    let device = Device::new(DeviceConfig { base_asym, ..seeded() }).unwrap();
    assert_eq!((device.algorithms().count(), device.trust_anchors().len()), (2, 1));
}
