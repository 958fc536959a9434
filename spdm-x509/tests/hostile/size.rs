//! Large chains: as many certificates and bytes as the limits allow, and more.

use spdm_codec::SpdmVersion;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, MlDsaSet};
use spdm_untrusted::Untrusted;
use spdm_x509::{
    Anchor, Chain, ChainContext, ChainError, ChainLimits, Check, CheckOutcome, Policy, Rule,
    ValidityCheck, X509Certificate,
};

use crate::testing::{
    CONTEXT, NAME_CONSTRAINTS, TRUE, Template, certificates, certificates_for, extension, name,
    structure, subject_alt_name, tlv,
};

const fn of_version(version: SpdmVersion) -> ChainContext {
    let mut context = CONTEXT;
    context.version = version;
    context
}

/// 1.4, where Length has four bytes.
const LARGE: ChainContext = of_version(SpdmVersion::V1_4);

fn validate(sent: &[Vec<u8>], limits: ChainLimits) -> Result<(), ChainError> {
    let bytes = structure(&sent[0], sent);
    let anchors = [Anchor::Certificate(&sent[0])];
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::Unchecked);
    let chain = Chain::parse(Untrusted::new(&bytes), LARGE, &PROVIDER)?;
    Policy { limits, ..policy }.validate(&chain).map(drop)
}

fn too(rule: Rule) -> Result<(), Rule> {
    Err(rule)
}

/// Root, an authority that an extension which nobody knows makes `bytes` long or a little longer, and a leaf.
fn padded(bytes: usize) -> Vec<Vec<u8>> {
    let mut sent = certificates(1);
    let mut authority = Template::authority("Root", "CA 1");
    authority.extensions.push(extension(&[0x2A], &[], &vec![0x5A; bytes]));
    sent[1] = authority.signed_by("Root");
    sent
}

#[test]
fn more_than_64_kib_are_trusted_in_1_4() {
    let sent = padded(0x1_0000);
    assert!(structure(&sent[0], &sent).len() > 0x1_0000);
    assert_eq!(validate(&sent, ChainLimits::DEFAULT), Ok(()));
    let small = ChainLimits { max_bytes: 0xFFFF, ..ChainLimits::DEFAULT };
    assert_eq!(validate(&sent, small).map_err(|error| error.rule), too(Rule::TooManyBytes));
    // Before, Length cannot say so.
    let bytes = structure(&sent[0], &sent);
    let context = of_version(SpdmVersion::V1_3);
    let error = Chain::parse(Untrusted::new(&bytes), context, &PROVIDER).unwrap_err();
    assert_eq!((error.rule, error.field), (Rule::Reserved, "Reserved"));
}

/// What needs large chains: ten certificates with ML-DSA-87 keys and signatures.
#[test]
fn a_post_quantum_chain_of_more_than_64_kib() {
    let asym = AsymAlgorithm::MlDsa(MlDsaSet::P87);
    let sent = certificates_for(asym, 8);
    let bytes = structure(&sent[0], &sent);
    assert!(bytes.len() > 0x1_0000, "{}", bytes.len());
    let context = ChainContext::new(LARGE.slot, LARGE.version, LARGE.model, asym, LARGE.hash);
    let chain = Chain::parse(Untrusted::new(&bytes), context, &PROVIDER).unwrap();
    let anchors = [Anchor::Certificate(&sent[0])];
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::Unchecked);
    assert_eq!(policy.validate(&chain).map(|trusted| trusted.anchor_index()), Ok(Some(0)));
}

#[test]
fn a_mebibyte_is_the_limit() {
    let sent = padded(0x10_0000 - 0x800);
    let len = structure(&sent[0], &sent).len();
    assert!((0x10_0000 - 0x1000..=0x10_0000).contains(&len), "{len}");
    assert_eq!(validate(&sent, ChainLimits::DEFAULT), Ok(()));
    let larger = validate(&padded(0x10_0000), ChainLimits::DEFAULT).map_err(|error| error.rule);
    assert_eq!(larger, too(Rule::TooManyBytes));
}

#[test]
fn a_hundred_certificates() {
    let sent = certificates(98);
    let too_many = validate(&sent, ChainLimits::DEFAULT).map_err(|error| error.rule);
    assert_eq!(too_many, too(Rule::TooManyCertificates));
    let limits = ChainLimits { max_certificates: 100, ..ChainLimits::DEFAULT };
    assert_eq!(validate(&sent, limits), Ok(()));
}

/// Beyond the limits nothing is looked at: no signature of a hundred is verified.
#[test]
fn a_chain_beyond_the_limits_costs_no_signature() {
    let sent = [vec![certificates(0).remove(0); 100], certificates(0).split_off(1)].concat();
    let bytes = structure(&sent[0], &sent);
    let anchors = [Anchor::Certificate(&sent[0])];
    let chain = Chain::parse(Untrusted::new(&bytes), LARGE, &PROVIDER).unwrap();
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::Unchecked);
    let appraisal = policy.appraise(&chain);
    assert_eq!(appraisal.outcome(Check::Signatures), CheckOutcome::Skipped);
    let error = appraisal.into_trusted().unwrap_err();
    assert_eq!((error.check, error.rule), (Check::Certificates, Rule::TooManyCertificates));
}

/// What takes time to read is elements, and they are bounded: in one certificate and in all together.
#[test]
fn elements_are_bounded() {
    let mut leaf = Template::leaf("CA 1");
    leaf.extensions.push(subject_alt_name(&vec![tlv(0x82, &[]); X509Certificate::MAX_ELEMENTS]));
    let mut sent = certificates(1);
    sent[2] = leaf.signed_by("CA 1");
    let error = validate(&sent, ChainLimits::DEFAULT).unwrap_err();
    assert_eq!((error.certificate, error.rule), (Some(2), Rule::TooManyElements));

    let sent = [vec![certificates(0).remove(0); 1000], certificates(0).split_off(1)].concat();
    let error = validate(&sent, ChainLimits::DEFAULT).unwrap_err();
    assert_eq!(error.rule, Rule::TooManyElements);
    assert!(error.certificate.is_some_and(|index| (100..200).contains(&index)), "{error}");
}

/// limbo: pathological::nc-dos-1 to 3. Constraints times names is bounded.
#[test]
fn constraints_times_names_is_bounded() {
    let subtree = tlv(0x30, &[&tlv(0xA4, &[&name("Leaf")])]);
    let mut authority = Template::authority("Root", "CA 1");
    let value = tlv(0x30, &[&tlv(0xA0, &[&subtree.repeat(100)])]);
    authority.extensions.push(extension(NAME_CONSTRAINTS, TRUE, &value));
    let mut leaf = Template::leaf("CA 1");
    leaf.extensions.push(subject_alt_name(&vec![tlv(0xA4, &[&name("Leaf")]); 1000]));
    let mut sent = certificates(1);
    sent[1] = authority.signed_by("Root");
    sent[2] = leaf.signed_by("CA 1");
    let result = validate(&sent, ChainLimits::DEFAULT).map_err(|error| error.rule);
    assert_eq!(result, too(Rule::TooManyNameConstraints));
}
