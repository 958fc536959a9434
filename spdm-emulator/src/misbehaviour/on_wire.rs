//! Faults that any response can have.

use spdm_codec::Code;
use spdm_responder::Peer;

use crate::fault::Fault;
use crate::misbehaviour::version;
use crate::patch::patch;

/// Changes a response behind the back of the transcripts.
pub(super) fn misbehave(faults: &[Fault], code: Code, peer: Option<&Peer>, bytes: &mut Vec<u8>) {
    for fault in faults {
        match fault {
            Fault::VersionDowngrade if code == Code::GET_VERSION => version::downgrade(bytes),
            Fault::TruncateResponse => {
                bytes.pop();
            }
            Fault::ShortResponse => bytes.truncate(3),
            Fault::EmptyResponse => bytes.clear(),
            Fault::TrailingBytes => bytes.extend([0; 4]),
            Fault::WrongVersionByte => patch(bytes, 0, |byte| byte ^ 1),
            Fault::WrongResponseCode => patch(bytes, 1, |byte| match Code(byte) {
                Code::CERTIFICATE => Code::DIGESTS.0,
                _ => Code::CERTIFICATE.0,
            }),
            Fault::RequestCodeEcho => patch(bytes, 1, |_| code.0),
            Fault::OversizeResponse => {
                let size = peer.and_then(|peer| peer.sizes).map(|sizes| sizes.data_transfer_size);
                // A Requester may announce more than a device wants to send.
                let size = usize::try_from(size.unwrap_or(0x1_0000)).unwrap_or(0);
                bytes.resize(size.min(MAX_RESPONSE) + 1, 0);
            }
            _ => {}
        }
    }
}

/// The longest response that a fault makes, but for one byte.
pub(crate) const MAX_RESPONSE: usize = 0x10_0000;
