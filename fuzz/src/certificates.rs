//! Certificates and chains, mutated as the trees that they are, and signed again with hashes.

use std::sync::LazyLock;

use spdm_untrusted::Untrusted;
use spdm_x509::{
    Anchor, CertModel, Chain, ChainContext, ChainLimits, Policy, Profile, SanPolicy, ValidityCheck,
};
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::BasicConstraints;

use crate::good;
use crate::hashed::{HashedKey, PROVIDER};
use crate::testing::{ASYM, CONTEXT, Template, structure, tlv};
use crate::tree::{Change, Node, paths};

/// Where the certificates start: behind Length and RootHash.
const CERTIFICATES_AT: usize = 36;
/// Who signs which certificate of the good chain.
static SIGNERS: LazyLock<[HashedKey; 3]> =
    LazyLock::new(|| ["Root", "Root", "CA"].map(|name| HashedKey::of(ASYM, name)));
static GOOD: LazyLock<[Vec<u8>; 3]> = LazyLock::new(|| {
    let mut certificates = good::certificates();
    for (certificate, signer) in certificates.iter_mut().zip(&*SIGNERS) {
        *certificate = signer.sign_certificate(certificate).expect("the parts of a certificate");
    }
    certificates
});

/// A source of choices: what the fuzzer gives is a seed.
struct Choices(u64);

impl Choices {
    fn new(seed: u32) -> Self {
        Self(u64::from(seed) << 1 | 1)
    }

    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        usize::try_from(self.0 >> 33).unwrap_or(0) % count.max(1)
    }
}

/// Changes up to three nodes; `None` where there are none.
fn changed(mut nodes: Vec<Node>, choices: &mut Choices) -> Option<Vec<u8>> {
    for _ in 0..=choices.below(3) {
        let paths = paths(&nodes);
        let path = paths.get(choices.below(paths.len()))?;
        Change::ALL[choices.below(Change::ALL.len())].apply(&mut nodes, path);
    }
    Some(Node::write_all(&nodes))
}

/// Puts `bytes` where the fuzzer wants them.
fn put(data: &mut [u8], max_size: usize, bytes: &[u8]) -> Option<usize> {
    data.get_mut(..bytes.len().min(max_size))?
        .copy_from_slice(bytes.get(..max_size.min(bytes.len()))?);
    Some(bytes.len().min(max_size))
}

/// A mutator: of what are elements, some are changed; else `good` is what starts it.
pub fn mutate_tree(
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
    good: impl FnOnce() -> Vec<u8>,
) -> usize {
    let mut choices = Choices::new(seed);
    if choices.below(8) == 0 {
        return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    }
    let nodes = data.get(..size).and_then(Node::parse_all).filter(|nodes| !nodes.is_empty());
    let bytes = match nodes {
        Some(nodes) => changed(nodes, &mut choices).unwrap_or_default(),
        None => good(),
    };
    put(data, max_size, &bytes).unwrap_or(size)
}

/// A mutator of whole chains: header and RootHash fit again behind it, and mostly the signatures, too.
pub fn mutate_chain(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut choices = Choices::new(seed);
    if choices.below(16) == 0 {
        return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    }
    let certificates = data.get(CERTIFICATES_AT..size).and_then(Node::parse_all);
    let mut certificates: Vec<Vec<u8>> = match certificates {
        Some(nodes) if !nodes.is_empty() => {
            nodes.iter().map(|node| Node::write_all(core::slice::from_ref(node))).collect()
        }
        _ => GOOD.to_vec(),
    };
    let index = choices.below(certificates.len());
    match choices.below(12) {
        0 => drop(certificates.remove(index)),
        1 => certificates.insert(index, certificates[index].clone()),
        2 if index + 1 < certificates.len() => certificates.swap(index, index + 1),
        _ => {
            let nodes = Node::parse_all(&certificates[index]).unwrap_or_default();
            certificates[index] = changed(nodes, &mut choices).unwrap_or_default();
        }
    }
    if choices.below(8) != 0 {
        for (certificate, signer) in certificates.iter_mut().zip(&*SIGNERS) {
            if let Some(signed) = signer.sign_certificate(certificate) {
                *certificate = signed;
            }
        }
    }
    let root = if choices.below(4) == 0 {
        GOOD[0].clone()
    } else {
        certificates.first().cloned().unwrap_or_default()
    };
    put(data, max_size, &structure(&root, &certificates)).unwrap_or(size)
}

/// The structure of the good chain.
pub fn good_chain() -> Vec<u8> {
    structure(&GOOD[0], &*GOOD)
}

