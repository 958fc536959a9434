//! Trust anchors.

use spdm_crypto::HashAlgorithm;

/// A certificate authority that the caller trusts.
///
/// Of an anchor its name and key count, and what [`Profile::anchor`](crate::Profile::anchor) says; its own validity and signature are
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
    /// there, and nothing above is checked. RootHash is then held against the chain's own first certificate,
    /// where that is self-issued, and not against an anchor.
    Intermediate(&'a [u8]),
}

#[cfg(test)]
mod tests {
    use super::{Anchor, HashAlgorithm};
    use crate::appraisal::{Appraisal, Conclusion};
    use crate::check::Check;
    use crate::error::ChainError;
    use crate::outcome::CheckOutcome;
    use crate::policy::{Policy, ValidityCheck};
    use crate::rule::Rule;
    use crate::testing::{HASH, Template, certificates, parse, structure};
    use spdm_crypto::rustcrypto::PROVIDER;
    use std::vec::Vec;

    /// Root, anchor and signature outcome of `sent` under `anchors`, with the digest of `root` in it.
    fn outcomes(root: &[u8], sent: &[Vec<u8>], anchors: &[Anchor<'_>]) -> [CheckOutcome; 3] {
        let bytes = structure(root, sent);
        let chain = parse(&bytes).unwrap();
        let policy = Policy::new(&PROVIDER, anchors, ValidityCheck::Unchecked);
        let appraisal: Appraisal<'_> = policy.appraise(&chain);
        let outcomes =
            [Check::Root, Check::Anchor, Check::Signatures].map(|check| appraisal.outcome(check));
        assert_eq!(appraisal.into_trusted().is_ok(), outcomes == [CheckOutcome::Pass; 3]);
        outcomes
    }

    fn untrusted(rule: Rule) -> CheckOutcome {
        CheckOutcome::Fail(ChainError::new(Check::Anchor, rule))
    }

    fn bad_root(rule: Rule) -> CheckOutcome {
        CheckOutcome::Fail(ChainError::new(Check::Root, rule).in_certificate(0))
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
        assert_eq!(outcomes(root, &sent, &certificate), [CheckOutcome::Pass; 3]);
        for hash in HashAlgorithm::ALL {
            let digest = digest(hash, root);
            let anchor = [Anchor::RootHash { hash, digest: &digest }];
            assert_eq!(outcomes(root, &sent, &anchor), [CheckOutcome::Pass; 3]);
            let cut = [Anchor::RootHash { hash, digest: &digest[..31] }];
            let unknown = untrusted(Rule::UnknownAuthority);
            assert_eq!(
                outcomes(root, &sent, &cut),
                [CheckOutcome::Pass, unknown, CheckOutcome::Pass]
            );
        }
    }

    #[test]
    fn an_anchor_is_not_verified_itself() {
        let mut sent = certificates(1);
        sent[0] = Template::authority("Root", "Root").signed_by("Nobody");
        let root = sent[0].as_slice();
        assert_eq!(outcomes(root, &sent, &[Anchor::Certificate(root)]), [CheckOutcome::Pass; 3]);
        let digest = digest(HASH, root);
        let anchor = Anchor::RootHash { hash: HASH, digest: &digest };
        assert_eq!(outcomes(root, &sent, &[anchor]), [CheckOutcome::Pass; 3]);
        let error = ChainError::new(Check::Signatures, Rule::Signature).in_certificate(0);
        let none = untrusted(Rule::NoTrustAnchor);
        assert_eq!(
            outcomes(root, &sent, &[]),
            [CheckOutcome::Pass, none, CheckOutcome::Fail(error)]
        );
    }

    #[test]
    fn nobody_vouches() {
        let sent = certificates(1);
        let root = sent[0].as_slice();
        let none = untrusted(Rule::NoTrustAnchor);
        assert_eq!(outcomes(root, &sent, &[]), [CheckOutcome::Pass, none, CheckOutcome::Pass]);
        let other = Template::authority("Root", "Root").signed_by("Other");
        let unknown = untrusted(Rule::UnknownAuthority);
        let anchors = [Anchor::Certificate(&other)];
        assert_eq!(
            outcomes(root, &sent, &anchors),
            [CheckOutcome::Pass, unknown, CheckOutcome::Pass]
        );
    }

    #[test]
    fn root_hash_of_something_else() {
        let sent = certificates(1);
        let root = sent[0].as_slice();
        let unknown = untrusted(Rule::UnknownAuthority);
        let expected = [bad_root(Rule::RootHash), unknown, CheckOutcome::Skipped];
        assert_eq!(outcomes(b"other", &sent, &[Anchor::Certificate(root)]), expected);
        // A certificate in the place of the root that somebody else issued.
        let expected = [bad_root(Rule::RootNotSelfIssued), unknown, CheckOutcome::Skipped];
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
        assert_eq!(outcomes(root, sent, &both), [CheckOutcome::Pass; 3]);
        assert_eq!(outcomes(root, sent, &both[1..]), [CheckOutcome::Pass; 3]);
        let needed = untrusted(Rule::RootCertificateNeeded);
        let skipped = CheckOutcome::Skipped;
        assert_eq!(outcomes(root, sent, &both[..1]), [skipped, needed, skipped]);
        let none = untrusted(Rule::NoTrustAnchor);
        assert_eq!(outcomes(root, sent, &[]), [skipped, none, skipped]);
        // The digest fits, but the anchor did not sign.
        let forged = Template::authority("Root", "CA 1").signed_by("Mallory");
        let sent = [forged, sent[1].clone()];
        let error = ChainError::new(Check::Signatures, Rule::Signature).in_certificate(0);
        let actual = outcomes(root, &sent, &[by_certificate]);
        assert_eq!(actual, [CheckOutcome::Pass, CheckOutcome::Pass, CheckOutcome::Fail(error)]);
    }

    #[test]
    fn an_anchor_must_be_a_certificate() {
        let sent = certificates(1).split_off(1);
        let junk = [0x30, 0x03, 0x02, 0x01, 0x00];
        let syntax = untrusted(Rule::AnchorSyntax);
        let expected = [CheckOutcome::Skipped, syntax, CheckOutcome::Skipped];
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
        // Nothing above it is checked, but the root must be the one that RootHash names.
        let mut forged = all.clone();
        forged[0] = Template::authority("Root", "Root").with(&[]).signed_by("Mallory");
        assert_eq!(outcomes(&forged[0], &forged, &anchor), [CheckOutcome::Pass; 3]);
        let expected = [bad_root(Rule::RootHash), CheckOutcome::Pass, CheckOutcome::Pass];
        assert_eq!(outcomes(&all[0], &forged, &anchor), expected);
        let expected = [bad_root(Rule::RootHash), CheckOutcome::Pass, CheckOutcome::Pass];
        assert_eq!(outcomes(b"other", &all, &anchor), expected);
        // What is below it is.
        let mut forged = all.clone();
        forged[2] = Template::authority("CA 1", "CA 2").signed_by("Mallory");
        let error = ChainError::new(Check::Signatures, Rule::Signature).in_certificate(2);
        let expected = [CheckOutcome::Pass, CheckOutcome::Pass, CheckOutcome::Fail(error)];
        assert_eq!(outcomes(&forged[0], &forged, &anchor), expected);
    }

    #[test]
    fn an_intermediate_anchor_must_be_in_the_chain_above_the_leaf() {
        let all = certificates(1);
        let unknown = untrusted(Rule::UnknownAuthority);
        let leaf = [Anchor::Intermediate(&all[2])];
        assert_eq!(
            outcomes(&all[0], &all, &leaf),
            [CheckOutcome::Pass, unknown, CheckOutcome::Pass]
        );
        let omitted = [Anchor::Intermediate(&all[1])];
        let skipped = CheckOutcome::Skipped;
        assert_eq!(outcomes(&all[1], &all[2..], &omitted), [skipped, unknown, skipped]);
        // As an ordinary anchor it is the root or nothing.
        let root = [Anchor::Certificate(&all[1])];
        assert_eq!(
            outcomes(&all[0], &all, &root),
            [CheckOutcome::Pass, unknown, CheckOutcome::Pass]
        );
        assert_eq!(outcomes(&all[1], &all[2..], &root), [CheckOutcome::Pass; 3]);
    }

    #[test]
    fn a_bad_chain_is_not_an_unknown_authority() {
        let all = certificates(1);
        let mut bad = all.clone();
        bad[2] = Template::leaf("CA 1").signed_by("Mallory");
        let other = Template::authority("Other", "Other").signed_by("Other");
        let (known, unknown) = ([Anchor::Certificate(&all[0])], [Anchor::Certificate(&other)]);
        let verdict = |sent: &[Vec<u8>], anchors: &[Anchor<'_>]| {
            bytes_and_policy(&all[0], sent, anchors, |appraisal| match appraisal.conclusion() {
                Conclusion::Trusted(trusted) => Ok(trusted.anchor_index()),
                Conclusion::UnknownAuthority(error) => Err(("unknown authority", error.rule)),
                Conclusion::BadChain(error) => Err(("bad chain", error.rule)),
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

    #[test]
    fn a_digest_is_one_of_the_hash_that_it_is_given_for() {
        let all = certificates(1);
        let (root, below) = all.split_first().unwrap();
        let digest = digest(HASH, root);
        let other_hash = HashAlgorithm::Sha3_256;
        let mislabelled = [Anchor::RootHash { hash: other_hash, digest: &digest }];
        let of_other_root = [Anchor::RootHash { hash: HASH, digest: &[7; 32] }];
        let unknown = untrusted(Rule::UnknownAuthority);
        let skipped = CheckOutcome::Skipped;
        for anchors in [&mislabelled, &of_other_root] {
            let expected = [CheckOutcome::Pass, unknown, CheckOutcome::Pass];
            assert_eq!(outcomes(root, &all, anchors), expected);
            // Nor is it the one of a root that the chain leaves out.
            assert_eq!(outcomes(root, below, anchors), [skipped, unknown, skipped]);
        }
        // A certificate that is not the root does not hide that the root is needed.
        let needed = untrusted(Rule::RootCertificateNeeded);
        let sent = [Template::authority("Other", "Other").signed_by("Other"), all[2].clone()];
        let anchors = [Anchor::RootHash { hash: HASH, digest: &digest }];
        assert_eq!(outcomes(root, &sent, &anchors), [skipped, needed, skipped]);
    }

    #[test]
    fn a_self_issued_intermediate_anchor_is_not_the_root_of_another_hash() {
        let all = certificates(1);
        let anchors = [Anchor::Intermediate(&all[0])];
        let expected = [bad_root(Rule::RootHash), CheckOutcome::Pass, CheckOutcome::Pass];
        assert_eq!(outcomes(b"other", &all, &anchors), expected);
        assert_eq!(outcomes(&all[0], &all, &anchors), [CheckOutcome::Pass; 3]);
    }

    #[test]
    fn an_appraisal_names_its_anchor() {
        let all = certificates(1);
        let other = Template::authority("Other", "Other").signed_by("Other");
        let anchors = [
            Anchor::Certificate(&other),
            Anchor::Certificate(&other),
            Anchor::Certificate(&all[0]),
        ];
        let index = |anchors: &[Anchor<'_>]| {
            bytes_and_policy(&all[0], &all, anchors, |appraisal| appraisal.anchor_index())
        };
        assert_eq!(index(&anchors), Some(2));
        assert_eq!(index(&anchors[..2]), None);
    }
}
