//! Trust anchors, and where a chain starts.

use spdm_crypto::{HashAlgorithm, Provider};

use crate::appraisal::Ending;
use crate::certificate::Certificate;
use crate::chain::Chain;
use crate::finding::Ledger;
use crate::profile::{Demand, Profile};
use crate::rule::Rule;

/// A certificate authority that the caller trusts.
///
/// Of an anchor its name and key count, and what [`Profile::anchor`] says; its own validity and signature are
/// not looked at (RFC 5280 §6.1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Anchor<'a> {
    /// The DER certificate that RootHash is the digest of. The chain may leave it out.
    Certificate(&'a [u8]),
    /// The digest of a DER certificate, which the chain then must contain as its first, and RootHash name.
    RootHash {
        /// The hash function; not necessarily the negotiated one.
        hash: HashAlgorithm,
        /// The digest.
        digest: &'a [u8],
    },
    /// The DER certificate of an authority below the root, which the chain must contain: the path starts
    /// there, and nothing above is judged. RootHash is then held against the chain's own first certificate,
    /// where that is self-issued, and not against an anchor.
    Intermediate(&'a [u8]),
}

/// Where the path of a chain starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'t> {
    /// Who issued the first certificate.
    pub(crate) root: Root<'t>,
    /// Which of the anchors it is.
    anchor: Result<usize, Rule>,
    /// Whether RootHash is the digest of the first certificate.
    has_root: bool,
}

/// The root of a chain.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Root<'t> {
    /// This certificate of the chain, and it is an anchor.
    Anchored(u16),
    /// The first certificate by RootHash, and nobody vouches for it.
    Sent,
    /// This anchor, which the chain leaves out: a DER certificate that could be read.
    Omitted(&'t [u8]),
    /// No certificate that is at hand.
    Unknown,
}

