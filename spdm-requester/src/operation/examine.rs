//! The examination of a device: what is known of it, whether or not it can be verified.

use super::attestation_plan::{AttestationPlan, KeySource};
use super::examined::Examined;
use super::sequence::{Sequence, ToTheEnd};
use crate::answer::Answer;
use crate::env::{Ask, Env};
use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::observer::{Audience, Observer};
use crate::operation::{Next, sealed};
use crate::requester::{Fresh, Requester};

/// An examination: see [`Requester::examine`](crate::Requester::examine).
#[derive(Debug)]
pub struct Examine<'p, 'c, 'm>(Sequence<'p, 'c, 'm, ToTheEnd>);

impl<'p, 'c, 'm> Examine<'p, 'c, 'm> {
    pub(crate) const fn new(
        plan: AttestationPlan<'p>,
        source: KeySource<'c>,
        record: &'m mut [u8],
    ) -> Self {
        Self(Sequence::new(plan, source, record, ToTheEnd))
    }
}

impl<'p, 'c, 'm> Flow<'_, Examine<'p, 'c, 'm>> {
    /// Tells `observer` of every step. To be called before the first one.
    #[must_use]
    pub fn observed_by(mut self, observer: &'p mut (dyn Observer + Send + 'p)) -> Self {
        self.operation_mut().0.audience = Audience::new(observer);
        self
    }
}

impl<'a> Requester<'a, Fresh> {
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
}

impl<'c, 'm> sealed::Operation for Examine<'_, 'c, 'm> {
    type Phase = Negotiated;
    type Output = Examined<'c, 'm>;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        self.0.request(ask, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        self.0.answered(env, answer)
    }

    fn refused<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        error: &Error,
    ) -> Result<Option<Next>, &'f Error> {
        self.0.refused(env, error)
    }

    fn stopped(&mut self, error: &Error) {
        self.0.stopped(error);
    }

    fn failed(&mut self) {
        self.0.failed();
    }

    fn finish<'f>(&mut self, _: &'f ErrorCell) -> Result<Examined<'c, 'm>, &'f Error> {
        Ok(self.0.examined())
    }
}
