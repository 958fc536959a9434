//! What a signature over a transcript is computed on (DSP0274 §Signature generation, §15 in 1.2 and later).

use spdm_codec::SpdmVersion;

use crate::asym_algorithm::AsymAlgorithm;
use crate::digest::Digest;
use crate::hash_algorithm::HashAlgorithm;
use crate::provider::Provider;
use crate::sign::{Sign, SignError};
use crate::verify::{Invalid, Signed};

/// Which message is signed, and by whom: the context of the combined prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SigningContext {
    /// CHALLENGE_AUTH by the Responder.
    ResponderChallengeAuth,
    /// CHALLENGE_AUTH by the Requester (encapsulated).
    RequesterChallengeAuth,
    /// MEASUREMENTS.
    ResponderMeasurements,
    /// KEY_EXCHANGE_RSP.
    ResponderKeyExchangeRsp,
    /// FINISH.
    RequesterFinish,
    /// ENDPOINT_INFO by the Responder.
    ResponderEndpointInfo,
    /// ENDPOINT_INFO by the Requester (encapsulated).
    RequesterEndpointInfo,
}

impl SigningContext {
    /// The context text, without terminator.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ResponderChallengeAuth => "responder-challenge_auth signing",
            Self::RequesterChallengeAuth => "requester-challenge_auth signing",
            Self::ResponderMeasurements => "responder-measurements signing",
            Self::ResponderKeyExchangeRsp => "responder-key_exchange_rsp signing",
            Self::RequesterFinish => "requester-finish signing",
            Self::ResponderEndpointInfo => "responder-endpoint_info signing",
            Self::RequesterEndpointInfo => "requester-endpoint_info signing",
        }
    }
}

const PREFIX_LEN: usize = 100;

/// What the signature primitive is given for a transcript.
///
/// * 1.0, 1.1: the digest of the transcript.
/// * 1.2 and later: the 100-byte combined prefix (four times `dmtf-spdm-vX.Y.*`, zeros, the context text)
///   followed by the digest of the transcript, which the primitive treats as its message.
#[derive(Clone, Copy, Debug)]
pub struct SignedMessage {
    transcript: Digest,
    combined: Option<[u8; PREFIX_LEN + Digest::MAX]>,
    context: SigningContext,
}

impl SignedMessage {
    /// Combines version, context and the digest of the transcript.
    #[must_use]
    pub fn new(version: SpdmVersion, context: SigningContext, transcript: Digest) -> Self {
        let combined = match version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => None,
            SpdmVersion::V1_2 => Some(combine(b"dmtf-spdm-v1.2.*", context, &transcript)),
            SpdmVersion::V1_3 => Some(combine(b"dmtf-spdm-v1.3.*", context, &transcript)),
            SpdmVersion::V1_4 => Some(combine(b"dmtf-spdm-v1.4.*", context, &transcript)),
        };
        Self { transcript, combined, context }
    }

    /// The 100-byte combined prefix, from 1.2 on.
    #[must_use]
    pub fn combined_prefix(&self) -> Option<&[u8; PREFIX_LEN]> {
        self.combined.as_ref().and_then(|bytes| bytes.first_chunk())
    }

    /// The input for the signature primitive.
    #[must_use]
    pub fn as_signed(&self) -> Signed<'_> {
        match &self.combined {
            None => Signed::Prehash(&self.transcript),
            Some(bytes) => {
                let len = PREFIX_LEN + self.transcript.as_bytes().len();
                let bytes = bytes.get(..len).unwrap_or_default();
                Signed::Message { bytes, context: self.context.as_str().as_bytes() }
            }
        }
    }

    /// Verifies the signature of the transcript.
    ///
    /// # Errors
    /// [`Invalid`]; also for Ed25519 and ML-DSA before 1.2, which have no rule for a prehash.
    // A function of its own would be 128 bytes more on the stack, under the verification of a signature.
    #[inline(always)]
    pub fn verify(
        &self,
        provider: &Provider,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
        key: &[u8],
        signature: &[u8],
    ) -> Result<(), Invalid> {
        provider.verify(asym, hash, key, self.as_signed(), signature)
    }

    /// Signs the transcript.
    ///
    /// # Errors
    /// What the key's [`Sign`] returns.
    pub fn sign(
        &self,
        key: &dyn Sign,
        hash: HashAlgorithm,
        out: &mut [u8],
    ) -> Result<usize, SignError> {
        key.sign(hash, self.as_signed(), out)
    }
}

fn combine(
    version: &[u8; 16],
    context: SigningContext,
    transcript: &Digest,
) -> [u8; PREFIX_LEN + Digest::MAX] {
    let mut out = [0; PREFIX_LEN + Digest::MAX];
    let text = context.as_str().as_bytes();
    let (prefix, digest) = out.split_at_mut(PREFIX_LEN);
    for (place, byte) in prefix.iter_mut().zip(version.iter().cycle().take(64)) {
        *place = *byte;
    }
    for (place, byte) in prefix.iter_mut().rev().zip(text.iter().rev()) {
        *place = *byte;
    }
    for (place, byte) in digest.iter_mut().zip(transcript.as_bytes()) {
        *place = *byte;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{SignedMessage, SigningContext};
    use crate::digest::Digest;
    use crate::verify::Signed;
    use spdm_codec::SpdmVersion;

    #[test]
    fn prefix_of_every_context_and_version() {
        let rows = [
            (SigningContext::ResponderChallengeAuth, 4),
            (SigningContext::RequesterChallengeAuth, 4),
            (SigningContext::ResponderMeasurements, 6),
            (SigningContext::ResponderKeyExchangeRsp, 2),
            (SigningContext::RequesterFinish, 12),
            (SigningContext::ResponderEndpointInfo, 5),
            (SigningContext::RequesterEndpointInfo, 5),
        ];
        let digest = Digest::new(&[0xAB; 48]).unwrap();
        for version in [SpdmVersion::V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4] {
            for (context, zeros) in rows {
                let message = SignedMessage::new(version, context, digest);
                let prefix = message.combined_prefix().unwrap();
                let mark = std::format!("dmtf-spdm-v{version}.*");
                assert!(prefix[..64].chunks(16).all(|c| c == mark.as_bytes()));
                assert!(prefix[64..64 + zeros].iter().all(|b| *b == 0));
                assert_eq!(&prefix[64 + zeros..], context.as_str().as_bytes());
                let Signed::Message { bytes, .. } = message.as_signed() else { panic!() };
                assert_eq!((bytes.len(), &bytes[100..]), (148, &[0xAB; 48][..]));
            }
        }
    }

    #[test]
    fn before_1_2_the_digest_itself_is_signed() {
        let digest = Digest::new(&[1; 32]).unwrap();
        for version in [SpdmVersion::V1_0, SpdmVersion::V1_1] {
            let message =
                SignedMessage::new(version, SigningContext::ResponderMeasurements, digest);
            assert!(matches!(message.as_signed(), Signed::Prehash(d) if *d == digest));
        }
    }
}
