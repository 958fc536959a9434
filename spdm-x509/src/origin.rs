//! Where the path of a chain starts.

use spdm_crypto::{HashAlgorithm, Provider};

use crate::anchor::Anchor;
use crate::certificate::X509Certificate;
use crate::chain::ParsedChain;
use crate::ledger::Ledger;
use crate::outcome::Ending;
use crate::profile::{Demand, Profile};
use crate::rule::Rule;
use crate::tlv::Budget;

/// Where the path of a chain starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'t> {
    /// Who issued the first certificate.
    pub(crate) root: Root,
    /// The certificate of the trust anchor that the path starts with, where there is one.
    pub(crate) anchor: Option<X509Certificate<'t>>,
    /// Which of the anchors it is.
    index: Result<usize, Rule>,
    /// Whether RootHash is the digest of the first certificate.
    has_root: bool,
}

/// The root of a chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Root {
    /// This certificate of the chain, and it is an anchor.
    Anchored(u16),
    /// The first certificate, which RootHash names, and which is no trust anchor.
    Sent,
    /// An anchor, which the chain leaves out.
    Omitted,
    /// No certificate that is at hand.
    Unknown,
}

impl<'t> Origin<'t> {
    #[inline(never)]
    pub(crate) fn find(
        anchors: &'t [Anchor<'t>],
        parsed: &ParsedChain<'_, 't>,
        provider: &Provider,
    ) -> Self {
        let untrusted = Err(match anchors {
            [] => Rule::NoTrustAnchor,
            _ => Rule::UnknownAuthority,
        });
        let chain = parsed.chain();
        let (hash, root_hash) = (chain.context().hash, chain.root_hash());
        let anchored = |(place, index), has_root| Self {
            root: Root::Anchored(place),
            anchor: Some(parsed.certificate(place)),
            index: Ok(index),
            has_root,
        };
        let first = parsed.certificate(0);
        if is_digest(root_hash, hash, first.der(), provider) {
            let found = find_root(anchors, first.der(), parsed, provider).map(|index| (0, index));
            return match found.or_else(|| find_intermediate(anchors, parsed)) {
                Some(found) => anchored(found, true),
                None => Self { root: Root::Sent, anchor: None, index: untrusted, has_root: true },
            };
        }
        if let Some(found) = find_intermediate(anchors, parsed) {
            return anchored(found, false);
        }
        let mut origin =
            Self { root: Root::Unknown, anchor: None, index: untrusted, has_root: false };
        for (index, anchor) in anchors.iter().enumerate() {
            origin.index = match anchor {
                // A certificate serves better than a digest, wherever it is in the list.
                Anchor::Certificate(der) if is_digest(root_hash, hash, der, provider) => {
                    if let Ok(anchor) = X509Certificate::from_der(&mut Budget::new(), der) {
                        let anchor = Some(anchor);
                        return Self { root: Root::Omitted, anchor, index: Ok(index), ..origin };
                    }
                    Err(Rule::AnchorSyntax)
                }
                Anchor::RootHash { hash: of, digest } if *of == hash && *digest == root_hash => {
                    Err(Rule::RootCertificateNeeded)
                }
                _ => continue,
            };
        }
        origin
    }

    /// The first certificate of the chain that is below the root.
    #[inline(never)]
    pub(crate) const fn first_below_anchor(&self) -> u16 {
        match self.root {
            Root::Anchored(index) => index + 1,
            Root::Sent => 1,
            Root::Omitted | Root::Unknown => 0,
        }
    }

    /// Which of the anchors the path starts with.
    pub(crate) fn anchor_index(&self) -> Option<usize> {
        self.index.ok()
    }

    pub(crate) fn check_anchor(
        &self,
        parsed: &ParsedChain<'_, 't>,
        profile: Profile,
        ledger: &mut Ledger<'_>,
    ) -> Ending {
        match self.index {
            Err(rule) => ledger.ask(rule, false),
            Ok(_) => ledger.ask(Rule::UnknownAuthority, true),
        };
        // A leaf that is its own anchor issues nothing.
        let issues = self.first_below_anchor() < parsed.chain().certificate_count();
        if let Some(anchor) = self.anchor.as_ref().filter(|_| issues) {
            let demand = profile.anchor;
            let is_ca = anchor.basic_constraints().map(|constraints| constraints.is_ca);
            let may_sign = anchor.key_usage().is_none_or(|usage| usage.key_cert_sign());
            // Old roots without basicConstraints are self-issued; a device's certificate is not.
            let is_old_root = demand != Demand::Always && anchor.is_self_issued();
            let holds = may_sign && is_ca.unwrap_or(is_old_root);
            ledger.ask_waivable(Rule::AnchorNotCa, holds, demand != Demand::Never);
        }
        ledger.ending()
    }

    pub(crate) fn check_root(
        &self,
        parsed: &ParsedChain<'_, '_>,
        ledger: &mut Ledger<'_>,
    ) -> Ending {
        let first_is_self_issued = || parsed.certificate(0).is_self_issued();
        ledger.turn_to(Some(0));
        match self.root {
            Root::Omitted => {
                ledger.ask(Rule::RootHash, true);
            }
            Root::Anchored(0) if self.has_root => {
                ledger.ask(Rule::RootHash, true);
            }
            _ if self.has_root => {
                ledger.ask(Rule::RootHash, true);
                ledger.ask(Rule::RootNotSelfIssued, first_is_self_issued());
            }
            Root::Unknown if self.index == Err(Rule::RootCertificateNeeded) => {
                return Ending::Skipped;
            }
            _ if first_is_self_issued() => {
                ledger.ask(Rule::RootHash, false);
            }
            // The root is left out, but the path starts below it.
            Root::Anchored(_) => {}
            Root::Sent | Root::Unknown => return Ending::Skipped,
        }
        ledger.ending()
    }
}

