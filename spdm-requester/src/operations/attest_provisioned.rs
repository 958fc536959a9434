//! The attestation of a device without certificates.

use spdm_untrusted::Untrusted;
use spdm_x509::{ProvisionedKey, SanPolicy, Trusted};

use super::Negotiate;
use super::attestation::{AttestationPlan, Attested, Proofs};
use crate::error::Misuse;
use crate::fault::{Fault, Stop};
use crate::negotiated::Negotiated;
use crate::operation::{Ask, Judge, Next, sealed};

/// What the next answer belongs to.
#[derive(Clone, Copy, Debug)]
enum Part {
    Negotiation,
    Proofs,
}

/// An attestation by a public key: see [`Requester::attest_provisioned`](crate::Requester::attest_provisioned).
#[derive(Debug)]
pub struct AttestProvisioned<'p, 'c, 'm> {
    spki_der: &'c [u8],
    part: Part,
    negotiate: Negotiate,
    proofs: Proofs<'p, 'c, 'm>,
}

impl<'p, 'c, 'm> AttestProvisioned<'p, 'c, 'm> {
    pub(crate) const fn new(
        plan: AttestationPlan<'p>,
        spki_der: &'c [u8],
        record: &'m mut [u8],
    ) -> Self {
        let (part, negotiate) = (Part::Negotiation, Negotiate::new());
        Self { spki_der, part, negotiate, proofs: Proofs::new(plan, record) }
    }

    /// The caller vouches for the key, unless it is revoked. A name that the policy asks for no key can have.
    fn trust(&self, judge: &Judge<'_>) -> Result<Trusted<'c>, Stop> {
        let (policy, fault, agreed) = (self.proofs.plan.policy, judge.fault(), judge.agreed()?);
        if policy.san != SanPolicy::None {
            return Err(fault.misuse(Misuse::Identity));
        }
        let asym = agreed.asym().map_err(|error| fault.incompatible(error))?;
        let hash = agreed.hash().map_err(|error| fault.incompatible(error))?;
        let key = ProvisionedKey::parse(Untrusted::new(self.spki_der), asym, hash, judge.provider);
        let trusted = key.and_then(|key| policy.validate_key(key));
        trusted.map_err(|error| fault.stop(error))
    }
}

impl<'c, 'm> sealed::Operation for AttestProvisioned<'_, 'c, 'm> {
    type Phase = Negotiated;
    type Output = Attested<'c, 'm>;

    fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Stop> {
        match self.part {
            Part::Negotiation => self.negotiate.request(ask, out),
            Part::Proofs => self.proofs.request(ask, out),
        }
    }

    fn accept(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Stop> {
        match self.part {
            Part::Negotiation => {
                if self.negotiate.accept(judge, request, response)? == Next::Done {
                    self.part = Part::Proofs;
                    self.proofs.begin(judge, self.trust(judge)?)?;
                }
                Ok(Next::Again)
            }
            Part::Proofs => self.proofs.accept(judge, request, response),
        }
    }

    fn failed(&mut self) {
        self.proofs.failed();
    }

    fn finish(self, fault: &Fault) -> Result<Attested<'c, 'm>, Stop> {
        self.proofs.finish(fault)
    }
}
