//! ERROR as an answer.

use spdm_codec::{
    Code, Cx, ErrorCode, ErrorResponse, Expected, ExtendedErrorData, Header, SpdmVersion,
};
use spdm_untrusted::Untrusted;

use super::Connection;
use super::capabilities::MAX_EXPONENT;
use crate::error::Error;
use crate::error_cell::{At, ErrorCell};

const MESSAGE: &str = "ERROR";

impl Connection {
    pub(super) fn accept_error<'f, 'r>(
        &mut self,
        errors: &'f ErrorCell,
        asked: Header,
        response: Untrusted<&'r [u8]>,
    ) -> Result<ErrorResponse<'r>, &'f Error> {
        let request = asked.code;
        let cx = Cx::new(self.version).with_padding(self.padding());
        let error = errors.decode::<ErrorResponse<'_>>(response, &cx)?.message;
        match error.extended {
            ExtendedErrorData::ResponseNotReady(data) => {
                let negotiates = matches!(
                    request,
                    Code::GET_VERSION | Code::GET_CAPABILITIES | Code::NEGOTIATE_ALGORITHMS
                );
                if negotiates {
                    return Err(errors.unexpected(&At(MESSAGE, "ResponseNotReady")));
                }
                if data.request_code != request {
                    let expected = Expected::Exactly(request.0.into());
                    let (at, got) = (&At(MESSAGE, "RequestCode"), data.request_code.0);
                    return Err(errors.value(at, &expected, got));
                }
                if data.rdt_exponent > MAX_EXPONENT {
                    let expected = Expected::AtMost(MAX_EXPONENT.into());
                    let (at, got) = (&At(MESSAGE, "RDTExponent"), data.rdt_exponent);
                    return Err(errors.value(at, &expected, got));
                }
                if data.rdtm < 2 {
                    let at = &At(MESSAGE, "RDTM");
                    return Err(errors.value(at, &Expected::AtLeast(2), data.rdtm));
                }
            }
            ExtendedErrorData::LargeResponse { .. } if self.large || !self.may_be_large(asked) => {
                return Err(errors.unexpected(&At(MESSAGE, "LargeResponse")));
            }
            _ => {}
        }
        match error.code {
            ErrorCode::REQUEST_RESYNCH => self.forget(),
            // The answer is still to come.
            ErrorCode::RESPONSE_NOT_READY | ErrorCode::BUSY | ErrorCode::REQUEST_IN_FLIGHT => {}
            ErrorCode::LARGE_RESPONSE => self.large = true,
            _ => {
                (self.pending, self.large) = (None, false);
                // The measurements before it are not covered by a later signature.
                if request == Code::GET_MEASUREMENTS {
                    self.l1().reset();
                }
            }
        }
        Ok(error)
    }

    /// Whether the answer to this request may come in chunks.
    fn may_be_large(&self, asked: Header) -> bool {
        match asked.code {
            Code::GET_VERSION => false,
            // The Responder's flags are still unknown; only SupportedAlgorithms makes the answer large.
            Code::GET_CAPABILITIES => {
                let version = SpdmVersion::from_byte(asked.version);
                version.is_some_and(|version| version >= SpdmVersion::V1_3) && asked.param1 & 1 != 0
            }
            _ => self.chunks(),
        }
    }
}
