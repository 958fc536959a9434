//! Nonces and contexts, which tie an answer to its request. Those of the two sides are different types, so that
//! the peer's can never be taken for ours.

use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError};
use crate::reader::Reader;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::{Writer, absent};

/// Length of `Nonce` and `RandomData` in bytes.
pub const NONCE_LEN: usize = 32;
/// Length of a [`RequesterContext`] in bytes.
pub const REQUESTER_CONTEXT_LEN: usize = 8;

/// Random bytes of the Requester: `Nonce` in CHALLENGE, GET_MEASUREMENTS and GET_ENDPOINT_INFO, `RandomData` in
/// KEY_EXCHANGE. A signature over fresh ones cannot be an old one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "nothing but its bytes")]
pub struct RequesterNonce(pub [u8; NONCE_LEN]);

/// Random bytes of the Responder: `Nonce` in CHALLENGE_AUTH, MEASUREMENTS and ENDPOINT_INFO, `RandomData` in
/// KEY_EXCHANGE_RSP.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "nothing but its bytes")]
pub struct ResponderNonce(pub [u8; NONCE_LEN]);

/// `RequesterContext` (1.3): the Requester chooses it, the Responder repeats it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "nothing but its bytes")]
pub struct RequesterContext(pub [u8; REQUESTER_CONTEXT_LEN]);

impl RequesterContext {
    /// The field, where the version has it. By reference, as nonces are read, so that it is copied only once, into
    /// the finished message.
    pub(crate) fn read<'a, 't, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        cx: &Cx,
    ) -> Result<Option<&'a [u8; REQUESTER_CONTEXT_LEN]>, &'t DecodeError> {
        if cx.version < SpdmVersion::V1_3 {
            return Ok(None);
        }
        r.array("RequesterContext").map(Some)
    }

    /// Writes the field where the version has it.
    pub(crate) fn write(
        context: Option<Self>,
        w: &mut Writer<'_>,
        version: SpdmVersion,
    ) -> Result<(), EncodeError> {
        if version < SpdmVersion::V1_3 {
            return absent(context.as_ref(), "RequesterContext");
        }
        w.bytes(&context.ok_or(EncodeError::Missing { field: "RequesterContext" })?.0);
        Ok(())
    }
}
