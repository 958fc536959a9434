//! The flow of encapsulated requests (DSP0274 §Encapsulated request flow): which request an answer is to.

use spdm_codec::{
    AckPayload, Code, Cx, DeliverEncapsulatedResponse, EncapsulatedRequest,
    EncapsulatedResponseAck, GetEncapsulatedRequest, Message, SlotId,
};
use spdm_untrusted::Untrusted;

use super::answers::Answered;

/// One flow: a request at a time waits for its answer.
#[derive(Debug, Default)]
pub(super) struct EncapsulatedFlow {
    asked: Option<(u8, Vec<u8>)>,
    /// The inner messages since the flow began, which CHALLENGE_AUTH signs: mutB.
    pub(super) said: Vec<u8>,
}

/// What an exchange did to the flow.
#[derive(Debug)]
pub(super) enum Step {
    /// A request waits for its answer, or none does.
    Asked,
    /// The device answered with ERROR: what was delivered does not count.
    Refused,
    /// The device acknowledged an answer.
    Answered {
        answered: Answered,
        /// `ReqSlotNumber`, where the flow ends with one.
        ends_with: Option<SlotId>,
    },
}

impl EncapsulatedFlow {
    /// GET_ENCAPSULATED_REQUEST begins a flow.
    ///
    /// # Errors
    /// Why the answer is none.
    pub(super) fn start(
        &mut self,
        request: &[u8],
        response: &[u8],
        cx: &Cx,
    ) -> Result<Step, String> {
        *self = Self::default();
        let request = GetEncapsulatedRequest::decode(Untrusted::new(request), cx);
        request.map_err(|error| error.to_string())?;
        if is_error(response) {
            return Ok(Step::Refused);
        }
        let message = EncapsulatedRequest::decode(Untrusted::new(response), cx);
        let message = message.map_err(|error| error.to_string())?.message;
        self.ask(message.request_id, message.request.bytes());
        Ok(Step::Asked)
    }

    /// DELIVER_ENCAPSULATED_RESPONSE answers the request that waits; where it is `implied`, GET_DIGESTS with the RequestID 0.
    ///
    /// # Errors
    /// What breaks the flow.
    pub(super) fn deliver(
        &mut self,
        request: &[u8],
        response: &[u8],
        cx: &Cx,
        implied: bool,
    ) -> Result<Step, String> {
        let delivered = DeliverEncapsulatedResponse::decode(Untrusted::new(request), cx);
        let delivered = delivered.map_err(|error| error.to_string())?.message;
        let asked = self.asked.take();
        if is_error(response) {
            return Ok(Step::Refused);
        }
        let (id, request) = match asked {
            Some((id, request)) => (id, Some(request)),
            None if implied => (0, None),
            None => return Err("the host answers an encapsulated request that is none".to_owned()),
        };
        if delivered.request_id != id {
            let got = delivered.request_id;
            return Err(format!("the host answers encapsulated request {got} instead of {id}"));
        }
        let ack = EncapsulatedResponseAck::decode(Untrusted::new(response), cx);
        let ack = ack.map_err(|error| error.to_string())?.message;
        if let Some(got) = ack.ack_request_id.filter(|got| *got != id) {
            return Err(format!("AckRequestID is {got} for encapsulated request {id}"));
        }
        let response = delivered.response.bytes().into_inner_less_safe().to_vec();
        let ends_with = match ack.payload {
            AckPayload::Absent => None,
            AckPayload::Request(request) => {
                self.ask(ack.request_id, request.bytes());
                None
            }
            AckPayload::ReqSlotNumber(slot) => {
                let why = || format!("ReqSlotNumber is {slot}, which is no slot");
                Some(SlotId::new(slot).ok_or_else(why)?)
            }
        };
        Ok(Step::Answered { answered: Answered { request, response }, ends_with })
    }

    fn ask(&mut self, id: u8, request: Untrusted<&[u8]>) {
        self.asked = Some((id, request.into_inner_less_safe().to_vec()));
    }
}

fn is_error(response: &[u8]) -> bool {
    response.get(1) == Some(&Code::ERROR.0)
}
