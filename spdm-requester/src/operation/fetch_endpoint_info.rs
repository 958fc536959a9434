//! GET_ENDPOINT_INFO.

use core::mem;

use spdm_codec::{
    CapabilityFlags, DeviceClassIdentifiers, EndpointInfoSubCode, GetEndpointInfo, KeySlot,
    RequesterNonce, SlotId,
};
use spdm_untrusted::Untrusted;
use spdm_x509::Identity;

use crate::accepted::{Accepted, EndpointInfoAuthenticity};
use crate::answer::Answer;
use crate::endpoint_proof::EndpointProof;
use crate::env::{Ask, Env};
use crate::error::{Buffer, Error, Incompatible};
use crate::error_cell::ErrorCell;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::requester::Requester;

/// What ENDPOINT_INFO brought.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DeviceClasses<'m, 'c> {
    /// The device class identifiers, in the lent buffer.
    pub identifiers: DeviceClassIdentifiers<'m>,
    /// The proof that the holder of the key signed them; `None` where no signature was asked for.
    pub proof: Option<EndpointProof<'c>>,
}

/// The endpoint info: see [`Requester::fetch_endpoint_info_signed`].
#[derive(Debug)]
pub struct FetchEndpointInfo<'m, 'c> {
    signer: Option<(Identity<'c>, RequesterNonce)>,
    buffer: &'m mut [u8],
    classes: Option<DeviceClasses<'m, 'c>>,
}

impl<'a> Requester<'a, Negotiated> {
    /// GET_ENDPOINT_INFO (1.3) with a signature of `identity` over a nonce: which classes of devices this one is of, into the
    /// lent buffer. In a session, too. The signature covers the negotiation.
    #[must_use]
    pub fn fetch_endpoint_info_signed<'m, 'c>(
        self,
        identity: Identity<'c>,
        nonce: RequesterNonce,
        buffer: &'m mut [u8],
    ) -> Flow<'a, FetchEndpointInfo<'m, 'c>> {
        let signer = Some((identity, nonce));
        Flow::new(self.core, FetchEndpointInfo { signer, buffer, classes: None })
    }

    /// GET_ENDPOINT_INFO (1.3) without a signature: nothing of it is authentic.
    #[must_use]
    pub fn fetch_endpoint_info_unsigned<'m>(
        self,
        buffer: &'m mut [u8],
    ) -> Flow<'a, FetchEndpointInfo<'m, 'static>> {
        Flow::new(self.core, FetchEndpointInfo { signer: None, buffer, classes: None })
    }
}

impl<'m, 'c> sealed::Operation for FetchEndpointInfo<'m, 'c> {
    type Phase = Negotiated;
    type Output = DeviceClasses<'m, 'c>;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let agreed = ask.agreed()?;
        let (slot, nonce) = match &self.signer {
            Some((identity, nonce)) => {
                let signs = CapabilityFlags::EP_INFO_CAP_SIG;
                ask.require(signs, "EP_INFO_CAP with signatures")?;
                agreed.check_identity(ask.errors, identity)?;
                (identity.key_slot(), Some(*nonce))
            }
            None if agreed.responder.flags.ep_info_cap() == 0 => {
                return Err(ask.errors.incompatible(Incompatible::Capability("EP_INFO_CAP")));
            }
            None => (KeySlot::Slot(SlotId::ZERO), None),
        };
        if slot == KeySlot::PublicKey {
            ask.require(CapabilityFlags::PUB_KEY_ID_CAP, "PUB_KEY_ID_CAP")?;
        }
        let sub_code = EndpointInfoSubCode::DEVICE_CLASS_IDENTIFIER;
        ask.encode(&GetEndpointInfo { sub_code, slot, nonce }, agreed.version, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let identity = self.signer.as_ref().map(|(identity, _)| identity);
        let accepted = env.accept_by(answer, |connection, errors, crypto| {
            connection.endpoint_info(errors, crypto, answer, identity)
        })?;
        let Accepted::EndpointInfo { message, authenticity } = accepted else {
            return Err(env.errors.unfinished());
        };
        let proof = match (authenticity, identity) {
            (EndpointInfoAuthenticity::Verified(proof), Some(_)) => Some(proof),
            (EndpointInfoAuthenticity::NotRequested, None) => None,
            _ => return Err(env.errors.unfinished()),
        };
        let (needed, len) = (message.info.len(), self.buffer.len());
        let Some(place) = mem::take(&mut self.buffer).get_mut(..needed) else {
            let buffer = Buffer::Response;
            return Err(env.errors.stop(Error::BufferTooSmall { buffer, needed, len }));
        };
        place.copy_from_slice(message.info);
        let identifiers = DeviceClassIdentifiers::decode(Untrusted::new(place));
        let identifiers = identifiers.map_err(|error| env.errors.stop(error))?;
        self.classes = Some(DeviceClasses { identifiers, proof });
        Ok(Next::Done)
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<DeviceClasses<'m, 'c>, &'f Error> {
        self.classes.ok_or_else(|| errors.unfinished())
    }
}
