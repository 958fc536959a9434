//! Tokens and bundles whose signatures hold whatever they are, so that what is signed is read.

use spdm_appraisal::{
    Bundle, Dialect, Eat, Element, EvidenceKey, Token, TokenTrust, record_elements,
};
use spdm_codec::MeasurementRecord;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, HashAlgorithm, Invalid, Provider, Signed, Verify};
use spdm_untrusted::Untrusted;
use spdm_x509::ValidityCheck;

use crate::corim_build::{
    array, bytes, class, digests, map, measurement, named, negative, sign1, tag, text, triple, uint,
};
use crate::setting::{ROM, record};
use crate::testing::{certificates, key};

/// Takes every signature.
#[derive(Debug)]
struct AnySignature;

impl Verify for AnySignature {
    fn supports(&self, _: AsymAlgorithm, _: HashAlgorithm) -> bool {
        true
    }

    fn verify(
        &self,
        _: AsymAlgorithm,
        _: HashAlgorithm,
        _: &[u8],
        _: Signed<'_>,
        _: &[u8],
    ) -> Result<(), Invalid> {
        Ok(())
    }

    fn check_key(&self, _: AsymAlgorithm, _: &[u8]) -> Result<(), Invalid> {
        Ok(())
    }
}

const LENIENT: Provider = Provider { verifiers: &[&AnySignature], ..PROVIDER };
const NONCE: [u8; 32] = [7; 32];

/// Reads the bytes as a token and as a bundle: by a key, and by the chain that they bring.
pub fn judge(data: &[u8]) {
    let key_info = key("Leaf").to_spki_der();
    let keys = [key_info.as_slice()];
    let leaf = Some(EvidenceKey { key_info: &key_info, certificate: &[] });
    let validity = ValidityCheck::Unchecked;
    let trust = TokenTrust { provider: &LENIENT, anchors: &[], leaf, keys: &keys, validity };
    let by_chain = TokenTrust { keys: &[], ..trust };
    for trust in [trust, by_chain] {
        if let Ok(token) = Token::read(Untrusted::new(data)) {
            for dialect in [Dialect::Strict, Dialect::Compatible] {
                if let Ok(eat) = Eat::read(&token, dialect, &trust, &mut [0; 4096]) {
                    look(&eat);
                }
            }
        }
        if let Ok(bundle) = Bundle::read(Untrusted::new(data), &trust, &mut [0; 4096]) {
            assert!(Bundle::sniff(data) && (8..=64).contains(&bundle.nonce.len()));
            let mut count = 0;
            let all = bundle.parts.for_each(|part| {
                count += 1;
                let _ = part.device();
                Ok::<_, ()>(())
            });
            assert!(all.is_ok() && count > 0);
        }
    }
}

fn look(eat: &Eat<'_>) {
    assert!((8..=64).contains(&eat.nonce.len()));
    assert_eq!(eat.check_nonce(&[&NONCE]).is_ok(), eat.nonce == NONCE);
    assert!(eat.check_nonce(&[]).is_err());
    if let Some(locators) = eat.rim_locators {
        let mut count = 0;
        locators.for_each(|_| count += 1);
        assert!(count > 0);
    }
    let record = record();
    let record = MeasurementRecord::decode(Untrusted::new(&record), 4).unwrap();
    let mut places = [Element::EMPTY; 64];
    record_elements(&record, Some(HashAlgorithm::Sha384), &mut places).unwrap();
    let mut count = 0;
    for evidence in eat.evidence() {
        count += 1;
        if let Ok(elements) = evidence.elements(0xFD, 4, &mut places) {
            assert!(elements.len() > 4);
            assert!(elements.iter().skip(4).all(|element| element.environment.is_some()));
        }
    }
    assert!(count > 0);
}

/// Tokens with every claim, by a chain and by a key id, and a bundle.
pub fn good_files() -> Vec<Vec<u8>> {
    let indirect = (12, map(&[(0, array(&[uint(1)]))]));
    let measurements = [
        measurement(1, &[(2, digests(&[(7, &ROM)])), (1, uint(3))]),
        map(&[(1, map(&[(11, text("ROM")), indirect]))]),
    ];
    let triples = array(&[triple(class("ACME", "WIDGET"), &measurements)]);
    let evidence = tag(571, map(&[(0, map(&[(0, triples)]))]));
    let profile = [0x2B, 6, 1, 4, 1, 0x82, 0xCC, 0x7F, 1, 3];
    let claims = map(&[
        (1, text("Leaf")),
        (7, bytes(&[1; 16])),
        (10, bytes(&NONCE)),
        (256, bytes(&[2; 17])),
        (258, uint(42623)),
        (261, uint(60)),
        (263, uint(2)),
        (265, bytes(&profile)),
        (267, uint(4)),
        (273, array(&[array(&[uint(10571), bytes(&evidence)])])),
        (-70001, array(&[map(&[(0, tag(32, text("https://a")))])])),
    ]);
    let certificates = certificates(1).iter().rev().map(|der| bytes(der)).collect::<Vec<_>>();
    let chain = [(33, array(&certificates))];
    let protected = [(1, negative(6)), (3, uint(263))];
    let part = named(&[("cert_chain", bytes(b"a")), ("signed_measurements", bytes(b"b"))]);
    let digest = PROVIDER.hash.digest(HashAlgorithm::Sha384, &[&part]).unwrap();
    let digest = array(&[negative(42), bytes(digest.as_bytes())]);
    let main = map(&[(10, bytes(&NONCE)), (266, named(&[("a", digest)]))]);
    let main = tag(61, sign1(&key("Leaf"), &protected, &chain, &main));
    vec![
        tag(55799, tag(61, sign1(&key("Leaf"), &protected, &chain, &claims))),
        sign1(&key("Leaf"), &protected[..1], &[(4, bytes(&[0x5A; 48]))], &claims),
        tag(602, array(&[main, named(&[("a", bytes(&part))])])),
    ]
}
