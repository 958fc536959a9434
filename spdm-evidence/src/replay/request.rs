//! What a request asks for, read without its answer.

use spdm_codec::{
    Challenge, Code, Cx, GetCertificate, GetMeasurements, HEADER_LEN, Header, KeySlot, Message,
    RequesterNonce, SlotId, SpdmVersion,
};
use spdm_requester::Proof;
use spdm_untrusted::Untrusted;

/// `SessionID` by the halves in a request and its answer.
pub(super) fn session_id(request: &[u8], response: &[u8]) -> u32 {
    let half = |message: &[u8]| {
        let bytes = message.get(HEADER_LEN..).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| u32::from(u16::from_le_bytes(*bytes)))
    };
    half(response) << 16 | half(request)
}

/// The slot that a request is about.
pub(super) fn slot_of(request: &[u8], version: SpdmVersion) -> Option<KeySlot> {
    if let Some((_, slot, _)) = asked_signature(request, version) {
        return Some(slot);
    }
    let cx = Cx::new(version).with_padding(usize::MAX);
    let message = GetCertificate::decode(Untrusted::new(request), &cx).ok()?.message;
    Some(KeySlot::Slot(message.slot))
}

/// For a request that asks for a signature: which proof it gives, by which slot's key, over which nonce.
pub(super) fn asked_signature(
    request: &[u8],
    version: SpdmVersion,
) -> Option<(Proof, KeySlot, RequesterNonce)> {
    let raw = Untrusted::new(request);
    let cx = Cx::new(version).with_padding(usize::MAX);
    match Header::peek(raw).ok()?.code {
        Code::CHALLENGE => {
            let message = Challenge::decode(raw, &cx).ok()?.message;
            Some((Proof::Challenge, message.slot, message.nonce))
        }
        Code::GET_MEASUREMENTS => {
            let signature = GetMeasurements::decode(raw, &cx).ok()?.message.signature?;
            // Before 1.1 there is no SlotIDParam: slot 0 signs.
            let slot = signature.slot.unwrap_or(KeySlot::Slot(SlotId::ZERO));
            Some((Proof::Measurements, slot, signature.nonce))
        }
        // Its first fields have their places whatever else was negotiated.
        Code::KEY_EXCHANGE => {
            let slot = KeySlot::from_byte(*request.get(3)?)?;
            let random_data = request.get(8..)?.first_chunk()?;
            Some((Proof::KeyExchange, slot, RequesterNonce(*random_data)))
        }
        _ => None,
    }
}
