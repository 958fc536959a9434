//! Watching an attestation step by step: how reports are made.

use core::fmt;

use spdm_codec::{ContentChanged, MeasurementRecord, RequesterNonce};
use spdm_crypto::Digest;
use spdm_x509::{Appraisal, Chain, Policy};

use crate::check::{AttestationCheck, CheckStatus};
use crate::error::Error;
use crate::negotiated::Negotiated;
use crate::operation::attestation_plan::AttestationPlan;
use crate::operation::session_handshake::Opened;
use crate::possession::{Possession, Proof};
use crate::verified::Verified;

/// Hears of every step of an attestation as it is made: see
/// [`Flow::observed_by`](crate::Flow::observed_by). It decides nothing.
///
/// ```
/// use spdm_requester::{AttestationCheck, CheckStatus, Observation, Observer};
///
/// struct Failures(Vec<AttestationCheck>);
///
/// impl Observer for Failures {
///     fn observe(&mut self, observation: &Observation<'_>) {
///         let failed = observation.checks().filter(|(_, status)| *status == CheckStatus::Fail);
///         self.0.extend(failed.map(|(check, _)| check));
///     }
/// }
/// ```
pub trait Observer {
    /// The next step, in the order in which they are made.
    fn observe(&mut self, observation: &Observation<'_>);
}

/// One step of an attestation. [`Self::checks`] says which checks it decides.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Observation<'e> {
    /// The attestation begins. What its plan does not ask for is skipped.
    Begun {
        /// The plan.
        plan: &'e AttestationPlan<'e>,
        /// What the device is to sign.
        signed: SignedParts,
    },
    /// The negotiation is complete.
    Negotiated(&'e Negotiated),
    /// The device has a public key instead of a chain (slot 0xFF).
    ProvisionedKey {
        /// What the caller asks of it, if anything.
        policy: Option<&'e Policy<'e>>,
    },
    /// The chain whose key is to sign. It is the one that DIGESTS announced.
    Chain {
        /// The chain.
        chain: &'e Chain<'e>,
        /// Where it comes from.
        origin: ChainOrigin,
    },
    /// What the policy says of that chain.
    Appraised(&'e Appraisal<'e>),
    /// A signature is about to be asked for, over this nonce.
    Asked {
        /// By which message.
        proof: Proof,
        /// The nonce.
        nonce: &'e RequesterNonce,
    },
    /// The device answered CHALLENGE with a signature that verifies.
    Challenged(&'e Possession<'e>),
    /// The attestation opens a session.
    SessionAsked,
    /// The device answered KEY_EXCHANGE with a signature that verifies, and with an HMAC that holds where there is one.
    KeyExchanged(&'e Possession<'e>),
    /// The session is open: both sides have its keys.
    SessionOpened(&'e Opened),
    /// The identity is not trusted: nothing is asked in the session.
    Withheld,
    /// The device sent its measurements.
    Measured {
        /// The measurements.
        record: &'e MeasurementRecord<'e>,
        /// The proof that the device signed them; `None` where no signature was asked for.
        possession: Option<&'e Possession<'e>>,
        /// Whether the device noticed a change of what it had measured before, while it was asked (1.2).
        content_changed: ContentChanged,
        /// What a summary hash over them would be ([`summary_of`](crate::summary_of)), where CHALLENGE_AUTH has
        /// one and it can be told.
        summary: Option<&'e Digest>,
    },
    /// The last signature is one of a trusted identity.
    Verified(&'e Verified<'e>),
    /// Something went wrong. The attestation ends or, where the device merely refused something, goes on without
    /// it ([`Requester::examine`](crate::Requester::examine)).
    Failed(&'e Error),
}

/// Which of its answers the device is to sign.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignedParts {
    /// Those that the plan requires.
    AsRequired,
    /// None: whatever it measures is not authentic.
    Nothing,
}

/// Where a chain comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ChainOrigin {
    /// GET_CERTIFICATE brought it.
    Fetched,
    /// It was known before ([`ChainCache`](crate::ChainCache)).
    Known,
}

/// The most checks that one observation decides.
const MOST: usize = 9;

impl Observation<'_> {
    /// The checks that this step decides, and how they ended.
    ///
    /// A check may be decided more than once: then a failure counts most, and a pass more than
    /// [`CheckStatus::Skipped`]. A check that no observation decides was not made.
    pub fn checks(&self) -> impl Iterator<Item = (AttestationCheck, CheckStatus)> + use<> {
        use AttestationCheck::{
            ChainAnchor, ChainCertificates, ChainDigest, ChainFormat, ChainRoot, ChainSignatures,
            LeafSan, MeasurementsFormat, MeasurementsNonce, MeasurementsSignature, SessionFinish,
            SessionKeyExchange,
        };
        use CheckStatus::{Fail, Pass, Skipped};

        let mut decided = Decided { checks: [None; MOST], len: 0 };
        match self {
            Self::Begun { plan, signed } => {
                let unsigned = *signed == SignedParts::Nothing;
                if unsigned || !plan.requirement.has_challenge() {
                    decided.add_all(AttestationCheck::CHALLENGE, Skipped);
                }
                if unsigned {
                    decided.add_all([MeasurementsNonce, MeasurementsSignature], Skipped);
                } else if !plan.requirement.has_measurements() {
                    decided.add_all(AttestationCheck::MEASUREMENTS, Skipped);
                }
            }
            Self::ProvisionedKey { .. } => {
                let chain = [ChainFormat, ChainDigest, ChainRoot];
                decided.add_all(chain, Skipped);
                let chain = [ChainCertificates, ChainSignatures, ChainAnchor, LeafSan];
                decided.add_all(chain, Skipped);
            }
            Self::Chain { .. } => decided.add_all([ChainDigest], Pass),
            Self::Appraised(appraisal) => {
                for (check, status) in AttestationCheck::of_appraisal(appraisal) {
                    decided.add_all([check], status);
                }
            }
            Self::Challenged(_) => decided.add_all(AttestationCheck::CHALLENGE, Pass),
            Self::KeyExchanged(_) => decided.add_all([SessionKeyExchange], Pass),
            Self::SessionOpened(_) => decided.add_all([SessionFinish], Pass),
            Self::Withheld => decided.add_all(AttestationCheck::MEASUREMENTS, Skipped),
            Self::Measured { possession: None, .. } => decided.add_all([MeasurementsFormat], Pass),
            Self::Measured { record, possession: Some(_), .. } => {
                let blocks = record.number_of_blocks();
                let status = AttestationCheck::of_signed_blocks(blocks.into());
                decided.add_all([MeasurementsNonce], Pass);
                decided.add_all([MeasurementsFormat, MeasurementsSignature], status);
            }
            Self::Failed(error) => {
                if let Some(check) = AttestationCheck::decided_by(error) {
                    decided.add_all([check], Fail);
                }
            }
            Self::Negotiated(_) | Self::Asked { .. } | Self::Verified(_) | Self::SessionAsked => {}
        }
        decided.checks.into_iter().flatten()
    }
}

/// Checks with their status.
struct Decided {
    checks: [Option<(AttestationCheck, CheckStatus)>; MOST],
    len: usize,
}

impl Decided {
    fn add_all<const N: usize>(&mut self, checks: [AttestationCheck; N], status: CheckStatus) {
        for check in checks {
            // There is a place for each: no observation decides more than `MOST` checks.
            if let Some(place) = self.checks.get_mut(self.len) {
                *place = Some((check, status));
                self.len += 1;
            }
        }
    }
}

/// The observer of an attestation, where there is one.
pub(crate) struct Audience<'o>(Option<&'o mut (dyn Observer + Send + 'o)>);

impl<'o> Audience<'o> {
    pub(crate) const NOBODY: Self = Self(None);

    pub(crate) const fn new(observer: &'o mut (dyn Observer + Send + 'o)) -> Self {
        Self(Some(observer))
    }

    pub(crate) fn tell(&mut self, observation: &Observation<'_>) {
        if let Some(observer) = &mut self.0 {
            observer.observe(observation);
        }
    }
}

impl fmt::Debug for Audience<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Audience").field(&self.0.is_some()).finish()
    }
}
