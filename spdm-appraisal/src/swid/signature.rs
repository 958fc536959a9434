//! The signature of a SWID tag: of XML signatures the one form that is accepted.

use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use roxmltree::{Document, Node};
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, Signed};
use spdm_untrusted::Untrusted;
use spdm_x509::{Profile, Tolerance, X509Certificate};

use super::canonical::canonical;
use super::xml::has_elements_only;
use crate::cbor::Result;
use crate::cose::Scheme;
use crate::error::{Error, ReadError, Rule};
use crate::signed::{REFERENCE_SIGNER, ReferenceTrust};
use crate::signer_chain::SignerChain;

const NAMESPACE: &str = "http://www.w3.org/2000/09/xmldsig#";
const CANONICAL: &str = "http://www.w3.org/2006/12/xml-c14n11";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#sha384";
const ECDSA_SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384";

const SCHEME: Scheme =
    Scheme { asym: AsymAlgorithm::Ecdsa(EcCurve::P384), hash: HashAlgorithm::Sha384 };

/// As [`REFERENCE_SIGNER`]. The vendor's certificate authorities write dates before 2050 as GeneralizedTime.
const SIGNER: Profile = Profile { generalized_time: Tolerance::Accept, ..REFERENCE_SIGNER };

/// What the format of a chain needs beside its certificates.
const CHAIN_HEAD: usize = 4 + 64;

/// Who signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Signer {
    /// The subject of the certificate.
    pub(super) name: String,
    /// The DER certificate.
    pub(super) certificate: Vec<u8>,
    /// Which of the caller's anchors.
    pub(super) anchor: Option<usize>,
}

/// Verifies that somebody whom the caller trusts signed all of the document but the signature, which is the last element
/// in the root. Gives who, and the signature.
pub(super) fn verify<'d, 'i>(
    document: &'d Document<'i>,
    trust: &ReferenceTrust<'_>,
) -> core::result::Result<(Signer, Node<'d, 'i>), Error> {
    let root = document.root_element();
    let first = document.descendants().find(|node| node.tag_name().name() == "Signature");
    let unsigned = ReadError::new(Rule::XmlUnsigned, "Signature", root.range().start);
    let signature = first.ok_or(unsigned)?;
    // So there is no other: it would come first, or be in this one, whose form has no place for it.
    if root.last_element_child() != Some(signature) {
        return Err(form("Signature", signature).into());
    }
    let parts = Parts::read(signature)?;
    let unusable = ReadError { rule: Rule::X509Data, ..form("X509Data", parts.certificates_in) };
    let mut chain = SignerChain::new(SIGNER, unusable);
    for certificate in &parts.certificates {
        chain.push(certificate)?;
    }
    let leaf_der = chain.leaf()?;
    let leaf = X509Certificate::parse(Untrusted::new(leaf_der)).map_err(Error::Signer)?;
    let at = parts.certificates_in.range().start;
    if !leaf.key_algorithm().fits(SCHEME.asym) {
        return Err(ReadError::new(Rule::XmlKey, "X509Certificate", at).into());
    }
    let Scheme { asym, hash } = SCHEME;
    if !trust.provider.supports(asym, hash) {
        return Err(ReadError::new(Rule::AlgBackend, "SignatureMethod", at).into());
    }
    let len = parts.certificates.iter().map(Vec::len).sum::<usize>();
    let anchor = chain.judge(SCHEME, trust, &mut vec![0; len + CHAIN_HEAD])?;
    parts.verify(&leaf, root, signature, trust)?;
    let name = leaf.subject().to_string();
    Ok((Signer { name, certificate: leaf_der.to_vec(), anchor }, signature))
}

/// What a signature of the accepted form says.
struct Parts<'d, 'i> {
    info: Node<'d, 'i>,
    digest_node: Node<'d, 'i>,
    digest: Vec<u8>,
    value_node: Node<'d, 'i>,
    value: Vec<u8>,
    certificates_in: Node<'d, 'i>,
    /// Leaf first.
    certificates: Vec<Vec<u8>>,
}

