//! Every field of a good chain is changed in every way; the issuer signs what came of it. Which mutants are
//! trusted is written down: one more is a hole, one less is a device that is refused.

use std::collections::BTreeSet;

use spdm_codec::PciIdentity;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, ChainError, Policy, SanPolicy, ValidityCheck, X509Certificate};

use crate::good::{NOW, certificates};
use crate::testing::{ASYM, parse, sign, structure, tlv};
use crate::tree::{Change, Node, paths};

/// A chain with one change.
pub(crate) struct Mutant {
    /// `leaf.subject/0/0/1 FlipLast`.
    pub(crate) name: String,
    /// Which certificate was changed.
    pub(crate) index: usize,
    pub(crate) certificates: [Vec<u8>; 3],
}

const SUBJECTS: [&str; 3] = ["root", "ca", "leaf"];
const FIELDS: [&str; 8] = [
    "version",
    "serialNumber",
    "signature",
    "issuer",
    "validity",
    "subject",
    "subjectPublicKeyInfo",
    "extensions",
];

/// Every mutant of the authority and of the leaf of a good chain.
pub(crate) fn mutants(good: &[Vec<u8>; 3]) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (index, signer) in [(1, "Root"), (2, "CA")] {
        let tree = Node::parse_all(&good[index]).unwrap();
        assert_eq!(Node::write_all(&tree), good[index]);
        let [tbs, ..] = tree[0].nodes() else { panic!("a certificate") };
        for path in paths(core::slice::from_ref(tbs)) {
            for change in Change::ALL {
                let mut changed = vec![tbs.clone()];
                if change.apply(&mut changed, &path) {
                    let mut certificates = good.clone();
                    certificates[index] = signed(&Node::write_all(&changed), signer, &tree);
                    mutants.push(mutant(index, &path, change, certificates));
                }
            }
        }
        // What the signature does not cover.
        for path in paths(&tree).into_iter().filter(|path| path.get(..2) != Some(&[0, 0])) {
            for change in Change::ALL {
                let mut changed = tree.clone();
                if change.apply(&mut changed, &path) {
                    let mut certificates = good.clone();
                    certificates[index] = Node::write_all(&changed);
                    let name = format!("{}{path:?} {change:?}", SUBJECTS[index]);
                    mutants.push(Mutant { name, index, certificates });
                }
            }
        }
    }
    mutants
}

/// The TBSCertificate with a new signature and the old signatureAlgorithm.
fn signed(tbs: &[u8], signer: &str, old: &[Node]) -> Vec<u8> {
    let mut algorithm = Vec::new();
    old[0].nodes()[1].write(&mut algorithm);
    let signature = tlv(0x03, &[&[0], &sign(ASYM, signer, tbs)]);
    tlv(0x30, &[tbs, &algorithm, &signature])
}

fn mutant(index: usize, path: &[usize], change: Change, certificates: [Vec<u8>; 3]) -> Mutant {
    let certificate = SUBJECTS[index];
    let field = path.get(1).map_or("tbsCertificate", |field| FIELDS[*field]);
    let below: String = path.iter().skip(2).map(|place| format!("/{place}")).collect();
    Mutant { name: format!("{certificate}.{field}{below} {change:?}"), index, certificates }
}

/// What a policy that looks at everything says.
pub(crate) fn validate(certificates: &[Vec<u8>; 3]) -> Result<(), ChainError> {
    let bytes = structure(&certificates[0], certificates);
    let anchors = [Anchor::Certificate(&certificates[0])];
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
    let chain = parse(&bytes)?;
    let identity: PciIdentity = "1af4:0010:010802:02".parse().unwrap();
    for san in [SanPolicy::Dmtf { pattern: "ACME:*:*" }, SanPolicy::PciCma(identity)] {
        Policy { san, ..policy }.validate(&chain)?;
    }
    // The same with the root left out.
    let bytes = structure(&certificates[0], &certificates[1..]);
    policy.validate(&parse(&bytes)?).map(drop)
}

/// The mutants that mean the same, or something else that is as good.
const HARMLESS: &str = include_str!("accepted.txt");

#[test]
fn the_good_chain_is_trusted() {
    assert_eq!(validate(&certificates()), Ok(()));
}

#[test]
fn exactly_the_harmless_mutants_are_trusted() {
    let mutants = mutants(&certificates());
    assert!(mutants.len() > 1500, "{} mutants", mutants.len());
    let trusted = mutants.iter().filter(|mutant| validate(&mutant.certificates).is_ok());
    let trusted: BTreeSet<&str> = trusted.map(|mutant| mutant.name.as_str()).collect();
    let harmless: BTreeSet<&str> =
        HARMLESS.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let holes: Vec<_> = trusted.difference(&harmless).collect();
    assert!(holes.is_empty(), "trusted:\n{}", lines(&holes));
    let gone: Vec<_> = harmless.difference(&trusted).collect();
    assert!(gone.is_empty(), "no longer trusted:\n{}", lines(&gone));
}

fn lines(names: &[&&str]) -> String {
    names.iter().map(|name| format!("{name}\n")).collect()
}

/// An error in a certificate's encoding names the certificate and a byte in it.
#[test]
fn a_refused_mutant_says_where() {
    let good = certificates();
    for mutant in mutants(&good) {
        let Err(error) = validate(&mutant.certificates) else { continue };
        assert!(!error.field.is_empty());
        let Some(at) = error.at else { continue };
        // The length of a certificate may be what was changed.
        let name = &mutant.name;
        let first = 36 + mutant.certificates[..mutant.index].iter().map(Vec::len).sum::<usize>();
        assert!(at >= first || at >= first - good[0].len(), "{name}: {error:?}");
        assert!(error.certificate.is_some(), "{name}: {error:?}");
    }
}

/// No prefix of a certificate, and no byte more, is a certificate.
#[test]
fn every_prefix_of_every_certificate_is_refused() {
    for der in certificates() {
        for len in 0..der.len() {
            assert!(X509Certificate::parse(Untrusted::new(&der[..len])).is_err(), "{len}");
        }
        for more in [&[0][..], &[5, 0]] {
            let longer = [&der[..], more].concat();
            assert!(X509Certificate::parse(Untrusted::new(&longer)).is_err());
        }
    }
}
