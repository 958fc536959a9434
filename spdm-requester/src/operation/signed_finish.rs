//! FINISH with the signature of the requester (mutual authentication).

use spdm_codec::{Finish, KeySlot, KeyUsage, Message as _, RequesterSignature, SlotId};
use spdm_crypto::{Direction, HashError, SignedMessage, SigningContext};

use super::session_handshake::{opaque_of, transcript_of};
use crate::encapsulation::Outcome;
use crate::env::Env;
use crate::error::{Buffer, Error, SessionFault};
use crate::local_identity::AuthenticationFault;
use crate::session::SessionHandle;

/// FINISH that is made when it is sent: its signature covers what encapsulated requests settle before.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignedFinish {
    session: SessionHandle,
    /// Whose key signs.
    slot: KeySlot,
}

impl SignedFinish {
    /// KEY_EXCHANGE_RSP names the slot.
    pub(super) const fn of_slot(session: SessionHandle, slot: KeySlot) -> Self {
        Self { session, slot }
    }

    /// Encapsulated requests are to name the slot. Slot 0 is it where they do not (DSP0274 §KEY_EXCHANGE_RSP).
    pub(super) const fn to_be_chosen(session: SessionHandle) -> Self {
        Self::of_slot(session, KeySlot::Slot(SlotId::ZERO))
    }

    /// The encapsulated requests are over.
    pub(super) fn choose(&mut self, outcome: &Outcome) {
        if let Some(slot) = outcome.slot {
            self.slot = KeySlot::Slot(slot);
        }
    }

    pub(super) const fn slot(&self) -> KeySlot {
        self.slot
    }

    /// Writes the message; its length in bytes. The transcript of the session goes on with CMt and the message (DSP0274
    /// §Transcript for FINISH, mutual authentication).
    pub(super) fn encode<'f>(
        &self,
        env: &mut Env<'_, 'f>,
        out: &mut [u8],
    ) -> Result<usize, &'f Error> {
        let errors = env.errors;
        let suite = env.suite()?;
        let signer = env.identity()?.signer(env.provider, self.slot, &suite, KeyUsage::KEY_EX);
        let (key, chain) = signer.map_err(|fault| errors.stop(fault))?;
        let chain = chain.map_err(|error| errors.stop(HashError::from(error)))?;
        let slot = env.sessions.as_deref_mut().and_then(|sessions| sessions.slot(self.session));
        let secrets = slot.as_ref().and_then(|slot| slot.handshake());
        let secrets = secrets.ok_or_else(|| errors.stop(SessionFault::Over))?;

        let signature = Some(RequesterSignature { slot: self.slot, bytes: &[] });
        let unsigned = Finish { opaque: opaque_of(suite.version), signature, verify_data: &[] };
        let head = unsigned.encode(suite.version, out).map_err(|error| errors.stop(error))?;
        let (written, room) = out.split_at_mut(head);
        let th = transcript_of(self.session);
        let digest = env
            .hashes
            .update(th, chain.as_bytes())
            .and_then(|()| env.hashes.update(th, written))
            .and_then(|()| env.hashes.snapshot(th))
            .map_err(|error| errors.stop(error))?;
        let signed = SignedMessage::new(suite.version, SigningContext::RequesterFinish, digest);
        let len = signed.sign(key, suite.hash, room);
        let len = len.map_err(|error| errors.stop(AuthenticationFault::Sign(error)))?;
        let (signature, room) = room.split_at_mut_checked(len).unwrap_or_default();
        let digest = env
            .hashes
            .update(th, signature)
            .and_then(|()| env.hashes.snapshot(th))
            .map_err(|error| errors.stop(error))?;
        let verify_data = secrets.verify_data(Direction::Request, &digest);
        let verify_data = verify_data.map_err(|error| errors.stop(SessionFault::from(error)))?;
        let verify_data = verify_data.as_bytes();
        env.hashes.update(th, verify_data).map_err(|error| errors.stop(error))?;
        let needed = head.saturating_add(len).saturating_add(verify_data.len());
        let place = room.get_mut(..verify_data.len()).ok_or_else(|| {
            let (buffer, len) = (Buffer::Message, head.saturating_add(len));
            errors.stop(Error::BufferTooSmall { buffer, needed, len })
        })?;
        place.copy_from_slice(verify_data);
        Ok(needed)
    }
}
