//! Questions of PCI-SIG's protocols, one after the other in a session.

use core::fmt;

use spdm_codec::{EncodeError, VendorDefinedResponse};
use spdm_pci_security::{Fault, Payload, Question};
use spdm_requester::{
    Error, Failure, Negotiated, Recovered, Refusal, Requester, RunError, blocking,
};

use crate::exit::Exit;
use crate::tap::Tap;
use crate::trusted_session::{Failed, Place};

/// The longest answer that is taken, in bytes.
const ANSWER_LEN: usize = 0x1_0100;

/// A session in which a device is asked.
pub(crate) struct PciSession<'a, 's, 'l> {
    pub(crate) requester: Requester<'a, Negotiated>,
    pub(crate) place: Place,
    pub(crate) line: &'s mut Tap<'l>,
}

/// Why a step was not done, where the session is well.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The question has no place in a message.
    Question(EncodeError),
    /// The answer is a refusal, or does not fit the question.
    Answer(Fault),
    /// ERROR of SPDM.
    Refused(Refusal),
}

impl Trouble {
    /// A refusal is the device's right; an answer that does not fit is none.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Refused(_)
            | Self::Answer(
                Fault::Refused { .. }
                | Fault::KeyRefused(_)
                | Fault::NoVersion
                | Fault::UnsupportedFlags(_)
                | Fault::ReportTooLarge { .. },
            ) => Exit::Rejected,
            Self::Question(_) => Exit::Usage,
            Self::Answer(_) => Exit::Protocol,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Question(error) => error.fmt(f),
            Self::Answer(fault) => fault.fmt(f),
            Self::Refused(refusal) => Error::Refused(*refusal).fmt(f),
        }
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Answer(fault)
    }
}

impl<'a> PciSession<'a, '_, '_> {
    /// The answer as the question takes it, read by `look`.
    pub(crate) fn ask<Q: Question, R>(
        self,
        question: &Q,
        look: impl FnOnce(Q::Answer<'_>) -> R,
    ) -> Result<(Self, Result<R, Trouble>), Failed<'a>> {
        let payload = match Payload::of(question) {
            Ok(payload) => payload,
            Err(error) => return Ok((self, Err(Trouble::Question(error)))),
        };
        let Self { requester, place, line } = self;
        let clock = line.clock();
        let mut buffer = vec![0; ANSWER_LEN];
        let requester = place.enter(requester);
        let flow =
            requester.exchange::<_, VendorDefinedResponse<'_>>(payload.request(), &mut buffer);
        let (requester, asked) = match blocking::run(flow, line, &clock) {
            Ok((requester, answer)) => {
                (requester, question.judge(&answer).map(look).map_err(Trouble::Answer))
            }
            Err(Failure {
                error: RunError::Requester(Error::Refused(refusal)),
                requester: Recovered::Kept(requester),
                ..
            }) => (requester, Err(Trouble::Refused(refusal))),
            Err(failure) => return Err(failure.into()),
        };
        Ok((Self { requester, place, line }, asked))
    }
}
