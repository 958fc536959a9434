//! A Requester's part of a key exchange with the primitives alone: a key out of given bytes, its public value, and the
//! shared secret, each once.

use core::hint::black_box;

use spdm_benches::floor::Exchange;
#[cfg(feature = "crypto")]
use spdm_crypto::EcCurve;
use spdm_crypto::rustcrypto;
use spdm_crypto::{KeyExchangeAlgorithm, KeyExchangeMethod as _, MlKemSet, SharedSecret};

/// With RustCrypto. Its ECDH is taken as the library builds it: the same source, compiled once more here, is faster by 7
/// percent, which is no work that somebody does twice.
pub(crate) fn with_rustcrypto(exchange: &Exchange) {
    match exchange.algorithm {
        KeyExchangeAlgorithm::Ecdh(_) => ecdh(exchange),
        KeyExchangeAlgorithm::MlKem(MlKemSet::K768) => ml_kem_768(exchange),
        KeyExchangeAlgorithm::MlKem(MlKemSet::K1024) => ml_kem_1024(exchange),
        other => panic!("{other} is not measured"),
    }
}

fn ecdh(exchange: &Exchange) {
    let Exchange { algorithm, private, peer } = exchange;
    let (mut public, mut shared) = (vec![0; algorithm.request_len()], SharedSecret::new());
    let key = rustcrypto::Ecdh.import(*algorithm, private, &mut public).expect("a key");
    rustcrypto::Ecdh.finish(*algorithm, &key, peer, &mut shared).expect("a shared secret");
    black_box((public, shared));
}

fn ml_kem_768(exchange: &Exchange) {
    use ml_kem::kem::{Decapsulate as _, KeyExport as _, KeyInit as _};
    let Exchange { private, peer, .. } = exchange;
    let seed = private.as_slice().try_into().expect("a seed");
    let key = ml_kem::DecapsulationKey::<ml_kem::MlKem768>::new(seed);
    black_box(key.encapsulation_key().to_bytes());
    let ciphertext = peer.as_slice().try_into().expect("a ciphertext");
    black_box(key.decapsulate(ciphertext));
}

fn ml_kem_1024(exchange: &Exchange) {
    use ml_kem::kem::{Decapsulate as _, KeyExport as _, KeyInit as _};
    let Exchange { private, peer, .. } = exchange;
    let seed = private.as_slice().try_into().expect("a seed");
    let key = ml_kem::DecapsulationKey::<ml_kem::MlKem1024>::new(seed);
    black_box(key.encapsulation_key().to_bytes());
    let ciphertext = peer.as_slice().try_into().expect("a ciphertext");
    black_box(key.decapsulate(ciphertext));
}

/// With AWS-LC, which has no ML-KEM with given private keys.
#[cfg(feature = "crypto")]
pub(crate) fn with_aws_lc(exchange: &Exchange) {
    use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, PrivateKey, UnparsedPublicKey};
    let algorithm = match exchange.algorithm {
        KeyExchangeAlgorithm::Ecdh(EcCurve::P256) => &ECDH_P256,
        KeyExchangeAlgorithm::Ecdh(EcCurve::P384) => &ECDH_P384,
        _ => return with_rustcrypto(exchange),
    };
    let Exchange { private, peer, .. } = exchange;
    let key = PrivateKey::from_private_key(algorithm, private).expect("a key");
    black_box(key.compute_public_key().expect("a public key"));
    let point = [&[4], &peer[..]].concat();
    let peer = UnparsedPublicKey::new(algorithm, point);
    agreement::agree(&key, peer, (), |secret| {
        black_box(secret);
        Ok(())
    })
    .expect("a shared secret");
}
