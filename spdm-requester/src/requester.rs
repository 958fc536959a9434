//! The requester and its two phases.

use core::fmt;

use spdm_codec::{
    CapabilityFlags, Chunk, Code, MIN_DATA_TRANSFER_SIZE, MeasurementAttributes,
    MeasurementSummary, NONCE_LEN, RequesterNonce, SlotId, SpdmVersion, TransferSizes,
};
use spdm_crypto::{HashBank, Provider};
use spdm_transport::Limits;
use spdm_x509::Identity;

use crate::chain_cache::ChainCache;
use crate::config::{Bounds, Compat, Offer, Timing};
use crate::connection::Connection;
use crate::error::{Bound, Error, Incompatible, Misuse};
use crate::fault::{Fault, Stop};
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::Judge;
use crate::operations::{
    Attest, AttestationPlan, Challenge, Examine, FetchChain, GetDigests, KeySource, Measure,
    Negotiate, Recognize, Selection,
};
use crate::sink::Sink;

/// Room for the longest request at the start of [`Storage::message`], in bytes.
pub(crate) const REQUEST_AREA: usize = 64;

/// Memory that a requester works in, lent by the caller.
#[non_exhaustive]
pub struct Storage<'a> {
    /// Holds one request (64 bytes) and behind it one response, chunks put together. The larger, the fewer
    /// round trips a certificate chain takes; 64 + 42 + 16 bytes are the least from 1.2 on, 4 KiB are
    /// comfortable, ML-DSA needs 8 KiB.
    pub message: &'a mut [u8],
    /// Running hashes: two places.
    pub hashes: &'a mut (dyn HashBank + 'static),
    /// What is known of the connection: two kilobytes, lent so that a requester is small where it is moved from
    /// phase to phase. It is forgotten at the start.
    pub connection: &'a mut Connection,
}

impl<'a> Storage<'a> {
    /// All three.
    #[must_use]
    pub fn new(
        message: &'a mut [u8],
        hashes: &'a mut (dyn HashBank + 'static),
        connection: &'a mut Connection,
    ) -> Self {
        Self { message, hashes, connection }
    }
}

impl fmt::Debug for Storage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("message", &self.message.len()).finish_non_exhaustive()
    }
}

/// The phase before a negotiation.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Fresh;

/// Everything that outlives a flow.
pub(crate) struct Core<'a> {
    pub(crate) message: &'a mut [u8],
    pub(crate) hashes: &'a mut (dyn HashBank + 'static),
    pub(crate) provider: Provider,
    pub(crate) limits: Limits,
    pub(crate) offer: Offer,
    pub(crate) timing: Timing,
    pub(crate) bounds: Bounds,
    pub(crate) connection: &'a mut Connection,
    pub(crate) sink: Option<&'a mut (dyn Sink + 'static)>,
    /// `Handle` of the next large request.
    handle: u8,
}

impl<'a> Core<'a> {
    /// What a response may occupy of the message buffer, in bytes, without padding.
    fn area(&self) -> usize {
        let area = self.message.len().saturating_sub(REQUEST_AREA);
        area.saturating_sub(self.limits.padding)
    }

    /// What is received at most: in one message, and put together from chunks.
    ///
    /// Chunks are compacted in place, so that the header of the last one needs room behind a whole message.
    pub(crate) fn sizes(&self) -> TransferSizes {
        let bytes = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let chunks = self.offer.capabilities.contains(CapabilityFlags::CHUNK_CAP);
        let header = if chunks { Chunk::MAX_HEADER_LEN } else { 0 };
        let whole = bytes(self.area().saturating_sub(header));
        let one = whole
            .min(bytes(self.limits.max_receive))
            .min(self.offer.data_transfer_size.max(MIN_DATA_TRANSFER_SIZE));
        let max_spdm_msg_size = if chunks { whole } else { one };
        TransferSizes { data_transfer_size: one, max_spdm_msg_size }
    }

