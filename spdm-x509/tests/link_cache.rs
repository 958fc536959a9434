//! Signatures of links are verified once, whatever chain they come in; and nothing is trusted that would not be
//! without the cache.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests: a panic is the failure")]

#[path = "../src/testing.rs"]
#[expect(dead_code, reason = "shared with the tests of the crate itself")]
mod testing;

use std::sync::Mutex;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, HashAlgorithm, Invalid, Provider, Signed, Verify};
use spdm_x509::{
    Anchor, ChainError, Check, LinkCache, LinkId, LinkTable, Policy, Revocation, Revocations, Rule,
    SanPolicy, ValidityCheck, X509Certificate,
};
use test_counting::{COUNTING, verified};
use testing::{Template, certificates, name, parse, structure, tlv};

const NOW: u64 = 1_790_000_000;

/// A table that threads can share; counts what is stored.
#[derive(Debug, Default)]
struct Shared(Mutex<(LinkTable<64>, usize)>);

impl LinkCache for Shared {
    fn contains(&self, link: &LinkId) -> bool {
        self.0.lock().unwrap().0.contains(link)
    }

    fn insert(&self, link: &LinkId) {
        let mut shared = self.0.lock().unwrap();
        shared.0.insert(link);
        shared.1 += 1;
    }
}

