//! ERROR as an answer.

use spdm_codec::{
    CapabilityFlags, Code, Cx, ErrorCode, ErrorResponse, Expected, ExtendedErrorData, Message,
    SpdmVersion,
};
use spdm_untrusted::Untrusted;

use super::capabilities::MAX_EXPONENT;
use super::{Connection, unexpected};
use crate::error::{Error, Misbehaviour};

const MESSAGE: &str = "ERROR";

impl Connection {
    pub(super) fn accept_error<'r>(
        &mut self,
        request: Code,
        response: Untrusted<&'r [u8]>,
    ) -> Result<ErrorResponse<'r>, Error> {
        let cx = Cx::new(self.version).with_padding(self.padding);
        let error = ErrorResponse::decode(response, &cx)?.message;
        match error.extended {
            ExtendedErrorData::ResponseNotReady(data) => {
                let negotiates = matches!(
                    request,
                    Code::GET_VERSION | Code::GET_CAPABILITIES | Code::NEGOTIATE_ALGORITHMS
                );
                if negotiates {
                    return Err(unexpected(MESSAGE, "ResponseNotReady"));
                }
                if data.request_code != request {
                    let (expected, got) =
                        (Expected::Exactly(request.0.into()), data.request_code.0);
                    return Err(Misbehaviour::value(MESSAGE, "RequestCode", expected, got));
                }
                if data.rdt_exponent > MAX_EXPONENT {
                    let expected = Expected::AtMost(MAX_EXPONENT.into());
                    let got = data.rdt_exponent;
                    return Err(Misbehaviour::value(MESSAGE, "RDTExponent", expected, got));
                }
                if data.rdtm < 2 {
                    return Err(Misbehaviour::value(
                        MESSAGE,
                        "RDTM",
                        Expected::AtLeast(2),
                        data.rdtm,
                    ));
                }
            }
            ExtendedErrorData::LargeResponse { .. } => {
                let both = self.requester.flags & self.responder.flags;
                let chunks = both.contains(CapabilityFlags::CHUNK_CAP);
                if !chunks || self.version < SpdmVersion::V1_2 {
                    return Err(unexpected(MESSAGE, "LargeResponse"));
                }
            }
            _ => {}
        }
        match error.code {
            ErrorCode::REQUEST_RESYNCH => *self = Self::new(self.padding),
            // The answer is still to come.
            ErrorCode::RESPONSE_NOT_READY
            | ErrorCode::BUSY
            | ErrorCode::REQUEST_IN_FLIGHT
            | ErrorCode::LARGE_RESPONSE => {}
            _ => {
                self.pending = None;
                // The measurements before it are not covered by a later signature.
                if request == Code::GET_MEASUREMENTS {
                    self.l1.reset();
                }
            }
        }
        Ok(error)
    }
}