    /// The largest response that comes in one message of this version, in bytes, without padding.
    pub(crate) fn room(&self, version: SpdmVersion) -> usize {
        match version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => self.area().min(self.limits.max_receive),
            SpdmVersion::V1_2 | SpdmVersion::V1_3 | SpdmVersion::V1_4 => {
                usize::try_from(self.sizes().data_transfer_size).unwrap_or(usize::MAX)
            }
        }
    }

    /// How large CHUNK_SEND may be, where a request of `len` bytes has to travel in chunks.
    pub(crate) fn chunk_unit(&self, code: Code, len: usize) -> Result<Option<usize>, Stop> {
        let fault = &self.connection.fault;
        let bytes = |size: u32| usize::try_from(size).unwrap_or(usize::MAX);
        let before_sizes = matches!(code, Code::GET_VERSION | Code::GET_CAPABILITIES);
        let sizes = self.connection.responder().sizes.filter(|_| !before_sizes);
        let max_send = self.limits.max_send;
        let mut one = max_send;
        if let Some(sizes) = sizes {
            let limit = sizes.max_spdm_msg_size;
            if len > bytes(limit) {
                let field = "MaxSPDMmsgSize";
                return Err(fault.incompatible(Incompatible::RequestTooLarge {
                    len,
                    field,
                    limit,
                }));
            }
            one = one.min(bytes(sizes.data_transfer_size));
        }
        if len <= one {
            return Ok(None);
        }
        let unit = one.min(self.area());
        if sizes.is_some() && self.connection.chunks() && unit >= bytes(MIN_DATA_TRANSFER_SIZE) {
            return Ok(Some(unit));
        }
        match sizes {
            Some(sizes) if len <= max_send => {
                let (field, limit) = ("DataTransferSize", sizes.data_transfer_size);
                Err(fault.incompatible(Incompatible::RequestTooLarge { len, field, limit }))
            }
            _ => Err(fault.stop(Error::Bound(Bound::Send(max_send)))),
        }
    }

    /// `Handle` of a large request: another one each time.
    pub(crate) const fn take_handle(&mut self) -> u8 {
        let handle = self.handle;
        self.handle = handle.wrapping_add(1);
        handle
    }

    /// The judge, the request of `len` bytes, and the receive area.
    #[inline(never)]
    pub(crate) fn split(&mut self, len: usize) -> Result<(Judge<'_>, &[u8], &mut [u8]), Stop> {
        let split = self.message.split_at_mut_checked(REQUEST_AREA);
        let overrun = || self.connection.fault.misuse(Misuse::Overrun);
        let (request, area) = split.ok_or_else(overrun)?;
        let request = request.get(..len).ok_or_else(overrun)?;
        let judge = Judge {
            connection: self.connection,
            provider: &self.provider,
            hashes: self.hashes,
            sink: self.sink.as_deref_mut(),
        };
        Ok((judge, request, area))
    }

    /// Forgets the connection.
    pub(crate) fn into_fresh(self) -> Requester<'a, Fresh> {
        self.connection.forget();
        Requester { core: self, phase: Fresh }
    }
}

/// The requester's side of one connection, without I/O: it makes [`Flow`]s, and drivers such as
/// [`blocking::run`](crate::blocking::run) carry them out.
///
/// `P` is the phase: [`Fresh`], or [`Negotiated`] with what was agreed on.
pub struct Requester<'a, P> {
    pub(crate) core: Core<'a>,
    pub(crate) phase: P,
}

impl<P: fmt::Debug> fmt::Debug for Requester<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requester").field("phase", &self.phase).finish_non_exhaustive()
    }
}

