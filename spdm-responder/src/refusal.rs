//! A request that is answered with ERROR.

use spdm_codec::{
    Code, DecodeError, EncodeError, ErrorCode, ErrorResponse, ExtendedErrorData, Message as _,
    SpdmVersion,
};
use spdm_crypto::{HashError, KeyScheduleError, RandomUnavailable, SignError, Unsupported};

use crate::draft::Draft;

/// Why a request is answered with ERROR (DSP0274 §ERROR response message).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    code: ErrorCode,
    data: u8,
    extended: Option<u32>,
}

impl Refusal {
    pub(crate) const fn new(code: ErrorCode) -> Self {
        Self { code, data: 0, extended: None }
    }

    /// The request is not one of this device: `Param2` names it.
    pub(crate) const fn unsupported(request: Code) -> Self {
        Self { data: request.0, ..Self::new(ErrorCode::UNSUPPORTED_REQUEST) }
    }

    pub(crate) const fn invalid() -> Self {
        Self::new(ErrorCode::INVALID_REQUEST)
    }

    pub(crate) const fn unexpected() -> Self {
        Self::new(ErrorCode::UNEXPECTED_REQUEST)
    }

    /// The device has to be reset; `tag` is the `CSRTrackingTag` of GET_CSR.
    #[cfg(feature = "provisioning")]
    pub(crate) const fn reset(tag: u8) -> Self {
        Self { data: tag, ..Self::new(ErrorCode::RESET_REQUIRED) }
    }

    #[cfg(feature = "provisioning")]
    pub(crate) fn is_reset(&self) -> bool {
        self.code == ErrorCode::RESET_REQUIRED
    }

    /// A failure of the device itself.
    pub(crate) const fn unspecified() -> Self {
        Self::new(ErrorCode::UNSPECIFIED)
    }

    /// The request belongs in a session. Before 1.2 there is no code for it.
    pub(crate) const fn session_required(version: SpdmVersion) -> Self {
        match version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => Self::unspecified(),
            _ => Self::new(ErrorCode::SESSION_REQUIRED),
        }
    }

    /// The response has so many bytes, more than the Requester takes.
    pub(crate) fn too_large(len: usize) -> Self {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        Self { extended: Some(len), ..Self::new(ErrorCode::RESPONSE_TOO_LARGE) }
    }

    /// Puts the ERROR in place of what was written.
    pub(crate) fn write(&self, version: SpdmVersion, answer: &mut Draft<'_>) {
        let extended = self.extended.unwrap_or_default().to_le_bytes();
        let extended = if self.extended.is_some() { &extended[..] } else { &[] };
        let extended = ExtendedErrorData::Other(extended);
        let error = ErrorResponse { code: self.code, data: self.data, extended };
        // A draft without room for eight bytes stays empty: nothing is sent then.
        let _ = answer.encode(&error, version);
    }
}

/// The message that asks the Requester to fetch a response in chunks.
pub(crate) fn large_response(
    handle: u8,
    version: SpdmVersion,
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    let extended = ExtendedErrorData::LargeResponse { handle };
    ErrorResponse { code: ErrorCode::LARGE_RESPONSE, data: 0, extended }.encode(version, out)
}

impl From<DecodeError> for Refusal {
    fn from(_: DecodeError) -> Self {
        Self::invalid()
    }
}

macro_rules! unspecified {
    ($($error:ty),*) => {$(
        /// A failure of the device itself.
        impl From<$error> for Refusal {
            fn from(_: $error) -> Self {
                Self::unspecified()
            }
        }
    )*};
}

unspecified!(EncodeError, HashError, KeyScheduleError, RandomUnavailable, SignError, Unsupported);
