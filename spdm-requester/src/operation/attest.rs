//! The attestation of a device: it is verified, or there is an error.

use spdm_x509::Trusted;

use super::attestation_plan::{AttestationPlan, KeySource};
use super::measure::Measured;
use super::sequence::{Sequence, UntilFailure};
use crate::answer::Answer;
use crate::chain_cache::ChainCache;
use crate::env::{Ask, Env};
use crate::error::{Error, Misuse};
use crate::error_cell::ErrorCell;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::observer::{Audience, Observer};
use crate::operation::{Next, sealed};
use crate::requester::{Fresh, Requester};
use crate::summary::SummaryAgreement;
use crate::verified::Verified;

/// An attested device.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Attested<'c, 'm> {
    /// The authenticated device.
    pub verified: Verified<'c>,
    /// Its identity and that it is trusted: what a [`KnownChain`](crate::KnownChain) is made of.
    pub trusted: Trusted<'c>,
    /// Its signed measurements, where they were required.
    pub measured: Option<Measured<'m, 'c>>,
    /// Whether the summary hash is that of these measurements. It is for the caller to judge: DSP0274 does
    /// not say exactly which form of the blocks it covers.
    pub summary: SummaryAgreement,
}

/// An attestation: see [`Requester::attest`](crate::Requester::attest).
#[derive(Debug)]
pub struct Attest<'p, 'c, 'm>(Sequence<'p, 'c, 'm, UntilFailure>);

impl<'p, 'c, 'm> Attest<'p, 'c, 'm> {
    pub(crate) const fn new(
        plan: AttestationPlan<'p>,
        source: KeySource<'c>,
        record: &'m mut [u8],
    ) -> Self {
        Self(Sequence::new(plan, source, record, UntilFailure))
    }
}

impl<'p, 'c, 'm> Flow<'_, Attest<'p, 'c, 'm>> {
    /// Tells `observer` of every step. To be called before the first one.
    #[must_use]
    pub fn observed_by(mut self, observer: &'p mut (dyn Observer + Send + 'p)) -> Self {
        self.operation_mut().0.audience = Audience::new(observer);
        self
    }
}

impl<'a> Requester<'a, Fresh> {
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
}

impl<'c, 'm> sealed::Operation for Attest<'_, 'c, 'm> {
    type Phase = Negotiated;
    type Output = Attested<'c, 'm>;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        if self.0.plan.policy.is_none() {
            return Err(ask.errors.misuse(Misuse::Policy));
        }
        self.0.request(ask, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        self.0.answered(env, answer)
    }

    fn stopped(&mut self, error: &Error) {
        self.0.stopped(error);
    }

    fn failed(&mut self) {
        self.0.failed();
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<Attested<'c, 'm>, &'f Error> {
        let Sequence { measured, summary, .. } = self.0;
        let verified = self.0.verdict().map_err(|error| errors.stop(error))?;
        let trusted = *self.0.trusted().ok_or_else(|| errors.unfinished())?;
        Ok(Attested { verified, trusted, measured, summary })
    }
}
