//! GET_VERSION, GET_CAPABILITIES, NEGOTIATE_ALGORITHMS.

use spdm_codec::{
    AlgorithmsBlock, Capability, CapabilityExtFlags, CapabilityFlags, Code, ConnectionKeys,
    ExtAlgorithms, ExternalAlgStructs, GetCapabilities, GetVersion, MIN_DATA_TRANSFER_SIZE,
    NegotiateAlgorithms, OtherParams, SpdmVersion,
};

use crate::answer::Answer;
use crate::connection::Stage;
use crate::env::{Ask, Env};
use crate::error::{Buffer, Error, Incompatible, Misuse};
use crate::error_cell::ErrorCell;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::requester::{Fresh, Requester};

/// The negotiation: see [`Requester::negotiate`](crate::Requester::negotiate).
#[derive(Debug)]
pub struct Negotiate {
    /// The first request was made.
    begun: bool,
    /// The lowest one whose negotiation is signed as it has to be.
    least: SpdmVersion,
    version: SpdmVersion,
}

impl Negotiate {
    pub(crate) const fn new() -> Self {
        Self::at_least(SpdmVersion::V1_0)
    }

    /// Below `least`, nothing would sign the negotiation.
    pub(super) const fn at_least(least: SpdmVersion) -> Self {
        Self { begun: false, least, version: SpdmVersion::V1_0 }
    }

    /// Whether the first request was made.
    pub(super) const fn has_begun(&self) -> bool {
        self.begun
    }

    fn capabilities<'f>(&self, ask: &Ask<'_, 'f>) -> Result<GetCapabilities, &'f Error> {
        let version = self.version;
        if version == SpdmVersion::V1_0 {
            let algorithms_block = AlgorithmsBlock::NotRequested;
            return Ok(GetCapabilities { algorithms_block, capability: None });
        }
        let sizes = (version >= SpdmVersion::V1_2).then_some(ask.sizes);
        if sizes.is_some_and(|sizes| sizes.data_transfer_size < MIN_DATA_TRANSFER_SIZE) {
            return Err(too_small(ask));
        }
        let flags = ask.offer.capabilities_of(version);
        if let Some(rule) = flags.broken_by_requester(version) {
            return Err(ask.errors.misuse(Misuse::Offer(rule)));
        }
        let capability = Capability {
            ct_exponent: ask.offer.ct_exponent,
            ext_flags: CapabilityExtFlags::empty(),
            flags,
            sizes,
        };
        let algorithms_block = match ask.offer.algorithms_block {
            AlgorithmsBlock::Requested
                if version >= SpdmVersion::V1_3 && flags.contains(CapabilityFlags::CHUNK_CAP) =>
            {
                AlgorithmsBlock::Requested
            }
            _ => AlgorithmsBlock::NotRequested,
        };
        Ok(GetCapabilities { algorithms_block, capability: Some(capability) })
    }

    fn algorithms(&self, ask: &Ask<'_, '_>) -> NegotiateAlgorithms<'static> {
        let (version, offer) = (self.version, ask.offer);
        let mut other_params = OtherParams::empty();
        if version >= SpdmVersion::V1_2 {
            other_params |= offer.opaque_formats.opaque_format();
        }
        // A Responder that is multi-key only says so with 1; with 2 the Requester may choose.
        let multi_key = match ask.connection.responder().flags.multi_key_cap() {
            1 => ConnectionKeys::Multi,
            2 => offer.connection_keys,
            _ => ConnectionKeys::Single,
        };
        if version >= SpdmVersion::V1_3 && multi_key == ConnectionKeys::Multi {
            other_params |= OtherParams::MULTI_KEY_CONN;
        }
        let mel = version >= SpdmVersion::V1_3;
        NegotiateAlgorithms {
            measurement_specification: offer.measurement_specification,
            other_params,
            base_asym: offer.base_asym_of(version),
            base_hash: offer.base_hash_of(version),
            pqc_asym: offer.pqc_asym_of(version),
            mel_specification: if mel { offer.mel_specification } else { Default::default() },
            ext_asym: ExtAlgorithms::default(),
            ext_hash: ExtAlgorithms::default(),
            alg_structs: offer.alg_structs_of(version),
            external: ExternalAlgStructs::default(),
        }
    }
}

/// The message buffer has no room for the smallest legal transfer.
fn too_small<'f>(ask: &Ask<'_, 'f>) -> &'f Error {
    let bytes = |size: u32| usize::try_from(size).unwrap_or(usize::MAX);
    let missing = MIN_DATA_TRANSFER_SIZE.saturating_sub(ask.sizes.data_transfer_size);
    let needed = ask.message_len.saturating_add(bytes(missing));
    let (buffer, len) = (Buffer::Message, ask.message_len);
    ask.errors.stop(Error::BufferTooSmall { buffer, needed, len })
}

impl<'a> Requester<'a, Fresh> {
    /// GET_VERSION, GET_CAPABILITIES, NEGOTIATE_ALGORITHMS.
    #[must_use]
    pub fn negotiate(self) -> Flow<'a, Negotiate> {
        Flow::new(self.core, Negotiate::new())
    }
}

impl sealed::Operation for Negotiate {
    type Phase = Negotiated;
    type Output = ();

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        // A requester may start over in any stage.
        let stage = if self.begun { ask.connection.stage() } else { Stage::NotStarted };
        self.begun = true;
        match stage {
            Stage::NotStarted => ask.encode(&GetVersion, SpdmVersion::V1_0, out),
            Stage::AfterVersion => {
                let highest = ask.offer.highest_of(ask.connection);
                self.version =
                    highest.ok_or_else(|| ask.errors.incompatible(Incompatible::Version))?;
                if self.version < self.least {
                    let error = Incompatible::UnsignedNegotiation(self.version);
                    return Err(ask.errors.incompatible(error));
                }
                ask.encode(&self.capabilities(ask)?, self.version, out)
            }
            Stage::AfterCapabilities => ask.encode(&self.algorithms(ask), self.version, out),
            Stage::Negotiated => Err(ask.errors.order(Code::GET_CAPABILITIES)),
        }
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        env.accept(answer, None)?;
        match env.connection.stage() {
            Stage::Negotiated => Ok(Next::Done),
            _ => Ok(Next::Again),
        }
    }

    fn finish<'f>(&mut self, _: &'f ErrorCell) -> Result<(), &'f Error> {
        Ok(())
    }
}