impl<'a> Requester<'a, Fresh> {
    /// A requester that offers everything the backend implements; `limits` are the transport's.
    #[must_use]
    pub fn new(provider: Provider, storage: Storage<'a>, limits: Limits) -> Self {
        let Storage { message, hashes, connection } = storage;
        connection.forget();
        connection.padding = limits.padding;
        connection.compat = Compat::NONE;
        // What went wrong with another device is not told of this one.
        connection.fault = Fault::new();
        let core = Core {
            message,
            hashes,
            connection,
            provider,
            limits,
            offer: Offer::everything(&provider),
            timing: Timing::default(),
            bounds: Bounds::default(),
            sink: None,
            handle: 0,
        };
        Self { core, phase: Fresh }
    }

    /// Replaces what is offered.
    #[must_use]
    pub fn with_offer(mut self, offer: Offer) -> Self {
        self.core.offer = offer;
        self
    }

    /// Tolerates named faults of old devices.
    #[must_use]
    pub fn with_compat(self, compat: Compat) -> Self {
        self.core.connection.compat = compat;
        self
    }

    /// GET_VERSION, GET_CAPABILITIES, NEGOTIATE_ALGORITHMS.
    #[must_use]
    pub fn negotiate(self) -> Flow<'a, Negotiate> {
        Flow::new(self.core, Negotiate::new())
    }

    /// The whole attestation of a device: negotiation, chain, policy, CHALLENGE, signed measurements. It ends at the
    /// first thing that is wrong: a device that it brings is verified.
    ///
    /// The chain and the measurement record are written into the lent buffers.
    #[must_use]
    pub fn attest<'p, 'c, 'm>(
        self,
        plan: AttestationPlan<'p>,
        chain: &'c mut [u8],
        record: &'m mut [u8],
    ) -> Flow<'a, Attest<'p, 'c, 'm>> {
        self.reattest(plan, ChainCache::EMPTY, chain, record)
    }

    /// [`Self::attest`] for a device that may be known: a chain that is in `known` is neither fetched nor
    /// are its signatures verified again. Everything else is judged as ever, under the policy of the plan.
    #[must_use]
    pub fn reattest<'p, 'c, 'm>(
        self,
        plan: AttestationPlan<'p>,
        known: ChainCache<'c>,
        chain: &'c mut [u8],
        record: &'m mut [u8],
    ) -> Flow<'a, Attest<'p, 'c, 'm>> {
        let source = KeySource::Chain { known, buffer: chain };
        Flow::new(self.core, Attest::new(plan, source, record))
    }

    /// [`Self::attest`] for a device without certificates (slot 0xFF, PUB_KEY_ID_CAP): `spki_der` is its
    /// public key, a DER SubjectPublicKeyInfo that the caller got out of band and vouches for. The plan's `slot` is
    /// ignored. Of its policy only revocations apply; its SAN policy must be `None`.
    #[must_use]
    pub fn attest_provisioned<'p, 'c, 'm>(
        self,
        plan: AttestationPlan<'p>,
        spki_der: &'c [u8],
        record: &'m mut [u8],
    ) -> Flow<'a, Attest<'p, 'c, 'm>> {
        let source = KeySource::Provisioned { spki_der };
        Flow::new(self.core, Attest::new(plan, source, record))
    }

    /// The same steps as [`Self::attest`], as far as the connection allows: it goes on with a key that the policy does
    /// not trust, and without a CHALLENGE or measurements that the device refuses. The result says what is known, and
    /// whether the device is verified.
    ///
    /// Without a policy in the plan, this collects evidence that nobody judges yet. With [`KeySource::Nothing`] it
    /// reads measurements that are not signed.
    #[must_use]
    pub fn examine<'p, 'c, 'm>(
        self,
        plan: AttestationPlan<'p>,
        source: KeySource<'c>,
        record: &'m mut [u8],
    ) -> Flow<'a, Examine<'p, 'c, 'm>> {
        Flow::new(self.core, Examine::new(plan, source, record))
    }

    /// Is it the device that it was? Negotiation and CHALLENGE only: the device proves that it still has the
    /// key of `identity` and shows the same chain, which says nothing about who is to be trusted today.
    ///
    /// Only the version and the algorithms of `identity` are offered.
    #[must_use]
    pub fn recognize<'c>(
        self,
        identity: Identity<'c>,
        nonce: RequesterNonce,
    ) -> Flow<'a, Recognize<'c>> {
        Flow::new(self.core, Recognize::new(identity, nonce))
    }
}

