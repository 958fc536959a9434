//! The certificate chain structure ("Certificate chain format" in DSP0274) that GET_CERTIFICATE transports.

use spdm_codec::{CertChain, DecodeErrorKind, SlotId, SpdmVersion};
use spdm_crypto::{AsymAlgorithm, Digest, HashAlgorithm, Provider};
use spdm_untrusted::Untrusted;

use crate::certificate::X509Certificate;
use crate::check::Check;
use crate::error::ChainError;
use crate::field::certificate_error;
use crate::rule::Rule;
use crate::tlv::{Budget, RawElement, Tag};

/// `CertModel` (DSP0274 1.3): what the chain of a slot certifies.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "DSP0274 has these three; a fourth must break decisions"
)]
pub enum CertModel {
    /// The peer did not say: it cannot before 1.3 without ALIAS_CERT_CAP.
    #[default]
    Unknown,
    /// The leaf is the device certificate; its key is in hardware.
    DeviceCert,
    /// The leaf is an alias certificate, derived below a device certificate CA.
    AliasCert,
    /// Generic: most fields of the leaf are optional.
    GenericCert,
}

/// Whose chain it is.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two sides")]
pub enum ChainHolder {
    /// A Responder's.
    #[default]
    Responder,
    /// A Requester's, which has to authenticate itself.
    Requester,
}

/// What was negotiated, and which slot the chain is from: everything that its meaning depends on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct ChainContext {
    /// The slot.
    pub slot: SlotId,
    /// The negotiated version: it decides over the header's layout and the leaf's profile.
    pub version: SpdmVersion,
    /// The certificate model of the slot.
    pub model: CertModel,
    /// The negotiated signature algorithm of the peer: that of the leaf's key.
    pub asym: AsymAlgorithm,
    /// The negotiated hash: that of RootHash and of the chain's digest.
    pub hash: HashAlgorithm,
    /// Whose chain it is: it decides over the leaf's extended key usage.
    pub holder: ChainHolder,
}

impl ChainContext {
    /// The chain of a Responder.
    #[must_use]
    pub const fn new(
        slot: SlotId,
        version: SpdmVersion,
        model: CertModel,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
    ) -> Self {
        Self { slot, version, model, asym, hash, holder: ChainHolder::Responder }
    }

    /// The same of a Requester, whose signature algorithm [`Self::asym`] is.
    #[must_use]
    pub const fn of_requester(self) -> Self {
        Self { holder: ChainHolder::Requester, ..self }
    }
}

/// A certificate chain whose form is right, and whose leaf key signatures can be verified with.
///
/// It is not trusted yet: [`Policy::validate`](crate::Policy::validate) makes a
/// [`Trusted`](crate::Trusted) of it.
///
/// ```text
/// 0        2        4              4 + H
/// | Length | 0    0 |   RootHash   | root or first intermediate | … | leaf |   through 1.3
/// |      Length     |   RootHash   | root or first intermediate | … | leaf |   1.4
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Chain<'c> {
    context: ChainContext,
    count: u16,
    digest: Digest,
    bytes: &'c [u8],
    /// Offset of the leaf's encoding.
    leaf_at: usize,
    leaf_key: &'c [u8],
}

impl<'c> Chain<'c> {
    /// Reads a chain as received: header, RootHash, and certificates that are all of the right encoding; the
    /// last one has a valid key of the negotiated algorithm.
    ///
    /// # Errors
    /// [`ChainError`] of [`Check::Format`] with the first broken rule and its offset.
    pub fn parse(
        raw: Untrusted<&'c [u8]>,
        context: ChainContext,
        provider: &Provider,
    ) -> Result<Self, ChainError> {
        ParsedChain::parse(raw, context, provider, &mut CertificateSpace::new())
            .map(|parsed| parsed.chain)
    }

    /// The slot that it is from.
    #[must_use]
    pub const fn slot(&self) -> SlotId {
        self.context.slot
    }

    /// What it was read with.
    #[must_use]
    pub const fn context(&self) -> &ChainContext {
        &self.context
    }

