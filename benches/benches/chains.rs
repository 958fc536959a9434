//! What a policy costs beyond the signatures, and how long the largest hostile chains take before any.
//!
//! ```text
//! cargo bench --manifest-path benches/Cargo.toml --bench chains
//! ```
#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use core::hint::black_box;
use core::time::Duration;
use std::time::Instant;

use spdm_codec::SpdmVersion;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{
    AsymAlgorithm, EcCurve, HashAlgorithm, Invalid, Provider, Sign as _, Signed, Verify,
};
use spdm_untrusted::Untrusted;
use spdm_x509::{
    Anchor, Chain, ChainContext, ChainError, ChainLimits, Policy, Rule, SanPolicy, ValidityCheck,
    X509Certificate,
};

#[path = "../../spdm-x509/src/testing.rs"]
#[allow(dead_code, reason = "shared with the tests of spdm-x509")]
mod testing;

use testing::{
    CONTEXT, NAME_CONSTRAINTS, TRUE, Template, certificates_for, directory_subtrees, dmtf,
    extension, key_for, name, other_name, structure_for, subject_alt_name, tlv,
};

const ASYM: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P384);
const HASH: HashAlgorithm = HashAlgorithm::Sha384;
const NOW: u64 = 1_790_000_000;
const MIB: usize = 0x10_0000;

fn main() {
    // Under `cargo test --benches` nothing is measured.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    cost_beyond_signatures();
    println!();
    hostile();
}

fn context() -> ChainContext {
    ChainContext::new(CONTEXT.slot, SpdmVersion::V1_4, CONTEXT.model, ASYM, HASH)
}

