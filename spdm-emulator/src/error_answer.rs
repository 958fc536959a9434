//! An ERROR that script or faults put in place of an answer.

use spdm_codec::{ErrorCode, ErrorResponse, ExtendedErrorData, Message as _, SpdmVersion};

/// An ERROR (DSP0274 §ERROR response message).
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

    pub(crate) fn encode(&self, version: SpdmVersion) -> Vec<u8> {
        let extended = ExtendedErrorData::Other(&self.extended);
        let error = ErrorResponse { code: self.code, data: self.data, extended };
        let mut out = vec![0; 4 + self.extended.len()];
        let len = error.encode(version, &mut out).unwrap_or_default();
        out.truncate(len);
        out
    }
}