    /// The whole structure as received, from Length on.
    #[must_use]
    pub const fn bytes(&self) -> &'c [u8] {
        self.bytes
    }

    /// The negotiated hash of [`Self::bytes`]: the slot's entry in DIGESTS, and `CertChainHash`.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The field RootHash.
    #[must_use]
    pub fn root_hash(&self) -> &'c [u8] {
        let (header, behind) = (CertChain::HEADER_LEN, self.certificates_at());
        self.bytes.get(header..behind).unwrap_or_default()
    }

    /// Offset of the first certificate.
    const fn certificates_at(&self) -> usize {
        CertChain::HEADER_LEN + self.context.hash.digest_len()
    }

    /// How many certificates there are: at least one.
    #[must_use]
    pub const fn certificate_count(&self) -> u16 {
        self.count
    }

    /// The certificates, from the root's side to the leaf; each is read once more.
    pub fn certificates(&self) -> impl Iterator<Item = X509Certificate<'c>> + use<'c> {
        self.certificate_ders().map(X509Certificate::again)
    }

    /// The DER encodings of the certificates, from the root's side to the leaf: as many as
    /// [`Self::certificate_count`] says.
    pub fn certificate_ders(&self) -> impl Iterator<Item = &'c [u8]> + use<'c> {
        let mut rest = self.bytes.get(self.certificates_at()..).unwrap_or_default();
        (0..self.count).map(move |_| next_der(&mut rest))
    }

    /// The last certificate, whose key the peer has to prove possession of; it is read once more.
    #[must_use]
    pub fn leaf(&self) -> X509Certificate<'c> {
        X509Certificate::again(self.bytes.get(self.leaf_at..).unwrap_or_default())
    }

    /// The leaf's public key: valid, of the negotiated algorithm and in its encoding
    /// ([`AsymAlgorithm`]).
    #[must_use]
    pub(crate) const fn leaf_key(&self) -> &'c [u8] {
        self.leaf_key
    }
}

/// Splits off the next certificate, whose bounds [`ParsedChain::parse`] found before. If they were not to be found
/// again, this and all that follow would be without a byte, and so [`X509Certificate::UNREADABLE`].
fn next_der<'c>(rest: &mut &'c [u8]) -> &'c [u8] {
    match RawElement::split(rest) {
        Ok((certificate, behind)) => {
            *rest = behind;
            certificate.encoded()
        }
        Err(_) => &[],
    }
}

/// How many certificates [`ParsedChain`] keeps: chains of real devices have three to six.
const KEPT: usize = 8;

/// Lent room for what is read of the certificates of a chain: three kilobytes on a 64-bit machine. It stays where the
/// caller puts it, so that they are on the stack once.
#[derive(Clone, Debug)]
pub struct CertificateSpace<'c>([X509Certificate<'c>; KEPT]);

impl CertificateSpace<'_> {
    /// Nothing was read yet.
    // The compiler makes the array on the stack first and copies it. Not inlined, so that this second array is gone
    // before anything is read into the first.
    #[inline(never)]
    #[must_use]
    pub const fn new() -> Self {
        Self([X509Certificate::UNREADABLE; KEPT])
    }
}

impl Default for CertificateSpace<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// A [`Chain`] with what was read of its certificates, so that a policy need not read them again: for the moment
/// between [`Self::parse`] and [`Self::appraise_contents`].
///
/// Certificates behind the eighth are not kept, but read again where they are asked for.
#[derive(Clone, Copy, Debug)]
pub struct ParsedChain<'k, 'c> {
    chain: Chain<'c>,
    kept: &'k [X509Certificate<'c>; KEPT],
}