impl<'a, P> Requester<'a, P> {
    /// Replaces the waiting times.
    #[must_use]
    pub fn with_timing(mut self, timing: Timing) -> Self {
        self.core.timing = timing;
        self
    }

    /// Replaces the limits of each operation.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.core.bounds = bounds;
        self
    }

    /// Shows every exchange to `sink`.
    #[must_use]
    pub fn with_sink(mut self, sink: &'a mut (dyn Sink + 'static)) -> Self {
        self.core.sink = Some(sink);
        self
    }

    /// What is known of the connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        self.core.connection
    }

    /// A fresh nonce of the backend's random source.
    ///
    /// # Errors
    /// [`Error::Random`] where there is none or it failed.
    pub fn nonce(&self) -> Result<RequesterNonce, Error> {
        let mut nonce = [0; NONCE_LEN];
        self.core.provider.random.fill(&mut nonce).map_err(|_| Error::Random)?;
        Ok(RequesterNonce(nonce))
    }

    /// Forgets the negotiation.
    #[must_use]
    pub fn restart(self) -> Requester<'a, Fresh> {
        self.core.into_fresh()
    }
}

impl<'a> Requester<'a, Negotiated> {
    /// What was agreed on.
    #[must_use]
    pub const fn negotiated(&self) -> &Negotiated {
        &self.phase
    }

    /// GET_DIGESTS: afterwards [`Connection::provisioned_slots`] knows the slots.
    #[must_use]
    pub fn get_digests(self) -> Flow<'a, GetDigests> {
        Flow::new(self.core, GetDigests::new())
    }

    /// The chain of a slot, into the lent buffer: GET_DIGESTS, unless its answer is known, and
    /// GET_CERTIFICATE in the largest portions that fit. The chain must have the announced digest.
    #[must_use]
    pub fn fetch_chain<'c>(self, slot: SlotId, buffer: &'c mut [u8]) -> Flow<'a, FetchChain<'c>> {
        Flow::new(self.core, FetchChain::new(slot, buffer))
    }

    /// CHALLENGE with a nonce: proves that the device holds the key of `identity`. With a `summary`,
    /// [`Possession::summary`](crate::Possession::summary) says what it covers.
    #[must_use]
    pub fn challenge<'c>(
        self,
        identity: Identity<'c>,
        summary: MeasurementSummary,
        nonce: RequesterNonce,
    ) -> Flow<'a, Challenge<'c>> {
        Flow::new(self.core, Challenge::new(identity, summary, nonce))
    }

    /// GET_MEASUREMENTS with a signature of `identity` over a nonce. The record is written into the lent
    /// buffer; it is the caller's only after the signature verified: nothing stays there of a flow that fails,
    /// but something may of one that is dropped. Through 1.1 the signature does not cover the negotiation;
    /// [`Self::challenge`] does.
    #[must_use]
    pub fn measure_signed<'i, 'm, 'c>(
        self,
        selection: Selection<'i>,
        attributes: MeasurementAttributes,
        identity: Identity<'c>,
        nonce: RequesterNonce,
        record: &'m mut [u8],
    ) -> Flow<'a, Measure<'i, 'm, 'c>> {
        let measure = Measure::signed(selection, attributes, identity, nonce, record);
        Flow::new(self.core, measure)
    }

    /// GET_MEASUREMENTS without a signature: nothing of the record is authentic.
    #[must_use]
    pub fn measure_unsigned<'i, 'm>(
        self,
        selection: Selection<'i>,
        attributes: MeasurementAttributes,
        record: &'m mut [u8],
    ) -> Flow<'a, Measure<'i, 'm, 'static>> {
        Flow::new(self.core, Measure::unsigned(selection, attributes, record))
    }
}
