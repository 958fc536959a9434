//! Faults that any response can have, and the ERRORs that faults put in place of one.

use spdm_codec::{Code, ErrorCode, SpdmVersion};

use crate::agreement::PeerCapabilities;
use crate::error_answer::ErrorAnswer;
use crate::fault::Fault;
use crate::patch::patch;
use crate::turn::Turn;
use crate::version;

/// What happens to a request instead of being answered.
#[derive(Debug)]
pub(crate) enum Deferral {
    /// It is answered with this ERROR.
    Error(ErrorAnswer),
    /// It is answered with this ERROR, and the connection is gone.
    Resynch(ErrorAnswer),
    /// It is answered with these bytes, which are no message.
    Broken(Vec<u8>),
    /// It is not answered.
    Silence,
}

/// The token of every ResponseNotReady.
pub(crate) const TOKEN: u8 = 0x5A;
/// 2^10 microseconds.
const RDT_EXPONENT: u8 = 10;
const RDTM: u8 = 2;
const HANDLE: u8 = 1;
const UNKNOWN_ERROR: ErrorCode = ErrorCode(0x99);

fn not_ready(extended: [u8; 4]) -> ErrorAnswer {
    ErrorAnswer { extended: extended.to_vec(), ..ErrorAnswer::new(ErrorCode::RESPONSE_NOT_READY) }
}

fn large_response() -> ErrorAnswer {
    ErrorAnswer { extended: vec![HANDLE], ..ErrorAnswer::new(ErrorCode::LARGE_RESPONSE) }
}

/// How a request came to be looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Attempt {
    /// It was received.
    First,
    /// RESPOND_IF_READY asked after it.
    Again,
}

/// Decides whether a request is answered at all.
pub(crate) fn defer(
    turn: &mut Turn<'_>,
    arrival: Attempt,
    code: Code,
    request: &[u8],
    version: SpdmVersion,
) -> Option<Deferral> {
    // Nothing that is pending: the dispatcher refuses it.
    if code == Code::RESPOND_IF_READY {
        return None;
    }
    let faults = turn.faults.clone();
    let mut faults = faults.into_iter().filter(|fault| match arrival {
        Attempt::First => true,
        Attempt::Again => *fault == Fault::NotReadyForever,
    });
    faults.find_map(|fault| defer_for(fault, turn, code, request, version))
}

fn defer_for(
    fault: Fault,
    turn: &mut Turn<'_>,
    code: Code,
    request: &[u8],
    version: SpdmVersion,
) -> Option<Deferral> {
    let refusal = match fault {
        Fault::Silent => return Some(Deferral::Silence),
        Fault::AlwaysBusy => ErrorAnswer::new(ErrorCode::BUSY),
        Fault::BusyOnce => {
            if turn.history.busy.take() == Some(code) {
                return None;
            }
            turn.history.busy = Some(code);
            ErrorAnswer::new(ErrorCode::BUSY)
        }
        Fault::NotReadyOnce | Fault::NotReadyForever => {
            turn.history.pending = Some(request.to_vec());
            not_ready([RDT_EXPONENT, code.0, TOKEN, RDTM])
        }
        Fault::NotReadyWrongCode => not_ready([RDT_EXPONENT, code.0 ^ 1, TOKEN, RDTM]),
        Fault::NotReadyRdtm0 => not_ready([RDT_EXPONENT, code.0, TOKEN, 0]),
        Fault::NotReadyRdtm1 => not_ready([RDT_EXPONENT, code.0, TOKEN, 1]),
        Fault::RdtExponent255 => not_ready([255, code.0, TOKEN, RDTM]),
        Fault::NotReadyInVca => not_ready([RDT_EXPONENT, code.0, TOKEN, RDTM]),
        Fault::LargeResponse | Fault::LargeResponseInVca => large_response(),
        Fault::Resynch => {
            return Some(Deferral::Resynch(ErrorAnswer::new(ErrorCode::REQUEST_RESYNCH)));
        }
        Fault::UnknownErrorCode => ErrorAnswer::new(UNKNOWN_ERROR),
        Fault::TruncatedError => {
            let mut bytes = not_ready([RDT_EXPONENT, code.0, TOKEN, RDTM]).encode(version);
            bytes.truncate(6);
            return Some(Deferral::Broken(bytes));
        }
        _ => return None,
    };
    Some(Deferral::Error(refusal))
}

/// Changes a response behind the back of the transcripts.
pub(crate) fn on_wire(
    faults: &[Fault],
    code: Code,
    peer: Option<&PeerCapabilities>,
    bytes: &mut Vec<u8>,
) {
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
                bytes.resize(size.min(0x10_0000) + 1, 0);
            }
            _ => {}
        }
    }
}