impl Shared {
    fn stored(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

/// Verified signatures, and what came of the chain under the anchor `root`.
fn validate(sent: &[Vec<u8>], cache: &Shared) -> (usize, Result<(), ChainError>) {
    judge(sent.first().unwrap(), sent, |policy| policy, cache)
}

fn judge(
    root: &[u8],
    sent: &[Vec<u8>],
    change: impl Fn(Policy<'_>) -> Policy<'_>,
    cache: &Shared,
) -> (usize, Result<(), ChainError>) {
    let bytes = structure(root, sent);
    let chain = parse(&bytes).unwrap();
    let anchors = [Anchor::Certificate(root)];
    let policy = change(Policy::new(&COUNTING, &anchors, ValidityCheck::At(NOW)));
    let plain = policy.validate(&chain).map(drop);
    verified();
    let cached = Policy { link_cache: Some(cache), ..policy }.validate(&chain).map(drop);
    assert_eq!(cached, plain, "a cache changes no verdict");
    (verified(), cached)
}

/// A device of `CA 1`.
fn device(serial: u8) -> Vec<Vec<u8>> {
    let mut sent = certificates(1);
    let mut leaf = Template::leaf("CA 1");
    leaf.serial = tlv(2, &[&[serial]]);
    *sent.last_mut().unwrap() = leaf.signed_by("CA 1");
    sent
}

fn refused(check: Check, rule: Rule) -> Option<(Check, Rule)> {
    Some((check, rule))
}

#[test]
fn another_device_of_an_authority_costs_one_link_and_a_known_one_none() {
    let cache = Shared::default();
    assert_eq!(validate(&device(1), &cache), (2, Ok(())));
    for serial in 2..20 {
        assert_eq!(validate(&device(serial), &cache), (1, Ok(())));
    }
    assert_eq!(validate(&device(1), &cache), (0, Ok(())));
    // Each link was stored once: that of the authority, and one for each device.
    assert_eq!(cache.stored(), 20);
}

#[test]
fn what_does_not_verify_is_not_stored() {
    let cache = Shared::default();
    let mut forged = device(1);
    *forged.last_mut().unwrap() = Template::leaf("CA 1").signed_by("Mallory");
    for expected in [2, 1, 1] {
        let (verified, result) = validate(&forged, &cache);
        assert_eq!(verified, expected);
        let error = result.map_err(|error| (error.check, error.rule)).err();
        assert_eq!(error, refused(Check::Signatures, Rule::Signature));
        assert_eq!(cache.stored(), 1, "only the authority's link");
    }
}

#[test]
fn every_byte_of_a_certificate_counts() {
    let cache = Shared::default();
    let sent = device(1);
    assert_eq!(validate(&sent, &cache), (2, Ok(())));
    // Other signatures on the same leaf, and leaves with the same signature.
    let leaf = sent.last().unwrap();
    for at in 0..leaf.len() {
        let mut changed = sent.clone();
        *changed.last_mut().unwrap().get_mut(at).unwrap() ^= 1;
        let bytes = structure(sent.first().unwrap(), &changed);
        let Ok(chain) = parse(&bytes) else { continue };
        let anchors = [Anchor::Certificate(sent.first().unwrap())];
        let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
        let policy = Policy { link_cache: Some(&cache), ..policy };
        assert!(policy.validate(&chain).is_err(), "byte {at}");
    }
}

#[test]
fn a_link_is_that_of_one_issuer_key() {
    let cache = Shared::default();
    let sent = certificates(1);
    assert_eq!(validate(&sent, &cache), (2, Ok(())));
    // A root of the same name with another key never signed the authority.
    let twin = Template { subject: name("Root"), ..Template::authority("Root", "Twin") };
    let twin = twin.signed_by("Twin");
    let (verified, result) = judge(&twin, sent.get(1..).unwrap(), |policy| policy, &cache);
    assert_eq!(verified, 1);
    let error = result.map_err(|error| (error.check, error.rule)).err();
    assert_eq!(error, refused(Check::Signatures, Rule::Signature));
}

#[test]
fn everything_else_is_judged_each_time() {
    let cache = Shared::default();
    let sent = device(1);
    let root = sent.first().unwrap();
    assert_eq!(validate(&sent, &cache), (2, Ok(())));
    let error = |change: &dyn Fn(Policy<'_>) -> Policy<'_>| {
        let (verified, result) = judge(root, &sent, change, &cache);
        assert_eq!(verified, 0, "the links are known");
        result.map_err(|error| (error.check, error.rule)).err()
    };
    let late = ValidityCheck::At(u64::MAX);
    let expired = error(&|policy| Policy { validity: late, ..policy });
    assert_eq!(expired, refused(Check::Certificates, Rule::Expired));
    let san = SanPolicy::Dmtf { pattern: "nobody:*:*" };
    let named = error(&|policy| Policy { san, ..policy });
    assert_eq!(named, refused(Check::San, Rule::SanMissing));
    let issuer: &'static [u8] = name("CA 1").leak();
    let revoked: &'static [_] = vec![Revocation::Certificate { issuer, serial: &[1] }].leak();
    let revocations = Revocations::new(revoked);
    let withdrawn = error(&|policy| Policy { revocations, ..policy });
    assert_eq!(withdrawn, refused(Check::Certificates, Rule::Revoked));
    // Where nobody vouches for the root, its own signature is looked at, too.
    let (verified, result) = judge(root, &sent, |policy| Policy { anchors: &[], ..policy }, &cache);
    assert_eq!(verified, 1);
    let error = result.map_err(|error| (error.check, error.rule)).err();
    assert_eq!(error, refused(Check::Anchor, Rule::NoTrustAnchor));
}

/// Accepts nothing of one kind.
#[derive(Debug)]
enum Narrow {
    /// The algorithm.
    Algorithm,
    /// The key of this certificate.
    KeyOf(Vec<u8>),
}

impl Verify for Narrow {
    fn supports(&self, asym: AsymAlgorithm, hash: HashAlgorithm) -> bool {
        !matches!(self, Self::Algorithm) && PROVIDER.supports(asym, hash)
    }

    fn check_key(&self, asym: AsymAlgorithm, key: &[u8]) -> Result<(), Invalid> {
        match self {
            Self::KeyOf(refused) if refused == key => Err(Invalid),
            _ => PROVIDER.check_key(asym, key),
        }
    }

    fn verify(
        &self,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
        key: &[u8],
        signed: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), Invalid> {
        self.check_key(asym, key)?;
        PROVIDER.verify(asym, hash, key, signed, signature)
    }
}

#[test]
fn a_narrower_provider_refuses_what_it_would_refuse_without_the_cache() {
    let cache = Shared::default();
    let sent = device(1);
    let (root, authority) = (sent.first().unwrap(), sent.get(1).unwrap());
    assert_eq!(validate(&sent, &cache), (2, Ok(())));
    let authority = X509Certificate::parse(spdm_untrusted::Untrusted::new(authority)).unwrap();
    for (narrow, rule) in [
        (Narrow::Algorithm, Rule::UnsupportedAsym),
        (Narrow::KeyOf(authority.key().to_vec()), Rule::Signature),
    ] {
        let narrow: &'static dyn Verify = Box::leak(Box::new(narrow));
        let verifiers: &'static [&'static dyn Verify] = vec![narrow].leak();
        let provider = Provider { verifiers, ..PROVIDER };
        let anchors = [Anchor::Certificate(root)];
        let bytes = structure(root, &sent);
        let chain = parse(&bytes).unwrap();
        let caches: [Option<&dyn LinkCache>; 2] = [None, Some(&cache)];
        for link_cache in caches {
            let policy = Policy::new(&provider, &anchors, ValidityCheck::At(NOW));
            let result = Policy { link_cache, ..policy }.validate(&chain);
            let error = result.map_err(|error| (error.check, error.rule)).err();
            assert_eq!(error, refused(Check::Signatures, rule));
        }
    }
}

#[test]
fn threads_share_it() {
    fn shared<T: Send + Sync>(_: &T) {}
    let cache = Shared::default();
    let policy = Policy::new(&PROVIDER, &[], ValidityCheck::Unchecked);
    shared(&Policy { link_cache: Some(&cache), ..policy });
    std::thread::scope(|scope| {
        for serial in 1..5 {
            let cache = &cache;
            scope.spawn(move || assert_eq!(validate(&device(serial), cache).1, Ok(())));
        }
    });
    assert_eq!(validate(&device(4), &cache), (0, Ok(())));
}

#[cfg(feature = "std")]
#[test]
fn a_table_behind_a_mutex_is_a_cache() {
    let cache = Mutex::new(LinkTable::<8>::new());
    let sent = device(1);
    let (root, bytes) = (sent.first().unwrap(), structure(sent.first().unwrap(), &sent));
    let chain = parse(&bytes).unwrap();
    let anchors = [Anchor::Certificate(root)];
    let policy = Policy::new(&COUNTING, &anchors, ValidityCheck::At(NOW));
    let policy = Policy { link_cache: Some(&cache), ..policy };
    for expected in [2, 0] {
        verified();
        assert!(policy.validate(&chain).is_ok());
        assert_eq!(verified(), expected);
    }
}
