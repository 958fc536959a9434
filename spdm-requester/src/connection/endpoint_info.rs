//! GET_ENDPOINT_INFO and ENDPOINT_INFO.

use spdm_codec::{
    Code, DeviceClassIdentifiers, EndpointInfo, EndpointInfoSubCode, Expected, GetEndpointInfo,
};
use spdm_crypto::{SignedMessage, SigningContext};
use spdm_untrusted::Untrusted;
use spdm_x509::Identity;

use super::Connection;
use super::challenge::check_identity;
use crate::accepted::{Accepted, EndpointInfoAuthenticity};
use crate::answer::Answer;
use crate::endpoint_proof::EndpointProof;
use crate::error::Error;
use crate::error_cell::{At, ErrorCell};
use crate::transcript::Crypto;

const MESSAGE: &str = "ENDPOINT_INFO";

impl Connection {
    /// [`Self::accept`] for ENDPOINT_INFO, of which that checks only the header: its fields are compared with the request,
    /// what it says of device classes is read, and a signature that was requested is checked with the key of `identity`. An
    /// ERROR in answer is one for [`Self::accept`].
    ///
    /// The signature covers the negotiation and this exchange (IL1, DSP0274 1.3 §ENDPOINT_INFO), in a session, too. No other
    /// transcript changes.
    ///
    /// # Errors
    /// Those of [`Self::accept`].
    pub fn accept_endpoint_info<'r, 'c>(
        &mut self,
        crypto: &mut Crypto<'_>,
        request: &[u8],
        response: Untrusted<&'r [u8]>,
        identity: Option<&Identity<'c>>,
    ) -> Result<Accepted<'r, 'c>, Error> {
        ErrorCell::by_value(|errors| {
            let answer = self.answer_to(errors, Code::GET_ENDPOINT_INFO, request, response)?;
            self.endpoint_info(errors, crypto, &answer, identity)
        })
    }

    /// [`Self::accept_endpoint_info`] for an answer whose headers were read.
    #[inline(never)]
    pub(crate) fn endpoint_info<'f, 'r, 'c>(
        &mut self,
        errors: &'f ErrorCell,
        crypto: &mut Crypto<'_>,
        answer: &Answer<'_, 'r>,
        identity: Option<&Identity<'c>>,
    ) -> Result<Accepted<'r, 'c>, &'f Error> {
        let Answer { request, response, .. } = *answer;
        self.check_size(errors, answer)?;
        let Some(negotiated) = &self.negotiated else {
            return Err(errors.order(Code::GET_ENDPOINT_INFO));
        };
        let asked = self.request::<GetEndpointInfo>(errors, request, negotiated.version)?;
        let question = &asked.message;
        let signature_len = match question.nonce {
            Some(_) => negotiated.signature_len(),
            None => 0,
        };
        let cx = negotiated.cx(self.answer_padding()).with_signature_len(signature_len);
        let decoded = errors.decode::<EndpointInfo<'_>>(response, &cx)?;
        let message = decoded.message;
        if message.slot != question.slot {
            let expected = Expected::Exactly(question.slot.to_nibble().into());
            let at = &At(MESSAGE, "SlotID");
            return Err(errors.value(at, &expected, message.slot.to_nibble()));
        }
        if question.sub_code == EndpointInfoSubCode::DEVICE_CLASS_IDENTIFIER {
            DeviceClassIdentifiers::decode(Untrusted::new(message.info))
                .map_err(|error| errors.stop(error))?;
        }
        let authenticity = match (&question.nonce, &message.signature) {
            (None, None) => EndpointInfoAuthenticity::NotRequested,
            (Some(nonce), Some(signature)) => {
                if signature.nonce.0 == nonce.0 {
                    let from = "a nonce of the Responder's own";
                    return Err(errors.differs(&At(MESSAGE, "Nonce"), from));
                }
                check_identity(errors, negotiated, question.slot, identity)?;
                let hash = negotiated.hash().map_err(|error| errors.incompatible(error))?;
                let unsigned = decoded.bytes.len().saturating_sub(signature.bytes.len());
                let unsigned = decoded.bytes.get(..unsigned).unwrap_or_default();
                let il1 = [self.vca.as_bytes(), asked.bytes, unsigned];
                let digest = crypto.provider.hash.digest(hash, &il1);
                let digest = digest.map_err(|error| errors.stop(Error::Hash(error.into())))?;
                let context = SigningContext::ResponderEndpointInfo;
                let signed = SignedMessage::new(negotiated.version, context, digest);
                match identity {
                    None => EndpointInfoAuthenticity::NotChecked,
                    Some(identity) => {
                        let (asym, key) = (identity.asym(), identity.key());
                        signed
                            .verify(crypto.provider, asym, hash, key, signature.bytes)
                            .map_err(|_| errors.stop(Error::Signature { message: MESSAGE }))?;
                        EndpointInfoAuthenticity::Verified(EndpointProof::new(*identity, *nonce))
                    }
                }
            }
            // Without a signature algorithm there is none to be requested.
            _ => return Err(errors.unexpected(&At(MESSAGE, "Signature"))),
        };
        (self.pending, self.large) = (None, false);
        Ok(Accepted::EndpointInfo { message, authenticity })
    }
}
