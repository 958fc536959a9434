//! What is asked of a device, and whom to trust.

use spdm_codec::{
    KeyUsage, MeasurementAttributes, MeasurementSummary, RequesterNonce, SlotId, SpdmVersion,
};
use spdm_x509::Policy;

use super::measure::Selection;
use super::slot_choice::SlotChoice;
use crate::chain_cache::ChainCache;

/// Which signatures an attestation needs. The peer's capabilities never decide this.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Requirement {
    /// CHALLENGE and signed measurements.
    #[default]
    ChallengeAndMeasurements,
    /// CHALLENGE only.
    Challenge,
    /// Signed measurements only. Through 1.1 their signature does not cover the negotiation: see
    /// [`NegotiationSigning`].
    Measurements,
    /// Neither: the signature of KEY_EXCHANGE_RSP is enough, which
    /// [`Requester::examine_in_session`](crate::Requester::examine_in_session) requires in any case. Without a session nothing
    /// is verified.
    Session,
}

impl Requirement {
    /// Whether CHALLENGE is among them.
    #[must_use]
    pub const fn has_challenge(self) -> bool {
        matches!(self, Self::ChallengeAndMeasurements | Self::Challenge)
    }

    /// Whether signed measurements are among them.
    #[must_use]
    pub const fn has_measurements(self) -> bool {
        matches!(self, Self::ChallengeAndMeasurements | Self::Measurements)
    }

    /// What the slot's key must be allowed to sign.
    pub(super) fn uses(self) -> KeyUsage {
        match self {
            Self::ChallengeAndMeasurements => KeyUsage::CHALLENGE | KeyUsage::MEASUREMENT,
            Self::Challenge => KeyUsage::CHALLENGE,
            Self::Measurements => KeyUsage::MEASUREMENT,
            Self::Session => KeyUsage::empty(),
        }
    }
}

/// Whether the negotiation must be signed. Through 1.1 only CHALLENGE_AUTH signs it: without CHALLENGE, an attacker on the
/// way can lower the version or change capabilities and algorithms, and nobody notices.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it must be or not")]
pub enum NegotiationSigning {
    /// Where no CHALLENGE is required, nothing below 1.2 is accepted
    /// ([`Incompatible::UnsignedNegotiation`](crate::Incompatible::UnsignedNegotiation)).
    #[default]
    Required,
    /// Whatever [`Offer::min_version`](crate::Offer::min_version) allows.
    Waived,
}

/// What is asked of a device, and what it takes to trust it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttestationPlan<'p> {
    /// Which slot's key must sign.
    pub slot: SlotChoice,
    /// What the chain must fulfil. Without a policy nothing is trusted:
    /// [`Requester::attest`](crate::Requester::attest) refuses such a plan, and
    /// [`Requester::examine`](crate::Requester::examine) gathers evidence for somebody else to judge.
    pub policy: Option<&'p Policy<'p>>,
    /// Which signatures are required.
    pub requirement: Requirement,
    /// Whether the negotiation must be signed. It decides nothing where nobody judges: without a policy or a key.
    pub negotiation: NegotiationSigning,
    /// The nonce of GET_MEASUREMENTS, or of CHALLENGE without measurements; random where `None`.
    pub nonce: Option<RequesterNonce>,
    /// Which measurements `MeasurementSummaryHash` of CHALLENGE_AUTH is to cover; a device without MEAS_CAP is not
    /// asked for one.
    pub summary: MeasurementSummary,
    /// Which measurements are asked for.
    pub selection: Selection<'p>,
    /// Attributes of GET_MEASUREMENTS.
    pub attributes: MeasurementAttributes,
}

impl<'p> AttestationPlan<'p> {
    /// The lowest version in which the signatures that are required cover the negotiation, where they have to.
    pub(super) const fn least_version(&self) -> SpdmVersion {
        match (self.negotiation, self.policy, self.requirement) {
            (NegotiationSigning::Required, Some(_), Requirement::Measurements) => SpdmVersion::V1_2,
            _ => SpdmVersion::V1_0,
        }
    }

    /// Slot 0, CHALLENGE and all measurements, signed, random nonces, no summary hash.
    #[must_use]
    pub const fn new(policy: &'p Policy<'p>) -> Self {
        let mut plan = Self::without_policy();
        plan.policy = Some(policy);
        plan
    }

    /// Like [`Self::new`], but nobody judges the chain.
    #[must_use]
    pub const fn without_policy() -> Self {
        Self {
            slot: SlotChoice::Slot(SlotId::ZERO),
            policy: None,
            requirement: Requirement::ChallengeAndMeasurements,
            negotiation: NegotiationSigning::Required,
            nonce: None,
            summary: MeasurementSummary::None,
            selection: Selection::All,
            attributes: MeasurementAttributes::empty(),
        }
    }
}

/// Where the key comes from that verifies the device's signatures.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeySource<'c> {
    /// The certificate chain of the slot that the plan chooses.
    Chain {
        /// Chains that need not be fetched.
        known: ChainCache<'c>,
        /// Where a chain is put that is fetched.
        buffer: &'c mut [u8],
    },
    /// A public key for slot 0xFF (PUB_KEY_ID_CAP) that the caller got out of band and vouches for.
    Provisioned {
        /// The key as a DER SubjectPublicKeyInfo.
        spki_der: &'c [u8],
    },
    /// None: no CHALLENGE is sent, and the measurements are not signed. The device is never authenticated.
    Nothing,
}