/// Both in turns, so that what else the machine does hits both: the medians.
fn medians(count: usize, mut a: impl FnMut(), mut b: impl FnMut()) -> [Duration; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..count {
        let start = Instant::now();
        a();
        let between = Instant::now();
        b();
        times[0].push(between - start);
        times[1].push(between.elapsed());
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

fn cost_beyond_signatures() {
    let sent = certificates_for(ASYM, 1);
    let bytes = structure_for(HASH, &sent[0], &sent);
    let anchors = [Anchor::Certificate(&sent[0])];
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
    let validate = || {
        let chain = Chain::parse(Untrusted::new(black_box(&bytes)), context(), &PROVIDER).unwrap();
        black_box(policy.validate(&chain)).unwrap();
    };
    // The signatures of the authority and of the leaf, the digests of the chain and of the root.
    let signed: Vec<_> = [(1, "Root"), (2, "CA 1")]
        .into_iter()
        .map(|(index, signer)| {
            let tbs = tbs(&sent[index]).to_vec();
            let key = key_for(ASYM, signer);
            let mut signature = vec![0; ASYM.signature_len()];
            let message = Signed::Message { bytes: &tbs, context: &[] };
            key.sign(HASH, message, &mut signature).unwrap();
            (tbs, key.public_key().to_vec(), signature)
        })
        .collect();
    let signatures = || {
        for (tbs, key, signature) in black_box(&signed) {
            let message = Signed::Message { bytes: tbs, context: &[] };
            PROVIDER.verify(ASYM, HASH, key, message, signature).unwrap();
        }
        for part in [&bytes, &sent[0]] {
            black_box(PROVIDER.hash.digest(HASH, &[black_box(part)])).unwrap();
        }
    };
    let [whole, least] = medians(500, validate, signatures);
    println!("3 certificates, ECDSA P-384, SHA-384, {} bytes", bytes.len());
    println!("  parse and validate                     {:9.1} us", micros(whole));
    println!("  2 signatures, digests of chain and root{:9.1} us", micros(least));
    println!(
        "  on top                                 {:9.1} %",
        (micros(whole) / micros(least) - 1.0) * 100.0
    );
}

/// The TBSCertificate: the first element in the certificate.
fn tbs(certificate: &[u8]) -> &[u8] {
    let [content, _] = element(certificate);
    let [_, tbs] = element(content);
    tbs
}

/// The content of the first element, and the whole element.
fn element(bytes: &[u8]) -> [&[u8]; 2] {
    let (header, len) = match *bytes {
        [_, 0x82, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
        [_, 0x81, len, ..] => (3, usize::from(len)),
        [_, len, ..] => (2, usize::from(len)),
        _ => panic!("no element"),
    };
    [&bytes[header..header + len], &bytes[..header + len]]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Checks keys, and finds no signature valid, at once.
#[derive(Debug)]
struct NoSignature;

impl Verify for NoSignature {
    fn supports(&self, asym: AsymAlgorithm, hash: HashAlgorithm) -> bool {
        PROVIDER.supports(asym, hash)
    }

    fn verify(
        &self,
        _: AsymAlgorithm,
        _: HashAlgorithm,
        _: &[u8],
        _: Signed<'_>,
        _: &[u8],
    ) -> Result<(), Invalid> {
        Err(Invalid)
    }

    fn check_key(&self, asym: AsymAlgorithm, key: &[u8]) -> Result<(), Invalid> {
        PROVIDER.check_key(asym, key)
    }
}

static NO_SIGNATURE: NoSignature = NoSignature;
static VERIFIERS: [&dyn Verify; 1] = [&NO_SIGNATURE];

/// A certificate that `grow` makes about a mebibyte long, in the place of the root, of the authority and of
/// the leaf of a chain.
fn grown(grow: impl Fn(&mut Template)) -> Vec<Vec<Vec<u8>>> {
    let templates = || {
        [
            Template::authority("Root", "Root").keyed(ASYM, "Root"),
            Template::authority("Root", "CA 1").keyed(ASYM, "CA 1"),
            Template::leaf("CA 1").keyed(ASYM, "Leaf"),
        ]
    };
    let chain = |index: usize| {
        let mut templates = templates();
        grow(&mut templates[index]);
        templates.iter().zip(["Root", "Root", "CA 1"]).map(|(t, by)| t.signed_by(by)).collect()
    };
    (0..3).map(chain).collect()
}

fn hostile() {
    let add = |extension: Vec<u8>| move |t: &mut Template| t.extensions.push(extension.clone());
    let names = |name: Vec<u8>| subject_alt_name(&vec![name.clone(); (MIB - 0x1000) / name.len()]);
    let dmtf_name = other_name(&dmtf(1), 0x0C, "ACME:WIDGET:0123");
    let attribute = tlv(0x30, &[&tlv(6, &[&[0x55, 4, 3]]), &tlv(0x0C, &[b"x"])]);
    let subject = |attributes: Vec<u8>| tlv(0x30, &[&attributes]);
    let sets = tlv(0x31, &[&attribute]);
    // Each counts once in the certificate, and the list is behind it.
    let most_names = X509Certificate::MAX_ELEMENTS - 400;
    let constrained = {
        let mut sent = certificates_for(ASYM, 1);
        let mut authority = Template::authority("Root", "CA 1").keyed(ASYM, "CA 1");
        let many = vec!["Lea"; 15];
        let constraints = directory_subtrees(&["Leaf"], &many);
        authority.extensions.push(extension(NAME_CONSTRAINTS, TRUE, &constraints));
        let mut leaf = Template::leaf("CA 1").keyed(ASYM, "Leaf");
        let elements = X509Certificate::MAX_ELEMENTS / 2 - 200;
        leaf.extensions.push(subject_alt_name(&vec![tlv(0xA4, &[&name("Leaf")]); elements / 6]));
        leaf.extensions.push(extension(&[0x2A], &[], &vec![0x5A; MIB - 0x1_8000]));
        sent[1] = authority.signed_by("Root");
        sent[2] = leaf.signed_by("CA 1");
        vec![sent]
    };
    let minimal = {
        let leaf = certificates_for(ASYM, 0).pop().unwrap();
        let root = certificates_for(ASYM, 0).remove(0);
        let count = (MIB - 0x1000) / root.len();
        vec![[vec![root; count], vec![leaf]].concat()]
    };
    let inputs = [
        ("as many certificates as fit", minimal),
        ("DMTF names", grown(add(names(dmtf_name)))),
        ("the smallest names", grown(add(names(vec![0x82, 0])))),
        (
            "as many names as are read",
            grown(add(subject_alt_name(&vec![vec![0x82, 0]; most_names]))),
        ),
        ("an unknown extension", grown(add(extension(&[0x2A], &[], &vec![0x5A; MIB - 0x1000])))),
        (
            "attributes, one in a set",
            grown(|t| t.subject = subject(sets.repeat((MIB - 0x1000) / sets.len()))),
        ),
        (
            "attributes in one set",
            grown(|t| {
                t.subject =
                    subject(tlv(0x31, &[&attribute.repeat((MIB - 0x1000) / attribute.len())]));
            }),
        ),
        ("a serial number", grown(|t| t.serial = tlv(2, &[&vec![0x11; MIB - 0x1000]]))),
        ("constrained names, unknown extension", constrained),
    ];
    let provider = Provider { verifiers: &VERIFIERS, ..PROVIDER };
    println!("chains of 1 MiB, before any signature check (longest of its places; fastest of 9)");
    for (what, chains) in inputs {
        let slowest = chains.iter().map(|sent| fastest(&provider, sent)).max_by_key(|(t, _)| *t);
        let (time, rule) = slowest.unwrap();
        println!("  {what:38} {:6.2} ms  {rule:?}", time.as_secs_f64() * 1e3);
    }
    let hundred = certificates_for(ASYM, 98);
    for (what, provider) in [("", &provider), (" and 99 signatures", &PROVIDER)] {
        let what = format!("100 certificates{what}");
        let (time, rule) = fastest(provider, &hundred);
        println!("  {what:38} {:6.2} ms  {rule:?}", time.as_secs_f64() * 1e3);
    }
}

/// The time, and the rule that is broken: the signatures, or one that comes before.
fn fastest(provider: &Provider, sent: &[Vec<u8>]) -> (Duration, Rule) {
    let bytes = structure_for(HASH, &sent[0], sent);
    assert!(bytes.len() <= MIB, "{}", bytes.len());
    let measure = |_| {
        let start = Instant::now();
        let error = validate(provider, &sent[0], black_box(&bytes)).unwrap_err();
        (start.elapsed(), error.rule)
    };
    (0..9).map(measure).min_by_key(|(time, _)| *time).unwrap()
}

fn validate(provider: &Provider, root: &[u8], bytes: &[u8]) -> Result<(), ChainError> {
    // A thousand pinned digests of another hash cost one digest.
    let digest = [0x77; 32];
    let pinned = Anchor::RootHash { hash: HashAlgorithm::Sha256, digest: &digest };
    let anchors = [&[pinned; 1000][..], &[Anchor::Certificate(root)]].concat();
    let policy = Policy {
        limits: ChainLimits { max_certificates: 100, ..ChainLimits::DEFAULT },
        san: SanPolicy::Dmtf { pattern: "*:*:*" },
        ..Policy::new(provider, &anchors, ValidityCheck::At(NOW))
    };
    let chain = Chain::parse(Untrusted::new(bytes), context(), provider)?;
    policy.validate(&chain).map(drop)
}
