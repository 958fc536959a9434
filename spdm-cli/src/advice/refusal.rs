//! What a person can do about an ERROR to a request of provisioning, or of a session.

use spdm_codec::{CapabilityFlags, Code, ErrorCode};
use spdm_requester::Refusal;

use crate::overheard::Overheard;

/// The next step, where there is one.
pub(super) fn hint(refusal: &Refusal, heard: &Overheard) -> Option<&'static str> {
    let changes =
        [Code::SET_CERTIFICATE, Code::GET_CSR, Code::SET_KEY_PAIR_INFO, Code::SLOT_MANAGEMENT];
    let has_sessions = heard.has(CapabilityFlags::KEY_EX_CAP) && !heard.in_session;
    Some(match (refusal.request, refusal.code) {
        (request, ErrorCode::UNEXPECTED_REQUEST) if changes.contains(&request) && has_sessions => {
            "many devices take it in a session only: --session"
        }
        (Code::SET_CERTIFICATE, ErrorCode::UNSPECIFIED | ErrorCode::INVALID_REQUEST) => {
            "is the chain for the key of this slot? spdm csr asks the device for a request with its key"
        }
        (Code::SET_KEY_PAIR_INFO, ErrorCode::OPERATION_FAILED) => {
            "a key that slots use is neither erased nor made anew: --set ID --slots none takes the slots from it"
        }
        (Code::SET_KEY_PAIR_INFO | Code::GET_KEY_PAIR_INFO, ErrorCode::INVALID_REQUEST) => {
            "spdm keys without a change shows the key pairs; with --json, what can be changed of each"
        }
        (Code::SLOT_MANAGEMENT, ErrorCode::INVALID_REQUEST) => {
            "spdm slots without a change shows the banks and what is in their slots"
        }
        (Code::PSK_EXCHANGE, _) => "does the device know the key that --psk-hint names?",
        (Code::FINISH, _) if heard.has(CapabilityFlags::MUT_AUTH_CAP) => {
            "the device may want to know who the host is: --identity and --identity-key"
        }
        _ => return None,
    })
}
