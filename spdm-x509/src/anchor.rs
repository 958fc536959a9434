//! Trust anchors, and where a chain starts.

use spdm_crypto::{HashAlgorithm, Provider};

use crate::appraisal::Outcome;
use crate::certificate::Certificate;
use crate::chain::Chain;
use crate::error::{ChainError, Check, Fault, Rule};

/// A root that the caller trusts.
///
/// Of an anchor only the name and the key count: its own validity, extensions and signature are not looked
/// at (RFC 5280 §6.1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Anchor<'a> {
    /// A DER certificate. The chain may leave it out.
    Certificate(&'a [u8]),
    /// The digest of a DER certificate, which the chain then must contain.
    RootHash {
        /// The hash function; not necessarily the negotiated one.
        hash: HashAlgorithm,
        /// The digest.
        digest: &'a [u8],
    },
}

impl Anchor<'_> {
    /// Whether `root` is this anchor.
    fn is(&self, root: &[u8], provider: &Provider) -> bool {
        match self {
            Self::Certificate(der) => *der == root,
            Self::RootHash { hash, digest } => is_digest(digest, *hash, root, provider),
        }
    }
}

/// Where the path of a chain starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'t> {
    /// Who issued the first certificate.
    pub(crate) root: Root<'t>,
    anchor: Result<(), Rule>,
}

/// The root of a chain.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "no allocator to move the certificate to")]
pub(crate) enum Root<'t> {
    /// The first certificate, and it is an anchor.
    Anchored,
    /// The first certificate by RootHash, and nobody vouches for it.
    Sent,
    /// This anchor, which the chain leaves out.
    Omitted(Certificate<'t>),
    /// No certificate that is at hand.
    Unknown,
}

impl<'t> Origin<'t> {
    pub(crate) fn find(anchors: &'t [Anchor<'t>], chain: &Chain<'t>, provider: &Provider) -> Self {
        let untrusted = match anchors {
            [] => Rule::NoTrustAnchor,
            _ => Rule::UnknownAuthority,
        };
        let hash = chain.context().hash;
        let root_hash = chain.root_hash();
        let sent = chain.certificate_ders().next();
        match sent.filter(|first| is_digest(root_hash, hash, first, provider)) {
            Some(first) if anchors.iter().any(|anchor| anchor.is(first, provider)) => {
                Self { root: Root::Anchored, anchor: Ok(()) }
            }
            Some(_) => Self { root: Root::Sent, anchor: Err(untrusted) },
            None => {
                let named = anchors.iter().filter(|anchor| match anchor {
                    Anchor::Certificate(der) => is_digest(root_hash, hash, der, provider),
                    Anchor::RootHash { hash: of, digest } => *of == hash && *digest == root_hash,
                });
                // A certificate serves better than a digest, wherever it is in the list.
                named
                    .map(Self::omitted)
                    .reduce(Self::better)
                    .unwrap_or(Self { root: Root::Unknown, anchor: Err(untrusted) })
            }
        }
    }

    /// The anchor is the root that the chain leaves out.
    fn omitted(anchor: &'t Anchor<'t>) -> Self {
        let anchor = match anchor {
            Anchor::Certificate(der) => {
                Certificate::from_der(der).map_err(|_: Fault| Rule::AnchorSyntax)
            }
            Anchor::RootHash { .. } => Err(Rule::RootCertificateNeeded),
        };
        match anchor {
            Ok(root) => Self { root: Root::Omitted(root), anchor: Ok(()) },
            Err(rule) => Self { root: Root::Unknown, anchor: Err(rule) },
        }
    }

    fn better(self, other: Self) -> Self {
        if self.anchor.is_ok() { self } else { other }
    }

    pub(crate) fn anchor_outcome(&self) -> Outcome {
        self.anchor.map_err(|rule| ChainError::new(Check::Anchor, rule)).into()
    }

    pub(crate) fn root_outcome(&self, chain: &Chain<'_>) -> Outcome {
        let first_is_self_issued =
            chain.certificates().next().is_some_and(|first| first.is_self_issued());
        let fail = |rule| Outcome::Fail(ChainError::new(Check::Root, rule).in_certificate(0));
        match self.root {
            Root::Anchored | Root::Omitted(_) => Outcome::Pass,
            Root::Sent if first_is_self_issued => Outcome::Pass,
            Root::Sent => fail(Rule::RootNotSelfIssued),
            Root::Unknown if self.anchor == Err(Rule::RootCertificateNeeded) => Outcome::Skipped,
            Root::Unknown if first_is_self_issued => fail(Rule::RootHash),
            Root::Unknown => Outcome::Skipped,
        }
    }
}

fn is_digest(digest: &[u8], hash: HashAlgorithm, der: &[u8], provider: &Provider) -> bool {
    provider.hash.digest(hash, &[der]).is_ok_and(|computed| computed.as_bytes() == digest)
}

#[cfg(test)]
mod tests {
    use super::{Anchor, ChainError, Check, HashAlgorithm, Outcome, Rule};
    use crate::appraisal::Appraisal;
    use crate::policy::{Policy, ValidityCheck};
    use crate::testing::{HASH, Template, certificates, parse, structure};
    use spdm_crypto::rustcrypto::PROVIDER;
    use std::vec::Vec;

