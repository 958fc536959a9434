//! The requester, its two phases, and the operations that start in each.

use core::fmt;

use spdm_codec::{MeasurementAttributes, MeasurementSummary, NONCE_LEN, RequesterNonce, SlotId};
use spdm_crypto::Provider;
use spdm_transport::Limits;
use spdm_x509::Identity;

use crate::chain_cache::ChainCache;
use crate::config::{Bounds, Compat, Offer, Timing};
use crate::connection::Connection;
use crate::core::{Core, Storage};
use crate::error::Error;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{
    Attest, AttestationPlan, Challenge, Examine, FetchChain, GetDigests, KeySource, Measure,
    Negotiate, Recognize, Selection,
};
use crate::sink::Sink;

/// The phase before a negotiation.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Fresh;

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
    /// Forgets the connection.
    pub(crate) fn fresh(core: Core<'a>) -> Self {
        core.connection.forget();
        Self { core, phase: Fresh }
    }

    /// A requester that offers everything the backend implements; `limits` are the transport's.
    #[must_use]
    pub fn new(provider: Provider, storage: Storage<'a>, limits: Limits) -> Self {
        Self { core: Core::new(provider, storage, limits), phase: Fresh }
    }

    /// Replaces what is offered.
    #[must_use]
    pub fn with_offer(mut self, offer: Offer) -> Self {
        self.core.settings.offer = offer;
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
        self.core.settings.timing = timing;
        self
    }

    /// Replaces the limits of each operation.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.core.settings.bounds = bounds;
        self
    }

    /// Shows every exchange to `sink`, which may borrow and may live shorter than the lent memory.
    #[must_use]
    pub fn with_sink<'b>(self, sink: &'b mut (dyn Sink + Send + 'b)) -> Requester<'b, P>
    where
        'a: 'b,
    {
        Requester { core: self.core.with_sink(sink), phase: self.phase }
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
        Requester::fresh(self.core)
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
