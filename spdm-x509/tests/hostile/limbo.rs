//! The rules of x509-limbo that concern SPDM chains, as cases of our own, under limbo's names. Left out is
//! what SPDM has no use for: host names, revocation over the network, building a path out of a pile.

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_x509::{Anchor, ChainError, Policy, Rule, ValidityCheck};

use crate::good::NOW;
use crate::testing::{
    BASIC_CONSTRAINTS, ECDSA_SHA256, KEY_USAGE, NAME_CONSTRAINTS, TRUE, Template,
    basic_constraints, certificates, directory_subtrees, dmtf, extended_key_usage, extension,
    hardware_identity, key_usage, name, parse, structure, tlv,
};

type Chain = Vec<Vec<u8>>;

fn validate(sent: &Chain) -> Result<(), ChainError> {
    let bytes = structure(&sent[0], sent);
    let anchors = [Anchor::Certificate(&sent[0])];
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
    policy.validate(&parse(&bytes)?).map(drop)
}

/// Root, `CA`, leaf.
fn chain(root: &Template, authority: &Template, leaf: &Template) -> Chain {
    vec![root.signed_by("Root"), authority.signed_by("Root"), leaf.signed_by("CA")]
}

fn root() -> Template {
    Template::authority("Root", "Root")
}

fn authority() -> Template {
    Template::authority("Root", "CA")
}

fn leaf() -> Template {
    Template::leaf("CA")
}

fn with_root(change: impl FnOnce(&mut Template)) -> Chain {
    let mut root = root();
    change(&mut root);
    chain(&root, &authority(), &leaf())
}

fn with_authority(change: impl FnOnce(&mut Template)) -> Chain {
    let mut authority = authority();
    change(&mut authority);
    chain(&root(), &authority, &leaf())
}

fn with_leaf(change: impl FnOnce(&mut Template)) -> Chain {
    let mut leaf = leaf();
    change(&mut leaf);
    chain(&root(), &authority(), &leaf)
}

/// A chain of authorities with these path lengths, `CA 1`, `CA 2` and so on, and a leaf.
fn path_lengths(lengths: &[Option<u8>]) -> Chain {
    let mut sent = certificates(lengths.len());
    for (number, length) in (1..).zip(lengths) {
        let issuer = if number == 1 { "Root".into() } else { format!("CA {}", number - 1) };
        let constraints = match length {
            Some(length) => basic_constraints(&[TRUE, &[2, 1, *length]]),
            None => basic_constraints(&[TRUE]),
        };
        let authority = Template::authority(&issuer, &format!("CA {number}"));
        sent[number] = authority.with(&[constraints, key_usage(0x04)]).signed_by(&issuer);
    }
    sent
}

fn dates(not_before: (u8, &[u8]), not_after: (u8, &[u8])) -> Vec<u8> {
    let [from, to] = [not_before, not_after].map(|(tag, date)| tlv(tag, &[date]));
    tlv(0x30, &[&from, &to])
}

const PAST: (u8, &[u8]) = (0x17, b"200101000000Z");
const FUTURE: (u8, &[u8]) = (0x17, b"490101000000Z");
const UNKNOWN: &[u8] = &[0x2A, 3, 4, 5];
const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1D, 0x23];
const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1D, 0x0E];
const AUTHORITY_INFORMATION_ACCESS: &[u8] = &[0x2B, 6, 1, 5, 5, 7, 1, 1];
const ANY_PURPOSE: &[u8] = &[0x55, 0x1D, 0x25, 0];
const SERVER_AUTH: &[u8] = &[0x2B, 6, 1, 5, 5, 7, 3, 1];

