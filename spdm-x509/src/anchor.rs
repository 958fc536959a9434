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
