//! The keys of a session, made of what the log and the messages give.

use spdm_codec::{Finish, FinishRsp, Message, PskFinish, PskFinishRsp};
use spdm_crypto::{
    AeadAlgorithm, Digest, HandshakeSecrets, KeySchedule, PskBytes, RecordKey, SequenceOrder,
    SharedSecret,
};
use spdm_requester::{Crypto, Negotiated};
use spdm_untrusted::Untrusted;

use super::findings::Opening;
use crate::secrets::{Key, KeyOrigin, SessionKeys};

pub(super) fn schedule(crypto: &Crypto<'_>, negotiated: &Negotiated) -> Result<KeySchedule, ()> {
    let (hash, aead) = (negotiated.hash().map_err(drop)?, negotiated.aead().map_err(drop)?);
    KeySchedule::new(crypto.provider, negotiated.version, hash, aead).map_err(drop)
}

/// The secrets of a handshake, of what the log says that they are made of.
pub(super) fn secrets(
    schedule: &KeySchedule,
    opening: Opening,
    keys: &SessionKeys,
    th1: &Digest,
) -> Option<HandshakeSecrets> {
    match (opening, keys.origin.as_ref()?) {
        (Opening::KeyExchange, KeyOrigin::Exchanged(bytes)) => {
            let mut shared = SharedSecret::new();
            shared.place(bytes.len())?.copy_from_slice(bytes);
            schedule.from_key_exchange(&shared, th1).ok()
        }
        (Opening::Psk, KeyOrigin::PreShared(bytes)) => {
            schedule.from_psk(&PskBytes(bytes), th1).ok()
        }
        _ => None,
    }
}

/// Whether a key is the logged one: both seal the same.
pub(super) fn is_same(crypto: &Crypto<'_>, ours: &RecordKey, logged: &Key) -> bool {
    let algorithm: AeadAlgorithm = ours.algorithm();
    let logged = RecordKey::import(crypto.provider, algorithm, &logged.key, &logged.iv);
    let seal = |key: &RecordKey| {
        let mut probe = [0; 32];
        key.seal(0, SequenceOrder::LittleEndian, &[], &mut probe).ok().map(|tag| (tag, probe))
    };
    logged.is_ok_and(|logged| {
        let ours = seal(ours);
        ours.is_some() && ours == seal(&logged)
    })
}

/// A message and how many of its last bytes are an HMAC.
pub(super) type Authenticated<'m> = (&'m [u8], usize);

/// The last two messages of a handshake.
pub(super) struct LastMessages<'m> {
    pub(super) messages: [Authenticated<'m>; 2],
    /// Whether the Requester signs.
    pub(super) is_signed: bool,
}

/// Reads the last two messages of a handshake.
pub(super) fn decode_finish<'m>(
    opening: Opening,
    request: &'m [u8],
    response: &'m [u8],
    cx: &spdm_codec::Cx,
) -> Option<LastMessages<'m>> {
    let (request, response) = (Untrusted::new(request), Untrusted::new(response));
    match opening {
        Opening::KeyExchange => {
            let finish = Finish::decode(request, cx).ok()?;
            let answer = FinishRsp::decode(response, cx).ok()?;
            let messages = [
                (finish.bytes, finish.message.verify_data.len()),
                (answer.bytes, answer.message.verify_data.len()),
            ];
            Some(LastMessages { messages, is_signed: finish.message.signature.is_some() })
        }
        Opening::Psk => {
            let finish = PskFinish::decode(request, cx).ok()?;
            let answer = PskFinishRsp::decode(response, cx).ok()?;
            let messages = [(finish.bytes, finish.message.verify_data.len()), (answer.bytes, 0)];
            Some(LastMessages { messages, is_signed: false })
        }
    }
}
