//! Certificates and keys that are refused even if the chain is valid otherwise.

use spdm_crypto::{HashAlgorithm, Provider, Unsupported};

use crate::certificate::X509Certificate;

/// A certificate or a key that its vendor, or the caller, withdrew.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Revocation<'a> {
    /// One certificate, as a revocation list names it.
    Certificate {
        /// The DER Name of its issuer.
        issuer: &'a [u8],
        /// Its serialNumber, big-endian; leading zeros do not matter.
        serial: &'a [u8],
    },
    /// Every certificate with this key.
    Key {
        /// The hash function; not necessarily the negotiated one.
        hash: HashAlgorithm,
        /// The digest of the DER SubjectPublicKeyInfo.
        digest: &'a [u8],
    },
}

/// The revocations of a policy. They concern every certificate of a chain, and the trust anchor.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Revocations<'a>(&'a [Revocation<'a>]);

impl<'a> Revocations<'a> {
    /// Nothing is revoked.
    pub const NONE: Self = Self(&[]);

    /// All of these are revoked.
    #[must_use]
    pub const fn new(revocations: &'a [Revocation<'a>]) -> Self {
        Self(revocations)
    }

    /// Whether nothing is.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them is about this certificate.
    pub(crate) fn concern(
        self,
        certificate: &X509Certificate<'_>,
        provider: &Provider,
    ) -> Result<bool, Unsupported> {
        let by_name = self.0.iter().any(|revocation| match revocation {
            Revocation::Certificate { issuer, serial } => {
                *issuer == certificate.issuer().der()
                    && magnitude(serial) == magnitude(certificate.serial())
            }
            Revocation::Key { .. } => false,
        });
        if by_name { Ok(true) } else { self.concern_key(certificate.key_info(), provider) }
    }

    /// Whether one of them is about this DER SubjectPublicKeyInfo. Each hash function is used once at most.
    pub(crate) fn concern_key(
        self,
        key_info: &[u8],
        provider: &Provider,
    ) -> Result<bool, Unsupported> {
        for algorithm in &HashAlgorithm::ALL {
            let has = |wanted: Option<&[u8]>| {
                self.0.iter().any(|revocation| match revocation {
                    Revocation::Key { hash, digest } if hash == algorithm => {
                        wanted.is_none_or(|wanted| wanted == *digest)
                    }
                    _ => false,
                })
            };
            if has(None) {
                let key = provider.hash.digest(*algorithm, &[key_info])?;
                if has(Some(key.as_bytes())) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

fn magnitude(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    serial.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Revocation, Revocations};
    use crate::anchor::Anchor;
    use crate::certificate::X509Certificate;
    use crate::check::Check;
    use crate::error::ChainError;
    use crate::identity::ProvisionedKey;
    use crate::policy::{Policy, ValidityCheck};
    use crate::rule::Rule;
    use crate::testing::{certificates, key, name, parse, structure};
    use spdm_crypto::rustcrypto::PROVIDER;
    use spdm_crypto::{AsymAlgorithm, Digest, EcCurve, Hash, HashAlgorithm, Provider, Unsupported};
    use spdm_untrusted::Untrusted;
    use std::vec::Vec;

    fn refused(sent: &[Vec<u8>], root: &[u8], revoked: Revocation<'_>) -> Option<ChainError> {
        let bytes = structure(root, sent);
        let anchors = [Anchor::Certificate(root)];
        let revoked = [revoked];
        let policy = Policy {
            revocations: Revocations::new(&revoked),
            ..Policy::new(&PROVIDER, &anchors, ValidityCheck::Unchecked)
        };
        policy.validate(&parse(&bytes).unwrap()).err()
    }

    fn revoked(index: u16) -> Option<ChainError> {
        Some(ChainError::new(Check::Certificates, Rule::Revoked).in_certificate(index))
    }

    fn key_digest(hash: HashAlgorithm, of: &str) -> Digest {
        PROVIDER.hash.digest(hash, &[&key(of).to_spki_der()]).unwrap()
    }

    #[test]
    fn by_issuer_and_serial() {
        let sent = certificates(1);
        let issuer = name("CA 1");
        for serial in [&[7][..], &[0, 7]] {
            let by = Revocation::Certificate { issuer: &issuer, serial };
            assert_eq!(refused(&sent, &sent[0], by), revoked(2));
        }
        for serial in [&[][..], &[0], &[7, 0], &[8]] {
            let by = Revocation::Certificate { issuer: &issuer, serial };
            assert_eq!(refused(&sent, &sent[0], by), None);
        }
        let other = name("CA 2");
        let by = Revocation::Certificate { issuer: &other, serial: &[7] };
        assert_eq!(refused(&sent, &sent[0], by), None);
    }

    #[test]
    fn by_key_wherever_it_is() {
        let sent = certificates(1);
        for hash in HashAlgorithm::ALL {
            for (index, name) in (0..).zip(["Root", "CA 1", "Leaf"]) {
                let digest = key_digest(hash, name);
                let by = Revocation::Key { hash, digest: digest.as_bytes() };
                assert_eq!(refused(&sent, &sent[0], by), revoked(index), "{name}");
            }
        }
        // An anchor that the chain leaves out has no place in it.
        let digest = key_digest(HashAlgorithm::Sha256, "Root");
        let by = Revocation::Key { hash: HashAlgorithm::Sha256, digest: digest.as_bytes() };
        let expected = ChainError::new(Check::Certificates, Rule::Revoked);
        assert_eq!(refused(&sent[1..], &sent[0], by), Some(expected));
        let other = Revocation::Key { hash: HashAlgorithm::Sha256, digest: &[0; 32] };
        assert_eq!(refused(&sent, &sent[0], other), None);
    }

    #[test]
    fn a_provisioned_key_is_revoked_like_any_other() {
        let spki = key("Leaf").to_spki_der();
        let provisioned = ProvisionedKey::parse(
            Untrusted::new(spki.as_slice()),
            AsymAlgorithm::Ecdsa(EcCurve::P256),
            HashAlgorithm::Sha256,
            &PROVIDER,
        );
        let provisioned = provisioned.unwrap();
        for hash in HashAlgorithm::ALL {
            for (name, expected) in [("Leaf", Some(Rule::Revoked)), ("CA 1", None)] {
                let digest = key_digest(hash, name);
                let revoked = [Revocation::Key { hash, digest: digest.as_bytes() }];
                let policy = Policy {
                    revocations: Revocations::new(&revoked),
                    ..Policy::new(&PROVIDER, &[], ValidityCheck::Unchecked)
                };
                let rule = policy.validate_key(provisioned).err().map(|error| error.rule);
                assert_eq!(rule, expected);
            }
        }
    }

    /// What cannot be compared cannot be trusted.
    #[test]
    fn a_hash_that_the_backend_lacks_fails_closed() {
        #[derive(Debug)]
        struct Sha256Only;
        impl Hash for Sha256Only {
            fn supports(&self, hash: HashAlgorithm) -> bool {
                hash == HashAlgorithm::Sha256
            }
            fn digest(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Result<Digest, Unsupported> {
                match hash {
                    HashAlgorithm::Sha256 => PROVIDER.hash.digest(hash, parts),
                    _ => Err(Unsupported::new(hash)),
                }
            }
        }
        let provider = Provider { hash: &Sha256Only, ..PROVIDER };
        let der = certificates(0).remove(1);
        let leaf = X509Certificate::parse(Untrusted::new(&der)).unwrap();
        let by = [Revocation::Key { hash: HashAlgorithm::Sha384, digest: &[0; 48] }];
        assert!(Revocations::new(&by).concern(&leaf, &provider).is_err());
    }
}
