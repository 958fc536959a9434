//! The attestation of a device: it is verified, or there is an error.

use spdm_x509::Trusted;

use super::Measured;
use super::attestation_plan::{AttestationPlan, KeySource};
use super::examine::Examined;
use super::sequence::{Persistence, Sequence};
use crate::answer::Answer;
use crate::env::{Ask, Env};
use crate::error::{Error, Misuse};
use crate::error_cell::ErrorCell;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::observer::{Audience, Observer};
use crate::operation::{Next, sealed};
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
    /// Whether the summary hash is that of these measurements. It is for the caller to env: DSP0274 does
    /// not say exactly which form of the blocks it covers.
    pub summary: SummaryAgreement,
}

/// An attestation: see [`Requester::attest`](crate::Requester::attest).
#[derive(Debug)]
pub struct Attest<'p, 'c, 'm>(Sequence<'p, 'c, 'm>);

impl<'p, 'c, 'm> Attest<'p, 'c, 'm> {
    pub(crate) const fn new(
        plan: AttestationPlan<'p>,
        source: KeySource<'c>,
        record: &'m mut [u8],
    ) -> Self {
        Self(Sequence::new(plan, source, Persistence::FirstFailure, record))
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

    fn finish<'f>(self, errors: &'f ErrorCell) -> Result<Attested<'c, 'm>, &'f Error> {
        let Examined { verified, trusted, measured, summary, .. } = self.0.into_examined();
        let verified = verified.map_err(|error| errors.stop(error))?;
        let trusted = trusted.ok_or_else(|| errors.unfinished())?;
        Ok(Attested { verified, trusted, measured, summary })
    }
}
