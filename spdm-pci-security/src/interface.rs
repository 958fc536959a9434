//! A device interface (TDI) that questions of TDISP are about.

use spdm_codec::pci_sig::{FunctionId, PciSigProtocol, Tdisp, TdispBody, TdispError};

use crate::fault::Fault;
use crate::payload::Question;
use crate::tdisp::TdispQuestion;

/// The version of TDISP that is known here: 1.0.
pub const TDISP_VERSION: u8 = 0x10;

/// A device interface.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Interface {
    function_id: FunctionId,
}

impl Interface {
    /// The interface of this function.
    #[must_use]
    pub const fn new(function_id: FunctionId) -> Self {
        Self { function_id }
    }

    /// A question to it.
    #[must_use]
    pub const fn ask<Q: TdispQuestion>(self, question: Q) -> Asked<Q> {
        Asked { function_id: self.function_id, question }
    }
}

/// A question to a device interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Asked<Q> {
    function_id: FunctionId,
    question: Q,
}

impl<Q: TdispQuestion> Question for Asked<Q> {
    type Answer<'r> = Q::Answer<'r>;

    fn message(&self) -> PciSigProtocol<'_> {
        PciSigProtocol::Tdisp(Tdisp {
            version: TDISP_VERSION,
            function_id: self.function_id,
            body: self.question.body(),
        })
    }

    fn accept<'r>(&self, answer: PciSigProtocol<'r>) -> Result<Q::Answer<'r>, Fault> {
        let PciSigProtocol::Tdisp(answer) = answer else { return Err(Fault::OtherProtocol) };
        if answer.version != TDISP_VERSION {
            return Err(Fault::OtherVersion(answer.version));
        }
        let (expected, got) = (self.function_id, answer.function_id);
        if expected != got {
            return Err(Fault::OtherFunction { expected, got });
        }
        if let TdispBody::Error(TdispError { code, data, .. }) = answer.body {
            return Err(Fault::Refused { code, data });
        }
        // A response has the code of its request without bit 7.
        let (expected, got) =
            (self.question.body().message_type() & 0x7F, answer.body.message_type());
        let other = Fault::OtherMessage { expected, got };
        if expected != got {
            return Err(other);
        }
        self.question.take(answer.body).unwrap_or(Err(other))
    }
}
