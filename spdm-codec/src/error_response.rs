//! ERROR.

use core::fmt;

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError};
use crate::header::{Header, VersionRule};
use crate::message::sealed::Body;
use crate::reader::Reader;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::Writer;

/// `ErrorCode`: Param1 of ERROR. Unknown values survive.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a byte with names")]
pub struct ErrorCode(pub u8);

macro_rules! error_codes {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        impl ErrorCode {
            $(#[doc = concat!("`", $text, "`")] pub const $name: Self = Self($value);)*

            /// The specification's name, where the code is known.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 { $($value => Some($text),)* _ => None }
            }
        }
    };
}

error_codes! {
    INVALID_REQUEST = 0x01, "InvalidRequest";
    BUSY = 0x03, "Busy";
    UNEXPECTED_REQUEST = 0x04, "UnexpectedRequest";
    UNSPECIFIED = 0x05, "Unspecified";
    DECRYPT_ERROR = 0x06, "DecryptError";
    UNSUPPORTED_REQUEST = 0x07, "UnsupportedRequest";
    REQUEST_IN_FLIGHT = 0x08, "RequestInFlight";
    INVALID_RESPONSE_CODE = 0x09, "InvalidResponseCode";
    SESSION_LIMIT_EXCEEDED = 0x0A, "SessionLimitExceeded";
    SESSION_REQUIRED = 0x0B, "SessionRequired";
    RESET_REQUIRED = 0x0C, "ResetRequired";
    RESPONSE_TOO_LARGE = 0x0D, "ResponseTooLarge";
    REQUEST_TOO_LARGE = 0x0E, "RequestTooLarge";
    LARGE_RESPONSE = 0x0F, "LargeResponse";
    MESSAGE_LOST = 0x10, "MessageLost";
    INVALID_POLICY = 0x11, "InvalidPolicy";
    DATA_TOO_LARGE = 0x12, "DataTooLarge";
    VERSION_MISMATCH = 0x41, "VersionMismatch";
    RESPONSE_NOT_READY = 0x42, "ResponseNotReady";
    REQUEST_RESYNCH = 0x43, "RequestResynch";
    OPERATION_FAILED = 0x44, "OperationFailed";
    NO_PENDING_REQUESTS = 0x45, "NoPendingRequests";
    REQUEST_SESSION_TERMINATED = 0x46, "RequestSessionTerminated";
    INVALID_STATE = 0x47, "InvalidState";
    VENDOR_DEFINED = 0xFF, "VendorDefined";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "error code {:#04x}", self.0),
        }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Extended data of ResponseNotReady.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct ResponseNotReady {
    /// `RDTExponent`: the response is expected to be ready after 2^n microseconds.
    pub rdt_exponent: u8,
    /// `RequestCode` of the request that goes on.
    pub request_code: Code,
    /// `Token`: names it in RESPOND_IF_READY.
    pub token: u8,
    /// `RDTM`: the response is kept for this many times RDT.
    pub rdtm: u8,
}

/// `ExtendedErrorData`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ExtendedErrorData<'a> {
    /// Of ResponseNotReady.
    ResponseNotReady(ResponseNotReady),
    /// Of LargeResponse (1.2).
    LargeResponse {
        /// `Handle` for CHUNK_GET.
        handle: u8,
    },
    /// Of DataTooLarge (1.4).
    DataTooLarge {
        /// Bytes that the data has.
        length: u32,
    },
    /// Of any other code: all bytes that followed the header.
    Other(&'a [u8]),
}

/// ERROR (DSP0274 §ERROR response message). The version byte is not checked: a Responder may use 0x10
/// before the negotiation ends.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: ErrorCode |
/// | 3 | 1 | Param2: ErrorData |
/// | 4 | | ExtendedErrorData |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct ErrorResponse<'a> {
    /// `ErrorCode`.
    pub code: ErrorCode,
    /// `ErrorData`.
    pub data: u8,
    /// `ExtendedErrorData`.
    pub extended: ExtendedErrorData<'a>,
}