impl<'t> Origin<'t> {
    #[inline(never)]
    pub(crate) fn find(anchors: &'t [Anchor<'t>], chain: &Chain<'t>, provider: &Provider) -> Self {
        let untrusted = Err(match anchors {
            [] => Rule::NoTrustAnchor,
            _ => Rule::UnknownAuthority,
        });
        let hash = chain.context().hash;
        let root_hash = chain.root_hash();
        let sent = chain.certificate_ders().next();
        if let Some(first) = sent.filter(|first| is_digest(root_hash, hash, first, provider)) {
            let found = anchored(anchors, first, chain, provider).map(|anchor| (0, anchor));
            let (root, anchor) = match found.or_else(|| intermediate(anchors, chain)) {
                Some((index, anchor)) => (Root::Anchored(index), Ok(anchor)),
                None => (Root::Sent, untrusted),
            };
            return Self { root, anchor, has_root: true };
        }
        if let Some((index, anchor)) = intermediate(anchors, chain) {
            return Self { root: Root::Anchored(index), anchor: Ok(anchor), has_root: false };
        }
        let mut origin = Self { root: Root::Unknown, anchor: untrusted, has_root: false };
        for (index, anchor) in anchors.iter().enumerate() {
            origin.anchor = match anchor {
                // A certificate serves better than a digest, wherever it is in the list.
                Anchor::Certificate(der) if is_digest(root_hash, hash, der, provider) => {
                    if Certificate::from_der(der).is_ok() {
                        return Self { root: Root::Omitted(der), anchor: Ok(index), ..origin };
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

    /// Whether the chain leaves the anchor out.
    pub(crate) const fn is_omitted(&self) -> bool {
        matches!(self.root, Root::Omitted(_))
    }

    /// The certificate that the path starts with, where somebody vouches for it. It was read before.
    pub(crate) fn anchor_der(&self, chain: &Chain<'t>) -> Option<&'t [u8]> {
        match self.root {
            Root::Omitted(anchor) => Some(anchor),
            Root::Anchored(index) => chain.certificate_ders().nth(index.into()),
            Root::Sent | Root::Unknown => None,
        }
    }

    /// The first certificate of the chain that is below the root.
    #[inline(never)]
    pub(crate) const fn first_judged(&self) -> u16 {
        match self.root {
            Root::Anchored(index) => index + 1,
            Root::Sent => 1,
            Root::Omitted(_) | Root::Unknown => 0,
        }
    }

    /// Which of the anchors the path starts with.
    pub(crate) fn anchor_index(&self) -> Option<usize> {
        self.anchor.ok()
    }

    pub(crate) fn check_anchor(
        &self,
        chain: &Chain<'t>,
        anchor: Option<&Certificate<'_>>,
        profile: Profile,
        ledger: &mut Ledger<'_>,
    ) -> Ending {
        match self.anchor {
            Err(rule) => ledger.ask(rule, false),
            // Not so: an anchor that could not be read is none.
            Ok(_) if anchor.is_none() => ledger.ask(Rule::NotChecked, false),
            Ok(_) => ledger.ask(Rule::UnknownAuthority, true),
        };
        // A leaf that is its own anchor issues nothing.
        let issues = self.first_judged() < chain.certificate_count();
        if let Some(anchor) = anchor.filter(|_| issues) {
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

    pub(crate) fn check_root(&self, chain: &Chain<'_>, ledger: &mut Ledger<'_>) -> Ending {
        let is_self_issued =
            |der| Certificate::read_again(der).as_ref().is_ok_and(Certificate::is_self_issued);
        let first_is_self_issued = || chain.certificate_ders().next().is_some_and(is_self_issued);
        ledger.turn_to(Some(0));
        match self.root {
            Root::Omitted(_) => {
                ledger.ask(Rule::RootHash, true);
            }
            Root::Anchored(0) if self.has_root => {
                ledger.ask(Rule::RootHash, true);
            }
            _ if self.has_root => {
                ledger.ask(Rule::RootHash, true);
                ledger.ask(Rule::RootNotSelfIssued, first_is_self_issued());
            }
            Root::Unknown if self.anchor == Err(Rule::RootCertificateNeeded) => {
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
fn anchored(
    anchors: &[Anchor<'_>],
    first: &[u8],
    chain: &Chain<'_>,
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
        found = if *algorithm == chain.context().hash {
            find(Some(chain.root_hash()))
        } else {
            let computed = find(None).and_then(|_| provider.hash.digest(*algorithm, &[first]).ok());
            computed.and_then(|computed| find(Some(computed.as_bytes())))
        }
        .or(found);
    }
    found
}

/// The first certificate of the chain that is an anchor below the root, and which; never the leaf.
fn intermediate(anchors: &[Anchor<'_>], chain: &Chain<'_>) -> Option<(u16, usize)> {
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

#[cfg(test)]
mod tests {
    use super::{Anchor, HashAlgorithm, Rule};
    use crate::appraisal::{Appraisal, Outcome, Verdict};
    use crate::error::{ChainError, Check};
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

    fn bytes_and_policy<R>(
        root_hash_of: &[u8],
        sent: &[Vec<u8>],
        anchors: &[Anchor<'_>],
        check: impl FnOnce(Appraisal<'_>) -> R,
    ) -> R {
        let bytes = structure(root_hash_of, sent);
        check(
            Policy::new(&PROVIDER, anchors, ValidityCheck::Unchecked)
                .appraise(&parse(&bytes).unwrap()),
        )
    }

    #[test]
    fn an_intermediate_authority_as_anchor() {
        let all = certificates(2);
        let anchor =
            [Anchor::RootHash { hash: HASH, digest: &[0; 32] }, Anchor::Intermediate(&all[1])];
        // In a chain with its root, in one without it, and as the first that RootHash names.
        for (root_hash_of, sent) in [(0, 0), (0, 1), (1, 1)] {
            let trusted =
                bytes_and_policy(&all[root_hash_of], &all[sent..], &anchor, |appraisal| {
                    appraisal.into_trusted().map(|trusted| trusted.anchor_index())
                });
            assert_eq!(trusted, Ok(Some(1)));
        }
        // Nothing above it is judged, but the root must be the one that RootHash names.
        let mut forged = all.clone();
        forged[0] = Template::authority("Root", "Root").with(&[]).signed_by("Mallory");
        assert_eq!(outcomes(&forged[0], &forged, &anchor), [Outcome::Pass; 3]);
        let expected = [bad_root(Rule::RootHash), Outcome::Pass, Outcome::Pass];
        assert_eq!(outcomes(&all[0], &forged, &anchor), expected);
        let expected = [bad_root(Rule::RootHash), Outcome::Pass, Outcome::Pass];
        assert_eq!(outcomes(b"other", &all, &anchor), expected);
        // What is below it is.
        let mut forged = all.clone();
        forged[2] = Template::authority("CA 1", "CA 2").signed_by("Mallory");
        let error = ChainError::new(Check::Signatures, Rule::Signature).in_certificate(2);
        let expected = [Outcome::Pass, Outcome::Pass, Outcome::Fail(error)];
        assert_eq!(outcomes(&forged[0], &forged, &anchor), expected);
    }

    #[test]
    fn an_intermediate_anchor_must_be_in_the_chain_above_the_leaf() {
        let all = certificates(1);
        let unknown = untrusted(Rule::UnknownAuthority);
        let leaf = [Anchor::Intermediate(&all[2])];
        assert_eq!(outcomes(&all[0], &all, &leaf), [Outcome::Pass, unknown, Outcome::Pass]);
        let omitted = [Anchor::Intermediate(&all[1])];
        let skipped = Outcome::Skipped;
        assert_eq!(outcomes(&all[1], &all[2..], &omitted), [skipped, unknown, skipped]);
        // As an ordinary anchor it is the root or nothing.
        let root = [Anchor::Certificate(&all[1])];
        assert_eq!(outcomes(&all[0], &all, &root), [Outcome::Pass, unknown, Outcome::Pass]);
        assert_eq!(outcomes(&all[1], &all[2..], &root), [Outcome::Pass; 3]);
    }

    #[test]
    fn a_bad_chain_is_not_an_unknown_authority() {
        let all = certificates(1);
        let mut bad = all.clone();
        bad[2] = Template::leaf("CA 1").signed_by("Mallory");
        let other = Template::authority("Other", "Other").signed_by("Other");
        let (known, unknown) = ([Anchor::Certificate(&all[0])], [Anchor::Certificate(&other)]);
        let verdict = |sent: &[Vec<u8>], anchors: &[Anchor<'_>]| {
            bytes_and_policy(&all[0], sent, anchors, |appraisal| match appraisal.verdict() {
                Verdict::Trusted(trusted) => Ok(trusted.anchor_index()),
                Verdict::UnknownAuthority(error) => Err(("unknown authority", error.rule)),
                Verdict::BadChain(error) => Err(("bad chain", error.rule)),
            })
        };
        assert_eq!(verdict(&all, &known), Ok(Some(0)));
        for sent in [&all[..], &all[1..]] {
            let unknown_authority = Err(("unknown authority", Rule::UnknownAuthority));
            assert_eq!(verdict(sent, &unknown), unknown_authority);
            assert_eq!(verdict(sent, &[]), Err(("unknown authority", Rule::NoTrustAnchor)));
        }
        for anchors in [&known[..], &unknown, &[]] {
            assert_eq!(verdict(&bad, anchors), Err(("bad chain", Rule::Signature)));
        }
    }
}
