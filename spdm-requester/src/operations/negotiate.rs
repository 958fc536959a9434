//! GET_VERSION, GET_CAPABILITIES, NEGOTIATE_ALGORITHMS.

use spdm_codec::{
    AlgorithmsBlock, Capability, CapabilityExtFlags, CapabilityFlags, Code, GetCapabilities,
    GetVersion, MIN_DATA_TRANSFER_SIZE, MeasurementSpecification, Message, NegotiateAlgorithms,
    OtherParams, SpdmVersion, TransferSizes,
};
use spdm_untrusted::Untrusted;

use super::unfinished;
use crate::connection::Stage;
use crate::error::{Buffer, Error, Incompatible, Misuse};
use crate::negotiated::Negotiated;
use crate::operation::{Ask, Judge, Next, sealed};
use crate::requester::REQUEST_AREA;

/// The negotiation: see [`Requester::negotiate`](crate::Requester::negotiate).
#[derive(Debug)]
pub struct Negotiate {
    /// The first request was made.
    begun: bool,
    version: SpdmVersion,
    agreed: Option<Negotiated>,
}

impl Negotiate {
    pub(crate) const fn new() -> Self {
        Self { begun: false, version: SpdmVersion::V1_0, agreed: None }
    }

    /// Only what this crate makes use of: attestation needs no capability of the Requester.
    fn capabilities(&self, ask: &Ask<'_>) -> Result<GetCapabilities, Error> {
        if self.version == SpdmVersion::V1_0 {
            let algorithms_block = AlgorithmsBlock::NotRequested;
            return Ok(GetCapabilities { algorithms_block, capability: None });
        }
        let room = u32::try_from(ask.room).unwrap_or(u32::MAX);
        if room < MIN_DATA_TRANSFER_SIZE {
            let needed = usize::try_from(MIN_DATA_TRANSFER_SIZE).unwrap_or(usize::MAX);
            return Err(Error::BufferTooSmall {
                buffer: Buffer::Message,
                needed: needed.saturating_add(REQUEST_AREA),
                len: ask.room.saturating_add(REQUEST_AREA),
            });
        }
        // Without CHUNK_CAP both sizes are the same.
        let sizes = TransferSizes { data_transfer_size: room, max_spdm_msg_size: room };
        let flags = match self.version {
            SpdmVersion::V1_4 => CapabilityFlags::LARGE_RESP_CAP,
            _ => CapabilityFlags::empty(),
        };
        let capability = Capability {
            ct_exponent: 0,
            ext_flags: CapabilityExtFlags::empty(),
            flags,
            sizes: (self.version >= SpdmVersion::V1_2).then_some(sizes),
        };
        let algorithms_block = AlgorithmsBlock::NotRequested;
        Ok(GetCapabilities { algorithms_block, capability: Some(capability) })
    }

    fn algorithms(&self, ask: &Ask<'_>) -> NegotiateAlgorithms<'static> {
        let mut other_params = OtherParams::empty();
        if self.version >= SpdmVersion::V1_2 {
            other_params |= ask.offer.opaque_formats.opaque_format();
        }
        // A Responder that is multi-key only says so with 1; with 2 the Requester may choose: one key.
        let multi_key_only = ask.connection.responder().flags.multi_key_cap() == 1;
        if self.version >= SpdmVersion::V1_3 && multi_key_only {
            other_params |= OtherParams::MULTI_KEY_CONN;
        }
        NegotiateAlgorithms {
            measurement_specification: MeasurementSpecification::DMTF,
            other_params,
            base_asym: ask.offer.base_asym_of(self.version),
            base_hash: ask.offer.base_hash_of(self.version),
            ..NegotiateAlgorithms::default()
        }
    }
}

impl sealed::Operation for Negotiate {
    type Phase = Negotiated;
    type Output = ();

    fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Error> {
        // A requester may start over in any stage.
        let stage = if self.begun { ask.connection.stage() } else { Stage::NotStarted };
        self.begun = true;
        match stage {
            Stage::NotStarted => Ok(GetVersion.encode(SpdmVersion::V1_0, out)?),
            Stage::AfterVersion => {
                let common = ask.connection.versions().iter().filter(|v| ask.offer.allows(*v));
                self.version = common.max().ok_or(Incompatible::Version)?;
                Ok(self.capabilities(ask)?.encode(self.version, out)?)
            }
            Stage::AfterCapabilities => Ok(self.algorithms(ask).encode(self.version, out)?),
            Stage::Negotiated => {
                Err(Error::Misuse(Misuse::Order { request: Code::GET_CAPABILITIES }))
            }
        }
    }

    fn accept(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Error> {
        judge.accept(request, response, None)?;
        self.agreed = judge.connection.negotiated().copied();
        Ok(if self.agreed.is_some() { Next::Done } else { Next::Again })
    }

    fn finish(self) -> Result<(Negotiated, ()), Error> {
        Ok((self.agreed.ok_or_else(unfinished)?, ()))
    }

    fn phase_after_refusal(&self) -> Option<Negotiated> {
        None
    }
}
