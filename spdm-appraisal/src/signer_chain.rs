//! The certificates of a signer of reference values.

use spdm_codec::{SlotId, SpdmVersion};
use spdm_untrusted::Untrusted;
use spdm_x509::{
    Anchor, CertModel, Chain, ChainContext, ChainError, Policy, Profile, X509Certificate,
};

use crate::cbor::Result;
use crate::cose::{Scheme, concatenate};
use crate::error::{Error, ReadError, Rule};
use crate::signed::ReferenceTrust;

/// How many certificates a chain may have.
const MAX_CERTIFICATES: usize = 16;

/// Certificates, leaf first.
pub(crate) struct SignerChain<'a> {
    certificates: [&'a [u8]; MAX_CERTIFICATES],
    count: usize,
    /// What the leaf and the rest must say.
    profile: Profile,
    /// What is said where it cannot be used; also where it is in the file.
    unusable: ReadError,
}

impl<'a> SignerChain<'a> {
    /// Without a certificate yet. `unusable` is the error of a chain that is empty, too long or too large.
    pub(crate) const fn new(profile: Profile, unusable: ReadError) -> Self {
        Self { certificates: [&[]; MAX_CERTIFICATES], count: 0, profile, unusable }
    }

    /// Adds the next certificate, which issued the one before.
    pub(crate) fn push(&mut self, certificate: &'a [u8]) -> Result<()> {
        *self.certificates.get_mut(self.count).ok_or(self.unusable)? = certificate;
        self.count += 1;
        Ok(())
    }

    fn certificates(&self) -> &[&'a [u8]] {
        self.certificates.get(..self.count).unwrap_or_default()
    }

    /// The certificate of the signer.
    pub(crate) fn leaf(&self) -> Result<&'a [u8]> {
        self.certificates().first().copied().ok_or(self.unusable)
    }

    /// The chain in the format of DSP0274: length, RootHash, root's side first.
    fn structure<'s>(&self, root_hash: &[u8], scratch: &'s mut [u8]) -> Result<&'s [u8]> {
        let certificates = self.certificates().iter();
        let len = certificates.clone().map(|certificate| certificate.len()).sum::<usize>();
        let len = u16::try_from(len + 4 + root_hash.len()).map_err(|_| self.unusable)?;
        let [low, high] = len.to_le_bytes();
        let head = [low, high, 0, 0];
        let mut parts = [&[][..]; MAX_CERTIFICATES + 2];
        let all = [&head[..], root_hash].into_iter().chain(certificates.rev().copied());
        for (place, part) in parts.iter_mut().zip(all) {
            *place = part;
        }
        let room = ReadError { rule: Rule::Scratch, ..self.unusable };
        concatenate(&parts, scratch).ok_or(room)
    }

    /// Judges the chain below each anchor that can be its root; gives the number of the anchor.
    pub(crate) fn judge(
        &self,
        scheme: Scheme,
        trust: &ReferenceTrust<'_>,
        scratch: &mut [u8],
    ) -> core::result::Result<Option<usize>, Error> {
        let last = self.certificates().last().copied().ok_or(self.unusable)?;
        let top = X509Certificate::parse(Untrusted::new(last)).map_err(Error::Signer)?;
        if top.is_self_issued() {
            return self.judge_below(last, scheme, trust, scratch);
        }
        let mut outcome = None;
        for anchor in trust.anchors {
            let Anchor::Certificate(der) = anchor else { continue };
            let Ok(root) = X509Certificate::parse(Untrusted::new(der)) else { continue };
            if root.subject() != top.issuer() {
                continue;
            }
            match self.judge_below(der, scheme, trust, scratch) {
                Ok(anchor) => return Ok(anchor),
                Err(error) => outcome = Some(error),
            }
        }
        // No anchor issued it: the judge says so.
        match outcome {
            Some(error) => Err(error),
            None => self.judge_below(&[], scheme, trust, scratch),
        }
    }

    /// Judges the chain with the RootHash of this certificate.
    fn judge_below(
        &self,
        root: &[u8],
        scheme: Scheme,
        trust: &ReferenceTrust<'_>,
        scratch: &mut [u8],
    ) -> core::result::Result<Option<usize>, Error> {
        let Scheme { asym, hash } = scheme;
        let digest = trust.provider.hash.digest(hash, &[root]);
        let backend = ReadError::new(Rule::AlgBackend, "alg", self.unusable.at);
        let digest = digest.map_err(|_| backend)?;
        let structure = self.structure(digest.as_bytes(), scratch)?;
        let context =
            ChainContext::new(SlotId::ZERO, SpdmVersion::V1_2, CertModel::GenericCert, asym, hash);
        let policy = Policy::new(trust.provider, trust.anchors, trust.validity);
        let policy = Policy { profile: self.profile, ..policy };
        let judged = || -> core::result::Result<Option<usize>, ChainError> {
            let chain = Chain::parse(Untrusted::new(structure), context, trust.provider)?;
            Ok(policy.validate(&chain)?.anchor_index())
        };
        judged().map_err(Error::Signer)
    }
}
