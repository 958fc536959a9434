//! Chains of real devices: NVIDIA H100 and LS10, which speak SPDM 1.1.

use core::error::Error;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use spdm_codec::{SlotId, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm};
use spdm_untrusted::Untrusted;
use spdm_x509::{
    Anchor, CertModel, Chain, ChainContext, Policy, Profile, SanPolicy, ValidityCheck,
};

const NOW: u64 = 1_750_000_000;

const CONTEXT: ChainContext = ChainContext::new(
    SlotId::ZERO,
    SpdmVersion::V1_1,
    CertModel::Unknown,
    AsymAlgorithm::Ecdsa(EcCurve::P384),
    HashAlgorithm::Sha384,
);

type Fallible<T> = Result<T, Box<dyn Error>>;

/// The DER certificates of a PEM file that has the leaf first, turned round: root first.
fn certificates(pem: &str) -> Fallible<Vec<Vec<u8>>> {
    let blocks = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
    let bodies = blocks.filter_map(|block| block.split("-----END").next());
    let base64 = bodies.map(|body| body.split_whitespace().collect::<String>());
    let ders: Result<Vec<_>, _> = base64.map(|body| STANDARD.decode(body)).collect();
    Ok(ders?.into_iter().rev().collect())
}

/// The structure that GET_CERTIFICATE transports.
fn structure(root: &[u8], sent: &[Vec<u8>]) -> Fallible<Vec<u8>> {
    let root_hash = PROVIDER.hash.digest(CONTEXT.hash, &[root])?;
    let body = [root_hash.as_bytes(), &sent.concat()].concat();
    let length = u16::try_from(4 + body.len())?;
    Ok([&length.to_le_bytes()[..], &[0, 0], &body].concat())
}

#[derive(Deserialize)]
struct Evidence {
    certificate: String,
}

/// The certificates of every device in the corpus.
fn devices() -> Fallible<Vec<Vec<Vec<u8>>>> {
    let folder = test_corpus::folder();
    let mut devices = Vec::new();
    for name in ["nvidia/gpu_evidence.json", "nvidia/switch_evidence.json"] {
        let file = std::fs::read_to_string(folder.join(name))?;
        let evidence: Vec<Evidence> = serde_json::from_str(&file)?;
        for Evidence { certificate } in evidence {
            devices.push(certificates(&String::from_utf8(STANDARD.decode(certificate)?)?)?);
        }
    }
    let file = folder.join("nvidia/hopperCertChain.txt");
    devices.push(certificates(&std::fs::read_to_string(file)?)?);
    Ok(devices)
}

pub(crate) fn chains_of_real_devices_are_trusted_by_default() {
    let devices = devices().unwrap();
    for certificates in &devices {
        let (root, below) = certificates.split_first().unwrap();
        assert_eq!(certificates.len(), 5);
        let anchors = [Anchor::Certificate(root)];
        let default = Policy {
            san: SanPolicy::Dmtf { pattern: "NVIDIA:*:*" },
            ..Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW))
        };
        assert_eq!(default.profile, Profile::STRICT);
        let compatible = Policy { profile: Profile::COMPATIBLE, ..default };
        for sent in [certificates.as_slice(), below] {
            let bytes = structure(root, sent).unwrap();
            let chain = Chain::parse(Untrusted::new(&bytes), CONTEXT, &PROVIDER).unwrap();
            for policy in [default, compatible] {
                let trusted = policy.validate(&chain).unwrap();
                assert!(trusted.time_checked());
                assert_eq!(trusted.anchor_index(), Some(0));
                assert_eq!(trusted.identity().key(), chain.leaf().key());
            }
            // tcg-dice-TcbInfo
            assert!(chain.leaf().extension(&[0x67, 0x81, 5, 5, 4, 1]).is_some());
        }
    }
    assert_eq!(devices.len(), 6);
}
