//! Vendor-defined messages that a person sends.

use spdm_codec::{
    StandardsBody, VendorDefined, VendorDefinedForm, VendorDefinedRequest, VendorDefinedResponse,
};
use spdm_evidence::VendorExchange;
use spdm_requester::{Failure as Failed, Negotiated, Requester, RunError, blocking};

use crate::args::{PayloadSource, Standard, VendorId};
use crate::exit::Failure;
use crate::file;
use crate::line::LineError;
use crate::tap::Tap;

/// The longest payload, in bytes: its length has 16 bits.
const MOST: usize = 0xFFFF;
/// Bytes of a request beside VendorID and payload.
const FIELDS: usize = 9;
/// The longest answer that is taken, in bytes.
const ANSWER_LEN: usize = 0x1_0100;

/// A message, and whose it is.
#[derive(Clone, Debug)]
pub(crate) struct VendorMessage {
    standard_id: StandardsBody,
    vendor_id: Vec<u8>,
    payload: Vec<u8>,
}

impl VendorMessage {
    /// What the options name, files read.
    pub(crate) fn read(
        standard: Standard,
        vendor: &VendorId,
        payload: &PayloadSource,
    ) -> Result<Self, Failure> {
        let Standard(standard_id) = standard;
        let len = vendor.0.len();
        let lens = standard_id.vendor_id_lens();
        if u8::try_from(len).is_err()
            || lens.is_some_and(|lens| !lens.iter().any(|fits| usize::from(*fits) == len))
        {
            let name = standard_id.name().unwrap_or("this standards body");
            let lens: Vec<_> = lens.unwrap_or_default().iter().map(u8::to_string).collect();
            let expected = match lens.is_empty() {
                true => "at most 255".to_owned(),
                false => lens.join(" or "),
            };
            return Err(Failure::usage(format!(
                "--vendor: a vendor identifier of {name} has {expected} bytes, not {len}"
            )));
        }
        let payload = match payload {
            PayloadSource::Given(bytes) => bytes.clone(),
            PayloadSource::File(path) => file::read(path)?,
        };
        if payload.len() > MOST {
            let len = payload.len();
            return Err(Failure::usage(format!("a message of {len} bytes: {MOST} are the most")));
        }
        Ok(Self { standard_id, vendor_id: vendor.0.clone(), payload })
    }

    /// Bytes of the request.
    pub(crate) fn request_len(&self) -> usize {
        FIELDS + self.vendor_id.len() + self.payload.len()
    }

    /// Sends it, in the session that the requester is in, and notes what came back.
    #[expect(clippy::result_large_err, reason = "as blocking::run, once per message")]
    pub(crate) fn send<'a>(
        &self,
        requester: Requester<'a, Negotiated>,
        line: &mut Tap<'_>,
    ) -> Result<
        (Requester<'a, Negotiated>, VendorExchange),
        Failed<'a, Negotiated, RunError<LineError>>,
    > {
        let clock = line.clock();
        let request = VendorDefinedRequest(VendorDefined {
            form: VendorDefinedForm::Normal,
            standard_id: self.standard_id,
            vendor_id: &self.vendor_id,
            payload: &self.payload,
        });
        let mut buffer = vec![0; ANSWER_LEN];
        let flow = requester.exchange::<_, VendorDefinedResponse<'_>>(request, &mut buffer);
        let (requester, answer) = blocking::run(flow, line, &clock)?;
        Ok((requester, VendorExchange::new(&self.payload, &answer.0)))
    }
}