impl<'d, 'i> Parts<'d, 'i> {
    fn read(signature: Node<'d, 'i>) -> Result<Self> {
        if signature.tag_name().namespace() != Some(NAMESPACE) {
            return Err(form("Signature", signature));
        }
        let [info, value_node, key] =
            children(signature, ["SignedInfo", "SignatureValue", "KeyInfo"])?;
        let names = ["CanonicalizationMethod", "SignatureMethod", "Reference"];
        let [canonicalization, method, reference] = children(info, names)?;
        algorithm("CanonicalizationMethod", canonicalization, CANONICAL)?;
        algorithm("SignatureMethod", method, ECDSA_SHA384)?;
        let names = ["Transforms", "DigestMethod", "DigestValue"];
        let [transforms, digest_method, digest_node] = children(reference, names)?;
        let [first, last] = children(transforms, ["Transform", "Transform"])?;
        algorithm("Transform", first, ENVELOPED)?;
        algorithm("Transform", last, CANONICAL)?;
        algorithm("DigestMethod", digest_method, SHA384)?;
        let [certificates_in] = children(key, ["X509Data"])?;
        for (field, node) in [
            ("Signature", signature),
            ("SignedInfo", info),
            ("Transforms", transforms),
            ("KeyInfo", key),
            ("X509Data", certificates_in),
        ] {
            attributes(field, node, &[])?;
        }
        // The whole document.
        attributes("Reference", reference, &[("URI", "")])?;
        if !has_elements_only(certificates_in) {
            return Err(form("X509Data", certificates_in));
        }
        let certificates = certificates_in.children().filter(Node::is_element);
        let certificates = certificates.map(|node| {
            let is_certificate = node.has_tag_name((NAMESPACE, "X509Certificate"));
            if is_certificate {
                base64("X509Certificate", node)
            } else {
                Err(form("X509Data", node))
            }
        });
        Ok(Self {
            info,
            digest_node,
            digest: base64("DigestValue", digest_node)?,
            value_node,
            value: base64("SignatureValue", value_node)?,
            certificates_in,
            certificates: certificates.collect::<Result<_>>()?,
        })
    }

    fn verify(
        &self,
        leaf: &X509Certificate<'_>,
        root: Node<'_, '_>,
        signature: Node<'_, '_>,
        trust: &ReferenceTrust<'_>,
    ) -> Result<()> {
        let Scheme { asym, hash } = SCHEME;
        let error =
            |rule, field, node: Node<'_, '_>| ReadError::new(rule, field, node.range().start);
        let wrong = error(Rule::XmlSignature, "SignatureValue", self.value_node);
        let info = canonical(self.info, None)?;
        let info = trust.provider.hash.digest(hash, &[info.as_bytes()]).map_err(|_| wrong)?;
        let verified =
            trust.provider.verify(asym, hash, leaf.key(), Signed::Prehash(&info), &self.value);
        verified.map_err(|_| wrong)?;
        let other = error(Rule::XmlDigest, "DigestValue", self.digest_node);
        let contents = canonical(root, Some(signature.id()))?;
        let digest = trust.provider.hash.digest(hash, &[contents.as_bytes()]);
        let digest = digest.map_err(|_| other)?;
        if digest.as_bytes() == self.digest { Ok(()) } else { Err(other) }
    }
}

fn form(field: &'static str, node: Node<'_, '_>) -> ReadError {
    ReadError::new(Rule::XmlSignatureForm, field, node.range().start)
}

/// The elements in `node`, which are these in this order, and nothing else is there but space.
fn children<'d, 'i, const N: usize>(
    node: Node<'d, 'i>,
    names: [&'static str; N],
) -> Result<[Node<'d, 'i>; N]> {
    let mut found = [node; N];
    let mut elements = node.children().filter(Node::is_element);
    for (place, name) in found.iter_mut().zip(names) {
        let element = elements.next().filter(|element| element.has_tag_name((NAMESPACE, name)));
        *place = element.ok_or_else(|| form(name, node))?;
    }
    match elements.next() {
        Some(more) => Err(form("Signature", more)),
        None if has_elements_only(node) => Ok(found),
        None => Err(form("Signature", node)),
    }
}

/// The attributes of `node` are these, and no others.
fn attributes(field: &'static str, node: Node<'_, '_>, wanted: &[(&str, &str)]) -> Result<()> {
    let is_there = |(name, value): &(&str, &str)| node.attribute(*name) == Some(*value);
    let are_all = node.attributes().len() == wanted.len();
    if are_all && wanted.iter().all(is_there) { Ok(()) } else { Err(form(field, node)) }
}

/// An element that names an algorithm without parameters.
fn algorithm(field: &'static str, node: Node<'_, '_>, wanted: &str) -> Result<()> {
    let [] = children(node, [])?;
    attributes(field, node, &[("Algorithm", wanted)])
}

/// The content of an element, in base64 with spaces.
fn base64(field: &'static str, node: Node<'_, '_>) -> Result<Vec<u8>> {
    attributes(field, node, &[])?;
    if node.children().any(|child| !child.is_text()) {
        return Err(form(field, node));
    }
    let text = node.children().filter_map(|child| child.text());
    let digits: String =
        text.flat_map(str::chars).filter(|digit| !digit.is_ascii_whitespace()).collect();
    BASE64_STANDARD.decode(digits).map_err(|_| form(field, node))
}
