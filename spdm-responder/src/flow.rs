//! One flow of encapsulated requests (DSP0274 1.1 §Encapsulated requests): what is asked, in which order.
//!
//! ```text
//! Challenge: GET_DIGESTS ─> GET_CERTIFICATE … ─> CHALLENGE      (of a provisioned key only CHALLENGE)
//! Session:   GET_DIGESTS ─> GET_CERTIFICATE …                   (then FINISH is signed)
//! Own:       KEY_UPDATE(UpdateKey) ─> KEY_UPDATE(VerifyNewKey)
//!            SEND_EVENT
//!            END_SESSION
//! ```

use spdm_codec::{
    CertificateForm, CertificateRequest, Challenge, Code, EndSession, EndSessionAttributes,
    GetCertificate, GetDigests, KeyOperation, KeyUpdate, MeasurementSummary, SpdmVersion,
};

use crate::draft::Draft;
use crate::refusal::Refusal;
use crate::requester_authentication::OwnRequest;
use crate::requester_chain::Reading;
use crate::requester_challenge::Asked;

/// More than any flow needs, but for the portions of a chain.
const MAX_ROUNDS: usize = 64;

/// What a flow is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// Basic mutual authentication.
    Challenge,
    /// The mutual authentication of a session.
    Session,
    /// The device asks on its own.
    Own(OwnRequest),
}

/// A flow that is not over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) purpose: Purpose,
    /// `RequestID` of the request that is to be answered; `None` before GET_ENCAPSULATED_REQUEST.
    pub(crate) request_id: Option<u8>,
    pub(crate) step: Step,
    /// How many answers are taken yet.
    rounds: usize,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// GET_ENCAPSULATED_REQUEST has to come first.
    Announced,
    GetDigests,
    GetCertificate(Reading),
    Challenge(Asked),
    KeyUpdate(KeyUpdate),
    EndSession,
    #[cfg(feature = "events")]
    SendEvent,
}

impl Flow {
    /// The Requester was told to ask for the first request.
    pub(crate) const fn announced(purpose: Purpose) -> Self {
        Self { purpose, request_id: None, step: Step::Announced, rounds: MAX_ROUNDS }
    }

    /// KEY_EXCHANGE_RSP stands for GET_DIGESTS.
    pub(crate) const fn implied() -> Self {
        let request_id = Some(0);
        let purpose = Purpose::Session;
        Self { purpose, request_id, step: Step::GetDigests, rounds: MAX_ROUNDS }
    }

    /// Whether a request with this code has to wait until the flow is over.
    pub(crate) fn holds_back(&self, code: Code) -> bool {
        match self.purpose {
            Purpose::Challenge | Purpose::Session => true,
            Purpose::Own(OwnRequest::UpdateKey) => code == Code::KEY_UPDATE,
            Purpose::Own(OwnRequest::EndSession) => false,
            #[cfg(feature = "events")]
            Purpose::Own(OwnRequest::SendEvent) => false,
        }
    }

    /// Goes on with this step. A flow that never ends fails.
    pub(crate) fn goes_on(&self, step: Step) -> Result<Self, Refusal> {
        let rounds = match &step {
            Step::GetCertificate(reading) if reading.is_new() => {
                self.rounds.saturating_add(reading.rounds())
            }
            _ => self.rounds,
        };
        let rounds = rounds.checked_sub(1).ok_or_else(Refusal::unspecified)?;
        // 0 is the implied GET_DIGESTS.
        let request_id = Some(self.request_id.unwrap_or_default().checked_add(1).unwrap_or(1));
        Ok(Self { purpose: self.purpose, request_id, step, rounds })
    }
}

impl Step {
    /// Writes the request, the same each time. SEND_EVENT is written by [`own_event`](crate::own_event).
    pub(crate) fn write(&self, version: SpdmVersion, out: &mut Draft<'_>) -> Result<(), Refusal> {
        match self {
            Self::Announced => Err(Refusal::unexpected()),
            #[cfg(feature = "events")]
            Self::SendEvent => Err(Refusal::unexpected()),
            Self::GetDigests => Ok(out.encode(&GetDigests, version)?),
            Self::GetCertificate(reading) => {
                let request = GetCertificate {
                    slot: reading.slot,
                    request: CertificateRequest::Portion,
                    form: CertificateForm::Normal,
                    offset: u32::try_from(reading.have).map_err(|_| Refusal::unspecified())?,
                    length: reading.length.into(),
                };
                Ok(out.encode(&request, version)?)
            }
            Self::Challenge(asked) => {
                let request = Challenge {
                    slot: asked.key.slot,
                    summary: MeasurementSummary::None,
                    nonce: asked.nonce,
                    context: (version >= SpdmVersion::V1_3).then_some(asked.context),
                };
                Ok(out.encode(&request, version)?)
            }
            Self::KeyUpdate(request) => Ok(out.encode(request, version)?),
            Self::EndSession => {
                let attributes = EndSessionAttributes::empty();
                Ok(out.encode(&EndSession { attributes }, version)?)
            }
        }
    }

    /// The first KEY_UPDATE of a flow.
    pub(crate) const fn update_key(tag: u8) -> Self {
        Self::KeyUpdate(KeyUpdate { operation: KeyOperation::UpdateKey, tag })
    }
}