impl<'a> Body<'a> for ErrorResponse<'a> {
    const BODY_NAME: &'static str = "ERROR";
    const BODY_CODE: Code = Code::ERROR;
    const VERSION: VersionRule = VersionRule::Any;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let code = ErrorCode(header.param1);
        let extended = match code {
            ErrorCode::RESPONSE_NOT_READY => {
                ExtendedErrorData::ResponseNotReady(ResponseNotReady {
                    rdt_exponent: r.u8("RDTExponent")?,
                    request_code: Code(r.u8("RequestCode")?),
                    token: r.u8("Token")?,
                    rdtm: r.u8("RDTM")?,
                })
            }
            ErrorCode::LARGE_RESPONSE => {
                ExtendedErrorData::LargeResponse { handle: r.u8("Handle")? }
            }
            ErrorCode::DATA_TOO_LARGE => {
                ExtendedErrorData::DataTooLarge { length: r.u32("Length")? }
            }
            _ => ExtendedErrorData::Other(r.rest("ExtendedErrorData")),
        };
        Ok(Self { code, data: header.param2, extended })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.code.0, self.data])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        match self.extended {
            ExtendedErrorData::ResponseNotReady(extended) => w.bytes(&[
                extended.rdt_exponent,
                extended.request_code.0,
                extended.token,
                extended.rdtm,
            ]),
            ExtendedErrorData::LargeResponse { handle } => w.u8(handle),
            ExtendedErrorData::DataTooLarge { length } => w.u32(length),
            ExtendedErrorData::Other(bytes) => w.bytes(bytes),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorCode, ErrorResponse, ExtendedErrorData};
    use crate::error::DecodeErrorKind;
    use crate::testing::round_trip;
    use crate::{Code, Cx, Message, SpdmVersion};
    use spdm_untrusted::Untrusted;

    #[test]
    fn extended_data() {
        let cx = Cx::new(SpdmVersion::V1_2);
        let message: ErrorResponse<'_> = round_trip(&[0x12, 0x7F, 0x42, 0, 10, 0x83, 5, 2], &cx);
        let ExtendedErrorData::ResponseNotReady(extended) = message.extended else { panic!() };
        assert_eq!((extended.rdt_exponent, extended.rdtm), (10, 2));
        assert_eq!((extended.request_code, extended.token), (Code::CHALLENGE, 5));
        let message: ErrorResponse<'_> = round_trip(&[0x12, 0x7F, 0x0F, 0, 9], &cx);
        assert_eq!(message.extended, ExtendedErrorData::LargeResponse { handle: 9 });
        let message: ErrorResponse<'_> = round_trip(&[0x12, 0x7F, 0x12, 0, 0, 0, 1, 0], &cx);
        assert_eq!(message.extended, ExtendedErrorData::DataTooLarge { length: 0x1_0000 });
        let message: ErrorResponse<'_> = round_trip(&[0x12, 0x7F, 0x99, 7, 1, 2], &cx);
        assert_eq!((message.code, message.code.name()), (ErrorCode(0x99), None));
    }

    #[test]
    fn n27_extended_data_truncated() {
        let cx = Cx::new(SpdmVersion::V1_2);
        for (bytes, least) in [
            (&[0x12, 0x7F, 0x42, 0, 10, 0x83, 5, 2][..], 8),
            (&[0x12, 0x7F, 0x0F, 0, 9], 5),
            (&[0x12, 0x7F, 0x12, 0, 0, 0, 1, 0], 8),
            (&[0x12, 0x7F, 0x01, 0], 4),
        ] {
            for len in 0..least {
                let error = ErrorResponse::decode(Untrusted::new(&bytes[..len]), &cx).unwrap_err();
                assert!(matches!(error.kind, DecodeErrorKind::Truncated { .. }));
            }
        }
    }

    #[test]
    fn padding_is_no_extended_data() {
        let cx = Cx::new(SpdmVersion::V1_2).with_padding(3);
        let padded = [0x12, 0x7F, 0x0F, 0, 9, 0, 0, 0];
        let error = ErrorResponse::decode(Untrusted::new(&padded), &cx).unwrap();
        assert_eq!(error.bytes, &padded[..5]);
        let appended = [0x12, 0x7F, 0x0F, 0, 9, 0, 0, 0, 0];
        let error = ErrorResponse::decode(Untrusted::new(&appended), &cx).unwrap_err();
        assert!(
            matches!(error.kind, DecodeErrorKind::Trailing { count: 4, allowed: 3 }),
            "{error}"
        );
    }

    #[test]
    fn any_version_byte_is_accepted() {
        let cx = Cx::new(SpdmVersion::V1_3);
        for version in [0x10, 0x13, 0x99] {
            let bytes = [version, 0x7F, 0x41, 0];
            let error = ErrorResponse::decode(Untrusted::new(&bytes), &cx).unwrap();
            assert_eq!(error.message.code, ErrorCode::VERSION_MISMATCH);
        }
    }
}