/// A name, a chain, and where which rule is broken.
type Case = (&'static str, Chain, Option<(u16, Rule)>);

fn check(cases: Vec<Case>) {
    for (name, sent, expected) in cases {
        let got = validate(&sent).err();
        let got = got.map(|error| (error.certificate.unwrap_or(u16::MAX), error.rule));
        assert_eq!(got, expected, "{name}");
    }
}

const NONE: u16 = u16::MAX;

#[test]
fn extensions() {
    let add = |oid, critical, value: &[u8]| {
        let added = extension(oid, critical, value);
        move |template: &mut Template| template.extensions.push(added)
    };
    let null = [5, 0];
    let constraints = directory_subtrees(&["Leaf"], &[]);
    let purposes = |oid: &[u8]| extension(&[0x55, 0x1D, 0x25], &[], &tlv(0x30, &[&tlv(6, &[oid])]));
    check(vec![
        (
            "rfc5280::unknown-critical-extension-ee",
            with_leaf(add(UNKNOWN, TRUE, &null)),
            Some((2, Rule::UnknownCriticalExtension)),
        ),
        (
            "rfc5280::unknown-critical-extension-intermediate",
            with_authority(add(UNKNOWN, TRUE, &null)),
            Some((1, Rule::UnknownCriticalExtension)),
        ),
        // limbo refuses: of an anchor RFC 5280 looks at name and key.
        ("rfc5280::unknown-critical-extension-root", with_root(add(UNKNOWN, TRUE, &null)), None),
        ("rfc5280::unknown-extension, not critical", with_leaf(add(UNKNOWN, &[], &null)), None),
        (
            "rfc5280::aki::critical-aki",
            with_leaf(add(AUTHORITY_KEY_IDENTIFIER, TRUE, &[0x30, 0])),
            Some((2, Rule::UnknownCriticalExtension)),
        ),
        (
            "rfc5280::ski::critical-ski",
            with_authority(add(SUBJECT_KEY_IDENTIFIER, TRUE, &[4, 0])),
            Some((1, Rule::UnknownCriticalExtension)),
        ),
        // limbo refuses: SPDM chains are in order and need no key identifiers.
        ("rfc5280::aki::leaf-missing-aki", with_leaf(|_| ()), None),
        ("rfc5280::ski::intermediate-missing-ski", with_authority(|_| ()), None),
        (
            "rfc5280::ee-critical-aia-invalid",
            with_leaf(add(AUTHORITY_INFORMATION_ACCESS, TRUE, &null)),
            Some((2, Rule::UnknownCriticalExtension)),
        ),
        (
            "webpki::malformed-aia, not critical",
            with_leaf(add(AUTHORITY_INFORMATION_ACCESS, &[], &null)),
            None,
        ),
        (
            "rfc5280::duplicate-extensions",
            with_leaf(|leaf| leaf.extensions.push(key_usage(0x80))),
            Some((2, Rule::DuplicateExtension)),
        ),
        (
            "rfc5280::nc::not-allowed-in-ee-critical",
            with_leaf(add(NAME_CONSTRAINTS, TRUE, &constraints)),
            Some((2, Rule::LeafNameConstraints)),
        ),
        (
            "rfc5280::nc::not-allowed-in-ee-noncritical",
            with_leaf(add(NAME_CONSTRAINTS, &[], &constraints)),
            Some((2, Rule::LeafNameConstraints)),
        ),
        (
            "rfc5280::nc::permitted-dn-match",
            with_authority(add(NAME_CONSTRAINTS, TRUE, &constraints)),
            None,
        ),
        (
            "rfc5280::nc::permitted-dn-mismatch",
            with_authority(add(NAME_CONSTRAINTS, TRUE, &directory_subtrees(&["Other"], &[]))),
            Some((2, Rule::NameConstraints)),
        ),
        (
            "rfc5280::nc::excluded-dn-match",
            with_authority(add(NAME_CONSTRAINTS, TRUE, &directory_subtrees(&[], &["Leaf"]))),
            Some((2, Rule::NameConstraints)),
        ),
        (
            "rfc5280::nc, in the root",
            with_root(add(NAME_CONSTRAINTS, TRUE, &directory_subtrees(&["Other"], &[]))),
            Some((1, Rule::NameConstraints)),
        ),
        ("rfc5280::eku::ee-without-eku", with_leaf(|_| ()), None),
        (
            "rfc5280::eku::ee-eku-empty",
            with_leaf(add(&[0x55, 0x1D, 0x25], &[], &[0x30, 0])),
            Some((2, Rule::ExtendedKeyUsageSyntax)),
        ),
        // Any purpose but the requester's alone will do (DSP0274).
        (
            "webpki::eku::ee-anyeku",
            with_leaf(|leaf| leaf.extensions.push(purposes(ANY_PURPOSE))),
            None,
        ),
        (
            "rfc5280::eku::ee-wrong-eku",
            with_leaf(|leaf| leaf.extensions.push(purposes(SERVER_AUTH))),
            None,
        ),
        (
            "rfc5280::eku::ee-wrong-eku, requester",
            with_leaf(|leaf| leaf.extensions.push(extended_key_usage(&[4]))),
            Some((2, Rule::RequesterOnly)),
        ),
        (
            "webpki::eku::root-has-eku",
            with_root(|root| root.extensions.push(extended_key_usage(&[4]))),
            None,
        ),
    ]);
}

#[test]
fn authorities() {
    let ca_without_bit = || extension(BASIC_CONSTRAINTS, TRUE, &tlv(0x30, &[]));
    let not_critical = || extension(BASIC_CONSTRAINTS, &[], &tlv(0x30, &[TRUE]));
    check(vec![
        (
            "rfc5280::intermediate-ca-missing-basic-constraints",
            with_authority(|ca| ca.extensions = vec![key_usage(0x04)]),
            Some((1, Rule::NotCa)),
        ),
        (
            "rfc5280::intermediate-ca-without-ca-bit",
            with_authority(|ca| ca.extensions = vec![ca_without_bit(), key_usage(0x04)]),
            Some((1, Rule::NotCa)),
        ),
        (
            "rfc5280::leaf-as-intermediate",
            with_authority(|ca| ca.extensions = leaf().extensions),
            Some((1, Rule::NotCa)),
        ),
        (
            "rfc5280::intermediate-without-keycertsign",
            with_authority(|ca| ca.extensions = vec![basic_constraints(&[TRUE]), key_usage(0x02)]),
            Some((1, Rule::KeyCertSign)),
        ),
        (
            "rfc5280::intermediate-without-keyusage",
            with_authority(|ca| ca.extensions = vec![basic_constraints(&[TRUE])]),
            None,
        ),
        // limbo refuses: RULES leave criticality alone, and cA TRUE binds anyway.
        (
            "rfc5280::root-non-critical-basic-constraints",
            with_root(|root| root.extensions = vec![not_critical(), key_usage(0x04)]),
            None,
        ),
        (
            "rfc5280::root-missing-basic-constraints",
            with_root(|root| root.extensions = vec![key_usage(0x04)]),
            Some((NONE, Rule::AnchorNotCa)),
        ),
        (
            "rfc5280::root-inconsistent-ca-extensions",
            with_root(|root| root.extensions = vec![ca_without_bit(), key_usage(0x04)]),
            Some((NONE, Rule::AnchorNotCa)),
        ),
        (
            "webpki::ca-as-leaf",
            with_leaf(|leaf| leaf.extensions = authority().extensions),
            Some((2, Rule::LeafIsCa)),
        ),
        (
            "rfc5280::leaf-ku-keycertsign",
            with_leaf(|leaf| leaf.extensions = vec![basic_constraints(&[]), key_usage(0x84)]),
            Some((2, Rule::LeafKeyCertSign)),
        ),
        (
            "rfc5280::ca-empty-subject",
            with_authority(|ca| ca.subject = name("")),
            Some((1, Rule::EmptyName)),
        ),
        (
            "rfc5280::ee-empty-issuer",
            with_leaf(|leaf| leaf.issuer = name("")),
            Some((2, Rule::EmptyName)),
        ),
        (
            "rfc5280::mismatching-issuer",
            with_leaf(|leaf| leaf.issuer = name("Other")),
            Some((2, Rule::NameChaining)),
        ),
        (
            "cve::cve-2024-0567, a certificate that its subject issued",
            with_authority(|ca| ca.issuer = name("CA")),
            Some((1, Rule::NameChaining)),
        ),
        ("webpki::v1-cert", with_leaf(|leaf| leaf.version.clear()), Some((2, Rule::Version))),
        (
            "webpki::v2-cert",
            with_authority(|ca| ca.version = vec![0xA0, 3, 2, 1, 1]),
            Some((1, Rule::Version)),
        ),
    ]);
}

#[test]
fn path_lengths_of_authorities() {
    let self_issued = || {
        let mut sent = path_lengths(&[Some(0)]);
        sent.insert(2, Template::authority("CA 1", "CA 1").signed_by("CA 1"));
        sent
    };
    let in_leaf = |path_len: &[u8]| {
        let constraints = tlv(0x30, &[path_len]);
        with_leaf(|leaf| leaf.extensions[0] = extension(BASIC_CONSTRAINTS, TRUE, &constraints))
    };
    check(vec![
        ("pathlen::ee-with-intermediate-pathlen-0", path_lengths(&[Some(0)]), None),
        ("pathlen::ee-with-intermediate-pathlen-1", path_lengths(&[Some(1)]), None),
        (
            "pathlen::ee-with-intermediate-pathlen-2",
            path_lengths(&[Some(2), Some(1), Some(0)]),
            None,
        ),
        (
            "pathlen::intermediate-violates-pathlen-0",
            path_lengths(&[Some(0), None]),
            Some((2, Rule::PathLength)),
        ),
        (
            "pathlen::intermediate-violates-pathlen-1",
            path_lengths(&[Some(1), None, None]),
            Some((3, Rule::PathLength)),
        ),
        (
            "pathlen::intermediate-pathlen-may-increase",
            path_lengths(&[Some(2), Some(3), None]),
            None,
        ),
        (
            "pathlen::intermediate-pathlen-too-long",
            path_lengths(&[Some(1), Some(3), None]),
            Some((3, Rule::PathLength)),
        ),
        ("pathlen::self-issued-certs-pathlen", self_issued(), None),
        // limbo accepts: DSP0274 wants an empty SEQUENCE, RFC 5280 no path length without cA.
        (
            "pathlen::validation-ignores-pathlen-in-leaf",
            in_leaf(&[2, 1, 0]),
            Some((2, Rule::BasicConstraintsSyntax)),
        ),
    ]);
}

#[test]
fn validity() {
    let valid = |from, to| with_leaf(|leaf| leaf.validity = dates(from, to));
    check(vec![
        (
            "rfc5280::validity::expired-ee",
            valid(PAST, (0x17, b"210101000000Z")),
            Some((2, Rule::Expired)),
        ),
        (
            "rfc5280::validity::not-yet-valid-ee",
            valid((0x17, b"480101000000Z"), FUTURE),
            Some((2, Rule::NotYetValid)),
        ),
        (
            "rfc5280::validity::expired-intermediate",
            with_authority(|ca| ca.validity = dates(PAST, (0x17, b"210101000000Z"))),
            Some((1, Rule::Expired)),
        ),
        (
            "rfc5280::validity::not-yet-valid-intermediate",
            with_authority(|ca| ca.validity = dates((0x17, b"480101000000Z"), FUTURE)),
            Some((1, Rule::NotYetValid)),
        ),
        // limbo refuses: the validity of an anchor is its owner's business.
        (
            "rfc5280::validity::expired-root",
            with_root(|root| root.validity = dates(PAST, (0x17, b"210101000000Z"))),
            None,
        ),
        (
            "rfc5280::validity::notafter-fractional-seconds-generalizedtime",
            valid(PAST, (0x18, b"20990101000000.5Z")),
            Some((2, Rule::Time)),
        ),
        (
            "rfc5280::validity::notafter-timezone-generalizedtime",
            valid(PAST, (0x18, b"20990101000000+0000")),
            Some((2, Rule::Time)),
        ),
        (
            "rfc5280::validity::notafter-timezone-utctime",
            valid(PAST, (0x17, b"490101000000+0000")),
            Some((2, Rule::Time)),
        ),
        (
            "rfc5280::validity::notafter-without-seconds-utctime",
            valid(PAST, (0x17, b"4901010000Z")),
            Some((2, Rule::Time)),
        ),
        (
            "rfc5280::validity::notbefore-year-2049-generalizedtime",
            valid((0x18, b"20200101000000Z"), FUTURE),
            Some((2, Rule::GeneralizedTime)),
        ),
        (
            "rfc5280::validity::notafter-year-2050-utctime, that is 1950",
            valid(PAST, (0x17, b"500101000000Z")),
            Some((2, Rule::Time)),
        ),
        (
            "rfc5280::validity::notafter-year-2050-generalizedtime",
            valid(PAST, (0x18, b"20500101000000Z")),
            None,
        ),
    ]);
}

#[test]
fn serials_and_algorithms() {
    let serial = |serial: &[u8]| {
        let serial = tlv(2, &[serial]);
        with_leaf(|leaf| leaf.serial = serial)
    };
    let signed_with = |algorithm: Vec<u8>| {
        with_leaf(|leaf| {
            leaf.inner_algorithm.clone_from(&algorithm);
            leaf.outer_algorithm = algorithm;
        })
    };
    let sha1 = tlv(0x30, &[&tlv(6, &[&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 1]])]);
    let p192 = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 1];
    let key_of = |curve: &[u8]| {
        let algorithm = [tlv(6, &[&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1]]), tlv(6, &[curve])];
        tlv(0x30, &[&tlv(0x30, &[&algorithm.concat()]), &tlv(3, &[&[0, 4], &[1; 48]])])
    };
    let rsa_1024 = {
        let numbers = [tlv(2, &[&[0], &[0x81; 128]]), tlv(2, &[&[1, 0, 1]])];
        let identifier = [tlv(6, &[&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1]]), vec![5, 0]];
        let key = tlv(0x30, &[&numbers.concat()]);
        tlv(0x30, &[&tlv(0x30, &[&identifier.concat()]), &tlv(3, &[&[0], &key])])
    };
    let dsa = tlv(
        0x30,
        &[&tlv(0x30, &[&tlv(6, &[&[0x2A, 0x86, 0x48, 0xCE, 0x38, 4, 1]])]), &tlv(3, &[&[0]])],
    );
    check(vec![
        ("rfc5280::serial::too-long", serial(&[1; 21]), Some((2, Rule::LongSerial))),
        ("rfc5280::serial::zero", serial(&[0]), Some((2, Rule::Serial))),
        ("rfc5280::serial::negative", serial(&[0xFF]), Some((2, Rule::Serial))),
        ("rfc5280::serial::twenty octets", serial(&[1; 20]), None),
        (
            "webpki::forbidden-signature-algorithm-in-leaf",
            signed_with(sha1),
            Some((2, Rule::SignatureAlgorithm)),
        ),
        (
            "webpki::inner and outer algorithm differ",
            with_leaf(|leaf| leaf.outer_algorithm = tlv(0x30, &[&ECDSA_SHA256[2..], &[5, 0]])),
            Some((2, Rule::SignatureAlgorithmMismatch)),
        ),
        (
            "webpki::forbidden-p192-leaf",
            with_leaf(|leaf| leaf.public_key = key_of(&p192)),
            Some((2, Rule::KeyAlgorithm)),
        ),
        (
            "webpki::forbidden-p192-intermediate",
            with_authority(|ca| ca.public_key = key_of(&p192)),
            Some((2, Rule::IssuerKey)),
        ),
        (
            "webpki::forbidden-weak-rsa-key-in-leaf",
            with_leaf(|leaf| leaf.public_key = rsa_1024.clone()),
            Some((2, Rule::KeyAlgorithm)),
        ),
        (
            "webpki::forbidden-weak-rsa-in-root",
            with_root(|root| root.public_key = rsa_1024.clone()),
            Some((1, Rule::IssuerKey)),
        ),
        (
            "webpki::forbidden-dsa-leaf",
            with_leaf(|leaf| leaf.public_key = dsa.clone()),
            Some((2, Rule::KeyAlgorithm)),
        ),
        (
            "webpki::forbidden-dsa-root",
            with_root(|root| root.public_key = dsa.clone()),
            Some((1, Rule::IssuerKey)),
        ),
    ]);
}

