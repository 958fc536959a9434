//! An answer that is an ERROR.

use spdm_codec::{
    Code, DecodeError, EncodeError, ErrorCode, ErrorResponse, ExtendedErrorData, Message as _,
    SpdmVersion,
};
use spdm_crypto::{SignError, Unsupported};

/// Why a request is answered with ERROR (DSP0274 §ERROR response message).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ErrorAnswer {
    pub(crate) code: ErrorCode,
    pub(crate) data: u8,
    pub(crate) extended: Vec<u8>,
}

impl ErrorAnswer {
    pub(crate) const fn new(code: ErrorCode) -> Self {
        Self { code, data: 0, extended: Vec::new() }
    }

    pub(crate) fn unsupported(request: Code) -> Self {
        Self { data: request.0, ..Self::new(ErrorCode::UNSUPPORTED_REQUEST) }
    }

    pub(crate) const fn invalid() -> Self {
        Self::new(ErrorCode::INVALID_REQUEST)
    }

    pub(crate) const fn unexpected() -> Self {
        Self::new(ErrorCode::UNEXPECTED_REQUEST)
    }

    pub(crate) fn too_large(len: usize) -> Self {
        let extended = u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes().to_vec();
        Self { extended, ..Self::new(ErrorCode::RESPONSE_TOO_LARGE) }
    }

    pub(crate) fn encode(&self, version: SpdmVersion) -> Vec<u8> {
        let extended = ExtendedErrorData::Other(&self.extended);
        let error = ErrorResponse { code: self.code, data: self.data, extended };
        let mut out = vec![0; 4 + self.extended.len()];
        let len = error.encode(version, &mut out).unwrap_or_default();
        out.truncate(len);
        out
    }
}

impl From<DecodeError> for ErrorAnswer {
    fn from(_: DecodeError) -> Self {
        Self::invalid()
    }
}

impl From<EncodeError> for ErrorAnswer {
    fn from(_: EncodeError) -> Self {
        Self::new(ErrorCode::UNSPECIFIED)
    }
}

impl From<SignError> for ErrorAnswer {
    fn from(_: SignError) -> Self {
        Self::new(ErrorCode::UNSPECIFIED)
    }
}

impl From<Unsupported> for ErrorAnswer {
    fn from(_: Unsupported) -> Self {
        Self::new(ErrorCode::UNSPECIFIED)
    }
}