    /// Root, anchor and signature outcome of `sent` under `anchors`, with the digest of `root` in it.
    fn outcomes(root: &[u8], sent: &[Vec<u8>], anchors: &[Anchor<'_>]) -> [Outcome; 3] {
        let bytes = structure(root, sent);
        let chain = parse(&bytes).unwrap();
        let policy = Policy::new(&PROVIDER, anchors, ValidityCheck::Unchecked);
        let appraisal: Appraisal<'_> = policy.appraise(&chain);
        let outcomes = [appraisal.root(), appraisal.anchor(), appraisal.signatures()];
        assert_eq!(appraisal.into_trusted().is_ok(), outcomes == [Outcome::Pass; 3]);
        outcomes
    }

    fn untrusted(rule: Rule) -> Outcome {
        Outcome::Fail(ChainError::new(Check::Anchor, rule))
    }

    fn bad_root(rule: Rule) -> Outcome {
        Outcome::Fail(ChainError::new(Check::Root, rule).in_certificate(0))
    }

    fn digest(hash: HashAlgorithm, der: &[u8]) -> Vec<u8> {
        PROVIDER.hash.digest(hash, &[der]).unwrap().as_bytes().to_vec()
    }

    #[test]
    fn a_root_that_is_an_anchor() {
        let sent = certificates(1);
        let root = sent[0].as_slice();
        let other = Template::authority("Other", "Other").signed_by("Other");
        let certificate = [Anchor::Certificate(&other), Anchor::Certificate(root)];
        assert_eq!(outcomes(root, &sent, &certificate), [Outcome::Pass; 3]);
        for hash in HashAlgorithm::ALL {
            let digest = digest(hash, root);
            let anchor = [Anchor::RootHash { hash, digest: &digest }];
            assert_eq!(outcomes(root, &sent, &anchor), [Outcome::Pass; 3]);
            let cut = [Anchor::RootHash { hash, digest: &digest[..31] }];
            let unknown = untrusted(Rule::UnknownAuthority);
            assert_eq!(outcomes(root, &sent, &cut), [Outcome::Pass, unknown, Outcome::Pass]);
        }
    }

    #[test]
    fn an_anchor_is_not_verified_itself() {
        let mut sent = certificates(1);
        sent[0] = Template::authority("Root", "Root").signed_by("Nobody");
        let root = sent[0].as_slice();
        assert_eq!(outcomes(root, &sent, &[Anchor::Certificate(root)]), [Outcome::Pass; 3]);
        let digest = digest(HASH, root);
        let anchor = Anchor::RootHash { hash: HASH, digest: &digest };
        assert_eq!(outcomes(root, &sent, &[anchor]), [Outcome::Pass; 3]);
        let error = ChainError::new(Check::Signatures, Rule::Signature).in_certificate(0);
        let none = untrusted(Rule::NoTrustAnchor);
        assert_eq!(outcomes(root, &sent, &[]), [Outcome::Pass, none, Outcome::Fail(error)]);
    }

    #[test]
    fn nobody_vouches() {
        let sent = certificates(1);
        let root = sent[0].as_slice();
        let none = untrusted(Rule::NoTrustAnchor);
        assert_eq!(outcomes(root, &sent, &[]), [Outcome::Pass, none, Outcome::Pass]);
        let other = Template::authority("Root", "Root").signed_by("Other");
        let unknown = untrusted(Rule::UnknownAuthority);
        let anchors = [Anchor::Certificate(&other)];
        assert_eq!(outcomes(root, &sent, &anchors), [Outcome::Pass, unknown, Outcome::Pass]);
    }

    #[test]
    fn root_hash_of_something_else() {
        let sent = certificates(1);
        let root = sent[0].as_slice();
        let unknown = untrusted(Rule::UnknownAuthority);
        let expected = [bad_root(Rule::RootHash), unknown, Outcome::Skipped];
        assert_eq!(outcomes(b"other", &sent, &[Anchor::Certificate(root)]), expected);
        // A certificate in the place of the root that somebody else issued.
        let expected = [bad_root(Rule::RootNotSelfIssued), unknown, Outcome::Skipped];
        let anchors = [Anchor::Certificate(root)];
        assert_eq!(outcomes(&sent[1], &sent[1..], &anchors), expected);
    }

    #[test]
    fn a_root_that_the_chain_leaves_out() {
        let all = certificates(1);
        let (root, sent) = all.split_first().unwrap();
        let digest = digest(HASH, root);
        let by_digest = Anchor::RootHash { hash: HASH, digest: &digest };
        let by_certificate = Anchor::Certificate(root);
        let both = [by_digest, by_certificate];
        assert_eq!(outcomes(root, sent, &both), [Outcome::Pass; 3]);
        assert_eq!(outcomes(root, sent, &both[1..]), [Outcome::Pass; 3]);
        let needed = untrusted(Rule::RootCertificateNeeded);
        let skipped = Outcome::Skipped;
        assert_eq!(outcomes(root, sent, &both[..1]), [skipped, needed, skipped]);
        let none = untrusted(Rule::NoTrustAnchor);
        assert_eq!(outcomes(root, sent, &[]), [skipped, none, skipped]);
        // The digest fits, but the anchor did not sign.
        let forged = Template::authority("Root", "CA 1").signed_by("Mallory");
        let sent = [forged, sent[1].clone()];
        let error = ChainError::new(Check::Signatures, Rule::Signature).in_certificate(0);
        let actual = outcomes(root, &sent, &[by_certificate]);
        assert_eq!(actual, [Outcome::Pass, Outcome::Pass, Outcome::Fail(error)]);
    }

    #[test]
    fn an_anchor_must_be_a_certificate() {
        let sent = certificates(1).split_off(1);
        let junk = [0x30, 0x03, 0x02, 0x01, 0x00];
        let syntax = untrusted(Rule::AnchorSyntax);
        let expected = [Outcome::Skipped, syntax, Outcome::Skipped];
        assert_eq!(outcomes(&junk, &sent, &[Anchor::Certificate(&junk)]), expected);
    }
}