#[test]
fn order_and_authority() {
    let good = certificates(2);
    let swapped = vec![good[0].clone(), good[2].clone(), good[1].clone(), good[3].clone()];
    let missing = vec![good[0].clone(), good[2].clone(), good[3].clone()];
    let twice =
        vec![good[0].clone(), good[1].clone(), good[1].clone(), good[2].clone(), good[3].clone()];
    check(vec![
        ("rfc5280::chain-ok", good.clone(), None),
        ("an authority too many", twice, Some((2, Rule::NameChaining))),
        ("authorities in the wrong order", swapped, Some((1, Rule::NameChaining))),
        ("an authority too few", missing, Some((1, Rule::NameChaining))),
    ]);
    let bytes = structure(&good[0], &good);
    let other = Template::authority("Root", "Root").signed_by("Mallory");
    let anchors = [Anchor::Certificate(&other)];
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
    let error = policy.validate(&parse(&bytes).unwrap()).unwrap_err();
    assert_eq!(error.rule, Rule::UnknownAuthority, "rfc5280::chain-untrusted-root");
}

/// What the SPDM extension may and may not say, beside limbo.
#[test]
fn spdm_extension() {
    let spdm = |value: &[u8]| {
        let added = extension(&dmtf(6), &[], value);
        with_leaf(|leaf| {
            leaf.extensions.retain(|extension| *extension != hardware_identity());
            leaf.extensions.push(added);
        })
    };
    let oid = |last| tlv(0x30, &[&tlv(6, &[&dmtf(last)])]);
    check(vec![
        ("hardware identity", spdm(&tlv(0x30, &[&oid(2)])), None),
        ("mutable certificate", spdm(&tlv(0x30, &[&oid(5), &oid(2)])), None),
        ("empty", spdm(&[0x30, 0]), Some((2, Rule::SpdmExtensionSyntax))),
        (
            "no sequence",
            spdm(&tlv(0x30, &[&tlv(6, &[&dmtf(2)])])),
            Some((2, Rule::SpdmExtensionSyntax)),
        ),
        (
            "keyUsage of two octets",
            with_leaf(|leaf| {
                leaf.extensions[1] = extension(KEY_USAGE, TRUE, &tlv(3, &[&[7, 0x80, 0x80]]))
            }),
            None,
        ),
    ]);
}
