//! Chains of every signature algorithm that certificates are minted with.

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, MlDsaSet, RsaBits, RsaScheme};
use spdm_untrusted::Untrusted;
use spdm_x509::{
    Anchor, Chain, ChainContext, ChainError, Policy, Profile, ProvisionedKey, Rule, ValidityCheck,
};

use crate::good::NOW;
use crate::testing::{
    CONTEXT, Template, certificates_for, key_for, rsa_pss_sha256, structure_for, tlv,
};

const ALGORITHMS: [AsymAlgorithm; 7] = [
    AsymAlgorithm::Ecdsa(EcCurve::P256),
    AsymAlgorithm::Ecdsa(EcCurve::P384),
    AsymAlgorithm::Ecdsa(EcCurve::P521),
    AsymAlgorithm::Ed25519,
    AsymAlgorithm::MlDsa(MlDsaSet::P44),
    AsymAlgorithm::MlDsa(MlDsaSet::P65),
    AsymAlgorithm::MlDsa(MlDsaSet::P87),
];

fn validate(asym: AsymAlgorithm, hash: HashAlgorithm, sent: &[Vec<u8>]) -> Result<(), ChainError> {
    validate_under(Profile::STRICT, asym, hash, sent)
}

fn validate_under(
    profile: Profile,
    asym: AsymAlgorithm,
    hash: HashAlgorithm,
    sent: &[Vec<u8>],
) -> Result<(), ChainError> {
    let context = ChainContext::new(CONTEXT.slot, CONTEXT.version, CONTEXT.model, asym, hash);
    let bytes = structure_for(hash, &sent[0], sent);
    let anchors = [Anchor::Certificate(&sent[0])];
    let policy = Policy { profile, ..Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW)) };
    let chain = Chain::parse(Untrusted::new(&bytes), context, &PROVIDER)?;
    policy.validate(&chain).map(drop)
}

#[test]
fn every_algorithm_with_every_negotiated_hash() {
    for asym in ALGORITHMS {
        let good = certificates_for(asym, 1);
        for hash in HashAlgorithm::ALL {
            assert_eq!(validate(asym, hash, &good), Ok(()), "{asym} {hash}");
        }
        for index in [1, 2] {
            let mut bad = good.clone();
            *bad[index].last_mut().unwrap() ^= 1;
            let error = validate(asym, HashAlgorithm::Sha384, &bad).unwrap_err();
            assert_eq!(error.rule, Rule::Signature, "{asym}");
            assert_eq!(error.certificate.map(usize::from), Some(index));
        }
    }
}

/// A signature by a key of one algorithm is none of another, whatever the certificate says.
#[test]
fn the_signature_algorithm_is_that_of_the_issuer() {
    for issuer in ALGORITHMS {
        for claimed in ALGORITHMS.into_iter().filter(|claimed| *claimed != issuer) {
            let mut sent = certificates_for(issuer, 0);
            let leaf = Template::leaf("Root").keyed(claimed, "Leaf");
            sent[1] = Template { asym: claimed, ..leaf }.signed_by("Root");
            let error = validate(claimed, HashAlgorithm::Sha256, &sent).unwrap_err();
            // Two curves share an identifier: there the signature itself does not fit.
            let expected = match (issuer, claimed) {
                (AsymAlgorithm::Ecdsa(_), AsymAlgorithm::Ecdsa(_)) => Rule::Signature,
                _ => Rule::IssuerKey,
            };
            assert_eq!(error.rule, expected, "{issuer} {claimed}");
        }
    }
}

#[test]
fn ml_dsa_has_no_parameters() {
    for set in [MlDsaSet::P44, MlDsaSet::P65, MlDsaSet::P87] {
        let asym = AsymAlgorithm::MlDsa(set);
        let mut sent = certificates_for(asym, 0);
        let mut leaf = Template::leaf("Root").keyed(asym, "Leaf");
        let with_null = tlv(0x30, &[&leaf.inner_algorithm[2..], &[5, 0]]);
        leaf.inner_algorithm.clone_from(&with_null);
        leaf.outer_algorithm = with_null;
        sent[1] = leaf.signed_by("Root");
        let error = validate(asym, HashAlgorithm::Sha256, &sent).unwrap_err();
        assert_eq!(error.rule, Rule::SignatureAlgorithm);
    }
}

/// DER leaves trailerField out, as it has its default; some authorities write it. No other value is known.
#[test]
fn the_trailer_field_of_rsa_pss() {
    let asym = AsymAlgorithm::Rsa(RsaScheme::Pss, RsaBits::B2048);
    let good = certificates_for(asym, 0);
    let with = |more: &[u8]| {
        let mut leaf = Template::leaf("Root").keyed(asym, "Leaf");
        leaf.inner_algorithm = rsa_pss_sha256(more);
        leaf.outer_algorithm.clone_from(&leaf.inner_algorithm);
        vec![good[0].clone(), leaf.signed_by("Root")]
    };
    let rule = |profile, more: &[u8]| {
        let result = validate_under(profile, asym, HashAlgorithm::Sha256, &with(more));
        result.map_err(|error| (error.certificate.map(usize::from), error.rule))
    };
    let (strict, compatible) = (Profile::STRICT, Profile::COMPATIBLE);
    let explicit = [0xA3, 3, 2, 1, 1];
    assert_eq!(rule(strict, &[]), Ok(()));
    assert_eq!(rule(strict, &explicit), Err((Some(1), Rule::ExplicitTrailerField)));
    assert_eq!(rule(compatible, &explicit), Ok(()));
    let others: [&[u8]; 4] =
        [&[0xA3, 3, 2, 1, 2], &[0xA3, 0], &[0xA3, 3, 2, 1, 1, 5, 0], &[0xA4, 3, 2, 1, 1]];
    for other in others {
        assert_eq!(rule(compatible, other), Err((Some(1), Rule::SignatureAlgorithm)), "{other:x?}");
    }
}

#[test]
fn ml_dsa_keys_have_one_length() {
    let asym = AsymAlgorithm::MlDsa(MlDsaSet::P44);
    let identifier = tlv(0x30, &[&tlv(6, &[&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 17]])]);
    for len in [0, 1311, 1313, 1952] {
        let mut sent = certificates_for(asym, 0);
        let mut leaf = Template::leaf("Root").keyed(asym, "Leaf");
        leaf.public_key = tlv(0x30, &[&identifier, &tlv(3, &[&[0], &vec![7; len]])]);
        sent[1] = leaf.signed_by("Root");
        let error = validate(asym, HashAlgorithm::Sha256, &sent).unwrap_err();
        assert_eq!(error.rule, Rule::InvalidKey, "{len}");
    }
}

#[test]
fn raw_public_keys_of_every_algorithm() {
    for asym in ALGORITHMS {
        let key = key_for(asym, "Device");
        let der = key.to_spki_der();
        for other in ALGORITHMS {
            let hash = HashAlgorithm::Sha384;
            let read = ProvisionedKey::parse(Untrusted::new(&der), other, hash, &PROVIDER);
            match read {
                Ok(read) => assert_eq!((other, read.key()), (asym, key.public_key().as_slice())),
                Err(error) => {
                    assert_ne!(other, asym);
                    assert_eq!(error.rule, Rule::KeyAlgorithm);
                }
            }
        }
    }
}