impl<'k, 'c> ParsedChain<'k, 'c> {
    /// Does what [`Chain::parse`] does, and keeps in `space` what it read.
    ///
    /// # Errors
    /// Those of [`Chain::parse`].
    pub fn parse(
        raw: Untrusted<&'c [u8]>,
        context: ChainContext,
        provider: &Provider,
        space: &'k mut CertificateSpace<'c>,
    ) -> Result<Self, ChainError> {
        let CertificateSpace(kept) = space;
        if !provider.hash.supports(context.hash) {
            return Err(format_error(Rule::UnsupportedHash));
        }
        if !provider.supports(context.asym, context.hash) {
            return Err(format_error(Rule::UnsupportedAsym));
        }
        let certificates = split_structure(raw, &context)?.certificates;
        let bytes = raw.into_inner_less_safe();
        let Last { count, leaf_at, leaf } = read_certificates(bytes, certificates, kept)?;
        let refused = |rule| format_error(rule).in_certificate(count - 1);
        if !leaf.key_algorithm().fits(context.asym) {
            return Err(refused(Rule::KeyAlgorithm));
        }
        let leaf_key = leaf.key();
        provider.check_key(context.asym, leaf_key).map_err(|_| refused(Rule::InvalidKey))?;
        let digest = provider.hash.digest(context.hash, &[bytes]);
        let digest = digest.map_err(|_| format_error(Rule::UnsupportedHash))?;
        Ok(Self { chain: Chain { context, count, digest, bytes, leaf_at, leaf_key }, kept })
    }

    /// Reads the certificates of a chain once more.
    pub(crate) fn again(chain: &Chain<'c>, space: &'k mut CertificateSpace<'c>) -> Self {
        let CertificateSpace(kept) = space;
        for (place, certificate) in kept.iter_mut().zip(chain.certificates()) {
            *place = certificate;
        }
        Self { chain: *chain, kept }
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &Chain<'c> {
        &self.chain
    }

    /// The certificates with their numbers.
    pub(crate) fn certificates(&self) -> impl Iterator<Item = (u16, X509Certificate<'c>)> {
        (0..).zip(self.chain.certificate_ders()).map(|(index, der)| {
            let kept = self.kept.get(usize::from(index)).copied();
            (index, kept.unwrap_or_else(|| X509Certificate::again(der)))
        })
    }

    /// This certificate; [`X509Certificate::UNREADABLE`] where the chain has less.
    pub(crate) fn certificate(&self, index: u16) -> X509Certificate<'c> {
        match self.kept.get(usize::from(index)) {
            Some(kept) => *kept,
            None => {
                let der = self.chain.certificate_ders().nth(index.into());
                X509Certificate::again(der.unwrap_or_default())
            }
        }
    }

    /// The last one.
    pub(crate) fn leaf(&self) -> X509Certificate<'c> {
        self.certificate(self.chain.count - 1)
    }
}

const fn format_error(rule: Rule) -> ChainError {
    ChainError::new(Check::Format, rule)
}

/// Splits header, RootHash and certificates.
fn split_structure<'c>(
    raw: Untrusted<&'c [u8]>,
    context: &ChainContext,
) -> Result<CertChain<'c>, ChainError> {
    CertChain::decode(raw, context.version, context.hash.digest_len()).map_err(|error| {
        let (rule, at) = match (error.kind, error.at) {
            (DecodeErrorKind::Truncated { left, .. }, at) => (Rule::Truncated, at + left),
            (_, at @ 0) => (Rule::Length, at),
            // Of what is behind Length only the reserved bytes, before 1.4, have a value that can be wrong.
            (_, at) => (Rule::Reserved, at),
        };
        format_error(rule).at(at)
    })
}

/// The last certificate of a chain.
struct Last<'c> {
    count: u16,
    leaf_at: usize,
    leaf: X509Certificate<'c>,
}

/// Reads every certificate, and keeps the first ones.
fn read_certificates<'c>(
    bytes: &'c [u8],
    certificates: &'c [u8],
    kept: &mut [X509Certificate<'c>; KEPT],
) -> Result<Last<'c>, ChainError> {
    let mut last = None;
    let mut budget = Budget::new();
    let mut rest = certificates;
    for index in 0..u16::MAX {
        let at = bytes.len() - rest.len();
        if rest.is_empty() {
            return last.ok_or_else(|| format_error(Rule::NoCertificate).at(at));
        }
        let (der, behind) = match RawElement::split(rest) {
            Ok((element, behind)) if element.tag() == Tag::SEQUENCE => (element.encoded(), behind),
            _ => return Err(format_error(Rule::CertificateBounds).in_certificate(index).at(at)),
        };
        let leaf = X509Certificate::from_der(&mut budget, der).map_err(|defect| {
            certificate_error(defect, Check::Format, at, der).in_certificate(index)
        })?;
        if let Some(place) = kept.get_mut(usize::from(index)) {
            *place = leaf;
        }
        last = Some(Last { count: index + 1, leaf_at: at, leaf });
        rest = behind;
    }
    Err(format_error(Rule::TooManyCertificates))
}

