//! What a device wants to know of who its Requester is, and what it asks it on its own.

use core::fmt;

use spdm_codec::{CertificateModel, KeySlot, MutAuthRequested, SlotId, SpdmVersion};

use crate::agreement::Suite;

/// How a device authenticates its Requester (DSP0274 1.1 §Mutual authentication).
///
/// This crate reads no certificates: the device judges a chain, in memory of its own, and tells the leaf's public key.
pub trait RequesterAuthentication {
    /// Whether CHALLENGE_AUTH asks for basic mutual authentication (deprecated since 1.2).
    fn with_challenge(&self) -> AuthenticationDemand {
        AuthenticationDemand::No
    }

    /// Whether KEY_EXCHANGE_RSP asks for mutual authentication. PSK_EXCHANGE is not held back by it, also where it is
    /// [`AuthenticationDemand::Required`]: who opens such a session has the pre-shared key. A device to which that is not
    /// enough announces no PSK_CAP.
    fn in_session(&self) -> AuthenticationDemand {
        AuthenticationDemand::No
    }

    /// How KEY_EXCHANGE_RSP asks for it. [`MutAuthRequested::WithoutEncapsulation`] needs
    /// [`Self::provisioned`]; with [`MutAuthRequested::No`] nothing is asked for.
    fn session_flow(&self) -> MutAuthRequested {
        MutAuthRequested::WithEncapsulation
    }

    /// The slot of the Requester whose key is to sign. One with PUB_KEY_ID_CAP signs with the provisioned key.
    fn slot(&self) -> SlotId {
        SlotId::ZERO
    }

    /// Room for one chain of a Requester, as large as the longest that the device takes.
    fn room(&mut self) -> &mut [u8];

    /// Judges the certificate chain structure at the start of [`Self::room`]. Its digest is that of DIGESTS; nothing
    /// else was looked at. The device has to check every certificate, that the leaf is a Requester's and that its key
    /// is of the negotiated algorithm.
    fn judge(&mut self, chain: &RequesterChain) -> Judgement;

    /// The leaf's public key of the chain that was trusted last, in the encoding of
    /// [`AsymAlgorithm`](spdm_crypto::AsymAlgorithm).
    fn judged_key(&self) -> &[u8];

    /// What the device was told of a Requester before: the chain of a slot, or with [`KeySlot::PublicKey`] its public
    /// key. The device vouches for it, and that its key may sign FINISH and CHALLENGE_AUTH.
    fn provisioned(&mut self, slot: KeySlot, suite: &Suite) -> Option<ProvisionedRequester<'_>> {
        let _ = (slot, suite);
        None
    }
}

/// How much a device wants to know who its Requester is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth answer")]
pub enum AuthenticationDemand {
    /// It does not ask.
    #[default]
    No,
    /// It asks those who can prove it; others are served without.
    IfPossible,
    /// Others are refused, with InvalidPolicy or before 1.3 with Unspecified.
    Required,
}

/// A certificate chain structure that a Requester has delivered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "tests of a device build it")]
pub struct RequesterChain {
    /// The slot of the Requester.
    pub slot: SlotId,
    /// Bytes of the structure.
    pub len: usize,
    /// The negotiated version.
    pub version: SpdmVersion,
    /// The certificate model that the Requester announced, from 1.3 on.
    pub model: CertificateModel,
    /// The Requester's signature algorithm, and the base hash.
    pub suite: Suite,
}

/// What a device says of a Requester's chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a chain is trusted or it is not")]
pub enum Judgement {
    /// Signatures of the leaf's key count.
    Trusted,
    /// The Requester cannot be authenticated with it.
    Refused,
}

/// A Requester's identity that the device was told before.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "devices build it")]
pub struct ProvisionedRequester<'a> {
    /// What the transcripts name it with: the certificate chain structure of the slot, or the DER SubjectPublicKeyInfo.
    pub identity: &'a [u8],
    /// The public key in the encoding of [`AsymAlgorithm`](spdm_crypto::AsymAlgorithm).
    pub key: &'a [u8],
}

impl fmt::Debug for ProvisionedRequester<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvisionedRequester").finish_non_exhaustive()
    }
}

/// What a device asks its Requester on its own, when the Requester polls with GET_ENCAPSULATED_REQUEST.
pub trait OwnRequests {
    /// What is to be asked in the session with this `SessionID`, or outside of sessions. A request that the context
    /// does not allow is not sent.
    fn next(&mut self, session_id: Option<u32>) -> Option<OwnRequest>;

    /// The flow of a request is over.
    fn ended(&mut self, session_id: Option<u32>, request: OwnRequest, outcome: RequestOutcome) {
        let _ = (session_id, request, outcome);
    }
}

/// A request that a device makes on its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OwnRequest {
    /// KEY_UPDATE: a new key for what the device sends, in an established session.
    UpdateKey,
    /// END_SESSION (1.4): an established session is over once the Requester has acknowledged it.
    EndSession,
    /// SEND_EVENT: the oldest event of [`EventSource::pending`](crate::EventSource::pending), in an established session that
    /// is subscribed to such.
    #[cfg(feature = "events")]
    SendEvent,
}

/// What became of a request that a device made on its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it was answered or it was not")]
pub enum RequestOutcome {
    /// The Requester has answered as it has to.
    Answered,
    /// It has answered with ERROR, or with something else.
    Failed,
}