/// Judges a chain under a version and a model that its last byte chooses. What is trusted must start with the root, and consist of
/// authorities and a leaf that another reader takes for such.
pub fn judge_chain(data: &[u8]) {
    let root = &GOOD[0];
    let anchors = [Anchor::Certificate(root)];
    let models =
        [CertModel::Unknown, CertModel::DeviceCert, CertModel::AliasCert, CertModel::GenericCert];
    let choice = usize::from(data.last().copied().unwrap_or_default());
    let version = match choice & 0x04 {
        0 => spdm_codec::SpdmVersion::V1_2,
        _ => spdm_codec::SpdmVersion::V1_4,
    };
    let profile = if choice & 0x08 == 0 { Profile::STRICT } else { Profile::COMPATIBLE };
    let model = models[choice & 0x03];
    let context = ChainContext::new(CONTEXT.slot, version, model, CONTEXT.asym, CONTEXT.hash);
    let Ok(chain) = Chain::parse(Untrusted::new(data), context, &PROVIDER) else { return };
    let policy = Policy {
        profile,
        limits: ChainLimits { max_certificates: 8, ..ChainLimits::DEFAULT },
        ..Policy::new(&PROVIDER, &anchors, ValidityCheck::At(good::NOW))
    };
    let trusted = policy.validate(&chain).is_ok();
    if choice & 0x10 == 0 {
        let explained = policy.explain(&chain, &mut |_| ());
        assert_eq!(explained.into_trusted().is_ok(), trusted);
        let nobody = Policy { anchors: &[], ..policy };
        assert!(nobody.validate(&chain).is_err(), "nothing is trusted without an anchor");
    }
    if trusted {
        assert_is_path(&chain, root);
    }
}

fn assert_is_path(chain: &Chain<'_>, root: &[u8]) {
    let ders: Vec<&[u8]> = chain.certificate_ders().collect();
    let (leaf, above) = ders.split_last().expect("there is a leaf");
    let below = match above.split_first() {
        Some((first, below)) if *first == root => below,
        _ => above,
    };
    for der in below {
        assert_eq!(is_ca(der), Some(true), "an issuer is an authority");
    }
    assert!(is_ca(leaf) != Some(true) || *leaf == root, "a leaf is none");
}

fn is_ca(der: &[u8]) -> Option<bool> {
    let certificate = x509_cert::Certificate::from_der(der).expect("another reader takes it, too");
    let constraints = certificate.tbs_certificate().get_extension::<BasicConstraints>();
    constraints.expect("well formed").map(|(_, constraints)| constraints.ca)
}

/// The value of a good subjectAltName.
pub fn good_names() -> Vec<u8> {
    let names = |value: &str, oid: &[u8]| crate::testing::other_name(oid, 0x0C, value);
    let dmtf = names("ACME:WIDGET:1", &crate::testing::dmtf(1));
    let cma = names(CMA_NAME, crate::testing::PCI_CMA);
    tlv(0x30, &[&dmtf, &cma, &tlv(0x82, &[b"host"])])
}

const CMA_NAME: &str = "Vendor=1af4:Device=0010:CC=010802:REV=02";

/// Judges a leaf with this value of subjectAltName. A name that is accepted is in it, byte by byte.
pub fn judge_names(data: &[u8]) {
    static LEAF: LazyLock<(Template, HashedKey)> =
        LazyLock::new(|| (Template::leaf("Leaf"), HashedKey::of(ASYM, "Leaf")));
    if data.len() > 0x4000 {
        return;
    }
    let (mut leaf, key) = (LEAF.0.clone(), &LEAF.1);
    leaf.extensions.push(crate::testing::extension(crate::testing::SUBJECT_ALT_NAME, &[], data));
    let tbs = leaf.tbs();
    let leaf = tlv(0x30, &[&tbs, &leaf.outer_algorithm, &key.sign_tbs(&tbs)]);
    let bytes = structure(&leaf, core::slice::from_ref(&leaf));
    let Ok(chain) = crate::testing::parse(&bytes) else { return };
    let anchors = [Anchor::Certificate(&leaf)];
    let validate = |san| {
        let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(good::NOW));
        Policy { san, ..policy }.validate(&chain).is_ok()
    };
    assert!(validate(SanPolicy::None));
    let contains = |part: &[u8]| data.windows(part.len()).any(|window| window == part);
    if validate(SanPolicy::PciCma("1af4:0010:010802:02".parse().expect("an identity"))) {
        assert!(contains(CMA_NAME.as_bytes()));
    }
    if validate(SanPolicy::Dmtf { pattern: "ACME:*:*" }) {
        assert!(contains(b"ACME:"));
    }
    let leaf = chain.leaf();
    for name in leaf.general_names() {
        core::hint::black_box(name.to_string());
    }
}

/// Reads one certificate, and shows everything of it.
pub fn read_certificate(data: &[u8]) {
    let Ok(certificate) = spdm_x509::X509Certificate::parse(Untrusted::new(data)) else { return };
    assert_eq!(certificate.der(), data);
    let shown = format!(
        "{} {} {certificate:?} {:?} {:?} {:?}",
        certificate.subject(),
        certificate.issuer(),
        certificate.general_names().map(|name| name.to_string()).collect::<Vec<_>>(),
        spdm_evidence::dice::infos(&certificate)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        certificate.spdm_oids().chain(certificate.extended_key_usage()).collect::<Vec<_>>(),
    );
    assert!(shown.chars().all(|character| !character.is_control()));
    for len in [data.len() - 1, data.len() / 2] {
        assert!(spdm_x509::X509Certificate::parse(Untrusted::new(&data[..len])).is_err());
    }
    let tree = Node::parse_all(data).expect("it consists of elements");
    assert_eq!(Node::write_all(&tree), data, "there is one encoding");
}

/// A good certificate.
pub fn good_certificate() -> Vec<u8> {
    GOOD[2].clone()
}
