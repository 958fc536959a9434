//! The ERRORs that faults put in place of a response.

use spdm_codec::{Code, ErrorCode, SpdmVersion};
use spdm_responder::Arrival;

use crate::error_answer::ErrorAnswer;
use crate::fault::Fault;

/// What happens to a request instead of being answered.
#[derive(Debug)]
pub(super) enum Deferral {
    /// It is answered with these bytes.
    Answer(Vec<u8>),
    /// It is answered with these bytes, and waits for RESPOND_IF_READY.
    Later(Vec<u8>),
    /// It is answered with these bytes, and the connection is gone.
    Resynch(Vec<u8>),
    /// It is not answered.
    Silence,
}

/// The token of every ResponseNotReady.
pub(super) const TOKEN: u8 = 0x5A;
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

/// Decides whether a request is answered at all; `busy` is the request that was answered with Busy.
pub(super) fn defer(
    faults: &[Fault],
    arrival: Arrival,
    code: Code,
    version: SpdmVersion,
    busy: &mut Option<Code>,
) -> Option<Deferral> {
    // Nothing that is pending: it is refused.
    if code == Code::RESPOND_IF_READY {
        return None;
    }
    let again = arrival == Arrival::AskedAfter;
    let mut faults = faults.iter().filter(|fault| !again || **fault == Fault::NotReadyForever);
    faults.find_map(|fault| defer_for(*fault, code, version, busy))
}

fn defer_for(
    fault: Fault,
    code: Code,
    version: SpdmVersion,
    busy: &mut Option<Code>,
) -> Option<Deferral> {
    let refusal = match fault {
        Fault::Silent => return Some(Deferral::Silence),
        Fault::AlwaysBusy => ErrorAnswer::new(ErrorCode::BUSY),
        Fault::BusyOnce => {
            if busy.take() == Some(code) {
                return None;
            }
            *busy = Some(code);
            ErrorAnswer::new(ErrorCode::BUSY)
        }
        Fault::NotReadyOnce | Fault::NotReadyForever => {
            let refusal = not_ready([RDT_EXPONENT, code.0, TOKEN, RDTM]);
            return Some(Deferral::Later(refusal.encode(version)));
        }
        Fault::NotReadyWrongCode => not_ready([RDT_EXPONENT, code.0 ^ 1, TOKEN, RDTM]),
        Fault::NotReadyRdtm0 => not_ready([RDT_EXPONENT, code.0, TOKEN, 0]),
        Fault::NotReadyRdtm1 => not_ready([RDT_EXPONENT, code.0, TOKEN, 1]),
        Fault::RdtExponent255 => not_ready([255, code.0, TOKEN, RDTM]),
        Fault::NotReadyInVca => not_ready([RDT_EXPONENT, code.0, TOKEN, RDTM]),
        Fault::LargeResponse | Fault::LargeResponseInVca => large_response(),
        Fault::Resynch => {
            let refusal = ErrorAnswer::new(ErrorCode::REQUEST_RESYNCH);
            return Some(Deferral::Resynch(refusal.encode(version)));
        }
        Fault::UnknownErrorCode => ErrorAnswer::new(UNKNOWN_ERROR),
        Fault::TruncatedError => {
            let mut bytes = not_ready([RDT_EXPONENT, code.0, TOKEN, RDTM]).encode(version);
            bytes.truncate(6);
            return Some(Deferral::Answer(bytes));
        }
        _ => return None,
    };
    Some(Deferral::Answer(refusal.encode(version)))
}