/// The first of the anchors that `first` is, whose digest RootHash is.
fn find_root(
    anchors: &[Anchor<'_>],
    first: &[u8],
    parsed: &ParsedChain<'_, '_>,
    provider: &Provider,
) -> Option<usize> {
    let is_same = |anchor: &Anchor<'_>| matches!(anchor, Anchor::Certificate(der) if *der == first);
    let mut found = anchors.iter().position(is_same);
    // Each hash function is used once, however many digests there are.
    for algorithm in &HashAlgorithm::ALL {
        let before = anchors.get(..found.unwrap_or(anchors.len())).unwrap_or_default();
        let find = |wanted: Option<&[u8]>| {
            before.iter().position(|anchor| match anchor {
                Anchor::RootHash { hash, digest } if hash == algorithm => {
                    wanted.is_none_or(|wanted| wanted == *digest)
                }
                _ => false,
            })
        };
        found = if *algorithm == parsed.chain().context().hash {
            find(Some(parsed.chain().root_hash()))
        } else {
            let computed = find(None).and_then(|_| provider.hash.digest(*algorithm, &[first]).ok());
            computed.and_then(|computed| find(Some(computed.as_bytes())))
        }
        .or(found);
    }
    found
}

/// The first certificate of the chain that is an anchor below the root, and which; never the leaf.
fn find_intermediate(anchors: &[Anchor<'_>], parsed: &ParsedChain<'_, '_>) -> Option<(u16, usize)> {
    let chain = parsed.chain();
    let authorities = usize::from(chain.certificate_count() - 1);
    (0..).zip(chain.certificate_ders().take(authorities)).find_map(|(index, der)| {
        let is_same =
            |anchor: &Anchor<'_>| matches!(anchor, Anchor::Intermediate(same) if *same == der);
        anchors.iter().position(is_same).map(|anchor| (index, anchor))
    })
}

fn is_digest(digest: &[u8], hash: HashAlgorithm, der: &[u8], provider: &Provider) -> bool {
    provider.hash.digest(hash, &[der]).is_ok_and(|computed| computed.as_bytes() == digest)
}