#[cfg(test)]
mod tests {
    use super::{Chain, ChainContext, ChainError, Check, Rule, format_error};
    use crate::testing::{CONTEXT, HASH, Template, certificates, extension, key, parse, structure};
    use spdm_codec::SpdmVersion;
    use spdm_crypto::rustcrypto::PROVIDER;
    use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, Provider};
    use spdm_untrusted::Untrusted;
    use std::vec::Vec;

    fn parse_as(bytes: &[u8], context: ChainContext) -> Result<Chain<'_>, ChainError> {
        Chain::parse(Untrusted::new(bytes), context, &PROVIDER)
    }

    fn error_of(bytes: &[u8]) -> ChainError {
        parse(bytes).unwrap_err()
    }

    #[test]
    fn parts_of_a_chain() {
        let certificates = certificates(1);
        let bytes = structure(&certificates[0], &certificates);
        let chain = parse(&bytes).unwrap();
        assert_eq!(chain.bytes(), bytes);
        assert_eq!(chain.root_hash(), &bytes[4..36]);
        assert_eq!(chain.certificate_count(), 3);
        assert_eq!(chain.certificate_ders().collect::<Vec<_>>(), certificates);
        assert_eq!(chain.certificates().count(), 3);
        assert_eq!(chain.leaf().der(), certificates[2]);
        assert_eq!(chain.leaf_key(), key("Leaf").public_key());
        assert_eq!(*chain.digest(), PROVIDER.hash.digest(HASH, &[&bytes]).unwrap());
        assert_eq!(chain.slot(), CONTEXT.slot);
    }

    /// A chain serves where one of a shorter life is asked for.
    const _: () = {
        const fn shorten<'s>(chain: Chain<'static>) -> Chain<'s> {
            chain
        }
        _ = shorten;
    };

    #[test]
    fn every_prefix_is_refused() {
        let certificates = certificates(1);
        let bytes = structure(&certificates[0], &certificates);
        for len in 0..bytes.len() {
            let expected = match len {
                0..4 => format_error(Rule::Truncated).at(len),
                _ => format_error(Rule::Length).at(0),
            };
            assert_eq!(error_of(&bytes[..len]), expected);
        }
    }

    #[test]
    fn every_prefix_with_a_matching_length_is_refused_or_ends_between_certificates() {
        let certificates = certificates(1);
        let bytes = structure(&certificates[0], &certificates);
        let root_ends = 36 + certificates[0].len();
        let ca_ends = root_ends + certificates[1].len();
        for len in 4..bytes.len() {
            let mut cut = bytes[..len].to_vec();
            cut[..2].copy_from_slice(&u16::try_from(len).unwrap().to_le_bytes());
            let expected = match len {
                ..36 => format_error(Rule::Truncated).at(len),
                36 => format_error(Rule::NoCertificate).at(36),
                _ if len == root_ends || len == ca_ends => {
                    assert!(parse(&cut).is_ok());
                    continue;
                }
                _ => {
                    let (index, at) = if len < root_ends {
                        (0, 36)
                    } else if len < ca_ends {
                        (1, root_ends)
                    } else {
                        (2, ca_ends)
                    };
                    format_error(Rule::CertificateBounds).in_certificate(index).at(at)
                }
            };
            assert_eq!(error_of(&cut), expected);
        }
    }

    #[test]
    fn header_by_version() {
        let certificates = certificates(0);
        let good = structure(&certificates[0], &certificates);
        let mut reserved = good.clone();
        reserved[3] = 1;
        let mut one_more = good.clone();
        one_more[0] = one_more[0].wrapping_add(1);
        for version in SpdmVersion::ALL {
            let context = ChainContext { version, ..CONTEXT };
            assert!(parse_as(&good, context).is_ok());
            let expected = match version {
                SpdmVersion::V1_4 => format_error(Rule::Length).at(0),
                _ => format_error(Rule::Reserved).at(2),
            };
            assert_eq!(parse_as(&reserved, context).unwrap_err(), expected);
            let expected = format_error(Rule::Length).at(0);
            assert_eq!(parse_as(&one_more, context).unwrap_err(), expected);
        }
    }

    #[test]
    fn chains_beyond_64_kib_exist_from_1_4_on() {
        let [root, leaf] = certificates(0).try_into().unwrap();
        let mut large = Template::authority("Root", "Root");
        large.extensions.push(extension(&[0x2A], &[], &[0x5A; 0x8000]));
        let large = large.signed_by("Root");
        let bytes = structure(&root, &[root.clone(), large.clone(), large, leaf]);
        assert!(bytes.len() > 0xFFFF);
        let large = ChainContext { version: SpdmVersion::V1_4, ..CONTEXT };
        assert_eq!(parse_as(&bytes, large).unwrap().certificate_count(), 4);
        assert_eq!(parse_as(&bytes, CONTEXT).unwrap_err(), format_error(Rule::Reserved).at(2));
    }

    #[test]
    fn a_defect_in_a_certificate_names_it() {
        let mut certificates = certificates(1);
        let mut malformed = Template::authority("Root", "CA 1");
        malformed.version.clear();
        certificates[1] = malformed.signed_by("Root");
        let bytes = structure(&certificates[0], &certificates);
        // The first field of tbsCertificate: behind the headers of certificate and tbsCertificate.
        let at = 36 + certificates[0].len() + 4 + 3;
        assert_eq!(error_of(&bytes), format_error(Rule::Version).in_certificate(1).at(at));
        assert_eq!(
            std::format!("{}: {}", Check::Format, error_of(&bytes)),
            std::format!("chain.format: certificate 1: version is not v3 (byte {at})")
        );
    }

    #[test]
    fn bytes_between_certificates_are_refused() {
        let mut certificates = certificates(0);
        certificates.insert(1, std::vec![0x05, 0x00]);
        let bytes = structure(&certificates[0], &certificates);
        let expected = format_error(Rule::CertificateBounds).in_certificate(1);
        assert_eq!(error_of(&bytes), expected.at(36 + certificates[0].len()));
    }

    #[test]
    fn the_leaf_key_is_a_valid_one_of_the_negotiated_algorithm() {
        let certificates = certificates(0);
        let bytes = structure(&certificates[0], &certificates);
        for asym in AsymAlgorithm::ALL {
            let context = ChainContext { asym, ..CONTEXT };
            let expected = match asym {
                AsymAlgorithm::Ecdsa(EcCurve::P256) => None,
                _ => Some(format_error(Rule::KeyAlgorithm).in_certificate(1)),
            };
            assert_eq!(parse_as(&bytes, context).err(), expected);
        }
        let mut leaf = Template::leaf("Root");
        *leaf.public_key.last_mut().unwrap() ^= 1; // off the curve
        let sent = [certificates[0].clone(), leaf.signed_by("Root")];
        let error = error_of(&structure(&sent[0], &sent));
        assert_eq!(error, format_error(Rule::InvalidKey).in_certificate(1));
    }

    #[test]
    fn what_the_backend_lacks_is_named() {
        #[derive(Debug)]
        struct Sha384Only;
        impl spdm_crypto::Hash for Sha384Only {
            fn supports(&self, hash: HashAlgorithm) -> bool {
                hash == HashAlgorithm::Sha384
            }
            fn digest(
                &self,
                hash: HashAlgorithm,
                parts: &[&[u8]],
            ) -> Result<spdm_crypto::Digest, spdm_crypto::Unsupported> {
                PROVIDER.hash.digest(hash, parts)
            }
        }
        let certificates = certificates(0);
        let bytes = structure(&certificates[0], &certificates);
        let error =
            |provider| Chain::parse(Untrusted::new(&bytes), CONTEXT, &provider).unwrap_err();
        let no_hash = Provider { hash: &Sha384Only, ..PROVIDER };
        assert_eq!(error(no_hash), format_error(Rule::UnsupportedHash));
        let no_verifier = Provider { verifiers: &[], ..PROVIDER };
        assert_eq!(error(no_verifier), format_error(Rule::UnsupportedAsym));
    }
}
